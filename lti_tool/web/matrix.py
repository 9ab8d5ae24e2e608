"""Shows who is in which group of which set, as a page and as a workbook."""

from uuid import UUID

from flask import Blueprint, Response, request

from lti_tool.domain.permissions import Permission
from lti_tool.services.matrix import read_matrix, read_whole_matrix
from lti_tool.web.access import requires, viewer
from lti_tool.web.downloads import download
from lti_tool.web.pages import page
from lti_tool.web.workbooks import MIMETYPE, workbook

blueprint = Blueprint("matrix", __name__, url_prefix="/courses/<uuid:course_id>")


@blueprint.get("/matrix")
@requires(Permission.VIEW_ROSTER)
def matrix(course_id: UUID) -> Response:
    """Show students against group sets, a hundred at a time; all, or those without a group in one set."""
    without = request.args.get("without", type=UUID)
    found = read_matrix(course_id, request.args.get("page", 1, type=int), without)
    return page("matrix.html", matrix=found, without=without)


@blueprint.get("/matrix.xlsx")
@requires(Permission.VIEW_ROSTER)
def matrix_workbook(course_id: UUID) -> Response:
    """Answer with all students and all their groups as a workbook."""
    found, sections = read_whole_matrix(course_id)
    more = ("Sections",) if sections else ()
    columns = ("Name", "E-mail", "Student number", *more, *(row.name for row in found.sets))
    rows = (
        (
            row.member.name,
            row.member.email or "",
            row.member.student_number or "",
            *(["; ".join(sections.get(row.member.id, ()))] if sections else ()),
            *("; ".join(cell) for cell in row.cells),
        )
        for row in found.rows
    )
    return download(f"{viewer().course.title} - groups.xlsx", MIMETYPE, workbook("Groups", columns, rows))
