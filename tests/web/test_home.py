"""The course's first page: the next step for staff, one's own groups for students."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import update

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LmsRefused
from lti_tool.models import Group, LeftOutGroupSet, Publication, Registration, ServiceToken, db, transaction


def test_before_the_first_sync_the_page_offers_it(world: Any, lms: Any) -> None:
    page = world.browser().get("")
    assert "Start here" in page.text
    buttons = [button.text for button in page.select("main button")]
    assert buttons == ["Sync with Canvas", "Preview"]
    assert "No Canvas groups found" not in page.text


def test_staff_see_the_people_the_sets_and_what_happened(world: Any, lms: Any) -> None:
    people = [world.member(f"Person {n}") for n in range(3)]
    world.member("Gone", status="dropped")
    world.group_set("Labs", {"Lab A": people}, connection="canvas", last_updated=now())
    world.group_set("Projects", {"Team 1": people[:2], "Team 2": []})
    world.run("pull")
    page = world.browser().get("")
    assert "3 active students" in page.select_one(".figures").get_text(" ", strip=True)
    cards = [card.get_text(" ", strip=True) for card in page.select(".card-link")]
    assert "Labs Canvas 1 group · 3 people" in cards
    assert "Projects Local Not in Canvas 2 groups · 2 people" in cards
    assert "Sync" in page.select_one("table").text


@pytest.mark.shows("PULL-44")
@pytest.mark.parametrize(("family", "name"), [("canvas", "Canvas"), ("moodle", "Moodle")])
def test_a_sync_without_groups_is_said(app: Any, world: Any, lms: Any, family: str, name: str) -> None:
    course = type(world)(app).open_course(family=family)
    course.run("pull")
    banner = f"No {name} groups found — please create Teams manually."
    assert banner in course.browser().get("").text
    course.group_set("Labs", {}, connection=family)
    assert banner not in course.browser().get("").text


@pytest.mark.shows("PULL-44")
@pytest.mark.parametrize("kept", ["published", "left out"])
def test_groups_that_a_sync_leaves_alone_are_groups_of_the_lms(world: Any, lms: Any, kept: str) -> None:
    world.run("pull")
    set_id = world.group_set("Labs", {})
    browser, banner = world.browser(), "No Canvas groups found"
    assert banner in browser.get("").text
    if kept == "left out":
        world._add(LeftOutGroupSet(course_id=world.course_id, lms_group_set_id="5", name="Kept in Canvas only"))
        assert banner not in browser.get("").text
        return
    fixed = {"group_set_id": set_id, "name": "Labs", "error_facts": "{}", "created_at": now()}
    world._add(Publication(id=(mirror := uuid4()), lms_group_set_id="77", state="sent", **fixed))
    assert banner not in browser.get("").text
    with world.app.app_context(), transaction() as session:
        gone = {"state": "refused", "error_code": "set_gone"}
        session.execute(update(Publication).where(Publication.id == mirror).values(**gone))
    assert banner in browser.get("").text


@pytest.mark.parametrize("code", ["token_missing", "lms_url_missing", "lms_course_unknown", "groups_unsupported"])
def test_what_is_missing_for_groups_is_said_in_words(world: Any, lms: Any, code: str) -> None:
    lms.closed = LmsRefused(code)
    page = world.browser().get("")
    assert page.select_one("#problem")
    assert code not in page.text
    assert [button.text for button in page.select("main button")] == ["Refresh people"]


def test_a_run_at_work_is_shown_and_no_second_one_offered(world: Any, lms: Any) -> None:
    run_id = world.run("pull", "running", step="fetching_groups", done=3, total=12)
    page = world.browser().get("")
    assert "Fetching group categories from Canvas..." in page.text
    poller = page.select_one("[hx-get]")
    assert str(run_id) in poller["hx-get"]
    assert poller["hx-trigger"] == "every 1s"
    assert page.select_one("progress")["value"] == "25"
    assert not page.select("main button")


def test_a_student_sees_own_groups_and_names_only(world: Any) -> None:
    ana = world.member("Ana López", email="ana@secret.example", student_number="secret-number")
    bo, chi = world.member("Bo Ek", email="bo@secret.example"), world.member("Chi Ho")
    world.group_set("Labs", {"Lab A": [ana, bo]}, connection="canvas")
    world.group_set("Projects", {"Team 1": [chi], "Team 2": [ana]})
    page = world.browser("student", name="Ana López", member=ana).get("")
    assert [heading.text.strip() for heading in page.select("main h2")] == ["Lab A", "Team 2"]
    assert "Bo Ek" in page.text
    assert "Chi Ho" not in page.text
    assert "Team 1" not in page.text
    assert "secret" not in page.text
    assert "@" not in str(page.main)


def test_a_student_reads_the_words_of_a_description_of_the_lms_and_not_its_marks(world: Any) -> None:
    ana = world.member("Ana López")
    world.group_set("Labs", {"Lab A": [ana]}, connection="moodle")
    world.group_set("Projects", {"Team 1": [ana]})
    with world.app.app_context(), db.session.begin():
        for name in ("Lab A", "Team 1"):
            db.session.get_one(Group, world.names[name]).description = "<p>Bring <em>paper</em></p>"
    page = world.browser("student", name="Ana López", member=ana).get("")
    assert [told.text for told in page.select(".verbatim")] == ["Bring paper", "<p>Bring <em>paper</em></p>"]


@pytest.mark.parametrize("known", [True, False])
def test_a_student_without_a_group_is_told_kindly(world: Any, known: bool) -> None:
    member = world.member("Ana López") if known else None
    page = world.browser("student", member=member).get("")
    assert "You are in no group yet" in page.text


def test_an_observer_sees_the_sets_and_nothing_to_press(world: Any) -> None:
    ana = world.member("Ana López", email="ana@secret.example")
    set_id = world.group_set("Projects", {"Team 1": [ana]})
    observer = world.browser("observer")
    assert "Projects" in observer.get("").text
    page = observer.get(f"group-sets/{set_id}")
    assert "Ana López" in page.text
    assert "In no group yet" not in page.text
    assert not page.select("main form, main button")
    assert "secret" not in page.text


def test_the_page_outside_a_course_needs_no_session(app: Any, world: Any) -> None:
    person = world.browser()
    person.client.delete_cookie("__Host-lti-session")
    assert "from a course" in person.get("/no-course").h1.text


@pytest.mark.parametrize("path", ["", "roster", "group-sets"])
def test_names_are_shown_as_text(world: Any, lms: Any, path: str) -> None:
    evil = "<img src=x onerror=alert(1)>"
    world.member(evil, email='"><script>x</script>')
    world.group_set(evil, {evil: [world.names[evil]]})
    page = world.browser(name=evil).get(path)
    assert not page.select("img")
    assert evil in page.text


def test_the_number_of_queries_does_not_grow(world: Any, lms: Any, count_queries: Any) -> None:
    for n in range(3):
        world.member(f"Person {n}")
    world.group_set("First", {"A": [world.names["Person 0"]]})
    teacher = world.browser()
    count_queries()
    teacher.get("")
    few = count_queries()
    for n in range(10):
        world.group_set(f"Set {n}", {f"G{n}": [world.names["Person 1"]]})
        world.run("pull")
    count_queries()
    teacher.get("")
    assert count_queries() == few <= 8


def test_a_moodle_teacher_whose_right_is_not_asked_yet_is_told_so(world: Any) -> None:
    with world.app.app_context():
        registration = db.session.get_one(Registration, world.registration_id)
        registration.family = "moodle"
        db.session.add(ServiceToken(registration_id=registration.id, ciphertext=b"x", set_at=now()))
        db.session.commit()
    teacher = world.browser(member=world.member("Tina", enrollment_type="teacher"))
    page = teacher.get("")
    assert "Moodle has not told yet whether you may manage groups" in page.text
    assert not page.select('a[href$="group-sets/new"]')
    teacher.post("group-sets/new", 403, name="Mine")
    teacher.post("roster/refresh")
