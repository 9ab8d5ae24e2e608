"""Brings one connected set here from its LMS: read that set, plan, then store in one transaction."""

from collections.abc import Collection
from contextlib import suppress
from uuid import UUID

from sqlalchemy import update

from lti_tool.domain.clock import now
from lti_tool.domain.errors import Forbidden, LmsChanged, LmsError
from lti_tool.domain.gateway import LmsGateway, Progress, Step, no_progress
from lti_tool.domain.groups import LMS_CONNECTIONS, Connection
from lti_tool.domain.refresh import plan_refresh
from lti_tool.domain.remote import RemoteGroups
from lti_tool.domain.sync import UNGROUPED_SET_ID, PullPlan, Report
from lti_tool.models import GroupSet, SyncRun, release, transaction
from lti_tool.services import gateways, publication, runs
from lti_tool.services.access import Viewer
from lti_tool.services.group_sets import get_set
from lti_tool.services.handed_in import note_handed_in
from lti_tool.services.lms_answers import read_known
from lti_tool.services.people import hold_roster
from lti_tool.services.proved import end_all_unproven, groups_in_doubt
from lti_tool.services.pull_log import log_groups
from lti_tool.services.pulled_groups import read_known_groups, read_known_sets, read_people, store_plan
from lti_tool.services.rights import ask_once
from lti_tool.services.tool import Tool


def refresh_set(tool: Tool, viewer: Viewer, set_id: UUID) -> UUID:
    """Bring one set here before the page answers, as the course's one run, and return the run; it says how it ended.

    Raise NotFound, Forbidden("set_not_refreshable"), Conflict("run_open") while another run is at work.
    """
    run_id = queue_refresh(viewer.course.id, set_id, viewer.access_id)
    run = runs.claim(run_id)
    if run is not None:
        with suppress(LmsError):  # stored on the run, which the page shows
            run_refresh(tool, run, Report())
    return run_id


def queue_refresh(course_id: UUID, set_id: UUID, requested_by: UUID | None = None) -> UUID:
    """Store a queued refresh of a set of the LMS; raise as `refresh_set` does."""
    if not may_refresh(get_set(course_id, set_id)):
        raise Forbidden("set_not_refreshable")
    return runs.queue(course_id, "refresh", requested_by=requested_by, group_set_id=set_id)


def may_refresh(row: GroupSet) -> bool:
    """Say whether the LMS can be asked for this set alone: it has it, and it is not our place for loose groups."""
    return row.connection in LMS_CONNECTIONS and row.lms_group_set_id != UNGROUPED_SET_ID


def run_refresh(tool: Tool, run: SyncRun, report: Report, also: Progress = no_progress) -> None:
    """Do a claimed run of kind refresh, and fill its report; `also` is told of the progress."""
    run_id, course_id, set_id = run.id, run.course_id, run.group_set_id
    with runs.followed(run_id, report, also) as progress:
        if set_id is not None:  # else an earlier try of this run has removed it
            _refresh(tool, run_id, get_set(course_id, set_id), report, progress)


def _refresh(tool: Tool, run_id: UUID, row: GroupSet, report: Report, progress: Progress) -> None:
    course_id, set_id, lms_set_id = row.course_id, row.id, row.lms_group_set_id or ""
    progress(Step.FETCHING_GROUPS, 0, 0, row.name)
    gateway = gateways.open_gateway(tool, course_id)
    known_empty = read_known(set_id).empty_ids - groups_in_doubt(set_id)
    release()
    try:
        ask_once(gateway, course_id)
        remote = _read(gateway, lms_set_id, known_empty)
    finally:
        report.calls = gateway.calls
    with transaction() as session:
        runs.require_own()
        hold_roster(course_id)
        row = get_set(course_id, set_id)
        family = str(row.connection)
        if remote:
            end_all_unproven(course_id, remote)
        plan = _plan(course_id, set_id, remote, family)
        if set_id in plan.remove_group_sets:
            # The run outlives the set: it is what says that the set is gone.
            session.execute(update(SyncRun).where(SyncRun.id == run_id).values(group_set_id=None))
        store_plan(course_id, plan, report)
        if remote:
            note_handed_in(course_id, remote)
        session.execute(update(GroupSet).where(GroupSet.id == set_id).values(last_updated=now()))
        publication.mark_changed(course_id)
    log_groups(course_id, family, plan)


def _read(gateway: LmsGateway, lms_set_id: str, known_empty: Collection[str]) -> RemoteGroups | None:
    """Return the set as the LMS has it, None when it has it no more."""
    try:
        return gateway.read_group_set(lms_set_id, known_empty)
    except LmsChanged as error:
        if error.code != "set_gone":
            raise
        return None


def _plan(course_id: UUID, set_id: UUID, remote: RemoteGroups | None, family: str) -> PullPlan:
    sets = read_known_sets(course_id)
    return plan_refresh(
        next(known for known in sets if known.id == set_id),
        [known for known in sets if known.id != set_id],
        read_known_groups(course_id),
        remote,
        read_people(course_id),
        groups_outlive_sets=family == Connection.MOODLE,
    )
