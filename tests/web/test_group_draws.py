"""New groups of a size at random: asked for, shown, made as shown, and taken back."""

from typing import Any

import pytest
from bs4 import BeautifulSoup

from lti_tool.models import Group
from tests.web.test_undo import line, press

NAMES = ("Ana", "Ben", "Cat", "Dan", "Eve", "Flo", "Gus", "Hal", "Ida")


@pytest.fixture
def filled(world: Any) -> Any:
    """A set whose one group has one person; nine others wait."""
    world.zoe = world.member("Zoe")
    world.people = {world.member(name) for name in NAMES}
    world.member("Left", status="dropped")
    world.member("Teacher", enrollment_type="teacher")
    world.set_id = world.group_set("Projects", {"team-1": [world.zoe]})
    world.path = f"group-sets/{world.set_id}/groups/draw"
    return world


def groups_of(page: BeautifulSoup) -> dict[str, set[str]]:
    return {
        card.h3.contents[0].strip(): {person.text.removeprefix("+ ") for person in card.select("li")}
        for card in page.select(".cards section")
    }


def make(page: BeautifulSoup, teacher: Any, path: str, status: int = 303, **other: str) -> Any:
    form = page.select_one("main form[method=post]")
    sent = {field["name"]: field["value"] for field in form.select("input") if field["name"] != "csrf_token"}
    answer = teacher.post(path, status, fields=sent | other)
    return teacher.get(answer) if status == 303 else answer


def stored_groups(world: Any) -> dict[str, Any]:
    return {row.name: row.id for row in world.stored(Group, course_id=world.course_id)}


def people_in(world: Any, group_id: Any) -> set[Any]:
    world.names["?"] = group_id
    return set(world.people_in("?"))


def test_the_groups_that_are_shown_are_made_and_can_be_undone(filled: Any) -> None:
    teacher = filled.browser()
    page = teacher.get(f"group-sets/{filled.set_id}")
    page = teacher.get(page.find("a", string="Groups at random")["href"])
    assert "9 students are in no group of this set yet" in page.text
    assert not page.select("main form[method=post]")
    shown = teacher.get(f"{filled.path}?name=Team&size=4&rule=at_most&seed=3")
    drawn = groups_of(shown)
    assert list(drawn) == ["team-2", "team-3", "team-4"]
    assert sorted(set().union(*drawn.values())) == sorted(NAMES)
    assert [len(people) for people in drawn.values()] == [3, 3, 3]
    assert "9 students would come into 3 groups of 3." in " ".join(shown.text.split())
    assert len(stored_groups(filled)) == 1, "nothing is made by looking"

    page = make(shown, teacher, filled.path)
    assert "3 groups are made and filled at random." in page.text
    made = stored_groups(filled)
    ids = {name: filled.names[name] for name in NAMES}
    assert {name: people_in(filled, made[name]) for name in drawn} == {
        name: {ids[person] for person in people} for name, people in drawn.items()
    }
    assert people_in(filled, made["team-1"]) == {filled.zoe}
    assert line(page).startswith("Last change: 9 people placed in new groups at random by Tina Teacher")
    page = press(page, teacher)
    assert list(stored_groups(filled)) == ["team-1"]
    press(page, teacher)
    assert stored_groups(filled) == made


def test_another_seed_is_another_draw_and_the_same_one_the_same(filled: Any) -> None:
    teacher = filled.browser()
    first, again, other = (
        groups_of(teacher.get(f"{filled.path}?name=Team&size=3&rule=at_least&seed={seed}")) for seed in (1, 1, 2)
    )
    assert first == again != other


@pytest.mark.parametrize(
    ("size", "rule", "words"),
    [
        (4, "at_least", "9 students would come into 1 group of 5 and 1 group of 4."),
        (2, "at_most", "1 group of 3 and 3 groups of 2. More than 2 are together so that nobody is alone."),
        (20, "at_least", "1 group of 9. There are too few students for a group of 20."),
    ],
)
def test_what_does_not_come_out_even_is_said(filled: Any, size: int, rule: str, words: str) -> None:
    page = filled.browser().get(f"{filled.path}?name=Team&size={size}&rule={rule}&seed=1")
    assert words in " ".join(page.text.split())


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("name=Team&size=1&rule=at_most&seed=1", "Enter a number of people from 2 to 500."),
        ("name=Team&size=x&rule=at_most&seed=1", "Enter a number of people from 2 to 500."),
        ("name=&size=3&rule=at_most&seed=1", "Enter a name."),
        ("name=Team&size=3&rule=at_most", "Draw again"),
        ("name=Team&size=3&rule=else&seed=1", "Enter a number"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(filled: Any, query: str, words: str) -> None:
    page = filled.browser().get(f"{filled.path}?{query}", 422)
    assert words in page.select_one("#error-summary").text
    assert not page.select("main form[method=post]")


def test_one_student_alone_makes_no_group(world: Any) -> None:
    world.member("Ana")
    set_id = world.group_set("Projects")
    page = world.browser().get(f"group-sets/{set_id}/groups/draw?name=Team&size=3&rule=at_most&seed=1", 422)
    assert "Groups need at least two." in page.text


def test_with_everybody_placed_there_is_nothing_to_make(world: Any) -> None:
    set_id = world.group_set("Projects", {"A": [world.member("Ana")]})
    page = world.browser().get(f"group-sets/{set_id}/groups/draw")
    assert "there is nobody to place" in page.text


def test_groups_that_were_shown_for_another_state_are_not_made(filled: Any) -> None:
    teacher = filled.browser()
    shown = teacher.get(f"{filled.path}?name=Team&size=4&rule=at_most&seed=3")
    filled.member("Jim")
    page = make(shown, teacher, filled.path, 409)
    assert "The people without a group have changed meanwhile" in page.text
    shown = teacher.get(f"{filled.path}?name=Team&size=4&rule=at_most&seed=3")
    teacher.post(f"group-sets/{filled.set_id}/groups", name="Other", count="1")
    page = make(shown, teacher, filled.path, 409)
    assert "Somebody changed this group set meanwhile" in page.text
    assert list(stored_groups(filled)) == ["team-1", "other"]
    assert "A number" not in page.text


@pytest.mark.parametrize("rule", ["at_most", "at_least"])
def test_a_crafted_order_makes_nothing(filled: Any, rule: str) -> None:
    teacher = filled.browser()
    shown = teacher.get(f"{filled.path}?name=Team&size=4&rule={rule}&seed=3")
    make(shown, teacher, filled.path, 422, size="1")
    make(shown, teacher, filled.path, 409, people_mark="")
    make(shown, teacher, filled.path, 422, revision="")
    page = make(shown, teacher, filled.path, 422, seed="x")
    assert "Draw again, then apply what is shown." in page.select_one("#error-summary").text
    assert len(stored_groups(filled)) == 1


def test_only_who_manages_groups_draws(filled: Any) -> None:
    for kind in ("student", "observer", "ta"):
        filled.browser(kind).get(filled.path, 403)
