"""The JSON that a Canvas admin pastes (or points to) to make the tool's developer key."""

from typing import Any

from lti_tool.lti.login import launch_url
from lti_tool.models import Registration
from lti_tool.settings import Settings

TITLE = "Groups"
DESCRIPTION = "Rosters, group sets and groups in step with Canvas"
MEMBERSHIPS_SCOPE = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
CANVAS_CUSTOM = {
    "canvas_user_id": "$Canvas.user.id",
    "canvas_course_id": "$Canvas.course.id",
    "canvas_api_base": "$Canvas.api.baseUrl",
    "canvas_section_ids": "$Canvas.course.sectionIds",
    "canvas_permissions": "$Canvas.membership.permissions<manage_groups_add,manage_groups_manage,manage_groups_delete>",
    "student_view": "$com.instructure.User.student_view",
    "context_history": "$Context.id.history",
}


def canvas_developer_key(settings: Settings, registration: Registration) -> dict[str, Any]:
    """Return the configuration of an LTI developer key with one placement, the course navigation (canvas.md 11.2)."""
    here = f"{settings.base_url}/lti/{registration.id}"
    launch = launch_url(settings, registration)
    placement = {
        "placement": "course_navigation",
        "message_type": "LtiResourceLinkRequest",
        "target_link_uri": launch,
        "text": TITLE,
        "default": "enabled",
        "visibility": "members",
    }
    return {
        "title": TITLE,
        "description": DESCRIPTION,
        "oidc_initiation_url": f"{here}/login",
        "target_link_uri": launch,
        "scopes": [MEMBERSHIPS_SCOPE],
        "public_jwk_url": f"{here}/jwks.json",
        "custom_fields": CANVAS_CUSTOM,
        "extensions": [
            {
                "platform": "canvas.instructure.com",
                "domain": settings.origin.partition("://")[2],
                "tool_id": "lti-groups",
                "privacy_level": "public",
                "settings": {"text": TITLE, "placements": [placement]},
            }
        ],
    }
