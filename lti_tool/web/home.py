"""Shows a course to the person who opened it: what is here and what comes next, or one's own groups."""

from uuid import UUID

from flask import Blueprint, Response

from lti_tool.domain.errors import ToolError
from lti_tool.domain.permissions import Permission
from lti_tool.services.asked_rights import write_right
from lti_tool.services.assignment_pages import list_own_assignments
from lti_tool.services.gateways import group_access_problem
from lti_tool.services.groups import list_own_groups
from lti_tool.services.home_page import read_figures
from lti_tool.services.own_group_pages import list_open_sets
from lti_tool.services.runs import list_runs
from lti_tool.web.access import public, requires, tool, viewer
from lti_tool.web.group_sets import pending, visible_sets
from lti_tool.web.pages import can, page

blueprint = Blueprint("home", __name__)
RUNS_SHOWN = 3


@blueprint.get("/courses/<uuid:course_id>/")
@requires(Permission.VIEW_COURSE)
def home(course_id: UUID) -> Response:
    """Show staff the course, observers its group sets, and everybody else their own groups."""
    if can(Permission.VIEW_ROSTER):
        return _staff_home(course_id)
    if can(Permission.VIEW_GROUP_SETS):
        return page("group_sets/list.html", sets=visible_sets(course_id))
    return show_home()


def show_home(status: int = 200, refusal: ToolError | None = None) -> Response:
    """Render a student's own page, with what was refused above it."""
    course_id, member_id = viewer().course.id, viewer().actor.member_id
    return page(
        "home/student.html",
        status,
        groups=list_own_groups(course_id, member_id) if member_id else [],
        assignments=list_own_assignments(course_id, member_id) if member_id else [],
        open_sets=list_open_sets(course_id, member_id) if member_id and can(Permission.FORM_GROUPS) else [],
        refusal=refusal,
    )


def _staff_home(course_id: UUID) -> Response:
    sets = visible_sets(course_id)
    runs = list_runs(course_id, limit=RUNS_SHOWN)
    figures = read_figures(course_id)
    return page(
        "home/staff.html",
        figures=figures,
        sets=sets,
        runs=runs,
        open_run=next((run for run in runs if run.is_open), None),
        synced=viewer().course.groups_synced_at is not None,
        lms_has_groups=figures.lms_has_more or any(summary.row.lms_group_set_id for summary in sets),
        read_only=write_right(viewer()).refused,
        problem=group_access_problem(tool(), course_id, viewer().access_id),
        pending=pending(course_id),
    )


@blueprint.get("/no-course")
@blueprint.get("/open/<uuid:link_id>")  # a placed link, tried without a launch: only a launch says which course
@public
def no_course(link_id: UUID | None = None) -> Response:
    """Say that the tool is opened from a course."""
    return page("home/no_course.html")
