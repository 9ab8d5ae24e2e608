"""Group sets: made, renamed, deleted and shown, with refusals beside the field that caused them."""

from typing import Any

import pytest

from lti_tool.domain.clock import now
from lti_tool.models import Group, GroupSet, HistoryEntry

TOO_LONG = "x" * 256


def test_a_set_is_made_and_shown(world: Any) -> None:
    page = world.browser().follow("group-sets/new", name="  Term   projects ")
    assert page.h1.text == "Term projects"
    assert "The group set is made" in page.select_one("#notice").text
    assert page.select_one("details[open] form"), "adding groups is the next step, so its form is open"
    (row,) = world.stored(GroupSet)
    assert row.name == "Term projects"
    assert row.connection is None


@pytest.mark.parametrize(
    ("name", "words"),
    [("", "Enter a name."), ("   ", "Enter a name."), (TOO_LONG, "255 characters"), ("labs", "“labs” is in use")],
)
@pytest.mark.parametrize("place", ["new", "edit"])
def test_a_wrong_name_is_refused_beside_its_field(world: Any, name: str, words: str, place: str) -> None:
    world.group_set("Labs")
    set_id = world.group_set("Projects")
    path = "group-sets/new" if place == "new" else f"group-sets/{set_id}/edit"
    page = world.browser().post(path, 422, name=name)
    field = page.select_one("#name")
    assert field["aria-invalid"] == "true"
    assert field["value"] == name
    assert words in page.find(id=field["aria-describedby"].split()[-1]).text
    assert words in page.select_one("#error-summary a[href='#name']").text
    assert page.title.text.startswith("Error: ")
    assert {row.name for row in world.stored(GroupSet)} == {"Labs", "Projects"}


def test_a_set_is_renamed(world: Any) -> None:
    set_id = world.group_set("Projects")
    teacher = world.browser()
    assert teacher.get(f"group-sets/{set_id}/edit").select_one("#name")["value"] == "Projects"
    assert teacher.follow(f"group-sets/{set_id}/edit", name="Teams").h1.text == "Teams"


def test_a_set_is_deleted_after_a_question(world: Any) -> None:
    set_id = world.group_set("Projects", {"Team 1": [world.member("Ana López")]})
    teacher = world.browser()
    question = teacher.get(f"group-sets/{set_id}/delete")
    assert "Its 1 group" in question.text
    assert world.stored(GroupSet)
    page = teacher.follow(f"group-sets/{set_id}/delete", where="here")
    assert "deleted" in page.select_one("#notice").text
    assert not world.stored(GroupSet)
    assert not world.stored(Group)
    assert "group_set_deleted" in {entry.action for entry in world.stored(HistoryEntry)}
    teacher.get(f"group-sets/{set_id}", 404)


@pytest.mark.shows("PULL-45")
@pytest.mark.parametrize(("family", "badge"), [("canvas", "Canvas"), ("moodle", "Moodle")])
def test_sets_of_the_lms_bear_its_name_and_local_ones_do_not(app: Any, world: Any, family: str, badge: str) -> None:
    course = type(world)(app).open_course(family=family)
    course.group_set("Labs", {}, connection=family)
    course.group_set("Projects")
    cards = course.browser().get("group-sets").select(".card-link")
    assert {card.h3.text.strip(): [b.text for b in card.select(".badge-lms")] for card in cards} == {
        "Labs": [badge],
        "Projects": [],
    }


def test_a_set_of_the_lms_bears_its_badge_and_is_read_only(world: Any) -> None:
    ana = world.member("Ana López")
    set_id = world.group_set("Labs", {"Lab A": [ana]}, connection="canvas", last_updated=now())
    local = world.group_set("Projects")
    teacher = world.browser()
    page = teacher.get(f"group-sets/{set_id}")
    assert page.select_one(".badge-lms").text == "Canvas"
    assert "This set belongs to Canvas; change it there and sync." in " ".join(page.text.split())
    assert not page.select("main form, main button, main input")
    assert not teacher.get(f"group-sets/{local}").select(".badge-lms")
    for path, sent in (
        ("edit", {"name": "Mine"}),
        ("groups", {"name": "Mine", "count": "1"}),
        ("delete", {"where": "here"}),
        ("publish", {}),
        ("assign", {"member_ids": str(ana), "group_id": str(world.names["Lab A"])}),
        (f"groups/{world.names['Lab A']}/delete", {}),
        (f"groups/{world.names['Lab A']}/edit", {"name": "Mine"}),
    ):
        refused = teacher.post(f"group-sets/{set_id}/{path}", 422, **sent)
        assert "Canvas" in refused.text, path
    assert {row.name for row in world.stored(GroupSet)} == {"Labs", "Projects"}


def test_the_page_of_a_set_costs_the_same_for_few_and_many(world: Any, count_queries: Any) -> None:
    teacher = world.browser()
    few_people = [world.member(f"Early {n}") for n in range(3)]
    small = world.group_set("Small", {"A": few_people[:1]})
    count_queries()
    teacher.get(f"group-sets/{small}")
    few = count_queries()
    people = [world.member(f"Person {n:03}") for n in range(300)]
    big = world.group_set("Big", {f"Team {n}": people[n * 5 : n * 5 + 5] for n in range(50)})
    count_queries()
    page = teacher.get(f"group-sets/{big}")
    assert count_queries() == few <= 8
    assert len(page.select(".group")) == 50
    assert len(page.select("#unassigned-list li")) == 53
    assert len(str(page.main)) < 450_000


def test_who_is_in_two_groups_is_named(world: Any) -> None:
    ana = world.member("Ana López")
    set_id = world.group_set("Imported", {"A": [ana], "B": [ana]}, connection="import")
    assert "In more than one group: Ana López." in " ".join(world.browser().get(f"group-sets/{set_id}").text.split())


def test_htmx_gets_the_content_alone(world: Any) -> None:
    set_id = world.group_set("Projects", {"Team 1": []})
    part, _ = world.browser().fragment(f"group-sets/{set_id}?notice=removed")
    assert part.h1.text == "Projects"
    assert part.select_one("#notice")
    assert not part.select("nav.tabs")
