"""Groups of local sets: made, renamed, deleted, and people put into them, moved and taken out."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, select, tuple_

from lti_tool.domain import allocation
from lti_tool.domain.belonging import belongs_in_groups
from lti_tool.domain.changes import Changes
from lti_tool.domain.errors import Conflict, NotFound, RuleViolation
from lti_tool.domain.groups import (
    LMS_CONNECTIONS,
    Origin,
    clean_name,
    clean_text,
    group_is_editable,
    numbered_names,
    require_editable_group,
    require_free_name,
)
from lti_tool.domain.naming import free_name, generated_name, normalize_group_name
from lti_tool.domain.questions import require_told
from lti_tool.domain.signup import tightest
from lti_tool.models import Group, GroupMembership, GroupSet, GroupSetEntry, RosterMember, db, transaction
from lti_tool.services import heirs, history, local_groups
from lti_tool.services.access import Viewer
from lti_tool.services.formed_groups import read_formed, require_not_formed
from lti_tool.services.group_names import carry_names, follow_members, free_edited_name
from lti_tool.services.group_sets import active_students, get_set, lock_set, read_groups
from lti_tool.services.leaving_groups import LeavingGroup, tell_leaving
from lti_tool.services.memberships import append_members, read_members
from lti_tool.services.shared_groups import require_one_group_each, touch
from lti_tool.services.shown_places import NOT_SHOWN, Places, require_as_shown
from lti_tool.services.undo import What, undoable

MOST_AT_ONCE = 200


@dataclass(frozen=True)
class OwnGroup:
    """A group as its members see it: the set's name, the group, its people, and how many it may have, if known."""

    set_name: str
    row: Group
    members: Sequence[RosterMember]
    limit: int | None = None


@dataclass(frozen=True)
class DrawnGroup:
    """One group of a draw: who is in it already and who would come in."""

    row: Group
    present: int
    incoming: Sequence[RosterMember]


@dataclass(frozen=True)
class Draw:
    """A random assignment before it is made: seed, the set's revision and the people make it the same when applied."""

    seed: int
    revision: int
    people_mark: str
    groups: Sequence[DrawnGroup]
    people: int


def list_own_groups(course_id: UUID, member_id: UUID, set_id: UUID | None = None) -> list[OwnGroup]:
    """Return the groups that a person is in, with the people in them, by set; groups of the roster are no teams.

    With `set_id` only those of that set.
    """
    query = (
        select(GroupSet.name, GroupSet.group_limit, Group)
        .join(GroupSetEntry, GroupSetEntry.group_set_id == GroupSet.id)
        .join(Group, Group.id == GroupSetEntry.group_id)
        .join(GroupMembership, GroupMembership.group_id == Group.id)
        .where(
            GroupSet.course_id == course_id,
            GroupMembership.member_id == member_id,
            Group.origin != Origin.SYSTEM,
        )
        .order_by(GroupSet.position, GroupSetEntry.position)
    )
    rows = db.session.execute(query.where(GroupSet.id == set_id) if set_id else query).all()
    members = read_members([group.id for *_, group in rows])
    return [
        OwnGroup(set_name, group, members.get(group.id, ()), tightest(group.max_members, limit))
        for set_name, limit, group in rows
    ]


def get_group(set_id: UUID, group_id: UUID) -> Group:
    """Return a group through its set; raise NotFound."""
    row = db.session.scalar(
        select(Group)
        .join(GroupSetEntry, GroupSetEntry.group_id == Group.id)
        .where(Group.id == group_id, GroupSetEntry.group_set_id == set_id)
    )
    if row is None:
        raise NotFound("group_not_found")
    return row


def read_group(course_id: UUID, set_id: UUID, group_id: UUID) -> Group:
    """Return a group of a set of this course; raise NotFound."""
    get_set(course_id, set_id)
    return get_group(set_id, group_id)


def read_deletable(course_id: UUID, set_id: UUID, group_id: UUID) -> LeavingGroup:
    """Tell of a group that may be deleted on its set's page; raise NotFound, Conflict("group_formed")."""
    row = read_group(course_id, set_id, group_id)
    require_not_formed([group_id])
    return tell_leaving(set_id, row)


def create_groups(viewer: Viewer, set_id: UUID, name: str, count: int = 1) -> Changes:
    """Add one group of that name, or `count` numbered ones, at the end of a local set."""
    if not 1 <= count <= MOST_AT_ONCE:
        raise RuleViolation("too_many_groups", limit=MOST_AT_ONCE)
    base = normalize_group_name(clean_name(name))
    with transaction():
        lock_set(viewer.course.id, set_id)
        names = numbered_names(base, count, [group.name for group in read_groups(set_id)])
        with undoable(viewer, set_id, What.GROUPS, count) as kept:
            ids = add_local_groups(viewer, set_id, names)
            kept.count = count
    return Changes(group_sets=frozenset({set_id}), groups=frozenset(ids), count=len(ids))


def create_group_of(
    viewer: Viewer, set_id: UUID, name: str, member_ids: Sequence[UUID], shown: Places = NOT_SHOWN
) -> Changes:
    """Add one group with these people in it, in their order; without a name it is named after them and follows them.

    Raise RuleViolation("name_or_people_required") when there is neither, and as `create_groups` and `assign` do.
    """
    people = list(dict.fromkeys(member_ids))
    typed = normalize_group_name(clean_name(name)) if clean_text(name) else None
    if typed is None and not people:
        raise RuleViolation("name_or_people_required")
    with transaction():
        lock_set(viewer.course.id, set_id)
        require_as_shown(set_id, shown, {})
        taken = [group.name for group in read_groups(set_id)]
        if typed is None:
            members = require_active(viewer.course.id, people)
            made = free_name(generated_name([members[member_id].name for member_id in people]), taken)
        else:
            require_free_name(typed, taken)
            made = typed
        (group_id,) = add_local_groups(viewer, set_id, [made], generated=typed is None)
        touched, _ = place(viewer, set_id, dict.fromkeys(people, group_id))
    return Changes(group_sets=frozenset({set_id}), groups=touched | {group_id}, count=1)


def add_local_groups(viewer: Viewer, set_id: UUID, names: Sequence[str], *, generated: bool = False) -> list[UUID]:
    """Store local groups at the end of a locked set and return their ids, inside the caller's transaction."""
    stored = local_groups.store_groups(viewer.course.id, set_id, [(name, generated) for name in names])
    ids = [group.id for group in stored]
    only = ids[0] if len(ids) == 1 else None
    history.note(viewer.course.id, viewer.access_id, "groups_created", ", ".join(names), set_id, group_id=only)
    return ids


def edit_group(
    viewer: Viewer, set_id: UUID, group_id: UUID, name: str, description: str, *, revision: int | None = None
) -> Changes:
    """Rename and describe a local group; a name that was edited follows the people no more.

    Raise RuleViolation for a name that a set of its has already, Conflict as `lock_set` does.
    """
    with transaction():
        lock_set(viewer.course.id, set_id, revision)
        group = _editable(set_id, group_id)
        touch(viewer.course.id, set_id, [group_id])
        new = free_edited_name(group, name)
        change = f"{group.name} → {new}"
        history.note(viewer.course.id, viewer.access_id, "group_edited", change, group_id, group_id=group_id)
        group.name_generated = group.name_generated and new == group.name
        group.name, group.description = new, clean_text(description)
        carry_names([group_id])
    return Changes(groups=frozenset({group_id}), count=1)


def delete_group(viewer: Viewer, set_id: UUID, group_id: UUID, mark: str | None = None) -> Changes:
    """Delete a local group everywhere; `mark`: of what the question told. Raise Conflict as `require_told` does."""
    with transaction() as session:
        lock_set(viewer.course.id, set_id)
        group = _editable(set_id, group_id)
        require_not_formed([group_id])
        require_told(tell_leaving(set_id, group).mark, mark)
        touch(viewer.course.id, set_id, [group_id])
        holders = session.scalars(select(GroupSetEntry.group_set_id).where(GroupSetEntry.group_id == group_id)).all()
        history.note(viewer.course.id, viewer.access_id, "group_deleted", group.name, group_id, group_id=group_id)
        session.execute(delete(Group).where(Group.id == group_id))
    return Changes(group_sets=frozenset(holders), deleted_groups=frozenset({group_id}), count=1)


def assign(viewer: Viewer, set_id: UUID, placements: Mapping[UUID, UUID], shown: Places = NOT_SHOWN) -> Changes:
    """Put each member into the named group of the set and out of its other local ones; the count says how many moved.

    Groups of the LMS and of the roster keep their people, whom a copy so shows in two groups (ruling C1). Raise
    RuleViolation("member_not_active") for people who may be in none, "people_in_two_groups" when a published set that
    holds the group too has them in another one, Conflict as `lock_set` for each set that holds a group whose people
    change, and as `require_as_shown` does.
    """
    with transaction():
        lock_set(viewer.course.id, set_id)
        require_as_shown(set_id, shown, placements)
        with undoable(viewer, set_id, What.BATCH, len(placements)) as kept:
            touched, moved = place(viewer, set_id, placements)
            kept.count = moved
    return Changes(groups=touched, count=moved)


def place(viewer: Viewer, set_id: UUID, placements: Mapping[UUID, UUID]) -> tuple[frozenset[UUID], int]:
    """Put members into groups of a locked set; return the groups whose people changed, and how many were moved.

    Raise as `assign` does.
    """
    groups = {group.id: group for group in read_groups(set_id)}
    for group_id in set(placements.values()):
        if group_id not in groups:
            raise NotFound("group_not_found")
        require_editable_group(Origin(groups[group_id].origin))
    ours = [group_id for group_id, group in groups.items() if group_is_editable(Origin(group.origin))]
    members = require_active(viewer.course.id, placements)
    pairs = select(GroupMembership.member_id, GroupMembership.group_id)
    of_both = (GroupMembership.group_id.in_(ours), GroupMembership.member_id.in_(placements))
    there = {(member_id, group_id) for member_id, group_id in db.session.execute(pairs.where(*of_both))}
    moves = {m: g for m, g in placements.items() if (m, g) not in there or sum(x == m for x, _ in there) > 1}
    touched = frozenset({g for m, g in there if m in moves} | set(moves.values()))
    require_not_formed(touched)
    touch(viewer.course.id, set_id, touched)
    of_pair = tuple_(GroupMembership.group_id, GroupMembership.member_id)
    others = (GroupMembership.member_id.in_(moves), of_pair.not_in([(g, m) for m, g in moves.items()]))
    heirs.leave(viewer.course.id, viewer.access_id, GroupMembership.group_id.in_(ours), *others)
    append_members([(g, m) for m, g in moves.items() if (m, g) not in there])
    require_one_group_each(set(moves.values()), moves)
    for member_id, group_id in moves.items():
        note = f"{members[member_id].name} → {groups[group_id].name}"
        about = {"group_id": group_id, "member_id": member_id}
        history.note(viewer.course.id, viewer.access_id, "member_placed", note, group_id, **about)
    follow_members(viewer, touched)
    return touched, len(moves)


def remove_member(viewer: Viewer, set_id: UUID, group_id: UUID, member_id: UUID) -> Changes:
    """Take a person out of a local group. Not being in it any more is no error."""
    with transaction():
        lock_set(viewer.course.id, set_id)
        group = _editable(set_id, group_id)
        member = require_member(viewer.course.id, member_id)
        require_not_formed([group_id])
        touch(viewer.course.id, set_id, [group_id])
        of_person = (GroupMembership.group_id == group_id, GroupMembership.member_id == member_id)
        heirs.leave(viewer.course.id, viewer.access_id, *of_person)
        note, about = f"{member.name} ← {group.name}", {"group_id": group_id, "member_id": member_id}
        history.note(viewer.course.id, viewer.access_id, "member_removed", note, group_id, **about)
        follow_members(viewer, {group_id})
    return Changes(groups=frozenset({group_id}), count=1)


def draw(course_id: UUID, set_id: UUID, seed: int) -> Draw:
    """Show where chance (the same for the same seed) would put the students who are in no group of the set.

    Groups that work on an assignment take nobody: their people come and go there.
    """
    row = get_set(course_id, set_id)
    every, formed = read_groups(set_id), read_formed(set_id)
    groups = [group for group in every if group.origin == _drawn_origin(row) and group.id not in formed]
    members = read_members([group.id for group in every])
    grouped = {member.id for people in members.values() for member in people}
    waiting = {
        student.id: student
        for student in active_students(course_id)
        if student.id not in grouped and (student.lms_user_id or row.connection not in LMS_CONNECTIONS)
    }
    sizes = {group.id: len(members.get(group.id, ())) for group in groups}
    placed, _ = allocation.draw(list(waiting), sizes, seed=seed)
    drawn = [
        DrawnGroup(group, sizes[group.id], [waiting[m] for m, g in placed.items() if g == group.id]) for group in groups
    ]
    return Draw(seed, row.revision, mark_of(waiting), drawn, len(placed))


def apply_draw(viewer: Viewer, set_id: UUID, seed: int, revision: int, people_mark: str | None = None) -> Changes:
    """Make a draw that was shown.

    Raise Conflict("set_changed") when the set is no longer as it was then, "people_changed" when `people_mark` is
    given and others wait for a group now: the same seed would draw otherwise.
    """
    with transaction():
        lock_set(viewer.course.id, set_id, revision)
        placements = placements_of(viewer.course.id, set_id, seed, people_mark)
        with undoable(viewer, set_id, What.DRAW) as kept:
            touched, kept.count = place(viewer, set_id, placements)
    return Changes(groups=touched, count=kept.count)


def mark_of(member_ids: Iterable[UUID]) -> str:
    """Return a short mark of certain people in their order: a draw among others is another draw."""
    return hashlib.sha256(b"".join(key.bytes for key in member_ids)).hexdigest()[:16]


def _drawn_origin(row: GroupSet) -> Origin:
    return Origin.LMS if row.connection in LMS_CONNECTIONS else Origin.LOCAL


def placements_of(course_id: UUID, set_id: UUID, seed: int, people_mark: str | None = None) -> dict[UUID, UUID]:
    """Return the group of each person whom a draw places; raise Conflict("people_changed") as `apply_draw` does."""
    shown = draw(course_id, set_id, seed)
    if people_mark is not None and people_mark != shown.people_mark:
        raise Conflict("people_changed")
    return {member.id: group.row.id for group in shown.groups for member in group.incoming}


def _editable(set_id: UUID, group_id: UUID) -> Group:
    group = get_group(set_id, group_id)
    require_editable_group(Origin(group.origin))
    return group


def require_member(course_id: UUID, member_id: UUID) -> RosterMember:
    """Return a member of the course; raise NotFound."""
    row = db.session.scalar(
        select(RosterMember).where(RosterMember.id == member_id, RosterMember.course_id == course_id)
    )
    if row is None:
        raise NotFound("member_not_found")
    return row


def require_active(course_id: UUID, members: Collection[UUID]) -> dict[UUID, RosterMember]:
    """Return members of the course by id; raise NotFound, RuleViolation("member_not_active") for who may be in none."""
    rows = db.session.scalars(
        select(RosterMember).where(RosterMember.course_id == course_id, RosterMember.id.in_(members))
    ).all()
    if len(rows) != len(members):
        raise NotFound("member_not_found")
    for row in rows:
        if not belongs_in_groups(row.enrollment_type, row.status):
            raise RuleViolation("member_not_active", member=row.name)
    return {row.id: row for row in rows}
