"""Who is in which group, in order: read and appended in a fixed number of statements."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, exists, func, insert, select, tuple_, update
from sqlalchemy.orm import aliased

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


def raise_inviters(inviters: Sequence[tuple[UUID, UUID]]) -> None:
    """Give (group, member) pairs of inviters their roles: the creator's where the group has none, else an admin's.

    A group on several assignments has one creator as long as that one is in it, whoever invites for another assignment
    (rulings C8, C24). Where several inviters of a group come at once, the first is its creator.
    """
    if not inviters:
        return
    other = aliased(GroupMembership)
    owned = exists().where(other.group_id == GroupMembership.group_id, other.role == GroupRole.CREATOR)
    _give(dict(reversed(inviters)).items(), GroupRole.CREATOR, ~owned.correlate(GroupMembership))
    _give(inviters, GroupRole.ADMIN, GroupMembership.role.in_((GroupRole.EDITOR, GroupRole.MEMBER)))


def make_creators(creators: Mapping[UUID, UUID]) -> None:
    """Make a member the creator of each group, by group, that has none."""
    if creators:
        _give(creators.items(), GroupRole.CREATOR)


def _give(pairs: Iterable[tuple[UUID, UUID]], role: GroupRole, *which: ColumnElement[bool]) -> None:
    of_pair = tuple_(GroupMembership.group_id, GroupMembership.member_id).in_(list(pairs))
    given = update(GroupMembership).where(of_pair, *which).values(role=role)
    db.session.execute(given.execution_options(synchronize_session=False))


def replace_members(wanted: Mapping[UUID, Sequence[UUID]]) -> None:
    """Make these people the members of each group, in this order; who stays keeps their role."""
    in_groups = GroupMembership.group_id.in_(wanted)
    rows = db.session.execute(
        select(GroupMembership.group_id, GroupMembership.member_id, GroupMembership.role).where(in_groups)
    )
    roles = {(group_id, member_id): role for group_id, member_id, role in rows}
    db.session.execute(delete(GroupMembership).where(in_groups).execution_options(synchronize_session=False))
    members = [
        {"group_id": key, "member_id": one, "position": n, "role": roles.get((key, one), GroupRole.MEMBER)}
        for key, people in wanted.items()
        for n, one in enumerate(people)
    ]
    if members:
        db.session.execute(insert(GroupMembership), members)
