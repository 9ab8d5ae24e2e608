"""Tells whom the end of a group concerns, and which other sets hold it, for the questions before."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from lti_tool.domain.groups import Origin
from lti_tool.domain.questions import mark_of
from lti_tool.models import Group, GroupSet, GroupSetEntry, RosterMember, db
from lti_tool.services.memberships import read_members


@dataclass(frozen=True)
class LeavingGroup:
    """A group that shall leave a set or be deleted: the names of the other sets that hold it, and its people."""

    row: Group
    elsewhere: Sequence[str]
    people: Sequence[RosterMember]

    @property
    def deletes(self) -> bool:
        """Say whether the group is gone when this set lets go of it: a group of no set is deleted."""
        return self.row.origin != Origin.SYSTEM and not self.elsewhere

    @property
    def mark(self) -> str:
        """Return the mark of what a question tells about the group."""
        return mark_of(self.elsewhere, [member.id for member in self.people])


def tell_leaving(set_id: UUID, row: Group) -> LeavingGroup:
    """Return what a question about a group of a set tells, in two queries."""
    others = (
        select(GroupSet.name)
        .join(GroupSetEntry, GroupSetEntry.group_set_id == GroupSet.id)
        .where(GroupSetEntry.group_id == row.id, GroupSet.id != set_id)
        .order_by(GroupSet.position)
    )
    return LeavingGroup(row, db.session.scalars(others).all(), read_members([row.id]).get(row.id, ()))
