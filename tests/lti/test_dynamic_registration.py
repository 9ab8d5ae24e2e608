"""LTI Dynamic Registration 1.0: links that work once, platforms that say who they are, and what hostile ones try."""

import base64
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from lti_tool import observability
from lti_tool.demo.config import CANVAS_CUSTOM  # spelled out there once more
from lti_tool.domain.clock import now
from lti_tool.domain.errors import RuleViolation
from lti_tool.lti import platform_configuration
from lti_tool.models import Registration, RegistrationLink, db, transaction
from lti_tool.outbound import Answer, Outbound
from lti_tool.services import dynamic_registration, registration_links, registrations
from lti_tool.services.tool import Tool
from tests.web.conftest import check_page

BASE_URL = "https://tool.example"
PLATFORM = "https://purl.imsglobal.org/spec/lti-platform-configuration"
TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
NRPS = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
CANVAS = "https://canvas.instructure.com/lti"
MOODLE_SAYS = {
    "product_family_code": "moodle",
    "version": "4.5.6 (Build: 20250811)",
    "messages_supported": [
        {"type": "LtiResourceLinkRequest"},
        {"type": "LtiDeepLinkingRequest", "placements": ["ContentArea"]},
    ],
}
CANVAS_SAYS = {
    "product_family_code": "canvas",
    "version": "vCloud",
    "messages_supported": [
        {"type": "LtiResourceLinkRequest", "placements": ["account_navigation", "course_navigation"]},
        {"type": "LtiDeepLinkingRequest", "placements": ["editor_button", "link_selection"]},
    ],
    f"{CANVAS}/account_name": "Test  University",
}


class PlayedPlatform:
    """A platform's two addresses on a real socket; a test changes what it says, and reads what it was sent."""

    def __init__(self) -> None:
        handler = type("Handler", (_Handler,), {"owner": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.clear()

    def clear(self) -> None:
        self.says: dict[str, Any] = {}
        self.configuration: Callable[[], tuple[int, dict[str, str], bytes]] = self.describe
        self.answer: tuple[int, object] = (200, {"client_id": "client-7", TOOL: {"deployment_id": "1"}})
        self.asked: list[tuple[str, str, str | None]] = []
        self.sent: list[dict[str, Any]] = []
        self.hold = threading.Event()
        self.hold.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def describe(self) -> tuple[int, dict[str, str], bytes]:
        here = f"{self.url}/mod/lti"
        document = {
            "issuer": self.url,
            "authorization_endpoint": f"{here}/auth.php",
            "token_endpoint": f"{here}/token.php",
            "jwks_uri": f"{here}/certs.php",
            "registration_endpoint": f"{here}/openid-registration.php",
            "scopes_supported": [NRPS, "https://purl.imsglobal.org/spec/lti-ags/scope/score", "openid"],
            PLATFORM: MOODLE_SAYS,
            **self.says,
        }
        return 200, {}, json.dumps(document).encode()


class _Handler(BaseHTTPRequestHandler):
    owner: PlayedPlatform

    def do_GET(self) -> None:
        self.owner.asked.append(("GET", self.path, self.headers.get("Authorization")))
        self._answer(*self.owner.configuration())

    def do_POST(self) -> None:
        self.owner.asked.append(("POST", self.path, self.headers.get("Authorization")))
        self.owner.sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.owner.hold.wait(10)
        status, document = self.owner.answer
        self._answer(status, {}, document if isinstance(document, bytes) else json.dumps(document).encode())

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):  # who waits no longer has closed the connection
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def played_platform() -> Iterator[PlayedPlatform]:
    played = PlayedPlatform()
    yield played
    played.server.shutdown()
    played.server.server_close()


@pytest.fixture
def lms(played_platform: PlayedPlatform) -> PlayedPlatform:
    played_platform.clear()
    return played_platform


class Registrar:
    """Who holds a link: opens its page as the platform's frame does, and presses the button."""

    def __init__(self, app: Flask, lms: PlayedPlatform) -> None:
        self.app, self.lms = app, lms
        self.tool: Tool = app.extensions["lti_tool"]

    def link(self, **how: Any) -> str:
        with self.app.app_context():
            made = registration_links.create_registration_link(self.tool.settings, **how)
        assert made.url.startswith(f"{BASE_URL}/lti/register?token=")
        return parse_qs(urlsplit(made.url).query)["token"][0]

    def sent(self, token: str, **changes: str) -> dict[str, str]:
        url = f"{self.lms.url}/mod/lti/openid-configuration.php"
        return {"token": token, "openid_configuration": url, "registration_token": "reg-token"} | changes

    def client(self) -> FlaskClient:
        return self.app.test_client()

    def open(self, token: str, status: int = 200, **changes: str) -> TestResponse:
        answer = self.client().get("/lti/register", query_string=self.sent(token, **changes), base_url=BASE_URL)
        return self._checked(answer, status)

    def press(self, token: str, status: int = 200, **changes: str) -> TestResponse:
        answer = self.client().post(
            "/lti/register",
            data=self.sent(token, **changes),
            base_url=BASE_URL,
            # As a browser sends it from a page without a referrer.
            headers={"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        )
        return self._checked(answer, status)

    def _checked(self, answer: TestResponse, status: int) -> TestResponse:
        assert answer.status_code == status, answer.text
        check_page(answer, "/lti/register")
        assert answer.headers.getlist("Referrer-Policy") == ["no-referrer"]
        return answer

    def rows(self) -> list[Registration]:
        with self.app.app_context():
            rows = db.session.scalars(select(Registration).where(Registration.issuer == self.lms.url)).all()
            for row in rows:
                assert row.deployments is not None  # loaded while the session is open
            return list(rows)

    def remove_all(self) -> None:
        with self.app.app_context(), transaction() as session:
            for row in session.scalars(select(Registration).where(Registration.issuer == self.lms.url)):
                session.delete(row)


@pytest.fixture
def registrar(app: Flask, lms: PlayedPlatform) -> Iterator[Registrar]:
    made = Registrar(app, lms)
    yield made
    made.remove_all()


def ancestors(answer: TestResponse) -> list[str]:
    policy = answer.headers["Content-Security-Policy"]
    return policy.partition("frame-ancestors ")[2].split()


def words(answer: TestResponse) -> str:
    return " ".join(check_page(answer, "page").main.get_text(" ").split())  # type: ignore[union-attr]


def test_a_moodle_registers_itself_and_waits_for_a_confirmation(registrar: Registrar, lms: PlayedPlatform) -> None:
    token = registrar.link()
    asked = registrar.open(token)
    assert lms.asked == [], "nothing is fetched before somebody agrees"
    host = urlsplit(lms.url).netloc
    assert f"Register with {host}" in words(asked)
    assert "has confirmed the new registration" in words(asked)
    assert ancestors(asked) == ["'self'", lms.url], "the platform may frame it, and nobody else"
    done = registrar.press(token)
    assert ancestors(done) == ["'self'", lms.url]
    (row,) = registrar.rows()
    assert [(verb, sent) for verb, _, sent in lms.asked] == [("GET", "Bearer reg-token"), ("POST", "Bearer reg-token")]
    (sent,) = lms.sent
    here = f"{BASE_URL}/lti/{row.id}"
    assert sent["initiate_login_uri"] == f"{here}/login"
    assert sent["redirect_uris"] == [f"{here}/launch"]
    assert sent["jwks_uri"] == f"{here}/jwks.json"
    assert (sent["application_type"], sent["token_endpoint_auth_method"]) == ("web", "private_key_jwt")
    assert sent["scope"] == NRPS, "only what is needed and what the platform has"
    block = sent[TOOL]
    assert (block["domain"], block["target_link_uri"]) == ("tool.example", f"{here}/launch")
    assert {"name", "given_name", "family_name", "email"} <= set(block["claims"])
    assert block["messages"][1]["type"] == "LtiDeepLinkingRequest"
    assert block["messages"][1]["placements"] == ["ContentArea"]
    assert (row.family, row.client_id, row.lms_url, row.confirmed) == ("moodle", "client-7", lms.url, False)
    assert [(one.lms_deployment_id, one.active) for one in row.deployments] == [("1", True)]
    assert (row.auth_login_url, row.key_set_url) == (f"{lms.url}/mod/lti/auth.php", f"{lms.url}/mod/lti/certs.php")
    # It is told how to go on, and may not launch before.
    assert f"lti-tool registration confirm {row.id}" in words(done)
    assert "Activate" in words(done)
    login = {"iss": lms.url, "login_hint": "1"}
    client = registrar.client()
    refused = client.get(f"/lti/{row.id}/login", query_string=login, base_url=BASE_URL)
    assert "(registration_unconfirmed)" in refused.text
    with registrar.app.app_context():
        registration_links.confirm_registration(row.id)
    assert client.get(f"/lti/{row.id}/login", query_string=login, base_url=BASE_URL).status_code == 302
    # The link is used up.
    assert "used already" in words(registrar.open(token, 403))
    assert "used already" in words(registrar.press(token, 403))
    assert len(registrar.rows()) == 1


def test_a_canvas_is_asked_for_its_own_places_and_needs_no_confirmation_when_the_link_names_it(
    registrar: Registrar, lms: PlayedPlatform
) -> None:
    lms.says = {
        PLATFORM: CANVAS_SAYS,
        "registration_endpoint": f"{lms.url}/api/lti/registrations",
        "authorization_server": "canvas.instructure.com",
    }
    lms.answer = (200, {"client_id": 10000000000007})
    token = registrar.link(issuer=lms.url)
    assert "has confirmed" not in words(registrar.open(token))
    done = registrar.press(token)
    (row,) = registrar.rows()
    block = lms.sent[0][TOOL]
    assert [message["placements"] for message in block["messages"]] == [["course_navigation"], ["link_selection"]]
    assert block["custom_parameters"] == CANVAS_CUSTOM
    assert block[f"{CANVAS}/privacy_level"] == "public"
    assert block["messages"][0][f"{CANVAS}/course_navigation/default_enabled"] is True
    assert (row.family, row.name, row.client_id) == ("canvas", "Test University", "10000000000007")
    assert (row.lms_url, row.token_audience, row.confirmed, row.deployments) == (lms.url, None, True, [])
    assert 'data-close="at-once"' in done.text
    assert "Open it in a course once" in words(done)


def test_a_platform_without_a_registration_token_is_sent_none(registrar: Registrar, lms: PlayedPlatform) -> None:
    audience = f"{lms.url}/audience"
    lms.says = {PLATFORM: {"product_family_code": "desire2learn"}, "authorization_server": audience}
    lms.answer = (200, {"client_id": "c", "deployment_id": "beside"})
    registrar.press(registrar.link(), registration_token="")
    assert [sent for _, _, sent in lms.asked] == [None, None]
    (row,) = registrar.rows()
    assert (row.family, row.lms_url, row.token_audience) == ("other", None, audience)
    assert row.deployments[0].lms_deployment_id == "beside"
    assert [message["type"] for message in lms.sent[0][TOOL]["messages"]] == ["LtiResourceLinkRequest"]


def test_of_two_clicks_at_once_one_registers(registrar: Registrar, lms: PlayedPlatform) -> None:
    token = registrar.link()
    lms.hold.clear()
    with ThreadPoolExecutor(2) as clicks:
        presses = [partial(registrar.client().post, "/lti/register", data=registrar.sent(token)) for _ in range(2)]
        answers = [clicks.submit(press) for press in presses]
        # The loser needs no answer of the platform; the winner's is held back until then.
        while not any(one.done() for one in answers):
            time.sleep(0.01)
        lms.hold.set()
    assert sorted(one.result().status_code for one in answers) == [200, 403]
    assert (len(lms.sent), len(registrar.rows())) == (1, 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"expires_at": now() - timedelta(seconds=1)}, "has run out"),
        ({"withdrawn_at": now()}, "was withdrawn"),
        ({"used_at": now()}, "was used already"),
        ({"token_hash": "0" * 64}, "is not known"),
    ],
)
def test_a_link_that_does_not_work_says_why_and_calls_nobody(
    registrar: Registrar, lms: PlayedPlatform, change: dict[str, Any], said: str
) -> None:
    token = registrar.link()
    with registrar.app.app_context(), transaction() as session:
        hashed = registration_links.digest(token)
        session.execute(update(RegistrationLink).where(RegistrationLink.token_hash == hashed).values(**change))
    try:
        assert said in words(registrar.open(token, 403))
        assert said in words(registrar.press(token, 403))
        assert (lms.asked, registrar.rows()) == ([], [])
    finally:
        with registrar.app.app_context(), transaction() as session:
            session.query(RegistrationLink).delete()


def test_a_link_opened_in_a_browser_says_where_it_belongs(registrar: Registrar) -> None:
    token = registrar.link()
    assert "Paste this link into your LMS" in words(registrar.open(token, 422, openid_configuration=""))
    assert "cannot be used" in words(registrar.open(token, 422, openid_configuration="javascript:alert(1)"))


def raw(status: int = 200, body: bytes = b"{}", **headers: str) -> Callable[[], tuple[int, dict[str, str], bytes]]:
    return lambda: (status, headers, body)


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        (raw(302, b"", Location="https://elsewhere.example/"), "answered with status 302"),
        (raw(401, b"no"), "answered with status 401"),
        (raw(200, b"x" * (platform_configuration.LARGEST + 1)), "sent too much"),
        (raw(200, b"<html>maintenance</html>"), "answered something unexpected"),
        (raw(200, b'["not", "an object"]'), "did not describe itself"),
        (raw(200, b"{}"), "did not describe itself"),
        (raw(200, b"[" * 100_000), "answered something unexpected"),
        (raw(200, b"{", **{"Content-Length": "100"}), "cannot be reached"),
    ],
    ids=["redirect", "status", "size", "page", "list", "empty", "deep", "half"],
)
def test_a_configuration_that_is_none_is_refused_and_the_link_stays(
    registrar: Registrar, lms: PlayedPlatform, configuration: Any, said: str
) -> None:
    token = registrar.link()
    lms.configuration = configuration
    answer = registrar.client().post("/lti/register", data=registrar.sent(token))
    assert said in words(answer)
    assert answer.status_code in (422, 502, 503)
    assert lms.sent == []
    registrar.open(token)


@pytest.mark.parametrize(
    ("says", "said"),
    [
        ({"issuer": "https://canvas.instructure.com"}, "speaks for somebody else"),
        ({"issuer": 7}, "issuer"),
        ({"issuer": "http://plain.example"}, "issuer"),
        ({"registration_endpoint": "http://plain.example/register"}, "is not allowed"),
        ({"jwks_uri": "https://name:word@keys.example/"}, "jwks_uri"),
        ({"token_endpoint": None}, "token_endpoint"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint"),
        ({"jwks_uri": "https://keys.example/\ud800"}, "jwks_uri"),
    ],
)
def test_what_a_platform_says_of_itself_is_checked(
    registrar: Registrar, lms: PlayedPlatform, says: dict[str, Any], said: str
) -> None:
    token = registrar.link()
    lms.says = says
    answer = registrar.client().post("/lti/register", data=registrar.sent(token))
    assert answer.status_code in (422, 502)
    assert said in words(answer)
    assert (lms.sent, registrar.rows()) == ([], [])
    registrar.open(token)


def test_a_link_for_one_platform_does_for_no_other(registrar: Registrar, lms: PlayedPlatform) -> None:
    token = registrar.link(issuer="https://moodle.example.edu")
    assert "for another platform" in words(registrar.press(token, 403))
    assert lms.sent == []
    registrar.open(token)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((422, {"errors": ["The property '#/scope' <b>is wrong</b>"]}), "The property '#/scope' <b>is wrong</b>"),
        ((400, b"domain_targetlinkuri_mismatch"), "domain_targetlinkuri_mismatch"),
        ((500, b"<html><body>Secret page</body></html>"), "status 500"),
        ((200, {"no": "client"}), "gave no client id"),
    ],
)
def test_a_refusal_is_shown_in_safe_words_and_the_link_is_not_used_up(
    registrar: Registrar, lms: PlayedPlatform, answer: tuple[int, object], said: str
) -> None:
    token = registrar.link()
    works, lms.answer = lms.answer, answer
    refused = registrar.press(token, 503 if answer[0] == 200 else 502)
    assert said in words(refused)
    assert "<b>" not in refused.text
    assert "Secret page" not in refused.text
    assert registrar.rows() == []
    lms.answer = works
    registrar.press(token)
    assert len(registrar.rows()) == 1


def test_private_addresses_and_names_that_lead_to_them_are_refused(
    registrar: Registrar, lms: PlayedPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the name is nobody's when it is looked at, and this machine's when it is called."""
    token = registrar.link()
    port = lms.server.server_port
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *more, **how: real("127.0.0.1" if host.endswith(".example") else host, *more, **how),
    )
    for host in ("localhost", "rebinding.example"):
        answer = registrar.press(token, 502, openid_configuration=f"https://{host}:{port}/config")
        assert "is not allowed" in words(answer)
    assert lms.asked == []


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX-Slow:",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=["status", "header", "body", "chunk"],
)
def test_an_answer_that_trickles_is_cut_off(start: bytes) -> None:
    """Each byte comes in time, all of them never would: not of the head, of its body, nor of a chunk's size."""
    served = threading.Event()

    class Trickling(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(start)
            for _ in range(500):
                if served.is_set():
                    return
                try:
                    self.wfile.write(b"0")
                except OSError:
                    return
                served.wait(0.01)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Trickling) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        outbound = Outbound({"127.0.0.1"})
        with pytest.raises(Exception, match="lms_timeout"):
            outbound.request("GET", f"http://127.0.0.1:{server.server_port}/", total_seconds=0.2)
        served.set()
        server.shutdown()


def test_a_platform_that_keeps_silent_is_not_waited_for(
    registrar: Registrar, lms: PlayedPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform_configuration, "READ_SECONDS", 0.1)
    silence = threading.Event()
    lms.configuration = lambda: (silence.wait(10), lms.describe())[1]  # type: ignore[func-returns-value]
    answer = registrar.press(registrar.link(), 503)
    silence.set()
    assert "did not answer in time" in words(answer)


def test_a_canvas_in_the_cloud_is_framed_by_its_school(registrar: Registrar) -> None:
    """Its configuration stands at a host that all schools share (canvas.md 11.5)."""
    token = registrar.link()
    shared = "https://sso.canvaslms.com/api/lti/security/openid-configuration"
    claims = {"root_account_domain": "canvas.school.edu", "exp": 1}
    known = registrar.open(
        token, openid_configuration=shared, registration_token=jwt.encode(claims, "k" * 32, algorithm="HS256")
    )
    assert ancestors(known) == ["'self'", "https://canvas.school.edu", "https://sso.canvaslms.com"]
    hidden = registrar.open(token, openid_configuration=shared, registration_token="a.b.c")
    assert ancestors(hidden) == ["'self'", "https://*.instructure.com", "https://sso.canvaslms.com"]
    claims["root_account_domain"] = "x.example; script-src *"
    deep = ".".join(("a", base64.urlsafe_b64encode(b"[" * 3000).decode(), "c"))
    assert ancestors(registrar.open(token, openid_configuration=shared, registration_token=deep)) == ancestors(hidden)
    forged = registrar.open(
        token, openid_configuration=shared, registration_token=jwt.encode(claims, "k" * 32, algorithm="HS256")
    )
    assert ancestors(forged) == ancestors(hidden)


class SaysOnly(Outbound):
    """Answers one document from whatever address."""

    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__()
        self.document = document

    def request(self, method: str, url: str, **how: Any) -> Answer:
        return Answer(url, 200, {}, json.dumps(self.document).encode())


@pytest.mark.parametrize("named", ["token_endpoint", "authorization_server"])
def test_who_names_another_ones_token_address_gets_neither_trust_nor_its_client(
    registrar: Registrar, lms: PlayedPlatform, named: str
) -> None:
    """All platforms know the tool by one key: an assertion for another client there would open that one's rosters."""
    victim, theirs = "https://victim.example/mod/lti/token.php", {"client_id": "theirs"}
    with registrar.app.app_context():
        other = registrations.add_registration("https://victim.example", "moodle", client_id="theirs")
        assert other.auth_token_url == victim
    lms.says = {PLATFORM: {"product_family_code": "other"}, named: victim}
    lms.answer = (200, theirs)
    token = registrar.link(issuer=lms.url)
    assert "Another registration has this client already" in words(registrar.press(token, 409))
    assert registrar.rows() == []
    lms.answer = (200, {"client_id": "mine"})
    assert "waits for a confirmation" in words(registrar.press(token))
    assert [row.confirmed for row in registrar.rows()] == [False]
    with registrar.app.app_context():
        registrations.remove_registration(other.id)


def updating(client_id: str) -> str:
    """Return a token as Moodle's of an update: its subject is the client that is there already."""
    return jwt.encode({"sub": client_id, "scope": "reg-update"}, "k" * 32, algorithm="HS256")


def test_an_update_keeps_the_registration_with_its_courses(registrar: Registrar, lms: PlayedPlatform) -> None:
    registrar.press(registrar.link(issuer=lms.url))
    (first,) = registrar.rows()
    lms.answer = (200, {"client_id": "client-7", TOOL: {"deployment_id": "2"}})
    done = registrar.press(registrar.link(), registration_token=updating("client-7"))
    assert "keeps that registration with its courses" in words(done)
    assert lms.sent[-1]["initiate_login_uri"] == lms.sent[0]["initiate_login_uri"]
    (row,) = registrar.rows()
    assert (row.id, row.confirmed, row.created_at) == (first.id, True, first.created_at)
    # A placement that nobody vouched for waits.
    assert {one.lms_deployment_id: one.active for one in row.deployments} == {"1": True, "2": False}
    # Who was told one client and gives another changes nothing.
    lms.answer = (200, {"client_id": "client-8", TOOL: {"deployment_id": "3"}})
    refused = registrar.press(registrar.link(), 409, registration_token=updating("client-7"))
    assert "Another registration has this client already" in words(refused)
    assert [len(one.deployments) for one in registrar.rows()] == [2]


@pytest.mark.parametrize("token", ["reg-token", updating("client-7")], ids=["told afterwards", "told before"])
def test_another_platform_of_the_same_host_gets_nobodys_client(
    registrar: Registrar, lms: PlayedPlatform, token: str
) -> None:
    """It names the other one's token address, written otherwise: the assertion would open that one's rosters."""
    registrar.press(registrar.link())
    (first,) = registrar.rows()
    lms.says = {"issuer": f"{lms.url}/mine", "token_endpoint": f"{lms.url}/mod/lti/token.php?"}
    sent = len(lms.sent)
    refused = registrar.press(registrar.link(issuer=f"{lms.url}/mine"), 409, registration_token=token)
    assert "Another registration has this client already" in words(refused)
    assert len(lms.sent) - sent == (token == "reg-token"), "what is told before is refused before anything is sent"
    with registrar.app.app_context():
        assert db.session.scalars(select(Registration.id).where(Registration.client_id == "client-7")).all() == [
            first.id
        ]


def test_a_name_that_is_no_text_is_not_stored(registrar: Registrar, lms: PlayedPlatform) -> None:
    lms.says = {PLATFORM: {**CANVAS_SAYS, f"{CANVAS}/account_name": "A\ud800\x00 \u202eB"}}
    registrar.press(registrar.link())
    assert [row.name for row in registrar.rows()] == ["A B"]


def described(host: str, issuer: str, **more: Any) -> dict[str, Any]:
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri", "registration_endpoint")
    return {"issuer": issuer, **{name: f"https://{host}/{name}" for name in names}, **more}


@pytest.mark.parametrize("host", ["sso.canvaslms.com", "canvas.instructure.com"])
@pytest.mark.parametrize("domain", ["canvas.school.edu", None, "canvas.instructure.com", "a b"])
def test_a_school_in_canvass_cloud_is_found_where_canvas_names_it(host: str, domain: str | None) -> None:
    platform = {**CANVAS_SAYS, f"{CANVAS}/account_domain": domain}
    registrations = "https://canvas.instructure.com/api/lti/registrations"
    issuer = "https://canvas.instructure.com"
    tokens = "https://sso.canvaslms.com/login/oauth2/token"
    named = {"registration_endpoint": registrations, "token_endpoint": tokens}
    document = described(host, issuer, **named, **{PLATFORM: platform})
    found = platform_configuration.fetch_configuration(SaysOnly(document), f"https://{host}/configuration", "t")
    assert (found.issuer, found.family, found.foreign_hosts) == (issuer, "canvas", frozenset())
    assert found.lms_url == ("https://canvas.school.edu" if domain == "canvas.school.edu" else None)


@pytest.mark.parametrize(
    ("host", "issuer", "is_taken"),
    [
        ("developer.blackboard.com", "https://blackboard.com", True),
        ("sso.beta.canvaslms.com", "https://canvas.beta.instructure.com", True),
        ("sso.beta.canvaslms.com", "https://canvas.instructure.com", False),
        ("evil.canvas.instructure.com", "https://canvas.instructure.com", False),
        ("school.example", "https://other.example", False),
        ("school.example:8443", "https://school.example", False),
        ("school.example", "https://school.example", True),
    ],
)
def test_only_the_platform_itself_speaks_for_an_issuer(host: str, issuer: str, is_taken: bool) -> None:
    door = SaysOnly(described(host, issuer))
    if is_taken:
        assert platform_configuration.fetch_configuration(door, f"https://{host}/c", "").issuer == issuer
        return
    with pytest.raises(RuleViolation, match="platform_issuer_foreign"):
        platform_configuration.fetch_configuration(door, f"https://{host}/c", "")


def test_neither_the_link_nor_the_token_is_written_to_the_log(
    registrar: Registrar, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    observability.configure("DEBUG")  # a command that another test called may have wanted less
    token = registrar.link()
    registrar.open(token, registration_token="secret-reg-token")
    registrar.press(token, registration_token="secret-reg-token")
    registrar.press(token, 403, registration_token="secret-reg-token")
    out = capfd.readouterr()
    logged = out.out + out.err + "".join(str(record.__dict__) for record in caplog.records)
    assert "registration refused" in logged
    assert token not in logged
    assert "secret-reg-token" not in logged


def test_another_site_cannot_press_the_button(registrar: Registrar, lms: PlayedPlatform) -> None:
    token = registrar.link()
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        answer = registrar.client().post("/lti/register", data=registrar.sent(token), headers=headers)
        assert answer.status_code == 403
    assert lms.asked == []


def test_links_are_listed_and_withdrawn(app: Flask, registrar: Registrar) -> None:
    token = registrar.link(hours=2)
    registrar.press(token)
    other = registrar.link(issuer="https://listed.example.edu")
    with app.app_context():
        listed = {one.issuer: one for one in registration_links.list_registration_links()}
        assert listed["https://listed.example.edu"].status == "open"
        registration_links.withdraw_registration_link(listed["https://listed.example.edu"].id)
        newest = registration_links.list_registration_links()
        used = next(one for one in newest if one.status == "used" and one.registration_id)
        assert isinstance(used.registration_id, UUID)
        assert used.registration_name == urlsplit(registrar.lms.url).netloc
        with pytest.raises(Exception, match="registration_link_used"):
            registration_links.withdraw_registration_link(used.id)
    assert "was withdrawn" in words(registrar.open(other, 403))


def test_a_registration_that_cannot_be_stored_leaves_the_link_open(
    registrar: Registrar, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = registrar.link()
    monkeypatch.setattr(dynamic_registration, "_store", lambda *args, **more: 1 / 0)
    answer = registrar.client().post("/lti/register", data=registrar.sent(token))
    assert answer.status_code == 500
    registrar.open(token)
