"""LTI 1.3 launches of the Canvas-like site: login start, authorization endpoint, id_token, keys."""

import time
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from lti_tool.demo import course_groups, deep_linking, keys, lti_messages
from lti_tool.demo.canvas_roles import expand, launch_roles
from lti_tool.demo.config import ToolLink
from lti_tool.demo.hub import canvas, hub
from lti_tool.demo.lti_messages import CLAIM, autopost, error_form
from lti_tool.demo.model import Course, Person

bp = Blueprint("canvas_lti", __name__, url_prefix="/canvas")
NEEDED = [
    "client_id",
    "login_hint",
    "lti_message_hint",
    "nonce",
    "prompt",
    "redirect_uri",
    "response_mode",
    "response_type",
    "scope",
]
FIXED = {"scope": "openid", "response_type": "id_token", "response_mode": "form_post", "prompt": "none"}


def is_of_tool(tool: ToolLink, url: str) -> bool:
    """Say whether an address is one of the tool's, as Canvas finds a tool by the address of a link."""
    ours, asked = urlsplit(tool.launch_url), urlsplit(url)
    return (asked.scheme, asked.netloc) == (ours.scheme, ours.netloc)


def launch_start(tool: ToolLink, course: Course, person: Person, target: str = "") -> Response:
    """Return the page that sends the browser to the tool's login address, for its usual page or for `target`."""
    hint = lti_messages.begin(hub(), "canvas", person.id, course.id, target)
    fields = {
        "iss": hub().issuer("canvas"),
        "login_hint": person.lti_id,
        "client_id": tool.client_id,
        "lti_deployment_id": tool.deployment_id,
        "deployment_id": tool.deployment_id,
        "target_link_uri": deep_linking.target_of(hint, tool),
        "lti_message_hint": hint.launch_id,
        "canvas_region": "demo",
        "canvas_environment": "prod",
        "lti_storage_target": "post_message_forwarding",
    }
    return autopost(tool.login_url, fields, "Opening the tool…")


@bp.route("/api/lti/authorize_redirect", methods=["GET", "POST"])
def authorize() -> ResponseReturnValue:
    tool, values = lti_messages.tool_of("canvas"), request.values
    # Without a known tool and its own address there is nobody who may be told about the error.
    if tool is None or values.get("client_id") != tool.client_id:
        return jsonify(status="bad_request", message="Invalid client_id"), 400
    if values.get("redirect_uri") != tool.launch_url:
        return jsonify(status="bad_request", message="Invalid redirect_uri"), 400
    wrong = _wrong_parameter()
    if wrong:
        return error_form(tool.launch_url, "invalid_request_object", wrong)
    hint = lti_messages.take_hint(hub(), "canvas", values["lti_message_hint"])
    if hint is None:
        text = "The launch has either expired or already been consumed"
        return error_form(tool.launch_url, "launch_no_longer_valid", text)
    person, course = canvas().people[hint.user], canvas().courses[hint.course]
    if values["login_hint"] != person.lti_id:
        return error_form(tool.launch_url, "login_required", "Must have an active user session")
    claims = deep_linking.as_asked(hint, id_token(tool, course, person)) | {"nonce": values["nonce"]}
    fields = {
        "id_token": keys.sign(hub().pems["canvas"], claims),
        "state": values.get("state", ""),
        "lti_storage_target": "post_message_forwarding",
    }
    return autopost(tool.launch_url, fields, "Signing in to the tool…")


def _wrong_parameter() -> str:
    """Return what is wrong with the request's parameters, or nothing."""
    missing = [name for name in NEEDED if not request.values.get(name)]
    if missing:
        return f"The following parameters are missing: {', '.join(missing)}"
    wrong = [f"The '{name}' must be '{value}'" for name, value in FIXED.items() if request.values[name] != value]
    return "; ".join(wrong)


def id_token(tool: ToolLink, course: Course, person: Person) -> dict[str, Any]:
    """Return the claims of a course-navigation launch, without the nonce."""
    issuer, now = hub().issuer("canvas"), int(time.time())
    return (
        {
            "iss": issuer,
            "aud": tool.client_id,
            "azp": tool.client_id,
            "sub": person.lti_id,
            "iat": now,
            "exp": now + 3600,
            "locale": "en",
            "picture": f"{issuer}/images/messages/avatar-50.png",
            CLAIM + "message_type": "LtiResourceLinkRequest",
            CLAIM + "version": "1.3.0",
            CLAIM + "deployment_id": tool.deployment_id,
            CLAIM + "target_link_uri": tool.launch_url,
            CLAIM + "roles": launch_roles(canvas(), course, person),
            CLAIM + "context": context_claim(course)
            | {"type": ["http://purl.imsglobal.org/vocab/lis/v2/course#CourseOffering"]},
            CLAIM + "resource_link": {"id": course.lti_id, "title": course.title, "description": None},
            CLAIM + "custom": expand(canvas(), tool, course, person),
            CLAIM + "lis": {"person_sourcedid": person.sis_id, "course_offering_sourcedid": course.sis_id},
            CLAIM + "tool_platform": platform_claim(),
            CLAIM + "launch_presentation": {
                "locale": "en",
                "document_target": "iframe",
                "return_url": f"{issuer}/courses/{course.id}/external_content/success/external_tool_redirect",
            },
            CLAIM + "lti1p1": {"user_id": person.lti_id.replace("-", "")},
            CLAIM + "lti11_legacy_user_id": person.lti_id.replace("-", ""),
            "https://www.instructure.com/placement": "course_navigation",
            lti_messages.NRPS_CLAIM: {
                "context_memberships_url": f"{issuer}/api/lti/courses/{course.id}/names_and_roles",
                "service_versions": ["2.0"],
            },
        }
        | course_groups.claim("canvas", tool, course)
        | lti_messages.person_claims(person)
    )


def context_claim(course: Course) -> dict[str, Any]:
    """Return the course as launches and NRPS name it."""
    return {"id": course.lti_id, "label": course.code, "title": course.title}


def platform_claim() -> dict[str, str]:
    """Return what the site says of itself."""
    name = "Demo University (simulator)"
    return {"guid": "demo-canvas:canvas-lms", "name": name, "product_family_code": "canvas", "version": "cloud"}


@bp.get("/api/lti/security/jwks")
def jwks() -> ResponseReturnValue:
    return jsonify(keys.jwks(hub().pems["canvas"])), 200, {"Cache-Control": "max-age=864000, public"}
