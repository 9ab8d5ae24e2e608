"""Canvas-like REST: groups and memberships."""

import re
import time
from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from lti_tool.demo import canvas_api as api
from lti_tool.demo import canvas_rules as rules
from lti_tool.demo.canvas_api import CanvasError, bp
from lti_tool.demo.canvas_courses import search
from lti_tool.demo.canvas_json import group_json, member_people, membership_json, user_json
from lti_tool.demo.canvas_sets import reach
from lti_tool.demo.hub import canvas, hub
from lti_tool.demo.model import Group

LEADING_DIGITS = re.compile(r"\d+")
ANSWER = {"users", "group_category", "permissions"}


def _reach(group_id: str, right: str) -> Group:
    group = api.find_group(group_id)
    # A group's leader may edit it without any right in the course.
    leads = right == "manage_groups_manage" and group.leader == api.caller().id
    if not leads:
        api.need(canvas().courses[group.course], right)
    return group


@bp.get("/courses/<course>/groups")
def course_groups(course: str) -> ResponseReturnValue:
    found = api.find_course(course)
    api.need(found, "read_roster")
    site, term = canvas(), request.args.get("filter", "").casefold()
    groups = [g for g in site.course_groups(found.id) if term in g.name.casefold()]
    if api.truth(request.args.get("only_own_groups")):
        groups = [g for g in groups if api.caller().id in site.members(g.id)]
    state = request.args.get("collaboration_state", "collaborative")
    groups = [g for g in groups if state == "all" or site.sets[g.sets[0]].is_tag == (state == "non_collaborative")]
    groups.sort(key=lambda g: (site.sets[g.sets[0]].name.casefold(), g.sets[0], g.name.casefold(), g.id))
    page, links = api.paged(groups)
    if "users" in api.includes():
        time.sleep(hub().faults.group_users_ms / 1000 * len(page))
    return jsonify([group_json(group, api.includes()) for group in page]), 200, links


@bp.post("/group_categories/<int:set_id>/groups")
def create_group(set_id: int) -> ResponseReturnValue:
    row = reach(set_id, "manage_groups_add")
    given = api.params()
    _check(given)
    name = str(given["name"]) if "name" in given else f"group-{row.id}-{len(canvas().groups)}"
    group = canvas().add_group(row.course, name, [row.id])
    _assign(group, given)
    group.max_membership = group.max_membership or row.group_limit
    return jsonify(group_json(group, ANSWER))


@bp.get("/groups/<group_id>")
def show_group(group_id: str) -> ResponseReturnValue:
    return jsonify(group_json(_reach(group_id, "read_roster"), api.includes()))


@bp.put("/groups/<group_id>")
def update_group(group_id: str) -> ResponseReturnValue:
    group = _reach(group_id, "manage_groups_manage")
    given = api.params()
    if "members" in given:
        rules.set_members(group, _member_ids(given["members"]))
    # Checked after the members were set, and nothing takes that back.
    _check(given)
    if "leader" in given:
        _set_leader(group, given["leader"])
    _assign(group, given)
    return jsonify(group_json(group, ANSWER))


def _member_ids(value: Any) -> list[int]:
    parts = value.split(",") if isinstance(value, str) else (value or [])
    # Ruby's to_i: a SIS id becomes 0, which is nobody, and "2~123" becomes user 2, who is somebody else.
    found = (LEADING_DIGITS.match(str(part)) for part in parts)
    return list(dict.fromkeys(int(digits[0]) if digits else 0 for digits in found))


def _set_leader(group: Group, value: Any) -> None:
    chosen = api.number(value.get("id")) if isinstance(value, dict) else None
    if chosen is not None and chosen not in canvas().members(group.id):
        raise CanvasError(400, {})
    group.leader = chosen


def _check(given: dict[str, Any]) -> None:
    name = given.get("name")
    if name is not None and not str(name).strip():
        raise api.invalid("name", "Name is required")
    if name is not None and len(str(name)) > 255:
        raise api.invalid("name", "Enter a shorter group name")
    limit = api.number(given.get("max_membership"))
    if limit is not None and limit < 2:
        raise api.invalid("max_membership", "Must be greater than 1")


def _assign(group: Group, given: dict[str, Any]) -> None:
    group.name = str(given.get("name", group.name))
    if "description" in given:
        group.description = given["description"]
    group.join_level = str(given.get("join_level", group.join_level))
    group.is_public = api.truth(given.get("is_public", group.is_public))
    if "max_membership" in given:
        group.max_membership = api.number(given["max_membership"])
    canvas().touch()


@bp.delete("/groups/<group_id>")
def delete_group(group_id: str) -> ResponseReturnValue:
    group = _reach(group_id, "manage_groups_delete")
    # The memberships stay, as they do on Canvas: group_ids goes on naming them.
    group.deleted = True
    canvas().touch()
    return jsonify(group_json(group))


@bp.get("/groups/<group_id>/permissions")
def group_permissions(group_id: str) -> ResponseReturnValue:
    group = _reach(group_id, "read_roster")
    course = canvas().courses[group.course]
    return jsonify({name: api.may(course, name) for name in api.listed("permissions")})


@bp.get("/groups/<group_id>/users")
def group_users(group_id: str) -> ResponseReturnValue:
    group = _reach(group_id, "read_roster")
    course = canvas().courses[group.course]
    page, links = api.paged(search(member_people(group)))
    return jsonify([user_json(p, course, api.includes()) for p in page]), 200, links


@bp.get("/groups/<group_id>/memberships")
def memberships(group_id: str) -> ResponseReturnValue:
    group = _reach(group_id, "read_roster")
    states = api.listed("filter_states")
    rows = sorted(canvas().members(group.id).values(), key=lambda m: m.id)
    page, links = api.paged(rows if not states or "accepted" in states else [])
    return jsonify([membership_json(row) for row in page]), 200, links


@bp.post("/groups/<group_id>/memberships")
def add_membership(group_id: str) -> ResponseReturnValue:
    group = api.find_group(group_id)
    given = api.params()
    if "members" in given or "all_in_group_course" in given:
        raise CanvasError(400, None)
    person = api.find_user(str(given.get("user_id", "")))
    if person is None:
        raise api.missing()
    course, site = canvas().courses[group.course], canvas()
    open_to_all = site.sets[group.sets[0]].self_signup is not None
    if not (person.id == api.caller().id and open_to_all):
        api.need(course, "manage_groups_manage")
    real = [e for e in site.enrolments_of(course.id, person.id) if e.kind != "StudentViewEnrollment"]
    if not real:
        raise api.unauthorized()
    if person.id not in site.members(group.id) and rules.is_full(group):
        raise api.invalid("group_id", "The group is full.")
    if not rules.shares_section(group, person.id):
        raise api.invalid("user_id", f"{person.name} does not share a section with the other members of {group.name}")
    row, new = rules.join(group, person.id)
    return jsonify(membership_json(row, just_created=new))


@bp.route("/groups/<group_id>/users/<user>", methods=["GET", "PUT", "DELETE"])
def one_user(group_id: str, user: str) -> ResponseReturnValue:
    group, person = api.find_group(group_id), api.find_user(user)
    return _one(group, person.id if person else 0)


@bp.route("/groups/<group_id>/memberships/<membership>", methods=["GET", "PUT", "DELETE"])
def one_membership(group_id: str, membership: str) -> ResponseReturnValue:
    group = api.find_group(group_id)
    rows = canvas().members(group.id).values()
    found = (m.user for m in rows if str(m.id) == membership or (membership == "self" and m.user == api.caller().id))
    return _one(group, next(found, 0))


def _one(group: Group, user_id: int) -> ResponseReturnValue:
    row = canvas().members(group.id).get(user_id)
    if row is None:
        raise api.missing()
    course = canvas().courses[group.course]
    if request.method == "GET":
        api.need(course, "read_roster")
        return jsonify(membership_json(row))
    own = user_id == api.caller().id and canvas().sets[group.sets[0]].self_signup is not None
    if not own:
        api.need(course, "manage_groups_manage")
    if request.method == "DELETE":
        rules.leave(group, user_id)
        return jsonify(ok=True)
    row.moderator = api.truth(api.params().get("moderator", row.moderator))
    canvas().touch()
    return jsonify(membership_json(row))


@bp.post("/groups/<group_id>/invite")
def invite(group_id: str) -> ResponseReturnValue:
    group = _reach(group_id, "manage_groups_manage")
    wanted = {str(mail).lower() for mail in api.params().get("invitees", [])}
    people = [p for p in canvas().current_users(group.course) if p.email and p.email.lower() in wanted]
    return jsonify([membership_json(rules.join(group, person.id)[0]) for person in people])
