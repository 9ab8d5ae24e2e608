"""Attacks on what stands around a launch: services, logs, memory, and what strangers send to addresses of ours."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from lti_tool import observability
from lti_tool.domain.errors import LmsRefused, LmsUnavailable
from lti_tool.domain.sync import Report
from lti_tool.lms.advantage_groups import AdvantageGateway
from lti_tool.models import Course, Registration, SyncRun, db
from lti_tool.models.database import Base
from lti_tool.outbound import is_public
from lti_tool.services import runs
from lti_tool.services.gateways import open_advantage
from lti_tool.services.pull import run_pull
from lti_tool.services.registration_edits import change_registration
from lti_tool.services.registrations import add_registration, hosts_of, remove_registration
from tests.lti.conftest import KeyServer

C = "https://purl.imsglobal.org/spec/lti/claim/"
NRPS = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
BASE = "https://tool.example"
PLATFORM = "https://platform.example"


@pytest.fixture
def with_tokens(make_school: Any, key_server: Any, app: Any) -> Iterator[Any]:
    """Give the services of new platforms, all with the same issuer, client and token endpoint."""
    path = f"/token/{uuid4()}"
    url = key_server.serve(path, {"access_token": "t0ken", "token_type": "Bearer", "expires_in": 3600})
    with app.app_context():

        def services(hosts: str | None = None) -> tuple[Any, str]:
            school = make_school(auth_token_url=url, family="other", other_hosts=hosts)
            db.session.rollback()  # to see what was just stored
            found = open_advantage(app.extensions["lti_tool"], db.session.get_one(Registration, school.registration_id))
            found._tokens._sign = lambda claims: "an.asser.tion"
            return found, path

        yield services


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://localhost:{port}/members",
        "http://platform.example/members",
    ],
)
def test_service_url_ssrf_our_token_goes_to_no_private_or_plain_address(with_tokens, key_server, address):
    port = key_server.url("").rpartition(":")[2]
    services, _ = with_tokens(f"169.254.169.254 localhost:{port}")  # not even where an administrator added the host
    address = address.format(port=port)
    asked = len([path for path in key_server.asked if path == "/members"])
    with pytest.raises(LmsRefused, match="address_not_allowed"):
        services.fetch_roster(address, resource_link_id=None, family="other")
    assert len([path for path in key_server.asked if path == "/members"]) == asked


ELSEWHERE = [
    "https://evil.example/members",
    "https://platform.example.evil.example/members",
    "https://evil.example\\@platform.example/members",
    "https://platform.example@evil.example/members",
    "https://platform.example:8443/members",
    "file://platform.example/members",
]


@pytest.mark.parametrize("address", ELSEWHERE)
def test_service_url_exfiltration_no_token_is_even_fetched_for_another_host(with_tokens, key_server, address):
    services, token_path = with_tokens()
    with pytest.raises(LmsRefused, match="service_elsewhere"):
        services.fetch_roster(address, resource_link_id=None, family="other")
    own = key_server.url("/groups")
    for urls in ({"groups_url": address, "group_sets_url": None}, {"groups_url": own, "group_sets_url": address}):
        with pytest.raises(LmsRefused, match="service_elsewhere"):
            AdvantageGateway(services, memberships_url=own, **urls).pull(roster=False, groups=True)
    assert token_path not in key_server.asked


def test_service_url_exfiltration_the_door_itself_takes_no_address_that_is_read_in_two_ways(app, key_server):
    port = key_server.url("").rpartition(":")[2]
    for address in (f"http://127.0.0.1:{port}\\@127.0.0.1/trap", f"http://127.0.0.1@127.0.0.1:{port}/trap"):
        with pytest.raises(LmsRefused, match="address_not_allowed"):
            app.extensions["lti_tool"].outbound.request("GET", address)
    assert "/trap" not in key_server.asked


def test_service_url_exfiltration_a_launch_opens_and_its_roster_waits_until_an_administrator_adds_the_host(
    make_school, key_server, app
):
    thief = KeyServer()  # another port is another host
    members = thief.serve("/members", {"id": "x", "members": []})
    school = make_school(auth_token_url=key_server.serve(f"/token/{uuid4()}", {"access_token": "t", "expires_in": 60}))
    assert school.launch(lambda claims: claims.update({NRPS: {"context_memberships_url": members}})).status_code == 303
    with school.store() as session:
        course_id = session.scalar(select(Course.id).where(Course.registration_id == school.registration_id))
        run = runs.claim(session.scalar(select(SyncRun.id).where(SyncRun.course_id == course_id)))
        with pytest.raises(LmsRefused, match="service_elsewhere"):
            run_pull(app.extensions["lti_tool"], run, Report())
        (said,) = runs.list_runs(course_id)
        assert (said.error_code, said.error_facts["host"]) == (
            "service_elsewhere",
            thief.url("").removeprefix("http://"),
        )
        change_registration(app.extensions["lti_tool"], school.registration_id, {"other_hosts": members})
        found = open_advantage(app.extensions["lti_tool"], session.get_one(Registration, school.registration_id))
        found._tokens._sign = lambda claims: "an.asser.tion"
        assert thief.asked == []
        found.fetch_roster(members, resource_link_id=None, family="other")
    assert thief.asked == ["/members"]
    thief.close()


@pytest.mark.parametrize(
    ("family", "issuer", "lms_url", "members"),
    [
        ("moodle", "https://moodle.example/school", None, "https://moodle.example/school/mod/lti/services.php/x"),
        ("canvas", "https://canvas.example", None, "https://canvas.example/api/lti/courses/1/names_and_roles"),
        ("canvas", "https://canvas.instructure.com", "https://a.instructure.com", "https://b.instructure.com/api/x"),
        ("canvas", "https://canvas.instructure.com", "https://canvas.school.edu", "https://canvas.school.edu/api/x"),
    ],
)
def test_service_url_who_registers_as_the_readme_says_adds_no_host(context, family, issuer, lms_url, members):
    made = add_registration(issuer, family, lms_url=lms_url, client_id="c")
    assert hosts_of(made).has(members)
    assert not hosts_of(made).has("https://evil.example/members")
    remove_registration(made.id)


@pytest.mark.parametrize(
    ("address", "is_open"),
    [
        ("8.8.8.8", True),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("2606:4700::1111", True),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::808:808", True),
        ("64:ff9b::a9fe:a9fe", False),
        ("2002:7f00:1::", False),
        ("::127.0.0.1", False),
        ("fec0::1", False),
    ],
)
def test_service_url_ssrf_a_private_address_inside_another_is_private(address, is_open):
    assert is_public(ip_address(address)) is is_open


def test_service_url_ssrf_a_redirect_is_not_followed(with_tokens, key_server):
    services, _ = with_tokens()
    trap = f"/trap/{uuid4()}"
    url = key_server.serve(f"/moved/{uuid4()}", {}, 302, Location=key_server.url(trap))
    with pytest.raises((LmsRefused, LmsUnavailable)):
        services.fetch_roster(url, resource_link_id=None, family="other")
    assert trap not in key_server.asked


def test_cross_tenant_two_platforms_of_one_issuer_and_client_share_no_token(with_tokens, key_server):
    (one, path), (other, _) = with_tokens(), with_tokens()
    url = key_server.serve(f"/members/{uuid4()}", {"id": "x", "members": []}, Content_Type="application/json")
    for services in (one, other, one, other):
        services.fetch_roster(url, resource_link_id=None, family="other")
    assert key_server.asked.count(path) == 2


def test_cross_tenant_no_platforms_cookie_comes_with_another_call(app, key_server):
    outbound = app.extensions["lti_tool"].outbound
    outbound.request("GET", key_server.serve(f"/{uuid4()}", {}, Set_Cookie="session=of-one; Path=/"))
    outbound.request("GET", key_server.serve(f"/{uuid4()}", {}))
    assert "Cookie" not in key_server.headers


def test_outbound_neither_a_proxy_nor_a_password_of_the_machine_is_used(app, key_server, monkeypatch, tmp_path):
    """What a proxy connects to cannot be looked at, and a platform could name a host that netrc has a password for."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"http_proxy": "http://127.0.0.1:1", "NETRC": str(netrc)}.items():
        monkeypatch.setenv(name, value)
    answer = app.extensions["lti_tool"].outbound.request("GET", key_server.serve(f"/{uuid4()}", {"is": "here"}))
    assert answer.json() == {"is": "here"}
    assert "Authorization" not in key_server.headers
    assert key_server.headers["User-Agent"].startswith("LTI-Groups/")


def test_clickjacking_a_login_is_framed_by_its_own_platform_whoever_is_signed_in(make_school):
    one, other = make_school(), make_school(auth_login_url="https://auth.other.example/authorize")
    client = one.client()
    assert one.launch(client=client).status_code == 303
    for answer in (other.login(client).answer, client.post(f"{other.path}/launch", base_url=BASE)):
        policy = answer.headers["Content-Security-Policy"]
        assert "https://auth.other.example" in policy
        assert "https://auth.platform.example" not in policy
        assert "X-Frame-Options" not in answer.headers  # it knows no list, and would undo the policy's


def test_state_fixation_what_a_stranger_wants_as_state_is_not_taken(school):
    hop = school.login(school.client(), state="mine", nonce="mine", bind="mine")
    assert "mine" not in (hop.state, hop.nonce)
    cookie = hop.answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-")
    assert "mine" not in cookie


def test_lti_message_hint_tamper_it_goes_through_as_one_opaque_value(school):
    hint = "x&redirect_uri=https://evil.example/#&state=mine\r\nSet-Cookie: a=b"
    hop = school.login(school.client(), lti_message_hint=hint)
    location = hop.answer.headers["Location"]
    assert location.count("redirect_uri=") == 1
    assert "evil.example/" not in location
    assert len(hop.answer.headers.getlist("Set-Cookie")) == 1
    long = {"iss": PLATFORM, "login_hint": "x", "lti_message_hint": "h" * 9000}
    assert school.client().get(f"{school.path}/login", query_string=long).status_code == 400


def test_dos_by_login_rows_a_login_stores_nothing_and_uses_up_nobodys_share(school, app):
    def rows() -> dict[str, int]:
        with app.app_context():
            return {
                name: db.session.scalar(select(func.count()).select_from(table))
                for name, table in Base.metadata.tables.items()
            }

    before, client = rows(), school.client()
    query = {"iss": PLATFORM, "client_id": "client-1", "login_hint": "a teacher, of whom a stranger knows the number"}
    for _ in range(350):
        assert client.get(f"{school.path}/login", query_string=query).status_code == 302
    assert rows() == before
    assert school.launch().status_code == 303


def test_dos_by_unknown_kid_no_key_is_fetched_for_who_did_not_log_in(school, key_server):
    url = f"/{school.registration_id}"
    for state in ("", "x", "x.y.z"):
        token = school.sign({"iss": PLATFORM}, kid=uuid4().hex)
        school.client().post(f"{school.path}/launch", data={"state": state, "id_token": token})
    assert url not in key_server.asked
    for _ in range(5):
        school.launch(kid=uuid4().hex)
    assert key_server.asked.count(url) == 1


def test_log_leak_neither_tokens_nor_people_are_written_down(school, capsys):
    observability.configure("INFO")  # a command that another test called may have wanted less
    client = school.client()
    hop = school.login(client)
    secret = hop.answer.headers["Set-Cookie"].split(";")[0].split("=", 1)[1]
    token = school.sign(school.claims(hop))
    opened = school.post(client, hop, token)
    session = opened.headers.getlist("Set-Cookie")[0].split(";")[0].split("=", 1)[1]
    school.post(school.client(), hop, token, bind=secret)  # refused, and written down
    client.get("/courses/00000000-0000-4000-8000-000000000000/", base_url=BASE)
    school.launch(lambda claims: claims.update(aud="x"))
    written = capsys.readouterr().err
    assert "launch_used" in written
    for hidden in (token, hop.state, hop.nonce, secret, session, "Ada Lovelace", "ada@example.org"):
        assert hidden not in written


def test_referrer_leak_no_answer_lets_a_path_out(school):
    client = school.client()
    answers = [school.login(client).answer, school.launch(client=client), school.launch(lambda claims: claims.clear())]
    answers += [client.get("/nowhere"), client.get(f"{school.path}/jwks.json"), client.get("/lti/landing?to=x")]
    assert {answer.headers["Referrer-Policy"] for answer in answers} == {"strict-origin"}
    assert client.get(f"{school.path}/launch", query_string={"id_token": "x", "state": "x"}).status_code == 405
    assert not [a for a in answers if re.search(r"id_token=|bind=", a.headers.get("Location", ""))]


TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=20),
    st.sampled_from(["", "\0", "//x", "%", "../..", "x" * 3000, "\u202e", "{{7*7}}", "' OR 1=1--", "\r\nX: y"]),
)
NAMES = st.sampled_from(
    ["iss", "client_id", "login_hint", "lti_message_hint", "target_link_uri", "state", "id_token", "bind", "error",
     "to", "frame", "again", "token", "openid_configuration", "registration_token", "course", "code", "ticket",
     "csrf_token"]
)  # fmt: skip
PLACES = st.sampled_from(
    ["/lti/{id}/login", "/lti/{id}/launch", "/lti/{id}/jwks.json", "/lti/{id}/config.json", "/lti/landing",
     "/lti/register", "/invite/{id}", "/courses/{id}/", "/courses/{id}/join", "/lms/oauth/start", "/lms/oauth/callback",
     "/sign-out", "/signed-out", "/other-person", "/healthz", "/readyz", "/no-course", "/{id}"]
)  # fmt: skip
QUICK = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}


@hypothesis_settings(max_examples=100, **QUICK)
@given(
    place=PLACES,
    own=st.booleans(),
    other=st.one_of(st.uuids().map(str), TEXTS),
    method=st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "PUT"]),
    query=st.dictionaries(NAMES, TEXTS, max_size=4),
    form=st.dictionaries(NAMES, TEXTS, max_size=4),
    session=st.one_of(st.none(), st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60)),
)
def test_strangers_get_a_page_and_no_session(school, place, own, other, method, query, form, session):
    client = school.client()
    if session is not None:
        client.set_cookie("__Host-lti-session", session, domain="tool.example")
    address = place.replace("{id}", str(school.registration_id) if own else other.replace("?", "").replace("#", ""))
    answer = client.open(
        address, method=method, query_string=query, data=form if method == "POST" else None, base_url=BASE
    )
    assert answer.status_code < 500
    given_away = [c for c in answer.headers.getlist("Set-Cookie") if c.startswith("__Host-lti-session=")]
    assert all(cookie.startswith("__Host-lti-session=;") for cookie in given_away)
    assert school.sessions() == 0


@hypothesis_settings(max_examples=60, **QUICK)
@given(place=st.integers(0, 10**6), sign=st.sampled_from("AZaz09-_.=! \0é"), cut=st.integers(0, 3))
def test_a_token_with_another_sign_anywhere_opens_nothing(school, place, sign, cut):
    client = school.client()
    hop = school.login(client)
    token = school.sign(school.claims(hop))
    at = place % (len(token) - 1)  # the last sign has bits that mean nothing
    changed = token[:at] + sign * (cut != 0) + token[at + cut :]
    if changed == token:
        return
    answer = school.post(client, hop, changed)
    assert answer.status_code in (400, 401)
    assert school.sessions() == 0
