"""Names and roles: the roster that each site shows to the tool, with the habits of each."""

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, json, jsonify, request
from flask.typing import ResponseReturnValue

from lti_tool.demo import canvas_lti, canvas_roles, course_groups, gate, moodle_lti, outsider
from lti_tool.demo.config import Flavour, ToolLink
from lti_tool.demo.hub import canvas, hub, moodle
from lti_tool.demo.lti_messages import MEMBERSHIP, NRPS_SCOPE, NRPS_TYPE, person_claims, service_token, tool_of
from lti_tool.demo.model import Course, Group, Person
from lti_tool.demo.moodle_text import escaped

canvas_bp = Blueprint("canvas_nrps", __name__, url_prefix="/canvas")
moodle_bp = Blueprint("moodle_nrps", __name__, url_prefix="/moodle")
gate.guard(canvas_bp, "canvas")
gate.guard(moodle_bp, "moodle")
CANVAS_PAGE = 50
MOODLE_MANAGERS = ("editingteacher", "manager")


def _may_read(flavour: Flavour) -> bool:
    token = service_token(flavour)
    return token is not None and NRPS_SCOPE in token.scope.split()


def _answer(body: dict[str, Any], next_url: str | None) -> Response:
    response = Response(json.dumps(body, ensure_ascii=False), mimetype=NRPS_TYPE)
    if next_url:
        response.headers["Link"] = f'<{next_url}>; rel="next"'
    return response


def _page_fails(page: int) -> bool:
    return hub().faults.bad_page() == page


@canvas_bp.get("/api/lti/courses/<int:course_id>/names_and_roles")
def canvas_members(course_id: int) -> ResponseReturnValue:
    if not _may_read("canvas"):
        return _unauthorized()
    course, tool = canvas().courses.get(course_id), tool_of("canvas")
    if course is None or tool is None or _offset(request.args.get("page")) is None:
        return _missing()
    # The link in the course navigation has the id of the course itself.
    rlid = request.args.get("rlid")
    if rlid is not None and rlid != course.lti_id:
        text = "Tool does not have access to rlid or rlid does not exist"
        return jsonify(errors={"type": "bad_request", "message": text}), 400
    if _offset(request.args.get("page")):
        outsider.leave_between_pages(canvas(), course.id, hub().faults)
    people = _with_role(course, canvas().current_users(course.id), request.args.get("role"))

    def shown(page: list[Person]) -> list[dict[str, Any]]:
        members = [_canvas_member(tool, course, person, expanded=rlid is not None) for person in page]
        return course_groups.with_enrollments("canvas", course, members)

    return _canvas_page(people, canvas_lti.context_claim(course), shown)


@canvas_bp.get("/api/lti/groups/<int:group_id>/names_and_roles")
def canvas_group_members(group_id: int) -> ResponseReturnValue:
    """Give the accepted members of a group in the order of their ids; its context is the group."""
    if not _may_read("canvas"):
        return _unauthorized()
    group = canvas().groups.get(group_id)
    if group is None or group.deleted or _offset(request.args.get("page")) is None:
        return _missing()
    role = request.args.get("role")
    people = [canvas().people[number] for number in sorted(canvas().members(group.id))]
    people = [p for p in people if role is None or any(r in (role, *_short(role)) for r in _group_roles(group, p))]

    def shown(page: list[Person]) -> list[dict[str, Any]]:
        return [_person(person) | {"roles": _group_roles(group, person)} for person in page]

    context = {"id": canvas_roles.group_lti_id(group.id), "title": group.name}
    return _canvas_page(people, context, shown)


def _unauthorized() -> ResponseReturnValue:
    return jsonify(errors={"type": "unauthorized", "message": "invalid_access_token"}), 401


def _missing() -> ResponseReturnValue:
    return jsonify(errors=[{"message": "The specified resource does not exist."}]), 404


def _group_roles(group: Group, person: Person) -> list[str]:
    names = ["Member", *(["Manager"] if group.leader == person.id else [])]
    return [f"{MEMBERSHIP}#{name}" for name in names]


def _short(role: str) -> tuple[str]:
    return (f"{MEMBERSHIP}#{role}",)


def _canvas_page(
    people: list[Person], context: dict[str, Any], shown: Callable[[list[Person]], list[dict[str, Any]]]
) -> ResponseReturnValue:
    """Answer one page of a list of people, fifty at the most, and the link to the next."""
    start = _offset(request.args.get("page")) or 0
    size = min(max(request.args.get("limit", CANVAS_PAGE, int), 1), CANVAS_PAGE)
    if _page_fails(start // size + 1):
        return gate.server_error("canvas")
    url = f"{hub().issuer('canvas')}{request.path.removeprefix('/canvas')}"
    more = None
    if start + size < len(people):
        kept = {k: v for k, v in request.args.items() if k != "page"}
        more = f"{url}?{urlencode(kept | {'page': _cursor(start + size)}, safe=':')}"
    return _answer({"id": url, "context": context, "members": shown(people[start : start + size])}, more)


def _cursor(start: int) -> str:
    # Opaque to the caller, and with capital letters: a client that tidies URLs loses its place.
    return "Bookmark:" + base64.urlsafe_b64encode(f"Offset={start}".encode()).decode().rstrip("=")


def _offset(cursor: str | None) -> int | None:
    if cursor is None or cursor == "1":
        return 0
    try:
        text = cursor.removeprefix("Bookmark:")
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        return int(plain.removeprefix("Offset="))
    except ValueError:
        return None


def _with_role(course: Course, people: list[Person], role: str | None) -> list[Person]:
    kept = []
    for person in people:
        roles = canvas_roles.membership_roles(canvas(), course, person)
        wanted = role is None or any(known in roles for known in (role, *_short(role)))
        if roles and wanted:
            kept.append(person)
    return kept


def _canvas_member(tool: ToolLink, course: Course, person: Person, *, expanded: bool) -> dict[str, Any]:
    member = _person(person) | {"roles": canvas_roles.membership_roles(canvas(), course, person)}
    if expanded:
        claim = "https://purl.imsglobal.org/spec/lti/claim/"
        custom = canvas_roles.expand(canvas(), tool, course, person)
        link = {claim + "message_type": "LtiResourceLinkRequest", claim + "custom": custom}
        member["message"] = [link | {"locale": "en"}]
    return member


def _person(person: Person) -> dict[str, Any]:
    member: dict[str, Any] = {
        "status": "Active",
        "user_id": person.lti_id,
        "lti11_legacy_user_id": person.lti_id.replace("-", ""),
        "picture": f"{hub().issuer('canvas')}/images/messages/avatar-50.png",
    } | person_claims(person)
    return member | ({"lis_person_sourcedid": person.sis_id} if person.sis_id else {})


@moodle_bp.get("/mod/lti/services.php/CourseSection/<int:course_id>/bindings/<int:tool_id>/memberships")
def moodle_members(course_id: int, tool_id: int) -> ResponseReturnValue:
    course = moodle().courses.get(course_id)
    if not _may_read("moodle") or tool_id != moodle_lti.TOOL_TYPE_ID:
        return jsonify(status=401, reason="Unauthorized", request={"method": "GET", "url": request.path}), 401
    if course is None:
        return jsonify(status=404, reason="Not Found"), 404
    rows = {e.user: e for e in moodle().course_enrolments(course_id) if e.state == "active"}
    people = sorted((moodle().people[n] for n in rows), key=lambda p: (p.family.lower(), p.given.lower(), p.id))
    members = [_moodle_member(p, manages=rows[p.id].kind in MOODLE_MANAGERS) for p in people]
    members = course_groups.with_enrollments("moodle", course, members)
    role = (request.args.get("role") or "").rpartition("#")[2]
    if role in ("Instructor", "Learner"):
        members = [m for m in members if role in m["roles"]]
    url = f"{hub().issuer('moodle')}{request.path.removeprefix('/moodle')}"
    start, limit = request.args.get("from", 0, int), request.args.get("limit", 0, int)
    if _page_fails(start // limit + 1 if limit else 1):
        return gate.server_error("moodle")
    more = None
    if limit > 0:
        # Moodle's next link forgets the role filter.
        more = f"{url}?limit={limit}&from={start + limit}" if start + limit < len(members) else None
        members = members[start : start + limit]
    return _answer({"id": url, "context": moodle_lti.context_claim(course), "members": members}, more)


def _moodle_member(person: Person, *, manages: bool) -> dict[str, Any]:
    return {
        "status": "Active",
        "roles": ["Instructor" if manages else "Learner"],
        "user_id": str(person.id),
        "lis_person_sourcedid": person.sis_id or "",
        "name": escaped(person.name),
        "given_name": escaped(person.given),
        "family_name": escaped(person.family),
        "email": person.email,
        "ext_user_username": person.login,
    }
