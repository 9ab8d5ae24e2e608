"""Shows the people of a course, and fetches them anew."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from flask import Blueprint, Response, request

from lti_tool.domain.permissions import Permission
from lti_tool.domain.roster import MemberStatus
from lti_tool.services.roster import read_roster
from lti_tool.services.runs import find_open_run
from lti_tool.web.access import requires, viewer
from lti_tool.web.pages import page
from lti_tool.web.runs import start_run

blueprint = Blueprint("roster", __name__, url_prefix="/courses/<uuid:course_id>")
ROWS_PER_PAGE = 100

T = TypeVar("T")


@dataclass(frozen=True)
class Slice(Generic[T]):
    """One page of a long list: its rows, its number, how many pages there are, and how many rows in all."""

    rows: Sequence[T]
    number: int
    pages: int
    total: int


def slice_of(rows: Sequence[T], number: int) -> Slice[T]:
    """Return the page of that number, or the nearest one that exists."""
    pages = max(1, -(-len(rows) // ROWS_PER_PAGE))
    number = min(max(1, number), pages)
    first = (number - 1) * ROWS_PER_PAGE
    return Slice(rows[first : first + ROWS_PER_PAGE], number, pages, len(rows))


@blueprint.get("/roster")
@requires(Permission.VIEW_ROSTER)
def roster(course_id: UUID) -> Response:
    """Show students, a hundred at a time, and staff; by status and by a word of name, e-mail or number."""
    status = request.args.get("status", "")
    words = request.args.get("q", "").strip()
    everybody = read_roster(course_id)
    found = [
        student
        for student in everybody.students
        if (not status or student.status == status)
        and words.casefold() in f"{student.name} {student.email or ''} {student.student_number or ''}".casefold()
    ]
    return page(
        "roster/list.html",
        people=slice_of(found, request.args.get("page", 1, type=int)),
        students=len(everybody.students),
        staff=everybody.staff,
        status=status if status in set(MemberStatus) else "",
        sought=words,
        refreshed=viewer().course.roster_refreshed_at,
        open_run=find_open_run(course_id),
    )


@blueprint.post("/roster/refresh")
@requires(Permission.SYNC)
def refresh_roster(course_id: UUID) -> Response:
    """Fetch the people from the LMS, and show how that goes."""
    return start_run(course_id, "roster")
