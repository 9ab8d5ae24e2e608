"""LTI 1.3 launches of the Moodle-like site: login start, auth.php, id_token, keys."""

import hashlib
import json
import secrets
import time
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from lti_tool.demo import course_groups, deep_linking, keys, lti_messages
from lti_tool.demo.config import ToolLink
from lti_tool.demo.hub import Hint, hub, moodle
from lti_tool.demo.lti_messages import CLAIM, INSTITUTION, MEMBERSHIP, SYSTEM, autopost, error_form
from lti_tool.demo.model import MOODLE_STAFF, Course, Person
from lti_tool.demo.site import Site

bp = Blueprint("moodle_lti", __name__, url_prefix="/moodle")
TOOL_TYPE_ID = 1


def cmid_of(course: Course) -> int:
    """Return the id of the activity through which the tool is opened in a course."""
    return course.id + 1


def launch_start(tool: ToolLink, course: Course, person: Person) -> Response:
    """Return the page that sends the browser to the tool's login address."""
    hint = lti_messages.begin(hub(), "moodle", person.id, course.id)
    launch_id = f"ltilaunch{cmid_of(course)}_{int(time.time())}{secrets.randbelow(10**6):06}"
    hub().hints[launch_id] = hub().hints.pop(hint.launch_id)
    hint.launch_id = launch_id
    fields = {
        "iss": hub().issuer("moodle"),
        "target_link_uri": deep_linking.target_of(hint, tool),
        "login_hint": str(person.id),
        "lti_message_hint": json.dumps({"cmid": cmid_of(course), "launchid": launch_id}, separators=(",", ":")),
        "client_id": tool.client_id,
        "lti_deployment_id": tool.deployment_id,
    }
    return autopost(tool.login_url, fields, "Opening the tool…")


class _RefusedError(Exception):
    """A request that Moodle refuses with a page of its own; nothing reaches the tool."""


@bp.errorhandler(_RefusedError)
def _refused(_error: _RefusedError) -> ResponseReturnValue:
    return render_template("demo/moodle_error.html", message="Invalid request"), 404


@bp.route("/mod/lti/auth.php", methods=["GET", "POST"])
def authorize() -> ResponseReturnValue:
    values, tool = request.values, lti_messages.tool_of("moodle")
    if tool is None or values.get("redirect_uri") != tool.launch_url or values.get("scope") != "openid":
        raise _RefusedError
    if not all(values.get(name) for name in ("response_type", "client_id", "login_hint", "nonce")):
        raise _RefusedError
    if values["client_id"] != tool.client_id:
        return error_form(tool.launch_url, "unauthorized_client", "")
    if values["response_type"] != "id_token" or values.get("response_mode") != "form_post":
        return error_form(tool.launch_url, "invalid_request", "Invalid response_mode")
    if values.get("prompt") not in (None, "", "none"):
        return error_form(tool.launch_url, "invalid_request", "Invalid prompt")
    hint = _take_hint(values.get("lti_message_hint", ""))
    if values["login_hint"] != str(hint.user):
        return error_form(tool.launch_url, "access_denied", "")
    person, course = moodle().people[hint.user], moodle().courses[hint.course]
    claims = {"nonce": values["nonce"]} | deep_linking.as_asked(hint, id_token(tool, course, person))
    fields = {"id_token": keys.sign(hub().pems["moodle"], claims), "state": values.get("state", "")}
    return autopost(tool.launch_url, fields, "Signing in to the tool…")


def _take_hint(text: str) -> Hint:
    try:
        given = json.loads(text)
        launch_id, cmid = str(given["launchid"]), int(given["cmid"])
    except (ValueError, KeyError, TypeError):
        raise _RefusedError from None
    hint = lti_messages.take_hint(hub(), "moodle", launch_id)
    if hint is None or hint.course + 1 != cmid:
        raise _RefusedError
    return hint


def launch_roles(site: Site, course: Course, person: Person) -> list[str]:
    """Return the roles of a launch: whoever may manage the tool's activity is an Instructor, a TA too."""
    staff = any(e.kind in MOODLE_STAFF and e.state == "active" for e in site.enrolments_of(course.id, person.id))
    if person.admin:
        return [f"{MEMBERSHIP}#Instructor", SYSTEM + "Administrator", INSTITUTION + "Administrator"]
    return [f"{MEMBERSHIP}#{'Instructor' if staff else 'Learner'}"]


def _custom(tool: ToolLink, course: Course, person: Person, memberships_url: str) -> dict[str, str]:
    groups = moodle().groups_by_user(course.id).get(person.id, [])
    variables = {
        "$Moodle.Person.userGroupIds": ",".join(str(group.id) for group in groups),
        "$User.id": str(person.id),
        "$User.username": person.login,
        "$Context.id": str(course.id),
        "$Context.id.history": ",".join(map(str, course.history)),
    }
    custom = {"context_memberships_url": memberships_url}
    for name, text in tool.custom.items():
        value = variables.get(text, text)
        # Moodle sends every parameter under its own name and in lower case.
        custom |= {name.lower(): value, name: value}
    return custom


def id_token(tool: ToolLink, course: Course, person: Person) -> dict[str, Any]:
    """Return the claims of a launch from a course page, without the nonce."""
    issuer, now = hub().issuer("moodle"), int(time.time())
    memberships = f"{issuer}/mod/lti/services.php/CourseSection/{course.id}/bindings/{TOOL_TYPE_ID}/memberships"
    return (
        {
            "iat": now,
            "exp": now + 60,
            "iss": issuer,
            "aud": tool.client_id,
            "sub": str(person.id),
            CLAIM + "deployment_id": tool.deployment_id,
            CLAIM + "target_link_uri": tool.launch_url,
            CLAIM + "lis": {"person_sourcedid": person.sis_id or "", "course_section_sourcedid": course.sis_id},
            CLAIM + "roles": launch_roles(moodle(), course, person),
            CLAIM + "context": context_claim(course) | {"type": ["CourseSection"]},
            CLAIM + "message_type": "LtiResourceLinkRequest",
            CLAIM + "resource_link": {"title": "LTI Groups", "description": "", "id": str(cmid_of(course))},
            CLAIM + "ext": {"user_username": person.login, "lms": "moodle-2"},
            CLAIM + "launch_presentation": {
                "locale": "en",
                "document_target": "iframe",
                "return_url": f"{issuer}/mod/lti/return.php?course={course.id}&launch_container=3&instanceid=1",
            },
            CLAIM + "tool_platform": {
                "product_family_code": "moodle",
                "version": "2024100706",
                "guid": hashlib.md5(issuer.encode(), usedforsecurity=False).hexdigest(),
                "name": "demo",
                "description": "Demo University (simulator)",
            },
            CLAIM + "version": "1.3.0",
            CLAIM + "custom": _custom(tool, course, person, memberships),
            lti_messages.NRPS_CLAIM: {"context_memberships_url": memberships, "service_versions": ["1.0", "2.0"]},
        }
        | course_groups.claim("moodle", tool, course)
        | lti_messages.person_claims(person)
    )


def context_claim(course: Course) -> dict[str, Any]:
    """Return the course as launches and NRPS name it."""
    return {"id": str(course.id), "label": course.code, "title": course.title}


@bp.get("/mod/lti/certs.php")
def certs() -> ResponseReturnValue:
    return jsonify(keys.jwks(hub().pems["moodle"]))
