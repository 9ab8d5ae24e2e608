"""Sets of the LMS on their pages: every edit is in the LMS before the page answers, or a row says why not."""

from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LmsUnavailable
from lti_tool.domain.remote import RemoteGroup, SetOptions
from lti_tool.models import Group, GroupSet, LmsChange, Publication, db
from tests.web.conftest import Browser, PlayedLms, World
from tests.web.connected import open_labs


@pytest.fixture
def held(world: World, lms: PlayedLms) -> tuple[Browser, PlayedLms, UUID, dict[str, UUID]]:
    """A teacher's browser, the LMS, a set of it with two groups, and the ids of groups and people."""
    set_id = open_labs(world, lms)
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


def changed_groups(lms: PlayedLms) -> list[list[str]]:
    """Return the groups of each push since the last look."""
    told = [sorted(change.lms_group_id for change in push.change) for push in lms.pushes]
    lms.pushes.clear()
    return told


@pytest.mark.shows("PUSH-34", "PUSH-35", "PUSH-36", "PUSH-39", "PUSH-41")
def test_only_the_groups_that_changed_are_sent_and_are_there_when_the_page_answers(world: World, held: Any) -> None:
    browser, lms, set_id, names = held
    base = f"group-sets/{set_id}"
    browser.post(f"{base}/assign", member_ids=[names["Bela B"], names["Cleo C"]], group_id=names["Two"])
    assert changed_groups(lms) == [["g2"]]
    browser.post(f"{base}/assign", member_ids=[names["Bela B"], names["Anna A"]], group_id=names["Two"])
    assert changed_groups(lms) == [["g1", "g2"]]  # Anna came from One
    assert (lms.members("One"), lms.members("Two")) == (set(), {"u-Anna A", "u-Bela B", "u-Cleo C"})
    for person in ("Anna A", "Bela B", "Cleo C"):
        browser.post(f"{base}/groups/{names['Two']}/members/{names[person]}/remove")
    assert changed_groups(lms) == [["g2"]] * 3
    assert lms.members("Two") == world.people_in("Two") == set()
    browser.post(f"{base}/assign", member_ids=[names["Anna A"], names["Bela B"]], group_id=names["One"])
    changed_groups(lms)
    page = browser.get(f"{base}/random?seed=5")
    revision = page.select_one("input[name=revision]")["value"]
    browser.post(f"{base}/random", seed=5, revision=revision)
    assert changed_groups(lms) == [["g2"]]  # the smaller group gets Cleo, One has nobody new
    assert lms.members("Two") == {"u-Cleo C"}
    assert world.people_in("Two") == {names["Cleo C"]}


def test_a_draw_among_other_people_than_were_shown_is_not_sent(world: World, held: Any) -> None:
    browser, lms, set_id, _ = held
    shown = browser.get(f"group-sets/{set_id}/random?seed=5").select_one("main form[method=post]")
    sent = {one["name"]: one["value"] for one in shown.select("input") if one["name"] != "csrf_token"}
    world.member("Dora D")
    page = browser.post(f"group-sets/{set_id}/random", 409, fields=sent)
    assert "The people without a group have changed meanwhile" in page.text
    assert (lms.pushes, states(world)) == ([], [])


@pytest.mark.shows("PULL-56")
def test_nothing_promises_an_invitation_that_has_to_be_accepted(held: Any) -> None:
    browser, _, set_id, _ = held
    for path in (f"group-sets/{set_id}", "push"):
        text = " ".join(browser.get(path).text.split())
        assert "there is no invitation to accept" in text
    text = " ".join(browser.get(f"group-sets/{set_id}/assign-unassigned").text.split())
    assert "Students are members at once" in text


@pytest.mark.shows("PUSH-27", "PUSH-28")
def test_options_are_asked_where_canvas_has_them(held: Any) -> None:
    browser, lms, set_id, _ = held
    new = browser.get("group-sets/new")
    assert [one["value"] for one in new.select("input[name=where]")] == ["here", "lms"]
    assert {one["name"] for one in new.select(".lms-options select, .lms-options input")} == {
        "self_signup",
        "auto_leader",
        "group_limit",
    }
    edit = browser.get(f"group-sets/{set_id}/edit")
    assert edit.select_one("select[name=self_signup] option[selected]").text == "Leave as it is"
    both = {"group_limit": "4", "no_limit": "y"}
    wrong = browser.post(f"group-sets/{set_id}/edit", 422, name="Labs", fields=both)
    assert wrong.select_one("#group_limit")["aria-invalid"] == "true"
    browser.post(f"group-sets/{set_id}/edit", name="Labs", fields={"no_limit": "y"})
    assert lms.options["s1"] == SetOptions(off=("group_limit",))


@pytest.mark.shows("PUSH-27", "PUSH-28", "PUSH-29", "PUSH-33")
def test_moodle_has_no_options_and_refuses_them(app: Flask, lms: PlayedLms) -> None:
    world = World(app).open_course(family="moodle")
    set_id = open_labs(world, lms, "moodle")
    browser = world.browser()
    for path in ("group-sets/new", f"group-sets/{set_id}/edit"):
        page = browser.get(path)
        assert not page.select("[name=self_signup], [name=auto_leader], [name=group_limit], [name=no_limit]")
    forged = {"self_signup": "enabled"}
    browser.post("group-sets/new", 422, name="Seminars", where="lms", fields=forged)
    browser.post(f"group-sets/{set_id}/edit", 422, name="Labs", fields=forged)
    browser.post(f"group-sets/{set_id}/assign-unassigned", 422)
    assert (lms.calls, world.stored(LmsChange)) == (0, [])
    browser.post("group-sets/new", name="Seminars", where="lms")
    assert sorted(lms.sets.values()) == ["Labs", "Seminars"]
    browser.post(f"group-sets/{set_id}/edit", name="Laboratories")
    assert lms.sets["s1"] == "Laboratories"
    browser.post(f"group-sets/{set_id}/assign", member_ids=[world.names["Bela B"]], group_id=world.names["Two"])
    assert lms.members("Two") == {"u-Bela B"}
    browser.post(f"group-sets/{set_id}/delete")
    assert "s1" not in lms.sets


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


@pytest.mark.parametrize("family", ["canvas", "moodle"])
def test_a_name_that_others_gave_meanwhile_is_told_beside_ours_and_not_overwritten(
    app: Flask, lms: PlayedLms, family: str
) -> None:
    world = World(app).open_course(family=family)
    set_id = open_labs(world, lms, family)
    browser = world.browser()
    for path, old, new, theirs in (
        (f"groups/{world.names['One']}/edit", "One", "Eins", "Theirs"),
        ("edit", "Labs", "Labore", "Their labs"),
    ):
        form = browser.get(f"group-sets/{set_id}/{path}").select_one("main form[method=post]")
        revision = form.select_one("input[name=revision]")["value"]
        if old == "One":
            lms.groups["s1"]["g1"] = RemoteGroup("g1", theirs, "", ("u-Anna A",))
        else:
            lms.sets["s1"] = theirs
        page = browser.post(f"group-sets/{set_id}/{path}", 409, name=new, description="", revision=revision)
        told = " ".join(page.select_one("#error-summary").text.split())
        assert f"“{old}”" in told
        assert f"“{theirs}”" in told
        assert f"“{new}”" in told
        assert theirs in page.select_one(".cards" if old == "One" else "h1").text, "as the LMS has it now"
    assert (lms.groups["s1"]["g1"].name, lms.sets["s1"]) == ("Theirs", "Their labs")
    first, second = world.stored(LmsChange)
    assert (first.state, second.state) == ("refused", "refused")
    browser.post(f"changes/{first.id}/retry")
    assert lms.groups["s1"]["g1"].name == world.stored(Group, id=world.names["One"])[0].name == "Eins"
    browser.post(f"changes/{second.id}/discard")
    assert lms.sets["s1"] == world.stored(GroupSet, id=set_id)[0].name == "Their labs"


@pytest.mark.shows("PUSH-42")
@pytest.mark.parametrize("role", ["student", "observer", "ta"])
def test_only_staff_may_write_to_the_lms(world: World, held: Any, role: str) -> None:
    _, lms, set_id, names = held
    other = world.browser(role, member=names["Cleo C"])
    group = f"groups/{names['One']}"
    one = (f"{group}/edit", f"{group}/delete", f"{group}/members", f"{group}/members/{names['Anna A']}/remove")
    for path in ("assign", "groups", "edit", "delete", "random", "assign-unassigned", *one):
        other.post(f"group-sets/{set_id}/{path}", 403)
    other.post("group-sets/new", 403, name="X", where="lms")
    other.get("push", 403)
    other.post("push", 403)
    assert lms.calls == 0
    assert states(world) == []


@pytest.mark.shows("PUSH-37")
def test_all_memberships_are_pushed_from_their_own_address(world: World, held: Any) -> None:
    browser, lms, _, _ = held
    lms.groups["s1"]["g1"] = RemoteGroup("g1", "One")
    asked = browser.get("push")
    assert "Nothing is sent yet" in asked.text
    assert "Changes made in Canvas since the last sync are overwritten" in asked.text
    assert lms.calls == 0
    where = browser.post("push")
    world.app.extensions["lti_tool_doorbell"].work_off()
    assert lms.members("One") == {"u-Anna A"}
    assert "1 group of Canvas’s own sets brought up to date" in browser.get(where).text


@pytest.mark.shows("PUSH-24", "PUSH-37")
def test_a_push_says_which_group_did_not_go_and_why(world: World, held: Any) -> None:
    browser, lms, _, _ = held
    lms.groups["s1"] = {"g1": RemoteGroup("g1", "One")}  # Two was deleted there
    where = browser.post("push")
    world.app.extensions["lti_tool_doorbell"].work_off()
    page = browser.get(where)
    (failed,) = page.select(".notice-bad li")
    assert len(page.select("main .notice, main .notice-bad, main .notice-warn")) == 1, "it is told once"
    assert " ".join(failed.text.split()).startswith("Labs, Two: ")
    assert "1 group was not brought to Canvas" in page.text
    assert "Nothing had to change" not in page.text
    assert page.select_one(".notice-bad form[action$=sync]"), "the way out is one press away"
    assert lms.members("One") == {"u-Anna A"}


def test_a_push_names_the_published_sets_that_others_changed(world: World, lms: PlayedLms) -> None:
    set_id = world.group_set("Projects", {})
    with world.app.app_context():
        values = {"lms_group_set_id": "set-7", "state": "sent", "drift": 2, "created_at": now()}
        db.session.add(Publication(group_set_id=set_id, name="Projects", **values))
        db.session.commit()
    page = world.browser().get("push")
    assert "2 differences were made in Canvas, which a push leaves there" in " ".join(page.text.split())
    assert page.select_one(f"main a[href$='{set_id}/drift']")
    assert lms.calls == 0


def test_a_push_of_nothing_is_not_offered(world: World, lms: PlayedLms) -> None:
    page = world.browser().get("push")
    assert "There is nothing to push" in page.text
    assert not page.select("main form")


@pytest.mark.shows("PULL-53")
def test_canvas_is_asked_to_spread_the_students_and_the_set_is_shown_at_work(world: World, held: Any) -> None:
    browser, _, set_id, _ = held
    where = browser.post(f"group-sets/{set_id}/assign-unassigned")
    assert "pushed=sending" in where
    browser.get(where)
    world.app.extensions["lti_tool_doorbell"].work_off()
    assert states(world) == ["sent"]
