"""A small part of Canvas's GraphQL with its limits: pages of a hundred, problems with status 200, hidden types."""

import base64
from collections.abc import Callable, Sequence
from typing import Any

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from lti_tool.demo import canvas_api as api
from lti_tool.demo import canvas_roles, gate
from lti_tool.demo.canvas_api import CanvasError
from lti_tool.demo.graphql_query import QueryError, Selection, parse
from lti_tool.demo.hub import canvas
from lti_tool.demo.model import Course, Group, GroupSet, Membership, Person

bp = Blueprint("canvas_graphql", __name__, url_prefix="/canvas/api")
gate.guard(bp, "canvas")
bp.before_request(api.authenticate)
bp.register_error_handler(CanvasError, api.answer_error)
SCOPE = "url:POST|/api/graphql"
DEFAULT_PAGE, MAX_PAGE, MAX_COMPLEXITY = 20, 100, 375_000
Resolver = Callable[[Any, Selection], Any]


@bp.post("/graphql")
def graphql() -> ResponseReturnValue:
    """Answer a query; whatever is wrong with it comes with status 200."""
    given = request.get_json(silent=True) or {}
    try:
        fields = parse(str(given.get("query", "")), given.get("variables") or {})
        if sum(_cost(one) for one in fields) > MAX_COMPLEXITY:
            raise QueryError(f"Query has complexity above {MAX_COMPLEXITY}")
        return jsonify(data=_answer("Query", None, fields))
    except QueryError as error:
        return jsonify(errors=[{"message": str(error)}], data=None)


def _size(one: Selection) -> int:
    return min(max(int(one.arguments.get("first") or DEFAULT_PAGE), 1), MAX_PAGE)


def _cost(one: Selection) -> int:
    below = 1 + sum(_cost(inner) for inner in one.fields)
    return below * _size(one) if one.name.endswith("Connection") else below


def _answer(kind: str, row: Any, fields: Sequence[Selection]) -> dict[str, Any]:
    found = {}
    for one in fields:
        if one.name not in TYPES[kind]:
            raise QueryError(f"Field '{one.name}' doesn't exist on type '{kind}'")
        found[one.alias] = TYPES[kind][one.name](row, one)
    return found


def _plain(name: str) -> Resolver:
    return lambda row, _: getattr(row, name)


def _ids(kind: str) -> dict[str, Resolver]:
    """Return the two ids of a type: that of REST as text, and GraphQL's own."""
    return {
        "_id": lambda row, _: str(row.id),
        "id": lambda row, _: base64.b64encode(f"{kind}-{row.id}".encode()).decode(),
    }


def _page(kind: str, rows: Sequence[Any], one: Selection) -> dict[str, Any]:
    start, size = int(one.arguments.get("after") or 0), _size(one)
    info = {"hasNextPage": start + size < len(rows), "endCursor": str(min(start + size, len(rows)))}
    shown = {"pageInfo": info, "nodes": rows[start : start + size]}
    found: dict[str, Any] = {}
    for inner in one.fields:
        if inner.name == "pageInfo":
            found[inner.alias] = {f.alias: info.get(f.name) for f in inner.fields}
        elif inner.name == "nodes":
            found[inner.alias] = [_answer(kind, row, inner.fields) for row in shown["nodes"]]
        else:
            raise QueryError(f"Field '{inner.name}' doesn't exist on type '{kind}Connection'")
    return found


def _course(_: None, one: Selection) -> dict[str, Any] | None:
    if g.token is not None and g.token.scope and SCOPE not in g.token.scope.split():
        raise QueryError("An object of type Course was hidden due to insufficient scopes on access token")
    course = canvas().courses.get(api.number(one.arguments.get("id")) or 0)
    # A missing right is no error here: there is just nothing.
    return _answer("Course", course, one.fields) if course and api.may(course, "read") else None


def _sets(course: Course) -> list[GroupSet]:
    may = any(api.may(course, right) for right in canvas_roles.GROUP_RIGHTS)
    return [s for s in canvas().course_sets(course.id) if s.role is None] if may else []


def _groups(course: Course) -> list[Group]:
    site = canvas()
    groups = [group for group in site.course_groups(course.id) if site.sets[group.sets[0]].role is None]
    return sorted(groups, key=lambda group: (site.sets[group.sets[0]].name.casefold(), group.name.casefold(), group.id))


def _groups_page(course: Course, one: Selection) -> dict[str, Any] | None:
    return _page("Group", _groups(course), one) if api.may(course, "read_roster") else None


def _users_page(course: Course, one: Selection) -> dict[str, Any] | None:
    people = sorted(canvas().current_users(course.id), key=lambda person: (person.sortable.casefold(), person.id))
    return _page("User", people, one) if api.may(course, "read_roster") else None


def _members(group: Group) -> list[Membership]:
    return sorted(canvas().members(group.id).values(), key=lambda row: row.id)


def _person(row: Membership, one: Selection) -> dict[str, Any]:
    person: Person = canvas().people[row.user]
    return _answer("User", person, one.fields)


TYPES: dict[str, dict[str, Resolver]] = {
    "Query": {"course": _course},
    "Course": _ids("Course")
    | {
        "name": _plain("title"),
        "groupSets": lambda row, one: [_answer("GroupSet", s, one.fields) for s in _sets(row)],
        "groupSetsConnection": lambda row, one: _page("GroupSet", _sets(row), one),
        "groupsConnection": _groups_page,
        "usersConnection": _users_page,
    },
    "GroupSet": _ids("GroupSet")
    | {
        "name": _plain("name"),
        "memberLimit": _plain("group_limit"),
        "selfSignup": lambda row, _: row.self_signup or "disabled",
        "autoLeader": _plain("auto_leader"),
        "groupsConnection": lambda row, one: _page("Group", canvas().set_groups(row.id), one),
    },
    # Neither leader nor limit nor description: those are REST's alone.
    "Group": _ids("Group")
    | {
        "name": _plain("name"),
        "membersCount": lambda row, _: len(canvas().members(row.id)),
        "state": lambda row, _: "available",
        "groupCategory": lambda row, one: _answer("GroupSet", canvas().sets[row.sets[0]], one.fields),
        "membersConnection": lambda row, one: _page("GroupMembership", _members(row), one),
    },
    "GroupMembership": _ids("GroupMembership") | {"state": lambda row, _: "accepted", "user": _person},
    "User": _ids("User") | {"name": _plain("name"), "sortableName": _plain("sortable")},
}
