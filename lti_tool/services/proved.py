"""Ends the changes of a set that were taken at the LMS's word, by what any reading of the whole set shows of them."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select, update

from lti_tool.domain.clock import now
from lti_tool.domain.lms_changes import from_json
from lti_tool.domain.proofs import moved_since, people_of, still_there, taken_out
from lti_tool.domain.remote import RemoteGroups
from lti_tool.models import GroupSet, LmsChange, db, transaction
from lti_tool.services import history
from lti_tool.services.lms_answers import names_of, read_active, read_known
from lti_tool.services.lms_delivery import REFUSED, SENT, UNPROVEN, mark
from lti_tool.services.lms_sending import places_of, told_places


def find_unproven(set_id: UUID) -> Sequence[LmsChange]:
    """Return the changes of a set that are unproven, oldest first."""
    of_set = (LmsChange.group_set_id == set_id, LmsChange.state == UNPROVEN)
    return db.session.scalars(select(LmsChange).where(*of_set).order_by(LmsChange.created_at, LmsChange.id)).all()


def groups_in_doubt(set_id: UUID) -> set[str]:
    """Return the LMS ids of the groups that people were to leave by unproven changes: empty, they may be hidden."""
    intents = (from_json(row.kind, row.intent) for row in find_unproven(set_id))
    return {group_id for intent in intents for group_id, _ in taken_out(intent)}


def end_all_unproven(course_id: UUID, remote: RemoteGroups) -> None:
    """Do `end_unproven` for every set of a course that was fetched whole, before the store takes what was fetched."""
    of_course = (LmsChange.course_id == course_id, LmsChange.state == UNPROVEN)
    sets = db.session.execute(
        select(GroupSet.id, GroupSet.lms_group_set_id)
        .where(GroupSet.id.in_(select(LmsChange.group_set_id).where(*of_course)))
        .order_by(GroupSet.id)
    ).all()
    held = {found.lms_group_set_id: set(found.group_ids) for found in remote.group_sets}
    for set_id, lms_set_id in sets:
        if lms_set_id in held:
            groups = tuple(group for group in remote.groups if group.lms_group_id in held[lms_set_id])
            end_unproven(set_id, read_known(set_id), RemoteGroups(groups=groups))


def end_unproven(set_id: UUID, known: RemoteGroups, remote: RemoteGroups) -> None:
    """Store, in the caller's transaction, whether the unproven changes of a set did what they were to do.

    `known` is the set as the store has it still, `remote` what was just read. A change is refused with the reason when
    somebody did not leave, or with the places of the people whom others moved or took out meanwhile.
    """
    told: set[str] = set()
    for row in reversed(find_unproven(set_id)):
        intent = from_json(row.kind, row.intent)
        moved, stayed = moved_since(intent, known, remote), still_there(intent, known, remote)
        _end(row, [one for one in moved if one not in told], [one for one in stayed if one not in told], remote)
        told |= people_of(intent)  # of several changes only the last one still says where somebody is to be


def _end(row: LmsChange, moved: Sequence[str], stayed: Sequence[str], remote: RemoteGroups) -> None:
    course_id = row.course_id
    active = read_active(course_id, moved) if moved else {}  # who is not is in no group here
    if active:
        told = told_places(course_id, places_of(sorted({*active, *stayed}), remote))
        mark(row, REFUSED, "moved_since", {"names": "; ".join(told)})
    elif stayed:
        names = names_of(course_id, stayed)
        people = ", ".join(names.get(person, "?") for person in stayed[:10])
        mark(row, REFUSED, "people_still_there", {"people": people})
        history.note(course_id, row.requested_by, "lms_change_refused", row.about, row.group_set_id)
    else:
        mark(row, SENT)


def end_of_gone_sets() -> None:
    """End the unproven changes of sets that are here no more: there is nothing to be read for them."""
    gone = (LmsChange.state == UNPROVEN, LmsChange.group_set_id.is_(None))
    if db.session.scalar(select(LmsChange.id).where(*gone).limit(1)) is None:
        return  # as nearly always: nobody's transaction is waited for
    with transaction() as session:
        session.execute(update(LmsChange).where(*gone).values(state=SENT, retry_at=None, finished_at=now()))
