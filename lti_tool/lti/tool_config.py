"""What the tool asks of a platform, and the JSON from which a Canvas admin makes its developer key."""

from typing import Any

from lti_tool.lti.addresses import tool_addresses
from lti_tool.models import Registration
from lti_tool.settings import Settings

TITLE = "LTI Groups"
DESCRIPTION = "Rosters, group sets and groups in step with the course"
TOOL_ID = "lti-groups"
MEMBERSHIPS_SCOPE = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
RESOURCE_LINK = "LtiResourceLinkRequest"
DEEP_LINK = "LtiDeepLinkingRequest"
# Canvas's own names of places: where the tool stands, and from where a teacher places a link to one page of it.
CANVAS_PLACEMENTS = {RESOURCE_LINK: ("course_navigation",), DEEP_LINK: ("assignment_selection", "link_selection")}
# By which the links of a copied course are recognised, on any platform that tells it.
CUSTOM = {"context_history": "$Context.id.history"}
CANVAS_CUSTOM = {
    "canvas_user_id": "$Canvas.user.id",
    "canvas_course_id": "$Canvas.course.id",
    "canvas_api_base": "$Canvas.api.baseUrl",
    "canvas_section_ids": "$Canvas.course.sectionIds",
    "canvas_permissions": "$Canvas.membership.permissions<manage_groups_add,manage_groups_manage,manage_groups_delete>",
    "student_view": "$com.instructure.User.student_view",
    **CUSTOM,
}


def tool_domain(settings: Settings) -> str:
    """Return host and port: Moodle counts the port as a part of a tool's domain."""
    return settings.origin.partition("://")[2]


def icon_url(settings: Settings) -> str:
    """Return the address of the tool's icon."""
    return f"{settings.base_url.rstrip('/')}/static/icon.svg"


def canvas_developer_key(settings: Settings, registration: Registration) -> dict[str, Any]:
    """Return the configuration of an LTI developer key: course navigation and deep linking (canvas.md 11.2)."""
    tool = tool_addresses(settings, registration.id)
    placements = [
        {
            "placement": name,
            "message_type": message_type,
            "target_link_uri": tool.launch,
            "text": TITLE,
            "icon_url": icon_url(settings),
            **({"default": "enabled", "visibility": "members"} if message_type == RESOURCE_LINK else {}),
        }
        for message_type, names in CANVAS_PLACEMENTS.items()
        for name in names
    ]
    return {
        "title": TITLE,
        "description": DESCRIPTION,
        "oidc_initiation_url": tool.login,
        "target_link_uri": tool.launch,
        "scopes": [MEMBERSHIPS_SCOPE],
        "public_jwk_url": tool.jwks,
        "custom_fields": CANVAS_CUSTOM,
        "extensions": [
            {
                "platform": "canvas.instructure.com",
                "domain": tool_domain(settings),
                "tool_id": TOOL_ID,
                "privacy_level": "public",
                "settings": {"text": TITLE, "icon_url": icon_url(settings), "placements": placements},
            }
        ],
    }
