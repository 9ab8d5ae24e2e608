"""Proves what a page had to take at an LMS's word: that everybody whom it was told to take out of a group has left.

Moodle answers a removal from a group that it hides from the tool as it answers any other, and does nothing; the call
that would tell does not fit into what a page may wait for. So such a change is kept as unproven, and a worker reads its
set again within a minute: then it is proved, or what is not as it was asked is shown.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, union

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LmsError
from lti_tool.domain.gateway import Progress, Step, no_progress
from lti_tool.domain.lms_changes import from_json
from lti_tool.domain.proofs import taken_out
from lti_tool.domain.remote import RemoteGroups
from lti_tool.domain.sync import Report
from lti_tool.models import GroupSet, LmsChange, Publication, SyncRun, db, release, transaction
from lti_tool.services import drift, gateways, history, runs, strangers
from lti_tool.services.group_sets import get_set
from lti_tool.services.lms_answers import Answer, read_known, store_answer
from lti_tool.services.lms_delivery import REFUSED, UNPROVEN, mark
from lti_tool.services.lms_sending import whole
from lti_tool.services.mirror import get_publication
from lti_tool.services.mirror import mark as mark_mirror
from lti_tool.services.proved import end_of_gone_sets, end_unproven, find_unproven, groups_in_doubt
from lti_tool.services.tool import Tool

PROVED_AGAIN = timedelta(minutes=5)  # after the LMS could not be read


def sweep(ring: Callable[[UUID], None]) -> int:
    """Queue a run for every course in which something is to be proved now; return how many.

    A change of a set that is not here any more ends unproved: nothing is shown of that set.
    """
    end_of_gone_sets()
    is_due = (LmsChange.state == UNPROVEN, LmsChange.retry_at <= now(), LmsChange.group_set_id.is_not(None))
    changes = select(LmsChange.course_id).where(*is_due)
    mirrors = (
        select(GroupSet.course_id)
        .join(Publication, Publication.group_set_id == GroupSet.id)
        .where(Publication.proof_due_at <= now())
    )
    queued = 0
    for course_id in db.session.scalars(union(changes, mirrors)).all():
        with transaction():
            run_id = runs.queue_unless_open(course_id, "proof")
        if run_id:
            ring(run_id)
            queued += 1
    return queued


def run_proof(tool: Tool, run: SyncRun, report: Report, also: Progress = no_progress) -> None:
    """Do a claimed run of kind proof: every set of the course in which something is unproven is read again.

    One set's failure does not stop the next; the first error ends the run as failed after the last set.
    """
    run_id, course_id = run.id, run.course_id
    with runs.followed(run_id, report, also) as progress:
        first_error: LmsError | None = None
        work = [(_prove_changes, set_id) for set_id in _sets_of_changes(course_id)]
        work += [(_prove_mirror, set_id) for set_id in _published_sets(course_id)]
        for done, (prove, set_id) in enumerate(work):
            progress(Step.VERIFYING, done, len(work))
            try:
                prove(tool, course_id, set_id, report)
            except LmsError as error:
                first_error = first_error or error
        if first_error:
            raise first_error


def _sets_of_changes(course_id: UUID) -> Sequence[UUID]:
    of_course = (LmsChange.course_id == course_id, LmsChange.state == UNPROVEN, LmsChange.group_set_id.is_not(None))
    return [one for one in db.session.scalars(select(LmsChange.group_set_id).where(*of_course).distinct()) if one]


def _published_sets(course_id: UUID) -> Sequence[UUID]:
    sets = select(GroupSet.id).join(Publication, Publication.group_set_id == GroupSet.id)
    return db.session.scalars(sets.where(GroupSet.course_id == course_id, Publication.proof_due_at.is_not(None))).all()


def _prove_changes(tool: Tool, course_id: UUID, set_id: UUID, report: Report) -> None:
    """Re-read a set of the LMS; the store takes what it shows, and each change is sent, or refused with the reason."""
    lms_set_id = get_set(course_id, set_id).lms_group_set_id or ""
    known = read_known(set_id)
    in_doubt = groups_in_doubt(set_id)
    gateway = gateways.open_gateway(tool, course_id)
    release()
    try:
        remote = gateway.read_group_set(lms_set_id, known.empty_ids - in_doubt)
    except LmsError as error:
        _store_failure(course_id, set_id, error, known)
        raise
    finally:
        report.calls += gateway.calls
    with transaction():
        runs.require_own()
        end_unproven(set_id, known, remote)
        store_answer(course_id, set_id, whole(remote, known))
        strangers.note_read(course_id, set_id, remote.groups)


def _store_failure(course_id: UUID, set_id: UUID, error: LmsError, known: RemoteGroups) -> None:
    """Store why nobody can say who left; in groups that the LMS hides they are members again, as it has them."""
    code, facts = _described(error)
    told = error.facts.get("lms_group_ids")
    hidden = {str(one) for one in told} if isinstance(told, list) else set()
    with transaction():
        runs.require_own()
        rows = find_unproven(set_id)
        if error.retryable:
            for row in rows:
                row.retry_at = now() + PROVED_AGAIN
            return
        pairs = [pair for row in rows for pair in taken_out(from_json(row.kind, row.intent))]
        back = {group_id: [person for g, person in pairs if g == group_id] for group_id in hidden}
        groups = (replace(g, member_ids=(*g.member_ids, *back.get(g.lms_group_id, ()))) for g in known.groups)
        store_answer(course_id, set_id, Answer(tuple(group for group in groups if group.lms_group_id in hidden)))
        for row in rows:
            mark(row, REFUSED, code, facts)
            history.note(course_id, row.requested_by, "lms_change_refused", row.about, set_id)


def _described(error: LmsError) -> tuple[str, dict[str, str]]:
    code, facts = runs.describe(error)
    return ("leaving_hidden" if code == "groups_hidden" else code), facts


def _prove_mirror(tool: Tool, course_id: UUID, set_id: UUID, report: Report) -> None:
    """Compare a published set with its mirror: who did not leave is a difference, which a person decides.

    When the LMS hides the group, that is one too: it stays until a look shows who is in it.
    """
    try:
        drift.look(tool, course_id, set_id, report)
    except LmsError as error:
        code, facts = _described(error)
        with transaction():
            runs.require_own()
            publication = get_publication(set_id)
            if error.retryable:
                publication.proof_due_at = now() + PROVED_AGAIN
            else:
                publication.proof_due_at, publication.drift = None, max(publication.drift, 1)
                mark_mirror(publication, REFUSED, code, facts)
        raise
