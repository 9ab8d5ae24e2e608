"""Deletes the copy of a published set in the LMS: what others put into it is asked about, a lost answer is told."""

from collections.abc import Collection
from uuid import UUID

from lti_tool.domain.clock import now
from lti_tool.domain.drift import compare
from lti_tool.domain.errors import Conflict, LmsError
from lti_tool.domain.groups import Connection
from lti_tool.domain.lms_changes import REFUSED
from lti_tool.domain.remote import RemoteGroups
from lti_tool.domain.set_deletion import mark_of, newcomers, tell
from lti_tool.domain.sync import Report
from lti_tool.models import Course, db, release, transaction
from lti_tool.services import gateways, runs
from lti_tool.services.drift import DELETION_UNANSWERED, read_sides, read_theirs, store_found
from lti_tool.services.lms_answers import names_of
from lti_tool.services.mirror import find_publication, get_publication, mark, read_mirror
from lti_tool.services.rights import heed_refusal
from lti_tool.services.tool import Tool


def delete_copy(tool: Tool, course_id: UUID, set_id: UUID, report: Report, shown: Collection[str]) -> None:
    """Delete a set's copy in the LMS, as the course's only run; nothing is done for a set that has none.

    `shown`: marks of what the question named of others. Raise Conflict("copy_filled") when there is more of that,
    with the `names` and the marks to show (`found`); the LmsError when the LMS did not do it, or did not say.
    """
    publication = find_publication(set_id)
    if publication is None or publication.lms_group_set_id is None:
        return
    lms_set_id = publication.lms_group_set_id
    lms_group_ids = tuple(state.lms_group_id for state in read_mirror(set_id))
    gateway = gateways.open_gateway(tool, course_id)
    try:
        remote = read_theirs(tool, course_id, set_id, report)
        if remote is not None:
            _require_seen(course_id, set_id, remote, shown)
        _doubt(set_id)
        gateway.delete_group_set(lms_set_id, lms_group_ids)
    except LmsError as error:
        heed_refusal(gateway, course_id, error)
        raise
    finally:
        report.calls += gateway.calls


def _require_seen(course_id: UUID, set_id: UUID, remote: RemoteGroups, shown: Collection[str]) -> None:
    """Raise Conflict("copy_filled") for groups and people of others that would go unseen, and keep them as drift."""
    sides = read_sides(course_id, set_id, remote)
    known = {state.lms_group_id: state.member_ids for state in sides.base}
    outlive = db.session.get_one(Course, course_id).registration.family == Connection.MOODLE
    doomed = [group for group in remote.groups if group.lms_group_id in known or not outlive]
    found = newcomers(known, doomed, sides.known)
    names = names_of(course_id, {person for _, person in found})
    marks = [mark_of(one) for one in found]
    if set(marks) <= set(shown):
        release()
        return
    with transaction():
        runs.require_own()
        store_found(get_publication(set_id), compare(sides))
    raise Conflict("copy_filled", names=tell(found, names)[:10], found=marks)


def _doubt(set_id: UUID) -> None:
    """Store before the call that the copy may be gone: who dies, or gets no answer, leaves it to the worker's look.

    What ends well deletes the row, and the doubt with it.
    """
    with transaction():
        runs.require_own()
        publication = get_publication(set_id)
        mark(publication, REFUSED, DELETION_UNANSWERED)
        publication.proof_due_at = now()
