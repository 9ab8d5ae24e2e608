"""What a platform says of itself when it asks to be registered: fetched, checked, and read into plain values.

Every address in it was chosen by an outsider who holds a one-time link (lti.md 5.5 and 6.4).
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from lti_tool.domain.errors import LmsRefused, RuleViolation
from lti_tool.domain.platform_hosts import CANVAS_CLOUD, CANVAS_SCHOOLS, SPEAKS_FOR
from lti_tool.lti.claims import clean
from lti_tool.lti.platform import origins
from lti_tool.outbound import MEBIBYTE, Outbound, host_of

PLATFORM = "https://purl.imsglobal.org/spec/lti-platform-configuration"
CANVAS = "https://canvas.instructure.com/lti"
CANVAS_REGISTRATIONS = "/api/lti/registrations"
LONGEST_ADDRESS = 1024
LONGEST_NAME = 255
READ_SECONDS = 10
TOTAL_SECONDS = 20
LARGEST = MEBIBYTE // 2
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri", "registration_endpoint")


@dataclass(frozen=True)
class PlatformConfiguration:
    """A platform's own description; its addresses were checked for their form, and are called through outbound only."""

    issuer: str
    auth_login_url: str
    auth_token_url: str
    key_set_url: str
    registration_endpoint: str
    family: str
    name: str
    lms_url: str | None
    token_audience: str | None
    foreign_hosts: frozenset[str]  # of others that it names for tokens, which the tool would ask in its name
    scopes: frozenset[str] | None  # None: it does not say
    placements: Mapping[str, tuple[str, ...]]  # by the type of message


def require_configuration_url(outbound: Outbound, url: str) -> None:
    """Raise RuleViolation("platform_url_invalid") unless the text is an address that may be asked at all."""
    try:
        _require_address(outbound, url)
    except (ValueError, LmsRefused):
        raise RuleViolation("platform_url_invalid") from None


def framing_origins(configuration_url: str, registration_token: str) -> tuple[str, ...]:
    """Return whose pages may frame the registration: the configuration's host, and the school of a Canvas in the cloud.

    There the configuration stands at a host that all schools share, and the school's own is told by the token alone
    (root_account_domain; what it is worth is seen when the platform takes it).
    """
    found = origins((configuration_url,))
    if not any(host_of(origin) in CANVAS_CLOUD for origin in found):
        return found
    domain = _claims(registration_token).get("root_account_domain")
    school = canvas_site(domain) if isinstance(domain, str) else None
    return (*found, school or CANVAS_SCHOOLS)


def told_client(registration_token: str) -> str | None:
    """Return the client id that a Moodle is about to give or to update (moodle.md 1.2), unproved."""
    subject = _claims(registration_token).get("sub")
    return subject if isinstance(subject, str) and 0 < len(subject) <= LONGEST_NAME else None


def _claims(token: str) -> dict[str, Any]:
    """Return what a JWT says, unproved; nothing for what is none."""
    try:
        middle = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    except (ValueError, IndexError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def fetch_configuration(outbound: Outbound, url: str, registration_token: str) -> PlatformConfiguration:
    """Fetch the OpenID configuration that a platform's request names, and check it (lti-dr 1.0, 3.4 and 3.5).

    Raise RuleViolation("platform_url_invalid" | "platform_configuration_invalid" | "platform_issuer_foreign"),
    LmsRefused("address_not_allowed" | "platform_refused") and what `Outbound.request` and `Answer.json` raise.
    """
    require_configuration_url(outbound, url)
    answer = outbound.request(
        "GET",
        url,
        headers={"Accept": "application/json", **bearer(registration_token)},
        read_seconds=READ_SECONDS,
        total_seconds=TOTAL_SECONDS,
        max_bytes=LARGEST,
    )
    if not answer.ok:
        raise LmsRefused("platform_refused", host=host_of(url), status=answer.status, said="")
    return _read(outbound, url, answer.json())


def bearer(registration_token: str) -> dict[str, str]:
    """Return the header that shows a registration token; some platforms send none (D2L)."""
    return {"Authorization": f"Bearer {registration_token}"} if registration_token else {}


def _read(outbound: Outbound, url: str, document: object) -> PlatformConfiguration:
    if not isinstance(document, dict):
        raise _invalid("document")
    issuer = document.get("issuer")
    if not isinstance(issuer, str) or len(issuer) > LONGEST_NAME:
        raise _invalid("issuer")
    _require_same_site(outbound, url, issuer)
    addresses = {name: _endpoint(outbound, name, document.get(name)) for name in ENDPOINTS}
    platform = document.get(PLATFORM)
    platform = platform if isinstance(platform, dict) else {}
    code = str(platform.get("product_family_code", "")).strip().casefold()
    family = code if code in ("canvas", "moodle") else "other"
    audience = _audience(family, document.get("authorization_server"))
    named = {host_of(address).casefold() for address in (addresses["token_endpoint"], audience) if address}
    return PlatformConfiguration(
        issuer=issuer,
        auth_login_url=addresses["authorization_endpoint"],
        auth_token_url=addresses["token_endpoint"],
        key_set_url=addresses["jwks_uri"],
        registration_endpoint=addresses["registration_endpoint"],
        family=family,
        name=_name(platform) or host_of(issuer),
        lms_url=_lms_url(family, issuer, addresses["registration_endpoint"], platform),
        token_audience=audience,
        foreign_hosts=frozenset(named - _own_hosts(url, issuer)),
        scopes=_scopes(document.get("scopes_supported")),
        placements=_placements(platform.get("messages_supported")),
    )


def _invalid(part: str) -> RuleViolation:
    return RuleViolation("platform_configuration_invalid", part=part)


def _require_address(outbound: Outbound, url: object) -> str:
    """Return an address without anything odd; raise ValueError, or LmsRefused for one that may not be called."""
    if not isinstance(url, str) or not url or len(url) > LONGEST_ADDRESS * 4:
        raise ValueError
    if not url.isprintable() or " " in url or "\\" in url:
        raise ValueError
    parts = urlsplit(url)
    if not parts.hostname or "@" in parts.netloc or parts.fragment or parts.port == 0:
        raise ValueError
    outbound.require_scheme(url)
    return url


def _endpoint(outbound: Outbound, name: str, url: object) -> str:
    try:
        if isinstance(url, str) and len(url) > LONGEST_ADDRESS:
            raise ValueError
        return _require_address(outbound, url)
    except ValueError:
        raise _invalid(name) from None


def _require_same_site(outbound: Outbound, url: str, issuer: str) -> None:
    """Raise RuleViolation unless who describes the platform is the platform (lti-dr 1.0: the same domain)."""
    try:
        _require_address(outbound, issuer)
    except (ValueError, LmsRefused):
        raise _invalid("issuer") from None
    here, said = host_of(url).casefold(), host_of(issuer).casefold()
    if here != said and SPEAKS_FOR.get(here) != said:
        raise RuleViolation("platform_issuer_foreign", host=here, issuer=issuer)


def _own_hosts(url: str, issuer: str) -> set[str]:
    said = host_of(issuer).casefold()
    return {host_of(url).casefold(), said, *(host for host, spoken in SPEAKS_FOR.items() if spoken == said)}


def _name(platform: Mapping[str, Any]) -> str:
    """Return what a Canvas calls the account; others have no name."""
    name = platform.get(f"{CANVAS}/account_name")
    return " ".join(clean(name, LONGEST_NAME).split())


def _lms_url(family: str, issuer: str, registration_endpoint: str, platform: Mapping[str, Any]) -> str | None:
    """Return the base of the LMS's own API: a Moodle's is its issuer, a Canvas's is where it registers tools."""
    if family == "moodle":
        return issuer.rstrip("/")
    if family != "canvas":
        return None
    base = registration_endpoint.partition("?")[0].removesuffix(CANVAS_REGISTRATIONS)
    if base != registration_endpoint and host_of(base).casefold() not in CANVAS_CLOUD:
        return base
    domain = platform.get(f"{CANVAS}/account_domain")
    return canvas_site(domain) if isinstance(domain, str) else None


def canvas_site(domain: str) -> str | None:
    """Return the address of a school's Canvas in the cloud by its host, None when the text is no host of a school."""
    host = domain.casefold()
    is_host = re.fullmatch(r"[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?", host) and "." in host
    return f"https://{host}" if is_host and host not in CANVAS_CLOUD else None


def _audience(family: str, server: object) -> str | None:
    """Return the audience of token requests where the platform names one; Canvas's is a bare host and means none."""
    if family == "canvas" or not isinstance(server, str) or len(server) > LONGEST_ADDRESS:
        return None
    return server if server.isprintable() and server else None


def _scopes(value: object) -> frozenset[str] | None:
    return frozenset(one for one in value if isinstance(one, str)) if isinstance(value, list) else None


def _placements(value: object) -> dict[str, tuple[str, ...]]:
    """Return the placements by type of message; a type that is named twice keeps all its places."""
    found: dict[str, tuple[str, ...]] = {}
    for message in value if isinstance(value, list) else ():
        if isinstance(message, dict) and isinstance(message.get("type"), str):
            places = message.get("placements")
            names = tuple(one for one in places if isinstance(one, str)) if isinstance(places, list) else ()
            found[message["type"]] = (*found.get(message["type"], ()), *names)
    return found
