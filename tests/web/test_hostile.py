"""What nobody sends by our forms: every address answers it with a page in plain words, on both databases."""

import re
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask

from lti_tool.models import Group, db
from tests.web.conftest import World

FIELDS = re.findall(
    r"\w+",
    "name description member_ids group_id group_ids member_id revision seed count pattern kind excluded group_set_id "
    "find q status section page upto all without lms_group_set_id where seen confirmed set_id names assignment_id "
    "email student_number git_username git_username_status partly set body key file before after expires signature "
    "target chosen",
)
NONSENSE = ("a\0b", "9" * 5000, "-1", "x" * 70_000)


@pytest.fixture
def filled(app_on_both: Flask) -> World:
    world = World(app_on_both).open_course()
    ana, ben = world.member("Ana López"), world.member("Ben Ng", source="local", lms_user_id=None)
    world.set_id = world.group_set("Projects", {"Team 1": [ana], "Team 2": [ben]})  # type: ignore[attr-defined]
    return world


def addresses(world: Any, assignment_id: str) -> list[tuple[str, str]]:
    """Give method and address of everything in a course that takes input."""
    known = {
        "course_id": world.course_id,
        "set_id": world.set_id,
        "group_id": world.names["Team 1"],
        "member_id": world.names["Ben Ng"],
        "assignment_id": assignment_id,
        "key": "repobee",
        "kind": "roster",
    }
    found = []
    for rule in world.app.url_map.iter_rules():
        if rule.rule.startswith("/courses/"):
            values = {name: known.get(name, world.set_id) for name in rule.arguments}  # of the rest there is none
            with world.app.test_request_context():
                address = world.app.url_for(rule.endpoint, **values)
            found += [(method, address) for method in ("GET", "POST") if method in rule.methods]
    return sorted(found)


@pytest.mark.parametrize("nonsense", NONSENSE, ids=range(len(NONSENSE)))
def test_no_address_breaks_on_nonsense(filled: Any, lms: Any, nonsense: str) -> None:
    teacher = filled.browser()
    made = teacher.post("assignments/new", name="Essay", group_set_id=str(filled.set_id))
    assignment_id = made.rpartition("/")[2].partition("?")[0]
    sent = dict.fromkeys(FIELDS, nonsense)
    wrong = []
    for method, address in addresses(filled, assignment_id):
        if address.endswith(("/delete", "/remove")):
            continue
        if method == "GET":
            response = teacher.client.get(address, query_string=sent)
        else:
            response = teacher.client.post(address, data={"csrf_token": teacher.token, **sent})
        if response.status_code >= 500:
            wrong.append((method, address))
    assert not wrong


EVIL = "<img src=x onerror=alert(1)>\"'><script>alert(1)</script>"


@pytest.mark.parametrize("who", ["teacher", "student"])
def test_names_are_text_on_every_page(world: Any, lms: Any, who: str) -> None:
    """XSS by names: of people, courses, sets, groups and assignments, wherever they appear."""
    course = World(world.app).open_course(title=EVIL)
    evil = course.member(EVIL, email="a@b.example", git_username=None)
    course.set_id = course.group_set(EVIL, {"Team 1": [evil], "Ben Ng": []})  # type: ignore[attr-defined]
    course.member("Ben Ng")
    made = course.browser().post("assignments/new", name=EVIL, group_set_id=str(course.set_id)).partition("?")[0]
    with world.app.app_context():
        db.session.get_one(Group, course.names["Team 1"]).name = EVIL
        db.session.commit()
    person = course.browser(who, name=EVIL, member=evil if who == "student" else None)
    shown = 0
    for method, address in addresses(course, made.rpartition("/")[2]):
        answer = person.client.get(address) if method == "GET" else None
        if answer and answer.mimetype == "text/html":
            page = BeautifulSoup(answer.text, "html.parser")
            assert not page.select("img, script:not([src]), [onerror]"), address
            shown += EVIL in page.text
    assert shown > (15 if who == "teacher" else 3)


def test_a_revision_of_thousands_of_digits_is_no_revision(filled: Any) -> None:
    teacher = filled.browser()
    made = teacher.post("assignments/new", name="Essay", group_set_id=str(filled.set_id)).partition("?")[0]
    fields = {"name": "Essay", "group_set_id": str(filled.set_id), "kind": "all", "revision": "9" * 5000}
    page = teacher.post(f"{made}/edit", 409, fields=fields)
    assert "changed" in page.select_one("[role=alert]").text
