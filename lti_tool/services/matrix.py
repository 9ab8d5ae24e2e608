"""Who is in which group of which set: the students of a course against its group sets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select

from lti_tool.domain.errors import NotFound
from lti_tool.domain.groups import Connection
from lti_tool.models import Group, GroupMembership, GroupSet, GroupSetEntry, RosterMember, db
from lti_tool.services.group_sets import students_query
from lti_tool.services.memberships import members_of_set
from lti_tool.services.namesakes import shared_names
from lti_tool.services.sections import read_section_names

ROWS_PER_PAGE = 100


@dataclass(frozen=True)
class MatrixRow:
    """One student, and for each set in order the names of the groups that the student is in."""

    member: RosterMember
    cells: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Matrix:
    """Sets and students; of a page also its number, how many pages there are, and how many students in all.

    `namesakes`: names on the page that several people of the course have.
    """

    sets: Sequence[GroupSet]
    rows: Sequence[MatrixRow]
    number: int
    pages: int
    total: int
    namesakes: frozenset[str] = frozenset()


def read_matrix(course_id: UUID, number: int = 1, without: UUID | None = None) -> Matrix:
    """Return a page of the active students by name, or the nearest one that exists.

    `without`: only those who are in no group of that set; raise NotFound when the course has no such set.
    """
    sets = list_made_sets(course_id)
    students = students_query(course_id)
    if without is not None:
        if without not in {row.id for row in sets}:
            raise NotFound("group_set_not_found")
        students = students.where(RosterMember.id.not_in(members_of_set(without)))
    total = db.session.scalar(select(func.count()).select_from(students.order_by(None).subquery())) or 0
    pages = max(1, -(-total // ROWS_PER_PAGE))
    number = min(max(1, number), pages)
    shown = students.limit(ROWS_PER_PAGE).offset((number - 1) * ROWS_PER_PAGE)
    found = db.session.execute(shown.add_columns(RosterMember.name.in_(shared_names(course_id)))).all()
    members = [member for member, _ in found]
    held = _held(sets, GroupMembership.member_id.in_([member.id for member in members]))
    namesakes = frozenset(member.name for member, is_shared in found if is_shared)
    return Matrix(sets, _rows(sets, members, held), number, pages, total, namesakes)


def read_whole_matrix(course_id: UUID) -> tuple[Matrix, dict[UUID, list[str]]]:
    """Return every active student with all groups, and the names of each student's sections by member id."""
    sets = list_made_sets(course_id)
    members = db.session.scalars(students_query(course_id)).all()
    matrix = Matrix(sets, _rows(sets, members, _held(sets)), 1, 1, len(members))
    return matrix, read_section_names(course_id)


def list_made_sets(course_id: UUID) -> Sequence[GroupSet]:
    """Return the sets that somebody made, in the course's order: those of the roster divide nothing."""
    made = or_(GroupSet.connection.is_(None), GroupSet.connection != Connection.SYSTEM)
    return db.session.scalars(
        select(GroupSet).where(GroupSet.course_id == course_id, made).order_by(GroupSet.position, GroupSet.name)
    ).all()


Held = Mapping[tuple[UUID, UUID], list[str]]


def _held(sets: Sequence[GroupSet], *which: ColumnElement[bool]) -> Held:
    """Return the names of groups by (member, set), in the order of the set."""
    rows = db.session.execute(
        select(GroupMembership.member_id, GroupSetEntry.group_set_id, Group.name)
        .join(GroupSetEntry, GroupSetEntry.group_id == GroupMembership.group_id)
        .join(Group, Group.id == GroupMembership.group_id)
        .where(GroupSetEntry.group_set_id.in_([row.id for row in sets]), *which)
        .order_by(GroupSetEntry.position)
    )
    found: dict[tuple[UUID, UUID], list[str]] = {}
    for member_id, set_id, name in rows:
        found.setdefault((member_id, set_id), []).append(name)
    return found


def _rows(sets: Sequence[GroupSet], members: Sequence[RosterMember], held: Held) -> list[MatrixRow]:
    return [MatrixRow(member, tuple(tuple(held.get((member.id, row.id), ())) for row in sets)) for member in members]
