"""Who may do what within one group: one table from group permission to a predicate over the person's part in it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from lti_tool.domain.errors import Forbidden, RuleViolation


class GroupRole(StrEnum):
    """What a member is to a group; each role may what the ones after it may (seed 002)."""

    CREATOR = "creator"
    ADMIN = "admin"
    EDITOR = "editor"
    MEMBER = "member"


GIVEN_ROLES = (GroupRole.ADMIN, GroupRole.EDITOR, GroupRole.MEMBER)  # nobody is made a creator, but by transfer


def before_others(role: str | None) -> int:
    """Return a role's place in the order in which people follow somebody: creator, admins, all others alike (C8)."""
    return {GroupRole.CREATOR: 0, GroupRole.ADMIN: 1}.get(GroupRole(role or GroupRole.MEMBER), 2)


class GroupPermission(StrEnum):
    """One thing that somebody does in or to a group."""

    VIEW = "view"
    SPACE = "space"  # its messages and documents
    REMOVE_DOCUMENT = "remove_document"  # somebody else's; whoever brought it may anyhow
    LEAVE = "leave"
    EDIT_INFO = "edit_info"
    TOGGLE_CODE = "toggle_code"
    MANAGE_ROLES = "manage_roles"
    REMOVE_MEMBER = "remove_member"
    REMOVE_CREATOR = "remove_creator"
    VIEW_INVITES = "view_invites"
    CREATE_INVITE = "create_invite"
    DEACTIVATE_INVITE = "deactivate_invite"
    ANSWER_REQUESTS = "answer_requests"
    TRANSFER = "transfer"
    DELETE = "delete"


@dataclass(frozen=True)
class GroupActor:
    """A person as one group sees them.

    `role` None: no member. `active` False: a former member, whatever role is still written down. `is_staff`: runs the
    course with the right to manage groups; `watches`: may look at every group (staff without that right, observers).
    `ours` False: the group belongs to the LMS or the roster, and nothing of it is changed here.
    """

    role: GroupRole | None = None
    active: bool = True
    is_staff: bool = False
    watches: bool = False
    ours: bool = True


def is_member(actor: GroupActor) -> bool:
    """Say whether the person is in the group now, in whatever role (TEAM-5)."""
    return actor.active and actor.role is not None


def is_creator(actor: GroupActor) -> bool:
    """Say whether the group is this person's own (TEAM-2)."""
    return actor.active and actor.role is GroupRole.CREATOR


def is_admin(actor: GroupActor) -> bool:
    """Say whether the person is admin or creator (TEAM-6)."""
    return actor.active and actor.role in (GroupRole.CREATOR, GroupRole.ADMIN)


def is_editor(actor: GroupActor) -> bool:
    """Say whether the person is editor, admin or creator (TEAM-7)."""
    return is_admin(actor) or (actor.active and actor.role is GroupRole.EDITOR)


def can_manage_members(actor: GroupActor) -> bool:
    """Say whether the person decides who is in the group: its creator, its admins (TEAM-8)."""
    return is_admin(actor)


def can_edit_group(actor: GroupActor) -> bool:
    """Say whether the person may change the group's name and description (TEAM-9)."""
    return is_editor(actor)


def _or_staff(rule: Callable[[GroupActor], bool]) -> Callable[[GroupActor], bool]:
    """Course staff may do everything (ruling C8); each act is written into the history."""
    return lambda actor: actor.is_staff or rule(actor)


GROUP_RULES: Mapping[GroupPermission, Callable[[GroupActor], bool]] = {
    GroupPermission.VIEW: lambda actor: actor.is_staff or actor.watches or is_member(actor),
    GroupPermission.SPACE: _or_staff(is_member),
    GroupPermission.REMOVE_DOCUMENT: _or_staff(is_admin),
    # Nobody leaves what they are not in, and a creator hands the group on first (TEAM-22, TEAM-23).
    GroupPermission.LEAVE: lambda actor: is_member(actor) and not is_creator(actor),
    GroupPermission.EDIT_INFO: _or_staff(can_edit_group),
    GroupPermission.TOGGLE_CODE: _or_staff(is_admin),  # ruling C13
    GroupPermission.MANAGE_ROLES: _or_staff(can_manage_members),
    GroupPermission.REMOVE_MEMBER: _or_staff(can_manage_members),
    GroupPermission.REMOVE_CREATOR: lambda actor: actor.is_staff,  # protected among students only (ruling C8)
    GroupPermission.VIEW_INVITES: _or_staff(can_manage_members),
    GroupPermission.CREATE_INVITE: _or_staff(can_manage_members),
    GroupPermission.DEACTIVATE_INVITE: _or_staff(can_manage_members),
    GroupPermission.ANSWER_REQUESTS: _or_staff(can_manage_members),
    GroupPermission.TRANSFER: _or_staff(is_creator),
    GroupPermission.DELETE: _or_staff(is_creator),
}
IN_ANY_GROUP = frozenset(
    {GroupPermission.VIEW, GroupPermission.SPACE, GroupPermission.REMOVE_DOCUMENT}
)  # the LMS's groups too


def may(actor: GroupActor, permission: GroupPermission) -> bool:
    """Say whether the person may do this in the group."""
    return (actor.ours or permission in IN_ANY_GROUP) and GROUP_RULES[permission](actor)


def require_in_group(actor: GroupActor, permission: GroupPermission) -> None:
    """Raise unless the person may do this in the group.

    Forbidden("group_denied") for the person's part in it, Forbidden("group_not_editable") when the group itself is not
    ours to change, RuleViolation("creator_cannot_leave") for a creator who wants to leave.
    """
    if may(actor, permission):
        return
    if permission is GroupPermission.LEAVE and is_creator(actor):
        raise RuleViolation("creator_cannot_leave")
    if not actor.ours and may(replace(actor, ours=True), permission):
        raise Forbidden("group_not_editable")
    raise Forbidden("group_denied", permission=permission)
