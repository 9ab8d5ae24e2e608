"""The page that a platform frames to register the tool by a one-time link (LTI Dynamic Registration 1.0)."""

import secrets

import structlog
from flask import Blueprint, Response, g, make_response, render_template, request

from lti_tool.domain.errors import ToolError
from lti_tool.lti.platform_configuration import framing_origins
from lti_tool.services.dynamic_registration import read_platform_request, register_platform
from lti_tool.web.access import public, require_own_origin, tool
from lti_tool.web.errors import status_of
from lti_tool.web.limits import REGISTER, limited

blueprint = Blueprint("registering", __name__)
log = structlog.get_logger(__name__)

FIELDS = ("token", "openid_configuration", "registration_token")


@blueprint.get("/lti/register")
@public
def ask() -> Response:
    """Say who asks and what it will be asked for; nothing is fetched or stored before somebody agrees."""
    sent = _sent()
    found = read_platform_request(tool(), sent["token"], sent["openid_configuration"])
    return _answer(
        make_response(render_template("registering/ask.html", found=found, sent=sent, here=tool().settings.origin))
    )


@blueprint.post("/lti/register")
@public
@limited(REGISTER)
def register() -> Response:
    """Register the tool at the platform, and close the window."""
    sent = _sent()
    require_own_origin()
    made = register_platform(tool(), sent["token"], sent["openid_configuration"], sent["registration_token"])
    log.info("platform registered", registration=str(made.registration_id), family=made.family)
    return _answer(make_response(render_template("registering/done.html", made=made)))


def _sent() -> dict[str, str]:
    """Return what the platform's request holds, and let this platform frame the answer and nobody else.

    Whoever composed the address knows the link already, so to be framed by them gives nothing away.
    """
    values = request.form if request.method == "POST" else request.args
    sent = {name: values.get(name, "") for name in FIELDS}
    g.frame_origins = framing_origins(sent["openid_configuration"], sent["registration_token"])
    return sent


@blueprint.errorhandler(ToolError)
def refuse(error: ToolError) -> Response:
    """Say why it goes no further; of the address nothing but the platform's host is shown, and nothing is logged."""
    reference, status = secrets.token_hex(4), status_of(error)
    log.info("registration refused", code=error.code, status=status, reference=reference)
    page = render_template(
        "registering/refused.html", code=error.code, facts=error.facts, status=status, reference=reference
    )
    return _answer(make_response(page, status))


def _answer(response: Response) -> Response:
    # The address holds the link's secret and the platform's token.
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
