"""Deep Linking 2.0 from the platform's side: asks the tool for links, and launches those that it gave."""

import secrets
from typing import Any

from lti_tool.demo.config import Flavour, ToolLink
from lti_tool.demo.hub import Hint, hub
from lti_tool.demo.lti_messages import CLAIM, MAX_HINTS

DEEP_LINKING = "https://purl.imsglobal.org/spec/lti-dl/claim/"
REQUEST, RESPONSE = "LtiDeepLinkingRequest", "LtiDeepLinkingResponse"


def target_of(hint: Hint, tool: ToolLink) -> str:
    """Return the address that a launch is meant for: a placed link's own, or the tool's."""
    link = hub().sites[hint.flavour].links.get(hint.link or 0)
    return link.url if link else hint.target or tool.launch_url


def return_path(flavour: Flavour, course_id: int) -> str:
    """Return where the tool's answer goes, as on the real sites."""
    if flavour == "canvas":
        return f"/courses/{course_id}/deep_linking_response"
    return f"/mod/lti/contentitem_return.php?course={course_id}"


def as_asked(hint: Hint, claims: dict[str, Any]) -> dict[str, Any]:
    """Return the claims of a launch as what was clicked has them: the tool, a placed link, or a request for links."""
    link = hub().sites[hint.flavour].links.get(hint.link or 0)
    if hint.placing:
        return _request(hint, claims)
    if link is None or link.course != hint.course:
        return claims | ({f"{CLAIM}target_link_uri": hint.target} if hint.target else {})
    custom = claims[f"{CLAIM}custom"]
    # A link's own parameters win on Canvas, the tool's on Moodle.
    merged = custom | link.custom if hint.flavour == "canvas" else link.custom | custom
    return claims | {
        f"{CLAIM}target_link_uri": link.url,
        f"{CLAIM}resource_link": {"id": f"link-{link.id}", "title": link.title},
        f"{CLAIM}custom": merged,
    }


def _request(hint: Hint, claims: dict[str, Any]) -> dict[str, Any]:
    placings = hub().placings
    while len(placings) >= MAX_HINTS:
        del placings[next(iter(placings))]
    data = secrets.token_urlsafe(32)
    placings[data] = hint
    without = {name: value for name, value in claims.items() if name != f"{CLAIM}resource_link"}
    return without | {
        f"{CLAIM}message_type": REQUEST,
        f"{DEEP_LINKING}deep_linking_settings": {
            "deep_link_return_url": hub().issuer(hint.flavour) + return_path(hint.flavour, hint.course),
            "accept_types": ["ltiResourceLink"],
            "accept_presentation_document_targets": ["frame", "iframe", "window"],
            # Canvas takes one link into a module, Moodle several into a section.
            "accept_multiple": hint.flavour == "moodle",
            "data": data,
        },
    }
