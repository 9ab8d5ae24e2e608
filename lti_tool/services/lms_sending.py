"""Brings one change to the LMS: sends it, or after an unanswered try only what a re-read shows to be left of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from lti_tool.domain.errors import LmsChanged, LmsError
from lti_tool.domain.gateway import LmsGateway, Progress
from lti_tool.domain.group_push import GroupSetPush
from lti_tool.domain.groups import Connection
from lti_tool.domain.lms_changes import (
    AssignUnassigned,
    ChangeGroups,
    CreateSet,
    DeleteSet,
    EditSet,
    Intent,
    left_of,
    moved_meanwhile,
)
from lti_tool.domain.remote import RemoteGroup, RemoteGroups
from lti_tool.domain.set_deletion import newcomers, tell
from lti_tool.models import Course, GroupSet, db, release
from lti_tool.services.lms_answers import Answer, names_of, read_active, read_known
from lti_tool.services.push import create_lms_set


@dataclass(frozen=True)
class Sending:
    """A change on its way: its set here and in the LMS, and whether an earlier try may have arrived."""

    course_id: UUID
    set_id: UUID | None
    lms_set_id: str | None
    intent: Intent
    is_replay: bool


def prepare(course_id: UUID, set_id: UUID | None, intent: Intent, *, is_replay: bool) -> Sending:
    """Return a change ready to be sent; raise LmsChanged("set_gone") when its set is not here any more."""
    row = db.session.get(GroupSet, set_id) if set_id else None
    if row is None and not isinstance(intent, CreateSet):
        raise LmsChanged("set_gone")
    return Sending(course_id, set_id, row.lms_group_set_id if row else None, intent, is_replay)


def send(gateway: LmsGateway, sending: Sending, progress: Progress) -> Answer:
    """Make the calls of one change and return what the LMS answered; raise LmsError.

    Raise LmsChanged("changed_meanwhile", names=…) instead of overwriting what others changed in the LMS, and
    LmsChanged("renamed_meanwhile") for a name that they gave, LmsChanged("set_filled", names=…) instead of deleting
    what they put into a set.
    """
    intent = sending.intent
    if isinstance(intent, CreateSet):
        made = create_lms_set(gateway, sending.course_id, intent.name, intent.options, replay=sending.is_replay)
        return Answer(created=made, name=intent.name)
    lms_set_id = sending.lms_set_id or ""
    known = read_known(sending.set_id) if sending.set_id else RemoteGroups()
    release()
    if isinstance(intent, DeleteSet):
        return _delete(gateway, sending, intent, known)
    if isinstance(intent, AssignUnassigned):
        before = whole(gateway.read_group_set(lms_set_id), known)  # else nobody could tell whom the LMS placed
        return replace(whole(gateway.assign_unassigned(lms_set_id, progress), known), before=before)
    if isinstance(intent, EditSet):
        return _edit(gateway, sending, intent, lms_set_id)
    if isinstance(intent, ChangeGroups):
        return _change(gateway, sending, intent, known, progress)
    return _read_again(gateway, lms_set_id, known)


def _read_again(gateway: LmsGateway, lms_set_id: str, known: RemoteGroups) -> Answer:
    """Return a set as the LMS has it, or its end: what arrived is in doubt, its deletion too."""
    try:
        # No group is taken to be empty because the store has nobody in it.
        return whole(gateway.read_group_set(lms_set_id), known)
    except LmsChanged as error:
        if error.code != "set_gone":
            raise
        return Answer(ended=True)


def look_again(gateway: LmsGateway, sending: Sending, error: LmsError) -> Answer | None:
    """Read a set again after a change that the LMS refused half-way; None when it cannot be read."""
    if sending.lms_set_id is None or sending.set_id is None:
        return None
    if isinstance(sending.intent, DeleteSet) and error.code != "set_filled":
        return None
    if isinstance(sending.intent, EditSet) and error.code != "renamed_meanwhile":
        return None
    known = read_known(sending.set_id)
    release()
    try:
        return whole(gateway.read_group_set(sending.lms_set_id), known)
    except LmsError:
        return None


def whole(remote: RemoteGroups, known: RemoteGroups) -> Answer:
    """Return a whole set as an answer: what is known and not in it is gone."""
    present = {group.lms_group_id for group in remote.groups}
    gone = tuple(group.lms_group_id for group in known.groups if group.lms_group_id not in present)
    name = next((group_set.name for group_set in remote.group_sets), None)
    return Answer(remote.groups, gone, name)


def _delete(gateway: LmsGateway, sending: Sending, intent: DeleteSet, known: RemoteGroups) -> Answer:
    """Read a set before it is deleted: what others put into it would be lost unseen. One that is gone is deleted."""
    try:
        remote = gateway.read_group_set(sending.lms_set_id or "", known.empty_ids)
    except LmsChanged as error:
        if error.code != "set_gone":
            raise
    else:
        seen = known.groups if intent.known is None else intent.known
        _require_seen(sending.course_id, {g.lms_group_id: g.member_ids for g in seen}, intent, remote)
    gateway.delete_group_set(sending.lms_set_id or "", intent.group_ids)
    return Answer(ended=True)


def _require_seen(
    course_id: UUID, known: Mapping[str, Collection[str]], intent: DeleteSet, remote: RemoteGroups
) -> None:
    outlive = db.session.get_one(Course, course_id).registration.family == Connection.MOODLE
    doomed = [group for group in remote.groups if group.lms_group_id in intent.group_ids or not outlive]
    found = newcomers(known, doomed, read_active(course_id))
    names = names_of(course_id, {person for _, person in found})
    release()
    if found:
        raise LmsChanged("set_filled", names=tell(found, names)[:10])


def _edit(gateway: LmsGateway, sending: Sending, intent: EditSet, lms_set_id: str) -> Answer:
    left: Intent | None = intent
    if sending.is_replay:
        left = left_of(intent, gateway.read_group_set(lms_set_id))
    if not isinstance(left, EditSet):
        return Answer(name=intent.name)
    before = intent.name_before or None
    return Answer(name=gateway.edit_group_set(lms_set_id, left.name, left.options, before))


def _change(
    gateway: LmsGateway, sending: Sending, intent: ChangeGroups, known: RemoteGroups, progress: Progress
) -> Answer:
    lms_set_id = sending.lms_set_id or ""
    if not sending.is_replay:
        # What a sync brought since the change was asked costs no call to see.
        _require_unmoved(sending, intent, known)
        _require_unfilled(gateway, sending, intent, known)
        try:
            answer = gateway.push(lms_set_id, _with_known(intent.push, known), progress)
        except LmsChanged as error:
            if error.code != "moved_meanwhile":
                raise
            raise _changed_meanwhile(sending.course_id, error.facts["places"]) from None
        return Answer(answer.groups, intent.push.delete, unproven=answer.unproven)
    remote = gateway.read_group_set(lms_set_id)
    _require_unmoved(sending, intent, remote)
    found = whole(remote, known)
    left = left_of(intent, remote)
    if not isinstance(left, ChangeGroups):
        return found
    answer = gateway.push(lms_set_id, replace(left.push, replay=True, known=remote.groups), progress)
    if answer.unproven:  # it was in doubt already
        return whole(gateway.read_group_set(lms_set_id), known)
    groups: Mapping[str, RemoteGroup] = {g.lms_group_id: g for g in (*found.groups, *answer.groups)}
    kept = tuple(group for group in groups.values() if group.lms_group_id not in left.push.delete)
    return Answer(kept, (*found.gone, *left.push.delete), found.name)


def _with_known(push: GroupSetPush, known: RemoteGroups) -> GroupSetPush:
    """Let a push say what is known of each group now: since it was asked, other changes may have arrived."""
    groups = {group.lms_group_id: group for group in known.groups}
    change = tuple(replace(c, known=groups.get(c.lms_group_id)) for c in push.change)
    return replace(push, change=change, known=known.groups)


def _require_unmoved(sending: Sending, intent: ChangeGroups, remote: RemoteGroups) -> None:
    if moved := moved_meanwhile(intent, remote):
        raise _changed_meanwhile(sending.course_id, places_of(moved, remote))


def _require_unfilled(gateway: LmsGateway, sending: Sending, intent: ChangeGroups, known: RemoteGroups) -> None:
    """Read the set before groups of it are deleted: people whom others put into them would lose their place untold."""
    if not intent.push.delete:
        return
    remote = gateway.read_group_set(sending.lms_set_id or "", known.empty_ids)
    held = {(group.lms_group_id, person) for group in known.groups for person in group.member_ids}
    newcomers = [
        person
        for group in remote.groups
        if group.lms_group_id in intent.push.delete
        for person in group.member_ids
        if (group.lms_group_id, person) not in held
    ]
    newcomers = list(read_active(sending.course_id, newcomers)) if newcomers else []
    release()
    if newcomers:
        raise _changed_meanwhile(sending.course_id, places_of(newcomers, remote))


def places_of(people: Collection[str], remote: RemoteGroups) -> dict[str, list[str]]:
    """Return the names of the groups in which each of these people is."""
    return {person: [group.name for group in remote.groups if person in group.member_ids] for person in people}


def _changed_meanwhile(course_id: UUID, places: object) -> LmsChanged:
    """Return the error that names the people whom others moved, with the groups in which they are now."""
    told = told_places(course_id, places if isinstance(places, dict) else {})
    release()
    return LmsChanged("changed_meanwhile", names=told)


def told_places(course_id: UUID, places: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the first people, by name, with the names of the groups in which they are; `places` is by LMS ids."""
    people = names_of(course_id, places)
    return [f"{people.get(one, '?')} → {', '.join(groups) or '–'}" for one, groups in places.items()][:10]


def moved_elsewhere(course_id: UUID, intent: Intent, answer: Answer) -> list[str]:
    """Return the people, with their groups, whom an answer shows where others put them while the change was sent."""
    remote = RemoteGroups(groups=answer.groups)
    moved = moved_meanwhile(intent, remote) if isinstance(intent, ChangeGroups) else ()
    return told_places(course_id, places_of(moved, remote)) if moved else []


def not_placed(intent: Intent, answer: Answer) -> list[tuple[str, str]]:
    """Return (group's name, LMS user id) of everybody whom the LMS did not take into a group."""
    if not isinstance(intent, ChangeGroups):
        return []
    by_id = {group.lms_group_id: group for group in answer.groups}
    by_name = {group.name: group for group in answer.groups if group.lms_group_id not in intent.known_ids}
    wanted = [(by_name.get(new.name), new.name, new.member_ids) for new in intent.push.create]
    wanted += [(by_id.get(c.lms_group_id), "", c.add) for c in intent.push.change]
    return [
        (group.name if group else name, person)
        for group, name, people in wanted
        for person in people
        if group is None or person not in group.member_ids
    ]
