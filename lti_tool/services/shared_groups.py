"""Groups that several sets hold: an edit through one set is an edit of all of them, asked of each and told to each."""

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from sqlalchemy import Select, func, select, update

from lti_tool.domain.errors import RuleViolation
from lti_tool.models import GroupMembership, GroupSet, GroupSetEntry, Publication, RosterMember, UndoStep, db
from lti_tool.services.runs import require_edits

Holders = Mapping[UUID, Mapping[UUID, str]]  # by group, the names of the other sets that hold it, by their ids


def read_other_holders(set_id: UUID) -> Holders:
    """Return the other sets that hold groups of this one, in one query."""
    of_set = select(GroupSetEntry.group_id).where(GroupSetEntry.group_set_id == set_id)
    rows = db.session.execute(
        select(GroupSetEntry.group_id, GroupSet.id, GroupSet.name)
        .join(GroupSet, GroupSet.id == GroupSetEntry.group_set_id)
        .where(GroupSetEntry.group_set_id != set_id, GroupSetEntry.group_id.in_(of_set))
        .order_by(GroupSet.position)
    )
    holders: dict[UUID, dict[UUID, str]] = {}
    for group_id, other_id, name in rows:
        holders.setdefault(group_id, {})[other_id] = name
    return holders


def touch(course_id: UUID, set_id: UUID, group_ids: Collection[UUID]) -> None:
    """Ask the other sets that hold these groups whether they may change, and raise those sets' revisions.

    Inside the caller's transaction, under the lock of the set through which the edit comes, and before groups are
    deleted. Raise Conflict as `runs.require_edits` does for each of the sets.
    """
    if others := raise_holders(group_ids, besides=[set_id]):
        require_edits(course_id, *others)


def require_edits_of(course_id: UUID, group_ids: Collection[UUID]) -> None:
    """Raise Conflict as `runs.require_edits` does for each set that holds one of these groups."""
    held = select(GroupSetEntry.group_set_id).where(GroupSetEntry.group_id.in_(group_ids))
    if group_ids and (holders := db.session.scalars(held.distinct()).all()):
        require_edits(course_id, *holders)


def raise_holders(group_ids: Collection[UUID], *, besides: Collection[UUID] | Select[UUID]) -> list[UUID]:
    """Raise the revisions of the other sets that hold these groups, whose pages are out of date now; return the sets.

    A bulk change of theirs can still be taken back as long as it could: an undo leaves alone what came through other
    sets since (see `domain.undo.plan_undo`).
    """
    if not group_ids:
        return []
    held = (GroupSetEntry.group_id.in_(group_ids), GroupSetEntry.group_set_id.not_in(besides))
    others = sorted(db.session.scalars(select(GroupSetEntry.group_set_id).where(*held).distinct()))
    if others:
        present = select(GroupSet.revision).where(GroupSet.id == UndoStep.group_set_id).scalar_subquery()
        steps = update(UndoStep).where(UndoStep.group_set_id.in_(others), UndoStep.revision == present)
        sets = update(GroupSet).where(GroupSet.id.in_(others))
        for raised in (steps.values(revision=present + 1), sets.values(revision=GroupSet.revision + 1)):
            db.session.execute(raised.execution_options(synchronize_session=False))
    return others


def require_one_group_each(group_ids: Collection[UUID], member_ids: Iterable[UUID]) -> None:
    """Raise RuleViolation("people_in_two_groups") when a published set that holds one of these groups has one of
    these people in two of its groups (ruling C1).

    Called after people came into the groups, in one query however many they are. The names say in which set.
    """
    people = set(member_ids)
    if not people:
        return
    holding = select(GroupSetEntry.group_set_id).where(GroupSetEntry.group_id.in_(group_ids))
    rows = db.session.execute(
        select(RosterMember.name, GroupSet.name)
        .join(GroupMembership, GroupMembership.member_id == RosterMember.id)
        .join(GroupSetEntry, GroupSetEntry.group_id == GroupMembership.group_id)
        .join(GroupSet, GroupSet.id == GroupSetEntry.group_set_id)
        .join(Publication, Publication.group_set_id == GroupSet.id)
        .where(GroupSet.id.in_(holding), RosterMember.id.in_(people))
        .group_by(RosterMember.id, RosterMember.name, GroupSet.id, GroupSet.name)
        .having(func.count() > 1)
        .order_by(RosterMember.name, GroupSet.name)
        .limit(10)
    ).all()
    if rows:
        raise RuleViolation("people_in_two_groups", people=[f"{person} ({name})" for person, name in rows])
