"""The groups that groupings form: made where the tool may, and kept from being changed past their groupings."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ScalarSelect, Select, select

from lti_tool.domain.errors import Conflict
from lti_tool.domain.groups import Origin, require_editable_group, require_editable_set
from lti_tool.models import Assignment, Group, Grouping, GroupSet, GroupSetEntry, db
from lti_tool.services.group_sets import connection_of


@dataclass(frozen=True)
class Formed:
    """The assignment that a group works on as a grouping: there its people are changed, and not in its sets."""

    assignment_id: UUID
    name: str


def read_formed(set_id: UUID) -> dict[UUID, Formed]:
    """Return those groups of a set that work on an assignment (the first by name), in one query."""
    rows = db.session.execute(
        _formed(Grouping.group_id, Assignment.id, Assignment.name)
        .join(GroupSetEntry, GroupSetEntry.group_id == Grouping.group_id)
        .where(GroupSetEntry.group_set_id == set_id)
        .order_by(Assignment.name.desc())
    )
    return {group_id: Formed(assignment_id, name) for group_id, assignment_id, name in rows}


def formed_columns() -> tuple[ScalarSelect[UUID], ScalarSelect[str]]:
    """Return what gives the `Formed` of each Group of a query, without another: its assignment's id and name."""
    first = _formed(Assignment.id).where(Grouping.group_id == Group.id).order_by(Assignment.name).limit(1)
    return first.scalar_subquery(), first.with_only_columns(Assignment.name).scalar_subquery()


def _formed(*columns: Any) -> Select[Any]:
    """Return the query for live groupings with their assignments; who works alone is left to the roster."""
    query = select(*columns).select_from(Grouping).join(Assignment, Assignment.id == Grouping.assignment_id)
    return query.where(Grouping.ended_at.is_(None), Grouping.alone.is_(False))


def require_not_formed(group_ids: Collection[UUID], *, set_id: UUID | None = None) -> None:
    """Raise Conflict("group_formed") when one of these groups works on an assignment as a grouping (ruling C24).

    Asked under the set's lock, before people of the groups or the groups themselves go or come: the group would else
    say one thing and its grouping another. The page of the assignment's groupings changes both. With `set_id` only
    assignments of that set count: another set may stop to hold the group. Somebody's own group of the roster is left
    to the roster.
    """
    if not group_ids:
        return
    query = (
        _formed(Group.name, Assignment.name)
        .join(Group, Group.id == Grouping.group_id)
        .where(Group.id.in_(group_ids))
        .order_by(Group.name, Assignment.name)
        .limit(1)
    )
    found = db.session.execute(query.where(Assignment.group_set_id == set_id) if set_id else query).one_or_none()
    if found:
        raise Conflict("group_formed", name=found[0], assignment=found[1])


def require_fillable(assignment: Assignment, groups: Iterable[Group] = ()) -> None:
    """Raise Forbidden unless the tool itself may put groups into an assignment's set, and people into `groups`.

    A set of the LMS changes by the LMS's answer only, and the roster's sets follow the roster.
    """
    require_editable_set(connection_of(db.session.get_one(GroupSet, assignment.group_set_id)))
    for group in groups:
        require_editable_group(Origin(group.origin))
