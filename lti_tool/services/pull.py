"""Brings a course's roster and groups here from its LMS: fetch everything, plan, then store in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, func, insert, select, update

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LmsError
from lti_tool.domain.gateway import Progress, RemoteCourse, RemoteGroups, Step, no_progress
from lti_tool.domain.groups import LMS_CONNECTIONS, Connection, Origin, lms_connection
from lti_tool.domain.roster import MemberStatus, RemoteRoster, with_managers
from lti_tool.domain.sync import (
    KnownGroup,
    KnownGroupSet,
    Person,
    PlannedGroupSet,
    PullPlan,
    Report,
    plan_pull,
    sets_to_store,
)
from lti_tool.models import (
    Course,
    Group,
    GroupMembership,
    GroupSet,
    GroupSetEntry,
    MirroredGroup,
    Publication,
    RosterMember,
    SyncRun,
    db,
    release,
    transaction,
)
from lti_tool.services import gateways, publication, runs
from lti_tool.services.assignment_sets import assignments_of, release_sets
from lti_tool.services.drift import note_drift
from lti_tool.services.memberships import append_members
from lti_tool.services.pull_log import log_pull
from lti_tool.services.removal import list_left_out
from lti_tool.services.roster import fill_report, merge_roster, plan_roster
from lti_tool.services.tool import Tool


@dataclass(frozen=True)
class Wanted:
    """Which halves of a course a pull shall bring."""

    roster: bool
    groups: bool


WANTED_BY_KIND: Mapping[str, Wanted] = {
    "roster": Wanted(roster=True, groups=False),
    "groups": Wanted(roster=False, groups=True),
    "pull": Wanted(roster=True, groups=True),
}


def kind_of(wanted: Wanted) -> str:
    """Return the kind of run that brings these halves."""
    return next(kind for kind, halves in WANTED_BY_KIND.items() if halves == wanted)


def run_pull(tool: Tool, run: SyncRun, report: Report, also: Progress = no_progress) -> None:
    """Do a claimed run of kind roster, groups or pull, and fill its report; `also` is told of the progress."""
    run_id, course_id, wanted = run.id, run.course_id, WANTED_BY_KIND[run.kind]
    with runs.followed(run_id, report, also) as progress:
        pull(tool, course_id, wanted, report, progress)


def pull(tool: Tool, course_id: UUID, wanted: Wanted, report: Report, progress: Progress) -> None:
    """Fetch the wanted halves to their end and store them; an error leaves the store as it was."""
    remote = fetch(tool, course_id, wanted, report, progress)
    if remote.roster is not None:
        progress(Step.SAVING_ROSTER, 0, 0)
    if remote.groups is not None:
        _tell_saving(course_id, remote.groups, progress)
    with transaction():
        if remote.roster is not None:
            merge_roster(course_id, remote.roster, report)
        if remote.groups is not None:
            apply_groups(course_id, plan_groups(course_id, remote.groups), report)
            note_drift(course_id, remote.groups)
        publication.mark_changed(course_id)


def _tell_saving(course_id: UUID, groups: RemoteGroups, progress: Progress) -> None:
    """Tell what is about to be stored, in seed 001's order: groups set by set, then memberships.

    It is told before, because all of it is stored in one transaction, and that one hides the progress of its own.
    """
    sets = [group_set for group_set in sets_to_store(groups, **_not_ours(course_id)) if group_set.group_ids]
    if not sets:
        return
    progress(Step.SYNCING_GROUPS, 9, 10)
    for group_set in sets:
        progress(Step.SAVING_GROUPS, 0, 0, str(len(group_set.group_ids)))
    held = {group_id for group_set in sets for group_id in group_set.group_ids}
    progress(Step.SYNCING_MEMBERS, 0, 0, str(len(held)))


def preview(tool: Tool, course_id: UUID, wanted: Wanted, report: Report, progress: Progress) -> None:
    """Fetch like `pull` and report what it would change; nothing is stored."""
    remote = fetch(tool, course_id, wanted, report, progress)
    if remote.roster is not None:
        fill_report(plan_roster(course_id, remote.roster), report)
    if remote.groups is not None:
        plan = plan_groups(course_id, remote.groups)
        fill_groups_report(plan, report)
        report.reassigned = assignments_of(plan.remove_group_sets)


def fetch(tool: Tool, course_id: UUID, wanted: Wanted, report: Report, progress: Progress) -> RemoteCourse:
    """Fetch the wanted halves: people alone by the launch's NRPS, which needs no token, all else by the LMS's own API.

    The report's `calls` holds even when the fetch fails.
    """
    course = db.session.get_one(Course, course_id)
    if course.memberships_url and not wanted.groups:
        return RemoteCourse(roster=_fetch_by_nrps(tool, course, course.memberships_url, report, progress))
    gateway = gateways.open_gateway(tool, course_id)
    release()
    try:
        return gateway.pull(roster=wanted.roster, groups=wanted.groups, progress=progress)
    finally:
        report.calls = gateway.calls


def _fetch_by_nrps(tool: Tool, course: Course, url: str, report: Report, progress: Progress) -> RemoteRoster:
    advantage = gateways.open_advantage(tool, course.registration)
    link_id, family, course_id = course.resource_link_id, course.registration.family, course.id
    release()
    try:
        roster = advantage.fetch_roster(url, resource_link_id=link_id, family=family, progress=progress)
    finally:
        report.calls = advantage.calls
    return with_managers(roster, _ask_managers(tool, course_id, report))


def _ask_managers(tool: Tool, course_id: UUID, report: Report) -> frozenset[str] | None:
    """Ask the LMS's own API who may manage groups (ruling C33): no answer, and no token, are no error of a roster."""
    try:
        gateway = gateways.open_gateway(tool, course_id)
    except LmsError:
        return None
    release()
    try:
        return gateway.read_managers()
    except LmsError:
        return None
    finally:
        report.calls += gateway.calls


def plan_groups(course_id: UUID, remote: RemoteGroups) -> PullPlan:
    """Plan what a complete fetch of groups changes in the store."""
    return plan_pull(
        _known_sets(course_id),
        _known_groups(course_id),
        remote,
        _people(course_id),
        **_not_ours(course_id),
    )


def _not_ours(course_id: UUID) -> dict[str, frozenset[str]]:
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


def _people(course_id: UUID) -> dict[str, Person]:
    rows = db.session.execute(
        select(RosterMember.lms_user_id, RosterMember.id, RosterMember.status).where(
            RosterMember.course_id == course_id, RosterMember.lms_user_id.is_not(None)
        )
    )
    return {lms_id: Person(id_, status == MemberStatus.ACTIVE) for lms_id, id_, status in rows if lms_id}


def _known_sets(course_id: UUID) -> list[KnownGroupSet]:
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


def _known_groups(course_id: UUID) -> list[KnownGroup]:
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


def apply_groups(course_id: UUID, plan: PullPlan, report: Report) -> None:
    """Store a plan of groups inside the caller's transaction, in a fixed number of statements."""
    family = db.session.get_one(Course, course_id).registration.family
    connection = lms_connection(family)
    log_pull(course_id, family, plan)
    ids = _store_groups(course_id, plan)
    _store_memberships(plan, ids)
    for planned in plan.group_sets:
        _store_set(course_id, connection, planned, ids)
    report.reassigned = release_sets(course_id, plan.remove_group_sets)
    session = db.session
    session.execute(delete(GroupSet).where(GroupSet.id.in_(plan.remove_group_sets)))
    session.execute(delete(Group).where(Group.id.in_(plan.remove_groups)))
    of_course = (Group.course_id == course_id, Group.origin == Origin.LMS)
    session.execute(update(Group).where(*of_course).values(last_synced_at=now()))
    session.execute(
        update(GroupSet)
        .where(GroupSet.course_id == course_id, GroupSet.connection == connection)
        .values(last_updated=now(), revision=GroupSet.revision + 1)
    )
    session.execute(update(Course).where(Course.id == course_id).values(groups_synced_at=now()))
    fill_groups_report(plan, report)


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
        db.session.execute(insert(Group), new)
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


def _store_set(course_id: UUID, connection: Connection, planned: PlannedGroupSet, ids: Mapping[str, UUID]) -> None:
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


def fill_groups_report(plan: PullPlan, report: Report) -> None:
    """Write the counts of a plan of groups into a report."""
    report.group_sets.created = sum(planned.id is None for planned in plan.group_sets)
    report.group_sets.renamed = sum(planned.renamed for planned in plan.group_sets)
    report.group_sets.removed = len(plan.remove_group_sets)
    report.groups.created = sum(group.id is None for group in plan.groups)
    report.groups.renamed = sum(group.renamed for group in plan.groups)
    report.groups.removed = len(plan.remove_groups)
    report.memberships.added = sum(len(group.add) for group in plan.groups)
    report.memberships.removed = sum(len(group.remove) for group in plan.groups)
    report.not_in_roster_by_group = {name: len(ids) for name, ids in plan.not_in_roster.items()}
    report.not_active_by_group = dict(plan.not_active)
    report.not_in_roster = sum(report.not_in_roster_by_group.values())
    report.not_active = sum(plan.not_active.values())
