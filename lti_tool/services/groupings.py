"""Groupings as the store has them: loaded under the lock of their assignment, and changed seat by seat."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from lti_tool.domain.clock import now
from lti_tool.domain.errors import NotFound, RuleViolation
from lti_tool.domain.formation import COMMITTED, Rules, Seat, State, Status
from lti_tool.domain.groups import Origin, require_editable_group, require_editable_set
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
from lti_tool.services.group_sets import connection_of
from lti_tool.services.memberships import append_members
from lti_tool.services.roster import hold_roster


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


def lock_formation(course_id: UUID, assignment_id: UUID) -> Assignment:
    """Lock an assignment's groupings and groups for the rest of the transaction; raise NotFound.

    The set's row is the lock, as for every change of its groups, and its revision rises: whoever joins, in whatever
    way, decides after those who came before.
    """
    hold_roster(course_id)
    found = select(Assignment).where(Assignment.id == assignment_id, Assignment.course_id == course_id)
    row = db.session.scalar(found)
    if row is None:
        raise NotFound("assignment_not_found")
    raised = update(GroupSet).where(GroupSet.id == row.group_set_id).values(revision=GroupSet.revision + 1)
    db.session.execute(raised.execution_options(synchronize_session=False))
    return db.session.scalars(found.execution_options(populate_existing=True)).one()


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
    """Return how groupings stand, in two queries; who is not active any more takes no seat."""
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
        .order_by(GroupingMembership.created_at, GroupingMembership.id)
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


def own_seats(member_id: UUID) -> dict[UUID, tuple[frozenset[UUID], int]]:
    """Return a student's groups and the number of invitations that wait, by assignment."""
    rows = db.session.execute(
        select(Grouping.assignment_id, Grouping.group_id, GroupingMembership.status)
        .join(GroupingMembership, GroupingMembership.grouping_id == Grouping.id)
        .where(
            GroupingMembership.member_id == member_id,
            GroupingMembership.ended_at.is_(None),
            Grouping.ended_at.is_(None),
        )
    )
    found: dict[UUID, tuple[frozenset[UUID], int]] = {}
    for assignment_id, group_id, status in rows:
        groups, invitations = found.get(assignment_id, (frozenset(), 0))
        if status in COMMITTED and group_id is not None:
            groups |= {group_id}
        found[assignment_id] = groups, invitations + (status == Status.PENDING)
    return found


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


def require_fillable(assignment: Assignment, group: Group | None = None) -> None:
    """Raise RuleViolation unless the tool itself may put groups into an assignment's set, and people into `group`.

    A set of the LMS changes by the LMS's answer only, and the roster's sets follow the roster.
    """
    require_editable_set(connection_of(db.session.get_one(GroupSet, assignment.group_set_id)))
    if group is not None:
        require_editable_group(Origin(group.origin))


def add_group(assignment: Assignment, name: str, *, generated: bool) -> Group:
    """Store a local group at the end of the assignment's set, in the caller's transaction."""
    return add_local_group(assignment.course_id, assignment.group_set_id, name, generated=generated)


def add_local_group(course_id: UUID, set_id: UUID, name: str, *, generated: bool) -> Group:
    """Store a local group at the end of a set, in the caller's transaction."""
    session = db.session
    end = session.scalar(select(func.max(GroupSetEntry.position)).where(GroupSetEntry.group_set_id == set_id))
    group = Group(
        id=uuid4(),
        course_id=course_id,
        name=name,
        name_generated=generated,
        description="",
        origin=Origin.LOCAL,
        created_at=now(),
    )
    session.add(group)
    session.flush()
    entry = {"group_set_id": set_id, "group_id": group.id, "position": 0 if end is None else end + 1}
    session.execute(insert(GroupSetEntry), [entry])
    return group


def add_grouping(assignment: Assignment, group: Group, *, alone: bool = False) -> Grouping:
    """Store a grouping of a group on an assignment; raise RuleViolation("group_used") when it has one already."""
    row = Grouping(
        id=uuid4(),
        assignment_id=assignment.id,
        group_id=group.id,
        group_name=group.name,
        alone=alone,
        approved=False,
        created_at=now(),
    )
    try:
        with db.session.begin_nested():
            db.session.add(row)
    except IntegrityError:
        raise RuleViolation("group_used", name=group.name) from None
    return row


def seat(grouping: Grouping, member_id: UUID, status: Status, *, invited_by: UUID | None = None) -> None:
    """Give somebody a seat in a grouping, or another status there, in the caller's transaction.

    Who is in for good is put into the group too, as its creator or as a member, and their other invitations to the
    assignment become refusals (FORM-43; ruling C9). Raise RuleViolation("already_grouped") when the database finds
    them in another grouping.
    """
    values = {"status": status, "changed_at": now(), "ended_at": None, "invited_by": invited_by}
    of_person = (GroupingMembership.grouping_id == grouping.id, GroupingMembership.member_id == member_id)
    try:
        with db.session.begin_nested():
            if db.session.scalar(select(exists().where(*of_person))):
                kept = {key: value for key, value in values.items() if key != "invited_by" or value is not None}
                db.session.execute(update(GroupingMembership).where(*of_person).values(**kept))
            else:
                fixed = {"id": uuid4(), "grouping_id": grouping.id, "assignment_id": grouping.assignment_id}
                row = {**fixed, "member_id": member_id, "created_at": now(), **values}
                db.session.execute(insert(GroupingMembership), [row])
    except IntegrityError:
        raise RuleViolation("already_grouped") from None
    if status in COMMITTED:
        _refuse_others(grouping, member_id)
        _enter_group(grouping, member_id, "creator" if status is Status.INVITER else "member")


def unseat(grouping: Grouping, member_ids: Collection[UUID]) -> None:
    """End the seats of these people in a grouping and take them out of its group; the rows stay as history.

    Whom another assignment's live grouping of the same group holds stays in the group.
    """
    db.session.execute(
        update(GroupingMembership)
        .where(
            GroupingMembership.grouping_id == grouping.id,
            GroupingMembership.member_id.in_(member_ids),
            GroupingMembership.ended_at.is_(None),
        )
        .values(ended_at=now())
    )
    if grouping.group_id is not None and not grouping.alone:
        # The same group may work on another assignment: whom its grouping there holds stays in the group.
        held = (
            select(GroupingMembership.member_id)
            .join(Grouping, Grouping.id == GroupingMembership.grouping_id)
            .where(
                Grouping.group_id == grouping.group_id,
                Grouping.id != grouping.id,
                Grouping.ended_at.is_(None),
                GroupingMembership.ended_at.is_(None),
                GroupingMembership.status.in_(COMMITTED),
            )
        )
        db.session.execute(
            delete(GroupMembership).where(
                GroupMembership.group_id == grouping.group_id,
                GroupMembership.member_id.in_(member_ids),
                GroupMembership.member_id.not_in(held),
            )
        )


def end_grouping(grouping: Grouping) -> UUID | None:
    """End a grouping and all seats in it; return its group's id when that goes too, because nothing else uses it.

    A group that another assignment's grouping uses stays, and so does a student's own group of the roster.
    """
    members = select(GroupingMembership.member_id).where(GroupingMembership.grouping_id == grouping.id)
    unseat(grouping, list(db.session.scalars(members)))
    grouping.ended_at = now()
    group_id = grouping.group_id
    db.session.flush()
    if group_id is None or grouping.alone:
        return None
    used = db.session.scalar(select(exists().where(Grouping.group_id == group_id, Grouping.ended_at.is_(None))))
    if used:
        return None
    db.session.execute(delete(Group).where(Group.id == group_id, Group.origin == Origin.LOCAL))
    return group_id


def roles_in(group_id: UUID | None) -> Mapping[UUID, str]:
    """Return each member's role in a group."""
    rows = db.session.execute(
        select(GroupMembership.member_id, GroupMembership.role).where(GroupMembership.group_id == group_id)
    )
    return {key: text for key, text in rows}  # noqa: C416 - typed rows on SQLAlchemy 2.0 too


def _refuse_others(grouping: Grouping, member_id: UUID) -> None:
    db.session.execute(
        update(GroupingMembership)
        .where(
            GroupingMembership.assignment_id == grouping.assignment_id,
            GroupingMembership.grouping_id != grouping.id,
            GroupingMembership.member_id == member_id,
            GroupingMembership.ended_at.is_(None),
            GroupingMembership.status == Status.PENDING,
        )
        .values(status=Status.REJECTED, changed_at=now())
    )


def _leave_other_groups(grouping: Grouping, member_id: UUID) -> None:
    """Keep everybody in one group of the assignment's set (ruling C1).

    A group of an earlier assignment is left, its grouping stays (FORM-7); any other: RuleViolation("already_in_set").
    """
    of_set = select(Assignment.group_set_id).where(Assignment.id == grouping.assignment_id).scalar_subquery()
    formed = exists().where(Grouping.group_id == Group.id, Grouping.ended_at.is_(None))
    rows = db.session.execute(
        select(Group.id, Group.name, GroupSet.name, formed)
        .join(GroupMembership, GroupMembership.group_id == Group.id)
        .join(GroupSetEntry, GroupSetEntry.group_id == Group.id)
        .join(GroupSet, GroupSet.id == GroupSetEntry.group_set_id)
        .where(GroupSet.id == of_set, GroupMembership.member_id == member_id, Group.origin != Origin.SYSTEM)
    ).all()
    for _, name, other, _ in (row for row in rows if not row[3]):
        raise RuleViolation("already_in_set", name=name, other=other)
    these = (GroupMembership.group_id.in_([row[0] for row in rows]), GroupMembership.member_id == member_id)
    db.session.execute(delete(GroupMembership).where(*these))


def _enter_group(grouping: Grouping, member_id: UUID, role: str) -> None:
    if grouping.group_id is None or grouping.alone:
        return
    of_pair = (GroupMembership.group_id == grouping.group_id, GroupMembership.member_id == member_id)
    if not db.session.scalar(select(exists().where(*of_pair))):
        _leave_other_groups(grouping, member_id)
        append_members([(grouping.group_id, member_id)])
    if role == "creator":
        db.session.execute(update(GroupMembership).where(*of_pair).values(role=role))
