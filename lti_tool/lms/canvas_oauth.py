"""Speaks OAuth2 with Canvas for an API developer key: consent, tokens, their renewal and their end."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from lti_tool.domain.errors import LmsError, LmsRefused, LmsUnavailable
from lti_tool.lms.http import Form, is_page
from lti_tool.outbound import Answer, Outbound, host_of

# Every call of `canvas_client`, by verb and path as in the names of Canvas's scopes
# (https://canvas.instructure.com/doc/api/file.api_token_scopes.html, canvas.md 10.3).
CALLS = (
    "GET /courses/:course_id/permissions",
    "GET /courses/:course_id/users",
    "GET /courses/:course_id/sections",
    "GET /courses/:course_id/group_categories",
    "POST /courses/:course_id/group_categories",
    "GET /courses/:course_id/groups",
    "GET /group_categories/:group_category_id",
    "PUT /group_categories/:group_category_id",
    "DELETE /group_categories/:group_category_id",
    "GET /group_categories/:group_category_id/groups",
    "POST /group_categories/:group_category_id/groups",
    "GET /group_categories/:group_category_id/export",
    "POST /group_categories/:group_category_id/import",
    "POST /group_categories/:group_category_id/assign_unassigned_members",
    "GET /groups/:group_id",
    "PUT /groups/:group_id",
    "DELETE /groups/:group_id",
    "GET /groups/:group_id/users",
    "DELETE /groups/:group_id/users/:user_id",
    "POST /groups/:group_id/memberships",
    "POST /groups/:group_id/invite",
    "GET /progress/:id",
)
SCOPES = tuple("url:{}|/api/v1{}".format(*call.split(" ", 1)) for call in CALLS)

# A page waits for these calls: they are short, and made once.
READ_SECONDS = 10
TOTAL_SECONDS = 20
SCOPES_SECONDS = 30  # for all questions after single scopes
LIFE_SECONDS = 3600  # where Canvas tells none (canvas.md 10.1)


@dataclass(frozen=True, repr=False)
class OauthClient:
    """An API developer key: where its Canvas is, and how the tool proves to be its holder."""

    base_url: str
    client_id: str
    secret: str

    def address(self, name: str) -> str:
        """Return the address of the consent ("auth") or of the tokens ("token")."""
        return f"{self.base_url.rstrip('/').removesuffix('/api/v1')}/login/oauth2/{name}"


@dataclass(frozen=True, repr=False)
class Tokens:
    """What Canvas hands out: a refresh token only for a code, never for a renewal (canvas.md 10.1)."""

    access: str
    refresh: str | None
    seconds: int
    user_id: str | None


def consent_url(client: OauthClient, redirect_uri: str, state: str, scopes: Sequence[str] = SCOPES) -> str:
    """Return where a person lends the tool their access (canvas.md 10.1, step 1)."""
    query = {
        "client_id": client.client_id,
        "response_type": "code",
        "redirect_uri": redirect_uri,
        "state": state,
        "scope": " ".join(scopes),
        "purpose": "LTI Groups",
    }
    return f"{client.address('auth')}?{urlencode(query)}"


def missing_scopes(outbound: Outbound, client: OauthClient, redirect_uri: str) -> tuple[str, ...]:
    """Return which of the tool's scopes the key lacks: one call when it has all of them, else one for each.

    Canvas refuses a consent that asks for too much before it asks anybody to sign in (canvas.md 10.1). Raise
    LmsRefused("oauth_redirect_refused" | "oauth_client_refused"), LmsUnavailable, also for one that dawdles.
    """
    if not _lacks(outbound, client, redirect_uri, SCOPES):
        return ()
    until, missing = time.monotonic() + SCOPES_SECONDS, []
    for scope in SCOPES:
        if time.monotonic() > until:
            raise LmsUnavailable("lms_timeout", host=host_of(client.base_url))
        if _lacks(outbound, client, redirect_uri, (scope,)):
            missing.append(scope)
    return tuple(missing)


def _lacks(outbound: Outbound, client: OauthClient, redirect_uri: str, scopes: Sequence[str]) -> bool:
    answer = outbound.request(
        "GET", consent_url(client, redirect_uri, "", scopes), read_seconds=READ_SECONDS, total_seconds=TOTAL_SECONDS
    )
    host = host_of(answer.url)
    if answer.status >= 500 or answer.status == 429:
        raise LmsUnavailable("lms_failed", host=host, status=answer.status)
    if answer.status >= 400:
        wrong_address = "redirect_uri" in answer.text
        raise LmsRefused("oauth_redirect_refused" if wrong_address else "oauth_client_refused", host=host)
    sent_back = parse_qs(urlsplit(answer.headers.get("Location", "")).query)
    return sent_back.get("error") == ["invalid_scope"]


def redeem_code(outbound: Outbound, client: OauthClient, code: str, redirect_uri: str) -> Tokens:
    """Exchange the code of a consent for tokens; it can be used once (canvas.md 10.1, step 2).

    Raise LmsRefused("oauth_code_refused" | "oauth_redirect_refused" | "oauth_client_refused"), LmsUnavailable.
    """
    form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri)]
    answer = _ask(outbound, client, form)
    if not answer.ok:
        wrong_address = "redirect_uri" in _word(answer, "error_description")
        raise LmsRefused("oauth_redirect_refused" if wrong_address else "oauth_code_refused", host=host_of(answer.url))
    tokens = _tokens(answer)
    if tokens.refresh is None:
        raise LmsUnavailable("lms_not_json", host=host_of(answer.url), status=answer.status)
    return tokens


def renew(outbound: Outbound, client: OauthClient, refresh: str) -> Tokens:
    """Get a new access token; the one before is dead at once (canvas.md 10.1, step 3).

    Raise LmsRefused("grant_ended") when Canvas knows the refresh token no more, LmsRefused("oauth_client_refused"),
    LmsUnavailable.
    """
    answer = _ask(outbound, client, [("grant_type", "refresh_token"), ("refresh_token", refresh)])
    if not answer.ok:
        raise LmsRefused("grant_ended", host=host_of(answer.url))
    return _tokens(answer)


def revoke(outbound: Outbound, client: OauthClient, access: str) -> bool:
    """Delete a token in Canvas with its refresh token; False when Canvas did not know it (canvas.md 10.1, step 4)."""
    headers = {"Authorization": f"Bearer {access}"}
    answer = outbound.request(
        "DELETE", client.address("token"), headers=headers, read_seconds=READ_SECONDS, total_seconds=TOTAL_SECONDS
    )
    if error := _failure(answer):
        raise error
    return answer.ok


def check_client(outbound: Outbound, client: OauthClient) -> None:
    """Raise LmsRefused("oauth_client_refused") unless Canvas knows the key and its secret; LmsUnavailable.

    A refresh token that nobody has is refused by its own words only when the key was accepted before.
    """
    _ask(outbound, client, [("grant_type", "refresh_token"), ("refresh_token", "none")])


def _ask(outbound: Outbound, client: OauthClient, form: Form) -> Answer:
    """Post to the token address; what is returned is of success or a refusal of what was asked for."""
    form = [*form, ("client_id", client.client_id), ("client_secret", client.secret)]
    answer = outbound.request(
        "POST", client.address("token"), data=form, read_seconds=READ_SECONDS, total_seconds=TOTAL_SECONDS
    )
    if error := _failure(answer):
        raise error
    if answer.status == 401 or _word(answer, "error") in ("invalid_client", "unauthorized_client"):
        raise LmsRefused("oauth_client_refused", host=host_of(answer.url))
    return answer


def _failure(answer: Answer) -> LmsError | None:
    host = host_of(answer.url)
    if answer.status == 429 or (answer.status == 403 and "Rate Limit Exceeded" in answer.text):
        return LmsUnavailable("lms_throttled", host=host, status=answer.status)
    if answer.status >= 500:
        return LmsUnavailable("lms_failed", host=host, status=answer.status)
    if 300 <= answer.status < 400:
        return LmsRefused("lms_redirects", host=host, status=answer.status)
    if is_page(answer):
        return LmsUnavailable("lms_not_json", host=host, status=answer.status)
    return None


def _tokens(answer: Answer) -> Tokens:
    found: Any = answer.json()
    if not isinstance(found, dict) or not isinstance(found.get("access_token"), str):
        raise LmsUnavailable("lms_not_json", host=host_of(answer.url), status=answer.status)
    user, seconds, refresh = found.get("user"), found.get("expires_in"), found.get("refresh_token")
    return Tokens(
        access=found["access_token"],
        refresh=refresh if isinstance(refresh, str) else None,
        seconds=seconds if isinstance(seconds, int) and seconds > 0 else LIFE_SECONDS,
        user_id=str(user["id"]) if isinstance(user, dict) and user.get("id") is not None else None,
    )


def _word(answer: Answer, name: str) -> str:
    try:
        found = answer.json()
    except LmsUnavailable:
        return ""
    return str(found.get(name, "")) if isinstance(found, dict) else ""
