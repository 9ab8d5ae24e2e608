"""The page that says how the course reaches its LMS, in every state in which it can be."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from lti_tool.domain.clock import now
from lti_tool.models import Course, CourseAccess, LmsGrant, Registration, db
from lti_tool.services import oauth_clients, tokens
from lti_tool.services.sealing import seal


@pytest.fixture
def canvas(world: Any) -> Any:
    """A course whose Canvas can be reached, as soon as somebody may."""
    with world.app.app_context():
        db.session.get_one(Registration, world.registration_id).lms_url = "https://canvas.example"
        db.session.get_one(Course, world.course_id).lms_course_id = "17"
        db.session.commit()
    return world


def store_key(world: Any) -> None:
    with world.app.app_context():
        settings = world.app.extensions["lti_tool"].settings
        oauth_clients.set_oauth_client(settings, world.registration_id, "17", "secret")


def store_token(world: Any) -> None:
    with world.app.app_context():
        tokens.set_service_token(world.app.extensions["lti_tool"].settings, world.registration_id, "token")


def lend(world: Any, name: str, error_code: str | None = None) -> None:
    with world.app.app_context():
        settings = world.app.extensions["lti_tool"].settings
        access = db.session.scalars(select(CourseAccess).where(CourseAccess.name == name)).one()
        db.session.add(
            LmsGrant(
                registration_id=world.registration_id,
                lti_user_id=access.lti_user_id,
                lms_user_id="42",
                name=name,
                access_ciphertext=seal(settings, "an-access-token"),
                refresh_ciphertext=seal(settings, "a-refresh-token"),
                expires_at=now() + timedelta(hours=1),
                error_code=error_code,
                granted_at=now(),
            )
        )
        db.session.commit()


def buttons(page: Any) -> list[str]:
    return [" ".join(button.get_text().split()) for button in page.select("main button")]


def test_with_nothing_set_up_the_page_says_what_is_missing(canvas: Any) -> None:
    page = canvas.browser().get("connection")
    assert "Group access is not set up" in page.select_one("#way").text
    assert buttons(page) == []
    assert "Nothing is brought to Canvas by itself" in page.text


def test_the_service_token_is_told_and_ones_own_access_is_offered(canvas: Any) -> None:
    store_token(canvas)
    store_key(canvas)
    page = canvas.browser().get("connection")
    assert "What you do here uses the tool’s service token" in page.text
    assert buttons(page) == ["Connect Canvas (opens a new window)", "Ask Canvas now"]
    assert page.select_one("form#lend-access")["target"] == "_blank"


def test_who_has_to_connect_first_is_told_so_at_home_too(canvas: Any) -> None:
    store_key(canvas)
    teacher = canvas.browser()
    home = teacher.get("")
    link = home.select_one("section[aria-labelledby=problem] a")
    assert link.text == "Connect Canvas"
    page = teacher.get(link["href"])
    assert "Canvas is not connected" in page.select_one("#way").text
    assert buttons(page) == ["Connect Canvas (opens a new window)"]


def test_lent_access_is_shown_with_who_lent_it_and_no_secret(canvas: Any) -> None:
    store_key(canvas)
    teacher, _other = canvas.browser(), canvas.browser(name="Otto Other")
    lend(canvas, "Tina Teacher")
    lend(canvas, "Otto Other", "grant_ended")
    page = teacher.get("connection")
    assert "uses your own access to Canvas" in page.text
    assert buttons(page)[:2] == ["Connect again (opens a new window)", "Disconnect"]
    rows = [" ".join(row.get_text(" ").split()) for row in page.select("tbody tr")]
    assert rows == ["Tina Teacher (you) just now Connected", "Otto Other just now Ended"]
    assert "-token" not in str(page)


def test_access_that_ended_is_told_with_what_to_do(canvas: Any) -> None:
    store_key(canvas)
    teacher = canvas.browser()
    lend(canvas, "Tina Teacher", "grant_ended")
    page = teacher.get("connection")
    assert "Your access to Canvas has ended" in page.select_one("#way").text
    assert buttons(page) == ["Connect again (opens a new window)", "Disconnect"]
    assert "Connect Canvas" in teacher.get("").select_one("section[aria-labelledby=problem] a").text


def test_who_may_not_manage_groups_can_lend_nothing(canvas: Any) -> None:
    store_token(canvas)
    store_key(canvas)
    helper = canvas.browser("ta", manages=False)
    page = helper.get("connection")
    assert buttons(page) == ["Ask Canvas now"]
    assert "nothing that you could lend" in page.text
    helper.post("connection/disconnect", 404)


@pytest.mark.parametrize("kind", ["student", "observer", "other"])
def test_only_staff_see_the_connection(canvas: Any, kind: str) -> None:
    person = canvas.browser(kind)
    person.get("connection", 403)
    person.post("connection/disconnect", 403)
    assert not [a for a in person.get("").select("nav a") if "connection" in a["href"]]


def test_what_the_access_lacks_is_said(canvas: Any) -> None:
    canvas.allow_writing("right_missing")
    page = canvas.browser().get("connection")
    assert page.select_one("#lacks").text.strip() == "Groups can be read, not changed"


def test_an_lms_that_does_not_answer_is_said_on_the_page(canvas: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from lti_tool.domain.errors import LmsUnavailable
    from lti_tool.lms.canvas import CanvasGateway

    def silent(_gateway: Any) -> Any:
        raise LmsUnavailable("lms_timeout", host="canvas.example")

    store_token(canvas)
    monkeypatch.setattr(CanvasGateway, "capabilities", silent)
    page = canvas.browser().get("connection?ask=1")
    assert "Canvas did not answer in time" in page.select_one("#error-summary").text


def test_a_moodle_course_has_its_service_token_only(app: Any, world: Any) -> None:
    moodle = type(world)(app).open_course(family="moodle")
    page = moodle.browser().get("connection")
    assert "Connection to Moodle" in page.h1.text
    assert buttons(page) == []


def test_the_windows_of_a_consent_are_whole_pages(canvas: Any) -> None:
    store_key(canvas)
    teacher = canvas.browser()
    ticket = teacher.get("connection").select_one("input[name=ticket]")["value"]
    asked = teacher.post("/lms/oauth/start", 200, ticket=ticket)
    assert asked.select_one("a#consent-next")["href"].startswith("https://canvas.example/login/oauth2/auth?")
    assert "This browser did not begin it" in teacher.get("/lms/oauth/callback?state=x&code=y", 403).h1.text


def test_the_page_takes_a_fixed_number_of_queries(canvas: Any, count_queries: Any) -> None:
    store_token(canvas)
    store_key(canvas)
    teacher = canvas.browser()
    for number in range(3):
        canvas.browser(name=f"Person {number}")
        lend(canvas, f"Person {number}")
    teacher.get("connection")
    count_queries()
    teacher.get("connection")
    few = count_queries()
    for number in range(3, 30):
        canvas.browser(name=f"Person {number}")
        lend(canvas, f"Person {number}")
    count_queries()
    teacher.get("connection")
    assert count_queries() == few
