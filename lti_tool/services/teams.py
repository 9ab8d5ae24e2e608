"""The team that each student has in a chosen group set, and where that team comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import select

from lti_tool.domain.errors import NotFound
from lti_tool.domain.groups import Origin, team_source
from lti_tool.models import Group, GroupMembership, GroupSet, GroupSetEntry, db
from lti_tool.services.matrix import list_made_sets


@dataclass(frozen=True)
class Team:
    """A student's team; several groups of one set stand in one name, in the order of the set."""

    name: str
    source: str  # canvas | moodle | manual


@dataclass(frozen=True)
class Teams:
    """The sets that can be chosen, the chosen one, and its teams by member id; without it nobody has a team."""

    sets: Sequence[GroupSet]
    chosen: GroupSet | None = None
    by_member: Mapping[UUID, Team] = field(default_factory=lambda: MappingProxyType({}))


def read_teams(course_id: UUID, family: str, set_id: UUID | None, member_ids: Sequence[UUID]) -> Teams:
    """Return these members' teams in a set (ruling C1); raise NotFound when it is none of those that somebody made."""
    sets = list_made_sets(course_id)
    if set_id is None:
        return Teams(sets)
    chosen = next((row for row in sets if row.id == set_id), None)
    if chosen is None:
        raise NotFound("group_set_not_found")
    rows = db.session.execute(
        select(GroupMembership.member_id, Group.name, Group.origin)
        .join(GroupSetEntry, GroupSetEntry.group_id == GroupMembership.group_id)
        .join(Group, Group.id == GroupMembership.group_id)
        .where(GroupSetEntry.group_set_id == set_id, GroupMembership.member_id.in_(member_ids))
        .order_by(GroupSetEntry.position)
    )
    found: dict[UUID, Team] = {}
    for member_id, name, origin in rows:
        source = team_source(Origin(origin), family)
        if source is None:
            continue
        first = found.get(member_id)
        found[member_id] = Team(f"{first.name}, {name}", first.source) if first else Team(name, source)
    return Teams(sets, chosen, found)
