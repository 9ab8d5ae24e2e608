"""Seats in groupings: taken, left and ended, in step with who is in the groups; many cost as many queries as one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Exists, delete, exists, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from lti_tool.domain.clock import now
from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.formation import COMMITTED, Status
from lti_tool.domain.groups import Origin
from lti_tool.domain.roles import EnrollmentType
from lti_tool.models import (
    Assignment,
    Group,
    Grouping,
    GroupingMembership,
    GroupMembership,
    GroupSet,
    GroupSetEntry,
    RosterMember,
    db,
)
from lti_tool.services import heirs, history
from lti_tool.services.access import Viewer
from lti_tool.services.group_names import follow_members
from lti_tool.services.grouping_news import telling_if_invalid
from lti_tool.services.invitations import refuse_others
from lti_tool.services.memberships import append_members, raise_inviters
from lti_tool.services.people import names_of
from lti_tool.services.shared_groups import raise_holders

TICK = timedelta(microseconds=1)  # between seats that are taken at once: who comes first is told by their times


@dataclass(frozen=True)
class Place:
    """A seat that somebody takes, or the status that they get on theirs."""

    row: Grouping
    member_id: UUID
    status: Status
    invited_by: UUID | None = None


def add_grouping(assignment: Assignment, group: Group, *, alone: bool = False) -> Grouping:
    """Store a grouping of a group on an assignment; raise RuleViolation("group_used") when it has one already."""
    (row,) = add_groupings(assignment, [group], alone=alone)
    return row


def add_groupings(assignment: Assignment, groups: Sequence[Group], *, alone: bool = False) -> list[Grouping]:
    """Store a grouping of each group, in their order; raise as `add_grouping` does."""
    at = now()
    rows = [
        Grouping(
            id=uuid4(),
            assignment_id=assignment.id,
            group_id=group.id,
            group_name=group.name,
            alone=alone,
            approved=False,
            created_at=at + number * TICK,
        )
        for number, group in enumerate(groups)
    ]
    try:
        with db.session.begin_nested():
            db.session.add_all(rows)
    except IntegrityError:
        raise RuleViolation("group_used", name=groups[0].name) from None
    return rows


def seat(viewer: Viewer, row: Grouping, member_id: UUID, status: Status, *, invited_by: UUID | None = None) -> None:
    """Give somebody a seat in a grouping, or another status there; see `seat_all`."""
    seat_all(viewer, row.assignment_id, [Place(row, member_id, status, invited_by)])


def seat_all(viewer: Viewer, assignment_id: UUID, places: Sequence[Place]) -> None:
    """Give people seats in groupings of one assignment, or another status there, in the caller's transaction.

    Who is in for good is put into the group too, as its creator or as a member, and their other invitations to the
    assignment become refusals (FORM-43; ruling C9). Raise RuleViolation("already_grouped") when the database finds
    somebody in another grouping, and "already_in_set" for who is in a group of a set that the group is in too, which
    no assignment formed.
    """
    committed = [place for place in places if place.status in COMMITTED]
    with telling_if_invalid(viewer.course.id, _loses_a_guest(assignment_id, places)):
        try:
            with db.session.begin_nested():
                _write_seats(assignment_id, places)
        except IntegrityError:
            raise RuleViolation("already_grouped") from None
        if committed:
            refuse_others(viewer, assignment_id, [place.member_id for place in committed])
    if committed:
        _enter_groups(viewer, committed)


def _loses_a_guest(assignment_id: UUID, places: Sequence[Place]) -> ColumnElement[bool]:
    """Return the condition on a Grouping that somebody who is invited there answers by taking one of these places."""
    answering = {place.member_id for place in places if place.status is not Status.PENDING}
    invited = select(GroupingMembership.grouping_id).where(
        GroupingMembership.assignment_id == assignment_id,
        GroupingMembership.member_id.in_(answering),
        GroupingMembership.ended_at.is_(None),
        GroupingMembership.status == Status.PENDING,
    )
    gaining = {place.row.id for place in places if place.status in COMMITTED}
    return Grouping.id.in_(invited) & Grouping.id.not_in(gaining)


def _write_seats(assignment_id: UUID, places: Sequence[Place]) -> None:
    rows = db.session.execute(
        select(GroupingMembership.id, GroupingMembership.grouping_id, GroupingMembership.member_id).where(
            GroupingMembership.grouping_id.in_({place.row.id for place in places}),
            GroupingMembership.member_id.in_({place.member_id for place in places}),
        )
    )
    known = {(grouping_id, member_id): key for key, grouping_id, member_id in rows}
    began, changed, new = now(), [], []
    for number, place in enumerate(places):
        at = began + number * TICK  # who came first is told by the time (FORM-48)
        values = {"status": place.status, "changed_at": at, "ended_at": None}
        key = known.get((place.row.id, place.member_id))
        if key is None:
            fixed = {"id": uuid4(), "grouping_id": place.row.id, "assignment_id": assignment_id}
            person = {"member_id": place.member_id, "invited_by": place.invited_by}
            new.append({**fixed, **person, **values, "created_at": at})
        else:  # who invited stays written down, unless somebody else does now
            changed.append({"id": key, **values, **({"invited_by": place.invited_by} if place.invited_by else {})})
    if changed:
        db.session.execute(update(GroupingMembership), changed)
    if new:
        db.session.execute(insert(GroupingMembership), new)


def _enter_groups(viewer: Viewer, places: Sequence[Place]) -> None:
    """Put people into the groups of their groupings; who works alone is in the group of the roster anyhow."""
    pairs = {(one.row.group_id, one.member_id): one for one in places if one.row.group_id and not one.row.alone}
    if not pairs:
        return
    present = {
        (group_id, member_id)
        for group_id, member_id in db.session.execute(
            select(GroupMembership.group_id, GroupMembership.member_id).where(
                GroupMembership.group_id.in_({group_id for group_id, _ in pairs}),
                GroupMembership.member_id.in_({member_id for _, member_id in pairs}),
            )
        )
    }
    coming = [
        (group_id, member_id) for group_id, member_id in pairs if group_id and (group_id, member_id) not in present
    ]
    if coming:
        left = _leave_other_groups(viewer, {member_id: group_id for group_id, member_id in coming})
        append_members(coming)
        _raise_other_sets([one.row for one in places], left | {group_id for group_id, _ in coming})
    inviters = [pair for pair, one in pairs.items() if one.status is Status.INVITER]
    raise_inviters([(group_id, member_id) for group_id, member_id in inviters if group_id])


def _raise_other_sets(rows: Sequence[Grouping], group_ids: Collection[UUID]) -> None:
    """Raise the revisions of the sets that hold these groups beside those of the groupings' own assignments.

    The assignment's set rises with the lock of its groupings.
    """
    own = select(Assignment.group_set_id).where(Assignment.id.in_({row.assignment_id for row in rows}))
    raise_holders(group_ids, besides=own)


def _leave_other_groups(viewer: Viewer, coming: Mapping[UUID, UUID]) -> set[UUID]:
    """Keep everybody (`coming`: by member, the group) in one group of each set that holds the group (ruling C1).

    Return the groups that were left.

    A group of another assignment is left, its grouping stays (FORM-7): that is written down, a generated name follows
    who is left, and a creator's role goes on (ruling C8). Any other group: RuleViolation("already_in_set").
    """
    holders = db.session.execute(
        select(GroupSetEntry.group_id, GroupSetEntry.group_set_id).where(
            GroupSetEntry.group_id.in_(set(coming.values()))
        )
    )
    sets: dict[UUID, set[UUID]] = {}
    for group_id, set_id in holders:
        sets.setdefault(group_id, set()).add(set_id)
    formed = exists().where(Grouping.group_id == Group.id, Grouping.ended_at.is_(None))
    rows = db.session.execute(
        select(Group.id, Group.name, GroupMembership.member_id, GroupSet.id, GroupSet.name, formed)
        .join(GroupMembership, GroupMembership.group_id == Group.id)
        .join(GroupSetEntry, GroupSetEntry.group_id == Group.id)
        .join(GroupSet, GroupSet.id == GroupSetEntry.group_set_id)
        .where(GroupSet.id.in_(set().union(*sets.values())), GroupMembership.member_id.in_(coming))
        .where(Group.origin != Origin.SYSTEM)
        .order_by(GroupSet.created_at, GroupSet.id)
    )
    left: dict[tuple[UUID, UUID], None] = {}
    for group_id, name, member_id, set_id, other, is_formed in rows:
        if set_id not in sets.get(coming[member_id], ()):
            continue
        if not is_formed:
            raise RuleViolation("already_in_set", name=name, other=other)
        left[group_id, member_id] = None
    gone_from = {group_id for group_id, _ in left}
    if not left:
        return gone_from
    of_pair = tuple_(GroupMembership.group_id, GroupMembership.member_id)
    heirs.leave(viewer.course.id, viewer.access_id, of_pair.in_(left))
    people = names_of([member_id for _, member_id in left])
    for group_id, member_id in left:
        about = {"group_id": group_id, "member_id": member_id}
        history.note(viewer.course.id, viewer.access_id, "moved_on", people[member_id], group_id, **about)
    follow_members(viewer, gone_from)
    return gone_from


def unseat(viewer: Viewer, row: Grouping, member_ids: Collection[UUID]) -> None:
    """End the seats of these people in a grouping and take them out of its group; the rows stay as history.

    Whom another assignment's live grouping of the same group holds stays in the group. A generated name follows who
    is left, before they are told that the group is not valid any more.
    """
    with telling_if_invalid(viewer.course.id, Grouping.id == row.id):
        _end_seats([row.id], GroupingMembership.member_id.in_(member_ids))
        if row.group_id is not None and not row.alone:
            of_group = (GroupMembership.group_id == row.group_id, GroupMembership.member_id.in_(member_ids))
            db.session.execute(delete(GroupMembership).where(*of_group, ~held_elsewhere([row.id])))
            _raise_other_sets([row], [row.group_id])
            follow_members(viewer, {row.group_id})


def _end_seats(grouping_ids: Collection[UUID], *which: ColumnElement[bool]) -> None:
    these = (GroupingMembership.grouping_id.in_(grouping_ids), GroupingMembership.ended_at.is_(None), *which)
    ended = update(GroupingMembership).where(*these).values(ended_at=now())
    db.session.execute(ended.execution_options(synchronize_session=False))


def unseated(group_ids: Collection[UUID]) -> list[tuple[UUID, UUID, str]]:
    """Return (group, member, name) of students in groups whom no live grouping of their group holds."""
    rows = db.session.execute(
        select(GroupMembership.group_id, GroupMembership.member_id, RosterMember.name)
        .join(RosterMember, RosterMember.id == GroupMembership.member_id)
        .where(GroupMembership.group_id.in_(group_ids), ~held_elsewhere([]))
        .where(RosterMember.enrollment_type == EnrollmentType.STUDENT)
        .order_by(GroupMembership.position)
    )
    return [(group_id, member_id, name) for group_id, member_id, name in rows]


def held_elsewhere(besides: Collection[UUID]) -> Exists:
    """Return the condition on a GroupMembership that a live grouping other than these holds the member for good."""
    return (
        exists()
        .where(Grouping.id == GroupingMembership.grouping_id, Grouping.group_id == GroupMembership.group_id)
        .where(Grouping.id.not_in(besides), Grouping.ended_at.is_(None))
        .where(GroupingMembership.member_id == GroupMembership.member_id, GroupingMembership.ended_at.is_(None))
        .where(GroupingMembership.status.in_(COMMITTED))
        .correlate(GroupMembership)
    )


def end_grouping(viewer: Viewer, row: Grouping) -> UUID | None:
    """End a grouping and all seats in it; return its group's id when that goes too, because nothing else uses it."""
    return next(iter(end_groupings(viewer.course.id, viewer.access_id, [row])), None)


def end_groupings(course_id: UUID, actor_id: UUID | None, rows: Sequence[Grouping]) -> list[UUID]:
    """End groupings and all seats in them; return the groups that go too, because nothing else uses them.

    A group that another assignment's grouping uses stays, with whom that one holds, and so does a student's own group
    of the roster. `actor_id` as in `history.note`.
    """
    ids = [row.id for row in rows]
    _end_seats(ids)
    at = now()
    for row in rows:
        row.ended_at = at
    db.session.flush()
    groups = {row.group_id for row in rows if row.group_id and not row.alone}
    if not groups:
        return []
    _raise_other_sets(rows, groups)
    live = select(Grouping.group_id).where(Grouping.group_id.in_(groups), Grouping.ended_at.is_(None))
    used = set(db.session.scalars(live))
    if used:
        was_there = (
            exists()
            .where(Grouping.id == GroupingMembership.grouping_id, Grouping.group_id == GroupMembership.group_id)
            .where(Grouping.id.in_(ids), GroupingMembership.member_id == GroupMembership.member_id)
            .correlate(GroupMembership)
        )
        of_used = GroupMembership.group_id.in_(used)
        heirs.leave(course_id, actor_id, of_used, was_there, ~held_elsewhere(ids))
    gone = [group_id for group_id in groups if group_id not in used]
    if gone:
        db.session.execute(delete(Group).where(Group.id.in_(gone), Group.origin == Origin.LOCAL))
    return gone
