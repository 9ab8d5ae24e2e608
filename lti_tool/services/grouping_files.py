"""Groupings as files: one line for each group, its name and then its people (MarkUs's own form, FORM-54)."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from lti_tool.domain.changes import Changes
from lti_tool.domain.errors import NotFound, RuleViolation
from lti_tool.domain.tables import decode, read_rows, write_rows
from lti_tool.models import RosterMember
from lti_tool.services import invitees
from lti_tool.services.access import Viewer
from lti_tool.services.groupings_page import read_groupings
from lti_tool.services.staff_groupings import create_grouping


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
    rows = read_rows(decode(data))
    if not rows:
        raise RuleViolation("table_empty")
    made, refused = Changes(), []
    for line, cells in rows:
        name, words = cells[0], [word for word in cells[1:] if word]
        try:
            ids = [_one(viewer.course.id, word).id for word in words]
            done = create_grouping(viewer, assignment_id, name, ids)
        except (RuleViolation, NotFound) as error:
            people = error.facts.get("people") or error.facts.get("member") or error.facts.get("word") or ""
            whom = ", ".join(people) if isinstance(people, list) else str(people)
            refused.append((line, name, error.code, whom))
            continue
        made = _joined(made, done.changes)
    return Imported(made, refused)


def _one(course_id: UUID, word: str) -> RosterMember:
    found, refused = invitees.find(course_id, (), word.replace(",", " "))
    if len(found) != 1 or refused:
        code = refused[0][1] if refused else "invite_unknown"
        raise RuleViolation(code, word=word)
    return found[0]


def _joined(one: Changes, other: Changes) -> Changes:
    return Changes(
        group_sets=one.group_sets | other.group_sets,
        groups=one.groups | other.groups,
        assignments=one.assignments | other.assignments,
        count=one.count + 1,
    )


def _identifier(member: RosterMember) -> str:
    return member.email or member.student_number or member.name
