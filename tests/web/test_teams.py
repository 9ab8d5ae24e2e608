"""The students with their team of a chosen set, on the page of people and as data."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from lti_tool.domain.members import split_name


def shown(page: Any) -> dict[str, str]:
    """Return what the column says of each student."""
    rows = page.select("section[aria-labelledby=students] tbody tr")
    cells = {row.th.get_text(" ", strip=True): row.select_one('[data-label="Team"]') for row in rows}
    return {name: cell.get_text(" ", strip=True) for name, cell in cells.items()}


def data(browser: Any, path: str, status: int = 200) -> Any:
    answer = browser.client.get(browser.address(path), headers={"Accept": "application/json"})
    assert answer.status_code == status
    return answer.json if status == 200 else None


def teams_in(browser: Any, set_id: UUID | str) -> dict[str, tuple[str | None, str | None]]:
    found = data(browser, f"roster?set={set_id}")["students"]
    return {student["full_name"]: (student["team"], student["team_source"]) for student in found}


@pytest.mark.shows("PULL-47", "PULL-48", "PULL-49")
@pytest.mark.parametrize("family", ["canvas", "moodle"])
def test_students_stand_with_their_team_of_a_chosen_set_and_its_source(app: Any, world: Any, family: str) -> None:
    course = type(world)(app).open_course(family=family)
    ana, bo, _ = (course.member(name) for name in ("Ana", "Bo", "Cem"))
    labs = course.group_set("Labs", {"Lab <A>": [ana, bo]}, connection=family)
    ours = course.group_set("Projects", {"Team 1": [bo]})
    teacher = course.browser()
    page = teacher.get("roster")
    assert not page.select('[data-label="Team"]')
    assert [option.text for option in page.select("#set option")] == ["Not shown", "Labs", "Projects"]
    name = family.capitalize()
    page = teacher.post("roster", 200, set=str(labs))
    assert shown(page) == {"Ana": f"Lab <A> {name}", "Bo": f"Lab <A> {name}", "Cem": "No team"}
    assert page.select_one("#set option[selected]").text == "Labs"
    assert shown(teacher.get(f"roster?set={ours}")) == {"Ana": "No team", "Bo": "Team 1 Manual", "Cem": "No team"}
    assert teams_in(teacher, labs) == {"Ana": ("Lab <A>", family), "Bo": ("Lab <A>", family), "Cem": (None, None)}
    assert teams_in(teacher, ours) == {"Ana": (None, None), "Bo": ("Team 1", "manual"), "Cem": (None, None)}
    assert set(teams_in(teacher, "").values()) == {(None, None)}


@pytest.mark.shows("PULL-49")
def test_several_groups_stand_in_one_team_and_groups_of_the_roster_in_none(world: Any) -> None:
    ana, bo = world.member("Ana"), world.member("Bo")
    both = world.group_set("Clubs", {"Chess": [ana], "Choir": [ana, bo]})
    system = world.group_set("Individual Students", {"ana": [ana]}, connection="system")
    teacher = world.browser()
    assert teams_in(teacher, both) == {"Ana": ("Chess, Choir", "manual"), "Bo": ("Choir", "manual")}
    assert "Individual Students" not in [option.text for option in teacher.get("roster").select("#set option")]
    for other in (system, uuid4()):
        teacher.get(f"roster?set={other}", 404)
    elsewhere = type(world)(world.app).open_course().group_set("Theirs", {})
    data(teacher, f"roster?set={elsewhere}", 404)


@pytest.mark.shows("PULL-49")
@pytest.mark.parametrize("person", ["student", "observer"])
def test_the_data_are_for_staff_only(world: Any, person: str) -> None:
    member = world.member("Ana")
    data(world.browser(person, member=member), "roster", 403)


@pytest.mark.shows("PULL-50")
def test_teams_take_as_many_queries_for_500_students_as_for_ten(world: Any, count_queries: Any) -> None:
    people = [world.member(f"Person {n:03}") for n in range(10)]
    set_id = world.group_set("Labs", {f"Lab {n}": [person] for n, person in enumerate(people)})
    teacher = world.browser()

    def asked() -> tuple[int, int]:
        count_queries()
        teacher.get(f"roster?set={set_id}")
        page = count_queries()
        data(teacher, f"roster?set={set_id}")
        return page, count_queries()

    few = asked()
    for n in range(10, 500):
        world.member(f"Person {n:03}")
    assert asked() == few
    assert max(few) <= 7


def test_the_chosen_set_stays_while_one_turns_pages(world: Any) -> None:
    for n in range(120):
        world.member(f"Person {n:03}")
    set_id = world.group_set("Labs", {"Lab A": []})
    teacher = world.browser()
    address = teacher.get(f"roster?set={set_id}").select_one(".pager a")["href"]
    assert f"set={set_id}" in address
    assert len(shown(teacher.get(address))) == 20
    form = teacher.post("roster", 200, q="person", set=str(set_id)).select_one(".pager form")
    assert form.select_one("input[name=set]")["value"] == str(set_id)
    first = data(teacher, f"roster?set={set_id}")
    assert (first["page"], first["pages"], first["found"], len(first["students"])) == (1, 2, 120, 100)
    assert first["group_set"] == {"id": str(set_id), "name": "Labs"}


@pytest.mark.shows("PULL-29")
def test_as_data_a_student_has_first_and_last_name(world: Any) -> None:
    for name in ("Ana María  López", "Cher"):
        world.member(name)
    found = {s["full_name"]: (s["first_name"], s["last_name"]) for s in data(world.browser(), "roster")["students"]}
    assert found == {"Ana María  López": ("Ana", "María López"), "Cher": ("Cher", "")}
    assert [split_name(name) for name in ("", "  ", "Bo Ek")] == [("Unknown", ""), ("Unknown", ""), ("Bo", "Ek")]
