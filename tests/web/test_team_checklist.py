"""The testing checklist of seed 002, each of its 23 lines as a test of that name, through the pages (TEAM-79)."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from lti_tool.domain.clock import now
from lti_tool.models import Group, GroupInvite, GroupMembership, HistoryEntry, InviteUse, Notice, db
from tests.web.conftest import World
from tests.web.forming import words
from tests.web.teamwork import Team

SCRIPT = Path(__file__).parents[2] / "lti_tool/static/app.js"


@pytest.fixture
def team(world: World) -> Team:
    return Team(world)


def enter(team: Team, name: str, status: int = 303, **more: str):
    """Let a newcomer type the group's code."""
    return team.newcomer(name).post("join", status, **{"code": team.row.invite_code, **more})


# Basic functionality


@pytest.mark.shows("TEAM-2", "TEAM-36", "TEAM-37", "TEAM-39", "TEAM-79")
def test_create_group_and_verify_invite_code_is_generated(team: Team) -> None:
    page = team.otto.get(f"groups/new/{team.set_id}")
    assert "New group" in page.h1.text
    shown = team.otto.follow(f"groups/new/{team.set_id}", name="Night Owls", description="We work late")
    assert shown.h1.text == "night-owls"
    (row,) = team.world.stored(Group, name="night-owls")
    assert re.fullmatch(r"[A-Z0-9]{12}", row.invite_code)
    assert row.is_invite_active
    (member,) = team.world.stored(GroupMembership, group_id=row.id)
    assert (member.member_id, member.role) == (team.ids["Otto"], "creator")
    assert row.invite_code in str(team.otto.get(f"groups/{row.id}/invites"))


@pytest.mark.shows("TEAM-9", "TEAM-12", "TEAM-13", "TEAM-15", "TEAM-72", "TEAM-79")
def test_edit_group_as_creator_admin_editor(team: Team) -> None:
    for number, who in enumerate((team.cara, team.adam, team.edi)):
        form = who.get(team.path("edit"))
        assert form.select_one("#name")["value"] == team.row.name
        fields = {tag["name"] for tag in form.select("form [name]")} - {"csrf_token"}
        assert ("is_invite_active" in fields) is (who is not team.edi)
        kept = {"privacy": "listed", "is_invite_active": "y"} if who is not team.edi else {}
        shown = who.follow(team.path("edit"), name=f"Team {number}", description=f"Words {number}", **kept)
        assert shown.h1.text == f"team-{number}"
        assert f"Words {number}" in words(shown)
    # An editor's crafted switch switches nothing (ruling C13); a name is needed, short, and no other group's.
    team.edi.post(team.path("edit"), name="team-2", privacy="closed", max_members="1")
    assert (team.row.is_invite_active, team.row.privacy, team.row.max_members) == (True, "listed", None)
    for wrong, said in (("", "Enter a name"), ("x" * 256, "255"), ("Rivals", "in use")):
        assert said in words(team.edi.post(team.path("edit"), 422, name=wrong))
    assert team.row.name == "team-2"


@pytest.mark.shows("TEAM-12", "TEAM-14", "TEAM-71", "TEAM-79")
def test_verify_non_editors_cannot_edit_group(team: Team) -> None:
    refused = team.mia.post(team.path("edit"), 403, name="mine")
    assert "Permission denied" in words(refused)
    assert refused.h1.text == "team"  # it is the group's page again
    assert "Permission denied" in words(team.otto.post(team.path("edit"), 403, name="mine"))
    assert team.row.name == "team"


@pytest.mark.shows("TEAM-16", "TEAM-19", "TEAM-20", "TEAM-21", "TEAM-79")
def test_delete_group_creator_only(team: Team) -> None:
    link = team.invite()
    assert "Permission denied" in words(team.adam.post(team.path("delete"), 403))
    assert "cannot be undone" in words(team.cara.get(team.path("delete")))
    assert team.roles
    assert "The group is deleted" in words(team.cara.follow(team.path("delete")))
    assert not team.roles
    assert not team.world.stored(Group, id=team.id)
    assert not team.world.stored(GroupInvite)
    for who in (team.otto, team.mia):
        assert "no longer valid" in words(who.get(f"/invite/{link.invite_token}", 410))
        assert "no longer valid" in words(who.post(f"invite/{link.invite_token}", 422))
    assert [row.action for row in team.world.stored(HistoryEntry, group_id=team.id)][-1] == "group_deleted"


@pytest.mark.shows("TEAM-22", "TEAM-24", "TEAM-25", "TEAM-79")
def test_leave_group_non_creator_members(team: Team) -> None:
    for name in ("Adam", "Edi", "Mia"):
        who = getattr(team, name.lower())
        assert "Leave" in who.get(team.path("leave")).h1.text
        assert name in team.roles
        assert "You left the group" in words(who.follow(team.path("leave")))
        assert name not in team.roles
        assert "Permission denied" in words(who.get(team.path(), 403))
    team.adam.post("join", code=team.row.invite_code)
    assert team.roles["Adam"] == "member"


# Permission management


@pytest.mark.shows("TEAM-27", "TEAM-31", "TEAM-79")
def test_assign_admin_role_to_member(team: Team) -> None:
    path = team.path("permissions")
    assert "The roles are saved" in words(team.cara.follow(path, fields={f"role-{team.ids['Mia']}": "admin"}))
    assert team.roles == {"Cara": "creator", "Adam": "admin", "Edi": "editor", "Mia": "admin"}
    team.mia.post(path, fields={f"role-{team.ids['Adam']}": "member"})
    assert team.roles["Adam"] == "member"
    team.adam.post(path, 403, fields={f"role-{team.ids['Adam']}": "admin"})
    told = team.world.stored(Notice, kind="role_changed")
    assert {row.member_id for row in told} == {team.ids["Mia"], team.ids["Adam"]}


@pytest.mark.shows("TEAM-28", "TEAM-29", "TEAM-30", "TEAM-79")
def test_assign_editor_role_to_member(team: Team) -> None:
    path = team.path("permissions")
    page = team.adam.get(path)
    offered = {tag["name"] for tag in page.select("select")}
    assert offered == {f"role-{team.ids[name]}" for name in ("Adam", "Edi", "Mia")}
    team.adam.post(path, fields={f"role-{team.ids['Mia']}": "editor", f"role-{team.ids['Edi']}": "member"})
    assert team.roles == {"Cara": "creator", "Adam": "admin", "Edi": "member", "Mia": "editor"}
    for crafted, status in (("Cara", 422), ("Otto", 404), ("Olga", 404)):
        fields = {f"role-{team.ids['Edi']}": "editor", f"role-{team.ids[crafted]}": "admin"}
        team.adam.post(path, status, fields=fields)
    for role in ("creator", "king"):
        team.adam.post(path, 422, fields={f"role-{team.ids['Mia']}": role})
    team.adam.post(path, 422, fields={"role-nobody": "admin"})
    assert team.roles == {"Cara": "creator", "Adam": "admin", "Edi": "member", "Mia": "editor"}


@pytest.mark.shows("TEAM-3", "TEAM-8", "TEAM-31", "TEAM-79")
def test_verify_admin_can_manage_members(team: Team) -> None:
    team.adam.post(team.path("permissions"), fields={f"role-{team.ids['Edi']}": "member"})
    team.adam.post(team.path(f"remove/{team.ids['Edi']}"))
    team.invite(team.adam)
    assert team.roles == {"Cara": "creator", "Adam": "admin", "Mia": "member"}


@pytest.mark.shows("TEAM-4", "TEAM-31", "TEAM-79")
def test_verify_editor_can_only_edit_group_info(team: Team) -> None:
    team.edi.post(team.path("edit"), name="by-edi")
    assert team.row.name == "by-edi"
    before = team.roles
    for what in ("permissions", f"remove/{team.ids['Mia']}", "invites", "invites/create", "delete", "transfer"):
        assert "Permission denied" in words(team.edi.get(team.path(what), 403))
    team.edi.post(team.path(f"remove/{team.ids['Mia']}"), 403)
    assert team.roles == before


@pytest.mark.shows("TEAM-32", "TEAM-34", "TEAM-35", "TEAM-79")
def test_remove_member_as_admin(team: Team) -> None:
    path = team.path(f"remove/{team.ids['Edi']}")
    assert "Edi Doe" in team.adam.get(path).h1.text
    assert "Edi" in team.roles
    assert "One member is removed" in words(team.adam.follow(path))
    assert team.roles == {"Cara": "creator", "Adam": "admin", "Mia": "member"}
    team.edi.post(team.path("edit"), 403, name="still-mine")
    assert [row.member_id for row in team.world.stored(Notice, kind="removed")] == [team.ids["Edi"]]
    assert "Permission denied" in words(team.mia.post(team.path(f"remove/{team.ids['Adam']}"), 403))


# Invite system


@pytest.mark.shows("TEAM-40", "TEAM-41", "TEAM-45", "TEAM-79")
def test_join_via_quick_invite_code(team: Team) -> None:
    home = team.otto.get("")
    link = next(tag for tag in home.select("a") if tag.get_text(strip=True) == "Join via Code")
    assert "12 capital letters and digits" in words(team.otto.get(link["href"]))
    shown = team.otto.follow("join", code=f"  {team.row.invite_code}\n")
    assert "You are in the group now" in words(shown)
    assert team.roles["Otto"] == "member"
    (use,) = team.world.stored(InviteUse)
    assert (use.member_id, use.invite_id) == (team.ids["Otto"], None)


@pytest.mark.shows("TEAM-46", "TEAM-47", "TEAM-60", "TEAM-66", "TEAM-79")
def test_create_custom_invite_link_with_expiration(team: Team) -> None:
    ahead = now() + timedelta(days=2)
    link = team.invite(team.adam, expires_at=ahead.strftime("%Y-%m-%dT%H:%M"))
    assert link.expires_at == ahead.replace(second=0, microsecond=0)
    page = team.adam.get(team.path("invites"))
    assert "UTC" in words(page)
    past = (now() - timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M")
    for wrong, said in ((past, "still to come"), ("soon", "date")):
        assert said in words(team.adam.post(team.path("invites/create"), 422, expires_at=wrong))
    assert len(team.world.stored(GroupInvite)) == 1


@pytest.mark.shows("TEAM-48", "TEAM-49", "TEAM-51", "TEAM-52", "TEAM-60", "TEAM-79")
def test_create_custom_invite_link_with_usage_limit(team: Team) -> None:
    link, other = team.invite(max_uses="3"), team.invite()
    assert (link.max_uses, link.uses_count, link.is_active, link.expires_at) == (3, 0, True, None)
    assert (other.max_uses, other.uses_count, other.is_active, other.expires_at) == (None, 0, True, None)
    assert link.invite_token != other.invite_token
    assert link.created_at <= now()
    for wrong in ("0", "-1", "many"):
        assert "at least 1" in words(team.cara.post(team.path("invites/create"), 422, max_uses=wrong))
    assert "Used 0 / 3" in words(team.cara.get(team.path("invites")))


@pytest.mark.shows("TEAM-51", "TEAM-53", "TEAM-54", "TEAM-65", "TEAM-79")
def test_join_via_custom_invite_link(team: Team) -> None:
    link = team.invite(max_uses="2")
    opened = team.otto.client.get(f"/invite/{link.invite_token}")
    assert opened.status_code == 303
    asked = team.otto.get(opened.headers["Location"])
    assert "Join “team”?" in words(asked)
    assert "Otto" not in team.roles  # looking joins nobody
    assert "You are in the group now" in words(team.otto.follow(f"invite/{link.invite_token}"))
    assert team.roles["Otto"] == "member"
    again = team.otto.follow(f"invite/{link.invite_token}")
    assert "in this group already" in words(again)
    (row,) = team.world.stored(GroupInvite)
    assert row.uses_count == 1
    shown = words(team.cara.get(team.path("invites")))
    assert "Used 1 / 2" in shown
    assert "1 person came in by it Otto Doe" in shown


@pytest.mark.shows("TEAM-55", "TEAM-58", "TEAM-64", "TEAM-79", "TEAM-80")
def test_verify_expired_invites_cannot_be_used(team: Team) -> None:
    link = team.invite()
    with team.world.app.app_context():
        db.session.get_one(GroupInvite, link.id).expires_at = now() - timedelta(seconds=1)
        db.session.commit()
    refused = words(team.otto.post(f"invite/{link.invite_token}", 422))
    assert "This invite link is no longer valid." in refused
    assert "create a new invite link" in refused
    assert "Your groups" in refused
    assert "Otto" not in team.roles
    shown = words(team.cara.get(team.path("invites")))
    assert "Expired" in shown
    assert "Create a new invite link" in shown


@pytest.mark.shows("TEAM-54", "TEAM-56", "TEAM-58", "TEAM-64", "TEAM-79")
def test_verify_invite_with_max_uses_stops_working_after_limit(team: Team) -> None:
    link = team.invite(max_uses="1")
    team.otto.post(f"invite/{link.invite_token}")
    refused = team.fritz.post(f"invite/{link.invite_token}", 422)
    assert "This invite link is no longer valid." in words(refused)
    assert "Fritz" not in team.roles
    (row,) = team.world.stored(GroupInvite)
    assert row.uses_count == 1
    assert "Limit reached" in words(team.cara.get(team.path("invites")))


@pytest.mark.shows("TEAM-50", "TEAM-57", "TEAM-58", "TEAM-63", "TEAM-64", "TEAM-67", "TEAM-79")
def test_deactivate_invite_link(team: Team) -> None:
    link, other = team.invite(), team.invite()
    path = f"invites/{link.id}/deactivate"
    assert "Permission denied" in words(team.olga.post(team.path(path), 403))
    team.olga.post(team.path(path, team.rivals), 404)
    shown = team.cara.follow(team.path(path))
    assert "Inactive" in words(shown)
    assert {tag["value"] for tag in shown.select("input[readonly]")} == {
        team.row.invite_code,
        *(f"http://127.0.0.1:8000/invite/{row.invite_token}" for row in (link, other)),
    }
    assert "no longer valid" in words(team.otto.post(f"invite/{link.invite_token}", 422))
    team.otto.post(f"invite/{other.invite_token}")
    assert "Otto" in team.roles


@pytest.mark.shows("TEAM-62", "TEAM-68", "TEAM-77", "TEAM-79")
def test_copy_invite_code_to_clipboard(team: Team) -> None:
    team.invite()
    page = team.cara.get(team.path("invites"))
    buttons = page.select("button[data-copies]")
    assert len(buttons) == 2
    for button in buttons:
        field = page.find(id=button["data-copies"])
        assert field.has_attr("readonly")  # where the clipboard is kept from a frame it can be selected
        assert button.has_attr("hidden")  # until a script is there that copies
    script = SCRIPT.read_text(encoding="utf-8")
    assert "navigator.clipboard.writeText(field.value)" in script
    assert "[data-needs-script]" in script


# Edge cases


@pytest.mark.shows("TEAM-33", "TEAM-79", "TEAM-80")
def test_try_to_remove_group_creator_should_fail(team: Team) -> None:
    for method in (team.adam.get, team.adam.post):
        assert "creator cannot be removed" in words(method(team.path(f"remove/{team.ids['Cara']}"), 422))
    bulk = {"member_ids": [team.ids["Mia"], team.ids["Cara"]]}
    assert "creator cannot be removed" in words(team.adam.post(team.path("remove"), 422, fields=bulk))
    assert len(team.roles) == 4


@pytest.mark.shows("TEAM-12", "TEAM-79", "TEAM-80")
def test_try_to_edit_group_without_permission_should_fail(team: Team) -> None:
    refused = words(team.mia.get(team.path("edit"), 403))
    assert "Permission denied" in refused
    assert "can give you another role" in refused


@pytest.mark.shows("TEAM-23", "TEAM-79")
def test_creator_tries_to_leave_group_should_fail(team: Team) -> None:
    for method in (team.cara.get, team.cara.post):
        assert "hand it on first" in words(method(team.path("leave"), 422))
    assert team.roles["Cara"] == "creator"


@pytest.mark.shows("TEAM-39", "TEAM-44", "TEAM-79", "TEAM-80")
def test_use_inactive_invite_code_should_fail(team: Team) -> None:
    team.cara.post(team.path("edit"), name="team", privacy="listed")  # the tick is taken out
    assert not team.row.is_invite_active
    assert "switched it off" in words(enter(team, "Nina", 422))
    assert "Nina" not in team.roles
    assert "Inactive" in words(team.cara.get(team.path("invites")))


@pytest.mark.shows("TEAM-55", "TEAM-79")
def test_use_expired_invite_link_should_fail(team: Team) -> None:
    link = team.invite(expires_at=(now() + timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M"))
    with team.world.app.app_context():
        db.session.get_one(GroupInvite, link.id).expires_at = now()
        db.session.commit()
    assert "no longer valid" in words(team.otto.get(f"invite/{link.invite_token}", 422))
    assert "no longer valid" in words(team.otto.get(f"/invite/{link.invite_token}", 410))
    assert not team.world.stored(InviteUse)


SEED = """Create group and verify invite code is generated
Edit group as creator, admin, editor
Verify non-editors cannot edit group
Delete group (creator only)
Leave group (non-creator members)
Assign admin role to member
Assign editor role to member
Verify admin can manage members
Verify editor can only edit group info
Remove member as admin
Join via quick invite code
Create custom invite link with expiration
Create custom invite link with usage limit
Join via custom invite link
Verify expired invites cannot be used
Verify invite with max uses stops working after limit
Deactivate invite link
Copy invite code to clipboard
Try to remove group creator (should fail)
Try to edit group without permission (should fail)
Creator tries to leave group (should fail)
Use inactive invite code (should fail)
Use expired invite link (should fail)"""


@pytest.mark.shows("TEAM-79")
@pytest.mark.parametrize("line", SEED.splitlines())
def test_each_line_of_the_seeds_checklist_is_a_test(line: str) -> None:
    assert f"test_{re.sub('[^a-z]+', '_', line.lower()).strip('_')}" in globals()
