"""Where the people of a set are, and whether that is still where a page showed those who are moved now."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import func, select

from lti_tool.domain.errors import Conflict
from lti_tool.models import Group, GroupMembership, GroupSetEntry, RosterMember, db
from lti_tool.services.memberships import members_of_set

MOST_NAMED = 10
NOWHERE = "–"

Places = Mapping[UUID, Collection[UUID]]  # by person, the groups of the set that the person was shown in
NOT_SHOWN: Places = MappingProxyType({})


def read_in_several(set_id: UUID) -> tuple[Sequence[RosterMember], dict[UUID, list[UUID]]]:
    """Return the people who are in two groups of a set or more, by name, and those groups by person, in one query."""
    several = members_of_set(set_id).group_by(GroupMembership.member_id).having(func.count() > 1)
    rows = db.session.execute(
        select(RosterMember, GroupMembership.group_id)
        .join(GroupMembership, GroupMembership.member_id == RosterMember.id)
        .join(GroupSetEntry, GroupSetEntry.group_id == GroupMembership.group_id)
        .where(GroupSetEntry.group_set_id == set_id, RosterMember.id.in_(several))
        .order_by(func.lower(RosterMember.name), RosterMember.id, GroupSetEntry.position)
    )
    people: dict[UUID, RosterMember] = {}
    places: dict[UUID, list[UUID]] = {}
    for member, group_id in rows:
        people[member.id] = member
        places.setdefault(member.id, []).append(group_id)
    return list(people.values()), places


def require_as_shown(set_id: UUID, shown: Places, going: Mapping[UUID, UUID]) -> None:
    """Raise Conflict("people_moved") when somebody is in other groups of a locked set than was `shown`.

    The names say where they are now. Whoever is just where they are `going` has lost nothing: the same was asked twice.
    """
    if not shown:
        return
    rows = db.session.execute(
        select(GroupMembership.member_id, Group.id, Group.name)
        .join(Group, Group.id == GroupMembership.group_id)
        .join(GroupSetEntry, GroupSetEntry.group_id == Group.id)
        .where(GroupSetEntry.group_set_id == set_id, GroupMembership.member_id.in_(shown))
        .order_by(GroupSetEntry.position)
    )
    present: dict[UUID, dict[UUID, str]] = {member_id: {} for member_id in shown}
    for member_id, group_id, name in rows:
        present[member_id][group_id] = name
    moved = [
        member_id
        for member_id, places in shown.items()
        if present[member_id].keys() != set(places) and list(present[member_id]) != [going.get(member_id)]
    ]
    if moved:
        raise Conflict("people_moved", people=_where(moved, present))


def _where(member_ids: Sequence[UUID], present: Mapping[UUID, Mapping[UUID, str]]) -> list[str]:
    people = (
        select(RosterMember.id, RosterMember.name)
        .where(RosterMember.id.in_(member_ids))
        .order_by(func.lower(RosterMember.name))
        .limit(MOST_NAMED)
    )
    rows = db.session.execute(people)
    return [f"{name} ({', '.join(present[member_id].values()) or NOWHERE})" for member_id, name in rows]
