"""The latest bulk change of a set on its page: told, taken back, made again, and refused when it is not the latest."""

from typing import Any
from uuid import uuid4

import pytest
from bs4 import BeautifulSoup

from tests.web.test_permissions import NO_ID


@pytest.fixture
def filled(world: Any) -> Any:
    """A set with two groups, one person placed and three waiting."""
    world.people = [world.member(name, source="local") for name in ("Ana López", "Ben", "Cat", "Dan")]
    world.set_id = world.group_set("Projects", {"Team 1": world.people[:1], "Team 2": []})
    world.path = f"group-sets/{world.set_id}"
    return world


def move_all(world: Any, teacher: Any) -> BeautifulSoup:
    """Tick the three who wait and move them to Team 2; give the page that this leads to."""
    form = {"member_ids": [str(p) for p in world.people[1:]], "group_id": str(world.names["Team 2"])}
    return teacher.follow(f"{world.path}/assign", **form)


def line(page: BeautifulSoup) -> str:
    found = page.select_one("form#undo")
    return " ".join(found.text.split()) if found else ""


def press(page: BeautifulSoup, teacher: Any, status: int = 303) -> Any:
    """Press the button of the page's head as it is."""
    form = page.select_one("form#undo")
    sent = {field["name"]: field["value"] for field in form.select("input") if field["name"] != "csrf_token"}
    answer = teacher.post(form["action"], status, **sent)
    return teacher.get(answer) if status == 303 else answer


def test_a_bulk_move_is_told_and_can_be_undone_and_redone(filled: Any) -> None:
    teacher = filled.browser()
    assert line(teacher.get(filled.path)) == ""
    page = move_all(filled, teacher)
    notice = page.select_one("#notice")
    assert notice.find("button", string="Undo")["form"] == "undo"
    assert line(page) == "Last change: 3 people moved by Tina Teacher, just now. Undo the last change"
    assert filled.people_in("Team 2") == set(filled.people[1:])
    assert line(teacher.get(filled.path)).endswith("Undo the last change"), "it stays until the set changes"

    page = press(page, teacher)
    assert "The last change is taken back." in page.select_one("#notice").text
    assert line(page) == "Last change: a change taken back by Tina Teacher, just now. Redo the last change"
    assert filled.people_in("Team 2") == set()
    assert filled.people_in("Team 1") == set(filled.people[:1])
    page = press(page, teacher)
    assert "The change is made again." in page.select_one("#notice").text
    assert filled.people_in("Team 2") == set(filled.people[1:])
    assert line(page).endswith("Undo the last change")


def test_a_draw_can_be_undone(filled: Any) -> None:
    teacher = filled.browser()
    shown = teacher.get(f"{filled.path}/random?seed=5")
    sent = {name: shown.select_one(f"input[name={name}]")["value"] for name in ("seed", "revision")}
    page = teacher.follow(f"{filled.path}/random", **sent)
    assert "3 people placed at random by Tina Teacher" in line(page)
    press(page, teacher)
    assert filled.people_in("Team 2") == set()


def test_the_button_goes_when_the_set_changes_otherwise_and_a_stale_page_is_answered_409(filled: Any) -> None:
    teacher = filled.browser()
    stale = move_all(filled, teacher)
    teacher.post(f"{filled.path}/groups/{filled.names['Team 1']}/edit", name="First", description="")
    assert line(teacher.get(filled.path)) == ""
    page = press(stale, teacher, 409)
    assert "Somebody changed this group set meanwhile" in page.text
    assert "first" in page.text
    assert filled.people_in("Team 2") == set(filled.people[1:])


def test_a_double_click_undoes_once(filled: Any) -> None:
    teacher = filled.browser()
    shown = move_all(filled, teacher)
    press(shown, teacher)
    page = press(shown, teacher, 409)
    assert line(page).endswith("Redo the last change"), "the present state is shown"
    assert filled.people_in("Team 2") == set()
    for revision in ("", "x", "-1"):
        teacher.post(f"{filled.path}/undo", 409, revision=revision)


def test_who_was_left_out_is_named(filled: Any) -> None:
    teacher = filled.browser()
    form = {"member_ids": [str(p) for p in filled.people[:2]], "group_id": str(filled.names["Team 2"])}
    teacher.post(f"{filled.path}/assign", **form)
    shown = teacher.get(filled.path)
    teacher.post(f"roster/members/{filled.people[0]}/edit", fields=edited(teacher, filled.people[0]))
    page = press(shown, teacher)
    assert "Not put back, because they are not active any more or were moved since: Ana López." in line(page)
    assert "Ana" not in teacher.client.get(teacher.address(filled.path)).headers.get("Location", "")


def edited(teacher: Any, member_id: Any) -> dict[str, str]:
    """The fields of a person's form, with the status changed to dropped."""
    page = teacher.get(f"roster/members/{member_id}/edit")
    fields = {f["name"]: f.get("value", "") for f in page.select("main input[name]") if f.get("type") != "radio"}
    fields.pop("csrf_token", None)
    return fields | {"status": "dropped", "git_username_status": "unknown", "confirmed": "yes"}


@pytest.mark.parametrize(("kind", "manages"), [("student", None), ("observer", None), ("ta", None), ("teacher", False)])
def test_only_who_manages_groups_may_undo(filled: Any, kind: str, manages: bool | None) -> None:
    shown = move_all(filled, filled.browser())
    other = filled.browser(kind, manages=manages)
    page = press(shown, other, 403)
    assert "You may not do this here" in page.h1.text
    assert filled.people_in("Team 2") == set(filled.people[1:])
    if kind != "student":
        assert line(other.get(filled.path)) == ""


def test_a_set_of_another_course_is_not_here(filled: Any) -> None:
    shown = move_all(filled, filled.browser())
    revision = shown.select_one("form#undo input[name=revision]")["value"]
    second = type(filled)(filled.app, uuid4(), uuid4()).open_course("Other")
    stranger = second.browser()
    for key in (filled.set_id, NO_ID):
        stranger.post(f"group-sets/{key}/undo", 404, revision=revision)
    assert filled.people_in("Team 2") == set(filled.people[1:])


def test_while_the_set_is_being_published_it_stays(filled: Any) -> None:
    teacher = filled.browser()
    shown = move_all(filled, teacher)
    filled.run("publish", "running", group_set_id=filled.set_id)
    page = press(shown, teacher, 409)
    assert "being published" in page.text
    assert line(page) == ""
    assert filled.people_in("Team 2") == set(filled.people[1:])


def test_programs_are_told_what_changed(filled: Any) -> None:
    teacher = filled.browser()
    shown = move_all(filled, teacher)
    revision = shown.select_one("form#undo input[name=revision]")["value"]
    sent = {"csrf_token": teacher.token, "revision": revision}
    address = teacher.address(f"{filled.path}/undo")
    answer = teacher.client.post(address, data=sent, headers={"Accept": "application/json"})
    assert answer.json["changed"]["group_sets"] == [str(filled.set_id)]
    again = teacher.client.post(address, data=sent, headers={"Accept": "application/json"})
    assert (again.status_code, again.json["error"]) == (409, "set_changed")


def test_an_undo_that_the_mirror_could_not_show_is_refused_with_the_reason(filled: Any, lms: Any) -> None:
    teacher = filled.browser()
    ana = filled.people[0]
    filled.group_set("Second", {"Extra": [ana]})
    references = {"group_ids": [str(filled.names["Extra"])]}
    teacher.post(f"{filled.path}/references", fields=references)
    page = teacher.get(filled.path)
    assert "In more than one group" in page.text
    shown = move_everybody(filled, teacher)
    teacher.post(f"{filled.path}/publish")
    filled.app.extensions["lti_tool_doorbell"].work_off()
    page = press(shown, teacher, 422)
    assert "In two groups: Ana López." in page.select_one("#error-summary").text
    assert filled.people_in("Team 2") == set(filled.people)
    assert lms.members("Team 2") == {"u-Ana López", "u-Ben", "u-Cat", "u-Dan"}


def move_everybody(world: Any, teacher: Any) -> BeautifulSoup:
    form = {"member_ids": [str(p) for p in world.people], "group_id": str(world.names["Team 2"])}
    return teacher.follow(f"{world.path}/assign", **form)


def test_an_undo_is_in_the_lms_when_the_page_answers(filled: Any, lms: Any) -> None:
    teacher = filled.browser()
    teacher.post(f"{filled.path}/publish")
    filled.app.extensions["lti_tool_doorbell"].work_off()
    shown = move_all(filled, teacher)
    assert lms.members("Team 2") == {"u-Ben", "u-Cat", "u-Dan"}
    page = press(shown, teacher)
    assert "Canvas has it too." in page.select_one("#notice").text
    assert lms.members("Team 2") == set()
    press(page, teacher)
    assert lms.members("Team 2") == {"u-Ben", "u-Cat", "u-Dan"}


def test_a_draw_among_other_people_than_were_shown_is_not_made(filled: Any) -> None:
    teacher = filled.browser()
    shown = teacher.get(f"{filled.path}/random?seed=5").select_one("main form[method=post]")
    sent = {f["name"]: f["value"] for f in shown.select("input") if f["name"] != "csrf_token"}
    filled.member("Eve")
    page = teacher.post(f"{filled.path}/random", 409, fields=sent)
    assert "The people without a group have changed meanwhile" in page.text
    assert filled.people_in("Team 2") == set()
