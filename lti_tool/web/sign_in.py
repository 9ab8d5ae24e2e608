"""The end of a sign-in: signing out, and the page of a tab that was somebody else's."""

from datetime import timedelta
from uuid import UUID

from flask import Blueprint, Response, g, request

from lti_tool.lti.session import SESSION_COOKIE, close_session
from lti_tool.services.access import find_viewer
from lti_tool.web.access import known_visitor, public, require_own_form
from lti_tool.web.lti import set_cookie
from lti_tool.web.pages import page, see_other

blueprint = Blueprint("sign_in", __name__)


@blueprint.post("/sign-out")
@public
def sign_out() -> Response:
    """End the session of this browser."""
    if known_visitor():
        require_own_form()
        close_session(request.cookies[SESSION_COOKIE])
    response = see_other("sign_in.signed_out")
    set_cookie(response, SESSION_COOKIE, "", timedelta(0))
    return response


@blueprint.get("/signed-out")
@public
def signed_out() -> Response:
    """Say that nobody is signed in any more, and how to come back."""
    g.framed_by_anybody = known_visitor() is None  # shows nobody's data and has nothing to click
    return page("sign_in/signed_out.html")


@blueprint.get("/other-person")
@public
def other_person() -> Response:
    """Say in a tab of one person that the browser is another's now, before it shows anything of theirs."""
    person, course_id = known_visitor(), request.args.get("course", type=UUID)
    found = find_viewer(person, course_id) if person and course_id else None
    g.framed_by_anybody = person is None and not g.frame_origins
    return page("sign_in/other_person.html", found=found)
