"""Stores groups of the tool's own at the end of a set, many in as many statements as one."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from sqlalchemy import func, insert, select

from lti_tool.domain.clock import now
from lti_tool.domain.groups import Origin
from lti_tool.models import Group, GroupSetEntry, db
from lti_tool.services.group_codes import with_own_codes


def store_group(course_id: UUID, set_id: UUID, name: str, *, generated: bool = False) -> Group:
    """Store a local group at the end of a set, in the caller's transaction; see `store_groups`."""
    (group,) = store_groups(course_id, set_id, [(name, generated)])
    return group


def store_groups(course_id: UUID, set_id: UUID, named: Sequence[tuple[str, bool]]) -> list[Group]:
    """Store local groups at the end of a set, each by its name and whether that follows its people (was generated)."""
    groups = with_own_codes(lambda: _add(course_id, named))
    append_groups(set_id, [group.id for group in groups])
    return groups


def _add(course_id: UUID, named: Sequence[tuple[str, bool]]) -> list[Group]:
    groups = [
        Group(
            id=uuid4(),
            course_id=course_id,
            name=name,
            name_generated=generated,
            description="",
            origin=Origin.LOCAL,
            created_at=now(),
        )
        for name, generated in named
    ]
    db.session.add_all(groups)
    return groups


def append_groups(set_id: UUID, group_ids: Sequence[UUID]) -> None:
    """Put groups that exist at the end of a set."""
    if not group_ids:
        return
    end = db.session.scalar(select(func.max(GroupSetEntry.position)).where(GroupSetEntry.group_set_id == set_id))
    first = 0 if end is None else end + 1
    entries = [{"group_set_id": set_id, "group_id": i, "position": first + n} for n, i in enumerate(group_ids)]
    db.session.execute(insert(GroupSetEntry), entries)
