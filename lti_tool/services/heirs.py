"""Hands groups on whose inviter or creator is gone: somebody is always there to invite, to answer and to break up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, tuple_, update

from lti_tool.domain.clock import now
from lti_tool.domain.formation import Status
from lti_tool.domain.group_rights import GroupRole
from lti_tool.models import Assignment, Group, Grouping, GroupingMembership, GroupMembership, RosterMember, db
from lti_tool.services import history, notices
from lti_tool.services.grouping_news import told_about
from lti_tool.services.memberships import make_creators
from lti_tool.services.notices import Told
from lti_tool.services.people import names_of


@dataclass(frozen=True)
class Heir:
    """Who becomes the inviter of a grouping, and the name of the one until now."""

    assignment: Assignment
    row: Grouping
    member_id: UUID
    follows: str


def hand_on(course_id: UUID, actor_id: UUID | None, heirs: Sequence[Heir]) -> None:
    """Make each heir the inviter of the grouping and the creator of its group, written down and told (ruling C8).

    `actor_id` as in `history.note`. In the caller's transaction, in the order of who `domain.formation.successor` says.
    """
    if not heirs:
        return
    seats = [(one.row.id, one.member_id) for one in heirs]
    of_seat = tuple_(GroupingMembership.grouping_id, GroupingMembership.member_id)
    inviters = update(GroupingMembership).where(of_seat.in_(seats)).values(status=Status.INVITER, changed_at=now())
    db.session.execute(inviters.execution_options(synchronize_session=False))
    make_creators({one.row.group_id: one.member_id for one in heirs if one.row.group_id and not one.row.alone})
    names = names_of([one.member_id for one in heirs])
    for one in heirs:
        about = {"group_id": one.row.group_id, "member_id": one.member_id}
        history.note(course_id, actor_id, "became_inviter", names[one.member_id], one.row.id, **about)
    told = [told_about(one.assignment, one.row, [one.member_id], person=one.follows) for one in heirs]
    notices.tell_each(course_id, told, "became_inviter")


def name_creators(course_id: UUID, actor_id: UUID | None, creators: Mapping[UUID, str]) -> None:
    """Give groups whose creator is gone (`creators`: by group, their names) and that have none now a new one.

    An admin before the others; written down and told (ruling C8), `actor_id` as in `history.note`.
    """
    if not creators:
        return
    rows = db.session.execute(
        select(Group, GroupMembership.member_id, GroupMembership.role, RosterMember.name)
        .join(GroupMembership, GroupMembership.group_id == Group.id)
        .join(RosterMember, RosterMember.id == GroupMembership.member_id)
        .where(Group.id.in_(creators))
        .order_by(GroupMembership.position)
    )
    members: dict[UUID, list[tuple[Group, UUID, str, str]]] = {}
    for group, member_id, role, name in rows:
        members.setdefault(group.id, []).append((group, member_id, role, name))
    held = [people for people in members.values() if all(role != GroupRole.CREATOR for _, _, role, _ in people)]
    first = [min(people, key=lambda one: one[2] != GroupRole.ADMIN) for people in held]
    make_creators({group.id: member_id for group, member_id, _, _ in first})
    for group, member_id, _, name in first:
        history.note(course_id, actor_id, "became_creator", name, group.id, group_id=group.id, member_id=member_id)
    told = [
        Told([who_], group.id, None, {"group": group.name, "person": creators[group.id]}) for group, who_, _, _ in first
    ]
    notices.tell_each(course_id, told, "became_inviter")
