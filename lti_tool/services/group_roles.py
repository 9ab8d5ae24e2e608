"""Roles within a group: given and taken back, handed on, and members who leave or are taken out (seed 002)."""

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import update

from lti_tool.domain import formation as rules_
from lti_tool.domain.changes import Changes
from lti_tool.domain.clock import now
from lti_tool.domain.errors import NotFound, RuleViolation
from lti_tool.domain.formation import Status
from lti_tool.domain.group_rights import GIVEN_ROLES, GroupPermission, GroupRole
from lti_tool.models import GroupingMembership, db, transaction
from lti_tool.services.access import Viewer
from lti_tool.services.group_access import GroupAccess
from lti_tool.services.groupings import Held
from lti_tool.services.held_groups import (
    HeldGroup,
    again,
    changes_of,
    give_role,
    hold_group,
    note,
    open_groupings,
    read_held,
    require_taking_out,
    take_out,
    tell_people,
)
from lti_tool.services.people import find_student, names_of


def set_roles(viewer: Viewer, group_id: UUID, roles: Mapping[UUID, GroupRole]) -> Changes:
    """Give members these roles; who is not named keeps theirs. The count says for how many something changed.

    Raise NotFound("member_not_found") for anybody who is not in the group, RuleViolation("creator_has_all") for its
    creator and RuleViolation("role_not_given") for the creator's role (TEAM-29, TEAM-30), Forbidden.
    """
    with transaction():
        held = hold_group(viewer, group_id)
        held.access.require(GroupPermission.MANAGE_ROLES)
        for member_id, role in roles.items():
            _require_member(held, member_id)
            if member_id == held.creator:
                raise RuleViolation("creator_has_all")
            if role not in GIVEN_ROLES:
                raise RuleViolation("role_not_given")
        changed = {member_id: role for member_id, role in roles.items() if held.roles[member_id] is not role}
        names = names_of(changed)
        for member_id, role in changed.items():
            give_role(held, member_id, role)
            note(held, "role_changed", f"{names[member_id]}: {held.roles[member_id]} → {role}", member_id)
            tell_people(held, [member_id], "role_changed", person=viewer.name, role=role)
    return changes_of(held, count=len(changed))


def transfer(viewer: Viewer, group_id: UUID, member_id: UUID) -> Changes:
    """Hand the group on to another member, who becomes its creator; the creator until now becomes an admin.

    On the group's assignments the new creator is the inviter (ruling C24). Raise NotFound for who is not in it,
    RuleViolation("students_only") for who is no active student, RuleViolation("creator_has_all") for the creator.
    """
    with transaction():
        held = hold_group(viewer, group_id)
        held.access.require(GroupPermission.TRANSFER)
        _require_member(held, member_id)
        if member_id == held.creator:
            raise RuleViolation("creator_has_all")
        heir = find_student(viewer.course.id, member_id)
        if held.creator is not None:
            give_role(held, held.creator, GroupRole.ADMIN)
        give_role(held, member_id, GroupRole.CREATOR)
        for one in held.groupings:
            _hand_on(one, member_id)
        note(held, "ownership_transferred", heir.name, member_id)
        told = [other for other in (held.creator, member_id) if other and other != viewer.actor.member_id]
        tell_people(held, told, "ownership", person=heir.name)
    return changes_of(held)


def _hand_on(held: Held, member_id: UUID) -> None:
    """Make an accepted member the inviter of a grouping, and its inviter an accepted member."""
    if held.state.status_of(member_id) is not Status.ACCEPTED:
        return
    inviters = [one.member_id for one in held.state.seats if one.status is Status.INVITER]
    for who, status in ((inviters, Status.ACCEPTED), ([member_id], Status.INVITER)):
        of_people = (GroupingMembership.grouping_id == held.row.id, GroupingMembership.member_id.in_(who))
        live = GroupingMembership.ended_at.is_(None)
        db.session.execute(update(GroupingMembership).where(*of_people, live).values(status=status, changed_at=now()))


def remove_members(viewer: Viewer, group_id: UUID, member_ids: Collection[UUID]) -> Changes:
    """Take members out of the group, with all their roles (TEAM-34).

    Raise NotFound for who is not in it, RuleViolation("creator_not_removable") for its creator unless staff do it
    (rulings C8), RuleViolation("people_required"), and as `held_groups.take_out` does.
    """
    with transaction():
        held = hold_group(viewer, group_id)
        held.access.require(GroupPermission.REMOVE_MEMBER)
        people = list(dict.fromkeys(member_ids))
        if not people:
            raise RuleViolation("people_required")
        for member_id in people:
            _require_member(held, member_id)
            if member_id == held.creator and not held.access.may(GroupPermission.REMOVE_CREATOR):
                raise RuleViolation("creator_not_removable")
            if member_id == viewer.actor.member_id:
                raise RuleViolation("leave_instead")
        names = names_of(people)
        for member_id in sorted(people, key=lambda one: one == held.creator):  # so that no heir goes after the creator
            take_out(again(held), member_id, names[member_id])
    return changes_of(held, count=len(people))


def leave_group(viewer: Viewer, group_id: UUID) -> Changes:
    """Leave a group, and with it every role in it (TEAM-22, TEAM-24).

    Raise RuleViolation("creator_cannot_leave") for its creator, and as `domain.formation.require_leaving` does when it
    works on an assignment.
    """
    with transaction():
        held = hold_group(viewer, group_id)
        held.access.require(GroupPermission.LEAVE)
        me = viewer.actor.member_id
        assert me is not None
        _require_leaving(held, me)
        take_out(held, me, names_of([me])[me])
    return changes_of(held)


def require_leaving(viewer: Viewer, access: GroupAccess) -> None:
    """Raise as `leave_group` would now; for the page that asks first."""
    if viewer.actor.member_id is not None:
        _require_leaving(read_held(viewer, access), viewer.actor.member_id)


def require_removing(viewer: Viewer, access: GroupAccess) -> None:
    """Raise as `remove_members` would now for the group as it is; for the page that asks first."""
    require_taking_out(read_held(viewer, access))


def _require_leaving(held: HeldGroup, member_id: UUID) -> None:
    require_taking_out(held)
    if held.groupings and not held.by_staff:
        for one in open_groupings(held):
            if one.state.status_of(member_id) is not None:
                rules_.require_leaving(one.rules, now(), one.state, member_id)


def _require_member(held: HeldGroup, member_id: UUID) -> None:
    if member_id not in held.roles:
        raise NotFound("member_not_found")
