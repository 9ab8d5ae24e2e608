"""Publishes local sets: makes their mirror in the LMS and has every later change brought there.

What has not arrived is the difference between a set and its mirror rows, computed whenever it is asked for; a push
sends exactly that difference and stores what the LMS answered.
"""

import contextlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import delete, select

from lti_tool.domain.changes import Changes
from lti_tool.domain.clock import now
from lti_tool.domain.errors import Conflict, Forbidden, LmsError, RuleViolation
from lti_tool.domain.groups import set_is_editable
from lti_tool.domain.lms_changes import MOST_WAITED_FOR, REFUSED, SENT, WAITING, size_of_push
from lti_tool.domain.retries import FIRST_RETRY
from lti_tool.domain.sync import Report, plan_push
from lti_tool.lms.names import refused_names
from lti_tool.models import Course, GroupSet, MirroredGroup, Publication, db, release, transaction
from lti_tool.services import gateways, history, runs
from lti_tool.services.access import Viewer
from lti_tool.services.assignment_sets import require_shown
from lti_tool.services.drift import MAY_BE_GONE
from lti_tool.services.group_sets import connection_of, find_set, get_editable_set, get_set, read_groups
from lti_tool.services.groupings import lock_sets, sharing_sets
from lti_tool.services.ledger_page import read_push
from lti_tool.services.mirror import (
    Difference,
    find_publication,
    find_publications_touched,
    get_publication,
    is_behind,
    list_differences,
    mark,
    published_set_ids,
    read_mirror,
    read_wanted,
    require_mirrorable,
)
from lti_tool.services.mirror_deletion import delete_copy
from lti_tool.services.push import run_push
from lti_tool.services.removal import delete_set, require_as_told, require_none_formed
from lti_tool.services.tool import Tool
from lti_tool.services.turns import leave_to_worker, take_turn

WORST_FIRST = (REFUSED, WAITING, "sending", "unproven", SENT)


@dataclass(frozen=True)
class PublicationView:
    """A publication as its set's page shows it."""

    state: str
    error_code: str | None
    error_facts: dict[str, str]
    retry_at: datetime | None
    last_pushed_at: datetime | None
    differences: Sequence[Difference]
    drift: int = 0
    drift_seen_at: datetime | None = None
    proof_due_at: datetime | None = None

    @property
    def shown_state(self) -> str:
        """Return the state; "unproven" when all was sent, but that everybody left their old group is to be proved."""
        return "unproven" if self.state == SENT and self.proof_due_at else self.state


def request_publication(tool: Tool, viewer: Viewer, set_id: UUID) -> UUID:
    """Queue the making of a set's mirror, ring for it and return the run; raise as `queue_publication` does."""
    get_set(viewer.course.id, set_id)
    run_id = queue_publication(tool, set_id, requested_by=viewer.access_id)
    tool.ring(run_id)
    return run_id


def queue_publication(tool: Tool, set_id: UUID, requested_by: UUID | None = None) -> UUID:
    """Queue the making of a set's mirror and return the run; a mirror that was deleted in the LMS is made anew.

    Raise NotFound, Forbidden, RuleViolation or LmsRefused when the set cannot be published, Conflict("run_open").
    """
    course_id = find_set(set_id).course_id
    _require_own(get_set(course_id, set_id))
    gateways.open_writable(tool, course_id, access_id=requested_by)
    with transaction() as session:
        # Who changes the set meanwhile, through whichever set, comes before the checks or sees the publication.
        lock_sets(course_id, (), [set_id, *sharing_sets(set_id)])
        name = _require_publishable(course_id, set_id)
        publication = find_publication(set_id)
        if publication is None:
            publication = Publication(
                id=uuid4(), group_set_id=set_id, lms_group_set_id=None, name=name, created_at=now()
            )
            session.add(publication)
        elif publication.error_code == "set_gone":
            _forget_mirror(publication)
        mark(publication, WAITING, later=FIRST_RETRY)
        run_id = runs.queue_unless_open(course_id, "publish", requested_by=requested_by, group_set_id=set_id)
        if run_id is None:
            raise Conflict("run_open")
        history.note(course_id, requested_by, "group_set_published", name, set_id)
    return run_id


def _require_own(row: GroupSet) -> None:
    if not set_is_editable(connection_of(row)):
        raise Forbidden("set_not_publishable")


def _require_publishable(course_id: UUID, set_id: UUID) -> str:
    """Return a locked set's name; raise unless it and its groups are ours, it has groups, and nobody is in two."""
    row = get_set(course_id, set_id)
    _require_own(row)
    groups = read_groups(set_id)
    if not groups:
        raise RuleViolation("set_is_empty")
    require_mirrorable(groups)
    family = db.session.get_one(Course, course_id).registration.family
    if refused := refused_names(family, row.name, [group.name for group in groups]):
        raise RuleViolation("names_not_for_lms", names=refused[:10])
    return row.name


def read_publication(course_id: UUID, set_id: UUID) -> PublicationView | None:
    """Return how a set's mirror stands, with every difference; None for a set that is not published."""
    publication = find_publication(set_id)
    if publication is None:
        return None
    return PublicationView(
        state=publication.state,
        error_code=publication.error_code,
        error_facts=json.loads(publication.error_facts),
        retry_at=publication.retry_at,
        last_pushed_at=publication.last_pushed_at,
        differences=list_differences(course_id, set_id),
        drift=publication.drift,
        drift_seen_at=publication.drift_seen_at,
        proof_due_at=publication.proof_due_at,
    )


def mark_changed(course_id: UUID) -> None:
    """Mark the published sets of a course that differ from their mirrors, so that the worker pushes them.

    Runs inside the caller's transaction, after the roster or the groups changed.
    """
    for set_id in published_set_ids(course_id):
        publication = get_publication(set_id)
        _mark_if_changed(course_id, publication)
        _mark_if_settled(course_id, publication)


def _mark_if_changed(course_id: UUID, publication: Publication) -> None:
    if publication.state == SENT and is_behind(course_id, publication):
        mark(publication, WAITING)


def _mark_if_settled(course_id: UUID, publication: Publication) -> None:
    """Let the worker ask again when nobody is missing any more whom the LMS did not take: they left the course."""
    if publication.error_code == "people_not_placed" and not list_differences(course_id, publication.group_set_id):
        mark(publication, WAITING)


def push_changes(tool: Tool, viewer: Viewer, set_ids: Collection[UUID]) -> str | None:
    """Bring a change of sets that was just stored to the LMS, as `push_after_change` does each.

    Return the worst state that these sets are in, or other published sets with the same groups that do not have all of
    it; None when nothing of it is published. "sending" stands for what is left to the worker.
    """
    pushed = [push_after_change(tool, viewer, set_id) for set_id in sorted(set_ids)]
    states = {view.shown_state for view in pushed if view}
    sharing = find_publications_touched(viewer.course.id, *set_ids, lost=False)
    for other in find_publications_touched(viewer.course.id, *set_ids):
        # One that was refused before, and for a group that nobody has here any more, is not about this change.
        if other.state == WAITING or (other.state != SENT and other in sharing):
            states.add("sending" if other.state == WAITING and other.error_code is None else other.state)
    release()
    return next((state for state in WORST_FIRST if state in states), None)


def push_after_change(tool: Tool, viewer: Viewer, set_id: UUID) -> PublicationView | None:
    """Bring a change that was just stored to the LMS before the page answers; None for a set that is not published.

    A change of many people is left to the worker, whose run the set's page shows, and so are other published sets
    that share a group with this one. Nothing is raised for what the LMS did: the view says what has not arrived.
    """
    course_id = viewer.course.id
    with transaction():
        for touched in find_publications_touched(course_id, set_id):
            _mark_if_changed(course_id, touched)
        publication = find_publication(set_id)
        if publication is None:
            return None
        may_be_gone = publication.error_code if publication.error_code in MAY_BE_GONE else None
        mark(publication, WAITING, may_be_gone, later=FIRST_RETRY)
    if size_of_push(plan_push(read_wanted(course_id, set_id).groups, read_mirror(set_id))) > MOST_WAITED_FOR:
        leave_to_worker(tool, viewer, "push", set_id)
        return read_publication(course_id, set_id)
    run_id = take_turn(course_id, "push", viewer.access_id, set_id)
    run = runs.claim(run_id) if run_id else None
    if run is not None:
        with contextlib.suppress(LmsError):  # stored on the publication, which the page shows
            run_push(tool, run, Report())
    return read_publication(course_id, set_id)


def request_push(tool: Tool, viewer: Viewer) -> UUID:
    """Queue a push of all group memberships of the course and return the run.

    Raise RuleViolation("nothing_published") when there is nothing to push: no published set, and
    none of the LMS that the viewer's access can write.
    """
    if not published_set_ids(viewer.course.id) and read_push(viewer).is_empty:
        raise RuleViolation("nothing_published")
    run_id = runs.queue(viewer.course.id, "push_all", requested_by=viewer.access_id)
    tool.ring(run_id)
    return run_id


def sweep(ring: Callable[[UUID], None]) -> int:
    """Queue a push for every course with a mirror that waits and whose time has come; return how many."""
    _look_at_edits()
    course_ids = db.session.scalars(
        select(GroupSet.course_id)
        .join(Publication, Publication.group_set_id == GroupSet.id)
        .where(Publication.state == WAITING, Publication.retry_at <= now())
        .distinct()
    ).all()
    queued = 0
    for course_id in course_ids:
        with transaction():
            run_id = runs.queue_unless_open(course_id, "push")
        if run_id:
            ring(run_id)
            queued += 1
    return queued


def _look_at_edits() -> None:
    """Mark what was edited and never sent: the process that was to send it died (see `unsent.note_edits`)."""
    noted = select(Publication.group_set_id).where(Publication.state == SENT, Publication.retry_at <= now())
    for set_id in db.session.scalars(noted).all():
        with transaction():
            publication = find_publication(set_id)
            if publication is None or publication.state != SENT or publication.retry_at is None:
                continue
            publication.retry_at = None
            _mark_if_changed(find_set(set_id).course_id, publication)


def delete_everywhere(
    tool: Tool, viewer: Viewer, set_id: UUID, shown: Collection[str] | None = None, mark: str | None = None
) -> Changes:
    """Delete a set in the LMS and then here, as the course's only run: nothing can be sent to the mirror meanwhile.

    When the LMS does not, raise the LmsError and keep everything. Raise Conflict("run_open") when another run is
    at work on the course for longer than a page can wait, Conflict as `removal.delete_set` and
    `mirror_deletion.delete_copy` do.
    """
    get_editable_set(viewer.course.id, set_id)
    with transaction():  # before the LMS's copy is gone
        require_none_formed(set_id)
        require_shown(set_id, shown)
        require_as_told(viewer.course.id, set_id, mark)
    report = Report()
    with runs.followed(_own_turn(viewer), report):
        delete_copy(tool, viewer.course.id, set_id, report, shown or ())
        return delete_set(viewer, set_id)


def leave_mirror(viewer: Viewer, set_id: UUID) -> Changes:
    """Stop publishing a set: it stays here, and its copy in the LMS is none of ours any more.

    The next pull brings that copy as a connected set. Raise NotFound, Conflict("run_open") as `delete_everywhere`.
    """
    _require_published(viewer, set_id)
    with runs.followed(_own_turn(viewer), Report()):
        return _stop(viewer, set_id)


def delete_mirror(tool: Tool, viewer: Viewer, set_id: UUID, shown: Collection[str] = ()) -> Changes:
    """Stop publishing a set and delete its copy in the LMS first; it stays here. Raise as `delete_everywhere`."""
    _require_published(viewer, set_id)
    report = Report()
    with runs.followed(_own_turn(viewer), report):
        delete_copy(tool, viewer.course.id, set_id, report, shown)
        return _stop(viewer, set_id)


def _require_published(viewer: Viewer, set_id: UUID) -> None:
    get_editable_set(viewer.course.id, set_id)
    get_publication(set_id)


def _own_turn(viewer: Viewer) -> UUID:
    """Open and claim the course's one run for something that no push may come between."""
    run_id = take_turn(viewer.course.id, "push", viewer.access_id, None)
    if run_id is None or runs.claim(run_id) is None:
        raise Conflict("run_open")
    return run_id


def _stop(viewer: Viewer, set_id: UUID) -> Changes:
    with transaction() as session:
        row = get_set(viewer.course.id, set_id)
        session.execute(delete(Publication).where(Publication.group_set_id == set_id))
        history.note(viewer.course.id, viewer.access_id, "publication_stopped", row.name, set_id)
    return Changes(group_sets=frozenset({set_id}), count=1)


def _forget_mirror(publication: Publication) -> None:
    publication.lms_group_set_id, publication.attempts = None, 0
    db.session.execute(delete(MirroredGroup).where(MirroredGroup.publication_id == publication.id))
