"""Groupings as files: one line for each group, its name and then its people (MarkUs's own form, FORM-54)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from lti_tool.domain.changes import Changes
from lti_tool.domain.errors import Forbidden, RuleViolation
from lti_tool.domain.tables import decode, read_rows, write_rows
from lti_tool.models import RosterMember, transaction
from lti_tool.services import invitees
from lti_tool.services.access import Viewer
from lti_tool.services.groupings_page import read_groupings
from lti_tool.services.new_groupings import Wanted, make_groupings
from lti_tool.services.staff_groupings import changes_of, lock_for_staff


@dataclass(frozen=True)
class Imported:
    """What a file made, and the lines that made nothing: line, group, the code of the reason, and whom it is about."""

    changes: Changes
    refused: Sequence[tuple[int, str, str, str]]


def export_groupings(course_id: UUID, assignment_id: UUID) -> bytes:
    """Return the groupings of an assignment as CSV: group, then who is in it for good, by e-mail or student number."""
    shown = read_groupings(course_id, assignment_id)
    rows = (
        [one.name, *(_identifier(seat.member) for seat in one.seats if seat.status in ("inviter", "accepted"))]
        for one in shown.groupings
    )
    return write_rows(rows)


def import_groupings(viewer: Viewer, assignment_id: UUID, data: bytes) -> Imported:
    """Make a grouping of each line; one with a wrong person is not made, and the others are.

    People are named by e-mail, name or student number; the first of a line is the inviter. Raise RuleViolation for a
    file that cannot be read or has nothing in it.
    """
    lines = read_rows(decode(data))
    if not lines:
        raise RuleViolation("table_empty")
    with transaction():
        assignment = lock_for_staff(viewer, assignment_id)
        known = invitees.by_word(viewer.course.id)
        wanted: list[tuple[int, Wanted]] = []
        refused: list[tuple[int, str, RuleViolation | Forbidden]] = []
        for line, cells in lines:
            try:
                wanted.append((line, Wanted(cells[0], _people(known, cells[1:]))))
            except RuleViolation as error:
                refused.append((line, cells[0], error))
        made = make_groupings(viewer, assignment, [one for _, one in wanted])
        refused += [(wanted[place][0], wanted[place][1].name, error) for place, error in made.refused.items()]
    changes = changes_of(assignment, *(row.group_id for row in made.rows), count=len(made.rows))
    told = [(line, name, error.code, _whom(error)) for line, name, error in refused]
    return Imported(changes, sorted(told))


def _people(known: Mapping[str, Sequence[RosterMember]], cells: Sequence[str]) -> list[RosterMember]:
    """Return whom the cells name, each once; a comma in a cell parts last and first name as blanks do."""
    found = (invitees.meant_by(known, " ".join(cell.replace(",", " ").split())) for cell in cells if cell)
    return list({member.id: member for member in found}.values())


def _whom(error: RuleViolation | Forbidden) -> str:
    people = error.facts.get("people") or error.facts.get("member") or error.facts.get("word") or ""
    return ", ".join(people) if isinstance(people, list) else str(people)


def _identifier(member: RosterMember) -> str:
    return member.email or member.student_number or member.name
