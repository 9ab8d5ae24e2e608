"""Moves from a page that is out of date: who is not where it showed them is not moved, and everybody else is."""

from typing import Any

import pytest
from sqlalchemy import update

from lti_tool.models import GroupMembership, db


@pytest.fixture
def two(world: Any) -> Any:
    """A local set with Ann in one of its groups, and two teachers."""
    world.ann, world.bo = world.member("Ann Lee"), world.member("Bo Li")
    world.set_id = world.group_set("Projects", {"t1": [world.ann], "t2": [], "t3": []})
    world.path = f"group-sets/{world.set_id}"
    world.teacher, world.other = world.browser(), world.browser(name="Other")
    return world


def ticked(page: Any, *names: str) -> list[str]:
    """Return what the boxes of these people send, as a set's page has them."""
    boxes = page.select("input[name=member_ids][form=place]")
    found = {" ".join(box.parent.text.split()): box["value"] for box in boxes}
    return [found[name] for name in names]


def move(two: Any, who: Any, people: list[str], group: str, status: int = 303) -> Any:
    return who.post(f"{two.path}/assign", status, member_ids=people, group_id=str(two.names[group]))


def problem(page: Any) -> str:
    return " ".join(page.select_one("#error-summary").text.split())


@pytest.mark.parametrize(("name", "now"), [("Ann Lee", "Ann Lee (t2)"), ("Bo Li", "Bo Li (t2)")])
def test_another_persons_move_is_not_overwritten(two: Any, name: str, now: str) -> None:
    sent = ticked(two.teacher.get(two.path), name)
    move(two, two.other, ticked(two.other.get(two.path), name), "t2")
    page = move(two, two.teacher, sent, "t3", 409)
    assert problem(page).startswith("Somebody moved people meanwhile")
    assert f"Where they are now: {now}." in problem(page)
    assert page.h1.text == "Projects"
    assert two.people_in("t3") == set()
    move(two, two.teacher, ticked(page, name), "t3")
    assert len(two.people_in("t3")) == 1


def test_who_was_taken_out_meanwhile_is_told_too(two: Any) -> None:
    sent = ticked(two.teacher.get(two.path), "Ann Lee", "Bo Li")
    two.other.post(f"{two.path}/groups/{two.names['t1']}/members/{two.ann}/remove")
    assert "Where they are now: Ann Lee (–)." in problem(move(two, two.teacher, sent, "t3", 409))
    assert two.people_in("t3") == set(), "nobody is moved, also not Bo"


def test_moves_of_different_people_do_not_meet(two: Any) -> None:
    page = two.teacher.get(two.path)
    move(two, two.other, ticked(two.other.get(two.path), "Ann Lee"), "t2")
    move(two, two.teacher, ticked(page, "Bo Li"), "t3")
    assert (two.people_in("t2"), two.people_in("t3")) == ({two.ann}, {two.bo})


def test_the_same_asked_twice_changes_nothing_the_second_time(two: Any) -> None:
    sent = ticked(two.teacher.get(two.path), "Ann Lee")
    move(two, two.teacher, sent, "t2")
    page = two.teacher.get(move(two, two.teacher, sent, "t2"))
    assert page.select_one("#notice")["data-code"] == "unchanged"


def test_a_person_in_several_groups_is_compared_with_all_of_them(two: Any) -> None:
    two.group_set("Labs", {"Lab A": [two.ann]}, connection="canvas")
    two.teacher.post(f"{two.path}/references", group_ids=str(two.names["Lab A"]))
    page = two.teacher.get(two.path)
    values = {box["value"] for box in page.select(f"input[value^='{two.ann}']")}
    assert values == {f"{two.ann}@{two.names['t1']},{two.names['Lab A']}"}, "the same on both cards"
    move(two, two.other, ticked(two.other.get(two.path), "Ann Lee"), "t2")
    page = move(two, two.teacher, list(values), "t3", 409)
    assert "Where they are now: Ann Lee (t2, Lab A)." in problem(page)
    move(two, two.teacher, ticked(page, "Ann Lee"), "t3")
    assert (two.people_in("t2"), two.people_in("t3"), two.people_in("Lab A")) == (set(), {two.ann}, {two.ann})


def test_the_question_of_one_person_and_the_lists_of_those_without_a_group_compare_too(two: Any) -> None:
    group = f"{two.path}/groups/{two.names['t3']}"
    question, whole = (two.teacher.get(f"{two.path}/members/{two.bo}"), two.teacher.get(f"{two.path}/groups/new"))
    (asked,) = (field["value"] for field in question.select("input[name=member_ids]"))
    (listed,) = (field["value"] for field in whole.select("input[name=member_ids]"))
    options = two.teacher.get(f"{group}/edit").select("#member_id option")
    (offered,) = (option["value"] for option in options if option.text == "Bo Li")
    move(two, two.other, [str(two.bo)], "t2")
    answers = (
        move(two, two.teacher, [asked], "t3", 409),
        two.teacher.post(f"{two.path}/groups/new", 409, name="", member_ids=listed),
        two.teacher.post(f"{group}/members", 409, member_id=offered),
    )
    for page in answers:
        assert "Where they are now: Bo Li (t2)." in problem(page)
    assert two.people_in("t2") == {two.bo}


def test_htmx_and_programs_are_answered_in_their_ways(two: Any) -> None:
    sent = ticked(two.teacher.get(two.path), "Ann Lee")
    move(two, two.other, [str(two.ann)], "t2")
    form = {"csrf_token": two.teacher.token, "member_ids": sent, "group_id": str(two.names["t3"])}
    at = two.teacher.address(f"{two.path}/assign")
    part = two.teacher.client.post(at, data=form, headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["HX-Retarget"]) == (409, "#main")
    assert "Ann Lee (t2)" in part.text
    told = two.teacher.client.post(at, data=form, headers={"Accept": "application/json"})
    assert (told.status_code, told.json["error"]) == (409, "people_moved")
    form["member_ids"] = [str(two.ann)]  # a program that does not say where it saw her
    assert two.teacher.client.post(at, data=form, headers={"Accept": "application/json"}).status_code == 200
    for odd in (f"{two.ann}@x", "@", f"{two.ann}@{two.set_id},x"):
        move(two, two.teacher, [odd], "t1", 422)


def test_a_name_while_it_is_typed_is_of_the_people_who_are_ticked(two: Any) -> None:
    (listed,) = (f["value"] for f in two.teacher.get(f"{two.path}/groups/new").select("input[name=member_ids]"))
    part = two.teacher.part(f"{two.path}/groups/name", name="", member_ids=listed)
    assert "bo_li" in part.text


def test_in_a_set_of_the_lms_nothing_is_asked_of_it_then(two: Any, lms: Any) -> None:
    two.allow_writing()
    two.labs = two.group_set("Labs", {"L1": [two.ann], "L2": []}, connection="canvas", lms_group_set_id="s1")
    two.path = f"group-sets/{two.labs}"
    page = two.teacher.get(two.path)
    with two.app.app_context():  # a sync brings what was changed in Canvas
        there = {"group_id": two.names["L1"], "member_id": two.ann}
        db.session.execute(update(GroupMembership).filter_by(**there).values(group_id=two.names["L2"]))
        db.session.commit()
    assert "Where they are now: Ann Lee (L2)." in problem(move(two, two.teacher, ticked(page, "Ann Lee"), "L1", 409))
    assert lms.pushes == []
