"""What an LMS's answer leaves open is said on the pages: a move that is being checked, and people who are strangers."""

from dataclasses import replace
from typing import Any

import pytest

from lti_tool.domain.remote import RemoteGroup
from lti_tool.services import proof
from tests.web.conftest import PlayedLms, World
from tests.web.connected import open_labs


def said(page: Any) -> str:
    return " ".join(page.main.text.split())


def join(lms: PlayedLms, group_id: str, person: str) -> None:
    """Put somebody into a group of the LMS, behind the tool's back."""
    group = lms.groups["s1"][group_id]
    lms.groups["s1"][group_id] = replace(group, member_ids=(*group.member_ids, person))


@pytest.mark.shows("PUSH-40")
def test_a_move_that_is_not_proved_is_said_to_be_checked_and_then_what_it_is(world: World, lms: PlayedLms) -> None:
    set_id, lms.unproven = open_labs(world, lms), True
    teacher = world.browser()
    move = {"member_ids": [world.names["Anna A"]], "group_id": world.names["Two"]}
    page = teacher.follow(f"group-sets/{set_id}/assign", **move)
    notice = page.select_one("#notice")
    assert "Canvas has taken it. That everybody has left their old group there is checked" in notice.text
    assert "notice-good" in notice["class"]
    assert not page.select("#not-yet")
    changes = said(teacher.get("changes"))
    assert "Being checked" in changes
    assert (
        "Canvas has taken every change that was made here. Whether it did all of 1 change is being checked." in changes
    )
    join(lms, "g1", "u-Anna A")
    proved(world)
    page = teacher.get(f"group-sets/{set_id}")
    assert "Some people are still in their old group." in said(page)
    assert "did not take these people out of their old group: Anna A" in said(page)
    assert world.people_in("One") == world.people_in("Two") == {world.names["Anna A"]}


def proved(world: World) -> None:
    """Let the worker look at what is unproven."""
    doorbell = world.app.extensions["lti_tool_doorbell"]
    with world.app.app_context():
        assert proof.sweep(doorbell.ring) == 1
    doorbell.work_off()


@pytest.mark.shows("PUSH-40", "PUSH-41")
def test_whom_others_moved_since_a_move_is_said_on_the_set_until_somebody_decides(world: World, lms: PlayedLms) -> None:
    set_id, lms.unproven = open_labs(world, lms), True
    lms.groups["s1"]["g3"] = RemoteGroup("g3", "Three")
    teacher = world.browser()
    teacher.post(f"group-sets/{set_id}/assign", member_ids=[world.names["Anna A"]], group_id=world.names["Two"])
    join(lms, "g3", "u-Anna A")
    proved(world)
    notice = teacher.get(f"group-sets/{set_id}").select_one("section[aria-labelledby=not-yet]")
    words = " ".join(notice.text.split())
    assert "Changed by others" in words
    assert "Others changed this in Canvas meanwhile. Canvas took the change" in words
    assert "Where Canvas has them now: Anna A → Two, Three." in words
    assert "Anna A → Two, Three" in said(teacher.get("changes"))
    lms.unproven = False
    page = teacher.follow(notice.select_one("form[action$='/retry']")["action"], back="set")
    assert (lms.members("Two"), lms.members("Three")) == ({"u-Anna A"}, set())
    assert not page.select("#not-yet")


@pytest.mark.shows("PUSH-40", "PUSH-41")
def test_whom_others_moved_since_a_move_in_a_published_set_is_a_difference_with_their_name(
    world: World, lms: PlayedLms
) -> None:
    anna, teacher = world.member("Anna A"), world.browser()
    path = f"group-sets/{world.group_set('Labs', {'One': [anna], 'Two': [], 'Three': []})}"
    teacher.post(f"{path}/publish")
    world.app.extensions["lti_tool_doorbell"].work_off()
    lms.unproven = True
    teacher.post(f"{path}/assign", member_ids=[anna], group_id=world.names["Two"])
    (held,) = lms.groups.values()
    third = next(group for group in held.values() if group.name == "Three")
    held[third.lms_group_id] = replace(third, member_ids=("u-Anna A",))
    proved(world)
    assert "1 difference was made in Canvas since the tool last knew it." in said(teacher.get(path))
    (told,) = teacher.get(f"{path}/drift").select("fieldset legend")
    assert "Anna A" in told.text
    assert "Three" in told.text


@pytest.mark.shows("PUSH-14")
def test_people_who_are_not_on_the_roster_are_told_on_the_set_and_in_its_run(world: World, lms: PlayedLms) -> None:
    set_id = open_labs(world, lms)
    teacher = world.browser()
    assert not teacher.get(f"group-sets/{set_id}").select("#strangers")
    join(lms, "g2", "u-stranger")
    page = teacher.follow(f"group-sets/{set_id}/groups/{world.names['Two']}/members", member_id=world.names["Bela B"])
    told = page.select_one("#strangers")
    assert "Canvas has 1 person in groups of this set who is not on the roster yet." in " ".join(told.text.split())
    assert told.select_one("form")["action"].endswith("/sync")
    run = teacher.get(teacher.get("activity").select_one("main table a")["href"])
    assert "1 member is not on the roster" in said(run)
    assert "not among the people here" in said(run)
