"""The first hop: what it checks, where it sends the browser, and what it leaves there."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from lti_tool.demo.config import CANVAS_CUSTOM  # spelled out there once more
from lti_tool.domain.clock import now
from lti_tool.domain.errors import LaunchError
from lti_tool.lti.login import start_login
from lti_tool.lti.platform import find_registration
from lti_tool.lti.state import unseal
from lti_tool.models import CourseAccess, Group, GroupInvite, transaction

BASE = "https://tool.example"
ISSUER = "https://platform.example"
ATTRIBUTES = {"Secure", "HttpOnly", "SameSite=None", "Partitioned", "Path=/"}
COOKIE = "__Host-lti-session=x"
SAFARI = "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


def attributes(cookie):
    return set(cookie.split("; ")[1:])


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_sends_the_browser_on_with_what_oidc_asks_for(school, method):
    hop = school.login(school.client(), method, lti_message_hint="m h", target_link_uri="https://evil.example/")
    place = urlsplit(hop.answer.headers["Location"])
    assert f"{place.scheme}://{place.netloc}{place.path}" == "https://auth.platform.example/authorize"
    assert dict(parse_qsl(place.query)) == {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": "client-1",
        "redirect_uri": f"{BASE}{school.path}/launch",
        "login_hint": "hint",
        "lti_message_hint": "m h",
        "state": hop.state,
        "nonce": hop.nonce,
    }


def test_parameters_may_stand_in_the_query_of_a_post(school):
    answer = school.client().post(f"{school.path}/login?iss={ISSUER}", data={"login_hint": "x"})
    assert answer.status_code == 302


def test_the_client_id_may_be_missing(school):
    assert school.client().get(f"{school.path}/login?iss={ISSUER}&login_hint=x").status_code == 302


def test_an_authorization_address_keeps_its_own_query(make_school):
    school = make_school(auth_login_url="https://auth.platform.example/a?site=1&x=y#z")
    query = parse_qs(urlsplit(school.login(school.client()).answer.headers["Location"]).query)
    assert (query["site"], query["x"], query["scope"]) == (["1"], ["y"], ["openid"])


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"login_hint": "x"}, "login_issuer"),
        ({"iss": f"{ISSUER}/", "login_hint": "x"}, "login_issuer"),
        ({"iss": ISSUER}, "login_hint"),
        ({"iss": ISSUER, "login_hint": ""}, "login_hint"),
        ({"iss": ISSUER, "login_hint": "x", "client_id": "client-2"}, "login_client"),
        ({"iss": ISSUER, "login_hint": "x", "client_id": ""}, "login_client"),
        ({"iss": ISSUER, "login_hint": "x" * 9000}, "login_parameter"),
    ],
)
def test_refuses_a_login_that_is_not_this_platforms(school, params, code):
    for answer in (
        school.client().get(f"{school.path}/login", query_string=params),
        school.client().post(f"{school.path}/login", data=params),
    ):
        assert answer.status_code == 400
        assert f"({code})" in answer.text


def test_the_secret_stays_in_a_cookie_for_this_site_and_frame_only(school):
    hop = school.login(school.client())
    (cookie,) = hop.answer.headers.getlist("Set-Cookie")
    assert re.match(r"__Host-lti-[0-9a-f]{8}=[\w-]{43};", cookie)
    assert attributes(cookie) - {"Max-Age=600"} >= ATTRIBUTES
    assert "Max-Age=600" in cookie
    assert "Domain" not in cookie


def test_every_login_has_a_state_nonce_and_secret_of_its_own(school):
    hops = [school.login(school.client()) for _ in range(5)]
    assert len({hop.state for hop in hops}) == len({hop.nonce for hop in hops}) == 5
    assert len({hop.answer.headers["Set-Cookie"] for hop in hops}) == 5


def test_many_begun_logins_leave_few_cookies(school):
    client = school.client()
    for _ in range(9):
        school.login(client)
    names = [cookie.key for cookie in client._cookies.values()]
    assert len(names) <= 4
    assert school.launch(client=client).status_code == 303


def test_the_launch_takes_the_logins_cookie_back_and_gives_the_sessions(school):
    answer = school.launch()
    cookies = {cookie.split("=")[0]: cookie for cookie in answer.headers.getlist("Set-Cookie")}
    given = cookies.pop("__Host-lti-session")
    (taken,) = cookies.values()
    assert attributes(given) >= {*ATTRIBUTES, "Max-Age=86400"}
    assert attributes(taken) >= {*ATTRIBUTES, "Max-Age=0"}


def test_a_state_ends_after_ten_minutes(school, settings, context):
    params = {"iss": ISSUER, "login_hint": "x"}
    start = start_login(settings, find_registration(school.registration_id), params)
    unseal(settings, start.state, datetime.now(UTC) + timedelta(minutes=9, seconds=58))
    with pytest.raises(LaunchError, match="state_expired"):
        unseal(settings, start.state, datetime.now(UTC) + timedelta(minutes=10))


def _framed(school, agent, place="iframe", cookie=None, **params):
    params = {"iss": ISSUER, "login_hint": "x"} | params
    headers = {"User-Agent": agent} | ({"Sec-Fetch-Dest": place} if place else {})
    client = school.client()
    if cookie:
        client.set_cookie(*cookie.split("="), domain="tool.example")
    return client.get(f"{school.path}/login", query_string=params, headers=headers, base_url=BASE)


@pytest.mark.parametrize(
    ("agent", "params"),
    [
        (CHROME, {}),
        (SAFARI, {}),
        (SAFARI, {"cookie": COOKIE}),
        (SAFARI, {"place": None}),
        (CHROME, {"cookie": COOKIE, "lti_storage_target": "_parent"}),
        (SAFARI, {"lti_storage_target": "f"}),
    ],
)
def test_a_browser_that_may_drop_cookies_stores_the_secret_first(school, agent, params):
    answer = _framed(school, agent, **params)
    assert answer.status_code == 200
    assert answer.headers["Set-Cookie"].startswith("__Host-lti-")
    assert "/static/launch.js" in answer.text
    assert "<noscript>" in answer.text
    assert 'data-origin="https://auth.platform.example"' in answer.text
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|javascript:", answer.text)
    assert re.search(rf'href="{school.path}/login\?iss=[^"]+" target="_blank"', answer.text)


def test_a_browser_that_brings_a_cookie_or_shows_a_tab_is_redirected_at_once(school):
    assert _framed(school, CHROME, cookie=COOKIE).status_code == 302
    assert _framed(school, CHROME, place="document", lti_storage_target="f").status_code == 302
    assert _framed(school, SAFARI, place="document").status_code == 302
    assert school.client().get(f"{school.path}/login?iss={ISSUER}&login_hint=x&lti_storage_target=f").status_code == 302


def test_the_finishing_page_hands_the_secret_in_again(school):
    first, lost = school.client(), school.client()
    hop = school.login(first)
    secret = hop.answer.headers["Set-Cookie"].split(";")[0].split("=", 1)[1]
    token = school.sign(school.claims(hop))
    page = school.post(lost, hop, token, lti_storage_target="storage")
    assert page.status_code == 401
    assert page.headers["Cache-Control"] == "no-store"
    assert token in page.text
    assert hop.state in page.text
    assert secret not in page.text
    assert 'data-target="storage"' in page.text
    assert "<noscript>" in page.text
    answer = school.post(lost, hop, token, bind=secret)
    assert answer.status_code == 303
    assert school.sessions() == 1


def test_a_session_cookie_that_does_not_come_back_is_explained_not_chased(school):
    answer = school.launch()
    lost = school.client()
    first = lost.get(answer.headers["Location"], base_url=BASE)
    assert first.status_code == 401
    again = re.search(r'id="launch-again" href="([^"]+)"', first.text)[1].replace("&amp;", "&")
    second = lost.get(again, base_url=BASE)
    assert second.status_code == 401
    assert "launch-again" not in second.text
    assert "blocks cookies" in second.text
    assert "https://auth.platform.example" in second.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "to",
    [
        "",
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/courses/\\..",
        "/healthz",
        "/courses/\n",
        "/é",
    ],
)
def test_landing_goes_on_inside_only(school, to):
    client = school.client()
    school.launch(client=client)
    answer = client.get("/lti/landing", query_string={"to": to}, base_url=BASE)
    assert answer.status_code == 400


def test_landing_believes_only_origins_that_it_signed(school):
    answer = school.client().get("/lti/landing?to=/courses/x/&frame=WyJodHRwczovL2V2aWwuZXhhbXBsZSJd.x", base_url=BASE)
    assert "evil" not in answer.headers["Content-Security-Policy"]


def test_a_launch_at_an_invite_leads_to_the_invite(school):
    claim = "https://purl.imsglobal.org/spec/lti/claim/target_link_uri"
    answer = school.launch(lambda claims: claims.update({claim: f"{BASE}/invite/abc?x=1"}))
    assert parse_qs(urlsplit(answer.headers["Location"]).query)["to"] == ["/invite/abc?x=1"]


def test_config_json_is_a_developer_key(school):
    config = school.client().get(f"{school.path}/config.json", base_url=BASE).json
    assert config["oidc_initiation_url"] == f"{BASE}{school.path}/login"
    assert config["target_link_uri"] == f"{BASE}{school.path}/launch"
    assert config["public_jwk_url"] == f"{BASE}{school.path}/jwks.json"
    assert config["custom_fields"] == CANVAS_CUSTOM
    (extension,) = config["extensions"]
    assert extension["domain"] == "tool.example"
    placements = extension["settings"]["placements"]
    assert {one["placement"]: one["message_type"] for one in placements} == {
        "course_navigation": "LtiResourceLinkRequest",
        "assignment_selection": "LtiDeepLinkingRequest",
        "link_selection": "LtiDeepLinkingRequest",
    }
    assert {one["target_link_uri"] for one in placements} == {config["target_link_uri"]}


@pytest.mark.shows("TEAM-53")
def test_an_invite_that_was_opened_outside_is_resumed_by_the_next_launch_of_its_course(school):
    def landing(client):
        return parse_qs(urlsplit(school.launch(client=client).headers["Location"]).query)["to"][0]

    home = landing(school.client())
    course_id, token = UUID(home.split("/")[2]), uuid4()
    with school.app.app_context(), transaction() as session:
        group = Group(id=uuid4(), course_id=course_id, name="team", origin="local", created_at=now())
        session.add(group)
        session.flush()
        made_by = session.scalars(select(CourseAccess.id)).first()
        session.add(GroupInvite(group_id=group.id, invite_token=token, created_by=made_by, created_at=now()))
    other = school.client()
    assert "Join via Code" in other.get(f"/invite/{token}", base_url=BASE).text
    assert landing(other) == f"/invite/{token}"
    assert landing(other) == home  # once
    late = school.client()
    late.get(f"/invite/{token}", base_url=BASE)
    with school.app.app_context(), transaction() as session:
        session.execute(update(GroupInvite).values(is_active=False))
    assert landing(late) == home
