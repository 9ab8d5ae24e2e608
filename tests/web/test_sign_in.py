"""Sessions end in words, change hands in words, and lose nothing that was typed."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import update

from lti_tool.domain.clock import now
from lti_tool.lti.session import SESSION_COOKIE
from lti_tool.lti.state import digest
from lti_tool.models import BrowserSession, CourseAccess, GroupSet, db
from tests.web.conftest import check_page, check_part
from tests.web.test_hostile import addresses

TYPED = "Übung 1 <b>& mehr</b>"


def secret_of(browser: Any) -> str:
    return browser.client.get_cookie(SESSION_COOKIE).value


def change(world: Any, row: Any, **values: Any) -> None:
    with world.app.app_context():
        db.session.execute(update(row).values(**values))
        db.session.commit()


def send(browser: Any, at: str = "group-sets/new", **headers: str) -> Any:
    data = {"csrf_token": browser.token, "name": TYPED, "revision": "3", "description": "two\nlines"}
    return browser.client.post(browser.address(at), data=data, headers={"Sec-Fetch-Site": "same-origin", **headers})


def ancestors(answer: Any) -> list[str]:
    return answer.headers["Content-Security-Policy"].partition("frame-ancestors ")[2].split()


def kept(answer: Any, status: int) -> list[str]:
    assert answer.status_code == status
    page = check_page(answer, "kept")
    assert page.select_one("[data-sign-in-ended]")
    assert not page.select("main [name]"), "what is shown once more can be sent nowhere"
    return [text.text.removeprefix("\n") for text in page.select("textarea[readonly]")]


def test_what_was_typed_when_the_time_was_up_is_shown_once_more(world: Any) -> None:
    teacher = world.browser()
    change(world, BrowserSession, expires_at=now() - timedelta(seconds=1))
    answer = send(teacher)
    assert kept(answer, 401) == [TYPED, "two\nlines"]
    assert "Your sign-in has ended" in answer.text
    assert "<b>&" not in answer.text
    assert teacher.token not in answer.text
    assert ancestors(answer) == ["'self'", "https://lms.example"]
    assert not world.stored(GroupSet)
    assert teacher.get("group-sets/new", 401).h1.text == "Your sign-in has ended"


def test_a_course_that_was_opened_too_long_ago_is_told_so_too(world: Any) -> None:
    teacher = world.browser()
    change(world, CourseAccess, launched_at=now() - timedelta(hours=13))
    assert kept(send(teacher), 401) == [TYPED, "two\nlines"]


@pytest.mark.parametrize("at", ["group-sets/new", "/admin/registrations/new"])
@pytest.mark.parametrize("cookie", [None, "of a session that is forgotten"])
def test_what_was_typed_is_shown_in_any_frame_where_nobody_knows_whose_it_is(world: Any, at: str, cookie: Any) -> None:
    teacher = world.browser()
    teacher.client.delete_cookie(SESSION_COOKIE)
    if cookie:
        teacher.client.set_cookie(SESSION_COOKIE, cookie)
    framed = send(teacher, at, **{"Sec-Fetch-Dest": "iframe"})
    assert (kept(framed, 401), ancestors(framed)) == ([TYPED, "two\nlines"], ["*"])
    page = check_page(framed, at)
    assert not page.select("form, button, main a"), "a page that anybody may frame has nothing to do"
    assert not page.body.get("data-person")
    assert "Biology" not in framed.text


@pytest.mark.parametrize(("boosted", "shown"), [({"HX-Boosted": "true"}, [TYPED, "two\nlines"]), ({}, [])])
def test_a_part_of_a_page_shows_what_was_typed_where_it_takes_the_place_of_the_form(
    world: Any, boosted: dict[str, str], shown: list[str]
) -> None:
    teacher = world.browser()
    teacher.client.delete_cookie(SESSION_COOKIE)
    answer = send(teacher, **{"HX-Request": "true", "Sec-Fetch-Dest": "empty", **boosted})
    assert (answer.status_code, "<html" in answer.text) == (401, False)
    part = check_part(answer.text, "kept")
    assert part.select_one("[data-sign-in-ended]")
    assert [text.text.removeprefix("\n") for text in part.select("textarea")] == shown


OTHERS = [
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "none"},
]


@pytest.mark.parametrize("sent", OTHERS)
@pytest.mark.parametrize("cookie", ["lost", "ended"])
def test_what_another_site_sends_is_not_shown(world: Any, sent: dict[str, str], cookie: str) -> None:
    teacher = world.browser()
    if cookie == "lost":
        teacher.client.delete_cookie(SESSION_COOKIE)
    change(world, BrowserSession, expires_at=now() - timedelta(seconds=1))
    answer = send(teacher, **sent)
    assert kept(answer, 401) == []
    assert ancestors(answer) == (["*"] if cookie == "lost" else ["'self'", "https://lms.example"])


def test_an_old_page_does_nothing_in_the_name_of_who_came_after(world: Any) -> None:
    first, second = world.browser(name="Tina Teacher"), world.browser(name="Ben Boss")
    first.client.set_cookie(SESSION_COOKIE, secret_of(second))
    answer = send(first)
    assert kept(answer, 403) == [TYPED, "two\nlines"]
    assert "<textarea" not in send(first, **{"Sec-Fetch-Site": "none"}).text
    assert "This page is of an earlier sign-in" in answer.text
    assert not world.stored(GroupSet)
    told = first.get(f"/other-person?course={world.course_id}")
    assert "Ben Boss" in told.main.text
    assert first.get("").body["data-person"] == second.get("").body["data-person"]


def test_pages_tell_two_people_apart_and_nothing_of_who_they_are(world: Any) -> None:
    tags = {world.browser(name=name).get("").body["data-person"] for name in ("Tina", "Ben")}
    assert len(tags) == 2
    assert all(len(tag) == 16 for tag in tags)


def test_a_second_launch_of_the_same_person_leaves_the_first_tab_working(world: Any) -> None:
    teacher, secret = world.browser(), uuid4().hex
    [row] = world.stored(BrowserSession)
    values = {name: getattr(row, name) for name in ("registration_id", "lti_user_id", "frame_origins", "expires_at")}
    world._add(BrowserSession(token_hash=digest(secret), nonce_hash=digest("n"), created_at=now(), **values))
    teacher.client.set_cookie(SESSION_COOKIE, secret)
    assert send(teacher).status_code == 303
    change(world, BrowserSession, expires_at=now() - timedelta(seconds=1))
    assert send(teacher).status_code == 401


def test_signing_out_ends_the_session(world: Any) -> None:
    teacher = world.browser()
    stolen, button = secret_of(teacher), teacher.get("").select_one("header form.sign-out button")
    assert button.text == "Sign out"
    assert teacher.client.post("/sign-out", data={"csrf_token": "x"}).status_code == 403
    assert teacher.client.post("/sign-out").status_code == 403
    teacher.get("")
    answer = teacher.client.post("/sign-out", data={"csrf_token": teacher.token})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/signed-out")
    assert {"Max-Age=0", "Partitioned", "Secure", "Path=/"} <= set(answer.headers["Set-Cookie"].split("; "))
    page = teacher.get("/signed-out")
    assert page.h1.text == "You are signed out of LTI Groups"
    assert page.select_one("[data-signed-out]")
    assert teacher.get("", 401).h1.text == "Please open LTI Groups from your course"
    teacher.client.set_cookie(SESSION_COOKIE, stolen)
    teacher.get("", 401)


def test_only_the_lms_may_frame_any_page_or_error(world: Any, lms: Any) -> None:
    world.member("Ben Ng")
    world.set_id = world.group_set("Projects", {"Team 1": [], "Ben Ng": []})
    teacher = world.browser()
    made = teacher.post("assignments/new", name="Essay", group_set_id=str(world.set_id)).partition("?")[0]
    seen = {}
    asked = [address for method, address in addresses(world, made.rpartition("/")[2]) if method == "GET"]
    for address in (*asked, "/nowhere", "/invite/x", "/no-course", "/signed-out", "/healthz", "/sign-out"):
        answer = teacher.client.get(address)
        seen[answer.status_code] = address
        assert ancestors(answer) in (["'self'", "https://lms.example"], ["'none'"]), address
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"] or ancestors(answer) == ["'none'"]
    assert seen.keys() >= {200, 404, 405}
