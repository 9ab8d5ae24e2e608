"""Keeps every assignment on a group set that is there: the default set, and what happens when a set goes."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from lti_tool.domain.errors import Conflict
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


def assignments_of(set_id: UUID) -> dict[str, str]:
    """Return the names of the assignments that use a set, in order, by their ids as text."""
    uses = select(Assignment.id, Assignment.name).where(Assignment.group_set_id == set_id).order_by(Assignment.name)
    return {str(assignment_id): name for assignment_id, name in db.session.execute(uses)}


def require_shown(set_id: UUID, shown: Collection[str] | None) -> None:
    """Raise Conflict("assignments_unseen") when an assignment uses a set and its id is not among those `shown`.

    Called before the set goes, inside the caller's transaction; None: nobody was asked, so nothing was shown.
    """
    if shown is None:
        return
    _await_choices([set_id])
    if assignments_of(set_id).keys() - set(shown):
        raise Conflict("assignments_unseen")


def _await_choices(set_ids: Sequence[UUID]) -> None:
    """Wait for whoever is choosing one of these sets at this moment and holds a lock on it, to see theirs too."""
    db.session.scalars(select(GroupSet.id).where(GroupSet.id.in_(set_ids)).with_for_update()).all()


def release_sets(course_id: UUID, set_ids: Sequence[UUID]) -> list[str]:
    """Let the assignments of sets that are about to go use Individual Students, with no group excluded.

    Runs inside the caller's transaction, before the sets are deleted; returns the names of these assignments. A
    pattern stays: it holds again as soon as another set is chosen (seed 003, "Changing group set").
    """
    if not set_ids:
        return []
    _await_choices(set_ids)
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
