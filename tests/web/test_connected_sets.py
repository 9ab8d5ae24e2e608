"""Sets of the LMS on their pages: every edit is in the LMS before the page answers, or a row says why not."""

from typing import Any
from uuid import UUID

import pytest

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LmsUnavailable
from lti_tool.domain.gateway import RemoteGroup, SetOptions
from lti_tool.models import Course, Group, GroupSet, LmsChange, db
from tests.web.conftest import Browser, PlayedLms, World


@pytest.fixture
def held(world: World, lms: PlayedLms) -> tuple[Browser, PlayedLms, UUID, dict[str, UUID]]:
    """A teacher's browser, the LMS, a set of it with two groups, and the ids of groups and people."""
    people = {name: world.member(name) for name in ("Anna A", "Bela B", "Cleo C")}
    set_id = world.group_set("Labs", {"One": [people["Anna A"]], "Two": []}, connection="canvas", lms_group_set_id="s1")
    with world.app.app_context():
        db.session.get_one(Course, world.course_id).rights_asked_at = now()
        for name, lms_id in (("One", "g1"), ("Two", "g2")):
            db.session.get_one(Group, world.names[name]).lms_group_id = lms_id
        db.session.commit()
    lms.sets["s1"] = "Labs"
    lms.groups["s1"] = {"g1": RemoteGroup("g1", "One", "", ("u-Anna A",)), "g2": RemoteGroup("g2", "Two")}
    return world.browser(), lms, set_id, world.names


def states(world: World) -> list[str]:
    return [row.state for row in world.stored(LmsChange)]


@pytest.mark.shows("PUSH-27")
def test_a_set_is_made_in_the_lms(world: World, held: Any) -> None:
    browser, lms, _, _ = held
    options = {"self_signup": "enabled", "group_limit": "4"}
    where = browser.post("group-sets/new", name="Test Category", where="lms", fields=options)
    (row,) = world.stored(GroupSet, name="Test Category")
    assert str(row.id) in where
    assert (row.connection, lms.sets[row.lms_group_set_id]) == ("canvas", "Test Category")
    assert lms.options[row.lms_group_set_id] == SetOptions("enabled", None, 4)
    browser.post("group-sets/new", 422, name="Wrong", where="lms", fields={"group_limit": "1"})
    browser.post("group-sets/new", 422, name="Wrong", where="lms", fields={"group_limit": "many"})
    assert states(world) == ["sent"]


@pytest.mark.shows("PUSH-28", "PUSH-29")
def test_a_set_of_the_lms_is_edited_and_deleted_there(world: World, held: Any) -> None:
    browser, lms, set_id, _ = held
    row = world.stored(GroupSet, id=set_id)[0]
    browser.post(f"group-sets/{set_id}/edit", name="Labs too", revision=row.revision, fields={"auto_leader": "first"})
    assert lms.sets["s1"] == world.stored(GroupSet, id=set_id)[0].name == "Labs too"
    assert lms.options["s1"] == SetOptions(auto_leader="first")
    browser.post(f"group-sets/{set_id}/delete")
    assert "s1" not in lms.sets
    assert world.stored(GroupSet, id=set_id) == []
    assert states(world) == ["sent", "sent"]


@pytest.mark.shows("PUSH-30", "PUSH-31", "PUSH-32", "PUSH-33", "PUSH-34", "PUSH-35", "PUSH-36")
def test_groups_of_the_lms_are_edited_on_their_page(world: World, held: Any) -> None:
    browser, lms, set_id, names = held
    base = f"group-sets/{set_id}"
    browser.post(f"{base}/groups/{names['Two']}/members", member_id=names["Bela B"])
    assert lms.members("Two") == {"u-Bela B"}
    assert world.people_in("Two") == {names["Bela B"]}
    browser.post(f"{base}/assign", member_ids=[names["Bela B"], names["Cleo C"]], group_id=names["One"])
    assert lms.members("One") == {"u-Anna A", "u-Bela B", "u-Cleo C"}
    browser.post(f"{base}/groups/{names['One']}/members/{names['Anna A']}/remove")
    assert lms.members("One") == {"u-Bela B", "u-Cleo C"}
    revision = world.stored(GroupSet, id=set_id)[0].revision
    browser.post(f"{base}/random", seed=3, revision=revision)
    assert len(lms.members("One") | lms.members("Two")) == 3
    revision = world.stored(GroupSet, id=set_id)[0].revision
    browser.post(f"{base}/groups/{names['Two']}/edit", name="Zwei Ärzte", description="", revision=revision)
    assert lms.groups["s1"]["g2"].name == "Zwei Ärzte"
    browser.post(f"{base}/groups", name="Drei", count=1)
    (made,) = world.stored(Group, name="Drei")
    assert made.lms_group_id in lms.groups["s1"]
    browser.post(f"{base}/groups/{names['One']}/delete")
    assert "g1" not in lms.groups["s1"]
    assert world.stored(Group, id=names["One"]) == []
    assert set(states(world)) == {"sent"}


@pytest.mark.shows("PUSH-40")
def test_an_edit_that_the_lms_does_not_take_is_said_and_kept(world: World, held: Any) -> None:
    browser, lms, set_id, names = held
    lms.error = LmsUnavailable("lms_failed", host="lms.example", status=500)
    where = browser.post(f"group-sets/{set_id}/assign", member_ids=[names["Bela B"]], group_id=names["Two"])
    assert "pushed=waiting" in where
    assert world.people_in("Two") == set()
    (row,) = world.stored(LmsChange)
    assert (row.state, row.about) == ("waiting", "Bela B → Two")
    browser.post(f"group-sets/{set_id}/assign", 409, member_ids=[names["Bela B"]], group_id=names["One"])


@pytest.mark.shows("PUSH-42")
@pytest.mark.parametrize("role", ["student", "observer"])
def test_only_staff_may_write_to_the_lms(world: World, held: Any, role: str) -> None:
    _, lms, set_id, names = held
    other = world.browser(role, member=names["Cleo C"])
    for path in ("assign", "groups", "edit", "delete", "random", "assign-unassigned"):
        other.post(f"group-sets/{set_id}/{path}", 403)
    other.post("group-sets/new", 403, name="X", where="lms")
    assert lms.calls == 0
    assert states(world) == []


@pytest.mark.shows("PUSH-37")
def test_all_memberships_are_pushed_from_their_own_address(world: World, held: Any) -> None:
    browser, lms, _, _ = held
    lms.groups["s1"]["g1"] = RemoteGroup("g1", "One")
    browser.post("push")
    world.app.extensions["lti_tool_doorbell"].work_off()
    assert lms.members("One") == {"u-Anna A"}


@pytest.mark.shows("PULL-53")
def test_canvas_is_asked_to_spread_the_students_and_the_set_is_shown_at_work(world: World, held: Any) -> None:
    browser, _, set_id, _ = held
    where = browser.post(f"group-sets/{set_id}/assign-unassigned")
    assert "pushed=sending" in where
    browser.get(where)
    world.app.extensions["lti_tool_doorbell"].work_off()
    assert states(world) == ["sent"]
