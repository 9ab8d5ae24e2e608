"""Keeps what a bulk change of a set of the LMS did, once it has arrived there, so that it can be taken back."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import select

from lti_tool.domain.lms_changes import AssignUnassigned, ChangeGroups, Intent
from lti_tool.domain.undo import GroupState, SetState, rewound
from lti_tool.models import Group, GroupSetEntry, LmsChange, RosterMember, db
from lti_tool.services.lms_answers import names_of
from lti_tool.services.undo import Kept, What, forget, read_state, seal


@dataclass(frozen=True)
class Earlier:
    """A set before the answer to a bulk change is stored, and those of its groups that the change deletes."""

    state: SetState
    deleted: tuple[GroupState, ...]


def see_earlier(set_id: UUID | None, intent: Intent) -> Earlier | None:
    """Return a set as it is before the answer is stored; None for what is no bulk change."""
    bulk = isinstance(intent, AssignUnassigned) or (isinstance(intent, ChangeGroups) and bool(intent.what))
    if set_id is None or not bulk:
        return None
    state = read_state(set_id)
    doomed = set(intent.push.delete) if isinstance(intent, ChangeGroups) else set()
    ids = {group_id for lms_id, (group_id, _) in _groups_of(set_id).items() if lms_id in doomed}
    # What an undo deletes was made from here, so a redo may make it anew: under another id of the LMS.
    return Earlier(state, tuple(replace(group, local=True) for group in state.groups if group.id in ids))


def note_arrival(row: LmsChange, intent: Intent, earlier: Earlier | None) -> None:
    """Store what a change did to its set, in the transaction that stored the answer; nothing when it did nothing.

    Only the people and groups that the change names count: others may have changed more, and an answer shows all.
    """
    set_id = row.group_set_id
    if set_id is None or not isinstance(intent, ChangeGroups | AssignUnassigned):
        return
    if earlier is None:  # no bulk change: an undo of the one before could not tell them apart
        forget(set_id)
        return
    after = read_state(set_id, earlier.state.ids)
    left_out: list[str] = []
    kept_groups: tuple[str, ...] = ()
    if isinstance(intent, ChangeGroups):
        what, count, before = What(intent.what), intent.count, _before(row.course_id, set_id, intent, earlier, after)
        left_out, kept_groups = list(names_of(row.course_id, intent.left_out).values()), intent.kept_groups
    else:
        placed = _people(after.groups) - _people(earlier.state.groups)
        what, count, before = What.SPREAD, len(placed), rewound(after, dict.fromkeys(placed, ()))
    if _shape(before) != _shape(after) or left_out or kept_groups:
        seal(row.requested_by, set_id, what, (before, after), Kept(count, left_out, kept_groups))


def _before(course_id: UUID, set_id: UUID, intent: ChangeGroups, earlier: Earlier, after: SetState) -> SetState:
    """Return the set as it would be without the change: by what was known when it was asked, whatever came between."""
    groups, push = _groups_of(set_id), intent.push
    asked = {person for new in push.create for person in new.member_ids}
    asked |= {person for change in push.change for person in (*change.add, *change.remove)}
    of_course = (RosterMember.course_id == course_id, RosterMember.lms_user_id.in_(asked))
    people = db.session.execute(select(RosterMember.lms_user_id, RosterMember.id).where(*of_course))
    known = [(groups[c.lms_group_id][0], c.known) for c in push.change if c.known and c.lms_group_id in groups]
    places = {m: [group_id for group_id, group in known if lms_id in group.member_ids] for lms_id, m in people}
    names = {new.name for new in push.create}
    made = {i for lms_id, (i, name) in groups.items() if name in names and lms_id not in intent.known_ids}
    before = rewound(after, places, made)
    return replace(before, groups=(*before.groups, *(one for one in earlier.deleted if one.id not in after.known)))


def _groups_of(set_id: UUID) -> dict[str, tuple[UUID, str]]:
    rows = db.session.execute(
        select(Group.lms_group_id, Group.id, Group.name)
        .join(GroupSetEntry, GroupSetEntry.group_id == Group.id)
        .where(GroupSetEntry.group_set_id == set_id)
    )
    return {str(lms_id): (group_id, name) for lms_id, group_id, name in rows}


def _people(groups: Collection[GroupState]) -> set[UUID]:
    return {person for group in groups for person in group.members}


def _shape(state: SetState) -> dict[UUID, frozenset[UUID]]:
    return {group.id: frozenset(group.members) for group in state.groups}
