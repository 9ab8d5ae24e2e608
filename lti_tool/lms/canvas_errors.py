"""Reads what a refusal of Canvas's REST API means (canvas.md section 1.2)."""

import json
from typing import Any

from lti_tool.domain.errors import LmsChanged, LmsError, LmsRefused, LmsUnavailable
from lti_tool.lms.http import is_page
from lti_tool.outbound import Answer, host_of

TOKEN_WORDS = ("Invalid access token", "Revoked access token", "user authorization required")


def require_success(answer: Answer, call: str) -> Answer:
    """Return an answer of success; raise what a refusal means.

    `call` is verb and path pattern as in the names of Canvas's scopes. Codes: token_rejected, scope_missing (with
    `scope`), right_missing (with `call`), value_refused (with `fields`), lms_redirects, lms_refused (with
    `status`); LmsChanged("gone") for a 404.
    """
    if answer.ok:
        return answer
    raise refusal(answer, call)


def refusal(answer: Answer, call: str) -> LmsError:
    """Return the error that a refusal stands for."""
    host = host_of(answer.url)
    if 300 <= answer.status < 400:
        return LmsRefused("lms_redirects", host=host, status=answer.status)
    if is_page(answer):
        return LmsUnavailable("lms_not_json", host=host, status=answer.status)
    if answer.status in (401, 403):
        return _denied(answer, call, host)
    if answer.status == 404:
        return LmsChanged("gone", host=host, call=call)
    if answer.status in (400, 422):
        return LmsRefused("value_refused", host=host, call=call, fields=refused_fields(answer))
    return LmsRefused("lms_refused", host=host, status=answer.status, call=call)


def _denied(answer: Answer, call: str, host: str) -> LmsRefused:
    # 401 and 403 mean the same here, by a setting of the site: header and words decide.
    if refuses_token(answer):
        return LmsRefused("token_rejected", host=host)
    if "Insufficient scopes" in answer.text:
        verb, _, path = call.partition(" ")
        return LmsRefused("scope_missing", host=host, scope=f"url:{verb}|/api/v1{path}")
    return LmsRefused("right_missing", host=host, call=call)


def refuses_token(answer: Answer) -> bool:
    """Say whether a 401 or 403 is about the token itself: wrong, revoked or run out (canvas.md 1.2)."""
    return "WWW-Authenticate" in answer.headers or any(words in answer.text for words in TOKEN_WORDS)


def refused_fields(answer: Answer) -> list[str]:
    """Return the names of the attributes that a validation refused; its sentences are in the user's language."""
    try:
        errors: Any = json.loads(answer.body).get("errors")
    except (ValueError, AttributeError):
        return []
    if isinstance(errors, dict):
        return sorted(str(name) for name in errors)
    if isinstance(errors, list):
        return sorted(str(entry["field"]) for entry in errors if isinstance(entry, dict) and "field" in entry)
    return []
