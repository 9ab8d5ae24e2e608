"""Pages of the history: a course's for staff, a group's for its people, and a student's own."""

from uuid import UUID

from flask import Blueprint, Response, request

from lti_tool.domain.permissions import Permission
from lti_tool.services.history_pages import Sought, read_choices, read_group_history, read_history, read_own_history
from lti_tool.web.access import requires, viewer
from lti_tool.web.forms import as_uuid
from lti_tool.web.pages import page

blueprint = Blueprint("history", __name__, url_prefix="/courses/<uuid:course_id>")


@blueprint.get("/history")
@requires(Permission.VIEW_HISTORY)
def history(course_id: UUID) -> Response:
    """Show staff who did what in the course, of one group or of one student if they choose."""
    arguments = request.args
    group_id, member_id = (arguments.get(name, type=as_uuid) for name in ("group", "student"))
    sought = Sought(group_id, member_id, "openings" in arguments)
    shown = read_history(course_id, sought, _number())
    return page("history/course.html", shown=shown, sought=sought, choices=read_choices(course_id))


@blueprint.get("/history/own")
@requires(Permission.VIEW_OWN_HISTORY)
def own_history(course_id: UUID) -> Response:
    """Show a student what they did, and what was done to them."""
    return page("history/own.html", shown=read_own_history(viewer(), _number()))


@blueprint.get("/groups/<uuid:group_id>/history")
@requires(Permission.VIEW_COURSE)
def group_history(course_id: UUID, group_id: UUID) -> Response:
    """Show a group's people, and staff, what happened in it."""
    row, shown = read_group_history(viewer(), group_id, _number())
    return page("history/group.html", row=row, shown=shown)


def _number() -> int:
    return request.args.get("page", 1, type=int)
