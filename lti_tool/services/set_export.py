"""Group sets as files: any set as a table that can be imported again, and an empty one to fill in."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from lti_tool.domain.spreadsheet import COLUMNS, WrittenPerson, write_rows
from lti_tool.domain.tables import write_table
from lti_tool.models import RosterMember
from lti_tool.services.group_sets import active_students, get_set, read_groups
from lti_tool.services.memberships import read_members
from lti_tool.services.people import read_named

FOR_PEOPLE = ("group_name", "name", "email")


@dataclass(frozen=True)
class Export:
    """A file to hand out: its name and what is in it."""

    filename: str
    body: bytes


def export_set(course_id: UUID, set_id: UUID) -> Export:
    """Return every group of a set with everybody in it, whoever's set it is, in its order; raise NotFound."""
    row = get_set(course_id, set_id)
    groups = read_groups(set_id)
    members = read_members([group.id for group in groups])
    named = read_named(course_id)
    rows = write_rows(set_id, ((group.id, group.name, _written(members.get(group.id, ()), named)) for group in groups))
    return Export(f"{row.name}.csv", write_table(COLUMNS, rows))


def export_template(course_id: UUID) -> Export:
    """Return a table of the active students whose groups are to be filled in."""
    rows = (("", student.name, student.email or "") for student in active_students(course_id))
    return Export("groups.csv", write_table(FOR_PEOPLE, rows))


def _written(members: Sequence[RosterMember], named: Collection[UUID]) -> list[WrittenPerson]:
    """Return people as rows name them: an e-mail that others have too would not be read as theirs."""
    return [WrittenPerson(member.name, member.email if member.id in named else None) for member in members]
