"""Holds a course's group sets of the LMS: what is stored of them, and storing what a pull planned."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, func, insert, or_, select, update

from lti_tool.domain.belonging import belongs_in_groups
from lti_tool.domain.clock import now
from lti_tool.domain.groups import LMS_CONNECTIONS, Connection, Origin, lms_connection
from lti_tool.domain.pull_names import count_memberships, find_places, labels_of, name_changes
from lti_tool.domain.remote import RemoteGroups
from lti_tool.domain.sync import KnownGroup, KnownGroupSet, Person, PlannedGroupSet, PullPlan, Report, plan_pull
from lti_tool.models import (
    Course,
    Group,
    GroupMembership,
    GroupSet,
    GroupSetEntry,
    MirroredGroup,
    Publication,
    RosterMember,
    db,
)
from lti_tool.services import strangers
from lti_tool.services.assignment_sets import release_sets
from lti_tool.services.group_codes import insert_groups
from lti_tool.services.memberships import append_members
from lti_tool.services.removal import list_left_out


def plan_groups(course_id: UUID, remote: RemoteGroups) -> PullPlan:
    """Plan what a complete fetch of groups changes in the store."""
    return plan_pull(
        read_known_sets(course_id),
        read_known_groups(course_id),
        remote,
        read_people(course_id),
        held_here=_read_held_here(course_id),
        **read_not_ours(course_id),
    )


def _read_held_here(course_id: UUID) -> frozenset[str]:
    """Return the LMS ids of the groups that sets of our own hold: they outlive a set that was removed here."""
    ours = or_(GroupSet.connection.is_(None), GroupSet.connection.not_in(LMS_CONNECTIONS))
    held = (
        select(Group.lms_group_id)
        .join(GroupSetEntry, GroupSetEntry.group_id == Group.id)
        .join(GroupSet, GroupSet.id == GroupSetEntry.group_set_id)
        .where(Group.course_id == course_id, Group.origin == Origin.LMS, ours)
    )
    return frozenset(str(lms_id) for lms_id in db.session.scalars(held.distinct()))


def read_not_ours(course_id: UUID) -> dict[str, frozenset[str]]:
    """Return what of the LMS a pull leaves alone, by LMS ids: mirrors of published sets, and sets removed here."""
    mirrors = select(Publication.lms_group_set_id).join(GroupSet, GroupSet.id == Publication.group_set_id)
    of_course = GroupSet.course_id == course_id
    groups = (
        select(MirroredGroup.lms_group_id)
        .join(Publication, Publication.id == MirroredGroup.publication_id)
        .join(GroupSet, GroupSet.id == Publication.group_set_id)
    )
    return {
        "mirrored_sets": frozenset(i for i in db.session.scalars(mirrors.where(of_course)) if i is not None),
        "mirrored_groups": frozenset(db.session.scalars(groups.where(of_course))),
        "left_out": frozenset(left_out.lms_group_set_id for left_out in list_left_out(course_id)),
    }


def read_people(course_id: UUID) -> dict[str, Person]:
    """Return the roster by LMS user ids, as far as placing needs it."""
    rows = db.session.execute(
        select(RosterMember.lms_user_id, RosterMember.id, RosterMember.enrollment_type, RosterMember.status).where(
            RosterMember.course_id == course_id, RosterMember.lms_user_id.is_not(None)
        )
    )
    return {lms_id: Person(id_, belongs_in_groups(kind, status)) for lms_id, id_, kind, status in rows if lms_id}


def read_known_sets(course_id: UUID) -> list[KnownGroupSet]:
    """Return the connected sets of a course with the LMS ids of their groups in order."""
    sets = db.session.scalars(
        select(GroupSet).where(GroupSet.course_id == course_id, GroupSet.connection.in_(LMS_CONNECTIONS))
    ).all()
    entries = db.session.execute(
        select(GroupSetEntry.group_set_id, Group.lms_group_id)
        .join(Group, Group.id == GroupSetEntry.group_id)
        .where(GroupSetEntry.group_set_id.in_([s.id for s in sets]))
        .order_by(GroupSetEntry.position)
    ).all()
    held: dict[UUID, list[str]] = {}
    for set_id, lms_group_id in entries:
        held.setdefault(set_id, []).append(lms_group_id or "")
    return [KnownGroupSet(s.id, s.lms_group_set_id or "", s.name, tuple(held.get(s.id, ()))) for s in sets]


def read_known_groups(course_id: UUID) -> list[KnownGroup]:
    """Return the groups of the LMS of a course with their members."""
    of_course = (Group.course_id == course_id, Group.origin == Origin.LMS)
    members: dict[UUID, set[UUID]] = {}
    for group_id, member_id in db.session.execute(
        select(GroupMembership.group_id, GroupMembership.member_id)
        .join(Group, Group.id == GroupMembership.group_id)
        .where(*of_course)
    ):
        members.setdefault(group_id, set()).add(member_id)
    rows = db.session.execute(select(Group.id, Group.lms_group_id, Group.name, Group.description).where(*of_course))
    return [KnownGroup(i, lms or "", n, d, frozenset(members.get(i, ()))) for i, lms, n, d in rows]


def read_known_ids(course_id: UUID) -> frozenset[str]:
    """Return the LMS ids of the groups of a course that a pull would remove if the LMS did not list them."""
    of_course = (Group.course_id == course_id, Group.origin == Origin.LMS, Group.lms_group_id.is_not(None))
    return frozenset(str(lms_id) for lms_id in db.session.scalars(select(Group.lms_group_id).where(*of_course)))


def apply_groups(course_id: UUID, plan: PullPlan, report: Report) -> None:
    """Store the plan of a complete fetch of groups inside the caller's transaction, and fill the report."""
    store_plan(course_id, plan, report)
    db.session.execute(update(Course).where(Course.id == course_id).values(groups_synced_at=now()))


def store_plan(course_id: UUID, plan: PullPlan, report: Report) -> None:
    """Store what a plan changes, in a fixed number of statements; a set without a change is not written."""
    connection = lms_connection(db.session.get_one(Course, course_id).registration.family)
    changed = _changed_sets(connection, plan)
    ids = _store_groups(course_id, plan)
    _store_memberships(plan, ids)
    for planned in plan.group_sets:
        changed |= _store_set(course_id, connection, planned, ids)
    strangers.note_planned(course_id, plan)
    report.reassigned = release_sets(course_id, plan.remove_group_sets)
    session = db.session
    session.execute(delete(GroupSet).where(GroupSet.id.in_(plan.remove_group_sets)))
    session.execute(delete(Group).where(Group.id.in_(plan.remove_groups)))
    session.execute(
        update(GroupSet).where(GroupSet.id.in_(changed)).values(last_updated=now(), revision=GroupSet.revision + 1)
    )
    fill_groups_report(plan, report)


def _changed_sets(connection: Connection, plan: PullPlan) -> set[UUID]:
    """Return the sets of the LMS in which a group changes or which lose one, by what they hold before."""
    touched = [group.id for group in plan.groups if group.id and group.changes] + list(plan.remove_groups)
    if not touched:
        return set()
    holders = (
        select(GroupSetEntry.group_set_id)
        .join(GroupSet, GroupSet.id == GroupSetEntry.group_set_id)
        .where(GroupSetEntry.group_id.in_(touched), GroupSet.connection == connection)
    )
    return set(db.session.scalars(holders.distinct()))


def _store_groups(course_id: UUID, plan: PullPlan) -> dict[str, UUID]:
    ids: dict[str, UUID] = {}
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for planned in plan.groups:
        ids[planned.lms_group_id] = planned.id or uuid4()
        row: dict[str, Any] = {
            "id": ids[planned.lms_group_id],
            "name": planned.name,
            "description": planned.description,
        }
        if planned.id is None:
            fixed = {"course_id": course_id, "origin": Origin.LMS, "created_at": now()}
            new.append({**row, **fixed, "lms_group_id": planned.lms_group_id})
        elif planned.renamed or planned.described:
            changed.append(row)
    if new:
        insert_groups(new)
    if changed:
        db.session.execute(update(Group), changed)
    return ids


def _store_memberships(plan: PullPlan, ids: Mapping[str, UUID]) -> None:
    for planned in plan.groups:
        if planned.remove:
            db.session.execute(
                delete(GroupMembership).where(
                    GroupMembership.group_id == planned.id, GroupMembership.member_id.in_(planned.remove)
                )
            )
    append_members([(ids[group.lms_group_id], member) for group in plan.groups for member in group.add])


def _store_set(course_id: UUID, connection: Connection, planned: PlannedGroupSet, ids: Mapping[str, UUID]) -> set[UUID]:
    """Store a set and its references, and return its id if any of that changed."""
    session = db.session
    set_id = planned.id
    if set_id is None:
        set_id = uuid4()
        end = session.scalar(select(func.max(GroupSet.position)).where(GroupSet.course_id == course_id))
        row = {
            "id": set_id,
            "course_id": course_id,
            "connection": connection,
            "lms_group_set_id": planned.lms_group_set_id,
            "name": planned.name,
            "position": 0 if end is None else end + 1,
            "created_at": now(),
        }
        session.execute(insert(GroupSet), [row])
    elif planned.renamed:
        session.execute(update(GroupSet).where(GroupSet.id == set_id).values(name=planned.name))
    if planned.reordered:
        session.execute(delete(GroupSetEntry).where(GroupSetEntry.group_set_id == set_id))
        entries = [
            {"group_set_id": set_id, "group_id": ids[lms_id], "position": place}
            for place, lms_id in enumerate(planned.group_ids)
        ]
        if entries:
            session.execute(insert(GroupSetEntry), entries)
    return {set_id} if planned.renamed or planned.reordered else set()


def fill_groups_report(plan: PullPlan, report: Report) -> None:
    """Write the counts and the names of a plan of groups into a report."""
    report.group_sets.created = sum(planned.id is None for planned in plan.group_sets)
    report.group_sets.renamed = sum(planned.renamed for planned in plan.group_sets)
    report.group_sets.removed = len(plan.remove_group_sets)
    report.groups.created = sum(group.id is None for group in plan.groups)
    report.groups.renamed = sum(group.renamed for group in plan.groups)
    report.groups.removed = len(plan.remove_groups)
    places = find_places(plan)
    report.memberships.added, report.memberships.removed = count_memberships(plan)
    report.memberships.moved = sum(place.is_move for place in places)
    name_changes(plan, places, report.named)
    labels = labels_of(plan)
    report.not_in_roster_by_group = {labels[g.lms_group_id]: len(g.strangers) for g in plan.groups if g.strangers}
    report.not_active_by_group = {labels[g.lms_group_id]: g.inactive for g in plan.groups if g.inactive}
    report.not_in_roster = sum(report.not_in_roster_by_group.values())
    report.not_active = sum(report.not_active_by_group.values())
