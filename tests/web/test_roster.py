"""The people of a course: found, filtered, paged, and fetched anew."""

from typing import Any

import pytest

from lti_tool.models import SyncRun


def rows(page: Any) -> list[str]:
    return [row.th.get_text(" ", strip=True) for row in page.select("section[aria-labelledby=students] tbody tr")]


def test_students_and_staff_stand_apart(world: Any) -> None:
    world.member("Ana López", email="ana@x.example", student_number="s1")
    world.member("Peter Late", status="incomplete", enrollment_display="Invited")
    world.member("Larry Local", source="local", email=None)
    world.member("Tim Aide", enrollment_type="ta")
    page = world.browser().get("roster")
    assert rows(page) == ["Ana López", "Larry Local Local", "Peter Late"]
    assert "ana@x.example" in page.text
    assert "Invited" in page.text
    staff = page.select_one("section[aria-labelledby=staff]")
    assert "Tim Aide" in staff.text
    assert "Teaching assistant" in staff.text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=incomplete", ["Peter Late"]),
        ("status=dropped", ["Dora Gone"]),
        ("q=LÓPEZ", ["Ana López"]),
        ("q=peter%40students", ["Peter Late"]),
        ("q=nobody", []),
        ("status=nonsense", []),
        ("page=99", ["Ana López", "Peter Late", "Dora Gone"]),
        ("page=-1", ["Ana López", "Peter Late", "Dora Gone"]),
        ("page=x", ["Ana López", "Peter Late", "Dora Gone"]),
    ],
)
def test_students_can_be_looked_for(world: Any, query: str, found: list[str]) -> None:
    world.member("Ana López")
    world.member("Peter Late", status="incomplete")
    world.member("Dora Gone", status="dropped")
    assert rows(world.browser().get(f"roster?{query}")) == found


def test_many_people_come_in_pages_and_few_queries(world: Any, count_queries: Any) -> None:
    teacher = world.browser()
    world.member("Aaron")
    count_queries()
    teacher.get("roster")
    few = count_queries()
    for n in range(230):
        world.member(f"Person {n:03}")
    count_queries()
    page = teacher.get("roster?page=2")
    assert count_queries() == few <= 5
    assert len(rows(page)) == 100
    assert rows(page)[0] == "Person 099"
    assert "Page 2 of 3" in page.select_one(".pager").text
    assert [link.text for link in page.select(".pager a")] == ["Previous", "Next"]


def test_refreshing_queues_a_run_and_shows_it(world: Any) -> None:
    teacher = world.browser()
    page = teacher.follow("roster/refresh")
    assert "Refresh people" in page.h1.text
    assert page.select_one("progress")
    (run,) = world.stored(SyncRun)
    assert (run.kind, run.state) == ("roster", "queued")


def test_a_second_refresh_leads_to_the_one_at_work(world: Any) -> None:
    teacher = world.browser()
    first = teacher.post("roster/refresh")
    second = teacher.post("sync")
    assert second.split("?")[0] == first
    assert "already at work" in teacher.get(second).text
    assert len(world.stored(SyncRun)) == 1


def test_while_people_are_fetched_an_empty_roster_says_so(world: Any) -> None:
    run_id = world.run("roster", "running")
    page = world.browser().get("roster")
    assert page.select_one(f'a[href$="/runs/{run_id}"]')
    assert "being fetched right now" in page.text
