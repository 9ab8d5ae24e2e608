"""The students of a course: found, filtered, paged by the database, and fetched anew."""

from datetime import timedelta
from typing import Any

import pytest

from lti_tool.domain.clock import now
from lti_tool.models import Course, Section, SectionMembership, SyncRun, db


def rows(page: Any) -> list[str]:
    return [row.th.get_text(" ", strip=True) for row in page.select("section[aria-labelledby=students] tbody tr")]


def cell(page: Any, name: str, label: str) -> str:
    row = next(row for row in page.select("tbody tr") if name in row.th.get_text())
    return row.select_one(f'[data-label="{label}"]').get_text(" ", strip=True)


def change_course(world: Any, **values: Any) -> None:
    with world.app.app_context():
        course = db.session.get_one(Course, world.course_id)
        for name, value in values.items():
            setattr(course, name, value)
        db.session.commit()


@pytest.mark.shows("MODEL-50", "MODEL-52", "MODEL-67")
def test_the_roster_shows_students_only_and_marks_those_of_our_own(world: Any) -> None:
    world.member("Ana López", email="ana@x.example", student_number="s1")
    world.member("Peter Late", status="incomplete", enrollment_display="Invited")
    world.member("Larry Local", source="local", email=None)
    world.member("Tim Aide", enrollment_type="ta")
    page = world.browser().get("roster")
    assert rows(page) == ["Ana López", "Larry Local Local", "Peter Late"]
    assert "ana@x.example" in page.text
    assert "Tim Aide" not in page.text
    assert "1 person on the staff is not listed" in page.select_one("section[aria-labelledby=students]").get_text()


@pytest.mark.shows("MODEL-68")
def test_badges_are_the_lms_s_own_words_and_never_the_inner_status(world: Any) -> None:
    world.member("Ana", enrollment_display="Active")
    world.member("Ben", status="incomplete", enrollment_display="Invited")
    world.member("Cem", status="dropped", enrollment_display="Completed")
    world.member("Dora", status="dropped")
    world.member("Eve", source="local")
    page = world.browser().get("roster")
    badges = {name: cell(page, name, "Status") for name in ("Ana", "Ben", "Cem", "Dora", "Eve")}
    assert badges == {"Ana": "Active", "Ben": "Invited", "Cem": "Completed", "Dora": "Dropped", "Eve": "–"}
    assert not page.select('tr:-soup-contains("Eve") td[data-label=Status] .badge')


@pytest.mark.shows("MODEL-67")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=incomplete", ["Peter Late"]),
        ("status=dropped", ["Dora Gone"]),
        ("status=nonsense", ["Ana López", "Peter Late", "Dora Gone"]),
        ("section=nonsense", ["Ana López", "Peter Late", "Dora Gone"]),
        ("page=99", ["Ana López", "Peter Late", "Dora Gone"]),
        ("page=-1", ["Ana López", "Peter Late", "Dora Gone"]),
        ("page=x", ["Ana López", "Peter Late", "Dora Gone"]),
    ],
)
def test_students_can_be_filtered(world: Any, query: str, found: list[str]) -> None:
    world.member("Ana López")
    world.member("Peter Late", status="incomplete")
    world.member("Dora Gone", status="dropped")
    assert rows(world.browser().get(f"roster?{query}")) == found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("LÓPEZ", ["Ana López"]),
        ("évelyne", ["Évelyne"]),
        ("peter@students", ["Peter Late"]),
        ("octo", ["Ana López"]),
        ("s0001", ["Peter Late"]),
        ("100%", []),
        ("_", []),
        ("nobody", []),
    ],
)
def test_students_can_be_looked_for_and_the_words_stand_in_no_address(world: Any, words: str, found: list[str]) -> None:
    world.member("Ana López", git_username="octocat")
    world.member("Peter Late", status="incomplete")
    world.member("Évelyne")
    teacher = world.browser()
    page = teacher.post("roster", 200, q=words)
    assert rows(page) == found
    assert page.select_one("#q")["value"] == words
    assert not [link["href"] for link in page.select("a[href]") if "q=" in link["href"]]
    assert len(rows(teacher.get(f"roster?q={words}"))) == 3  # an address is not asked for names


def test_the_pages_of_a_search_are_forms(world: Any) -> None:
    for n in range(120):
        world.member(f"Person {n:03}", status="incomplete")
    page = world.browser().post("roster", 200, fields={"q": "person", "status": "incomplete"})
    form = page.select_one(".pager form")
    values = {field["name"]: field["value"] for field in form.select("input")}
    assert (values["q"], values["status"], values["page"]) == ("person", "incomplete", "2")
    again = world.browser().post("roster", 200, fields={"q": "person", "status": "incomplete", "page": "2"})
    assert len(rows(again)) == 20


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
    assert count_queries() == few <= 6
    assert len(rows(page)) == 100
    assert rows(page)[0] == "Person 099"
    assert page.select_one("#students .count").text == "231"
    assert "Page 2 of 3" in page.select_one(".pager").text
    assert [link.text for link in page.select(".pager a")] == ["Previous", "Next"]


def test_sections_are_a_column_and_a_filter_where_there_are_any(world: Any) -> None:
    ana, ben = world.member("Ana"), world.member("Ben")
    teacher = world.browser()
    assert not teacher.get("roster").select("#section, [data-label=Section]")
    morning = Section(course_id=world.course_id, lms_section_id="1", name="Morning")
    evening = Section(course_id=world.course_id, lms_section_id="2", name="Évening")
    world._add(morning, evening)
    world._add(*(SectionMembership(section_id=s, member_id=ana) for s in (morning.id, evening.id)))
    page = teacher.get("roster")
    assert cell(page, "Ana", "Section") == "Morning, Évening"
    assert cell(page, "Ben", "Section") == "–"
    assert rows(teacher.get(f"roster?section={morning.id}")) == ["Ana"]
    assert ben


def test_git_user_names_show_with_their_status_where_there_are_any(world: Any) -> None:
    world.member("Ana")
    assert not world.browser().get("roster").select('[data-label="Git user name"]')
    world.member("Ben", git_username="octocat", git_username_status="valid")
    page = world.browser().get("roster")
    assert cell(page, "Ben", "Git user name") == "octocat Valid"
    assert cell(page, "Ana", "Git user name") == "–"


@pytest.mark.shows("MODEL-53")
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"roster_connection": "canvas"}, "From Canvas, last updated 3 hours ago"),
        (
            {"roster_connection": "import", "roster_filename": "late.csv"},
            "From the file “late.csv”, last updated 3 hours",
        ),
    ],
)
def test_the_page_says_where_the_roster_comes_from_and_when(world: Any, values: dict[str, Any], said: str) -> None:
    assert "Not fetched yet" in world.browser().get("roster").text
    change_course(world, roster_updated_at=now() - timedelta(hours=3), **values)
    assert said in " ".join(world.browser().get("roster").text.split())


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


@pytest.mark.shows("MODEL-61")
def test_a_report_names_whom_it_could_not_tell_apart(world: Any) -> None:
    import json

    from lti_tool.domain.sync import Report

    report = Report(complete=True)
    report.roster.conflicts = 1
    report.roster_conflicts = [{"person": "Ana L", "matched_by": "email", "members": ["Ana One", "Ana Two"]}]
    run_id = world.run("roster", report=json.dumps(report.as_dict()))
    assert (
        "Ana L in Canvas has the e-mail of Ana One and of Ana Two here." in world.browser().get(f"runs/{run_id}").text
    )


@pytest.mark.shows("MODEL-52", "MODEL-73", "MODEL-75")
def test_staff_in_a_group_bear_a_badge_and_count(world: Any) -> None:
    ana, tim = world.member("Ana"), world.member("Tim Aide", enrollment_type="ta")
    set_id = world.group_set("Projects", {"Team 1": [ana, tim]})
    teacher = world.browser()
    group = teacher.get(f"group-sets/{set_id}").select_one(".group")
    badges = {item.get_text(" ", strip=True).split()[0]: bool(item.select(".badge")) for item in group.select("li")}
    assert badges == {"Ana": False, "Tim": True}
    assert group.select_one(".count").text == "2"
    assert "2 people" in " ".join(teacher.get("group-sets").text.split())
    preview = teacher.client.post(
        teacher.address("assignments/preview"),
        data={"csrf_token": teacher.token, "group_set_id": str(set_id)},
        headers={"Accept": "application/json"},
    )
    assert list(preview.get_json()["member_counts"].values()) == [2]
    exported = teacher.client.get(teacher.address(f"group-sets/{set_id}/export.csv")).get_data(as_text=True)
    assert ("Ana" in exported, "Tim Aide" in exported) == (True, True)
