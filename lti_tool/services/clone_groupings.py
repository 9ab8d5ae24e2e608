"""Clones an assignment's groupings forward to another one: previewed with what would be lost, then done at once."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from lti_tool.domain.changes import Changes
from lti_tool.domain.errors import Conflict, NotFound, RuleViolation
from lti_tool.domain.formation import ClonedGrouping, plan_clone, validity
from lti_tool.models import Assignment, Group, Grouping, GroupSetEntry, db, transaction
from lti_tool.services import history, notices
from lti_tool.services.access import Viewer
from lti_tool.services.assignments import get_assignment
from lti_tool.services.group_sets import active_students
from lti_tool.services.grouping_batches import end_all, seat_again
from lti_tool.services.grouping_news import told_if_lacking
from lti_tool.services.groupings import lock_sets, read_states, rules_of
from lti_tool.services.runs import require_edits


@dataclass(frozen=True)
class ClonePreview:
    """What a clone would make and end: names of groups with their people's; `seen` stands for exactly this."""

    source: Assignment
    target: Assignment
    cloned: Sequence[tuple[str, Sequence[str]]]
    empty: Sequence[str]  # groups of which nobody is active any more
    ended: Sequence[str]  # groupings of the target that would end first
    seen: str


def preview_clone(course_id: UUID, source_id: UUID, target_id: UUID) -> ClonePreview:
    """Show what a clone would do (FORM-51); raise NotFound, RuleViolation("clone_itself")."""
    source, target = get_assignment(course_id, source_id), get_assignment(course_id, target_id)
    if source_id == target_id:
        raise RuleViolation("clone_itself")
    groups = _live_groups(source_id)
    names = {member.id: member.name for member in active_students(course_id)}
    cloned, empty = _plan(source_id, names.keys())
    shown = [(groups[one.group_id].name, [names[member] for member in one.member_ids]) for one in cloned]
    ended = [group.name for group in _live_groups(target_id).values()]
    vanished = [groups[group_id].name for group_id in empty]
    parts = [[(one.group_id, one.member_ids) for one in cloned], empty, sorted(_live_groups(target_id))]
    seen = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
    return ClonePreview(source, target, shown, vanished, ended, seen)


def clone_groupings(viewer: Viewer, source_id: UUID, target_id: UUID, seen: str) -> Changes:
    """End the target's groupings and clone the source's into it, with its sizes and who forms (FORM-4, 5, 51).

    The source's own stay as they are (FORM-6, FORM-7). Raise Conflict("clone_changed") when it is no longer what was
    shown, and as `preview_clone` does.
    """
    course_id = viewer.course.id
    with transaction():
        source, target = _lock_both(course_id, source_id, target_id)
        require_edits(course_id, target.group_set_id)
        if preview_clone(course_id, source_id, target_id).seen != seen:
            raise Conflict("clone_changed")
        cloned, _ = _plan(source_id, {member.id for member in active_students(course_id)})
        groups = _live_groups(source_id)
        gone = end_all(viewer, target)
        for name in ("min_size", "max_size", "formed_by", "names_chosen"):
            setattr(target, name, getattr(source, name))
        seat_again(viewer, target, [(groups[one.group_id], one.member_ids) for one in cloned])
        _tell_who_lack(source, target)
        history.note(course_id, viewer.access_id, "groupings_cloned", f"{source.name} → {target.name}", target_id)
    return Changes(
        group_sets=frozenset({target.group_set_id}),
        groups=frozenset(one.group_id for one in cloned),
        deleted_groups=frozenset(gone),
        assignments=frozenset({target_id}),
        count=len(cloned),
    )


def _tell_who_lack(source: Assignment, target: Assignment) -> None:
    """Tell those whose grouping is valid on the source and not as it was cloned: people are gone, or an approval is."""
    both = Grouping.assignment_id.in_((source.id, target.id))
    live = (Grouping.ended_at.is_(None), Grouping.group_id.is_not(None))
    rows = db.session.scalars(select(Grouping).where(both, *live).order_by(Grouping.created_at, Grouping.id)).all()
    states = read_states([row.id for row in rows])
    first = [row for row in rows if row.assignment_id == source.id]
    valid = {row.group_id for row in first if validity(rules_of(source), states[row.id]).valid}
    cloned = [row for row in rows if row.assignment_id == target.id and row.group_id in valid]
    told = [told_if_lacking(target, row, states[row.id]) for row in cloned]
    notices.tell_each(target.course_id, [one for one in told if one], "invalid")


def _lock_both(course_id: UUID, source_id: UUID, target_id: UUID) -> tuple[Assignment, Assignment]:
    """Lock what a clone reads and writes, in the one order of `lock_sets`: both assignments' sets, and all others that
    hold groups of theirs or have them at work, because people leave these groups and come into them.

    Raise NotFound.
    """
    both = (source_id, target_id)
    own = [get_assignment(course_id, assignment_id).group_set_id for assignment_id in both]
    live = select(Grouping.group_id).where(Grouping.assignment_id.in_(both), Grouping.ended_at.is_(None))
    holders = select(GroupSetEntry.group_set_id).where(GroupSetEntry.group_id.in_(live))
    at_work = (
        select(Assignment.group_set_id)
        .join(Grouping, Grouping.assignment_id == Assignment.id)
        .where(Grouping.group_id.in_(live), Grouping.ended_at.is_(None))
    )
    lock_sets(course_id, {*own, *db.session.scalars(holders), *db.session.scalars(at_work)})
    rows = db.session.scalars(
        select(Assignment).where(Assignment.id.in_(both)).execution_options(populate_existing=True)
    )
    found = {row.id: row for row in rows}
    if len(found) < 2:  # deleted by who had the locks before
        raise NotFound("assignment_not_found")
    return found[source_id], found[target_id]


def list_sources(course_id: UUID, target_id: UUID) -> Sequence[Assignment]:
    """Return the other assignments of a course that have groupings to clone, by name."""
    used = select(Grouping.assignment_id).where(Grouping.ended_at.is_(None))
    return db.session.scalars(
        select(Assignment)
        .where(Assignment.course_id == course_id, Assignment.id != target_id, Assignment.id.in_(used))
        .order_by(Assignment.name)
    ).all()


def _plan(source_id: UUID, active: Collection[UUID]) -> tuple[list[ClonedGrouping], list[UUID]]:
    rows = db.session.execute(
        select(Grouping.id, Grouping.group_id)
        .where(Grouping.assignment_id == source_id, Grouping.ended_at.is_(None), Grouping.group_id.is_not(None))
        .order_by(Grouping.created_at, Grouping.id)
    ).all()
    states = read_states([grouping_id for grouping_id, _ in rows])
    seats = [(group_id, states[grouping_id].seats) for grouping_id, group_id in rows if group_id]
    return plan_clone(seats, active)


def _live_groups(assignment_id: UUID) -> dict[UUID, Group]:
    rows = db.session.scalars(
        select(Group)
        .join(Grouping, Grouping.group_id == Group.id)
        .where(Grouping.assignment_id == assignment_id, Grouping.ended_at.is_(None))
        .order_by(Grouping.created_at, Grouping.id)
    )
    return {group.id: group for group in rows}
