"""Delivers the ledger's changes of one course in their order, and stores what became of each."""

import json
from collections.abc import Collection, Mapping
from secrets import randbelow
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import select, update

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LmsError
from lti_tool.domain.gateway import LmsGateway, Progress, no_progress
from lti_tool.domain.lms_changes import Intent, from_json
from lti_tool.domain.retries import count_tries, is_in_doubt, retry_wait, unsent
from lti_tool.domain.sync import Report
from lti_tool.models import LmsChange, SyncRun, db, transaction
from lti_tool.services import gateways, history, runs, strangers
from lti_tool.services.lms_answers import Answer, names_of, store_answer
from lti_tool.services.lms_sending import Sending, look_again, moved_elsewhere, not_placed, prepare, send
from lti_tool.services.lms_undo_steps import note_arrival, see_earlier
from lti_tool.services.rights import heed_arrival, heed_refusal
from lti_tool.services.tool import Tool

WAITING, SENDING, SENT, REFUSED, DISCARDED = "waiting", "sending", "sent", "refused", "discarded"
# Sent, but that everybody left their old group is still to be proved (services.proof); `retry_at` says when.
UNPROVEN = "unproven"
ON_WAY = (WAITING, SENDING)


def run_changes(tool: Tool, run: SyncRun, report: Report, also: Progress = no_progress) -> None:
    """Do a claimed run of kind change: everything that is due in the course, in order.

    One change's failure stops the later ones of its set only; the first error ends the run as failed.
    """
    run_id, course_id, set_id = run.id, run.course_id, run.group_set_id
    with runs.followed(run_id, report, also) as progress:
        first_error: LmsError | None = None
        tried: set[UUID] = set()
        while due := due_changes(course_id, set_id, tried):
            change_id = due[0].id
            tried.add(change_id)
            try:
                _deliver(tool, course_id, change_id, report, progress)
            except LmsError as error:
                first_error = first_error or error
        if first_error:
            raise first_error


def due_changes(course_id: UUID, set_id: UUID | None = None, tried: Collection[UUID] = ()) -> list[LmsChange]:
    """Return the changes of a course whose turn it is, oldest first; all of that set, whose page somebody looks at.

    A change waits behind an earlier one of its set that is not due, or was `tried` and still waits; one that was
    refused holds nothing up. A row in state sending is a dead worker's: whoever asks has the course's only open run.
    """
    on_way = select(LmsChange).where(LmsChange.course_id == course_id, LmsChange.state.in_(ON_WAY))
    held: set[UUID] = set()
    due: list[LmsChange] = []
    for row in db.session.scalars(on_way.order_by(LmsChange.created_at, LmsChange.id)):
        of_set = row.group_set_id
        has_come = row.state == SENDING or (row.retry_at is not None and row.retry_at <= now())
        if of_set in held:
            continue
        if row.id not in tried and (has_come or (of_set is not None and of_set == set_id)):
            due.append(row)
        elif of_set is not None:
            held.add(of_set)
    return due


def _deliver(tool: Tool, course_id: UUID, change_id: UUID, report: Report, progress: Progress) -> None:
    """Send one change and store its outcome; raise the LmsError after storing it."""
    found = _claim(change_id)
    if found is None:
        return
    intent, set_id, is_replay, asker = found
    gateway: LmsGateway | None = None
    sending: Sending | None = None
    try:
        sending = prepare(course_id, set_id, intent, is_replay=is_replay)
        gateway = _open_gateway(tool, course_id, asker)
        answer = send(gateway, sending, progress)
        _store_sent(course_id, change_id, intent, answer, report)
    except LmsError as error:
        seen = look_again(gateway, sending, error) if gateway and sending and not error.retryable else None
        _store_failure(course_id, change_id, intent, error, seen, has_written=_has_written(gateway))
        heed_refusal(gateway, course_id, error)
        raise
    except Exception as error:
        _store_failure(course_id, change_id, intent, error, None, has_written=_has_written(gateway))
        raise
    else:
        heed_arrival(gateway, course_id)
    finally:
        report.calls += gateway.calls if gateway else 0


def _has_written(gateway: LmsGateway | None) -> bool:
    return gateway is not None and gateway.has_written


def _open_gateway(tool: Tool, course_id: UUID, asker: UUID | None) -> LmsGateway:
    """Return the gateway by the right of who waits for the change, else of who asked for it (ruling C33).

    Who waits was let in by a page; the worker's sweep has nobody's right but the asker's, which may be gone by now.
    Raise LmsRefused("asker_without_right"), and as `gateways.open_gateway`.
    """
    run = runs.at_work()
    if asker is None or (run is not None and run.requested_by is not None):
        return gateways.open_gateway(tool, course_id)
    gateways.require_asker(asker)
    return gateways.open_gateway(tool, course_id, access_id=asker)


def _claim(change_id: UUID) -> tuple[Intent, UUID | None, bool, UUID | None] | None:
    """Mark a change as being sent and give what it is and who asked for it; None when a person ended it meanwhile."""
    with transaction() as session:
        taken = session.execute(
            update(LmsChange)
            .where(LmsChange.id == change_id, LmsChange.state.in_(ON_WAY))
            .values(state=SENDING, attempts=LmsChange.attempts + 1, retry_at=None)
            .execution_options(synchronize_session=False)
        )
        if not taken.rowcount:  # type: ignore[attr-defined] # CursorResult
            return None
        row = session.get_one(LmsChange, change_id, populate_existing=True)
        return from_json(row.kind, row.intent), row.group_set_id, row.attempts > 1, row.requested_by


def _store_sent(course_id: UUID, change_id: UUID, intent: Intent, answer: Answer, report: Report) -> None:
    """Store what the LMS answered together with the change's outcome."""
    missing = not_placed(intent, answer)
    with transaction() as session:
        runs.require_own()
        row = session.get_one(LmsChange, change_id)
        if answer.before:
            store_answer(course_id, row.group_set_id, answer.before)
        earlier = see_earlier(row.group_set_id, intent)
        row.group_set_id = store_answer(course_id, row.group_set_id, answer)
        strangers.note_seen(course_id, row.group_set_id, answer.groups, report)
        note_arrival(row, intent, earlier)
        if missing:
            names = names_of(course_id, {person for _, person in missing})
            people = [{"group": group, "person": names.get(person, "?")} for group, person in missing]
            report.not_placed += people
            told = ", ".join(dict.fromkeys(one["person"] for one in people[:10]))
            mark(row, REFUSED, "people_not_placed", {"people": told})
        elif moved := moved_elsewhere(course_id, intent, answer):
            mark(row, REFUSED, "moved_since", {"names": "; ".join(moved)})
        else:
            mark(row, UNPROVEN if answer.unproven else SENT)
        ended = "refused" if missing else "sent"
        history.note(course_id, row.requested_by, f"lms_change_{ended}", row.about, row.group_set_id)


def _store_failure(
    course_id: UUID, change_id: UUID, intent: Intent, error: Exception, seen: Answer | None, *, has_written: bool
) -> None:
    """Store why a change did not arrive, and what a second look at its set showed.

    Of a try that began no call that changes anything, nothing is in doubt: the next one is no replay.
    """
    code, facts = runs.describe(error)
    with transaction() as session:
        if not runs.is_own():
            return
        row = session.get_one(LmsChange, change_id)
        tries = count_tries(row.attempts, json.loads(row.error_facts))
        if not is_in_doubt(code, has_written=has_written):
            row.attempts -= 1  # what the next try finds under these names was not made by this one
        facts |= unsent(tries, row.attempts)
        if seen is not None:
            earlier = see_earlier(row.group_set_id, intent)
            store_answer(course_id, row.group_set_id, seen)
            if earlier:  # part of a bulk change can be taken back too
                note_arrival(row, intent, earlier)
        if isinstance(error, LmsError) and error.retryable:
            mark(row, WAITING, code, facts)
            row.retry_at = now() + retry_wait(tries, randbelow(1001) / 1000)
        else:
            mark(row, REFUSED, code, facts)
            history.note(course_id, row.requested_by, "lms_change_refused", row.about, row.group_set_id)


def mark(row: LmsChange, state: str, code: str | None = None, facts: Mapping[str, str] = MappingProxyType({})) -> None:
    """Store how a change stands, in the caller's transaction."""
    row.state, row.error_code, row.error_facts = state, code, json.dumps(dict(facts))
    row.retry_at = now() if state == UNPROVEN else None
    row.finished_at = now() if state in (SENT, UNPROVEN) else None
