"""The ground of the Canvas-like REST API: who calls, errors as Canvas words them, parameters, paging."""

import base64
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from lti_tool.demo import canvas_roles, canvas_scopes, gate
from lti_tool.demo.hub import canvas, hub
from lti_tool.demo.model import Course, Group, GroupSet, Person
from lti_tool.demo.site import SHARD

bp = Blueprint("canvas_api", __name__, url_prefix="/canvas/api/v1")
gate.guard(bp, "canvas")
BEARER = 'Bearer realm="canvas-lms"'
MISSING = {"errors": [{"message": "The specified resource does not exist."}]}
T = TypeVar("T")
TRUE = (True, 1, "1", "true", "on")
MOST_LINKS = 6 * 1024


class CanvasError(Exception):
    """An answer that ends the request."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers or {}


@bp.errorhandler(CanvasError)
def answer_error(error: CanvasError) -> ResponseReturnValue:
    if error.body is None:
        return Response("", error.status)
    return jsonify(error.body), error.status, error.headers


def missing() -> CanvasError:
    return CanvasError(404, MISSING)


def invalid(attribute: str, message: str) -> CanvasError:
    """Return the error of a failed validation."""
    detail = {"attribute": attribute, "type": message, "message": message}
    return CanvasError(400, {"errors": {attribute: [detail]}})


def unauthorized() -> CanvasError:
    text = "user not authorized to perform that action"
    return CanvasError(hub().faults.forbidden_status, {"status": "unauthorized", "errors": [{"message": text}]})


@bp.before_request
def authenticate() -> None:
    """Find out whose token came with the call, or refuse it."""
    header = request.headers.get("Authorization", "")
    value = header.removeprefix("Bearer ").strip() or request.values.get("access_token", "")
    if not value:
        body = {"status": "unauthenticated", "errors": [{"message": "user authorization required"}]}
        raise CanvasError(401, body, {"WWW-Authenticate": BEARER})
    with hub().lock:
        caller = None if hub().faults.revoke_token else _owner(value)
        if caller is None:
            body = {"errors": [{"message": "Invalid access token."}]}
            raise CanvasError(401, body, {"WWW-Authenticate": BEARER})
        g.caller, g.token = caller, canvas().tokens.get(value)


@bp.before_request
def _check_rights() -> None:
    with hub().lock:
        if g.get("hit") and hub().faults.take("forbid_next"):
            raise unauthorized()
        fits = g.token is None or canvas_scopes.allows(g.token)
        if not fits or (g.get("hit") and hub().faults.take("scope_next")):
            # No WWW-Authenticate here: that is how a client tells this from a dead token.
            raise CanvasError(401, {"errors": [{"message": "Insufficient scopes on access token."}]})


def _owner(value: str) -> Person | None:
    site = canvas()
    if value == hub().config.canvas_token:
        return next(p for p in site.people.values() if p.admin)
    # A token that a person made by hand in the settings.
    if value.startswith("demo-user-") and value[10:].isdecimal():
        return site.people.get(int(value[10:]))
    token = site.tokens.get(value)
    if token is None or token.user is None or token.expires < time.time():
        return None
    return site.people.get(token.user)


def caller() -> Person:
    """Return the person whose token came with the call."""
    person: Person = g.caller
    return person


def may(course: Course, right: str) -> bool:
    return canvas_roles.holds(canvas(), course, caller(), right)


def need(course: Course, *rights: str) -> None:
    """Refuse the call when the caller has none of these rights."""
    if not any(may(course, right) for right in rights):
        raise unauthorized()


# -- parameters -------------------------------------------------------------------------------------------


def params() -> dict[str, Any]:
    """Return the parameters of a call, of the query, a form or JSON alike; ``x[]`` and ``x[y]`` are unfolded."""
    values: dict[str, Any] = {}
    for source in (request.args, request.form):
        for key in source:
            _unfold(values, key, source.getlist(key))
    body = request.get_json(silent=True) if request.is_json else None
    return values | body if isinstance(body, dict) else values


def _unfold(values: dict[str, Any], key: str, given: list[str]) -> None:
    if key.endswith("[]"):
        # A lone empty ``members[]=`` is how a form sends an empty list.
        values[key[:-2]] = [] if given == [""] else given
    elif key.endswith("]") and "[" in key:
        name, inner = key[:-1].split("[", 1)
        values.setdefault(name, {})[inner] = given[-1]
    else:
        values[key] = given[-1]


def listed(name: str) -> list[str]:
    """Return an array of the query, such as ``enrollment_type[]``."""
    return request.args.getlist(f"{name}[]") or request.args.getlist(name)


def includes(name: str = "include") -> set[str]:
    """Return the asked includes; a scoped key without the right to them gets ``uuid`` at the most."""
    found = set(listed(name))
    return found & {"uuid"} if hub().faults.strip_includes and g.get("hit") else found


def truth(value: Any) -> bool:
    return value in TRUE


def global_id(text: str) -> int | None:
    """Return the id that a URL names; ``2~123`` is row 123 of another shard, which JSON gives at length."""
    shard, mark, local = text.rpartition("~")
    if not local.isdecimal() or (mark and not shard.isdecimal()):
        return None
    return int(shard) * SHARD + int(local) if mark else int(local)


def number(value: Any) -> int | None:
    """Return an integer or nothing, as Canvas's lenient readers do."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


# -- lookups ----------------------------------------------------------------------------------------------


def find_course(text: str) -> Course:
    """Return a course by id, SIS id or LTI context id."""
    site = canvas()
    for course in site.courses.values():
        if text in (str(course.id), f"lti_context_id:{course.lti_id}", f"sis_course_id:{course.sis_id}"):
            need(course, "read")
            return course
    raise missing()


def find_user(text: str) -> Person | None:
    """Return a person by id, ``self``, SIS id or LTI id."""
    site = canvas()
    if text == "self":
        return caller()
    if (user_id := global_id(text)) is not None:
        return site.people.get(user_id)
    kind, _, value = text.partition(":")
    attribute = {"lti_1_3_id": "lti_id", "sis_user_id": "sis_id", "sis_login_id": "login"}.get(kind)
    if attribute is None:
        return None
    return next((p for p in site.people.values() if getattr(p, attribute) == value), None)


def find_group(text: str) -> Group:
    site = canvas()
    if text.startswith("lti_context_id:"):
        wanted = text.partition(":")[2]
        found = (g for g in site.groups.values() if canvas_roles.group_lti_id(g.id) == wanted)
        group = next(found, None)
    else:
        group = site.groups.get(number(text) or 0)
    if group is None or group.deleted:
        raise missing()
    return group


def find_set(set_id: int) -> GroupSet:
    group_set = canvas().sets.get(set_id)
    if group_set is None or group_set.deleted:
        raise CanvasError(404, {"status": "not found"})
    return group_set


# -- paging -----------------------------------------------------------------------------------------------


def page_size() -> int:
    asked = number(request.args.get("per_page"))
    return 10 if asked is None else min(max(asked, 1), 100)


def _url(**more: Any) -> str:
    gone = ("page", "per_page", "access_token", "api_key")
    kept = [(k, v) for k, v in request.args.items(multi=True) if k not in gone]
    path = request.path.removeprefix("/canvas")
    return f"{hub().issuer('canvas')}{path}?{urlencode(kept + list(more.items()), safe=':')}"


def paged(items: Sequence[T]) -> tuple[list[T], dict[str, str]]:
    """Return the asked page and its Link header."""
    size, page = page_size(), max(number(request.args.get("page")) or 1, 1)
    if hub().faults.bad_page() == page and g.get("hit"):
        raise CanvasError(500, {"errors": [{"message": "An error occurred."}], "error_report_id": 18})
    last = max(-(-len(items) // size), 1)
    links = {"current": page, "next": page + 1, "prev": page - 1, "first": 1, "last": last}
    if page >= last:
        del links["next"]
    if page == 1:
        del links["prev"]
    return list(items[(page - 1) * size : page * size]), _link_header(links, size)


def paged_by_bookmark(items: Sequence[T]) -> tuple[list[T], dict[str, str]]:
    """Return the asked page of a list that goes on by opaque bookmarks and has no last page."""
    size, given = page_size(), request.args.get("page", "first")
    try:
        start = 0 if given in ("first", "1") else int(base64.urlsafe_b64decode(given.removeprefix("bookmark:")))
    except ValueError:
        raise missing() from None
    links = {"current": given, "first": "first"}
    if start + size < len(items):
        links["next"] = "bookmark:" + base64.urlsafe_b64encode(f"{start + size:06}".encode()).decode()
    return list(items[start : start + size]), _link_header(links, size)


def _link_header(pages: Mapping[str, int | str], size: int) -> dict[str, str]:
    """Return the Link header, less the links for which 6 KB have no room: the least wanted go first."""
    links = {rel: f'<{_url(page=page, per_page=size)}>; rel="{rel}"' for rel, page in pages.items()}
    room, kept = MOST_LINKS, set()
    for rel in ("next", "last", "prev", "current", "first"):
        if rel in links and len(links[rel]) <= room:
            room -= len(links[rel]) + 1
            kept.add(rel)
    header = ",".join(link for rel, link in links.items() if rel in kept)
    return {"Link": header} if header else {}
