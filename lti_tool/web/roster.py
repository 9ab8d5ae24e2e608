"""Shows the students of a course, and fetches people anew."""

from uuid import UUID

from flask import Blueprint, Response, request

from lti_tool.domain.groups import NAME_LENGTH
from lti_tool.domain.permissions import Permission
from lti_tool.domain.roster import MemberStatus
from lti_tool.services.roster_page import Sought, list_students
from lti_tool.services.runs import find_open_run
from lti_tool.web.access import requires
from lti_tool.web.pages import page
from lti_tool.web.runs import start_run

blueprint = Blueprint("roster", __name__, url_prefix="/courses/<uuid:course_id>")


@blueprint.route("/roster", methods=["GET", "POST"])
@requires(Permission.VIEW_ROSTER)
def roster(course_id: UUID) -> Response:
    """Show the students, a hundred at a time, by status, section and a word.

    The word is sent in the body (POST), because names and e-mails belong in no address: not in a proxy's log, nor in
    the browser's history.
    """
    sought = Sought(
        status=request.values.get("status", type=MemberStatus),
        section_id=request.values.get("section", type=UUID),
        words=request.form.get("q", "").strip()[:NAME_LENGTH],
    )
    return page(
        "roster/list.html",
        people=list_students(course_id, sought, request.values.get("page", 1, type=int)),
        sought=sought,
        open_run=find_open_run(course_id),
    )


@blueprint.post("/roster/refresh")
@requires(Permission.SYNC)
def refresh_roster(course_id: UUID) -> Response:
    """Fetch the people from the LMS, and show how that goes."""
    return start_run(course_id, "roster")
