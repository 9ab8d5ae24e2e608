"""The LTI Course Groups Service, which lists groups but no members: for tools that play a platform of another make.

Real Canvas and real Moodle have no such service, so a site offers it only to a tool whose link says so.
"""

from typing import Any

from flask import Blueprint, Response, json, jsonify, request
from flask.typing import ResponseReturnValue

from lti_tool.demo import gate
from lti_tool.demo.config import Flavour, ToolLink
from lti_tool.demo.hub import hub
from lti_tool.demo.lti_messages import GROUPS_CLAIM, GROUPS_SCOPE, service_token, tool_of
from lti_tool.demo.model import Course, Group, GroupSet

canvas_bp = Blueprint("canvas_course_groups", __name__, url_prefix="/canvas")
moodle_bp = Blueprint("moodle_course_groups", __name__, url_prefix="/moodle")
gate.guard(canvas_bp, "canvas")
gate.guard(moodle_bp, "moodle")
LONGEST_PAGE = 50


def claim(flavour: Flavour, tool: ToolLink, course: Course) -> dict[str, Any]:
    """Return the claim of a launch that names the service, nothing for a tool that does not have it."""
    if not tool.groups_service:
        return {}
    root = f"{hub().issuer(flavour)}/api/lti/courses/{course.id}"
    return {
        GROUPS_CLAIM: {
            "scope": [GROUPS_SCOPE],
            "context_groups_url": f"{root}/context_groups",
            "context_group_sets_url": f"{root}/context_group_sets",
            "service_versions": ["1.0"],
        }
    }


def with_enrollments(flavour: Flavour, course: Course, members: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return members of a roster with the groups of each, if the tool asks for them and the platform tells them."""
    tool = tool_of(flavour)
    told = tool and tool.groups_service and tool.group_enrollments and request.args.get("groups") == "true"
    if not told:
        return members
    held = _groups_by_person(flavour, course)
    return [
        member | {"group_enrollments": [{"group_id": str(group.id)} for group in held.get(member["user_id"], ())]}
        for member in members
    ]


@canvas_bp.get("/api/lti/courses/<int:course_id>/context_groups")
def canvas_groups(course_id: int) -> ResponseReturnValue:
    return _list("canvas", course_id, "groups")


@canvas_bp.get("/api/lti/courses/<int:course_id>/context_group_sets")
def canvas_sets(course_id: int) -> ResponseReturnValue:
    return _list("canvas", course_id, "sets")


@moodle_bp.get("/api/lti/courses/<int:course_id>/context_groups")
def moodle_groups(course_id: int) -> ResponseReturnValue:
    return _list("moodle", course_id, "groups")


@moodle_bp.get("/api/lti/courses/<int:course_id>/context_group_sets")
def moodle_sets(course_id: int) -> ResponseReturnValue:
    return _list("moodle", course_id, "sets")


def _list(flavour: Flavour, course_id: int, key: str) -> ResponseReturnValue:
    tool, token = tool_of(flavour), service_token(flavour)
    if token is None:
        return jsonify(error="invalid_token"), 401
    if GROUPS_SCOPE not in token.scope.split():
        return jsonify(error="insufficient_scope"), 403
    course = hub().sites[flavour].courses.get(course_id)
    if course is None or tool is None or not tool.groups_service:
        return jsonify(error="not found"), 404
    if key == "groups":
        entries = [_shown_group(flavour, group) for group in _groups(flavour, course, request.args.get("user_id"))]
    else:
        entries = [{"id": str(row.id), "name": row.name} for row in _sets(flavour, course)]
    return _page(flavour, key, entries)


def _sets(flavour: Flavour, course: Course) -> list[GroupSet]:
    return [row for row in hub().sites[flavour].course_sets(course.id) if row.role is None]


def _groups(flavour: Flavour, course: Course, lti_user_id: str | None) -> list[Group]:
    site = hub().sites[flavour]
    clubs = {row.id for row in site.course_sets(course.id) if row.role is not None}
    groups = [group for group in site.course_groups(course.id) if not clubs.intersection(group.sets)]
    if lti_user_id is None:
        return groups
    return _groups_by_person(flavour, course).get(lti_user_id, [])


def _groups_by_person(flavour: Flavour, course: Course) -> dict[str, list[Group]]:
    site = hub().sites[flavour]
    found: dict[str, list[Group]] = {}
    for group in _groups(flavour, course, None):
        for user_id in site.members(group.id):
            found.setdefault(site.people[user_id].lti_id, []).append(group)
    return found


def _shown_group(flavour: Flavour, group: Group) -> dict[str, Any]:
    sets = hub().sites[flavour].sets
    # The service has room for one set only.
    set_id = next((str(number) for number in group.sets if number in sets and not sets[number].deleted), None)
    return {"id": str(group.id), "name": group.name} | ({"set_id": set_id} if set_id else {})


def _page(flavour: Flavour, key: str, entries: list[dict[str, Any]]) -> Response | tuple[Response, int]:
    size = min(max(request.args.get("limit", LONGEST_PAGE, int), 1), LONGEST_PAGE)
    start = request.args.get("from", 0, int)
    if hub().faults.bad_page() == start // size + 1:
        return gate.server_error(flavour)
    kind = "contextgroup" if key == "groups" else "contextgroupset"
    url = hub().issuer(flavour) + request.path.removeprefix(f"/{flavour}")
    response = Response(
        json.dumps({"id": url, key: entries[start : start + size]}, ensure_ascii=False),
        mimetype=f"application/vnd.ims.lti-gs.v1.{kind}container+json",
    )
    if start + size < len(entries):
        user = request.args.get("user_id")
        kept = f"&user_id={user}" if user else ""
        response.headers["Link"] = f'<{url}?limit={size}&from={start + size}{kept}>; rel="next"'
    return response
