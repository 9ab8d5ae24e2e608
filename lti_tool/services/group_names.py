"""Names of groups that follow their people, and what a typed name would be stored as."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from lti_tool.domain.errors import NotFound, RuleViolation
from lti_tool.domain.groups import LMS_CONNECTIONS, clean_name, clean_text, numbered_names, require_free_name
from lti_tool.domain.naming import edited_name, first_free_name, free_name, generated_name, normalize_group_name
from lti_tool.models import Group, Grouping, GroupSet, GroupSetEntry, RosterMember, db
from lti_tool.services import history
from lti_tool.services.access import Viewer
from lti_tool.services.group_sets import get_set_to_edit, read_groups
from lti_tool.services.memberships import read_members


@dataclass(frozen=True)
class NamePreview:
    """What a name would be stored as (several for numbered groups), or the code of what is wrong with it."""

    names: Sequence[str] = ()
    problem: str | None = None


def names_beside(group_id: UUID) -> Sequence[str]:
    """Return the names of the other groups in the sets that hold a group."""
    holders = select(GroupSetEntry.group_set_id).where(GroupSetEntry.group_id == group_id)
    return db.session.scalars(
        select(Group.name)
        .join(GroupSetEntry, GroupSetEntry.group_id == Group.id)
        .where(GroupSetEntry.group_set_id.in_(holders), Group.id != group_id)
    ).all()


def preview_new_name(
    viewer: Viewer, set_id: UUID, name: str, count: int, member_ids: Sequence[UUID] = ()
) -> NamePreview:
    """Show how new groups of a set would be called; without a name one group is named after its people.

    Raise NotFound and Forbidden for a set that is not ours to change.
    """
    stored = _storing(viewer, set_id)
    taken = [group.name for group in read_groups(set_id)]
    if not clean_text(name):
        people = _people_names(viewer.course.id, member_ids)
        return NamePreview([free_name(generated_name(people), taken)] if people else ())
    if count > 1:
        return _preview(lambda: numbered_names(stored(name), count, taken))
    return _preview(lambda: [_require_free(stored(name), taken)])


def preview_edited_name(viewer: Viewer, set_id: UUID, group_id: UUID, name: str) -> NamePreview:
    """Show what an edit of a group's name would store; the present name stays as it is while nothing else is typed."""
    stored = _storing(viewer, set_id)
    group = next((group for group in read_groups(set_id) if group.id == group_id), None)
    if group is None:
        raise NotFound("group_not_found")
    if not clean_text(name):
        return NamePreview()
    if stored is clean_name:
        return _preview(lambda: [_require_free(clean_name(name), names_beside(group_id))])
    return _preview(lambda: [free_edited_name(group, name)])


def _storing(viewer: Viewer, set_id: UUID) -> Callable[[str], str]:
    """Return what makes a typed name of a set's group the stored one: the LMS's own stay as typed (ruling C22)."""
    row = get_set_to_edit(viewer, set_id)
    if row.connection in LMS_CONNECTIONS:
        return clean_name
    return lambda typed: normalize_group_name(clean_name(typed))


def free_edited_name(group: Group, typed: str) -> str:
    """Return the name that an edit of a group stores; raise RuleViolation when it is wrong or taken."""
    name = edited_name(typed, group.name)
    return name if name == group.name else _require_free(name, names_beside(group.id))


def follow_members(viewer: Viewer, group_ids: Collection[UUID]) -> None:
    """Name those of the groups whose names are generated after their present people, in the caller's transaction.

    A group without people keeps its name. The groups' own old names count as free, and the number of queries does
    not depend on how many groups there are. Called after every change of members that people make here; what the
    roster takes out renames nothing (seed 003, "Group.name is stable").
    """
    generated = select(Group).where(Group.id.in_(group_ids), Group.name_generated)
    following = {group.id: group for group in db.session.scalars(generated)}
    members = read_members(list(following)) if following else {}
    if not members:
        return
    in_use: dict[UUID, set[str]] = {}  # by set: the names that groups keep, and those given by now
    holders: dict[UUID, list[UUID]] = {}
    for set_id, group_id, name in names_in_their_sets(members):
        used = in_use.setdefault(set_id, set())
        if group_id in members:
            holders.setdefault(group_id, []).append(set_id)
        else:
            used.add(name.casefold())
    renamed = []
    for group_id, set_ids in holders.items():
        group, taken = following[group_id], [in_use[set_id] for set_id in set_ids]
        name = first_free_name(generated_name([member.name for member in members[group_id]]), taken)
        for used in taken:
            used.add(name.casefold())
        if group.name != name:
            change = f"{group.name} → {name}"
            history.note(viewer.course.id, viewer.access_id, "group_name_followed", change, group_id, group_id=group_id)
            group.name = name
            renamed.append(group_id)
    carry_names(renamed)


def carry_names(group_ids: Collection[UUID]) -> None:
    """Give the live groupings of groups that were renamed the new names; those that ended keep theirs (ruling C15).

    Called after every change of names of the tool's own groups, in the caller's transaction.
    """
    if not group_ids:
        return
    live = (Grouping.group_id.in_(group_ids), Grouping.ended_at.is_(None))
    for row, name in db.session.execute(select(Grouping, Group.name).join(Group).where(*live)):
        row.group_name = name


def names_in_their_sets(group_ids: Collection[UUID]) -> Sequence[tuple[UUID, UUID, str]]:
    """Return (set, group, name) for every group of the sets that hold some of these, in order."""
    holders = select(GroupSetEntry.group_set_id).where(GroupSetEntry.group_id.in_(group_ids))
    rows = db.session.execute(
        select(GroupSetEntry.group_set_id, Group.id, Group.name)
        .join(Group, Group.id == GroupSetEntry.group_id)
        .where(GroupSetEntry.group_set_id.in_(holders))
        .order_by(GroupSetEntry.group_set_id, GroupSetEntry.position)
    )
    return [(set_id, group_id, name) for set_id, group_id, name in rows]


def names_taken_elsewhere(set_id: UUID, new_names: Mapping[UUID, str]) -> list[tuple[str, str]]:
    """Return (name, set) for each new name of groups of a set that another set which holds them has for another group.

    Sets of the LMS and of the roster name their groups themselves, and hold none that could be renamed here.
    """
    if not new_names:
        return []
    elsewhere: dict[UUID, dict[UUID, str]] = {}
    for holder, group_id, name in names_in_their_sets(new_names):
        if holder != set_id:
            elsewhere.setdefault(holder, {})[group_id] = new_names.get(group_id, name)
    rows = db.session.execute(select(GroupSet.id, GroupSet.name).where(GroupSet.id.in_(elsewhere)))
    titles = {holder: title for holder, title in rows}  # noqa: C416 - typed rows on SQLAlchemy 2.0 too
    found = []
    for holder, names in elsewhere.items():
        borne = Counter(name.casefold() for name in names.values())
        found += [
            (name, titles[holder])
            for group_id, name in names.items()
            if group_id in new_names and borne[name.casefold()] > 1
        ]
    return sorted(found)


def _people_names(course_id: UUID, member_ids: Sequence[UUID]) -> list[str]:
    if not member_ids:
        return []
    of_course = (RosterMember.course_id == course_id, RosterMember.id.in_(member_ids))
    rows = db.session.execute(select(RosterMember.id, RosterMember.name).where(*of_course))
    names = {member_id: name for member_id, name in rows}  # noqa: C416 - typed rows on SQLAlchemy 2.0 too
    return [names[member_id] for member_id in dict.fromkeys(member_ids) if member_id in names]


def _preview(names: Callable[[], Sequence[str]]) -> NamePreview:
    try:
        return NamePreview(names())
    except RuleViolation as error:
        return NamePreview((str(error.facts.get("name", "")),), error.code)


def _require_free(name: str, taken: Collection[str]) -> str:
    require_free_name(name, taken)
    return name
