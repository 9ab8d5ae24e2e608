"""The first hop of a launch: checks the platform's request and sends the browser on to prove who it is."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit, urlunsplit

from lti_tool.domain import clock
from lti_tool.domain.errors import LaunchError
from lti_tool.lti.addresses import tool_addresses
from lti_tool.lti.platform import Platform, active
from lti_tool.lti.state import COOKIE_PREFIX, LoginState, digest, seal
from lti_tool.models import Registration
from lti_tool.settings import Settings

LIFETIME = timedelta(minutes=10)
LONGEST_PARAMETER = 8192  # Canvas' message hint is a token of its own, of a kilobyte or more
BIND_COOKIE = re.compile(COOKIE_PREFIX + "[0-9a-f]{8}")
MOST_COOKIES = 4


@dataclass(frozen=True)
class LoginStart:
    """Where the browser goes next, and the secret that it keeps meanwhile."""

    auth_url: str
    state: str
    nonce: str
    cookie_name: str
    cookie_value: str


def start_login(
    settings: Settings, registration: Registration, params: Mapping[str, str], now: datetime | None = None
) -> LoginStart:
    """Answer a third-party initiated login (Security Framework 1.0, 5.1.1.1).

    Raise LaunchError("registration_pending"), ("login_issuer"), ("login_client"), ("login_hint") or
    ("login_parameter").
    """
    platform = active(registration)
    _check(platform, params)
    secret, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
    state = LoginState(platform.registration_id, nonce, digest(secret), (now or clock.now()) + LIFETIME)
    sealed = seal(settings, state)
    request = {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": platform.client_id,
        "redirect_uri": tool_addresses(settings, registration.id).launch,  # no request has a say in it
        "login_hint": params["login_hint"],
        "state": sealed,
        "nonce": nonce,
    }
    if hint := params.get("lti_message_hint"):
        request["lti_message_hint"] = hint
    auth_url = _with_query(platform.auth_login_url, request)
    return LoginStart(auth_url, sealed, nonce, state.bind_cookie, secret)


def surplus_cookies(names: Mapping[str, str]) -> list[str]:
    """Return the login cookies to expire so that few remain; browsers send the oldest first (RFC 6265, 5.4)."""
    found = [name for name in names if BIND_COOKIE.fullmatch(name)]
    return found[: max(0, len(found) - MOST_COOKIES + 1)]


def _check(platform: Platform, params: Mapping[str, str]) -> None:
    if any(len(value) > LONGEST_PARAMETER for value in params.values()):
        raise LaunchError("login_parameter")
    if params.get("iss") != platform.issuer:
        raise LaunchError("login_issuer")
    if params.get("client_id", platform.client_id) != platform.client_id:
        raise LaunchError("login_client")
    if not params.get("login_hint"):
        raise LaunchError("login_hint")


def _with_query(url: str, query: Mapping[str, str]) -> str:
    """Return the address with more in its query; some platforms' addresses have one already."""
    parts = urlsplit(url)
    encoded = urlencode(query, errors="replace")
    return urlunsplit(parts._replace(query=f"{parts.query}&{encoded}" if parts.query else encoded, fragment=""))
