"""References of group sets: existing groups of the course put into a local set, and taken out of it again."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from sqlalchemy import delete, func, insert, select

from lti_tool.domain.changes import Changes
from lti_tool.domain.errors import NotFound, RuleViolation
from lti_tool.domain.questions import require_told
from lti_tool.models import Group, GroupMembership, GroupSet, GroupSetEntry, Publication, db, transaction
from lti_tool.services import history
from lti_tool.services.access import Viewer
from lti_tool.services.formed_groups import require_not_formed
from lti_tool.services.group_sets import get_editable_set, lock_set, order_of_sets, read_groups
from lti_tool.services.groups import get_group
from lti_tool.services.leaving_groups import LeavingGroup, tell_leaving
from lti_tool.services.mirror import require_mirrorable
from lti_tool.services.removal import delete_orphans
from lti_tool.services.undo import What, undoable


@dataclass(frozen=True)
class Source:
    """A set, and those of its groups that another set could hold too, each with its number of people."""

    row: GroupSet
    groups: list[tuple[Group, int]] = field(default_factory=list)


def list_sources(course_id: UUID, set_id: UUID) -> list[Source]:
    """Return the groups that a local set lacks, each under the first set that holds it; sets of the roster last."""
    get_editable_set(course_id, set_id)
    sizes = select(GroupMembership.group_id, func.count().label("people")).group_by(GroupMembership.group_id).subquery()
    here = select(GroupSetEntry.group_id).where(GroupSetEntry.group_set_id == set_id)
    rows = db.session.execute(
        select(GroupSet, Group, func.coalesce(sizes.c.people, 0))
        .join(GroupSetEntry, GroupSetEntry.group_set_id == GroupSet.id)
        .join(Group, Group.id == GroupSetEntry.group_id)
        .outerjoin(sizes, sizes.c.group_id == Group.id)
        .where(GroupSet.course_id == course_id, Group.id.not_in(here))
        .order_by(*order_of_sets(), GroupSet.id, GroupSetEntry.position)
    )
    sources: dict[UUID, Source] = {}
    seen: set[UUID] = set()
    for row, group, people in rows:
        if group.id not in seen:
            seen.add(group.id)
            sources.setdefault(row.id, Source(row)).groups.append((group, people))
    return list(sources.values())


def add_references(viewer: Viewer, set_id: UUID, group_ids: Sequence[UUID]) -> Changes:
    """Put existing groups of the course at the end of a local set; those that it holds already stay where they are.

    Raise NotFound, Forbidden for a set that is not ours, RuleViolation("group_name_in_set") for a name that it has, and
    for a published set "set_has_foreign_groups" or "people_in_two_groups", because its mirror could not show them.
    """
    course_id = viewer.course.id
    with transaction() as session:
        lock_set(course_id, set_id, coming=group_ids)
        present = read_groups(set_id)
        wanted = set(group_ids) - {group.id for group in present}
        found = session.scalars(select(Group).where(Group.course_id == course_id, Group.id.in_(wanted))).all()
        if len(found) != len(wanted):
            raise NotFound("group_not_found")
        places = {group_id: place for place, group_id in enumerate(group_ids)}
        new = sorted(found, key=lambda group: places[group.id])
        names = {group.name.casefold() for group in present}
        for group in new:
            if group.name.casefold() in names:
                raise RuleViolation("group_name_in_set", name=group.name)
            names.add(group.name.casefold())
        if session.scalar(select(func.count()).where(Publication.group_set_id == set_id)):
            require_mirrorable([*present, *new])
        end = session.scalar(select(func.max(GroupSetEntry.position)).where(GroupSetEntry.group_set_id == set_id))
        first = 0 if end is None else end + 1
        rows = [{"group_set_id": set_id, "group_id": g.id, "position": first + n} for n, g in enumerate(new)]
        if rows:
            with undoable(viewer, set_id, What.REFERENCES, len(rows), besides=wanted) as kept:
                session.execute(insert(GroupSetEntry), rows)
                kept.count = len(rows)
            history.note(course_id, viewer.access_id, "groups_added", ", ".join(group.name for group in new), set_id)
    return Changes(group_sets=frozenset({set_id} if rows else ()), count=len(rows))


def read_taking_out(course_id: UUID, set_id: UUID, group_id: UUID) -> LeavingGroup:
    """Tell what taking a group out of a local set does; its people only when it is deleted.

    Raise NotFound, Forbidden("set_not_editable"), Conflict("group_formed") for one that works on an assignment.
    """
    get_editable_set(course_id, set_id)
    row = get_group(set_id, group_id)
    require_not_formed([group_id], set_id=set_id)
    leaving = tell_leaving(set_id, row)
    return leaving if leaving.deletes else replace(leaving, people=())


def take_out(viewer: Viewer, set_id: UUID, group_id: UUID, mark: str | None = None) -> Changes:
    """Take a group out of a local set; a group that no set holds any more is deleted (seed 003, orphans).

    `mark`: of what the question told. Raise as `read_taking_out` does, and Conflict as `require_told` and `lock_set`.
    """
    course_id = viewer.course.id
    with transaction() as session:
        lock_set(course_id, set_id)
        taken = read_taking_out(course_id, set_id, group_id)
        require_told(taken.mark, mark)
        history.note(course_id, viewer.access_id, "group_taken_out", taken.row.name, set_id)
        of_set = (GroupSetEntry.group_set_id == set_id, GroupSetEntry.group_id == group_id)
        session.execute(delete(GroupSetEntry).where(*of_set))
        gone = delete_orphans([group_id])
    return Changes(group_sets=frozenset({set_id}), deleted_groups=gone, count=1)
