"""Names of group sets: a new one is that of no set of the course, whoever's sets they are."""

from typing import Any

import pytest

from lti_tool.models import GroupSet
from tests.web.test_imports import send, yes


@pytest.fixture
def labs(world: Any) -> Any:
    """A course with a set of the LMS, one of the roster, and a local one."""
    world.connected = world.group_set("Labs", {"Lab A": []}, connection="canvas", lms_group_set_id="s1")
    world.group_set("Individual Students", connection="system")
    world.own = world.group_set("Projects", {"Team 1": []})
    world.teacher = world.browser()
    return world


def names(world: Any) -> list[str]:
    return sorted(row.name for row in world.stored(GroupSet))


@pytest.mark.shows("MODEL-103")
@pytest.mark.parametrize("name", ["Labs", "labs", "Individual Students", "Projects"])
@pytest.mark.parametrize("where", ["here", "lms"])
def test_a_new_set_takes_no_name_that_any_set_has(labs: Any, lms: Any, name: str, where: str) -> None:
    labs.allow_writing()
    page = labs.teacher.post("group-sets/new", 422, name=name, where=where)
    assert f"“{name}” is in use already. Choose another name." in page.main.text
    assert (names(labs), lms.calls) == (["Individual Students", "Labs", "Projects"], 0)


@pytest.mark.shows("MODEL-103")
def test_a_set_gets_no_name_that_any_set_has(labs: Any, lms: Any) -> None:
    labs.allow_writing()
    for name in ("Labs", "individual students"):
        assert "is in use already" in labs.teacher.post(f"group-sets/{labs.own}/edit", 422, name=name).main.text
    assert "is in use already" in labs.teacher.post(f"group-sets/{labs.connected}/edit", 422, name="projects").main.text
    assert (names(labs), lms.calls) == (["Individual Students", "Labs", "Projects"], 0)


@pytest.mark.shows("MODEL-103")
def test_names_that_the_tool_chooses_are_free_among_all_sets(labs: Any) -> None:
    labs.group_set("Labs (copy)", connection="canvas")
    labs.teacher.post(f"group-sets/{labs.connected}/copy")
    preview = send(labs.teacher, "group-sets/import", "group_name\nA", name="Labs.csv")
    assert labs.teacher.get(preview).select_one("input[name=name]")["value"] == "Labs (2)"
    page = labs.teacher.post(preview, 422, **yes(labs.teacher, preview) | {"name": "LABS"})
    assert "“LABS” is in use already" in page.main.text
    labs.teacher.post(preview, **yes(labs.teacher, preview) | {"name": "Labs (2)"})
    students = {"name": "Labs", "kind": "all", "formed_by": "students", "min_size": "1", "max_size": "3"}
    labs.teacher.post("assignments/new", **students)
    assert names(labs) == [
        "Individual Students",
        "Labs",
        "Labs (2)",
        "Labs (3)",
        "Labs (copy 2)",
        "Labs (copy)",
        "Projects",
    ]


@pytest.mark.shows("MODEL-103")
def test_an_equal_name_that_the_lms_brings_later_changes_nothing_here(labs: Any, lms: Any) -> None:
    labs.group_set("Projects", connection="canvas")
    for name in ("Projects", "PROJECTS"):
        labs.teacher.post(f"group-sets/{labs.own}/edit", name=name)
    labs.teacher.post(f"group-sets/{labs.own}/publish")
    labs.app.extensions["lti_tool_doorbell"].work_off()
    labs.teacher.post(f"group-sets/{labs.own}/groups", name="Team 2", count="1")
    assert names(labs) == ["Individual Students", "Labs", "PROJECTS", "Projects"]
