"""Canvas-like REST: group sets ("group categories")."""

import re
import time
from collections.abc import Callable
from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from lti_tool.demo import canvas_api as api
from lti_tool.demo import canvas_rules as rules
from lti_tool.demo.canvas_api import CanvasError, bp
from lti_tool.demo.canvas_courses import search
from lti_tool.demo.canvas_json import group_json, progress_json, set_json, unassigned, user_json
from lti_tool.demo.canvas_roles import GROUP_RIGHTS
from lti_tool.demo.hub import Job, canvas, hub
from lti_tool.demo.model import Course, GroupSet
from lti_tool.demo.site import now_text

RESERVED = ("Student Groups", "Imported Groups")
MAX_NEW_GROUPS = 200


def reach(set_id: int, *rights: str) -> GroupSet:
    """Return a set that the caller may work on."""
    group_set = api.find_set(set_id)
    api.need(canvas().courses[group_set.course], *(rights or GROUP_RIGHTS))
    return group_set


@bp.get("/courses/<course>/group_categories")
def list_sets(course: str) -> ResponseReturnValue:
    found = api.find_course(course)
    if not any(api.may(found, right) for right in GROUP_RIGHTS):
        raise CanvasError(403, {"error": "user not authorized to perform that action"})
    state = request.args.get("collaboration_state", "collaborative")
    if state not in ("collaborative", "non_collaborative", "all"):
        raise CanvasError(400, {"error": "Invalid collaboration_state parameter"})
    shown = [
        row for row in canvas().course_sets(found.id) if state == "all" or row.is_tag == (state != "collaborative")
    ]
    rows = sorted(shown, key=lambda row: row.id)
    page, links = api.paged(rows)
    include = api.includes("includes")
    return jsonify([set_json(row, include) for row in page]), 200, links


@bp.post("/courses/<course>/group_categories")
def create_set(course: str) -> ResponseReturnValue:
    found = api.find_course(course)
    api.need(found, "manage_groups_add")
    given = api.params()
    if "name" not in given:
        raise CanvasError(400, {"errors": [{"message": "name is missing"}]})
    _check_sis(given)
    _check(found, given, str(given["name"]), None)
    row = canvas().add_set(found.id, str(given["name"]))
    _assign(row, given)
    _make_groups(row, given)
    return jsonify(set_json(row, {"groups_count", "unassigned_users_count"}))


@bp.get("/group_categories/<int:set_id>")
def show_set(set_id: int) -> ResponseReturnValue:
    return jsonify(set_json(reach(set_id), api.includes("includes")))


@bp.put("/group_categories/<int:set_id>")
def update_set(set_id: int) -> ResponseReturnValue:
    row = reach(set_id, "manage_groups_manage")
    given = api.params()
    _check_sis(given)
    name = str(given.get("name", row.name) or "")
    _check(canvas().courses[row.course], given, name, row)
    row.name = name
    old_limit = row.group_limit
    _assign(row, given)
    if row.group_limit != old_limit:
        # Every group's own limit is overwritten, also by nothing.
        for group in canvas().set_groups(row.id):
            group.max_membership = row.group_limit
    _make_groups(row, given)
    canvas().touch()
    return jsonify(set_json(row))


@bp.delete("/group_categories/<int:set_id>")
def delete_set(set_id: int) -> ResponseReturnValue:
    row = reach(set_id, "manage_groups_delete")
    if row.role not in (None, "imported"):
        raise CanvasError(401, {"status": "unauthorized"})
    shown = set_json(row)
    for group in canvas().set_groups(row.id):
        group.deleted = True
    row.deleted = True
    canvas().touch()
    return jsonify(shown)


def _check_sis(given: dict[str, Any]) -> None:
    if "sis_group_category_id" in given and not api.caller().admin:
        raise CanvasError(401, {"message": "You must have manage_sis permission to set sis attributes"})


def _check(course: Course, given: dict[str, Any], name: str, own: GroupSet | None) -> None:
    if not name.strip():
        raise api.invalid("name", "Name is required")
    if name in RESERVED:
        raise api.invalid("name", f"{name} is a reserved name.")
    if any(s.name == name and s is not own for s in canvas().course_sets(course.id)):
        raise api.invalid("name", f"{name} is already in use.")
    if len(name) > 250:
        raise api.invalid("name", "Enter a shorter category name")
    limit = api.number(given.get("group_limit"))
    if limit is not None and limit < 2:
        raise api.invalid("group_limit", "Must be greater than 1")
    if own is not None and given.get("self_signup") == "restricted" and rules.has_mixed_group(own):
        text = "Can't restrict self-signup while a mixed-section group exists in the category"
        raise api.invalid("restrict_self_signup", text)


def _assign(row: GroupSet, given: dict[str, Any]) -> None:
    # What the request does not name is reset: the well-known trap of this call.
    signup, leader = given.get("self_signup"), given.get("auto_leader")
    row.self_signup = signup if signup in ("enabled", "restricted") else None
    row.auto_leader = leader if leader in ("first", "random") else None
    row.group_limit = api.number(given.get("group_limit"))


def _make_groups(row: GroupSet, given: dict[str, Any]) -> None:
    count = api.number(given.get("create_group_count")) or 0
    if not row.self_signup:
        count = api.number(given.get("split_group_count")) or count
    stem = re.sub(r"(?<=[^s])s$", "", row.name)
    for i in range(min(count, MAX_NEW_GROUPS)):
        canvas().add_group(row.course, f"{stem} {i + 1}", [row.id], max_membership=row.group_limit)
    if count and not row.self_signup and not api.truth(given.get("assign_async")):
        rules.fill(row)


@bp.get("/group_categories/<int:set_id>/groups")
def set_groups(set_id: int) -> ResponseReturnValue:
    group_set = api.find_set(set_id)
    groups = sorted(canvas().set_groups(group_set.id), key=lambda g: (g.name.casefold(), g.id))
    page, links = api.paged(groups)
    # include[] has no effect here, also not "users".
    return jsonify([group_json(group) for group in page]), 200, links


@bp.get("/group_categories/<int:set_id>/users")
def set_users(set_id: int) -> ResponseReturnValue:
    group_set = reach(set_id, "read_roster")
    site, course = canvas(), canvas().courses[group_set.course]
    if api.truth(request.args.get("unassigned")):
        people = unassigned(group_set)
    else:
        rows = site.course_enrolments(course.id)
        states = ("active", "invited")
        ids = {e.user for e in rows if e.kind == "StudentEnrollment" and e.state in states}
        people = sorted((site.people[i] for i in ids), key=lambda p: (p.sortable.casefold(), p.id))
    page, links = api.paged(search(people))
    return jsonify([user_json(p, course, api.includes()) for p in page]), 200, links


@bp.post("/group_categories/<int:set_id>/assign_unassigned_members")
def assign_unassigned(set_id: int) -> ResponseReturnValue:
    row = reach(set_id, "manage_groups_manage")
    if row.role == "student_organized" or row.self_signup == "restricted":
        raise CanvasError(400, {})
    if not api.truth(api.params().get("sync")):
        job = later(row, "assign_unassigned_members", lambda: _fill_again(row.id))
        return jsonify(progress_json(job))
    answer = []
    for group_id, people in rules.fill(row).items():
        new = [{"user_id": p.id, "name": p.sortable, "display_name": p.name, "sections": []} for p in people]
        answer.append({"id": group_id, "new_members": new})
    return jsonify(answer)


def _fill_again(set_id: int) -> None:
    rules.fill(canvas().sets[set_id])


def later(row: GroupSet, tag: str, run: Callable[[], None]) -> Job:
    """Put off some work and return it as a job that callers can watch."""
    now = time.time()
    number = len(hub().jobs) + 1
    due = now + hub().faults.import_delay_ms / 1000
    job = Job(number, tag, row.id, due, now, run, now_text())
    hub().jobs[number] = job
    return job


@bp.get("/progress/<int:job_id>")
def progress(job_id: int) -> ResponseReturnValue:
    job = hub().jobs.get(job_id)
    if job is None:
        raise api.missing()
    return jsonify(progress_json(job))
