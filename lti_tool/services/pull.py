"""Brings a course's roster and groups here from its LMS: fetch everything, plan, then store in one transaction."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import UUID

from lti_tool.domain.errors import LmsError, LmsRefused
from lti_tool.domain.gateway import Progress, Right, Step, no_progress
from lti_tool.domain.remote import RemoteCourse, RemoteGroups
from lti_tool.domain.roster import RemoteRoster, with_managers
from lti_tool.domain.sync import PullPlan, Report, sets_to_store
from lti_tool.models import Course, SyncRun, db, release, transaction
from lti_tool.services import gateways, publication, runs
from lti_tool.services.drift import note_drift
from lti_tool.services.handed_in import note_handed_in
from lti_tool.services.people import hold_roster
from lti_tool.services.proved import end_all_unproven
from lti_tool.services.pull_log import log_groups, log_people
from lti_tool.services.pulled_groups import apply_groups, plan_groups, read_known_ids, read_not_ours
from lti_tool.services.rights import Hear, ask_rights, keep_nothing, store_rights
from lti_tool.services.roster import Merged, brings_back, merge_roster, read_known_people, read_listed_people
from lti_tool.services.tool import Tool


@dataclass(frozen=True)
class Wanted:
    """Which halves of a course a pull shall bring."""

    roster: bool
    groups: bool


# While memberships are synced the name of each fifth group is told (seed 001).
NAMED_EVERY = 5
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
    run_id, course_id, wanted, accepted = run.id, run.course_id, WANTED_BY_KIND[run.kind], run.departures_accepted
    with runs.followed(run_id, report, also) as progress:
        pull(tool, course_id, wanted, report, progress, departures_accepted=accepted)


def run_preview(tool: Tool, run: SyncRun, report: Report, also: Progress = no_progress) -> None:
    """Do a claimed run of kind preview: report what a whole pull would change, and store nothing of it."""
    run_id, course_id = run.id, run.course_id
    with runs.followed(run_id, report, also) as progress:
        preview(tool, course_id, WANTED_BY_KIND["pull"], report, progress)


def pull(
    tool: Tool, course_id: UUID, wanted: Wanted, report: Report, progress: Progress, *, departures_accepted: int = 0
) -> None:
    """Fetch the wanted halves to their end and store them; an error leaves the store as it was.

    With people who are active again the groups come too: who was away was left out of them, and nothing else tells.
    Raise LmsChanged("most_students_left") when most students are not active any more, and a person has not accepted
    that so many go: a course that has ended keeps its groups.
    """
    remote = fetch(tool, course_id, wanted, report, progress, hear=store_rights)
    if remote.roster is not None and remote.groups is None and brings_back(course_id, remote.roster):
        remote = replace(remote, groups=_fetch_groups(tool, course_id, report, progress))
    if remote.roster is not None:
        progress(Step.SAVING_ROSTER, 0, 0)
    if remote.groups is not None:
        _tell_saving(course_id, remote.groups, progress)
    with transaction():
        runs.require_own()
        stored = _store(course_id, remote, report, departures_accepted)
        family = db.session.get_one(Course, course_id).registration.family
    if stored.people is not None:
        log_people(course_id, family, stored.people.plan, stored.people.added)
    if stored.groups is not None:
        log_groups(course_id, family, stored.groups)


def _fetch_groups(tool: Tool, course_id: UUID, report: Report, progress: Progress) -> RemoteGroups | None:
    """Fetch the groups of a course whose people are here; None, and a word in the report, when the LMS refuses them."""
    release()
    calls = report.calls
    try:
        return fetch(tool, course_id, WANTED_BY_KIND["groups"], report, progress, hear=store_rights).groups
    except LmsRefused as error:  # a person has to do something first, and people are refreshed all the same
        runs.note_error(report, error)
        return None
    finally:
        report.calls += calls


def preview(tool: Tool, course_id: UUID, wanted: Wanted, report: Report, progress: Progress) -> None:
    """Fetch like `pull` and report what it would change: it is done and undone, so that both say the same."""
    remote = fetch(tool, course_id, wanted, report, progress, hear=keep_nothing)
    with suppress(_Undone), transaction():
        _store(course_id, remote, report)
        raise _Undone


class _Undone(Exception):
    """Ends a transaction whose changes nobody wants."""


@dataclass(frozen=True)
class _Stored:
    """What a pull stored, for the log; None for the half that was not asked for."""

    people: Merged | None
    groups: PullPlan | None


def _store(course_id: UUID, remote: RemoteCourse, report: Report, departures_accepted: int | None = None) -> _Stored:
    """Store what was fetched in the caller's transaction; without a number of departures however many leave."""
    people = plan = None
    if remote.roster is not None:
        people = merge_roster(course_id, remote.roster, report)
        if departures_accepted is not None:
            people.plan.require_accepted(departures_accepted)
    else:
        hold_roster(course_id)
    if remote.groups is not None:
        end_all_unproven(course_id, remote.groups)
        plan = plan_groups(course_id, remote.groups)
        apply_groups(course_id, plan, report)
        note_handed_in(course_id, remote.groups)
        note_drift(course_id, remote.groups)
    publication.mark_changed(course_id)
    return _Stored(people, plan)


def _tell_saving(course_id: UUID, groups: RemoteGroups, progress: Progress) -> None:
    """Tell what is about to be stored, in seed 001's order: groups set by set, then memberships group by group.

    It is told before, because all of it is stored in one transaction, and that one hides the progress of its own.
    """
    sets = [group_set for group_set in sets_to_store(groups, **read_not_ours(course_id)) if group_set.group_ids]
    if not sets:
        return
    progress(Step.SYNCING_GROUPS, 9, 10)
    for group_set in sets:
        progress(Step.SAVING_GROUPS, 0, 0, str(len(group_set.group_ids)))
    held = list(dict.fromkeys(group_id for group_set in sets for group_id in group_set.group_ids))
    names = {group.lms_group_id: group.name for group in groups.groups}
    progress(Step.SYNCING_MEMBERS, 0, 0, str(len(held)))
    for index in range(NAMED_EVERY, len(held), NAMED_EVERY):
        progress(Step.SYNCING_MEMBERS, index + 1, len(held), names[held[index]])


def fetch(
    tool: Tool, course_id: UUID, wanted: Wanted, report: Report, progress: Progress, *, hear: Hear
) -> RemoteCourse:
    """Fetch the wanted halves: people alone by the launch's NRPS, which needs no token, all else by the LMS's own API.

    Before groups are fetched, the LMS is asked what the access may; `hear` is told. The report's `calls` holds even
    when the fetch fails.
    """
    course = db.session.get_one(Course, course_id)
    if course.memberships_url and not wanted.groups:
        return RemoteCourse(roster=_fetch_by_nrps(tool, course, course.memberships_url, report, progress))
    gateway = gateways.open_gateway(tool, course_id)
    known_ids = read_known_ids(course_id) if wanted.groups else frozenset()
    known_people = read_known_people(course_id)
    release()
    try:
        if wanted.groups:
            ask_rights(gateway, course_id, _needed(wanted), hear)
        return gateway.pull(
            roster=wanted.roster,
            groups=wanted.groups,
            progress=progress,
            known_ids=known_ids,
            known_people=known_people,
        )
    finally:
        report.calls = gateway.calls


def _needed(wanted: Wanted) -> tuple[Right, ...]:
    return (Right.READ_GROUPS, *([Right.READ_ROSTER] if wanted.roster else []))


def _fetch_by_nrps(tool: Tool, course: Course, url: str, report: Report, progress: Progress) -> RemoteRoster:
    advantage = gateways.open_advantage(tool, course.registration)
    link_id, family, course_id = course.resource_link_id, course.registration.family, course.id
    known = read_listed_people(course_id)
    release()
    try:
        roster = advantage.fetch_roster(
            url, resource_link_id=link_id, family=family, progress=progress, known_people=known
        )
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
