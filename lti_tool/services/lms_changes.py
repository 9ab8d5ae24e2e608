"""The ledger of changes: what people asked of the LMS's groups, brought there in order, and what became of it.

A row is committed before the LMS is called and its outcome after; the store changes with the outcome only. A row
that was tried before is sent again by what a re-read shows to be left of it (services.lms_sending).
"""

import contextlib
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Select, and_, or_, select

from lti_tool.domain.acts import Act, act_of
from lti_tool.domain.clock import now
from lti_tool.domain.errors import Conflict, LmsError, NotFound
from lti_tool.domain.lms_changes import (
    MOST_WAITED_FOR,
    SEEN_TEXTS,
    ChangeGroups,
    Intent,
    ReadAgain,
    from_json,
    overlap,
    replaces,
    size_of,
    to_json,
    with_seen_places,
    with_seen_text,
)
from lti_tool.domain.retries import count_tries, of_error
from lti_tool.domain.sync import Report
from lti_tool.models import CourseAccess, Group, GroupSet, LmsChange, db, transaction
from lti_tool.services import history, runs
from lti_tool.services.access import Viewer
from lti_tool.services.lms_answers import read_known
from lti_tool.services.lms_delivery import (
    DISCARDED,
    REFUSED,
    SENDING,
    SENT,
    UNPROVEN,
    WAITING,
    due_changes,
    run_changes,
)
from lti_tool.services.shared_groups import require_edits_of
from lti_tool.services.tool import Tool
from lti_tool.services.turns import leave_to_worker, take_turn

__all__ = ["run_changes"]
OPEN = (WAITING, SENDING, REFUSED)
ENDED = (SENT, UNPROVEN, DISCARDED)


@dataclass(frozen=True)
class ChangeView:
    """A change as pages show it; `set_name` is None for a set that is gone, or not there yet.

    `attempts`: how often it was tried; `in_doubt`: a try may have changed something in the LMS all the same.
    """

    id: UUID
    kind: str
    act: Act
    about: str
    state: str
    error_code: str | None
    retry_at: datetime | None
    attempts: int
    requested_by: str | None
    created_at: datetime
    finished_at: datetime | None
    set_id: UUID | None
    set_name: str | None
    in_doubt: bool = False
    error_facts: dict[str, str] = field(default_factory=dict)

    @property
    def can_be_ended(self) -> bool:
        """Say whether a person may retry or discard the change now."""
        return self.state in (WAITING, REFUSED)

    @property
    def can_be_discarded(self) -> bool:
        """Say whether a person may give it up: not the look at what arrived, while there is something to look at."""
        return self.can_be_ended and not _must_be_read(self.kind, self.set_id)


def note(viewer: Viewer, kind: str, set_id: UUID | None, about: str, intent: Intent) -> UUID:
    """Write down what somebody asked for, inside the caller's transaction, and return the row's id.

    A refused change in whose stead it comes is given up, so that no retry undoes the newer one; when it was tried, its
    set is read before the newer one is sent. Raise Conflict("change_waiting") when an earlier change of the same
    things has not arrived yet.
    """
    in_doubt: LmsChange | None = None
    is_open = select(LmsChange).where(LmsChange.course_id == viewer.course.id, LmsChange.state.in_(OPEN))
    for row in db.session.scalars(is_open.where(LmsChange.group_set_id == set_id)):
        earlier = from_json(row.kind, row.intent)
        if row.state != REFUSED and overlap(earlier, intent):
            raise Conflict("change_waiting", about=row.about)
        if row.state == REFUSED and replaces(intent, earlier):
            row.state, row.retry_at, row.finished_at = DISCARDED, None, now()
            history.note(viewer.course.id, viewer.access_id, "lms_change_replaced", row.about, set_id)
            in_doubt = row if row.attempts else in_doubt
    if in_doubt is not None:  # else people would come into a second group of the set, and nobody would be told
        _add(viewer, "read_again", set_id, in_doubt.about, ReadAgain())
    return _add(viewer, kind, set_id, about, intent)


def _add(viewer: Viewer, kind: str, set_id: UUID | None, about: str, intent: Intent) -> UUID:
    row = LmsChange(
        id=uuid4(),
        course_id=viewer.course.id,
        group_set_id=set_id,
        kind=kind,
        about=about,
        intent=to_json(intent),
        state=WAITING,
        retry_at=now(),
        requested_by=viewer.access_id,
        created_at=now(),
    )
    db.session.add(row)
    return row.id


def deliver(tool: Tool, viewer: Viewer, set_id: UUID | None) -> list[ChangeView]:
    """Bring what is due to the LMS before the page answers and return what is still open, of the set or the course.

    A change of many people is left to the worker, whose run the set's page shows. Nothing is raised for what the LMS
    did: the rows say what has not arrived and why.
    """
    course_id = viewer.course.id
    due = due_changes(course_id, set_id)
    if sum(size_of(from_json(row.kind, row.intent)) for row in due) > MOST_WAITED_FOR:
        leave_to_worker(tool, viewer, "change", set_id)
    elif due:
        run_id = take_turn(course_id, "change", viewer.access_id, set_id)
        run = runs.claim(run_id) if run_id else None
        if run is not None:
            with contextlib.suppress(LmsError):
                run_changes(tool, run, Report())
    return list_of_set(set_id) if set_id else list_open(course_id)


def list_open(course_id: UUID) -> list[ChangeView]:
    """Return the changes of a course that have not arrived, oldest first."""
    of_course = _views().where(LmsChange.course_id == course_id, LmsChange.state.in_(OPEN))
    return _read(of_course.order_by(LmsChange.created_at, LmsChange.id))


def list_of_set(set_id: UUID) -> list[ChangeView]:
    """Return the changes of a set that have not arrived, oldest first."""
    of_set = _views().where(LmsChange.group_set_id == set_id, LmsChange.state.in_(OPEN))
    return _read(of_set.order_by(LmsChange.created_at, LmsChange.id))


def list_latest(course_id: UUID, limit: int = 50, states: Collection[str] = (*OPEN, *ENDED)) -> list[ChangeView]:
    """Return the latest changes of a course in these states, newest first."""
    of_course = _views().where(LmsChange.course_id == course_id, LmsChange.state.in_(states))
    return _read(of_course.order_by(LmsChange.created_at.desc(), LmsChange.id).limit(limit))


def see_change(course_id: UUID, change_id: UUID) -> ChangeView:
    """Return one change of a course; raise NotFound."""
    found = _read(_views().where(LmsChange.id == change_id, LmsChange.course_id == course_id))
    if not found:
        raise NotFound("change_not_found")
    return found[0]


def state_of(course_id: UUID, change_ids: Collection[UUID]) -> str | None:
    """Return how some changes stand together: refused before waiting before sent; None when there are none.

    Changes that wait for their first try count as being sent: nothing has gone wrong with them. UNPROVEN is sent,
    while that everybody left their old group is still to be proved.
    """
    of_course = (LmsChange.course_id == course_id, LmsChange.id.in_(change_ids))
    rows = db.session.execute(select(LmsChange.state, LmsChange.error_code).where(*of_course))
    states = {SENDING if state == WAITING and code is None else state for state, code in rows}
    return next((state for state in (REFUSED, WAITING, SENDING, UNPROVEN, SENT) if state in states), None)


def require_unrenamed(course_id: UUID, change_ids: Collection[UUID]) -> None:
    """Raise Conflict("renamed_meanwhile" or "described_meanwhile") when a text was held back for one of others."""
    of_course = (LmsChange.course_id == course_id, LmsChange.id.in_(change_ids), LmsChange.state == REFUSED)
    for code, facts in db.session.execute(select(LmsChange.error_code, LmsChange.error_facts).where(*of_course)):
        if code in SEEN_TEXTS:
            raise Conflict(code, **of_error(json.loads(facts)))


def retry(tool: Tool, viewer: Viewer, change_id: UUID) -> ChangeView:
    """Try a change again now and return how it stands; raise NotFound, Conflict("change_not_open").

    Raise Conflict as `runs.require_edits` does for its set, and for each other one that holds a group of the change.

    Who retries a new name that was held back has read which name others gave meanwhile, and means to overwrite it; who
    retries a move has seen where others put the people.
    """
    with transaction():
        row = _ending(viewer, change_id)
        set_id = row.group_set_id
        _require_edits(row)
        if row.error_code in SEEN_TEXTS:
            seen, intent = json.loads(row.error_facts), from_json(row.kind, row.intent)
            row.intent = to_json(with_seen_text(intent, row.error_code, seen["before"], seen["found"]))
        elif row.error_code in ("changed_meanwhile", "moved_since", "set_filled") and set_id:
            row.intent = to_json(with_seen_places(from_json(row.kind, row.intent), read_known(set_id)))
        row.state, row.retry_at, row.finished_at = WAITING, now(), None
        history.note(viewer.course.id, viewer.access_id, "lms_change_retried", row.about, set_id)
    deliver(tool, viewer, set_id)
    return see_change(viewer.course.id, change_id)


def _require_edits(row: LmsChange) -> None:
    intent = from_json(row.kind, row.intent)
    if row.group_set_id:
        runs.require_edits(row.course_id, row.group_set_id)
    if isinstance(intent, ChangeGroups):
        of_course = (Group.course_id == row.course_id, Group.lms_group_id.in_(intent.push.group_ids))
        require_edits_of(row.course_id, db.session.scalars(select(Group.id).where(*of_course)).all())


def discard(viewer: Viewer, change_id: UUID) -> ChangeView:
    """Give a change up that waits or was refused; raise NotFound, Conflict("change_not_open" or "must_be_read").

    When nobody knows what of it arrived, its set is read again in its stead, which nobody gives up. A set that may have
    been made is looked for by a sync of groups; raise Conflict("run_open") when none can be queued.
    """
    with transaction():
        row = _ending(viewer, change_id)
        if _must_be_read(row.kind, row.group_set_id):
            raise Conflict("must_be_read")
        row.state, row.retry_at, row.finished_at = DISCARDED, None, now()
        if row.attempts and row.group_set_id and row.kind != "read_again":
            _add(viewer, "read_again", row.group_set_id, row.about, ReadAgain())
        elif row.attempts and row.kind == "create_set":
            _queue_sync(viewer)
        history.note(viewer.course.id, viewer.access_id, "lms_change_discarded", row.about, row.group_set_id)
    return see_change(viewer.course.id, change_id)


def _queue_sync(viewer: Viewer) -> None:
    if not runs.queue_unless_open(viewer.course.id, "groups", requested_by=viewer.access_id):
        raise Conflict("run_open")


def give_up(tool: Tool, viewer: Viewer, change_id: UUID) -> ChangeView:
    """Discard a change and have looked at what of it may have arrived; raise as `discard` does."""
    change = discard(viewer, change_id)
    run = runs.find_open_run(viewer.course.id)
    if run is not None and run.state == "queued":
        tool.ring(run.id)
    deliver(tool, viewer, change.set_id)
    return change


def _must_be_read(kind: str, set_id: UUID | None) -> bool:
    """Say whether a set is shown of which nobody knows what the LMS has: then only a look at it ends the row."""
    return kind == "read_again" and set_id is not None


def _ending(viewer: Viewer, change_id: UUID) -> LmsChange:
    runs.require_edits(viewer.course.id)
    row = db.session.scalar(
        select(LmsChange).where(LmsChange.id == change_id, LmsChange.course_id == viewer.course.id).with_for_update()
    )
    if row is None:
        raise NotFound("change_not_found")
    if row.state not in (WAITING, REFUSED):
        raise Conflict("change_not_open")
    return row


def sweep(ring: Callable[[UUID], None]) -> int:
    """Queue a run for every course with a change whose time has come, or whose worker died; return how many."""
    come = and_(LmsChange.state == WAITING, LmsChange.retry_at <= now())
    course_ids = db.session.scalars(
        select(LmsChange.course_id).where(or_(come, LmsChange.state == SENDING)).distinct()
    ).all()
    queued = 0
    for course_id in course_ids:
        with transaction():
            run_id = runs.queue_unless_open(course_id, "change")
        if run_id:
            ring(run_id)
            queued += 1
    return queued


def _views() -> Select[LmsChange, str | None, str | None]:
    return (
        select(LmsChange, CourseAccess.name, GroupSet.name)
        .outerjoin(CourseAccess, CourseAccess.id == LmsChange.requested_by)
        .outerjoin(GroupSet, GroupSet.id == LmsChange.group_set_id)
    )


def _read(query: Select[LmsChange, str | None, str | None]) -> list[ChangeView]:
    return [_view(row, name, set_name) for row, name, set_name in db.session.execute(query)]


def _view(row: LmsChange, name: str | None, set_name: str | None) -> ChangeView:
    facts = json.loads(row.error_facts)
    return ChangeView(
        id=row.id,
        kind=row.kind,
        act=act_of(from_json(row.kind, row.intent)),
        about=row.about,
        state=row.state,
        error_code=row.error_code,
        error_facts=of_error(facts),
        retry_at=row.retry_at,
        attempts=count_tries(row.attempts, facts),
        in_doubt=row.attempts > 0,
        requested_by=name,
        created_at=row.created_at,
        finished_at=row.finished_at,
        set_id=row.group_set_id,
        set_name=set_name,
    )
