"""Groups of the LMS's sets: every edit is an intent in the ledger of changes; the store follows the LMS's answer.

The same functions as in services.groups, for sets that belong to the LMS (ruling C2). Names are sent as they were
typed, without normalisation (ruling C22).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from lti_tool.domain.changes import Changes
from lti_tool.domain.errors import NotFound, RuleViolation
from lti_tool.domain.group_push import GroupChange, GroupSetPush, NewGroup
from lti_tool.domain.groups import clean_name, clean_text, numbered_names, require_free_name
from lti_tool.domain.lms_changes import ChangeGroups
from lti_tool.domain.naming import free_name, generated_name
from lti_tool.domain.questions import require_told
from lti_tool.domain.remote import RemoteGroup
from lti_tool.models import Group, RosterMember, transaction
from lti_tool.services import groups, lms_changes
from lti_tool.services.access import Viewer
from lti_tool.services.group_sets import lock_connected_set, read_groups
from lti_tool.services.groups import MOST_AT_ONCE, draw, require_active
from lti_tool.services.leaving_groups import tell_leaving
from lti_tool.services.memberships import read_members
from lti_tool.services.shared_groups import touch
from lti_tool.services.shown_places import NOT_SHOWN, Places, require_as_shown
from lti_tool.services.undo import What

__all__ = [
    "apply_draw",
    "assign",
    "create_group_of",
    "create_groups",
    "delete_group",
    "draw",
    "edit_group",
    "remove_member",
]
MOST_NAMED = 5


@dataclass(frozen=True)
class Bulk:
    """A kind of bulk change, of how many; `left_out`: whom it leaves alone (LMS ids), `kept_groups`: which groups."""

    what: What
    count: int
    left_out: tuple[str, ...] = ()
    kept_groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Held:
    """A locked set of the LMS with its groups and their people, as the store has them."""

    set_id: UUID
    groups: Mapping[UUID, Group]
    members: Mapping[UUID, Sequence[RosterMember]]

    @property
    def names(self) -> list[str]:
        return [group.name for group in self.groups.values()]

    def group(self, group_id: UUID) -> Group:
        if group_id not in self.groups:
            raise NotFound("group_not_found")
        return self.groups[group_id]

    def known(self, group_id: UUID) -> RemoteGroup:
        group = self.group(group_id)
        people = (member.lms_user_id for member in self.members.get(group_id, ()))
        return RemoteGroup(str(group.lms_group_id), group.name, group.description, tuple(one for one in people if one))

    def change(self, group_id: UUID, **values: tuple[str, ...] | str | None) -> GroupChange:
        known = self.known(group_id)
        return GroupChange(known.lms_group_id, known=known, **values)  # type: ignore[arg-type] # its own fields


def create_groups(viewer: Viewer, set_id: UUID, name: str, count: int = 1) -> Changes:
    """Ask for one group of that name, or `count` numbered ones; raise as services.groups.create_groups does."""
    if not 1 <= count <= MOST_AT_ONCE:
        raise RuleViolation("too_many_groups", limit=MOST_AT_ONCE)
    base = clean_name(name)
    with transaction():
        held = hold(viewer, set_id)
        names = numbered_names(base, count, held.names)
        push = GroupSetPush(create=tuple(NewGroup(one) for one in names))
        return _ask(viewer, held, listed(names), push, Bulk(What.GROUPS, count))


def create_group_of(
    viewer: Viewer, set_id: UUID, name: str, member_ids: Sequence[UUID], shown: Places = NOT_SHOWN
) -> Changes:
    """Ask for one group with these people; without a name it is named after them, once and for all."""
    people = list(dict.fromkeys(member_ids))
    typed = clean_name(name) if clean_text(name) else None
    if typed is None and not people:
        raise RuleViolation("name_or_people_required")
    with transaction():
        held = hold(viewer, set_id)
        require_as_shown(set_id, shown, {})
        members = _with_accounts(viewer, people)
        names = [members[member_id].name for member_id in people]
        if typed is not None:
            require_free_name(typed, held.names)
        made = typed or free_name(generated_name(names), held.names)
        inside = _places(held, people)
        leaving = {group_id for some in inside.values() for group_id in some}
        lms_ids = {member_id: str(members[member_id].lms_user_id) for member_id in people}
        change = [
            held.change(g, remove=tuple(lms_ids[m] for m in people if g in inside[m]))
            for g in held.groups
            if g in leaving
        ]
        push = GroupSetPush((NewGroup(made, "", tuple(lms_ids.values())),), tuple(change))
        return _ask(viewer, held, listed([made, *names]), push)


def edit_group(
    viewer: Viewer, set_id: UUID, group_id: UUID, name: str, description: str, *, revision: int | None = None
) -> Changes:
    """Ask for another name or description; raise RuleViolation for a name that the set has, Conflict as `lock_set`."""
    typed, text = clean_name(name), clean_text(description)
    with transaction():
        held = hold(viewer, set_id, revision)
        group = held.group(group_id)
        new = None if typed == " ".join(group.name.split()) else typed
        described = None if text == clean_text(group.description) else text
        if new is not None:
            require_free_name(new, [g.name for i, g in held.groups.items() if i != group_id])
        if new is None and described is None:
            return Changes(count=1)
        about = group.name if new is None else f"{group.name} → {new}"
        texts = {"name": new, "description": described}
        texts |= {"name_before": group.name} if new is not None else {}
        texts |= {"description_before": group.description} if described is not None else {}
        push = GroupSetPush(change=(held.change(group_id, **texts),))
        return _ask(viewer, held, about, push)


def delete_group(viewer: Viewer, set_id: UUID, group_id: UUID, mark: str | None = None) -> Changes:
    """Ask for the deletion of a group in the LMS; one that several sets of a Moodle hold is deleted for all.

    `mark`: of what the question told. Raise Conflict as `require_told` does.
    """
    with transaction():
        held = hold(viewer, set_id)
        group = held.group(group_id)
        require_told(tell_leaving(set_id, group).mark, mark)
        return _ask(viewer, held, group.name, GroupSetPush(delete=(str(group.lms_group_id),)))


def assign(viewer: Viewer, set_id: UUID, placements: Mapping[UUID, UUID], shown: Places = NOT_SHOWN) -> Changes:
    """Ask for each member to be in the named group and out of the set's others; the count says how many move.

    Raise RuleViolation("member_not_active" or "member_without_account") for people who cannot be placed,
    Conflict as `require_as_shown` does.
    """
    with transaction():
        held = hold(viewer, set_id)
        require_as_shown(set_id, shown, placements)
        return _assign(viewer, held, placements, What.BATCH)


def _assign(viewer: Viewer, held: Held, placements: Mapping[UUID, UUID], what: What) -> Changes:
    members = _with_accounts(viewer, list(placements))
    inside = _places(held, placements)
    for group_id in placements.values():
        held.group(group_id)
    moves = {m: g for m, g in placements.items() if inside[m] != [g]}
    add: dict[UUID, list[str]] = {}
    remove: dict[UUID, list[str]] = {}
    for member_id, group_id in moves.items():
        lms_id = str(members[member_id].lms_user_id)
        if group_id not in inside[member_id]:
            add.setdefault(group_id, []).append(lms_id)
        for other in inside[member_id]:
            if other != group_id:
                remove.setdefault(other, []).append(lms_id)
    touched = add.keys() | remove.keys()
    change = (
        held.change(g, add=tuple(add.get(g, ())), remove=tuple(remove.get(g, ()))) for g in held.groups if g in touched
    )
    about = listed([f"{members[m].name} → {held.group(g).name}" for m, g in moves.items()])
    return _ask(viewer, held, about, GroupSetPush(change=tuple(change)), Bulk(what, len(moves)))


def remove_member(viewer: Viewer, set_id: UUID, group_id: UUID, member_id: UUID) -> Changes:
    """Ask for a person to be taken out of a group. Not being in it any more is no error."""
    with transaction():
        held = hold(viewer, set_id)
        group = held.group(group_id)
        member = next((one for one in held.members.get(group_id, ()) if one.id == member_id), None)
        if member is None:
            groups.require_member(viewer.course.id, member_id)
            return Changes(count=1)
        push = GroupSetPush(change=(held.change(group_id, remove=(_account(member),)),))
        return _ask(viewer, held, f"{member.name} ← {group.name}", push)


def apply_draw(viewer: Viewer, set_id: UUID, seed: int, revision: int, people_mark: str | None = None) -> Changes:
    """Ask for a draw that was shown; raise Conflict("set_changed" or "people_changed") when it would be another now."""
    placements = groups.placements_of(viewer.course.id, set_id, seed, people_mark)
    with transaction():
        return _assign(viewer, hold(viewer, set_id, revision), placements, What.DRAW)


def hold(viewer: Viewer, set_id: UUID, revision: int | None = None) -> Held:
    """Lock a set of the LMS and return what is stored of it; raise as `lock_set` does."""
    lock_connected_set(viewer, set_id, revision)
    held = {group.id: group for group in read_groups(set_id)}
    return Held(set_id, held, read_members(list(held)))


def _with_accounts(viewer: Viewer, member_ids: Sequence[UUID]) -> dict[UUID, RosterMember]:
    members = require_active(viewer.course.id, member_ids)
    for member in members.values():
        _account(member)
    return members


def _account(member: RosterMember) -> str:
    if not member.lms_user_id:
        raise RuleViolation("member_without_account", member=member.name)
    return member.lms_user_id


def _places(held: Held, member_ids: Sequence[UUID] | Mapping[UUID, UUID]) -> dict[UUID, list[UUID]]:
    """Return the groups of the set that each person is in."""
    places: dict[UUID, list[UUID]] = {member_id: [] for member_id in member_ids}
    for group_id, members in held.members.items():
        for member in members:
            if member.id in places:
                places[member.id].append(group_id)
    return places


def _ask(viewer: Viewer, held: Held, about: str, push: GroupSetPush, bulk: Bulk | None = None) -> Changes:
    count = bulk.count if bulk else 1
    return ask(viewer, held, about, push, bulk if count > 1 else None) if push else Changes(count=count)


def ask(viewer: Viewer, held: Held, about: str, push: GroupSetPush, bulk: Bulk | None) -> Changes:
    """Write down what is asked of a held set, and which groups it concerns, inside the caller's transaction.

    Raise Conflict as `shared_groups.touch` does for the other sets that hold one of these groups.
    """
    touched = frozenset(group_id for group_id, group in held.groups.items() if group.lms_group_id in push.group_ids)
    touch(viewer.course.id, held.set_id, touched)
    known_ids = tuple(str(group.lms_group_id) for group in held.groups.values())
    intent = ChangeGroups(push, known_ids)
    if bulk:
        intent = ChangeGroups(push, known_ids, bulk.what, bulk.count, bulk.left_out, bulk.kept_groups)
    asked = lms_changes.note(viewer, "change_groups", held.set_id, about, intent)
    return Changes(groups=touched, asked=frozenset({asked}), count=bulk.count if bulk else 1)


def listed(words: Sequence[str]) -> str:
    """Return the first words of a list, and how many more there are."""
    more = len(words) - MOST_NAMED
    return ", ".join(words[:MOST_NAMED]) + (f" (+ {more})" if more > 0 else "")
