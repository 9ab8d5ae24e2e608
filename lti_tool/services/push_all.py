"""Pushes all group memberships of a course: published sets by their mirrors, sets of the LMS group by group."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from lti_tool.domain.errors import LmsChanged, LmsError
from lti_tool.domain.gateway import LmsGateway, Progress, no_progress
from lti_tool.domain.group_push import GroupChange, GroupSetPush
from lti_tool.domain.groups import LMS_CONNECTIONS
from lti_tool.domain.push_all import parts_of, plan_memberships
from lti_tool.domain.sync import Report
from lti_tool.models import GroupSet, SyncRun, db, release, transaction
from lti_tool.services import gateways, runs
from lti_tool.services.asked_rights import right_of
from lti_tool.services.group_sets import is_set_of_lms
from lti_tool.services.lms_answers import Answer, read_active, read_known, store_answer
from lti_tool.services.mirror import published_set_ids
from lti_tool.services.push import preview_push, push_sets
from lti_tool.services.rights import heed_refusal
from lti_tool.services.tool import Tool


def run_push_all(tool: Tool, run: SyncRun, report: Report, also: Progress = no_progress) -> None:
    """Do a claimed run of kind push_all; the first error ends the run as failed after the last group."""
    run_id, course_id, asker = run.id, run.course_id, run.requested_by
    with runs.followed(run_id, report, also) as progress:
        if asker:
            gateways.require_asker(asker)
        first = push_sets(tool, course_id, published_set_ids(course_id), report, progress)
        second = push_all_group_memberships(tool, course_id, report, progress)
        if error := first or second:
            raise error


def writable_sets(tool: Tool, course_id: UUID) -> list[GroupSet]:
    """Return the sets of the LMS that may be written with the access that is used here, in their order.

    Raise as `gateways.open_gateway` when there is none.
    """
    of_lms = (GroupSet.course_id == course_id, GroupSet.connection.in_(LMS_CONNECTIONS))
    rows = db.session.scalars(select(GroupSet).where(*of_lms).order_by(GroupSet.position)).all()
    sets = [row for row in rows if is_set_of_lms(row)]
    if not sets or right_of(course_id, gateways.lender_of(tool, course_id)).problem:
        return []
    return sets


def push_all_group_memberships(
    tool: Tool, course_id: UUID, report: Report, progress: Progress = no_progress
) -> LmsError | None:
    """Bring the members of every group of the LMS's sets to the store's and return the first error (PUSH-24).

    Each set is read first. Only people whom the roster knows as active are taken out: strangers stay. Groups that
    are only ours have no LMS id and are not pushed. The report tells of each group how it went; one that fails stops
    none of the others.
    """
    sets = [(row.id, row.name, row.lms_group_set_id or "") for row in writable_sets(tool, course_id)]
    if not sets:
        return None
    gateway = gateways.open_gateway(tool, course_id)
    first_error: LmsError | None = None
    try:
        for set_id, name, lms_set_id in sets:
            error = _SetPush(gateway, course_id, set_id, name, lms_set_id, report, progress).run()
            first_error = first_error or error
        if first_error:
            heed_refusal(gateway, course_id, first_error)
    finally:
        report.calls += gateway.calls
    return first_error


def preview_push_all(tool: Tool, course_id: UUID) -> Report:
    """Report what a push of everything would send; sets of the LMS are read for it, nothing is sent."""
    report = preview_push(course_id)
    sets = [(row.id, row.lms_group_set_id or "") for row in writable_sets(tool, course_id)]
    if not sets:
        return report
    gateway = gateways.open_gateway(tool, course_id)
    for set_id, lms_set_id in sets:
        changes, _ = _plan(gateway, course_id, set_id, lms_set_id)
        report.memberships.added += sum(len(change.add) for change in changes)
        report.memberships.removed += sum(len(change.remove) for change in changes)
    report.calls += gateway.calls
    return report


def _plan(gateway: LmsGateway, course_id: UUID, set_id: UUID, lms_set_id: str) -> tuple[list[GroupChange], list[str]]:
    known, people = read_known(set_id), read_active(course_id)
    release()
    remote = gateway.read_group_set(lms_set_id, known.empty_ids)
    present = {group.lms_group_id for group in remote.groups}
    gone = [group.name for group in known.groups if group.lms_group_id not in present]
    return plan_memberships(known.groups, remote.groups, people), gone


@dataclass(frozen=True)
class _SetPush:
    """One set of the LMS on its way, and who is told of it."""

    gateway: LmsGateway
    course_id: UUID
    set_id: UUID
    name: str
    lms_set_id: str
    report: Report
    progress: Progress

    def run(self) -> LmsError | None:
        """Push the set; after all groups together failed in parts, so that the report says which do not go.

        Groups between which people move stay together, for a half of it would leave these in none.
        """
        try:
            changes, gone = _plan(self.gateway, self.course_id, self.set_id, self.lms_set_id)
        except LmsError as error:
            return self._tell([""], error)
        first_error = self._tell(gone, LmsChanged("group_gone")) if gone else None
        parts = parts_of(changes)
        failed = self._send(changes, last=len(parts) == 1) if changes else None
        if failed and len(parts) > 1:
            failures = [self._send(part, last=True) for part in parts]
            failed = next((failure for failure in failures if failure), None)
        return first_error or failed

    def _send(self, changes: Sequence[GroupChange], *, last: bool) -> LmsError | None:
        """Send some groups and store the answer; a failure is told when it is the `last` try."""
        names = [change.known.name if change.known else change.lms_group_id for change in changes]
        try:
            answer = self.gateway.push(self.lms_set_id, GroupSetPush(change=tuple(changes), seen=True), self.progress)
            if answer.unproven:  # no page waits for this
                answer = self.gateway.read_group_set(self.lms_set_id)
        except LmsError as error:
            return self._tell(names, error) if last else error
        with transaction():
            runs.require_own()
            store_answer(self.course_id, self.set_id, Answer(answer.groups))
        members = {group.lms_group_id: set(group.member_ids) for group in answer.groups}
        for change in changes:
            there = members.get(change.lms_group_id, set())
            self.report.memberships.added += len(there.intersection(change.add))
            self.report.memberships.removed += len(set(change.remove) - there)
        return self._tell(names, None)

    def _tell(self, groups: Sequence[str], error: LmsError | None) -> LmsError | None:
        failed = {"code": error.code} if error else {}
        self.report.pushed_groups += [{"set": self.name, "group": group, **failed} for group in groups]
        self.report.errors += [{**failed, "group": group} for group in groups if error]
        return error
