"""The window in which a person lends the tool their access to Canvas: on to the question, and back from it."""

import secrets

import structlog
from flask import Blueprint, Response, make_response, render_template, request

from lti_tool.domain.errors import ToolError
from lti_tool.services.consents import STATE_LIFE, begin_consent, cookie_name, finish_consent
from lti_tool.web.access import public, require_own_origin, tool
from lti_tool.web.errors import status_of

blueprint = Blueprint("lms_oauth", __name__, url_prefix="/lms/oauth")
log = structlog.get_logger(__name__)


@blueprint.post("/start")
@public
def start() -> Response:
    """Use the ticket of a course's page up, and lead on to Canvas.

    By a link and not by a redirect: the page with the form lets it lead to this tool only (form-action), and Canvas
    may send the person on to a login that nobody here knows.
    """
    require_own_origin()
    begun = begin_consent(tool(), request.form.get("ticket", ""))
    response = make_response(render_template("connection/start.html", url=begun.url))
    # This window is nobody's frame, so the cookie needs no leave of another site; Lax lets it come back from Canvas.
    response.set_cookie(
        begun.cookie_name,
        begun.cookie_value,
        max_age=STATE_LIFE,
        path="/",
        secure=True,
        httponly=True,
        samesite="Lax",
    )
    return response


@blueprint.get("/callback")
@public
def callback() -> Response:
    """Take Canvas's answer and say how it ended; nothing of the address is shown or logged."""
    state = request.args.get("state", "")
    error: ToolError | None = None
    try:
        finish_consent(tool(), state, request.args, request.cookies)
    except ToolError as failure:
        error = failure
    response = make_response(_ending(error))
    response.set_cookie(cookie_name(state), "", max_age=0, path="/", secure=True, httponly=True, samesite="Lax")
    return response


@blueprint.errorhandler(ToolError)
def refuse(error: ToolError) -> Response:
    """Say in this window why it goes no further."""
    return make_response(_ending(error))


def _ending(error: ToolError | None) -> tuple[str, int]:
    if error is None:
        return render_template("connection/end.html", error=None), 200
    reference, status = secrets.token_hex(4), status_of(error)
    log.info("consent refused", code=error.code, status=status, reference=reference)
    return render_template("connection/end.html", error=error, reference=reference, lms="Canvas"), status
