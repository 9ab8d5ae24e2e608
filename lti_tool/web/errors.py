"""The face of errors: one table from error to status, one page whose words are chosen by the code."""

import secrets
from contextlib import suppress

import structlog
from flask import Flask, Response, jsonify, make_response, request
from werkzeug.exceptions import HTTPException

from lti_tool.domain.documents import MEGABYTE
from lti_tool.domain.errors import (
    Conflict,
    Forbidden,
    LaunchError,
    LmsChanged,
    LmsRefused,
    LmsUnavailable,
    NotFound,
    RuleViolation,
    StoreUnavailable,
    ToolError,
    TooOften,
)
from lti_tool.web.access import FORM_MEGABYTES, typed_texts
from lti_tool.web.answers import prefers_json
from lti_tool.web.pages import page

log = structlog.get_logger(__name__)

BLOCK = 64 * 1024
MOST_THROWN_AWAY = 256 * MEGABYTE
UNSIGNED = ("no_session", "session_ended", "session_changed")  # a form was right, but not its sender's sign-in

STATUS: tuple[tuple[type[ToolError], int], ...] = (
    (NotFound, 404),
    (Forbidden, 403),
    (Conflict, 409),
    (RuleViolation, 422),
    (TooOften, 429),
    (StoreUnavailable, 503),
    (LmsChanged, 409),
    (LmsRefused, 502),
    (LmsUnavailable, 503),
)


def status_of(error: ToolError) -> int:
    """Return the HTTP status that an error is answered with."""
    if isinstance(error, LaunchError):
        return error.status
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def register(app: Flask) -> None:
    """Answer every error with a page in plain words and a reference id that the log has too."""
    app.register_error_handler(ToolError, answer_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)


def answer_error(error: ToolError) -> Response:
    """Answer an error with the page of its code."""
    response = _page(error.code, status_of(error), error.facts)
    if isinstance(error, TooOften):
        response.headers["Retry-After"] = str(error.facts["seconds"])
    return response


def _http_error(error: HTTPException) -> Response:
    facts: dict[str, object] = {}
    if error.code == 413:
        facts["limit"] = (request.max_content_length or 0) // MEGABYTE - FORM_MEGABYTES
        _take_rest()
    response = _page(f"http_{error.code}", error.code or 500, facts)
    if error.code == 405:
        response.headers["Allow"] = ", ".join(getattr(error, "valid_methods", None) or ())
    return response


def _take_rest() -> None:
    """Read on, within bounds, what was sent too much: a browser that still sends would show its own error page."""
    rest = min(request.content_length or 0, MOST_THROWN_AWAY)
    source = request.environ["wsgi.input"]
    with suppress(OSError):
        while rest > 0 and (block := source.read(min(rest, BLOCK))):
            rest -= len(block)


def _unexpected(error: Exception) -> Response:
    log.exception("unexpected error", path_rule=str(request.url_rule), kind=type(error).__name__)
    return _page("unexpected", 500, {})


def _page(code: str, status: int, facts: dict[str, object]) -> Response:
    reference = secrets.token_hex(4)
    log.info("refused", code=code, status=status, reference=reference, endpoint=request.endpoint)
    if prefers_json():
        return make_response(jsonify(error=code, reference=reference), status)
    kept = typed_texts() if code in UNSIGNED else []
    return page("error.html", status, code=code, facts=facts, status=status, reference=reference, kept=kept)
