"""Undo of bulk changes: a set is kept as it was before one, and put back as long as nobody changed it since."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain
from typing import Any
from uuid import UUID

from sqlalchemy import and_, delete, insert, or_, select, update

from lti_tool.domain.changes import Changes
from lti_tool.domain.clock import now
from lti_tool.domain.errors import Conflict, RuleViolation
from lti_tool.domain.groups import LMS_CONNECTIONS, Origin
from lti_tool.domain.undo import GroupState, SetState, UndoPlan, from_json, plan_undo, to_json
from lti_tool.models import (
    CourseAccess,
    Group,
    GroupMembership,
    GroupSet,
    GroupSetEntry,
    RosterMember,
    UndoStep,
    db,
    transaction,
)
from lti_tool.services import history
from lti_tool.services.access import Viewer
from lti_tool.services.formed_groups import require_not_formed
from lti_tool.services.group_codes import insert_groups
from lti_tool.services.group_names import carry_names, follow_members
from lti_tool.services.group_sets import lock_set, read_groups
from lti_tool.services.heirs import passing_on
from lti_tool.services.memberships import replace_members
from lti_tool.services.mirror import find_publication, require_mirrorable
from lti_tool.services.people import BELONGS
from lti_tool.services.removal import delete_orphans
from lti_tool.services.shared_groups import require_one_group_each, touch

KEPT = timedelta(days=30)


class What(StrEnum):
    """The kinds of bulk changes; each has its words in templates/messages.html."""

    BATCH = "batch"  # several people put into a group
    DRAW = "draw"  # people placed by lot
    NEW_DRAW = "new_draw"  # groups made and filled by lot
    GROUPS = "groups"  # several groups made
    REFERENCES = "references"  # several groups of other sets added
    IMPORT = "import"  # a file imported again
    DRIFT = "drift"  # what others changed in the LMS taken over
    SPREAD = "spread"  # people placed by the LMS itself
    UNDO = "undone"
    REDO = "redone"


@dataclass
class Kept:
    """A bulk change that is being made: its doer fills in the count; with none there is nothing to take back.

    `left_out`: names of the people whom an undo did not put back; `groups`: of groups that it did not delete.
    """

    count: int = 0
    left_out: Collection[str] = ()
    groups: Collection[str] = ()


@dataclass(frozen=True)
class UndoView:
    """The latest bulk change of a set that can be taken back: the set is as the change left it."""

    what: What
    count: int
    revision: int
    made_by: str | None
    made_at: datetime
    left_out: list[str]
    kept_groups: list[str]


@dataclass(frozen=True)
class Undone:
    """What an undo did: took a change back (`what` is UNDO) or made it again (REDO)."""

    what: What
    changes: Changes


@contextmanager
def undoable(viewer: Viewer, set_id: UUID, what: What, size: int = 2, besides: Collection[UUID] = ()) -> Iterator[Kept]:
    """Keep a locked set as it is now, let the caller change it, and seal both so that it can be taken back.

    Inside the caller's transaction, in a fixed number of statements. `size`: how many people or groups the change is
    about as far as is known; one alone is no bulk change and costs nothing. `besides`: groups that may come into the
    set; those that exist are not the change's own, and no undo ends them. The caller sets `count`; a change of nothing
    keeps no step.
    """
    kept = Kept()
    before = read_state(set_id, besides) if size > 1 else None
    yield kept
    if before is not None and kept.count:
        seal(viewer.access_id, set_id, what, (before, read_state(set_id, before.ids)), kept)


def forget(set_id: UUID) -> None:
    """Forget the latest bulk change of a set: another change came after it."""
    db.session.execute(delete(UndoStep).where(UndoStep.group_set_id == set_id))


def seal(made_by: UUID | None, set_id: UUID, what: What, states: tuple[SetState, SetState], kept: Kept) -> None:
    """Store what a set was like before and after a bulk change, in place of what was stored of the one before."""
    session = db.session
    before, after = states
    forget(set_id)
    session.add(
        UndoStep(
            group_set_id=set_id,
            what=what,
            count=kept.count,
            before=to_json(before),
            after=to_json(after),
            left_out=json.dumps(sorted(kept.left_out)),
            kept_groups=json.dumps(sorted(kept.groups)),
            revision=session.scalars(select(GroupSet.revision).where(GroupSet.id == set_id)).one(),
            made_by=made_by,
            made_at=now(),
        )
    )


def read_state(set_id: UUID, besides: Collection[UUID] = ()) -> SetState:
    """Return a set as it is now, and those of the other groups named that exist outside it, in three queries."""
    session = db.session
    in_set = (GroupSetEntry.group_id == Group.id) & (GroupSetEntry.group_set_id == set_id)
    which = or_(GroupSetEntry.group_set_id == set_id, Group.id.in_(besides))
    people: dict[UUID, list[UUID]] = {}
    for group_id, member_id in session.execute(
        select(GroupMembership.group_id, GroupMembership.member_id)
        .join(Group, Group.id == GroupMembership.group_id)
        .outerjoin(GroupSetEntry, in_set)
        .where(which)
        .order_by(GroupMembership.position, GroupMembership.member_id)
    ):
        people.setdefault(group_id, []).append(member_id)
    rows = session.execute(
        select(Group.id, Group.name, Group.description, Group.name_generated, Group.origin, GroupSetEntry.group_set_id)
        .outerjoin(GroupSetEntry, in_set)
        .where(which)
        .order_by(GroupSetEntry.position, Group.id)
    )
    held: dict[bool, list[GroupState]] = {True: [], False: []}
    for key, name, description, generated, origin, of_set in rows:
        state = GroupState(key, name, description, generated, origin == Origin.LOCAL, tuple(people.get(key, ())))
        held[of_set is not None].append(state)
    filename, read_at = session.execute(
        select(GroupSet.source_filename, GroupSet.last_updated).where(GroupSet.id == set_id)
    ).one()
    return SetState(tuple(held[True]), tuple(held[False]), filename, read_at.isoformat() if read_at else None)


def with_last_change(query: Any) -> Any:
    """Add to a query of group sets the columns that `view_undo` takes, so that a page needs no query of its own.

    A set of our own is to be as the change left it. What the LMS's own sets show besides comes from the LMS, and an
    undo there leaves alone what others did; it is forgotten with the next change from here.
    """
    as_left = or_(UndoStep.revision == GroupSet.revision, GroupSet.connection.in_(LMS_CONNECTIONS))
    fresh = (as_left, UndoStep.made_at > now() - KEPT)
    return (
        query.outerjoin(UndoStep, and_(UndoStep.group_set_id == GroupSet.id, *fresh))
        .outerjoin(CourseAccess, CourseAccess.id == UndoStep.made_by)
        .add_columns(
            UndoStep.what,
            UndoStep.count,
            UndoStep.revision,
            CourseAccess.name,
            UndoStep.made_at,
            UndoStep.left_out,
            UndoStep.kept_groups,
        )
    )


def view_undo(columns: Sequence[Any]) -> UndoView | None:
    """Return the latest bulk change of a set, None when there was none or the set was changed since."""
    what, count, revision, made_by, made_at, left_out, kept_groups = columns
    if not what:
        return None
    return UndoView(What(what), count, revision, made_by, made_at, json.loads(left_out), json.loads(kept_groups))


def undo(viewer: Viewer, set_id: UUID, revision: int) -> Undone:
    """Take the latest bulk change of a set back; that is a bulk change itself, so it can be done again.

    Raise NotFound, Conflict("set_changed") when the set is not as that change left it, the other conflicts of
    `lock_set`, RuleViolation("group_name_in_set") when a name that would come back is taken in another set since,
    RuleViolation("groups_in_no_other_set") when a group would be deleted that the change did not make, and for a
    published set RuleViolation when its mirror could not show what would come back; other sets that hold a group which
    changes are asked too.
    """
    course_id = viewer.course.id
    with transaction() as session:
        row = lock_set(course_id, set_id, revision)
        step = session.scalar(select(UndoStep).where(UndoStep.group_set_id == set_id))
        if step is None or step.revision != revision:
            raise Conflict("set_changed")
        what, count = What.REDO if step.what == What.UNDO else What.UNDO, step.count
        before, after = from_json(step.before), from_json(step.after)
        with undoable(viewer, set_id, what, besides=before.ids | after.ids) as kept:
            present = read_state(set_id, before.ids | after.ids)
            plan = plan_undo(before, after, present, active_members(course_id))
            _require_kept(set_id, [key for key in plan.drop if key in before.known])
            require_not_formed(plan.members.keys())
            require_not_formed(plan.drop, set_id=set_id)
            touch(course_id, set_id, plan.touched)
            gone = _restore(viewer, row, plan, present)
            _require_free_names(plan, before)
            if plan.left_out:
                follow_members(viewer, plan.touched)
            kept.count, kept.left_out = count, names_of_members(course_id, plan.left_out)
        if find_publication(set_id):
            require_mirrorable(read_groups(set_id))
        require_one_group_each(plan.members.keys(), chain.from_iterable(plan.members.values()))
        history.note(course_id, viewer.access_id, what, row.name, set_id)
    return Undone(what, Changes(frozenset({set_id}), plan.touched, deleted_groups=gone, count=count))


def _require_kept(set_id: UUID, group_ids: Collection[UUID]) -> None:
    """Raise RuleViolation when groups that were there before a change would go with it: this set alone holds them."""
    elsewhere = select(GroupSetEntry.group_id).where(GroupSetEntry.group_set_id != set_id)
    alone = (Group.id.in_(group_ids), Group.id.not_in(elsewhere), Group.origin != Origin.SYSTEM)
    if names := db.session.scalars(select(Group.name).where(*alone).order_by(Group.name)).all():
        raise RuleViolation("groups_in_no_other_set", names=names[:10])


def active_members(course_id: UUID) -> set[UUID]:
    """Return the people who may be in groups."""
    return set(db.session.scalars(select(RosterMember.id).where(RosterMember.course_id == course_id, BELONGS)))


def names_of_members(course_id: UUID, member_ids: Collection[UUID]) -> list[str]:
    """Return the names of those who are on the roster still; who was deleted from it has none here any more."""
    if not member_ids:
        return []
    of_course = (RosterMember.course_id == course_id, RosterMember.id.in_(member_ids))
    return list(db.session.scalars(select(RosterMember.name).where(*of_course)))


def _restore(viewer: Viewer, row: GroupSet, plan: UndoPlan, present: SetState) -> frozenset[UUID]:
    """Make the set what the plan says, in a fixed number of statements; return the groups that went with it."""
    session = db.session
    fixed = {"course_id": row.course_id, "origin": Origin.LOCAL, "created_at": now()}
    if plan.bring_back:
        insert_groups([_texts(group) | fixed for group in plan.bring_back])
    if plan.order != tuple(group.id for group in present.groups):
        session.execute(delete(GroupSetEntry).where(GroupSetEntry.group_set_id == row.id))
        entries = [{"group_set_id": row.id, "group_id": key, "position": n} for n, key in enumerate(plan.order)]
        if entries:
            session.execute(insert(GroupSetEntry), entries)
    gone = delete_orphans(plan.drop) if plan.drop else frozenset()
    with passing_on(viewer.course.id, viewer.access_id, GroupMembership.group_id.in_(plan.members)):
        replace_members(plan.members)
    if plan.texts:
        session.execute(update(Group), [_texts(group) for group in plan.texts])
        carry_names([group.id for group in plan.texts])
    row.source_filename = plan.filename
    row.last_updated = datetime.fromisoformat(plan.read_at) if plan.read_at else None
    session.flush()
    session.expire_all()  # the statements above went past the rows that were read before
    return gone


def _texts(group: GroupState) -> dict[str, Any]:
    return {
        "id": group.id,
        "name": group.name,
        "description": group.description,
        "name_generated": group.name_generated,
    }


def _require_free_names(plan: UndoPlan, before: SetState) -> None:
    """Raise RuleViolation when a group that got its old name back has a namesake that it did not have then."""
    restored = {group.id: group.name for group in (*plan.bring_back, *plan.texts)}
    if not restored:
        return
    then = {group.id: group.name for group in before.groups}
    holders = select(GroupSetEntry.group_set_id).where(GroupSetEntry.group_id.in_(restored))
    rows = db.session.execute(
        select(GroupSetEntry.group_set_id, Group.id, Group.name)
        .join(Group, Group.id == GroupSetEntry.group_id)
        .where(GroupSetEntry.group_set_id.in_(holders))
    ).all()
    used = Counter((set_id, name.casefold()) for set_id, _, name in rows)
    others = {(set_id, name.casefold()) for set_id, key, name in rows if then.get(key) != name}
    for set_id, key, name in rows:
        here = (set_id, name.casefold())
        if key in restored and used[here] > 1 and here in others:
            raise RuleViolation("group_name_in_set", name=name)


def sweep() -> None:
    """Delete the steps that are too old to be taken back."""
    with transaction() as session:
        session.execute(delete(UndoStep).where(UndoStep.made_at <= now() - KEPT))
