"""Who did what when: a course's history for staff, a group's for its people, and a student's own."""

from typing import Any
from uuid import uuid4

import pytest

from lti_tool.models import Group, HistoryEntry
from lti_tool.services.history_pages import PAGE_SIZE
from tests.web.conftest import World
from tests.web.forming import Course, words


@pytest.fixture
def course(world: World) -> Course:
    return Course(world)


def acts(page: Any) -> list[str]:
    """Return who did what, newest first."""
    rows = page.select("table tbody tr")
    return [f"{words(row.select_one('th'))}: {words(row.select_one('[data-label=What]'))}" for row in rows]


def group_id(course: Course) -> Any:
    (row,) = [row for row in course.world.stored(Group) if row.origin == "local"]
    return row.id


@pytest.fixture
def formed(course: Course) -> Course:
    """Ana invited Bo, who came, Cleo, who refused, and Dan, who did not answer yet."""
    grouping = course.start(course.ana, "Bo", "Cleo", "Dan")
    course.post(course.bo, f"groupings/{grouping}/accept")
    course.post(course.cleo, f"groupings/{grouping}/refuse")
    return course


def test_staff_see_everything_and_narrow_it_down(formed: Course) -> None:
    everything = acts(formed.teacher.get("history"))
    assert "Cleo Diaz: refused the invitation" in everything
    assert "Ana Berg: invited Dan Eder" in everything
    assert everything[-1] == "Ana Berg: started the group “ana_berg”"
    of_cleo = acts(formed.teacher.get(f"history?student={formed.ids['Cleo']}"))
    assert of_cleo == ["Cleo Diaz: refused the invitation", "Ana Berg: invited Cleo Diaz"]
    of_group = acts(formed.teacher.get(f"history?group={group_id(formed)}"))
    assert sorted(of_group) == sorted(acts(formed.teacher.get(f"groups/{group_id(formed)}/history")))
    assert acts(formed.teacher.get(f"history?group={uuid4()}")) == []
    assert acts(formed.teacher.get("history?group=rubbish&student=&page=x")) == everything


@pytest.mark.shows("FORM-22", "FORM-23")
def test_who_joined_reads_of_the_group_but_of_no_answer_of_others(formed: Course) -> None:
    page = formed.bo.get(f"groups/{group_id(formed)}/history")
    seen = acts(page)
    assert "Bo Chen: joined the group" in seen
    assert "Ana Berg: started the group “ana_berg”" in seen
    assert "Ana Berg: invited Bo Chen" in seen, "his own invitation"
    assert "Cleo" not in page.text
    assert "Dan" not in page.text
    assert len(acts(formed.ana.get(f"groups/{group_id(formed)}/history"))) > len(seen)


def test_the_inviter_reads_every_answer(formed: Course) -> None:
    seen = acts(formed.ana.get(f"groups/{group_id(formed)}/history"))
    assert "Cleo Diaz: refused the invitation" in seen
    assert "Ana Berg: invited Dan Eder" in seen


def test_what_staff_end_tells_members_of_nobody_who_was_only_asked(formed: Course) -> None:
    grouping = formed.own(formed.ana)
    formed.teacher.post(f"assignments/{formed.id}/groupings/{grouping}/members/{formed.ids['Dan']}/remove")
    page = formed.bo.get(f"groups/{group_id(formed)}/history")
    assert "Dan" not in page.text
    assert "Tina Teacher: ended the invitation of Dan Eder" in acts(formed.teacher.get("history"))
    formed.teacher.post(f"assignments/{formed.id}/groupings/{grouping}/members/{formed.ids['Ana']}/remove")
    assert "Tina Teacher: took Ana Berg out of the group" in acts(formed.bo.get(f"groups/{group_id(formed)}/history"))


def test_only_a_groups_present_people_and_staff_read_its_history(formed: Course) -> None:
    path = f"groups/{group_id(formed)}/history"
    for who in (formed.cleo, formed.dan, formed.eve):
        who.get(path, 404)
    formed.world.browser("observer").get(path, 404)
    formed.world.browser("other").get(path, 404)
    formed.world.browser("ta").get(path)
    formed.ana.get(f"groups/{uuid4()}/history", 404)
    formed.ana.get(f"/courses/{uuid4()}/groups/{group_id(formed)}/history", 404)
    other = World(formed.world.app).open_course()
    other.browser().get(path, 404)


@pytest.mark.parametrize("kind", ["student", "observer", "other"])
def test_the_courses_history_is_for_staff(formed: Course, kind: str) -> None:
    formed.world.browser(kind).get("history", 403)
    formed.teacher.get(f"/courses/{uuid4()}/history", 404)


def test_a_student_reads_what_they_did_and_what_was_done_to_them(formed: Course) -> None:
    assert acts(formed.cleo.get("history/own")) == [
        "Cleo Diaz: refused the invitation",
        "Ana Berg: invited Cleo Diaz",
    ]
    formed.post(formed.ana, f"groupings/{formed.own(formed.ana)}/invitations/{formed.ids['Cleo']}/clear")
    assert len(acts(formed.cleo.get("history/own"))) == 2, "tidying one's list is not told"
    assert acts(formed.ana.get("history/own"))[0] == "Ana Berg: removed the refusal of Cleo Diaz from view"
    assert acts(formed.eve.get("history/own")) == []
    formed.teacher.get("history/own", 403)
    assert acts(formed.world.browser("student").get("history/own")) == []


def test_the_history_outlives_the_group_and_its_names_are_the_present_ones(formed: Course) -> None:
    old = group_id(formed)
    formed.teacher.post(f"assignments/{formed.id}/groupings/{formed.own(formed.ana)}/end")
    assert not [row for row in formed.world.stored(Group) if row.origin == "local"]
    seen = acts(formed.teacher.get(f"history?group={old}"))
    assert "Bo Chen: joined the group" in seen
    assert "Tina Teacher: broke up the group, and Ana Berg is free again" in seen
    assert "Tina Teacher: ended the invitation of Dan Eder" in seen


def test_what_is_written_down_is_never_changed(formed: Course) -> None:
    def rows() -> dict[Any, tuple[Any, ...]]:
        found = formed.world.stored(HistoryEntry)
        return {row.id: tuple(getattr(row, column.key) for column in row.__table__.columns) for row in found}

    before, old = rows(), group_id(formed)
    grouping = formed.own(formed.ana)
    formed.ana.post(f"groups/{old}/edit", name="berg-chen", privacy="closed", needs_approval="y", max_members="4")
    change = "listed → closed, asks nobody → asks first, no limit → at most 4"
    assert f"Ana Berg: changed how people come into the group: {change}" in acts(formed.bo.get(f"groups/{old}/history"))
    formed.ana.post(f"groups/{old}/edit", name="berg-chen", privacy="listed")
    formed.post(formed.bo, f"groupings/{grouping}/leave")
    formed.post(formed.ana, f"groupings/{grouping}/invite", member_ids=[formed.ids["Cleo"]])
    formed.post(formed.teacher, f"groupings/{grouping}/members/{formed.ids['Ana']}/remove")
    formed.post(formed.teacher, f"groupings/{grouping}/end")
    after = rows()
    assert len(after) > len(before) > 4
    assert {key: after.get(key) for key in before} == before


def test_a_long_history_comes_in_pages_at_a_fixed_cost(formed: Course, count_queries: Any) -> None:
    formed.teacher.get("history")
    count_queries()
    formed.teacher.get("history")
    few = count_queries()
    group = group_id(formed)
    rows = [
        HistoryEntry(
            course_id=formed.world.course_id,
            action="launched",
            subject="student",
            created_at=formed.world.stored(Group)[0].created_at,
        )
        for _ in range(PAGE_SIZE)
    ]
    formed.world._add(*rows)
    assert "opened LTI Groups" not in formed.teacher.get("history").main.text
    count_queries()
    first = formed.teacher.get("history?openings=1")
    assert count_queries() == few <= 7
    assert len(acts(first)) == PAGE_SIZE
    assert "The tool" not in acts(formed.teacher.get(f"history?group={group}"))[0]
    second = formed.teacher.get(first.select_one("a[rel=next]")["href"])
    assert acts(second)
    assert "openings=1" in second.select_one("a[rel=prev]")["href"]


def test_ways_lead_to_the_history(formed: Course) -> None:
    assert formed.teacher.get("activity").select_one("a[href$='/history']")
    home = formed.bo.get("")
    assert home.select_one("a[href$='/history/own']")
    assert home.select_one(f"a[href$='/groups/{group_id(formed)}/history']")
