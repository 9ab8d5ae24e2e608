"""The tool's side of LTI Dynamic Registration 1.0: what it asks for, and the client that the platform answers."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from lti_tool.domain.errors import LmsRefused, LmsUnavailable
from lti_tool.lti.addresses import tool_addresses
from lti_tool.lti.platform_configuration import (
    CANVAS,
    LARGEST,
    READ_SECONDS,
    TOTAL_SECONDS,
    PlatformConfiguration,
    bearer,
)
from lti_tool.lti.tool_config import (
    CANVAS_CUSTOM,
    CANVAS_PLACEMENTS,
    CUSTOM,
    DEEP_LINK,
    DESCRIPTION,
    MEMBERSHIPS_SCOPE,
    RESOURCE_LINK,
    TITLE,
    TOOL_ID,
    icon_url,
    tool_domain,
)
from lti_tool.outbound import Answer, Outbound, host_of
from lti_tool.settings import Settings

TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
GROUPS_SCOPE = "https://purl.imsglobal.org/spec/lti-gs/scope/contextgroup.readonly"
CLAIMS = ("iss", "sub", "name", "given_name", "family_name", "email")
CONTENT_AREA = "ContentArea"  # the one place that the specification itself names
LONGEST_ID = 255
LONGEST_REASON = 300


@dataclass(frozen=True)
class RegisteredClient:
    """What a platform handed out: the client id, and its placement where there is one from the start."""

    client_id: str
    deployment_id: str | None


def build_request(settings: Settings, registration_id: UUID, platform: PlatformConfiguration) -> dict[str, Any]:
    """Return the tool's registration (lti-dr 1.0, 3.5.1), with what this platform has and nothing else."""
    tool = tool_addresses(settings, registration_id)
    configuration: dict[str, Any] = {
        "domain": tool_domain(settings),
        "description": DESCRIPTION,
        "target_link_uri": tool.launch,
        "custom_parameters": CANVAS_CUSTOM if platform.family == "canvas" else CUSTOM,
        "claims": list(CLAIMS),
        "messages": _messages(settings, tool.launch, platform),
    }
    if platform.family == "canvas":
        configuration |= {f"{CANVAS}/privacy_level": "public", f"{CANVAS}/tool_id": TOOL_ID}
    return {
        "application_type": "web",
        "response_types": ["id_token"],
        "grant_types": ["client_credentials", "implicit"],
        "initiate_login_uri": tool.login,
        "redirect_uris": [tool.launch],
        "client_name": TITLE,
        "jwks_uri": tool.jwks,
        "logo_uri": icon_url(settings),
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": " ".join(_scopes(platform)),
        TOOL: configuration,
    }


def _scopes(platform: PlatformConfiguration) -> list[str]:
    """Return the scopes to ask for: a Canvas refuses a registration that names one it does not know."""
    if platform.scopes is None:
        return [MEMBERSHIPS_SCOPE]
    return [scope for scope in (MEMBERSHIPS_SCOPE, GROUPS_SCOPE) if scope in platform.scopes]


def _messages(settings: Settings, launch: str, platform: PlatformConfiguration) -> list[dict[str, Any]]:
    common = {"target_link_uri": launch, "label": TITLE, "icon_uri": icon_url(settings)}
    navigation = _places(platform, RESOURCE_LINK)
    link: dict[str, Any] = {"type": RESOURCE_LINK, **common, **({"placements": navigation} if navigation else {})}
    if platform.family == "canvas":
        link |= {f"{CANVAS}/course_navigation/default_enabled": True, f"{CANVAS}/visibility": "members"}
    if DEEP_LINK not in platform.placements:
        return [link]
    return [link, {"type": DEEP_LINK, **common, "placements": _places(platform, DEEP_LINK)}]


def _places(platform: PlatformConfiguration, message_type: str) -> Sequence[str]:
    """Return where a kind of launch is to stand; a Canvas that does not list its own places has the usual ones."""
    listed = platform.placements.get(message_type, ())
    if platform.family == "canvas":
        wanted = CANVAS_PLACEMENTS[message_type]
        return [name for name in wanted if name in listed] or list(wanted)
    return [CONTENT_AREA] if message_type == DEEP_LINK else []


def register(
    outbound: Outbound, platform: PlatformConfiguration, request: dict[str, Any], registration_token: str
) -> RegisteredClient:
    """Send the registration and return what the platform handed out (lti-dr 1.0, 3.6).

    Raise LmsRefused("platform_refused" | "address_not_allowed"), LmsUnavailable("platform_answer") and what
    `Outbound.request` and `Answer.json` raise.
    """
    host = host_of(platform.registration_endpoint)
    answer = outbound.request(
        "POST",
        platform.registration_endpoint,
        data=json.dumps(request).encode(),
        headers={
            "Accept": "application/json",
            "Content-Type": "application/json",
            **bearer(registration_token),
        },
        read_seconds=READ_SECONDS,
        total_seconds=TOTAL_SECONDS,
        max_bytes=LARGEST,
    )
    if not answer.ok:
        raise LmsRefused("platform_refused", host=host, status=answer.status, said=_reason(answer))
    document = answer.json()
    client_id = _text(document.get("client_id")) if isinstance(document, dict) else None
    if client_id is None:
        raise LmsUnavailable("platform_answer", host=host)
    block = document.get(TOOL)
    inside = _text(block.get("deployment_id")) if isinstance(block, dict) else None
    # The specification has it in the tool's block; newer Canvas sites have it beside the client id.
    return RegisteredClient(client_id, inside or _text(document.get("deployment_id")))


def _text(value: object) -> str | None:
    """Return an id as text; some platforms write theirs as numbers."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if 0 < len(text) <= LONGEST_ID and text.isprintable() else None


def _reason(answer: Answer) -> str:
    """Return a platform's own words for its refusal, cut short and without anything but text; "" for a page."""
    try:
        said = _words(json.loads(answer.body))
    except (ValueError, RecursionError):
        said = "" if "<" in answer.text else answer.text
    return " ".join("".join(one if one.isprintable() else " " for one in said).split())[:LONGEST_REASON]


def _words(document: object, depth: int = 0) -> str:
    """Return the texts of a JSON document in their order (Canvas: a list of the schema's complaints)."""
    if isinstance(document, str):
        return document
    if depth > 4:
        return ""
    inner = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    return "; ".join(text for text in (_words(one, depth + 1) for one in inner) if text)
