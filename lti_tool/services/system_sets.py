"""Keeps the sets that belong to the roster in step with it, and people who are not active out of all groups."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, insert, select, tuple_, update

from lti_tool.domain.changes import Changes
from lti_tool.domain.clock import now
from lti_tool.domain.groups import Connection, Origin
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.system_sets import (
    StoredSystem,
    SystemGroup,
    SystemPerson,
    SystemPlan,
    plan_system_sets,
    system_sets,
)
from lti_tool.models import (
    Group,
    GroupMembership,
    GroupSet,
    GroupSetEntry,
    RosterMember,
    db,
)
from lti_tool.services.departures import Departed, depart
from lti_tool.services.former_students import settle_former_students
from lti_tool.services.group_codes import insert_groups
from lti_tool.services.memberships import append_members
from lti_tool.services.people import BELONGS


def ensure_system_group_sets(course_id: UUID) -> Changes:
    """Make what the groups hold true again after the roster changed, inside the caller's transaction.

    Students who are not active and staff who left are in no group; each active student has a group of their own, and
    all other staff have one. What was a student's to do goes on from who is none any more. A second call changes
    nothing. Return what changed.
    """
    departed = depart(course_id, _strange_to_groups(course_id))
    settle_former_students(course_id)
    plan = plan_system_sets(system_sets(course_id, _people(course_id)), _stored(course_id))
    changes = _changes_of(plan, departed)
    _apply(course_id, plan)
    return changes


def _strange_to_groups(course_id: UUID) -> ColumnElement[bool]:
    """Return the condition on memberships of people who do not belong in groups."""
    return GroupMembership.member_id.in_(select(RosterMember.id).where(RosterMember.course_id == course_id, ~BELONGS))


def _changes_of(plan: SystemPlan, departed: Departed) -> Changes:
    """Return the sets and groups that a plan changes, copies that lose a group among them, and what people left."""
    sets = {group_set.id for group_set in plan.add_sets} | {set_id for set_id, _, _ in plan.add_entries}
    if plan.remove_groups:
        holders = select(GroupSetEntry.group_set_id).where(GroupSetEntry.group_id.in_(plan.remove_groups))
        sets.update(db.session.scalars(holders))
    groups = {
        *departed.left,
        *(group.id for group in plan.add_groups),
        *(group_id for group_id, _ in plan.rename_groups),
    }
    groups.update(group_id for group_id, _ in (*plan.add_members, *plan.remove_members))
    gone = frozenset(plan.remove_groups) | departed.gone
    return Changes(group_sets=frozenset(sets), groups=frozenset(groups) - gone, deleted_groups=gone)


def _people(course_id: UUID) -> list[SystemPerson]:
    rows = db.session.execute(
        select(RosterMember.id, RosterMember.name, RosterMember.enrollment_type)
        .where(RosterMember.course_id == course_id, BELONGS)
        .order_by(RosterMember.created_at, RosterMember.id)
    )
    return [SystemPerson(member_id, name, kind == EnrollmentType.STUDENT) for member_id, name, kind in rows]


def _stored(course_id: UUID) -> StoredSystem:
    session = db.session
    of_course = (Group.course_id == course_id, Group.origin == Origin.SYSTEM)
    members: dict[UUID, list[UUID]] = {}
    for group_id, member_id in session.execute(
        select(GroupMembership.group_id, GroupMembership.member_id)
        .join(Group, Group.id == GroupMembership.group_id)
        .where(*of_course)
    ):
        members.setdefault(group_id, []).append(member_id)
    sets = session.execute(
        select(GroupSet.id, GroupSetEntry.group_id, GroupSetEntry.position)
        .outerjoin(GroupSetEntry, GroupSetEntry.group_set_id == GroupSet.id)
        .where(GroupSet.course_id == course_id, GroupSet.connection == Connection.SYSTEM)
    )
    places: dict[UUID, dict[UUID, int]] = {}
    for set_id, group_id, position in sets:
        held = places.setdefault(set_id, {})
        if group_id is not None:
            held[group_id] = position
    groups = session.execute(select(Group.id, Group.name).where(*of_course))
    return StoredSystem(
        set_ids=places.keys(),
        groups={i: SystemGroup(i, name, tuple(members.get(i, ()))) for i, name in groups},
        places=places,
    )


def _apply(course_id: UUID, plan: SystemPlan) -> None:
    session = db.session
    if plan.add_sets:
        end = session.scalar(select(func.max(GroupSet.position)).where(GroupSet.course_id == course_id))
        first = 0 if end is None else end + 1
        fixed = {"course_id": course_id, "connection": Connection.SYSTEM, "created_at": now()}
        rows = [{"id": s.id, "name": s.name, "position": first + n, **fixed} for n, s in enumerate(plan.add_sets)]
        session.execute(insert(GroupSet), rows)
    if plan.remove_groups:
        session.execute(delete(Group).where(Group.id.in_(plan.remove_groups)))
    if plan.add_groups:
        insert_groups([_new_row(course_id, group) for group in plan.add_groups])
    if plan.rename_groups:
        session.execute(update(Group), [{"id": group_id, "name": name} for group_id, name in plan.rename_groups])
    if plan.add_entries:
        columns = ("group_set_id", "group_id", "position")
        session.execute(insert(GroupSetEntry), [dict(zip(columns, entry, strict=True)) for entry in plan.add_entries])
    _remove_members(plan.remove_members)
    append_members(plan.add_members)


def _new_row(course_id: UUID, group: SystemGroup) -> dict[str, Any]:
    fixed = {"course_id": course_id, "origin": Origin.SYSTEM, "description": "", "created_at": now()}
    return {"id": group.id, "name": group.name, **fixed}


def _remove_members(pairs: Sequence[tuple[UUID, UUID]]) -> None:
    if pairs:
        of_pair = tuple_(GroupMembership.group_id, GroupMembership.member_id)
        db.session.execute(delete(GroupMembership).where(of_pair.in_(pairs)))
