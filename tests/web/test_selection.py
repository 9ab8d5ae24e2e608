"""What pages ask the server while groups are chosen: the preview of a selection, and names by a pattern."""

from typing import Any
from uuid import uuid4

import pytest

from lti_tool.models import Assignment

JSON = {"Accept": "application/json"}


def text(part: Any) -> str:
    return " ".join(part.get_text(" ").split()).replace(" .", ".")


def fields(course: Any, **sent: Any) -> dict[str, Any]:
    return {"name": "Essay", "group_set_id": str(course.set_id), "kind": "all", "revision": "0", **sent}


def make(person: Any, name: str = "Essay", **sent: Any) -> str:
    """Make an assignment by its form; give its id."""
    return str(person.post("assignments/new", name=name, **sent)).split("/")[-1].split("?")[0]


@pytest.fixture
def course(world: Any) -> Any:
    ana, bo = world.member("Ana López"), world.member("Bo Ek")
    world.set_id = world.group_set("Projects", {"Team 2": [ana, bo], "Team 1": [], "team 3": [], "Lab": [ana]})
    return world


def send(person: Any, path: str, status: int = 200, **data: Any) -> Any:
    """Send a form as a program does; give what it is answered."""
    sent = {"csrf_token": person.token, **data}
    response = person.client.post(person.address(path), data=sent, headers=JSON)
    assert response.status_code == status
    return response.get_json()


@pytest.mark.shows("MODEL-100", "MODEL-102")
def test_a_preview_tells_programs_what_a_selection_comes_to(course: Any) -> None:
    teacher, ids = course.browser(), {name: str(key) for name, key in course.names.items()}
    sent = fields(course, kind="pattern", pattern="[Tt]eam *", excluded=[ids["team 3"], str(uuid4())])
    assert send(teacher, "assignments/preview", **sent) == {
        "valid": True,
        "error": None,
        "group_ids": [ids["Team 2"], ids["Team 1"]],
        "total": 4,
        "matched": 3,
        "member_counts": {ids["Team 2"]: 2, ids["Team 1"]: 0},
        "empty_group_ids": [ids["Team 1"]],
    }
    refused = send(teacher, "assignments/preview", **{**sent, "pattern": "Team {1,2}"})
    assert (refused["valid"], refused["group_ids"], refused["matched"], refused["total"]) == (False, [], 0, 4)
    assert "“{” at position 6 is not supported" in refused["error"]
    assert not course.stored(Assignment)


@pytest.mark.shows("MODEL-100", "MODEL-102")
def test_the_form_follows_what_is_typed(course: Any) -> None:
    teacher = course.browser()
    sent = fields(course, kind="pattern", pattern="Team *", excluded=str(course.names["Lab"]))
    shown = teacher.part("assignments/preview", **sent)
    assert text(shown.select_one("[role=status]")) == "2 of 4 groups selected, with 2 people. 1 empty."
    assert [text(row) for row in shown.select("li")] == ["Team 2 2", "Team 1 Empty", "Lab 1 not selected anyway"]
    assert [box["value"] for box in shown.select("[checked]")] == [str(course.names["Lab"])]
    wrong = teacher.part("assignments/preview", **{**sent, "pattern": "Team **"})
    assert "one of the two at position 6" in text(wrong.select_one("[role=status]"))
    assert wrong.select("[checked]"), "what is left out stays so while a pattern is half typed"


def test_without_a_script_the_preview_is_a_page_that_keeps_what_was_typed(course: Any) -> None:
    teacher = course.browser()
    page = teacher.post("assignments/preview", 200, **fields(course, name="Essay!", kind="pattern", pattern="T*"))
    assert page.select_one("#name")["value"] == "Essay!"
    assert page.select_one("#pattern")["value"] == "T*"
    assert page.select_one("form[action$='assignments/new']")
    assert "2 of 4 groups selected" in text(page.main)
    assignment_id = make(teacher, **fields(course, excluded=str(course.names["Lab"])))
    page = teacher.post(
        "assignments/preview", 200, **fields(course, name="New name", assignment_id=assignment_id, revision="0")
    )
    assert page.h1.text == "Edit “Essay”"
    assert page.select_one(f"form[action$='{assignment_id}/edit'] [name=revision]")["value"] == "0"


@pytest.mark.shows("MODEL-90")
def test_the_form_says_beforehand_that_another_set_ends_exclusions(course: Any) -> None:
    teacher, other = course.browser(), course.group_set("Labs", {"Lab A": []})
    assignment_id = make(teacher, **fields(course, excluded=str(course.names["Lab"])))
    sent = fields(course, group_set_id=str(other), assignment_id=assignment_id)
    shown = teacher.part("assignments/preview", **sent)
    assert "another group set removes 1 group exclusion" in text(shown)
    assert not shown.select("[name=excluded]")


def test_very_many_groups_are_left_out_by_name(course: Any) -> None:
    names = {f"Pair {n:04}": [] for n in range(450)}
    set_id = course.group_set("Pairs", names)
    teacher = course.browser()
    sent = fields(course, group_set_id=str(set_id), excluded=str(course.names["Pair 0007"]))
    assert [text(row) for row in teacher.part("assignments/preview", **sent).select("li")] == ["Pair 0007 Empty"]
    shown = teacher.part("assignments/preview", **sent, find="PAIR 000")
    assert len(shown.select("li")) == 10
    assert len(shown.select("[checked]")) == 1
    assert shown.select_one("#find")["value"] == "PAIR 000"
    few = teacher.part("assignments/preview", **{**sent, "kind": "pattern", "pattern": "Pair 00*"})
    assert len(few.select("li")) == 100
    assert not few.select("#find")


@pytest.mark.shows("MODEL-100")
def test_names_and_groups_are_filtered_by_a_pattern(course: Any) -> None:
    teacher = course.browser()
    names = ["Lab", "lab", "Team 1"]
    assert send(teacher, "filter-by-pattern", pattern="[Ll]ab", names=names) == {
        "valid": True,
        "error": None,
        "names": ["Lab", "lab"],
        "total": 3,
        "matched": 2,
    }
    answer = send(teacher, "filter-by-pattern", pattern="Team *", set_id=str(course.set_id))
    assert (answer["names"], answer["total"], answer["matched"]) == (["Team 2", "Team 1"], 4, 2)
    for more in ({"names": names}, {"set_id": str(course.set_id)}):
        answer = send(teacher, "filter-by-pattern", pattern="Team [", **more)
        assert (answer["valid"], answer["names"], answer["matched"]) == (False, [], 0)
        assert "at position 6" in answer["error"]


def test_the_page_of_a_set_finds_groups_by_a_pattern(course: Any) -> None:
    teacher = course.browser()
    assert not teacher.get(f"group-sets/{course.set_id}").select("#group-pattern"), "few groups need no search"
    set_id = course.group_set("Many", {f"Many {n}": [] for n in range(1, 13)})
    form = teacher.get(f"group-sets/{set_id}").select_one("form[action$='filter-by-pattern']")
    sent = {"set_id": form.select_one("[name=set_id]")["value"], "pattern": "Many 1?"}
    for shown in (teacher.part("filter-by-pattern", **sent), teacher.post("filter-by-pattern", 200, **sent)):
        links = shown.select("#found a")
        assert [link.text for link in links] == ["Many 10", "Many 11", "Many 12"]
        assert links[0]["href"].endswith(f"/group-sets/{set_id}#g-{course.names['Many 10']}")
    assert "0 of 12 groups" in text(teacher.part("filter-by-pattern", **{**sent, "pattern": "many*"}))
    assert "is not supported" in text(teacher.part("filter-by-pattern", **{**sent, "pattern": "@(a)"}))
    assert text(teacher.part("filter-by-pattern", **{**sent, "pattern": ""})) == ""


def test_sets_of_the_roster_are_not_searched_by_observers(course: Any) -> None:
    teacher = course.browser()
    make(teacher, "Alone")
    (row,) = course.stored(Assignment)
    observer = course.browser("observer")
    send_to = {"pattern": "*", "set_id": str(row.group_set_id)}
    observer.post("filter-by-pattern", 404, **send_to)
    assert observer.post("filter-by-pattern", 200, **{**send_to, "set_id": str(course.set_id)})
    observer.post("assignments/preview", 403, **fields(course))
    course.browser("student").post("filter-by-pattern", 403, **send_to)


@pytest.mark.parametrize("set_id", ["00000000-0000-4000-8000-000000000000", "nonsense"])
def test_a_set_of_another_course_is_not_found(course: Any, set_id: str) -> None:
    teacher = course.browser()
    if set_id != "nonsense":
        teacher.post("filter-by-pattern", 404, pattern="*", set_id=set_id)
        teacher.post("assignments/new", 404, **fields(course, group_set_id=set_id))
        teacher.post("assignments/preview", 404, **fields(course, group_set_id=set_id))
    else:
        teacher.post("assignments/new", 422, **fields(course, group_set_id=set_id))
        teacher.post("assignments/new", 422, **fields(course, excluded="nonsense"))
    assert not course.stored(Assignment)
