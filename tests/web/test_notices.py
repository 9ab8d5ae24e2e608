"""What people are told inside the tool: the list, the badge, what is read, and the choice of e-mail."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from lti_tool.domain.clock import now
from lti_tool.models import Notice, RosterMember
from lti_tool.services.notices import PAGE_SIZE
from tests.web.conftest import Browser, World
from tests.web.forming import Course, words


@pytest.fixture
def course(world: World) -> Course:
    return Course(world, min_size=2)


def badge(page: Any) -> str:
    found = page.select_one("header #notices-badge")
    return words(found) if found else "none"


def read(who: Browser) -> str:
    """Open the list and read it, as its page does by itself."""
    page = who.get("notices")
    newest = page.select_one("form input[name=newest]")["value"]
    return str(who.post("notices/read", newest=newest))


def test_people_read_what_concerns_them_newest_first(course: Course) -> None:
    grouping = course.start(course.ana, "Bo", "Cleo")
    page = course.bo.get("notices")
    assert badge(page) == "1 new"
    assert "New Ana Berg invites you to the group “ana_berg” for “A1”." in words(page)
    assert page.select_one("main a[href$='/grouping']")["href"].endswith(f"/assignments/{course.id}/grouping")
    course.post(course.bo, f"groupings/{grouping}/accept")
    course.post(course.cleo, f"groupings/{grouping}/refuse")
    seen = words(course.ana.get("notices").main)
    assert seen.index("Cleo Diaz refused your invitation") < seen.index("Bo Chen joined the group")
    course.post(course.bo, f"groupings/{grouping}/leave")
    seen = words(course.ana.get("notices").main)
    assert "The group “ana_berg” for “A1” is not valid any more: 1 more needed." in seen
    course.teacher.post(f"assignments/{course.id}/groupings/{grouping}/members/{course.ids['Ana']}/remove")
    assert "Tina Teacher took you out of" in words(course.ana.get("notices").main)
    assert badge(course.ana.get("")) == "5 new"


def test_looking_writes_nothing_and_reading_marks_only_what_was_shown(course: Course) -> None:
    course.start(course.ana, "Bo")
    page = course.bo.get("notices")
    assert badge(course.bo.get("notices")) == "1 new"
    form = page.select_one("form[hx-trigger^='load']")
    assert form["method"] == "post"
    course.start(course.cleo, "Bo")  # comes while the list is being read
    assert course.bo.post("notices/read", newest=form.select_one("[name=newest]")["value"]).endswith("/notices")
    page = course.bo.get("notices")
    assert badge(page) == "1 new"
    assert [words(one).startswith("New") for one in page.select(".notices li")] == [True, False]
    read(course.bo)
    page = course.bo.get("notices")
    assert badge(page) == ""
    assert not page.select("form[hx-trigger]")
    course.bo.post("notices/read", newest="rubbish")
    course.bo.post("notices/read")


def test_one_marks_only_ones_own(course: Course) -> None:
    course.start(course.ana, "Bo", "Cleo")
    (foreign,) = course.world.stored(Notice, member_id=course.ids["Cleo"])
    course.bo.post("notices/read", newest=str(foreign.id))
    assert [row.read_at for row in course.world.stored(Notice)] == [None, None]
    read(course.bo)
    assert badge(course.cleo.get("")) == "1 new"


def test_the_badge_is_sent_only_when_it_changed(course: Course) -> None:
    page = course.bo.get("")
    asked = page.select_one("#notices-badge")["hx-get"]
    _, answer = course.bo.fragment(asked, 204)
    assert answer.text == ""
    course.start(course.ana, "Bo")
    part, _ = course.bo.fragment(asked)
    assert words(part) == "1 new"
    course.bo.fragment(part.select_one("#notices-badge")["hx-get"], 204)
    newest = course.bo.get("notices").select_one("[name=newest]")["value"]
    assert words(course.bo.part("notices/read", newest=newest)) == ""


def test_many_notices_come_in_pages(course: Course, count_queries: Any) -> None:
    rows = [
        Notice(
            id=uuid4(),
            course_id=course.world.course_id,
            member_id=course.ids["Ana"],
            kind="message",
            facts="{}",
            created_at=now() - timedelta(minutes=number),
            mail_state="none",
        )
        for number in range(PAGE_SIZE + 3)
    ]
    course.world._add(*rows[:1])
    course.ana.get("notices")
    count_queries()
    course.ana.get("notices")
    few = count_queries()
    course.world._add(*rows[1:])
    count_queries()
    first = course.ana.get("notices")
    assert count_queries() == few <= 6
    assert len(first.select(".notices li")) == PAGE_SIZE
    last = course.ana.get("notices?page=2")
    assert len(last.select(".notices li")) == 3
    assert len(course.ana.get("notices?page=999").select(".notices li")) == 3
    assert len(course.ana.get("notices?page=x").select(".notices li")) == PAGE_SIZE


def test_who_has_notices_and_who_has_not(course: Course) -> None:
    assert badge(course.teacher.get("")) == "none", "no roster entry, so nobody can tell her anything"
    course.teacher.get("notices")
    staff = course.world.browser(member=course.world.member("Tom Tutor", enrollment_type="ta"), enrollment_type="ta")
    assert badge(staff.get("")) == ""
    course.world.browser("observer").get("notices", 403)
    course.world.browser("student", launched=False).get("notices", 404)
    course.bo.get(f"/courses/{uuid4()}/notices", 404)
    course.bo.post(f"/courses/{uuid4()}/notices/read", 404)
    course.bo.post(f"/courses/{uuid4()}/notices/mail", 404)


def test_a_person_chooses_whether_notices_are_mailed(course: Course) -> None:
    assert "by e-mail" not in words(course.ana.get("notices"))
    course.start(course.ana, "Bo")
    tool = course.world.app.extensions["lti_tool"]
    settings = replace(tool.settings, smtp_url="smtp://127.0.0.1:1", mail_from="groups@example.edu")
    course.world.app.extensions["lti_tool"] = replace(tool, settings=settings)
    course.start(course.cleo, "Dan")
    assert [row.mail_state for row in course.world.stored(Notice, member_id=course.ids["Bo"])] == ["none"]
    assert [row.mail_state for row in course.world.stored(Notice, member_id=course.ids["Dan"])] == ["waiting"]
    box = course.dan.get("notices").select_one("input[name=wants_mail]")
    assert box.has_attr("checked")
    page = course.dan.follow("notices/mail")
    assert not page.select_one("input[name=wants_mail]").has_attr("checked")
    assert "dan@students.example" in words(page)
    assert [row.name for row in course.world.stored(RosterMember, wants_mail=False)] == ["Dan Eder"]
    page = course.dan.follow("notices/mail", wants_mail="1")
    assert page.select_one("input[name=wants_mail]").has_attr("checked")


def test_a_name_in_a_notice_is_text(course: Course) -> None:
    course.world._add(
        Notice(
            id=uuid4(),
            course_id=course.world.course_id,
            member_id=course.ids["Ana"],
            kind="invited",
            facts='{"person": "<script>alert(1)</script>", "group": "%(x)s & <b>"}',
            created_at=now(),
            mail_state="none",
        )
    )
    page = course.ana.get("notices")
    assert not page.select("main script, main b")
    assert "<script>alert(1)</script> invites you to the group “%(x)s & <b>”." in words(page.main)
