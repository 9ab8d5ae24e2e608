"""Pages that follow what others do: a part that asks for itself every few seconds and is sent only when it changed."""

import hashlib

from flask import Response, make_response, request

from lti_tool.web.pages import fragment, wants_fragment


def mark_of(*parts: object) -> str:
    """Return what differs when anything of these parts, which the page shows, does; values are told apart by `repr`."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def answer_asking(template: str, block: str, seen: str, /, **values: object) -> Response | None:
    """Answer a page that asks whether its part changed since `seen`: 204 for no, else the part; None: a page is due."""
    if not (wants_fragment() and "seen" in request.args):
        return None
    if request.args["seen"] == seen:
        return make_response("", 204)
    return fragment(template, block, seen=seen, **values)
