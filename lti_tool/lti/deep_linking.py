"""Deep Linking 2.0: reads what a platform asks a link for, and signs the answer that hands the links over."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LaunchError
from lti_tool.lti import claims as read
from lti_tool.lti.keys import KeyRing
from lti_tool.lti.platform import Platform, origins

REQUEST, RESPONSE = "LtiDeepLinkingRequest", "LtiDeepLinkingResponse"
LINK = "ltiResourceLink"
TARGETS = ("iframe", "frame", "window")  # where a platform may show a link; in a page of its own we cannot stand
CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
DEEP_LINKING = "https://purl.imsglobal.org/spec/lti-dl/claim/"
SETTINGS = f"{DEEP_LINKING}deep_linking_settings"
LONGEST_DATA = 64 * 1024
GOOD_FOR = timedelta(minutes=10)
FRAME = {"width": 800, "height": 800}


@dataclass(frozen=True)
class PlacingSettings:
    """What a platform said about the links that it wants, and how they get back to it."""

    return_url: str
    data: str | None  # JSON of what it wants back unchanged; None: it sent nothing
    accepts_links: bool
    accept_multiple: bool


@dataclass(frozen=True)
class Link:
    """One link to place; `custom` tells a launch the same as the address, where a platform drops the address."""

    title: str
    url: str
    text: str = ""
    custom: Mapping[str, str] = field(default_factory=dict)

    def item(self) -> dict[str, Any]:
        """Return the link as a content item (Deep Linking 2.0, 3.2); nothing that is empty is sent."""
        # No hint about windows: Canvas takes one for the wish to leave its frame.
        shown = {"type": LINK, "url": self.url, "title": self.title, "iframe": FRAME}
        more = {"text": self.text, "custom": dict(self.custom)}
        return shown | {name: value for name, value in more.items() if value}


def read_settings(claims: Mapping[str, Any], private_hosts: frozenset[str]) -> PlacingSettings:
    """Return the settings of a request (Deep Linking 2.0, 3.1); raise LaunchError("placing_invalid").

    The answer goes to an https address, by http only to hosts that the operator named. A request for anything but
    links is sound: it is answered with nothing.
    """
    given = claims.get(SETTINGS)
    if not isinstance(given, dict):
        raise LaunchError("placing_invalid")
    types, targets = given.get("accept_types"), given.get("accept_presentation_document_targets")
    takes_links = isinstance(types, list) and LINK in types
    shows_links = isinstance(targets, list) and any(target in targets for target in TARGETS)
    return PlacingSettings(
        return_url=_return_url(given.get("deep_link_return_url"), private_hosts),
        data=_data(given.get("data")),
        accepts_links=takes_links and shows_links,
        accept_multiple=given.get("accept_multiple") is True,
    )


def _return_url(value: object, private_hosts: frozenset[str]) -> str:
    address = read.web_address(value)
    if address is None or "\\" in address or not origins((address,)):
        raise LaunchError("placing_invalid")
    parts = urlsplit(address)
    if "@" in parts.netloc or (parts.scheme != "https" and parts.hostname not in private_hosts):
        raise LaunchError("placing_invalid")
    return address


def _data(value: object) -> str | None:
    kept = None if value is None else json.dumps(value)
    if kept and len(kept) > LONGEST_DATA:
        raise LaunchError("placing_invalid")
    return kept


def sign_response(
    key_ring: KeyRing, platform: Platform, lms_deployment_id: str, data: str | None, links: Sequence[Link]
) -> str:
    """Return the signed answer (Deep Linking 2.0, 3.2, and Security Framework 1.0, 5.2); no links mean a cancel."""
    at = now()
    claims = {
        "iss": platform.client_id,
        "aud": platform.issuer,
        "iat": int(at.timestamp()),
        "exp": int((at + GOOD_FOR).timestamp()),
        "nonce": secrets.token_urlsafe(24),
        f"{CLAIM}deployment_id": lms_deployment_id,
        f"{CLAIM}message_type": RESPONSE,
        f"{CLAIM}version": "1.3.0",
        f"{DEEP_LINKING}content_items": [link.item() for link in links],
    }
    # Only what was sent is sent back: some platforms take a null for another word than theirs.
    return key_ring.sign(claims if data is None else claims | {f"{DEEP_LINKING}data": json.loads(data)})
