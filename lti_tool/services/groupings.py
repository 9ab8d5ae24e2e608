"""Groupings as the store has them: found and loaded, under the lock of their assignment where they are to change."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, select, update

from lti_tool.domain.errors import NotFound
from lti_tool.domain.formation import COMMITTED, Rules, Seat, State, Status
from lti_tool.domain.roster import MemberStatus
from lti_tool.models import (
    Assignment,
    Group,
    Grouping,
    GroupingMembership,
    GroupMembership,
    GroupSet,
    GroupSetEntry,
    RosterMember,
    SectionMembership,
    db,
)
from lti_tool.services.people import hold_roster
from lti_tool.services.unsent import note_edits


@dataclass(frozen=True)
class Held:
    """A grouping and its assignment, locked until the transaction ends."""

    assignment: Assignment
    rules: Rules
    row: Grouping
    state: State


def rules_of(row: Assignment) -> Rules:
    """Return what an assignment says about its groupings."""
    return Rules(
        by_students=row.formed_by == "students",
        minimum=row.min_size,
        maximum=row.max_size,
        last_invitation_at=row.last_invitation_at,
        last_answer_at=row.last_answer_at,
        same_section=row.same_section,
        names_chosen=row.names_chosen,
    )


def lock_sets(course_id: UUID, set_ids: Collection[UUID], beside: Collection[UUID] = ()) -> None:
    """Lock sets of a course until the transaction ends, in one order everywhere, and raise their revisions.

    Those `beside` them are locked too, and their revisions stay. Published ones are looked at again, unless a push
    follows that ends well.
    """
    hold_roster(course_id)
    every = select(GroupSet.id).where(GroupSet.id.in_({*set_ids, *beside}), GroupSet.course_id == course_id)
    db.session.execute(every.order_by(GroupSet.id).with_for_update(key_share=True))
    for set_id in sorted(set_ids):
        raised = update(GroupSet).where(GroupSet.id == set_id, GroupSet.course_id == course_id)
        values = raised.values(revision=GroupSet.revision + 1)
        db.session.execute(values.execution_options(synchronize_session=False))
    note_edits({*set_ids, *beside})


def lock_formation(course_id: UUID, assignment_id: UUID) -> Assignment:
    """Lock an assignment's groupings and groups for the rest of the transaction; raise NotFound.

    The set's row is the lock, as for every change of its groups, and its revision rises: whoever joins, in whatever
    way, decides after those who came before. So are the other sets that its groups are in or work for: who joins or
    leaves the same group there waits too.
    """
    found = select(Assignment).where(Assignment.id == assignment_id, Assignment.course_id == course_id)
    row = db.session.scalar(found)
    if row is None:
        raise NotFound("assignment_not_found")
    set_id = row.group_set_id
    lock_sets(course_id, [set_id], sharing_sets(set_id))
    held = db.session.scalar(found.execution_options(populate_existing=True))
    if held is None:  # deleted by who had the lock before
        raise NotFound("assignment_not_found")
    # Who had the lock before may have given it another set.
    return held if held.group_set_id == set_id else lock_formation(course_id, assignment_id)


def sharing_sets(set_id: UUID, coming: Collection[UUID] = ()) -> Collection[UUID]:
    """Return the sets that hold groups of this one too, and those of other assignments that its groups work on.

    `coming`: groups that shall come into the set count as its own.
    """
    held = select(GroupSetEntry.group_id).where(GroupSetEntry.group_set_id == set_id)
    inside = held.union(select(Group.id).where(Group.id.in_(coming))) if coming else held
    holding = select(GroupSetEntry.group_set_id).where(GroupSetEntry.group_id.in_(inside))
    working = (
        select(Assignment.group_set_id)
        .join(Grouping, Grouping.assignment_id == Assignment.id)
        .where(Grouping.group_id.in_(inside), Grouping.ended_at.is_(None))
    )
    return db.session.scalars(holding.union(working)).all()


def require_grouping_of(course_id: UUID, assignment_id: UUID, grouping_id: UUID) -> None:
    """Raise NotFound unless a grouping, live or ended, is one of this assignment of this course."""
    of_course = select(Assignment.id).where(Assignment.id == assignment_id, Assignment.course_id == course_id)
    these = (Grouping.id == grouping_id, Grouping.assignment_id.in_(of_course))
    if not db.session.scalar(select(exists().where(*these))):
        raise NotFound("grouping_not_found")


def hold_grouping(course_id: UUID, grouping_id: UUID) -> Held:
    """Lock a live grouping of a course with all others of its assignment; raise NotFound."""
    of_course = select(Assignment.id).where(Assignment.course_id == course_id)
    assignment_id = db.session.scalar(
        select(Grouping.assignment_id).where(Grouping.id == grouping_id, Grouping.assignment_id.in_(of_course))
    )
    if assignment_id is None:
        raise NotFound("grouping_not_found")
    assignment = lock_formation(course_id, assignment_id)
    row = db.session.scalar(
        select(Grouping)
        .where(Grouping.id == grouping_id, Grouping.ended_at.is_(None))
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise NotFound("grouping_not_found")
    return Held(assignment, rules_of(assignment), row, read_states([grouping_id])[grouping_id])


def read_states(grouping_ids: Collection[UUID]) -> dict[UUID, State]:
    """Return how groupings stand, in two queries; who is not active any more takes no seat.

    In the order in which people came to stand as they do: of two who accepted, the first accepted first (FORM-48).
    """
    if not grouping_ids:
        return {}
    flags = db.session.execute(
        select(Grouping.id, Grouping.approved, Grouping.alone).where(Grouping.id.in_(grouping_ids))
    ).all()
    seats: dict[UUID, list[Seat]] = {}
    rows = db.session.execute(
        select(GroupingMembership.grouping_id, GroupingMembership.member_id, GroupingMembership.status)
        .join(RosterMember, RosterMember.id == GroupingMembership.member_id)
        .where(
            GroupingMembership.grouping_id.in_(grouping_ids),
            GroupingMembership.ended_at.is_(None),
            RosterMember.status == MemberStatus.ACTIVE,
        )
        .order_by(GroupingMembership.changed_at, GroupingMembership.id)
    )
    for grouping_id, member_id, status in rows:
        seats.setdefault(grouping_id, []).append(Seat(member_id, Status(status)))
    return {i: State(tuple(seats.get(i, ())), approved, alone) for i, approved, alone in flags}


def committed_of(assignment_id: UUID, member_ids: Collection[UUID]) -> set[UUID]:
    """Return which of these students are in a grouping of the assignment for good."""
    return set(
        db.session.scalars(
            select(GroupingMembership.member_id).where(
                GroupingMembership.assignment_id == assignment_id,
                GroupingMembership.member_id.in_(member_ids),
                GroupingMembership.ended_at.is_(None),
                GroupingMembership.status.in_(COMMITTED),
            )
        )
    )


@dataclass(frozen=True)
class OwnSeats:
    """A student's part in an assignment: groupings that they are in for good, by id their names, and invitations."""

    groupings: Mapping[UUID, str] = field(default_factory=dict)
    invitations: int = 0


def own_seats(member_id: UUID) -> dict[UUID, OwnSeats]:
    """Return a student's part in each assignment that they have one in."""
    rows = db.session.execute(
        select(Grouping.assignment_id, Grouping.id, present_name(), GroupingMembership.status)
        .join(GroupingMembership, GroupingMembership.grouping_id == Grouping.id)
        .outerjoin(Group, Group.id == Grouping.group_id)
        .where(
            GroupingMembership.member_id == member_id,
            GroupingMembership.ended_at.is_(None),
            Grouping.ended_at.is_(None),
        )
    )
    found: dict[UUID, OwnSeats] = {}
    for assignment_id, grouping_id, name, status in rows:
        one = found.get(assignment_id, OwnSeats())
        found[assignment_id] = OwnSeats(
            {**one.groupings, **({grouping_id: name} if status in COMMITTED else {})},
            one.invitations + (status == Status.PENDING),
        )
    return found


def present_name() -> ColumnElement[str]:
    """Return a grouping's name in a query that joins its group if there is one: the group's, else as it was last."""
    return func.coalesce(Group.name, Grouping.group_name)


def sections_of(member_ids: Collection[UUID]) -> dict[UUID, frozenset[UUID]]:
    """Return the sections of each of these people."""
    rows = db.session.execute(
        select(SectionMembership.member_id, SectionMembership.section_id).where(
            SectionMembership.member_id.in_(member_ids)
        )
    )
    found: dict[UUID, set[UUID]] = {}
    for member_id, section_id in rows:
        found.setdefault(member_id, set()).add(section_id)
    return {member_id: frozenset(found.get(member_id, ())) for member_id in member_ids}


def roles_in(group_id: UUID | None) -> Mapping[UUID, str]:
    """Return each member's role in a group."""
    rows = db.session.execute(
        select(GroupMembership.member_id, GroupMembership.role).where(GroupMembership.group_id == group_id)
    )
    return {key: text for key, text in rows}  # noqa: C416 - typed rows on SQLAlchemy 2.0 too
