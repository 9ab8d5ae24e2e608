"""The picker of links, the pages that placed links open, and the links that came with a copied course."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from lti_tool.domain.clock import now
from lti_tool.models import (
    Assignment,
    Course,
    CourseAccess,
    GroupSet,
    HistoryEntry,
    LinkTarget,
    PlacingRequest,
    Registration,
    ServiceToken,
    db,
)


def assign(world: Any, name: str, set_id: UUID, **values: Any) -> UUID:
    key = uuid4()
    row = {"id": key, "course_id": world.course_id, "name": name, "group_set_id": set_id, "created_at": now()}
    world._add(Assignment(**{**row, **values}))
    return key


def ask(world: Any, **values: Any) -> str:
    """Keep a request for links of whoever signed in last; its address."""
    with world.app.app_context():
        query = select(CourseAccess.id).where(CourseAccess.course_id == world.course_id)
        access_id = db.session.scalars(query.order_by(CourseAccess.launched_at.desc())).first()
    given = {
        "id": uuid4(),
        "access_id": access_id,
        "nonce_hash": uuid4().hex,
        "lms_deployment_id": "1",
        "return_url": "https://lms.example/r",
        "accept_multiple": False,
        "accepts_links": True,
        "created_at": now(),
        "expires_at": now() + timedelta(hours=1),
        **values,
    }
    world._add(PlacingRequest(**given))
    return f"placing/{given['id']}"


@pytest.fixture
def stocked(world: Any) -> Any:
    """A course with an assignment that students form, one that staff form, and a set to sign up in."""
    world.ana, world.bo = world.member("Ana López"), world.member("Bo Ek")
    world.teams = world.group_set("Teams", {"team-1": [world.ana]})
    world.labs = world.group_set("Labs", {"lab-1": [world.ana], "lab-2": []}, signup="join")
    world.roster_set = world.group_set("Staff", {}, connection="system")
    formed = world.group_set("Essay groups", {})
    world.essay = assign(world, "Essay", formed, formed_by="students", max_size=3)
    world.report = assign(world, "Report", world.teams, description="Ten pages")
    return world


def test_the_picker_says_what_each_page_is(stocked: Any, count_queries: Any) -> None:
    teacher = stocked.browser()
    page = teacher.get(ask(stocked))
    labels = [" ".join(label.text.split()) for label in page.select("fieldset label")]
    assert labels == [
        "LTI Groups The course’s own page: to students their groups and assignments",
        "Essay Assignment: students form their groups",
        "Report Assignment: students see their group",
        "Teams Group set: students see their group; they cannot sign up now",
        "Labs Group set: students sign up",
    ]
    assert not page.select("input[type=search], input[name=find]"), "so few are found by looking"


def test_the_picker_finds_by_name_and_keeps_what_is_ticked(stocked: Any, count_queries: Any) -> None:
    teacher = stocked.browser()
    address = ask(stocked, accept_multiple=True)
    count_queries()
    teacher.get(address)
    few = count_queries()
    for number in range(8):
        assign(stocked, f"Week {number}", stocked.teams)
    count_queries()
    teacher.get(address)
    assert count_queries() == few
    page = teacher.post(address, 200, fields={"find": "WEEK 3", "seek": "1", "chosen": [str(stocked.essay)]})
    found = {
        " ".join(label.text.split()).partition(" Assign")[0]: label.input for label in page.select("fieldset label")
    }
    assert set(found) == {"Essay", "Week 3"}
    assert found["Essay"].has_attr("checked")
    assert page.select_one("input[name=find]")["value"] == "WEEK 3"
    assert "Nothing has these words" in teacher.post(address, 200, fields={"find": "xyz", "seek": "1"}).main.text


@pytest.mark.parametrize("kind", ["student", "observer", "ta", "designer"])
def test_who_may_not_edit_assignments_places_nothing(stocked: Any, kind: str) -> None:
    person = stocked.browser(kind, member=stocked.bo if kind == "student" else None)
    address = ask(stocked)
    person.get(address, 403)
    person.post(address, 403, chosen=str(stocked.essay))
    person.post(f"{address}/cancel", 403)


def test_a_request_in_the_midst_of_a_sync_can_be_answered(stocked: Any) -> None:
    """Placing changes nothing here."""
    teacher = stocked.browser()
    stocked.run("pull", "running")
    teacher.get(ask(stocked))


def opened(browser: Any, link_id: UUID) -> str:
    answer = browser.client.get(browser.address(f"open/{link_id}"))
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"]).partition(f"{browser.course_id}/")[2]


def test_staff_and_observers_get_the_page_itself(stocked: Any) -> None:
    for kind in ("teacher", "ta", "observer"):
        person = stocked.browser(kind)
        assert opened(person, stocked.essay) == f"assignments/{stocked.essay}"
        assert opened(person, stocked.labs) == f"group-sets/{stocked.labs}"


def test_students_get_what_they_have_to_do_there(stocked: Any) -> None:
    bo, ana = (stocked.browser("student", name=n, member=m) for n, m in (("Bo", stocked.bo), ("Ana", stocked.ana)))
    assert opened(bo, stocked.essay) == f"assignments/{stocked.essay}/grouping"
    page = bo.get(f"open/{stocked.labs}")
    assert page.h1.text == "Labs"
    assert "lab-2" in page.main.text
    assert page.select_one("form[action$='/join'] button")
    assert "You are in no group for it yet" in bo.get(f"open/{stocked.report}").main.text
    page = ana.get(f"open/{stocked.report}")
    assert page.h1.text == "Report"
    assert "Ten pages" in page.main.text
    assert "You work alone." in page.main.text
    page = ana.get(f"open/{stocked.labs}")
    assert [tag.text.strip() for tag in page.select("h2")] == ["lab-1"]
    assert "team-1" not in page.main.text
    assert "in no group here yet" in bo.get(f"open/{stocked.teams}").main.text


@pytest.mark.parametrize("name", ["roster_set", "course_id", "ana"])
def test_other_ids_open_nothing(stocked: Any, name: str) -> None:
    student = stocked.browser("student", member=stocked.bo)
    page = student.get(f"open/{getattr(stocked, name)}", 404)
    assert "Your teacher has not said yet" in page.main.text
    assert page.select_one(f"main a[href='/courses/{stocked.course_id}/']")


def test_a_placed_link_tried_without_a_launch_says_where_to_go(stocked: Any) -> None:
    page = stocked.browser("student", member=stocked.bo).get(f"/open/{stocked.essay}")
    assert page.h1.text.strip() == "Open LTI Groups from a course"
    assert "Essay" not in page.text


@dataclass
class Old:
    """Another course, from which links came."""

    course_id: UUID
    assignment: UUID
    group_set: UUID


def old_course(world: Any, registration_id: UUID | None = None, name: str = "report", context: str = "old-1") -> Old:
    old = Old(uuid4(), uuid4(), uuid4())
    at = now()
    if registration_id:
        world._add(Registration(id=registration_id, name="Other", family="canvas", issuer="https://x", created_at=at))
    course = {"id": old.course_id, "registration_id": registration_id or world.registration_id, "label": "OLD"}
    world._add(
        Course(**course, lti_context_id=context, title="Biology of last year", created_at=at),
        GroupSet(id=old.group_set, course_id=old.course_id, name="LABS", position=1, created_at=at),
        Assignment(id=old.assignment, course_id=old.course_id, name=name, group_set_id=old.group_set, created_at=at),
    )
    return old


def be_told(world: Any, history: str) -> None:
    """Let the LMS say of which courses this one is a copy."""
    with world.app.app_context():
        db.session.execute(update(Course).where(Course.id == world.course_id).values(copied_from=history))
        db.session.commit()


def test_a_link_of_a_copied_course_is_connected_by_name_and_opens_at_once_from_then_on(stocked: Any) -> None:
    old, teacher = old_course(stocked), stocked.browser()
    student = stocked.browser("student", member=stocked.bo)
    be_told(stocked, "older-7, old-1")
    assert "Your teacher has not said yet" in student.get(f"open/{old.assignment}", 404).main.text
    assert opened(teacher, old.assignment) == f"open/{old.assignment}/connect"
    page = teacher.get(f"open/{old.assignment}/connect")
    assert "came from Biology of last year" in " ".join(page.main.text.split())
    assert page.select_one("input[name=target][checked]")["value"] == str(stocked.report)
    listed = teacher.follow(f"open/{old.assignment}/connect", target=str(stocked.report))
    assert "The link is connected" in listed.main.text
    assert "“report” in Biology of last year" in listed.main.text
    assert opened(teacher, old.assignment) == f"assignments/{stocked.report}"
    assert student.get(f"open/{old.assignment}").h1.text == "Report"
    assert [e.subject for e in stocked.stored(HistoryEntry, action="link_connected")] == ["Report"]


def test_a_teacher_whose_right_is_being_asked_is_told_to_wait_and_not_sent_to_somebody_else(stocked: Any) -> None:
    teacher = stocked.browser()
    stocked._add(ServiceToken(registration_id=stocked.registration_id, ciphertext=b"sealed", set_at=now()))
    with stocked.app.app_context():
        db.session.execute(update(Registration).values(family="moodle"))
        db.session.commit()
    link = f"open/{uuid4()}"
    page = teacher.get(link, 404)
    assert "is being asked whether you manage groups here" in " ".join(page.main.text.split())
    assert page.main.find("a", string="Try again")["href"].endswith(link)


def test_a_connection_is_changed_and_removed_and_goes_with_its_target(stocked: Any) -> None:
    old, teacher = old_course(stocked), stocked.browser()
    connect = f"open/{old.group_set}/connect"
    assert not teacher.get("assignments").select("main a[href$='/links']"), "there is none to change"
    teacher.post(connect, target=str(stocked.report))
    assert teacher.get("assignments").select_one("main a[href$='/links']")
    page = teacher.get(connect)
    assert page.select_one("input[name=target][checked]")["value"] == str(stocked.report)
    teacher.post(connect, target=str(stocked.labs))
    assert opened(teacher, old.group_set) == f"group-sets/{stocked.labs}"
    teacher.post(f"open/{old.group_set}/disconnect")
    assert stocked.stored(LinkTarget) == []
    teacher.post(f"open/{old.group_set}/disconnect", 404)
    teacher.post(connect, target=str(stocked.report))
    teacher.post(f"assignments/{stocked.report}/delete")
    assert stocked.stored(LinkTarget) == []
    assert opened(teacher, old.group_set) == connect


def test_staff_of_both_courses_are_told_the_name_without_the_lms(stocked: Any) -> None:
    old, teacher = old_course(stocked), stocked.browser()
    assert "Biology of last year" not in str(teacher.get(f"open/{old.group_set}/connect"))
    (access,) = stocked.stored(CourseAccess)
    there = {"course_id": old.course_id, "lti_user_id": access.lti_user_id, "name": "Tina", "launched_at": now()}
    stocked._add(CourseAccess(id=uuid4(), **there, enrollment_type="ta", is_administrator=False))
    page = teacher.get(f"open/{old.group_set}/connect")
    assert "Biology of last year" in page.main.text
    assert page.select_one("input[name=target][checked]")["value"] == str(stocked.labs)


@pytest.mark.parametrize("case", ["not told", "told another", "student there", "another registration", "nobody's"])
def test_names_of_other_courses_are_not_told_to_who_may_not_know_them(stocked: Any, case: str) -> None:
    teacher = stocked.browser()
    old = old_course(stocked, uuid4() if case == "another registration" else None)
    if case in ("another registration", "nobody's"):
        be_told(stocked, "old-1")
    if case == "told another":
        be_told(stocked, "old-11,x old-1")
    if case == "student there":
        (access,) = stocked.stored(CourseAccess)
        there = {"course_id": old.course_id, "lti_user_id": access.lti_user_id, "name": "Tina", "launched_at": now()}
        stocked._add(CourseAccess(id=uuid4(), **there, enrollment_type="student", is_administrator=False))
    link_id = uuid4() if case == "nobody's" else old.assignment
    page = teacher.get(f"open/{link_id}/connect")
    assert "Biology of last year" not in str(page)
    assert not page.select("input[checked]"), "a chosen namesake would tell the name"
    assert re.search(r"came with the\s+copy of another one", page.main.text)


def test_a_link_is_connected_to_what_is_in_this_course_only(stocked: Any) -> None:
    old, teacher = old_course(stocked), stocked.browser()
    connect = f"open/{old.assignment}/connect"
    for forged in ("", "x", str(old.assignment), str(stocked.roster_set), str(uuid4())):
        assert "Choose an assignment" in teacher.post(connect, 422, target=forged).main.text
    teacher.post(f"open/{stocked.report}/connect", 404, target=str(stocked.essay))
    assert stocked.stored(LinkTarget) == []
    for kind in ("student", "observer", "ta"):
        person = stocked.browser(kind, member=stocked.bo if kind == "student" else None)
        person.post(connect, 403, target=str(stocked.report))
        person.post(f"open/{old.assignment}/disconnect", 403)
        person.get("links", 403)


def test_a_course_without_anything_says_what_to_make_first(world: Any) -> None:
    teacher, old = world.browser(), old_course(world)
    page = teacher.get(f"open/{old.assignment}/connect")
    assert page.select_one("main a[href$='/assignments/new']")
    assert "No link of a copied course" in teacher.get("links").main.text
