"""Pushes: bring the mirrors of published sets to the wanted state, and store what the LMS answered."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from secrets import randbelow
from uuid import UUID

from sqlalchemy import select

from lti_tool.domain.clock import now
from lti_tool.domain.drift import compare, count_drifted, newcomers
from lti_tool.domain.errors import LmsChanged, LmsError, LmsRefused
from lti_tool.domain.gateway import LmsGateway, Progress, no_progress
from lti_tool.domain.group_push import GroupSetPush
from lti_tool.domain.lms_changes import REFUSED, SEEN_TEXTS, SENT, WAITING
from lti_tool.domain.remote import NO_OPTIONS, RemoteGroups, SetOptions
from lti_tool.domain.retries import count_tries, is_in_doubt, retry_wait, unsent
from lti_tool.domain.sync import MirroredState, Report, known_group, mirror_after, plan_push
from lti_tool.models import GroupSet, GroupSetEntry, Publication, SyncRun, db, release, transaction
from lti_tool.services import gateways, runs, strangers
from lti_tool.services.drift import MAY_BE_GONE, read_sides, store_found
from lti_tool.services.group_sets import get_set
from lti_tool.services.lms_answers import read_active
from lti_tool.services.mirror import (
    find_publication,
    get_publication,
    is_behind,
    lock_publication,
    mark,
    not_placed,
    published_set_ids,
    read_mirror,
    read_wanted,
    store_mirror,
)
from lti_tool.services.removal import list_left_out
from lti_tool.services.rights import heed_arrival, heed_refusal
from lti_tool.services.tool import Tool


def run_push(tool: Tool, run: SyncRun, report: Report, also: Progress = no_progress) -> None:
    """Do a claimed run of kind publish (one set) or push (one, or all published sets of the course).

    One set's failure does not stop the next; the first error ends the run as failed after the last set.
    """
    run_id, course_id = run.id, run.course_id
    set_ids = [run.group_set_id] if run.group_set_id else published_set_ids(course_id)
    # A push brings what the store has by whoever's right was asked then; a publication is somebody's own wish.
    asker = run.requested_by if run.kind == "publish" else None
    with runs.followed(run_id, report, also) as progress:
        if error := push_sets(tool, course_id, set_ids, report, progress, asker=asker):
            raise error


def push_sets(
    tool: Tool,
    course_id: UUID,
    set_ids: Sequence[UUID],
    report: Report,
    progress: Progress,
    *,
    asker: UUID | None = None,
) -> LmsError | None:
    """Bring the mirrors of these sets up to date and return the first error; it stops none of the others."""
    first_error: LmsError | None = None
    for set_id in set_ids:
        try:
            push_set(tool, course_id, set_id, report, progress, asker=asker)
        except LmsError as error:
            first_error = first_error or error
    return first_error


def preview_push(course_id: UUID) -> Report:
    """Report what a push of all published sets of a course would send; nothing is sent."""
    report = Report(complete=True)
    for set_id in published_set_ids(course_id):
        push = plan_push(read_wanted(course_id, set_id).groups, read_mirror(set_id))
        report.group_sets.created += get_publication(set_id).lms_group_set_id is None
        report.groups.created += len(push.create)
        report.groups.renamed += sum(change.name is not None for change in push.change)
        report.groups.removed += len(push.delete)
        report.memberships.added += sum(len(g.member_ids) for g in push.create) + sum(len(c.add) for c in push.change)
        report.memberships.removed += sum(len(change.remove) for change in push.change)
    return report


def push_set(
    tool: Tool,
    course_id: UUID,
    set_id: UUID,
    report: Report,
    progress: Progress = no_progress,
    *,
    asker: UUID | None = None,
    replay: bool = False,
) -> None:
    """Bring one set's mirror up to date and store how that ended; raise the LmsError after storing it.

    `replay`: groups of an earlier try that broke off may be there, although the LMS was read since.
    `asker` may have lost the right meanwhile: then nothing is sent, LmsRefused("asker_without_right") (ruling C33).
    """
    gateway: LmsGateway | None = None
    was_tried = _begin_try(set_id)
    try:
        if asker:
            gateways.require_asker(asker)
        gateway = gateways.open_gateway(tool, course_id)
        _push(gateway, course_id, set_id, report, progress, was_tried=was_tried, replay=replay or was_tried)
    except LmsError as error:
        _store_failure(set_id, error, has_written=gateway is not None and gateway.has_written)
        heed_refusal(gateway, course_id, error)
        raise
    else:
        heed_arrival(gateway, course_id)
    finally:
        report.calls += gateway.calls if gateway else 0


def _begin_try(set_id: UUID) -> bool:
    """Count a try before its first call, and say whether an earlier one has not told its end.

    A process that is killed tells nothing: what it sent is in doubt, as after a lost answer.
    """
    with transaction():
        publication = get_publication(set_id)
        publication.attempts += 1
        return publication.attempts > 1


def _push(
    gateway: LmsGateway,
    course_id: UUID,
    set_id: UUID,
    report: Report,
    progress: Progress,
    *,
    was_tried: bool,
    replay: bool,
) -> None:
    has_looked = _look_again(gateway, course_id, set_id, was_tried=was_tried)
    is_new = get_publication(set_id).lms_group_set_id is None
    with _kept_theirs(set_id):
        lms_set_id = _ensure_set(gateway, course_id, set_id, replay=was_tried)
    wanted = read_wanted(course_id, set_id)
    if wanted.doubled:  # another set that shares groups may have put them there
        raise LmsRefused("people_in_two_groups", people=wanted.doubled[:10])
    mirror = read_mirror(set_id)
    push = plan_push(wanted.groups, mirror)
    answer, drifted = RemoteGroups(), 0
    if push:
        release()
        with _kept_theirs(set_id):
            known = tuple(known_group(state) for state in mirror)
            answer = gateway.push(lms_set_id, replace(push, replay=replay, seen=has_looked, known=known), progress)
        if is_new and not answer.group_sets:  # no page waits for a whole set: what others did meanwhile shows at once
            answer = gateway.read_group_set(lms_set_id)
        after = mirror_after(wanted.groups, mirror, answer.groups, push)
        renamed = any(s.lms_group_set_id == lms_set_id and s.name != wanted.set_name for s in answer.group_sets)
        came = newcomers(after, answer.groups)
        drifted = count_drifted(after, answer.groups) + renamed + (len(read_active(course_id, came)) if came else 0)
        _count(report, push, mirror, after)
    else:
        after = mirror
    with transaction():
        runs.require_own()
        publication = lock_publication(set_id)  # who edits the set now is seen below, or notes it afterwards
        store_mirror(set_id, after)
        publication.last_pushed_at = now()
        publication.attempts = 0  # the LMS has told all of it
        publication.drift = max(publication.drift, drifted)
        strangers.note_seen(course_id, set_id, answer.groups, report)
        if answer.unproven:
            publication.proof_due_at = now()
        missing = not_placed(wanted, after)
        if missing:
            report.not_placed += [{"group": d.group, "person": d.person} for d in missing]
            mark(publication, REFUSED, "people_not_placed", {"people": ", ".join(d.person for d in missing[:10])})
        elif is_behind(course_id, publication):
            mark(publication, WAITING)  # somebody changed the set meanwhile
        else:
            mark(publication, SENT)


@contextmanager
def _kept_theirs(set_id: UUID) -> Iterator[None]:
    """Turn what would overwrite a text, or a move, of others in the LMS into drift, which a person decides."""
    try:
        yield
    except LmsChanged as error:
        if error.code != "moved_meanwhile" and error.code not in SEEN_TEXTS:
            raise
        with transaction():
            publication = get_publication(set_id)
            publication.drift, publication.drift_seen_at = max(publication.drift, 1), now()
        raise LmsChanged("drifted", count=1) from None


def _look_again(gateway: LmsGateway, course_id: UUID, set_id: UUID, *, was_tried: bool) -> bool:
    """Re-read the mirror before a push when it may not be as it is known, and say so; a usual push spares this.

    That is when others were found to have changed or deleted it, when the last push broke off, also the first of all
    (what of that arrived, nobody told us), and before groups are deleted, which others may have changed. Raise
    LmsChanged("drifted") when a push would overwrite what others changed: a person decides first.
    """
    publication = get_publication(set_id)
    lms_set_id = publication.lms_group_set_id
    mirror = read_mirror(set_id)
    is_touched = publication.drift or publication.error_code in MAY_BE_GONE
    in_doubt = is_touched or was_tried or _deletes(set_id, mirror)
    if lms_set_id is None or not in_doubt:
        return False
    release()
    found = gateway.read_group_set(lms_set_id)
    with transaction():
        runs.require_own()
        get_publication(set_id).proof_due_at = None
        sides = read_sides(course_id, set_id, found, in_doubt=was_tried)
        store_mirror(set_id, sides.base)
        items = compare(sides)
        if get_publication(set_id).error_code in MAY_BE_GONE:  # it is there
            mark(get_publication(set_id), WAITING)
        store_found(get_publication(set_id), items)
    if conflicts := sum(item.conflict for item in items):
        raise LmsChanged("drifted", count=conflicts)
    return True


def _deletes(set_id: UUID, mirror: Sequence[MirroredState]) -> bool:
    """Say whether a push deletes groups of the mirror: ours are gone, or in the set no more."""
    ours = select(GroupSetEntry.group_id).where(GroupSetEntry.group_set_id == set_id)
    return bool({state.group_id for state in mirror} - set(db.session.scalars(ours)))


def _ensure_set(gateway: LmsGateway, course_id: UUID, set_id: UUID, *, replay: bool) -> str:
    """Return the LMS id of the mirror; make it when there is none, and give it the set's present name."""
    publication = get_publication(set_id)
    name = get_set(course_id, set_id).name
    lms_set_id, pushed_name = publication.lms_group_set_id, publication.name
    release()
    if lms_set_id is None:
        lms_set_id = create_lms_set(gateway, course_id, name, replay=replay)
    elif pushed_name != name:
        gateway.edit_group_set(lms_set_id, name, name_before=pushed_name)
    else:
        return lms_set_id
    with transaction():
        publication = get_publication(set_id)
        publication.lms_group_set_id, publication.name = lms_set_id, name
    return lms_set_id


def create_lms_set(
    gateway: LmsGateway, course_id: UUID, name: str, options: SetOptions = NO_OPTIONS, *, replay: bool
) -> str:
    """Make a set in the LMS and return its id; after an unanswered try (`replay`) the one that it made."""
    try:
        return gateway.create_group_set(name, options)
    except LmsRefused as error:
        if error.code != "set_name_taken" or not replay:
            raise
        # An earlier try may have made it without its answer reaching us: then it is there, empty and unknown to us.
        remote = gateway.pull(roster=False, groups=True).groups or RemoteGroups()
        known = _known_lms_sets(course_id)
        for group_set in remote.group_sets:
            if group_set.name == name and not group_set.group_ids and group_set.lms_group_set_id not in known:
                return group_set.lms_group_set_id
        raise


def _known_lms_sets(course_id: UUID) -> set[str | None]:
    connected = db.session.scalars(select(GroupSet.lms_group_set_id).where(GroupSet.course_id == course_id)).all()
    mirrors = db.session.scalars(
        select(Publication.lms_group_set_id)
        .join(GroupSet, GroupSet.id == Publication.group_set_id)
        .where(GroupSet.course_id == course_id)
    ).all()
    left_out = (row.lms_group_set_id for row in list_left_out(course_id))
    return {*connected, *mirrors, *left_out}


def _count(report: Report, push: GroupSetPush, before: Sequence[MirroredState], after: Sequence[MirroredState]) -> None:
    old = {(s.lms_group_id, member) for s in before for member in s.member_ids}
    new = {(s.lms_group_id, member) for s in after for member in s.member_ids}
    report.groups.created += len({s.lms_group_id for s in after} - {s.lms_group_id for s in before})
    report.groups.renamed += sum(change.name is not None for change in push.change)
    report.groups.removed += len(push.delete)
    report.memberships.added += len(new - old)
    report.memberships.removed += len(old - new)


def _store_failure(set_id: UUID, error: LmsError, *, has_written: bool) -> None:
    with transaction():
        publication = find_publication(set_id)
        if publication is None or not runs.is_own():
            return
        tries = count_tries(publication.attempts, json.loads(publication.error_facts))
        if error.code in ("drifted", "people_in_two_groups") or not is_in_doubt(error.code, has_written=has_written):
            publication.attempts -= 1  # so nothing is in doubt
        if error.code == "group_gone":
            publication.drift = max(publication.drift, 1)  # others deleted it: a person decides
        code, facts = runs.describe(error)
        if publication.error_code in MAY_BE_GONE:  # no look has told yet; the next try is to look again
            code, facts = publication.error_code, {}
        if error.retryable:
            facts |= unsent(tries, publication.attempts)
            mark(publication, WAITING, code, facts, later=retry_wait(tries, randbelow(1001) / 1000))
        else:
            mark(publication, REFUSED, code, facts)
