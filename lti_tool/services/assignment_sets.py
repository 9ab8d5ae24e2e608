"""Keeps every assignment on a group set that is there: the default set, and what happens when a set goes."""

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from lti_tool.domain.groups import Connection
from lti_tool.domain.system_sets import INDIVIDUALS
from lti_tool.models import Assignment, AssignmentExclusion, GroupSet, db
from lti_tool.services import history
from lti_tool.services.system_sets import ensure_system_group_sets


def default_set(course_id: UUID) -> UUID:
    """Return the set Individual Students, made first when it is not there, inside the caller's transaction."""
    individuals = select(GroupSet.id).where(
        GroupSet.course_id == course_id, GroupSet.connection == Connection.SYSTEM, GroupSet.name == INDIVIDUALS
    )
    found = db.session.scalar(individuals)
    if found is not None:
        return found
    with suppress(IntegrityError), db.session.begin_nested():  # somebody else made it at the same moment
        ensure_system_group_sets(course_id)
    return db.session.scalars(individuals).one()


def assignments_of(set_ids: Sequence[UUID]) -> list[str]:
    """Return the names of the assignments that use these sets."""
    if not set_ids:
        return []
    names = select(Assignment.name).where(Assignment.group_set_id.in_(set_ids)).order_by(Assignment.name)
    return list(db.session.scalars(names))


def release_sets(course_id: UUID, set_ids: Sequence[UUID]) -> list[str]:
    """Let the assignments of sets that are about to go use Individual Students, with no group excluded.

    Runs inside the caller's transaction, before the sets are deleted; returns the names of these assignments. A
    pattern stays: it holds again as soon as another set is chosen (seed 003, "Changing group set").
    """
    if not set_ids:
        return []
    # Whoever is choosing one of these sets at this moment holds a lock on it: wait for them, then see theirs too.
    db.session.scalars(select(GroupSet.id).where(GroupSet.id.in_(set_ids)).with_for_update()).all()
    found = db.session.execute(
        select(Assignment.id, Assignment.name).where(Assignment.group_set_id.in_(set_ids)).order_by(Assignment.name)
    ).all()
    if not found:
        return []
    ids = [assignment_id for assignment_id, _ in found]
    db.session.execute(delete(AssignmentExclusion).where(AssignmentExclusion.assignment_id.in_(ids)))
    db.session.execute(
        update(Assignment)
        .where(Assignment.id.in_(ids))
        .values(group_set_id=default_set(course_id), revision=Assignment.revision + 1)
    )
    for assignment_id, name in found:
        history.note(course_id, None, "assignment_set_gone", f"{name} → {INDIVIDUALS}", assignment_id)
    return [name for _, name in found]
