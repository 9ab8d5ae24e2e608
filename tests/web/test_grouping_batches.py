"""Groupings by the hundred: a file, one alone for everybody and a clone cost as many queries for many as for few."""

from collections.abc import Callable
from io import BytesIO
from uuid import UUID

import pytest

from lti_tool.models import Group, Grouping, GroupingMembership, GroupMembership, GroupSetEntry, HistoryEntry, Notice
from tests.web.conftest import World
from tests.web.forming import Course


@pytest.fixture
def course(world: World) -> Course:
    return Course(world)


def people(course: Course, count: int) -> list[UUID]:
    return [course.world.member(f"P{count}x{n} Berg", email=f"p{count}x{n}@x.example") for n in range(count)]


def sheet(count: int, *, named: bool) -> tuple[BytesIO, str]:
    """A file of groups of two."""
    lines = [
        f"{f'team {count} {n}' if named else ''},p{count}x{n}@x.example,p{count}x{n + 1}@x.example"
        for n in range(0, count, 2)
    ]
    return BytesIO("\n".join(lines).encode()), "groups.csv"


def seen(course: Course, target: UUID, source: UUID) -> str:
    page = course.teacher.get(f"assignments/{target}/groupings/clone?source_id={source}")
    return str(page.select_one("input[name=seen]")["value"])


@pytest.mark.shows("FORM-54")
@pytest.mark.parametrize("named", [True, False])
def test_a_file_costs_a_fixed_number_of_queries(course: Course, count_queries: Callable[[], int], named: bool) -> None:
    def load(count: int) -> int:
        people(course, count)
        here = f"assignments/{course.assignment(f'Of {count}')}/groupings/import"
        file = sheet(count, named=named)
        count_queries()
        course.teacher.post(here, file=file)
        return count_queries()

    assert load(4) == load(40)
    assert len(course.world.stored(Grouping)) == 22
    assert len(course.world.stored(GroupingMembership, status="inviter")) == 22
    assert len({row.name for row in course.world.stored(Group, origin="local")}) == 22
    assert len(course.world.stored(Notice, kind="joined_by_staff")) == 44
    assert len(course.world.stored(HistoryEntry, action="added_by_staff")) == 44


@pytest.mark.shows("FORM-52")
def test_everybody_alone_and_a_clone_cost_a_fixed_number_of_queries(
    course: Course, count_queries: Callable[[], int]
) -> None:
    def counted(what: str, target: UUID, **data: object) -> int:
        count_queries()
        course.teacher.post(f"assignments/{target}/groupings/{what}", **data)
        return count_queries()

    def work(count: int) -> tuple[int, int, int]:
        people(course, count)
        source, target, alone = (course.assignment(f"{name} {count}") for name in ("From", "To", "Alone"))
        course.teacher.post(f"assignments/{source}/groupings/import", file=sheet(count, named=True))
        course.teacher.post(f"assignments/{alone}/groupings/individual")  # the roster's groups are there now
        second = course.assignment(f"Again alone {count}")
        single = counted("individual", second)
        cloned = counted("clone", target, source_id=source, seen=seen(course, target, source))
        again = counted("clone", target, source_id=source, seen=seen(course, target, source))
        return single, cloned, again

    assert work(4) == work(40)


def test_a_file_refuses_each_wrong_line_as_one_by_one(course: Course) -> None:
    course.teacher.post(f"group-sets/{course.set_id}/groups", name="reds", count=1)
    (reds,) = course.world.stored(Group, name="reds")
    course.teacher.post(f"group-sets/{course.set_id}/groups/{reds.id}/members", member_id=course.ids["Dan"])
    lines = [
        "one,Ana Berg,Ana Berg",  # twice the same is one
        "two,Ana Berg,Bo Chen",  # in the line before
        "ONE,Bo Chen",  # the group of the first line
        "three,Dan Eder",  # in a group that no assignment formed
        "reds,Dan Eder,Cleo Diaz",  # which is used again
        ",",  # nothing
        "four,Nobody",
    ]
    page = course.post(course.teacher, "groupings/import", 422, file=(BytesIO("\n".join(lines).encode()), "groups.csv"))
    told = [item.get_text(" ", strip=True).partition(":")[0] for item in page.select("#error-summary li")]
    assert [line.split(",")[0] for line in told] == ["Line 2", "Line 3", "Line 4", "Line 7"]
    assert course.people() == {"one": {"Ana"}, "reds": {"Dan", "Cleo"}}
    assert len(course.world.stored(GroupMembership, group_id=reds.id)) == 2


@pytest.mark.shows("MODEL-16", "MODEL-31")
def test_a_group_of_the_lms_is_filled_by_no_assignment(course: Course) -> None:
    world = course.world
    world.group_set("Labs", {"lab": []}, connection="canvas")
    world._add(GroupSetEntry(group_set_id=course.set_id, group_id=world.names["lab"], position=9))
    page = course.post(course.teacher, "groupings", 403, name="lab", member_ids=[course.ids["Ana"]])
    assert "This group is not ours to change" in page.h1.text
    assert course.people() == {}
    file = (BytesIO(b"lab,Ana Berg\nnew,Bo Chen"), "groups.csv")
    page = course.post(course.teacher, "groupings/import", 422, file=file)
    (told,) = page.select("#error-summary li")
    assert "Line 1" in told.text
    assert "It comes from Canvas" in told.text
    assert course.people() == {"new": {"Bo"}}
    assert not world.people_in("lab")
