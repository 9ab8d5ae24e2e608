"""Renders pages: what every template may ask, and a page's content alone for htmx."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from flask import Flask, Response, current_app, g, make_response, redirect, render_template, request, url_for
from jinja2_fragments.flask import render_block

from lti_tool.domain.clock import now
from lti_tool.domain.permissions import Permission, allowed
from lti_tool.domain.work import holds_back
from lti_tool.services.access import Viewer
from lti_tool.services.runs import as_text
from lti_tool.web.access import csrf_token, known_visitor, may_administer, person_tag, subject_set

MINUTE, HOUR, DAY = 60, 3600, 86400


def register(app: Flask) -> None:
    """Attach what templates ask, and the course of the present URL to every address that needs one."""
    asked = {
        "can": can,
        "csrf_token": csrf_token,
        "person_tag": person_tag,
        "known_visitor": known_visitor,
        "may_administer": may_administer,
        "whole": int,
    }
    app.jinja_env.globals.update(asked)
    app.jinja_env.filters.update(FILTERS)
    app.context_processor(_person)
    app.url_defaults(_stay_in_course)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def wants_fragment() -> bool:
    """Say whether htmx asks, so that the part of the page that changes is enough."""
    return request.headers.get("HX-Request") == "true"


def page(template: str, status: int = 200, /, **values: Any) -> Response:
    """Render a page, or only its `content` block when htmx asks."""
    if wants_fragment():
        return fragment(template, "content", status, **values)
    return make_response(render_template(template, **values), status)


def fragment(template: str, block: str, status: int = 200, /, **values: Any) -> Response:
    """Render one block of a page, so that page and fragment cannot drift apart."""
    return make_response(render_block(template, block, **values), status)


def see_other(endpoint: str, **values: Any) -> Response:
    """Lead on to a page after a POST (303), so that a reload repeats nothing."""
    return make_response(redirect(url_for(endpoint, **values), 303))


def can(permission: str) -> bool:
    """Say whether the person of this request may do this in their course, now: not while a run holds it back."""
    viewer: Viewer | None = g.get("viewer")
    if viewer is None or not allowed(viewer.actor, Permission(permission)):
        return False
    return holds_back(viewer.at_work, Permission(permission), subject_set()) is None


def ago(value: datetime) -> str:
    """Return how long ago a time was, in words."""
    seconds = max(0, int((now() - value).total_seconds()))
    for size, word in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {word}{'' if count == 1 else 's'} ago"
    return "just now"


def ahead(value: datetime) -> str:
    """Return how soon a time comes, in words."""
    seconds = int((value - now()).total_seconds())
    for size, word in ((HOUR, "hour"), (MINUTE, "minute")):
        if seconds >= size:
            count = round(seconds / size)
            return f"in {count} {word}{'' if count == 1 else 's'}"
    return "in a minute"


def utc(value: datetime) -> str:
    """Return a time as people read it, with its zone."""
    return f"{value.day} {value:%b %Y, %H:%M} UTC"


def texts(facts: Mapping[str, object]) -> dict[str, str]:
    """Return the facts of an error as texts for its sentence."""
    return {key: as_text(value) for key, value in facts.items()}


def capital(sentence: str) -> str:
    """Return a sentence with its first letter large, as in “The LMS refused”."""
    return sentence[:1].upper() + sentence[1:]


def _person() -> dict[str, object]:
    viewer: Viewer | None = g.get("viewer")
    named = viewer and viewer.course.family in ("canvas", "moodle")
    visitor = known_visitor()
    is_administrator = visitor is not None and visitor.is_administrator
    return {
        "viewer": viewer,
        "is_administrator": is_administrator,
        "lms": viewer.course.lms_name if viewer and named else "the LMS",
    }


def _stay_in_course(endpoint: str, values: dict[str, Any]) -> None:
    """Fill in the course that this page is about: two tabs with two courses never mix."""
    course_id = (request.view_args or {}).get("course_id") if request else None
    if course_id and "course_id" not in values and current_app.url_map.is_endpoint_expecting(endpoint, "course_id"):
        values["course_id"] = course_id


# What the templates' words are made with; the command line says errors by the same templates.
FILTERS: dict[str, Callable[..., Any]] = {"ago": ago, "ahead": ahead, "utc": utc, "texts": texts, "capital": capital}
