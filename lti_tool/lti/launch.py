"""Verifies a launch from the form to the facts, and says in one error tree why it cannot be trusted."""

import hmac
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

from lti_tool.domain import clock
from lti_tool.domain.errors import LaunchError
from lti_tool.lti.claims import web_address
from lti_tool.lti.facts import CLAIM, ContextFacts, LaunchFacts, gather
from lti_tool.lti.message import StrictLaunch
from lti_tool.lti.platform import active, note_deployment
from lti_tool.lti.platform_keys import PlatformKeys
from lti_tool.lti.state import LoginState, digest
from lti_tool.models import Registration
from lti_tool.settings import Settings

__all__ = ["BindingRequired", "ContextFacts", "LaunchFacts", "note_deployment", "verify"]

PORTS = {"http": 80, "https": 443}


class BindingRequired(LaunchError):
    """All is right but for the browser's secret, which did not come with a cookie: its own storage may have it."""

    def __init__(self, launch: LaunchFacts) -> None:
        super().__init__("browser_unknown", 401)
        self.launch = launch  # not among the facts, which are logged


def verify(
    settings: Settings,
    platform_keys: PlatformKeys,
    registration: Registration,
    form: Mapping[str, str],
    cookies: Mapping[str, str],
    *,
    now: datetime | None = None,
) -> LaunchFacts:
    """Return what a launch proves, after every check of lti.md 6.2; raise LaunchError and nothing else.

    The launch is not used up, and nothing is stored but a placement that the registration's rule accepts at once.
    Raise BindingRequired when only the browser's secret is missing, which comes from the login's cookie or from the
    form field `bind`.
    """
    platform = active(registration)
    if form.get("error"):
        raise LaunchError("platform_error")
    launch = StrictLaunch(settings, platform, registration, platform_keys, form, now=now or clock.now())
    launch.validate()
    facts = gather(
        platform,
        launch.claims,
        launch.state,
        target_path=_destination(settings, launch),
        placing=launch.placing,
    )
    _check_browser(launch.state, form, cookies, facts)
    return facts


def _check_browser(state: LoginState, form: Mapping[str, str], cookies: Mapping[str, str], facts: LaunchFacts) -> None:
    """Check that the browser that ends the login is the one that began it (lti.md 6.3, login CSRF)."""
    secrets = [secret for secret in (form.get("bind"), cookies.get(state.bind_cookie)) if secret]
    if not secrets:
        raise BindingRequired(facts)
    if not any(hmac.compare_digest(digest(secret), state.bind_hash) for secret in secrets):
        raise LaunchError("browser_mismatch", 401)


def _destination(settings: Settings, launch: StrictLaunch) -> str:
    address = launch.claims.get(f"{CLAIM}target_link_uri")
    if launch.placing and address is None:  # Deep Linking 2.0, 3.1: optional, and nothing hangs on it
        return "/"
    return _target_path(settings, web_address(address))


@lru_cache(maxsize=1024)
def _target_path(settings: Settings, address: str | None) -> str:
    """Return path and query of the signed destination; raise LaunchError("target_foreign") when it is not ours."""
    base = urlsplit(settings.base_url)
    if address is None or "\\" in address or "@" in address.split("?")[0]:
        raise LaunchError("target_foreign")
    parts = urlsplit(address)
    inside = f"{parts.path}/".startswith(f"{base.path}/") and not parts.path.startswith("//")
    if not inside or ".." in parts.path or _place(parts) != _place(base):
        raise LaunchError("target_foreign")
    path = parts.path or "/"
    return f"{path}?{parts.query}" if parts.query else path


def _place(parts: SplitResult) -> tuple[str, str | None, int | None]:
    try:
        return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme)
    except ValueError:  # a port that is no number
        return parts.scheme, None, None
