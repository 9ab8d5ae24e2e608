"""Canvas's OAuth2 as it answers, and the scopes that are asked for."""

import inspect
import re
from typing import Any

import pytest

from lti_tool.domain.errors import LmsRefused, LmsUnavailable
from lti_tool.lms import canvas_client, canvas_oauth
from lti_tool.lms.canvas_oauth import OauthClient
from lti_tool.outbound import Outbound

TOKEN = "/login/oauth2/token"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def client(scripted: Any) -> OauthClient:
    return OauthClient(scripted.url, "17", "a secret")


def test_the_scopes_are_those_of_the_calls_that_the_client_makes() -> None:
    made = set(re.findall(r'"((?:GET|POST|PUT|DELETE) /[^"]+)"', inspect.getsource(canvas_client)))
    assert made == set(canvas_oauth.CALLS)
    assert len(canvas_oauth.SCOPES) == len(made)
    assert "url:GET|/api/v1/courses/:course_id/group_categories" in canvas_oauth.SCOPES


@pytest.mark.parametrize("base", ["https://c.example", "https://c.example/", "https://c.example/api/v1"])
def test_the_addresses_follow_from_that_of_the_api(base: str) -> None:
    assert OauthClient(base, "17", "s").address("token") == "https://c.example/login/oauth2/token"


@pytest.mark.parametrize(
    ("status", "body", "redeemed", "renewed"),
    [
        (401, b'{"error":"invalid_client","error_description":"unknown client"}', *["oauth_client_refused"] * 2),
        (400, b'{"error":"invalid_grant","error_description":"not found"}', "oauth_code_refused", "grant_ended"),
        (
            400,
            b'{"error":"invalid_request","error_description":"redirect_uri does not match client settings"}',
            "oauth_redirect_refused",
            "grant_ended",
        ),
        (
            400,
            b'{"error":"invalid_request","error_description":"refresh_token not found"}',
            "oauth_code_refused",
            "grant_ended",
        ),
        (302, b"", *["lms_redirects"] * 2),
        (429, b"", *["lms_throttled"] * 2),
        (403, b"403 Forbidden (Rate Limit Exceeded)", *["lms_throttled"] * 2),
        (500, b"{}", *["lms_failed"] * 2),
        (200, b"<!doctype html><title>Log in</title>", *["lms_not_json"] * 2),
        (200, b"[]", *["lms_not_json"] * 2),
        (200, b'{"access_token": 5}', *["lms_not_json"] * 2),
    ],
)
def test_every_refusal_has_its_code(
    scripted: Any, client: OauthClient, outbound: Outbound, status: int, body: bytes, redeemed: str, renewed: str
) -> None:
    scripted.answers[TOKEN] = (status, JSON, body)
    with pytest.raises((LmsRefused, LmsUnavailable)) as refused:
        canvas_oauth.redeem_code(outbound, client, "code", "https://t.example/back")
    assert refused.value.code == redeemed
    assert "secret" not in str(refused.value)
    with pytest.raises((LmsRefused, LmsUnavailable)) as refused:
        canvas_oauth.renew(outbound, client, "refresh")
    assert refused.value.code == renewed


def test_a_code_without_a_refresh_token_is_nothing_to_keep(
    scripted: Any, client: OauthClient, outbound: Outbound
) -> None:
    scripted.answers[TOKEN] = (200, JSON, b'{"access_token": "a", "user": {"id": 42}}')
    with pytest.raises(LmsUnavailable):
        canvas_oauth.redeem_code(outbound, client, "code", "https://t.example/back")
    renewed = canvas_oauth.renew(outbound, client, "refresh")
    assert (renewed.access, renewed.refresh, renewed.seconds, renewed.user_id) == ("a", None, 3600, "42")


def test_secrets_are_not_in_what_is_printed(client: OauthClient) -> None:
    tokens = canvas_oauth.Tokens("an access token", "a refresh token", 3600, None)
    assert "token" not in repr(tokens)
    assert "secret" not in repr(client)


def test_the_key_is_known_when_only_the_token_is_refused(
    scripted: Any, client: OauthClient, outbound: Outbound
) -> None:
    scripted.answers[TOKEN] = [
        (400, JSON, b'{"error":"invalid_request","error_description":"refresh_token not found"}'),
        (401, JSON, b'{"error":"invalid_client","error_description":"invalid client"}'),
    ]
    canvas_oauth.check_client(outbound, client)
    with pytest.raises(LmsRefused):
        canvas_oauth.check_client(outbound, client)
