"""Lending one's access to Canvas: the whole consent over real HTTP, and every way in which it must come to nothing."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
import requests
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from lti_tool import observability
from lti_tool.domain.clock import now
from lti_tool.lms.canvas_oauth import SCOPES
from lti_tool.lti.session import SESSION_COOKIE, close_session
from lti_tool.lti.state import digest
from lti_tool.models import BrowserSession, Course, CourseAccess, LmsGrant, OauthState, RosterMember, db, transaction
from lti_tool.services import consents, oauth_clients
from lti_tool.services.asked_rights import right_of

pytestmark = [pytest.mark.usefixtures("no_waiting"), pytest.mark.parametrize("flavour", ["canvas"])]
TEACHER, ANOTHER = 1001, 1002  # users of the demo LMS


class Window(FlaskClient):
    """A browser's window, answered outside the test's own context, which would keep the last request's person."""

    def open(self, *arguments: Any, **values: Any) -> Any:
        db.session.rollback()
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(super().open, *arguments, **values).result()


@dataclass
class Person:
    """Somebody with the course open in the LMS's frame; windows of their browser share no cookie with it."""

    app: Flask
    course_id: UUID
    secret: str

    @property
    def frame(self) -> FlaskClient:
        client = self.app.test_client()
        client.set_cookie(SESSION_COOKIE, self.secret)
        return client

    def page(self, query: str = "") -> BeautifulSoup:
        answer = self.frame.get(f"/courses/{self.course_id}/connection{query}")
        assert answer.status_code == 200, answer.text
        return BeautifulSoup(answer.text, "html.parser")

    def form(self) -> dict[str, str]:
        form = self.page().select_one("form#lend-access")
        assert form is not None
        assert (form["action"], form["target"]) == ("/lms/oauth/start", "_blank")
        return {field["name"]: field["value"] for field in form.select("input")}

    def begin(self, window: FlaskClient) -> str:
        """Open the window; give where it goes on to."""
        answer = window.post("/lms/oauth/start", data=self.form(), headers={"Sec-Fetch-Site": "same-origin"})
        assert answer.status_code == 200, answer.text
        return str(BeautifulSoup(answer.text, "html.parser").select_one("a#consent-next")["href"])

    def connect(self, user: int = TEACHER, answer: str = "allow") -> Any:
        window = self.app.test_client()
        return window.get(decide(self.begin(window), user, answer))


def decide(url: str, user: int = TEACHER, answer: str = "allow") -> str:
    """Answer Canvas's question; give the address to which it leads back, as path and query."""
    asked = requests.get(url, timeout=5)
    assert asked.status_code == 200
    assert "frame-ancestors 'none'" in asked.headers["Content-Security-Policy"]
    fields = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    confirm = url.partition("/login/")[0] + "/login/oauth2/confirm"
    answered = requests.post(confirm, data=fields | {"as": user, "answer": answer}, timeout=5, allow_redirects=False)
    assert answered.headers["Location"].startswith("http://127.0.0.1:8000/lms/oauth/callback?")
    back = urlsplit(answered.headers["Location"])
    return f"{back.path}?{back.query}"


@pytest.fixture
def sign_in(app_on_both: Flask, classroom: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Person]:
    """Make people of the course with a session each; the first is its teacher."""
    monkeypatch.setattr(app_on_both, "test_client_class", Window)
    course = db.session.get_one(Course, classroom.course_id)
    oauth_clients.set_oauth_client(
        classroom.tool.settings, course.registration_id, "demo-canvas-api", "demo-canvas-secret"
    )

    def make(lti_user_id: str = "teacher", lms_user_id: int | None = TEACHER, kind: str = "teacher") -> Person:
        secret = uuid4().hex
        with transaction() as session:
            row = session.get_one(Course, classroom.course_id)
            session.add(
                BrowserSession(
                    token_hash=digest(secret),
                    nonce_hash=digest(f"nonce {secret}"),
                    registration_id=row.registration_id,
                    lti_user_id=lti_user_id,
                    frame_origins="",
                    created_at=now(),
                    expires_at=now() + timedelta(hours=1),
                )
            )
            access = session.scalar(select(CourseAccess).where(CourseAccess.lti_user_id == lti_user_id))
            if access is None:
                access = CourseAccess(
                    course_id=row.id,
                    lti_user_id=lti_user_id,
                    name=lti_user_id.title(),
                    enrollment_type=kind,
                    may_manage_groups=None,
                    is_administrator=False,
                    launched_at=now(),
                )
                session.add(access)
            if lms_user_id is not None:
                member = RosterMember(
                    id=uuid4(),
                    course_id=row.id,
                    name=access.name,
                    email=None,
                    status="active",
                    enrollment_type=kind,
                    source="lms",
                    lti_user_id=lti_user_id,
                    lms_user_id=str(lms_user_id),
                    created_at=now(),
                )
                session.add(member)
                session.flush()
                access.member_id = member.id
        return Person(app_on_both, classroom.course_id, secret)

    return make


@pytest.fixture
def teacher(sign_in: Callable[..., Person]) -> Person:
    return sign_in()


def grants() -> list[LmsGrant]:
    db.session.rollback()
    return list(db.session.scalars(select(LmsGrant)))


def user_tokens(classroom: Any) -> list[str]:
    """The tokens of people that the LMS knows."""
    return [token.value for token in classroom.lms.hub.sites["canvas"].tokens.values() if token.refresh]


def heading(answer: Any) -> str:
    return BeautifulSoup(answer.text, "html.parser").h1.text


def test_a_person_lends_access_and_a_sync_of_theirs_uses_it(
    teacher: Person, classroom: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    observability.configure("DEBUG")
    window = teacher.app.test_client()
    url = teacher.begin(window)
    asked = parse_qs(urlsplit(url).query)
    assert asked["scope"] == [" ".join(SCOPES)]
    assert asked["redirect_uri"] == ["http://127.0.0.1:8000/lms/oauth/callback"]
    ended = window.get(decide(url))
    assert (ended.status_code, heading(ended)) == (200, "Canvas is connected")
    assert BeautifulSoup(ended.text, "html.parser").select_one("#consent-end")["data-outcome"] == "lent"
    page = teacher.page()
    assert "What you do here uses your own access to Canvas" in page.text
    assert [row.th.text for row in page.select("tbody tr")] == ["Teacher (you)"]

    (grant,) = grants()
    lender = db.session.scalars(select(CourseAccess.id).where(CourseAccess.lti_user_id == grant.lti_user_id)).one()
    said = right_of(classroom.course_id, lender)
    assert said.asked_at is not None  # at once, so that the pages know it
    assert said.problem is None
    (token,) = user_tokens(classroom)
    assert grant.lms_user_id == str(TEACHER)
    secrets = [token, classroom.lms.hub.sites["canvas"].tokens[token].refresh, "demo-canvas-secret"]
    printed = capfd.readouterr()
    shown = str(page) + ended.text + caplog.text + printed.out + printed.err + url
    assert not [secret for secret in secrets if secret in shown]
    stored = grant.access_ciphertext + grant.refresh_ciphertext
    assert not [secret for secret in secrets if secret.encode() in stored]

    answer = teacher.page("?ask=1")
    assert [badge.text for badge in answer.select("section[aria-labelledby=rights] .badge")] == ["Allowed"] * 3


def test_the_run_page_names_whose_access_was_used(teacher: Person, classroom: Any) -> None:
    from lti_tool.domain.sync import Report
    from lti_tool.services import pull, runs

    def sync(requested_by: UUID | None) -> str:
        run = runs.claim(runs.queue(classroom.course_id, "groups", requested_by=requested_by))
        run_id = run.id
        pull.run_pull(classroom.tool, run, Report())
        return teacher.frame.get(f"/courses/{classroom.course_id}/runs/{run_id}").text

    assert "It used the tool’s service token." in sync(classroom.viewer.access_id)
    teacher.connect()
    assert "It used the access of Teacher." in sync(classroom.viewer.access_id)
    assert "It used the tool’s service token." in sync(None)


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        ("access_denied", 403, "You did not lend your access"),
        ("invalid_scope", 502, "The developer key allows too little"),
        ("unauthorized_client", 502, "Canvas did not accept the tool’s developer key"),
        ("something_else", 502, "Canvas did not ask you"),
    ],
)
def test_what_canvas_refuses_is_said_in_words(teacher: Person, error: str, status: int, said: str) -> None:
    window = teacher.app.test_client()
    state = parse_qs(urlsplit(teacher.begin(window)).query)["state"][0]
    ended = window.get("/lms/oauth/callback", query_string={"state": state, "error": error})
    assert (ended.status_code, heading(ended)) == (status, said)
    assert error not in BeautifulSoup(ended.text, "html.parser").main.text
    assert not grants()


def test_a_person_who_declines_has_lent_nothing(teacher: Person) -> None:
    assert heading(teacher.connect(answer="deny")) == "You did not lend your access"
    assert not grants()
    assert "Not connected" in teacher.page().text


def test_a_consent_is_finished_once_and_only_in_the_window_that_began_it(
    sign_in: Callable[..., Person], teacher: Person
) -> None:
    window = teacher.app.test_client()
    back = decide(teacher.begin(window))
    without_cookie = teacher.app.test_client().get(back)
    assert (without_cookie.status_code, heading(without_cookie)) == (403, "This browser did not begin it")
    # Somebody else's window, with a cookie of its own under the name that fits.
    elsewhere = teacher.app.test_client()
    elsewhere.set_cookie(consents.cookie_name(parse_qs(urlsplit(back).query)["state"][0]), "a guess")
    assert heading(elsewhere.get(back)) == "This was begun elsewhere, or is over"
    other = sign_in("colleague", ANOTHER)
    other_window = teacher.app.test_client()
    other.begin(other_window)
    assert heading(other_window.get(back)) == "This browser did not begin it"
    # In the frame, where the session's cookie is, nothing can be finished either.
    assert teacher.frame.get(back).status_code == 403
    assert not grants()
    # All this has spoilt nothing for the one window, which finishes it once.
    assert window.get(back).status_code == 200
    again = window.get(back)
    assert again.status_code == 403
    assert len(grants()) == 1


@pytest.mark.parametrize("state", ["", "forged", "x" * 5000])
def test_a_forged_state_is_refused(teacher: Person, state: str) -> None:
    window = teacher.app.test_client()
    teacher.begin(window)
    window.set_cookie(consents.cookie_name(state), "a secret")
    ended = window.get("/lms/oauth/callback", query_string={"state": state, "code": "stolen"})
    assert (ended.status_code, heading(ended)) == (403, "This was begun elsewhere, or is over")
    assert not grants()


def test_a_consent_that_took_too_long_is_refused_and_swept_away(teacher: Person) -> None:
    window = teacher.app.test_client()
    back = decide(teacher.begin(window))
    with transaction() as session:
        for row in session.scalars(select(OauthState)):
            row.expires_at = now() - timedelta(seconds=1)
    assert heading(window.get(back)) == "That took too long"
    consents.forget_expired()
    assert not db.session.scalars(select(OauthState)).all()
    assert not grants()


def test_a_code_is_good_once(teacher: Person) -> None:
    window = teacher.app.test_client()
    back = decide(teacher.begin(window))
    code = parse_qs(urlsplit(back).query)["code"][0]
    assert window.get(back).status_code == 200
    other = teacher.app.test_client()
    state = parse_qs(urlsplit(teacher.begin(other)).query)["state"][0]
    ended = other.get("/lms/oauth/callback", query_string={"state": state, "code": code})
    assert heading(ended) == "Canvas took too long"


def test_who_signed_out_or_lost_the_right_meanwhile_lends_nothing(teacher: Person, classroom: Any) -> None:
    window = teacher.app.test_client()
    back = decide(teacher.begin(window))
    with transaction() as session:
        session.get_one(CourseAccess, classroom.viewer.access_id).may_manage_groups = False
    assert heading(window.get(back)) == "You may not do this here"
    with transaction() as session:
        session.get_one(CourseAccess, classroom.viewer.access_id).may_manage_groups = True
    back = decide(teacher.begin(window))
    close_session(teacher.secret)
    assert heading(window.get(back)) == "You are not signed in any more"
    assert not grants()


def test_the_access_of_another_account_is_refused_and_given_back(teacher: Person, classroom: Any) -> None:
    ended = teacher.connect(user=ANOTHER)
    assert (ended.status_code, heading(ended)) == (403, "You are logged in to Canvas as somebody else")
    assert not grants()
    assert not user_tokens(classroom)


def test_an_account_that_is_known_as_another_person_is_refused(sign_in: Callable[..., Person], teacher: Person) -> None:
    unknown = sign_in("visitor", None)
    assert unknown.connect(user=TEACHER).status_code == 403
    assert unknown.connect(user=ANOTHER).status_code == 200


def test_a_ticket_is_good_for_one_window_and_a_while(
    teacher: Person, classroom: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    form, window = teacher.form(), teacher.app.test_client()
    assert window.post("/lms/oauth/start", data=form).status_code == 200
    used = window.post("/lms/oauth/start", data=form)
    assert (used.status_code, heading(used)) == (409, "This was begun already")
    for forged in ("", "forged", form["ticket"][:-2] + "xx", "x" * 5000):
        refused = window.post("/lms/oauth/start", data={"ticket": forged})
        assert (refused.status_code, heading(refused)) == (403, "This page was open for too long")
    foreign = window.post("/lms/oauth/start", data=teacher.form(), headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    monkeypatch.setattr(consents, "TICKET_LIFE", timedelta(seconds=-1))
    assert heading(window.post("/lms/oauth/start", data=teacher.form())) == "This page was open for too long"
    assert window.get("/lms/oauth/start").status_code == 405


def test_connecting_again_replaces_what_was_lent(teacher: Person, classroom: Any) -> None:
    teacher.connect()
    before = user_tokens(classroom)
    assert teacher.connect().status_code == 200
    assert len(grants()) == 1
    assert len(user_tokens(classroom)) == 1
    assert user_tokens(classroom) != before


def disconnect(person: Person) -> BeautifulSoup:
    form = person.page().select_one('form[action$="/disconnect"]')
    client = person.frame
    answer = client.post(form["action"], data={"csrf_token": form.input["value"]})
    assert answer.status_code == 303
    return BeautifulSoup(client.get(answer.headers["Location"]).text, "html.parser")


def test_disconnecting_revokes_in_canvas_and_forgets(teacher: Person, classroom: Any) -> None:
    teacher.connect()
    with transaction() as session:  # a token that has run out cannot revoke itself
        session.scalars(select(LmsGrant)).one().expires_at = now()
    page = disconnect(teacher)
    assert "Canvas has forgotten the access too" in page.text
    assert not page.select('form[action$="/disconnect"]')
    assert not grants()
    assert not user_tokens(classroom)


def test_disconnecting_forgets_although_canvas_is_down_and_says_so(teacher: Person, classroom: Any) -> None:
    teacher.connect()
    classroom.lms.faults({"error_every": 1})
    assert "Canvas could not be told" in disconnect(teacher).text
    assert not grants()


def test_what_was_taken_back_in_canvas_is_only_forgotten(teacher: Person, classroom: Any) -> None:
    teacher.connect()
    classroom.lms.hub.sites["canvas"].tokens.clear()
    assert "Canvas has forgotten the access too" in disconnect(teacher).text
    assert not grants()


def test_without_a_developer_key_nothing_is_offered(classroom: Any, sign_in: Callable[..., Person]) -> None:
    person = sign_in()
    settings = classroom.tool.settings
    other = replace(classroom.tool, settings=replace(settings, secret_key="another secret, just as long as the first"))
    person.app.extensions["lti_tool"] = other
    window = person.app.test_client()
    refused = window.post("/lms/oauth/start", data=person.form())
    assert heading(refused) == "Canvas cannot be connected now"  # SECRET_KEY was changed
    person.app.extensions["lti_tool"] = classroom.tool
    with transaction() as session:
        session.delete(
            session.get_one(oauth_clients.OauthClient, db.session.get_one(Course, person.course_id).registration_id)
        )
    assert not person.page().select("form#lend-access")
