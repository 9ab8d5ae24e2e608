"""Takes the tool's answer to a request for links, and copies courses with the links in them."""

from typing import Any

import jwt
from flask import Blueprint, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

from lti_tool.demo.assertion import KeysUnreachableError, UnknownKeyError
from lti_tool.demo.config import FLAVOURS, Flavour, ToolLink
from lti_tool.demo.deep_linking import DEEP_LINKING, RESPONSE
from lti_tool.demo.hub import Hint, hub
from lti_tool.demo.lti_messages import CLAIM
from lti_tool.demo.pages import course_url
from lti_tool.demo.site import Site

bp = Blueprint("placed_links", __name__)


class _WrongAnswerError(Exception):
    """The tool's answer cannot be taken; the text says why."""


@bp.post("/canvas/courses/<int:course_id>/deep_linking_response")
def canvas_answer(course_id: int) -> ResponseReturnValue:
    return _take("canvas", course_id)


@bp.post("/moodle/mod/lti/contentitem_return.php")
def moodle_answer() -> ResponseReturnValue:
    return _take("moodle", request.args.get("course", 0, int))


# They may fetch the tool's keys: no lock while waiting for somebody else's server.
canvas_answer.takes_lock_itself = moodle_answer.takes_lock_itself = True  # type: ignore[attr-defined]


def _take(flavour: Flavour, course_id: int) -> ResponseReturnValue:
    try:
        tool = hub().tools[flavour]
        claims = _verified(flavour, tool, request.form.get("JWT", ""))
        with hub().lock:
            hint = _own_request(flavour, course_id, tool, claims)
            site = hub().sites[flavour]
            for item in claims[f"{DEEP_LINKING}content_items"]:
                _add(site, course_id, item)
            back = course_url(site, site.courses[course_id], site.people[hint.user])
    except (KeyError, _WrongAnswerError, jwt.PyJWTError, KeysUnreachableError, UnknownKeyError) as error:
        return render_template("demo/placed.html", title="Not placed", wrong=f"{type(error).__name__}: {error}"), 400
    return render_template("demo/placed.html", title="Placed", back=back)


def _verified(flavour: Flavour, tool: ToolLink, token: str) -> dict[str, Any]:
    kid = str(jwt.get_unverified_header(token).get("kid", ""))
    claims: dict[str, Any] = jwt.decode(
        token,
        hub().key_cache.find(tool.jwks_url, kid),
        algorithms=["RS256"],
        audience=hub().issuer(flavour),
        issuer=tool.client_id,
        leeway=5,
        options={"require": ["iss", "aud", "exp", "iat", "nonce"]},
    )
    return claims


def _own_request(flavour: Flavour, course_id: int, tool: ToolLink, claims: dict[str, Any]) -> Hint:
    """Return the request that an answer belongs to, once."""
    fixed = {"deployment_id": tool.deployment_id, "message_type": RESPONSE, "version": "1.3.0"}
    for name, value in fixed.items():
        if claims.get(CLAIM + name) != value:
            raise _WrongAnswerError(f"the {name} is not {value}")
    hint = hub().placings.pop(str(claims.get(f"{DEEP_LINKING}data")), None)
    if hint is None or (hint.flavour, hint.course) != (flavour, course_id):
        raise _WrongAnswerError("nobody asked for this, or it was answered already")
    return hint


def _add(site: Site, course_id: int, item: dict[str, Any]) -> None:
    if item.get("type") != "ltiResourceLink":
        raise _WrongAnswerError("only links can be placed")
    custom = {str(name): str(value) for name, value in item.get("custom", {}).items()}
    site.add_link(course_id, str(item["title"]), str(item["url"]), str(item.get("text", "")), custom)


@bp.post("/<flavour>/courses/<int:course_id>/copy")
def copy_course(flavour: str, course_id: int) -> ResponseReturnValue:
    """Make a course with the same people and links, as copies of the sites have them: nothing of the tool's."""
    site = next((hub().sites[known] for known in FLAVOURS if known == flavour), None)
    course = site.courses.get(course_id) if site else None
    person = site.people.get(request.form.get("as", 0, int)) if site else None
    if site is None or course is None or person is None:
        abort(404)
    twin = site.add_course(f"{course.code}-{len(site.courses) + 1}", f"{course.title} (copy)")
    twin.history = [course.id, *course.history]
    section = site.add_section(twin, twin.code).id if site.flavour == "canvas" else None
    for row in site.course_enrolments(course.id):
        if row.state == "active":
            site.enrol(twin, site.people[row.user], row.kind, section=section)
    for link in [link for link in site.links.values() if link.course == course.id]:
        site.add_link(twin.id, link.title, link.url, link.text, link.custom)
    return redirect(course_url(site, twin, person))
