"""Platforms: registered, completed, listed, removed, and their tokens kept safe."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from lti_tool.cli.context import opened
from lti_tool.domain.clock import now
from lti_tool.models import Registration, transaction
from lti_tool.services.tokens import read_service_token

NOBODY = "00000000-0000-0000-0000-000000000001"
PROMISED = {"id", "login_url", "launch_url", "jwks_url", "config_url", "status"}
CANVAS = ("registration", "add", "--issuer", "https://canvas.example.edu", "--family", "canvas", "--json")


def test_a_platform_without_a_client_id_is_pending_until_it_has_one(tool: Any) -> None:
    added = tool.ok(*CANVAS).json
    assert set(added) >= PROMISED
    assert added["status"] == "pending"
    for name, end in (
        ("login_url", "login"),
        ("launch_url", "launch"),
        ("jwks_url", "jwks.json"),
        ("config_url", "config.json"),
    ):
        assert added[name] == f"http://127.0.0.1:8000/lti/{added['id']}/{end}"
    updated = tool.ok("registration", "update", added["id"], "--client-id", "10000000000001", "--json").json
    assert updated["status"] == "active"
    assert updated["name"] == "canvas.example.edu"
    assert tool.ok("registration", "show", added["id"], "--json").json == updated


def test_the_addresses_of_a_family_are_known_and_can_be_given_otherwise(tool: Any) -> None:
    moodle = tool.ok(
        *("registration", "add", "--issuer", "https://moodle.example.edu/school", "--family", "moodle"),
        *("--key-set-url", "https://keys.example.edu/jwks", "--json"),
    ).json
    assert moodle["auth_login_url"] == "https://moodle.example.edu/school/mod/lti/auth.php"
    assert moodle["key_set_url"] == "https://keys.example.edu/jwks"
    for issuer in ("https://canvas.instructure.com", "https://canvas.beta.instructure.com"):
        hosted = tool.ok("registration", "add", "--issuer", issuer, "--family", "canvas", "--json")
        assert (hosted.json["status"], hosted.json["lms_url"]) == ("pending", None)
    school = tool.ok(
        *("registration", "add", "--issuer", "https://canvas.instructure.com", "--family", "canvas"),
        *("--lms-url", "https://school.instructure.com", "--client-id", "10000000000001", "--json"),
    ).json
    assert school["auth_login_url"] == "https://sso.canvaslms.com/api/lti/authorize_redirect"
    assert school["key_set_url"] == "https://sso.canvaslms.com/api/lti/security/jwks"
    assert school["auth_token_url"] == "https://school.instructure.com/login/oauth2/token"
    assert (school["status"], school["lms_url"]) == ("active", "https://school.instructure.com")


def test_registrations_are_listed_shown_and_removed_with_words(tool: Any) -> None:
    key = tool.ok(*CANVAS).json["id"]
    assert key in tool.ok("registration", "list").out
    assert [row["id"] for row in tool.ok("registration", "list", "--json").json] == [key]
    shown = tool.ok("registration", "show", key).out
    assert "login url" in shown
    assert "pending" in shown
    refused = tool.run("registration", "remove", key, stdin="n\n")
    assert refused.status == 130
    assert tool.ok("registration", "list", "--json").json != []
    assert key in tool.ok("registration", "remove", key, "--yes").out
    assert tool.ok("registration", "list", "--json").json == []


def test_deployments_are_allowed_once_each(tool: Any) -> None:
    key = tool.ok(*CANVAS, "--deployment-id", "1", "--deployment-id", "2", "--deployment-id", "1").json["id"]
    for _ in range(2):
        tool.ok("registration", "deployment", "add", key, "3")
    said = tool.ok("registration", "deployment", "list", key).out.splitlines()
    assert sorted(line.split() for line in said) == [["1", "active"], ["2", "active"], ["3", "active"]]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("registration", "show", NOBODY), "registration_not_found"),
        (("registration", "update", NOBODY, "--name", "x"), "registration_not_found"),
        (("registration", "remove", NOBODY, "--yes"), "registration_not_found"),
        (("registration", "deployment", "add", NOBODY, "1"), "registration_not_found"),
        (("registration", "add", "--issuer", " "), "issuer_required"),
        (("registration", "add", "--issuer", "x", "--key-set-url", "javascript:1"), "url_invalid"),
        (("registration", "add", "--issuer", "x", "--other-hosts", "*.example"), "hosts_invalid"),
        (("token", "set", NOBODY), "registration_not_found"),
        (("registration", "confirm", NOBODY), "registration_not_found"),
        (("registration", "link", "--expires-hours", "0"), "registration_link_hours"),
        (("registration", "link", "--issuer", "moodle"), "issuer_invalid"),
    ],
)
def test_what_cannot_be_done_is_one_line(tool: Any, arguments: tuple[str, ...], code: str) -> None:
    ran = tool.run(*arguments, stdin="a token\n")
    assert (ran.status, ran.out, len(ran.lines)) == (1, "", 1)
    assert f"({code})" in ran.err


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("--issuer", " ", "issuer_required"),
        ("--lms-url", "nowhere", "url_invalid"),
        ("--other-hosts", "a/b", "hosts_invalid"),
    ],
)
def test_an_update_is_checked_like_an_addition(tool: Any, option: str, value: str, code: str) -> None:
    key = tool.ok(*CANVAS).json["id"]
    assert code in tool.run("registration", "update", key, option, value).err


def test_other_hosts_are_added_and_taken_away(tool: Any) -> None:
    added = tool.ok(*CANVAS, "--other-hosts", "https://Canvas.School.edu/x, b.example").json
    assert added["other_hosts"] == ["canvas.school.edu", "b.example"]
    update = ("registration", "update", added["id"])
    assert tool.ok(*update, "--name", "A", "--json").json["other_hosts"] == added["other_hosts"]
    assert tool.ok(*update, "--other-hosts", "", "--json").json["other_hosts"] == []


def test_a_token_is_read_from_standard_input_and_stored_encrypted(tool: Any) -> None:
    key = tool.ok(*CANVAS).json["id"]
    token = "1234~a-token-that-nobody-may-read"
    said = tool.ok("token", "set", key, stdin=f"{token}\n")
    assert token not in said.out + said.err
    files = [path for path in Path(tool.data).rglob("*") if path.is_file()]
    assert any(path.name.startswith("lti-tool.db") for path in files)
    for path in files:
        assert token.encode() not in path.read_bytes(), f"{path.name} holds the token"
    with opened() as opened_tool:
        assert read_service_token(opened_tool.settings, UUID(key)) == token


def test_an_empty_token_is_refused(tool: Any) -> None:
    key = tool.ok(*CANVAS).json["id"]
    ran = tool.run("token", "set", key, stdin="\n")
    assert ran.status == 1
    assert "token_required" in ran.err


def test_a_developer_key_is_stored_encrypted_and_shown_with_what_canvas_asks_for(tool: Any) -> None:
    key = tool.ok(*CANVAS).json["id"]
    assert tool.ok("registration", "show", key, "--json").json["oauth_client_id"] is None
    secret = "a-developer-secret-that-nobody-may-read"
    said = tool.ok("oauth-client", "set", key, "--client-id", "10000000000017", stdin=f"{secret}\n")
    assert "/lms/oauth/callback" in said.out
    assert secret not in said.out + said.err
    for path in Path(tool.data).rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), f"{path.name} holds the secret"
    shown = tool.ok("registration", "show", key, "--json")
    assert shown.json["oauth_client_id"] == "10000000000017"
    assert shown.json["oauth_redirect_uri"].endswith("/lms/oauth/callback")
    assert "url:GET|/api/v1/courses/:course_id/group_categories" in shown.json["oauth_scopes"]
    words = tool.ok("registration", "show", key).out
    assert "url:GET|/api/v1/progress/:id" in words.split()
    assert secret not in words + shown.out


@pytest.mark.parametrize(
    ("client_id", "stdin", "code"),
    [(" ", "secret\n", "oauth_client_required"), ("17", "\n", "oauth_secret_required")],
)
def test_half_a_developer_key_is_refused(tool: Any, client_id: str, stdin: str, code: str) -> None:
    key = tool.ok(*CANVAS).json["id"]
    assert code in tool.run("oauth-client", "set", key, "--client-id", client_id, stdin=stdin).err


def test_only_a_canvas_has_a_developer_key(tool: Any) -> None:
    add = ("registration", "add", "--issuer", "https://moodle.example.edu", "--family", "moodle", "--json")
    row = tool.ok(*add).json
    assert "oauth_client_id" not in row
    assert "oauth_unsupported" in tool.run("oauth-client", "set", row["id"], "--client-id", "17", stdin="s\n").err
    assert "registration_not_found" in tool.run("oauth-client", "set", NOBODY, "--client-id", "17", stdin="s\n").err


def test_a_link_is_printed_once_and_lasts_for_the_hours_that_were_asked(tool: Any) -> None:
    made = tool.ok("registration", "link", "--expires-hours", "2", "--issuer", "https://moodle.example.edu", "--json")
    assert set(made.json) == {"id", "url", "issuer", "expires_at"}
    assert made.json["url"].startswith("http://127.0.0.1:8000/lti/register?token=")
    assert 1.9 < (datetime.fromisoformat(made.json["expires_at"]) - now()) / timedelta(hours=1) <= 2
    plain = tool.ok("registration", "link")
    assert plain.out.strip().startswith("http://127.0.0.1:8000/lti/register?token=")
    assert "works once" in plain.err
    secret = plain.out.strip().partition("token=")[2].encode()
    files = [path for path in Path(tool.data).rglob("*") if path.is_file()]
    assert not [path.name for path in files if secret in path.read_bytes()]


def test_what_registered_itself_is_confirmed_by_its_id(tool: Any) -> None:
    key = tool.ok(*CANVAS, "--client-id", "1").json["id"]
    with opened(), transaction() as session:
        session.get_one(Registration, UUID(key)).confirmed = False
    assert tool.ok("registration", "show", key, "--json").json["status"] == "unconfirmed"
    assert "canvas.example.edu" in tool.ok("registration", "confirm", key).out
    assert tool.ok("registration", "show", key, "--json").json["status"] == "active"


@pytest.mark.parametrize(
    ("family", "fields"),
    [
        ("moodle", ("Public keyset: http", "Initiate login URL: http", "Redirection URI(s): http")),
        ("canvas", ("JSON URL: http", "Redirect URIs: http")),
        ("other", ("Public keyset (JWKS): http", "Scope: https://purl.imsglobal.org/spec/lti-nrps/")),
    ],
)
def test_the_fields_of_the_lmss_own_form_are_printed(tool: Any, family: str, fields: tuple[str, ...]) -> None:
    said = tool.ok("registration", "add", "--issuer", "https://lms.example.edu", "--family", family).out
    assert not [field for field in fields if field not in said]
