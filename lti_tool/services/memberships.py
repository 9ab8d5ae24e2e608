"""Who is in which group, in order: read and appended in a fixed number of statements."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import Select, func, insert, select, tuple_, update

from lti_tool.domain.group_rights import GroupRole
from lti_tool.models import GroupMembership, GroupSetEntry, RosterMember, db


def read_members(group_ids: Sequence[UUID]) -> dict[UUID, list[RosterMember]]:
    """Return the members of groups by group id, each in their order."""
    rows = db.session.execute(
        select(GroupMembership.group_id, RosterMember)
        .join(RosterMember, RosterMember.id == GroupMembership.member_id)
        .where(GroupMembership.group_id.in_(group_ids))
        .order_by(GroupMembership.position, RosterMember.name)
    )
    members: dict[UUID, list[RosterMember]] = {}
    for group_id, member in rows:
        members.setdefault(group_id, []).append(member)
    return members


def members_of_set(set_id: UUID) -> Select[UUID]:
    """Return the query for the members of a set's groups, one row for each group that somebody is in."""
    return (
        select(GroupMembership.member_id)
        .join(GroupSetEntry, GroupSetEntry.group_id == GroupMembership.group_id)
        .where(GroupSetEntry.group_set_id == set_id)
    )


def append_members(pairs: Sequence[tuple[UUID, UUID]]) -> None:
    """Add (group, member) pairs, each at the end of its group, inside the caller's transaction."""
    if not pairs:
        return
    last = db.session.execute(
        select(GroupMembership.group_id, func.max(GroupMembership.position))
        .where(GroupMembership.group_id.in_({group_id for group_id, _ in pairs}))
        .group_by(GroupMembership.group_id)
    )
    ends: dict[UUID, int] = {group_id: end for group_id, end in last}  # noqa: C416 - typed rows on SQLAlchemy 2.0 too
    rows = []
    for group_id, member_id in pairs:
        ends[group_id] = ends.get(group_id, -1) + 1
        rows.append({"group_id": group_id, "member_id": member_id, "position": ends[group_id]})
    db.session.execute(insert(GroupMembership), rows)


def make_creators(creators: Mapping[UUID, UUID]) -> None:
    """Make somebody the creator of each group, by group; who was it until now and stays becomes an admin."""
    if not creators:
        return
    pairs = list(creators.items())
    of_pair = tuple_(GroupMembership.group_id, GroupMembership.member_id)
    until_now = (GroupMembership.group_id.in_(creators), GroupMembership.role == GroupRole.CREATOR)
    for which, role in (
        ((*until_now, of_pair.not_in(pairs)), GroupRole.ADMIN),
        ((of_pair.in_(pairs),), GroupRole.CREATOR),
    ):
        made = update(GroupMembership).where(*which).values(role=role)
        db.session.execute(made.execution_options(synchronize_session=False))
