"""Canvas-like REST: users, courses, sections, rosters."""

from collections.abc import Iterable
from typing import Any

from flask import jsonify, request
from flask.typing import ResponseReturnValue

from lti_tool.demo import canvas_api as api
from lti_tool.demo import outsider
from lti_tool.demo.canvas_api import bp
from lti_tool.demo.canvas_json import TYPE_WORDS, course_json, enrolment_json, group_json, user_json
from lti_tool.demo.hub import canvas, hub
from lti_tool.demo.model import Course, Enrolment, Person


@bp.get("/users/<user>")
def show_user(user: str) -> ResponseReturnValue:
    person = api.find_user(user)
    if person is None:
        raise api.missing()
    if person.id != api.caller().id and not api.caller().admin:
        raise api.unauthorized()
    shown = user_json(person, None, api.includes()) | {"effective_locale": "en", "locale": None}
    return jsonify(shown | {"permissions": {"can_update_name": True}})


@bp.get("/users/self/groups")
def own_groups() -> ResponseReturnValue:
    groups = [g for g in canvas().groups.values() if api.caller().id in canvas().members(g.id) and not g.deleted]
    page, links = api.paged_by_bookmark(groups)
    return jsonify([group_json(group) for group in page]), 200, links


@bp.get("/courses/<course>")
def show_course(course: str) -> ResponseReturnValue:
    return jsonify(course_json(api.find_course(course)))


@bp.get("/courses/<course>/permissions")
def permissions(course: str) -> ResponseReturnValue:
    found = api.find_course(course)
    asked = api.listed("permissions") or ["read", "read_roster", "manage_groups_manage"]
    return jsonify({name: api.may(found, name) for name in asked})


@bp.get("/courses/<course>/sections")
def sections(course: str) -> ResponseReturnValue:
    found = api.find_course(course)
    rows = canvas().sections_of(found.id)
    page, links = api.paged(rows)
    enrolments = canvas().course_enrolments(found.id)
    shown = []
    for row in page:
        entry: dict[str, Any] = {"id": row.id, "name": row.name, "course_id": row.course}
        entry |= {"start_at": None, "end_at": None, "nonxlist_course_id": None}
        if api.may(found, "read_sis"):
            entry |= {"sis_section_id": None, "sis_course_id": found.sis_id, "integration_id": None}
        if "total_students" in api.includes():
            rows_of = [e for e in enrolments if e.section == row.id and e.state in ("active", "invited")]
            entry["total_students"] = len({e.user for e in rows_of if e.kind == "StudentEnrollment"})
        shown.append(entry)
    return jsonify(shown), 200, links


def _visible(course: Course, rows: Iterable[Enrolment]) -> list[Enrolment]:
    """Return the enrolments that the caller may see: staff bound to a section see that one."""
    own = canvas().enrolments_of(course.id, api.caller().id)
    if not own or api.caller().admin or not all(e.limited for e in own):
        return list(rows)
    seen = {e.section for e in own}
    return [e for e in rows if e.section in seen]


def _roster_states(course: Course) -> set[str]:
    asked = set(api.listed("enrollment_state"))
    if not asked:
        asked = {"active", "invited"}
        if api.may(course, "read_as_admin") and request.args.get("include_inactive") != "false":
            asked.add("inactive")
    # Whoever has not got an account yet counts as invited here.
    return asked | ({"creation_pending"} if "invited" in asked else set())


def roster(course: Course) -> list[Person]:
    """Return the people whom the query asks for, by sortable name."""
    states, site = _roster_states(course), canvas()
    kinds = {TYPE_WORDS.get(word, word) for word in api.listed("enrollment_type")}
    rows = [e for e in _visible(course, site.course_enrolments(course.id)) if e.state in states]
    if kinds:
        rows = [e for e in rows if e.kind in kinds]
    people = [site.people[number] for number in {e.user for e in rows}]
    wanted = {api.number(text) for text in api.listed("user_ids")}
    if wanted:
        people = [p for p in people if p.id in wanted]
    return sorted(search(people), key=lambda p: (p.sortable.casefold(), p.id))


def search(people: list[Person]) -> list[Person]:
    """Return the people who match ``search_term``, if there is one."""
    term = request.args.get("search_term")
    if term is None:
        return people
    if len(term) < 3 and not term.isdecimal():
        error = {"field": "search_term", "message": "3 or more characters is required", "error_code": "invalid"}
        raise api.CanvasError(400, {"errors": [error]})
    low = term.casefold()
    return [p for p in people if low in f"{p.name}\n{p.login}\n{p.email}".casefold() or term == str(p.id)]


@bp.get("/courses/<course>/users")
def course_users(course: str) -> ResponseReturnValue:
    found = api.find_course(course)
    api.need(found, "read_roster")
    include, site = api.includes(), canvas()
    if (api.number(request.args.get("page")) or 1) > 1:
        outsider.leave_between_pages(site, found.id, hub().faults)
    page, links = api.paged(roster(found))
    if not include & {"test_student", "student_view"} and "student_view" not in api.listed("enrollment_type"):
        # The Test Student goes after the page was cut: a page may be short without being the last.
        rows = site.course_enrolments(found.id)
        fake = {e.user for e in rows if e.kind == "StudentViewEnrollment"}
        page = [p for p in page if p.id not in fake]
    # Deleted groups keep their memberships, and group_ids does not look at the groups' state.
    groups = site.groups_by_user(found.id, deleted=True) if "group_ids" in include else {}
    shown = []
    for person in page:
        entry = user_json(person, found, include)
        if "group_ids" in include:
            entry["group_ids"] = [group.id for group in groups.get(person.id, [])]
        shown.append(entry)
    return jsonify(shown), 200, links


@bp.get("/courses/<course>/enrollments")
def enrollments(course: str) -> ResponseReturnValue:
    found = api.find_course(course)
    api.need(found, "read_roster")
    site, include = canvas(), api.includes()
    states = set(api.listed("state")) or {"active", "invited"}
    kinds, user = set(api.listed("type")), request.args.get("user_id")
    source = site.course_enrolments(found.id)
    if "deleted" in states:
        source = [e for e in site.enrolments.values() if e.course == found.id]
    rows = [e for e in _visible(found, source) if e.state in states and (not kinds or e.kind in kinds)]
    if user:
        person = api.find_user(user)
        rows = [e for e in rows if person and e.user == person.id]
    rows.sort(key=lambda e: (e.kind, site.people[e.user].sortable.casefold(), e.id))
    page, links = api.paged(rows)
    groups = site.groups_by_user(found.id, deleted=True) if "group_ids" in include else {}
    shown = []
    for row in page:
        person = site.people[row.user]
        entry = user_json(person, found, include & {"email", "uuid", "avatar_url"})
        if "group_ids" in include:
            entry["group_ids"] = [group.id for group in groups.get(row.user, [])]
        shown.append(enrolment_json(row) | {"user": entry})
    return jsonify(shown), 200, links
