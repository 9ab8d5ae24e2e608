"""Rights within a group: the predicates of seed 002, and the one table (seed 002, "Role-Based Permissions")."""

import pytest

from lti_tool.domain.errors import Forbidden, RuleViolation
from lti_tool.domain.group_rights import (
    GROUP_RULES,
    GroupActor,
    GroupPermission,
    GroupRole,
    can_edit_group,
    can_manage_members,
    is_admin,
    is_editor,
    is_member,
    may,
    require_in_group,
)

CREATOR, ADMIN, EDITOR, MEMBER = (GroupActor(role) for role in GroupRole)
OUTSIDER, STAFF, OBSERVER = GroupActor(), GroupActor(is_staff=True), GroupActor(watches=True)
FORMER = tuple(GroupActor(role, active=False) for role in GroupRole)
EVERYBODY = (CREATOR, ADMIN, EDITOR, MEMBER, OUTSIDER, STAFF, OBSERVER, *FORMER)


@pytest.mark.shows("TEAM-1", "TEAM-2")
def test_there_are_four_roles_and_the_creator_needs_no_other() -> None:
    assert [role.value for role in GroupRole] == ["creator", "admin", "editor", "member"]
    not_theirs = {GroupPermission.LEAVE, GroupPermission.REMOVE_CREATOR}
    of_members = [p for p in GroupPermission if p not in not_theirs]
    assert all(may(CREATOR, permission) for permission in of_members)


@pytest.mark.shows("TEAM-6", "TEAM-7", "TEAM-8", "TEAM-9")
def test_the_predicates_of_the_seed() -> None:
    assert [a for a in EVERYBODY if is_admin(a)] == [CREATOR, ADMIN]
    assert [a for a in EVERYBODY if is_editor(a)] == [CREATOR, ADMIN, EDITOR]
    assert [a for a in EVERYBODY if can_manage_members(a)] == [CREATOR, ADMIN]
    assert [a for a in EVERYBODY if can_edit_group(a)] == [CREATOR, ADMIN, EDITOR]
    assert [a for a in EVERYBODY if is_member(a)] == [CREATOR, ADMIN, EDITOR, MEMBER]


@pytest.mark.shows("TEAM-10")
@pytest.mark.parametrize("person", [OUTSIDER, OBSERVER, *FORMER])
def test_nobody_outside_has_a_right_even_where_a_role_is_still_written_down(person: GroupActor) -> None:
    assert not any(rule(person) for rule in (is_admin, is_editor, can_manage_members, can_edit_group, is_member))
    allowed = {permission for permission in GroupPermission if may(person, permission)}
    assert allowed == ({GroupPermission.VIEW} if person is OBSERVER else set())


@pytest.mark.shows("TEAM-3", "TEAM-4")
def test_each_role_may_what_the_one_below_may_and_no_less() -> None:
    def rights(actor: GroupActor) -> set[GroupPermission]:
        return {permission for permission in GroupPermission if may(actor, permission)}

    assert rights(MEMBER) == {GroupPermission.VIEW, GroupPermission.SPACE, GroupPermission.LEAVE}
    assert rights(EDITOR) - rights(MEMBER) == {GroupPermission.EDIT_INFO}
    assert rights(ADMIN) - rights(EDITOR) == {
        GroupPermission.TOGGLE_CODE,
        GroupPermission.MANAGE_ROLES,
        GroupPermission.REMOVE_MEMBER,
        GroupPermission.VIEW_INVITES,
        GroupPermission.CREATE_INVITE,
        GroupPermission.DEACTIVATE_INVITE,
        GroupPermission.ANSWER_REQUESTS,
        GroupPermission.REMOVE_DOCUMENT,
    }
    assert rights(CREATOR) - rights(ADMIN) == {GroupPermission.TRANSFER, GroupPermission.DELETE}
    assert rights(ADMIN) - rights(CREATOR) == {GroupPermission.LEAVE}
    assert rights(STAFF) == set(GroupPermission) - {GroupPermission.LEAVE}
    assert set(GROUP_RULES) == set(GroupPermission)


def test_a_group_of_the_lms_is_looked_at_and_talked_in_only() -> None:
    creator = GroupActor(GroupRole.CREATOR, ours=False)
    assert {p for p in GroupPermission if may(creator, p)} == {
        GroupPermission.VIEW,
        GroupPermission.SPACE,
        GroupPermission.REMOVE_DOCUMENT,
    }
    with pytest.raises(Forbidden, match="group_not_editable"):
        require_in_group(creator, GroupPermission.EDIT_INFO)
    with pytest.raises(Forbidden, match="group_denied"):
        require_in_group(GroupActor(GroupRole.MEMBER, ours=False), GroupPermission.EDIT_INFO)


@pytest.mark.shows("TEAM-23")
def test_a_creator_who_leaves_is_told_why_not() -> None:
    with pytest.raises(RuleViolation, match="creator_cannot_leave"):
        require_in_group(CREATOR, GroupPermission.LEAVE)
    with pytest.raises(Forbidden):
        require_in_group(FORMER[0], GroupPermission.LEAVE)
