"""Whatever makes a group that was valid invalid: its people are told, once, in a fixed number of queries."""

import json
from collections.abc import Callable
from io import BytesIO
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import delete as delete_rows

from lti_tool.models import Notice, Section, SectionMembership, transaction
from tests.web.conftest import World
from tests.web.forming import Course, words
from tests.web.test_departures import delete, drop


@pytest.fixture
def course(world: World) -> Course:
    course = Course(world, min_size=3, max_size=4)
    drop(world)  # nobody: the roster's own sets are there, as after every change of it
    return course


def edit(course: Course, **changed: object) -> None:
    """Let the teacher change the assignment by its form."""
    form = course.teacher.get(f"assignments/{course.id}/edit").select_one("main form[method=post]")
    sent = {one["name"]: one.get("value", "") for one in form.select("input[type=hidden], input[type=number]")}
    common = {"name": "A1", "group_set_id": str(course.set_id), "kind": "all", "formed_by": "students"}
    course.teacher.post(f"assignments/{course.id}/edit", fields={**sent, **common, **changed})


def told(course: Course) -> dict[str, str]:
    """What the people who were told that their group is not valid any more were told it lacks."""
    names = {member_id: name for name, member_id in course.ids.items()}
    rows = course.world.stored(Notice, kind="invalid")
    assert len(rows) == len({row.member_id for row in rows}), "told once"
    return {names[row.member_id]: json.loads(row.facts)["missing"] for row in rows}


def act(course: Course, what: str, **data: object) -> None:
    course.teacher.post(f"assignments/{course.id}/groupings{what}", **data)


def one_section(course: Course) -> None:
    """Let only people of one section work together, after a group of two sections formed."""
    section = uuid4()
    course.world._add(
        Section(id=section, course_id=course.world.course_id, lms_section_id="1", name="Morning"),
        SectionMembership(section_id=section, member_id=course.ids["Ana"]),
    )
    edit(course, same_section="y", max_size=3)


def file(course: Course) -> dict[str, object]:
    return {"file": (BytesIO(b"owls,Dan Eder,Cleo Diaz"), "groups.csv")}


# Ana started a group; Bo accepted, Cleo is asked: three of at least three.
CAUSES: dict[str, tuple[Callable[[Course, UUID], object], dict[str, str]]] = {
    "a refusal": (lambda c, g: c.post(c.cleo, f"groupings/{g}/refuse"), {"Ana": "1", "Bo": "1"}),
    "an invitation taken back": (
        lambda c, g: c.post(c.ana, f"groupings/{g}/invitations/{c.ids['Cleo']}/cancel"),
        {"Ana": "1", "Bo": "1"},
    ),
    "who was asked works alone elsewhere": (lambda c, g: c.start(c.cleo), {"Ana": "1", "Bo": "1"}),
    "who was asked joins others": (
        lambda c, g: c.post(c.cleo, f"groupings/{c.start(c.dan, 'Cleo')}/accept"),
        {"Ana": "1", "Bo": "1"},
    ),
    "who was asked is put elsewhere": (
        lambda c, g: act(c, "", member_ids=[c.ids["Dan"], c.ids["Cleo"]]),
        {"Ana": "1", "Bo": "1"},
    ),
    "a file puts them elsewhere": (lambda c, g: act(c, "/import", **file(c)), {"Ana": "1", "Bo": "1"}),
    "everybody left works alone": (lambda c, g: act(c, "/individual"), {"Ana": "1", "Bo": "1"}),
    "somebody leaves": (lambda c, g: c.post(c.bo, f"groupings/{g}/leave"), {"Ana": "1"}),
    "staff take one out": (lambda c, g: act(c, f"/{g}/members/{c.ids['Bo']}/remove"), {"Ana": "1"}),
    "staff move one": (
        lambda c, g: act(c, f"/{g}/members/{c.ids['Bo']}/move", target_id=str(c.start(c.dan))),
        {"Ana": "1"},
    ),
    "somebody drops out": (lambda c, g: drop(c.world, c.ids["Ana"]), {"Bo": "1"}),
    "several drop out": (lambda c, g: drop(c.world, c.ids["Ana"], c.ids["Cleo"]), {"Bo": "2"}),
    "somebody is deleted": (lambda c, g: delete(c, "Bo"), {"Ana": "1"}),
    "the minimum is raised": (lambda c, g: edit(c, min_size=4), {"Ana": "1", "Bo": "1"}),
    "one section only": (lambda c, g: one_section(c), {}),
    "the minimum is lowered": (lambda c, g: edit(c, min_size=2), {}),
    "broken up by staff": (lambda c, g: act(c, f"/{g}/end"), {}),
    "accepted": (lambda c, g: c.post(c.cleo, f"groupings/{g}/accept"), {}),
    "another one is asked": (
        lambda c, g: c.post(c.ana, f"groupings/{g}/invite", member_ids=[c.ids["Dan"]]),
        {},
    ),
}


@pytest.mark.shows("FORM-30", "FORM-50")
@pytest.mark.parametrize("cause", CAUSES)
def test_who_is_in_a_group_that_is_valid_no_more_is_told_once(course: Course, cause: str) -> None:
    grouping = course.start(course.ana, "Bo", "Cleo")
    course.post(course.bo, f"groupings/{grouping}/accept")
    happens, whom = CAUSES[cause]
    happens(course, grouping)
    assert told(course) == whom


@pytest.mark.shows("FORM-36")
def test_an_approval_that_is_withdrawn_and_a_clone_without_it(course: Course) -> None:
    grouping = course.start(course.ana, "Bo")
    course.post(course.bo, f"groupings/{grouping}/accept")
    act(course, f"/{grouping}/approve")
    source, course.id = course.id, course.assignment("A2")
    page = course.teacher.get(f"assignments/{course.id}/groupings/clone?source_id={source}")
    act(course, "/clone", source_id=source, seen=page.select_one("input[name=seen]")["value"])
    assert told(course) == {"Ana": "1", "Bo": "1"}
    assert "for “A2” is not valid any more: 1 more needed" in words(course.bo.get("notices").main)
    with course.world.app.app_context(), transaction() as session:
        session.execute(delete_rows(Notice))
    course.id = source
    act(course, f"/{grouping}/withdraw")
    assert told(course) == {"Ana": "1", "Bo": "1"}
    act(course, f"/{grouping}/approve")
    edit(course, min_size=4)
    assert told(course) == {"Ana": "1", "Bo": "1"}, "an approved one stays valid"


@pytest.mark.shows("FORM-50")
def test_a_raised_minimum_costs_the_same_for_many_groups(app_on_both: Flask, count_queries: Callable[[], int]) -> None:
    course = Course(World(app_on_both).open_course(), min_size=1)

    def raised(count: int, minimum: int) -> int:
        edit(course, min_size=1)
        people = [course.world.member(f"P{count}x{n} Berg", email=f"p{count}x{n}@x.example") for n in range(count)]
        lines = "\n".join(f"team {count} {n},p{count}x{n}@x.example" for n in range(count))
        act(course, "/import", file=(BytesIO(lines.encode()), "groups.csv"))
        count_queries()
        edit(course, min_size=minimum)
        queries = count_queries()
        for person in people:
            assert len(course.world.stored(Notice, kind="invalid", member_id=person)) == 1
        return queries

    assert raised(2, 2) == raised(20, 3)
