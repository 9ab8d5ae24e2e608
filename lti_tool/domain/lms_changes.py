"""What people ask of the groups that belong to the LMS: intents that can be sent again after a lost answer.

An intent names things by LMS ids and says what was known when it was asked. After a crash, a time-out or a lost
answer the set is read again first: `moved_meanwhile` says whom somebody else moved meanwhile, `left_of` what of the
intent is still to do.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.group_push import GroupChange, GroupSetPush, NewGroup
from lti_tool.domain.remote import NO_OPTIONS, OPTIONS, RemoteGroup, RemoteGroups, RemoteGroupSet, SetOptions

# What stops a change that would overwrite a text of others, and where a change says which text was seen.
SEEN_TEXTS = {"renamed_meanwhile": "name_before", "described_meanwhile": "description_before"}
WAITING, SENT, REFUSED = "waiting", "sent", "refused"
# A page does not wait for a change of more people than this.
MOST_WAITED_FOR = 50


@dataclass(frozen=True)
class CreateSet:
    """Make a set in the LMS."""

    name: str
    options: SetOptions = NO_OPTIONS


@dataclass(frozen=True)
class EditSet:
    """Change a set's name (None = as it is) and options."""

    name: str | None
    options: SetOptions = NO_OPTIONS
    name_before: str = ""


@dataclass(frozen=True)
class DeleteSet:
    """Delete a set in the LMS, and these groups of it.

    `known`: its groups and people as they were known to who asked; None in rows of old, which did not say.
    """

    group_ids: tuple[str, ...] = ()
    known: tuple[RemoteGroup, ...] | None = None


@dataclass(frozen=True)
class ChangeGroups:
    """Change groups of a set and who is in them; `known_ids` are all groups that were known in the set then.

    Each changed group says what was known of it. A group of a wanted name that is not among the known ones was made
    by an earlier try. `what` and `count` tell of a bulk change, which can be taken back once it has arrived;
    `left_out`: people whom an undo leaves where others put them (LMS ids); `kept_groups`: names of the groups that it
    does not delete because others use or changed them.
    """

    push: GroupSetPush
    known_ids: tuple[str, ...] = ()
    what: str = ""
    count: int = 0
    left_out: tuple[str, ...] = ()
    kept_groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class AssignUnassigned:
    """Let the LMS spread the students without a group."""


@dataclass(frozen=True)
class ReadAgain:
    """Read a set again after a change that was given up when nobody knew what of it had arrived."""


Intent = CreateSet | EditSet | DeleteSet | ChangeGroups | AssignUnassigned | ReadAgain

KINDS: Mapping[str, type[Intent]] = {
    "create_set": CreateSet,
    "edit_set": EditSet,
    "delete_set": DeleteSet,
    "change_groups": ChangeGroups,
    "assign_unassigned": AssignUnassigned,
    "read_again": ReadAgain,
}


def kind_of(intent: Intent) -> str:
    """Return the kind under which an intent is stored."""
    return next(kind for kind, made in KINDS.items() if type(intent) is made)


def to_json(intent: Intent) -> str:
    """Return an intent as JSON."""
    return json.dumps(asdict(intent))


def from_json(kind: str, text: str) -> Intent:
    """Return the intent that was stored under this kind."""
    values = json.loads(text)
    if "options" in values:
        values["options"] = SetOptions(**{**values["options"], "off": tuple(values["options"]["off"])})
    if kind == "change_groups":
        return ChangeGroups(**{**_tupled(values), "push": _push(values["push"])})
    if kind == "delete_set":
        known = values.get("known")
        groups = None if known is None else tuple(RemoteGroup(**_tupled(group)) for group in known)
        return DeleteSet(tuple(values["group_ids"]), groups)
    return KINDS[kind](**values)


def _push(values: Mapping[str, Any]) -> GroupSetPush:
    return GroupSetPush(
        tuple(NewGroup(**_tupled(new)) for new in values["create"]),
        tuple(
            GroupChange(**{**_tupled(change), "known": RemoteGroup(**_tupled(known)) if known else None})
            for change in values["change"]
            for known in (change["known"],)
        ),
        tuple(values["delete"]),
    )


def _tupled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def left_of(intent: Intent, remote: RemoteGroups | None) -> Intent | None:
    """Return what of an intent is still to do when the set is as read again; None: nothing. `remote` None: it is gone.

    A set that is gone leaves nothing of its deletion and all of anything else, which the LMS will refuse.
    """
    if remote is None:
        return None if isinstance(intent, DeleteSet | ReadAgain) else intent
    if isinstance(intent, ChangeGroups):
        return _left_of_groups(intent, remote)
    if isinstance(intent, EditSet):
        return _left_of_edit(intent, remote.group_sets)
    return None if isinstance(intent, ReadAgain) else intent


def _left_of_edit(intent: EditSet, found: tuple[RemoteGroupSet, ...]) -> EditSet | None:
    for group_set in found[:1]:
        name = None if group_set.name == intent.name else intent.name
        done = group_set.options is not None and _has(group_set.options, intent.options)
        if name is None and (done or not intent.options):
            return None
        return replace(intent, name=name)
    return intent


def _has(present: SetOptions, wanted: SetOptions) -> bool:
    asked = {key: value for key, value in asdict(wanted).items() if key != "off" and value is not None}
    asked |= dict.fromkeys(wanted.off)
    return all(getattr(present, key) == value for key, value in asked.items())


def _left_of_groups(intent: ChangeGroups, remote: RemoteGroups) -> ChangeGroups | None:
    found = {group.lms_group_id: group for group in remote.groups}
    made = made_of(intent, remote.groups)
    change = [
        left for wanted in intent.push.change if (left := _left_of_change(wanted, found.get(wanted.lms_group_id)))
    ]
    for new in intent.push.create:
        if (group := made.get(new.name)) and (missing := _without(new.member_ids, group.member_ids)):
            change.append(GroupChange(group.lms_group_id, add=missing, known=group))
    create = tuple(new for new in intent.push.create if new.name not in made)
    push = GroupSetPush(create, tuple(change), tuple(gone for gone in intent.push.delete if gone in found))
    return replace(intent, push=push) if push else None


def made_of(intent: ChangeGroups, groups: Iterable[RemoteGroup]) -> dict[str, RemoteGroup]:
    """Return those of the groups that the intent made, by name: they bear a wanted name and were not known before."""
    wanted = {new.name for new in intent.push.create}
    return {g.name: g for g in groups if g.name in wanted and g.lms_group_id not in intent.known_ids}


def _left_of_change(wanted: GroupChange, present: RemoteGroup | None) -> GroupChange | None:
    if present is None:
        return wanted
    left = replace(
        wanted,
        name=None if wanted.name == present.name else wanted.name,
        description=None if wanted.description == present.description else wanted.description,
        add=_without(wanted.add, present.member_ids),
        remove=tuple(person for person in wanted.remove if person in present.member_ids),
        known=present,
    )
    return left if left.changes else None


def _without(people: Iterable[str], present: Iterable[str]) -> tuple[str, ...]:
    there = set(present)
    return tuple(person for person in people if person not in there)


def moved_meanwhile(intent: ChangeGroups, remote: RemoteGroups) -> tuple[str, ...]:
    """Return the people (LMS ids) whom others moved since the intent was asked: sending it would overwrite that.

    That is who shall come into a group and is in one meanwhile that has nothing to do with the intent. Names are the
    gateway's to compare, which reads them right before it changes them.
    """
    places: dict[str, set[str]] = {}
    for group in remote.groups:
        for person in group.member_ids:
            places.setdefault(person, set()).add(group.lms_group_id)
    made = {name: group.lms_group_id for name, group in made_of(intent, remote.groups).items()}
    return intent.push.moved_by_others(places, made)


def with_seen_text(intent: Intent, code: str, before: str, found: str) -> Intent:
    """Return an intent whose asker has seen the LMS's own name, or description, and wants the new one all the same."""
    if isinstance(intent, EditSet):
        return replace(intent, name_before=found)
    if not isinstance(intent, ChangeGroups):
        return intent
    field = SEEN_TEXTS[code]
    seen: dict[str, Any] = {field: found}
    change = (replace(c, **seen) if getattr(c, field) == before else c for c in intent.push.change)
    return replace(intent, push=replace(intent.push, change=tuple(change)))


def with_seen_places(intent: Intent, present: RemoteGroups) -> Intent:
    """Return an intent whose asker has seen where people are now, and wants it all the same: them moved, or it gone."""
    if isinstance(intent, DeleteSet):
        return replace(intent, known=present.groups)
    if not isinstance(intent, ChangeGroups):
        return intent
    changes = {change.lms_group_id: change for change in intent.push.change}
    made = made_of(intent, present.groups)
    at_home = {made[new.name].lms_group_id: new.member_ids for new in intent.push.create if new.name in made}
    for group in present.groups:
        change = changes.get(group.lms_group_id, GroupChange(group.lms_group_id))
        stays = {*change.add, *at_home.get(group.lms_group_id, ())}
        leaving = tuple(p for p in group.member_ids if p in intent.push.arriving and p not in stays)
        out = tuple(p for p in group.member_ids if p in leaving or p in change.remove)
        changes[group.lms_group_id] = replace(change, remove=out, known=group)
    kept = (c for group_id, c in changes.items() if group_id not in intent.push.delete and c.changes)
    return replace(intent, push=replace(intent.push, change=tuple(kept)))


def overlap(one: Intent, other: Intent) -> bool:
    """Say whether two intents for the same set concern the same thing, so that the second must wait for the first."""
    if isinstance(one, ReadAgain) or isinstance(other, ReadAgain):
        return False
    if isinstance(one, CreateSet) and isinstance(other, CreateSet):
        return one.name.casefold() == other.name.casefold()
    if isinstance(one, ChangeGroups) and isinstance(other, ChangeGroups):
        a, b = _Touched.by(one.push), _Touched.by(other.push)
        return bool(
            a.people & b.people or a.named & b.named or a.names & b.names or a.gone & b.groups or b.gone & a.groups
        )
    if isinstance(one, ChangeGroups) or isinstance(other, ChangeGroups):
        return not (isinstance(one, EditSet) or isinstance(other, EditSet))
    return True


def replaces(newer: Intent, older: Intent) -> bool:
    """Say whether a newer intent decides all that an older one of the set would, so that nobody can mean both.

    That is a newer place for everybody whom the older one only moves; or its undo, which names whom it had moved.
    """
    if not (isinstance(newer, ChangeGroups) and isinstance(older, ChangeGroups)):
        return False
    a, b = _Touched.by(newer.push), _Touched.by(older.push)
    if newer.what == "undone":
        return bool(older.what and a.people & b.people)
    return bool(b.people) and b.people <= a.people and not (b.named or b.names or b.gone)


@dataclass(frozen=True)
class _Touched:
    people: frozenset[str]
    groups: frozenset[str]
    named: frozenset[str]
    names: frozenset[str]
    gone: frozenset[str]

    @classmethod
    def by(cls, push: GroupSetPush) -> "_Touched":
        people = [new.member_ids for new in push.create] + [c.add + c.remove for c in push.change]
        names = [new.name for new in push.create] + [c.name for c in push.change if c.name is not None]
        return cls(
            frozenset(person for some in people for person in some),
            frozenset(change.lms_group_id for change in push.change) | frozenset(push.delete),
            frozenset(c.lms_group_id for c in push.change if c.name is not None or c.description is not None),
            frozenset(name.casefold() for name in names),
            frozenset(push.delete),
        )


def size_of(intent: Intent) -> int:
    """Return how many people an intent places: a page waits for a few of them only."""
    if isinstance(intent, AssignUnassigned):
        return MOST_WAITED_FOR + 1  # as many as the LMS finds
    if not isinstance(intent, ChangeGroups):
        return 0
    return size_of_push(intent.push)


def size_of_push(push: GroupSetPush) -> int:
    """Return how many people and new groups a push is about."""
    people = [new.member_ids for new in push.create] + [c.add + c.remove for c in push.change]
    return len({person for some in people for person in some}) + len(push.create)


def require_options(options: SetOptions, *, has_options: bool) -> None:
    """Raise RuleViolation for options that the LMS does not have, or that it would drop or stumble over.

    The codes: "options_unsupported", and "set_options_invalid" with the `fields`.
    """
    if options and not has_options:
        raise RuleViolation("options_unsupported")
    limit = options.group_limit
    fine = {
        "self_signup": options.self_signup in (None, "enabled", "restricted"),
        "auto_leader": options.auto_leader in (None, "first", "random"),
        "group_limit": limit is None or (type(limit) is int and limit > 1),
        "off": set(options.off) <= set(OPTIONS),
    }
    if wrong := [field for field, is_fine in fine.items() if not is_fine]:
        raise RuleViolation("set_options_invalid", fields=wrong)
