"""Guards every request: same-origin writes, the person of the session, and the permission that the view declares."""

import hashlib
import hmac
import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, NoReturn, TypeVar, cast
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import BadRequest

from lti_tool.domain.administration import Administrator, AdminPermission, administers, require_administrator
from lti_tool.domain.documents import MEGABYTE
from lti_tool.domain.errors import Conflict, Forbidden, LaunchError, NotFound
from lti_tool.domain.permissions import Permission, require
from lti_tool.domain.work import holds_back
from lti_tool.lti.platform import find_registration, frame_origins
from lti_tool.lti.session import SESSION_COOKIE, ended_frame
from lti_tool.services.access import (
    Viewer,
    Visitor,
    find_viewer,
    find_visitor,
    list_session_keys,
    opened_before,
)
from lti_tool.services.administration import find_administrator

if TYPE_CHECKING:
    from lti_tool.services.tool import Tool

log = structlog.get_logger(__name__)

V = TypeVar("V", bound=Callable[..., object])
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SAFETY = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "strict-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
)
CSRF_FIELD = "csrf_token"
FORM_MEGABYTES = 1  # of a form beside its file
# What of a form nobody typed: tokens, keys and what the page itself knew; and values such as ids and fingerprints.
UNTYPED = re.compile(r"token|secret|password|^(key|kind|revision|seed|seen|confirmed|without|upto)$")
MADE = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,}")
MOST_TYPED = 50


def public(view: V) -> V:
    """Declare that a view needs no session (launches, health, static files)."""
    view.permission = None  # type: ignore[attr-defined] # a mark on the function itself
    return view


def requires(permission: Permission) -> Callable[[V], V]:
    """Declare the permission that a view of a course needs; its URL carries `course_id`."""

    def mark(view: V) -> V:
        view.permission = permission  # type: ignore[attr-defined] # a mark on the function itself
        return view

    return mark


def requires_administrator(permission: AdminPermission) -> Callable[[V], V]:
    """Declare the permission that an admin page needs; what it is about is the URL's `registration_id`, if any."""

    def mark(view: V) -> V:
        view.permission = permission  # type: ignore[attr-defined] # a mark on the function itself
        return view

    return mark


def takes_documents(view: V) -> V:
    """Declare that a view takes files as large as documents may be; stands below `@requires`."""
    view.takes_documents = True  # type: ignore[attr-defined] # a mark on the function itself
    return view


def tool() -> "Tool":
    """Return the collaborators of this process."""
    return cast("Tool", current_app.extensions["lti_tool"])


def visitor() -> Visitor:
    """Return whose browser this request came from, on a page of a course."""
    return cast("Visitor", g.visitor)


def viewer() -> Viewer:
    """Return the person of this request in the course of its URL."""
    return cast("Viewer", g.viewer)


def subject_set() -> UUID | None:
    """Return the group set that the request's address names, if any."""
    return cast("UUID | None", (request.view_args or {}).get("set_id"))


def known_visitor() -> Visitor | None:
    """Return whose session this is, in whatever course; None for nobody's."""
    return cast("Visitor | None", g.get("visitor"))


def administrator() -> Administrator:
    """Return who administers, on an admin page."""
    return cast("Administrator", g.administrator)


def may_administer(permission: str, registration_id: UUID | None = None) -> bool:
    """Say whether the person of this request may do this on an admin page."""
    return administers(g.get("administrator"), AdminPermission(permission), registration_id)


def csrf_token() -> str:
    """Return the token that proves a form came from this session's own page."""
    person = visitor()
    return _token(person.session_key if person else "")


def _token(session_key: str) -> str:
    return _sign(f"csrf:{session_key}")


def _sign(text: str) -> str:
    return hmac.new(tool().settings.secret_key.encode(), text.encode(), hashlib.sha256).hexdigest()


def register(app: Flask) -> None:
    """Check every request before its view runs, and send the headers of safety with every answer."""
    app.before_request(_admit)
    app.after_request(_send_headers)


def _admit() -> None:
    if request.endpoint == "static":
        return
    view = current_app.view_functions.get(request.endpoint or "")
    g.visitor = find_visitor(request.cookies.get(SESSION_COOKIE))
    g.frame_origins = _who_may_frame()
    if view is None:
        return  # a page that says so
    permission = _permission_of(view)
    if g.visitor and hasattr(view, "takes_documents"):
        request.max_content_length = (tool().settings.upload_megabytes + FORM_MEGABYTES) * MEGABYTE
    _require_text()
    if permission is None:
        return
    if g.visitor is None:
        _ask_to_open()
    if request.method not in SAFE_METHODS:
        require_own_form()
    if isinstance(permission, AdminPermission):
        _admit_administrator(permission)
        return
    course_id = (request.view_args or {})["course_id"]
    found = find_viewer(g.visitor, course_id)
    if found is None:
        if opened_before(g.visitor, course_id):
            raise LaunchError("session_ended", 401)
        raise NotFound("course_not_found")
    g.viewer = found
    require(found.actor, permission)
    # A write asks again in its transaction (services.runs.require_edits); a form need not be filled in first.
    code = holds_back(found.at_work, permission, subject_set())
    if code and request.method in SAFE_METHODS:
        raise Conflict(code)


def _admit_administrator(permission: AdminPermission) -> None:
    """Find out what the visitor may administer, and let only that through; what they change is logged."""
    g.administrator = find_administrator(g.visitor)
    about = (request.view_args or {}).get("registration_id")
    require_administrator(g.administrator, permission, about)
    if request.method not in SAFE_METHODS:
        log.info("administration", endpoint=request.endpoint, registration=str(about), by=g.visitor.session_key[:12])


def _require_text() -> None:
    """Refuse what no form sends: a NUL, which PostgreSQL keeps in no text."""
    for values in (request.args, request.form):
        if any("\0" in text for texts in values.listvalues() for text in texts):
            raise BadRequest


def _permission_of(view: Callable[..., object]) -> Permission | AdminPermission | None:
    """Return what a view declared, None for a public one; a view that declares nothing is a mistake of ours."""
    if not hasattr(view, "permission"):
        raise RuntimeError(f"the view {request.endpoint} declares no permission")
    return cast("Permission | AdminPermission | None", view.permission)


def _who_may_frame() -> tuple[str, ...]:
    """Return the origins of the platform whose launch this is, or of whose session it is or was."""
    registration_id = (request.view_args or {}).get("registration_id")
    if request.blueprint == "lti" and registration_id:
        return frame_origins(find_registration(registration_id))
    if g.visitor:
        return cast("Visitor", g.visitor).frame_origins
    ended = request.cookies.get(SESSION_COOKIE)
    return ended_frame(ended) if ended else ()


def _ask_to_open() -> NoReturn:
    """Say that nobody is signed in, and show once more what was typed, to nobody but who sent it.

    Where the session's cookie is lost altogether, nobody knows which LMS frames us: some are known by their launches
    only. Then anybody may frame this page, or the browser would show an error of its own in its place. It gives
    nothing away and has nothing to do: it holds what a page of ours sent from this very frame, which only those may
    frame who might frame that page (`typed_texts`).
    """
    g.framed_by_anybody = not g.frame_origins
    raise LaunchError("session_ended" if SESSION_COOKIE in request.cookies else "no_session", 401)


def typed_texts() -> list[tuple[str, str]]:
    """Return the names and texts of what a person typed, for the page that did not take it.

    Only what the browser itself says to come from a page of ours: nothing that other sites send is shown as ours. And
    not what a page asks about a form that stays on it, while somebody types.
    """
    asked_beside = "HX-Request" in request.headers and "HX-Boosted" not in request.headers
    if request.method != "POST" or asked_beside or not (_is_from_here() and _is_known_from_here()):
        return []
    fields = ((name, text) for name, texts in request.form.lists() for text in texts)
    return [
        (name.replace("_", " ").capitalize(), text)
        for name, text in fields
        if text.strip() and not UNTYPED.search(name) and not MADE.fullmatch(text)
    ][:MOST_TYPED]


def require_own_form() -> None:
    """Refuse a write that another page sent: by the browser's own word first, then by the form's token."""
    require_own_origin()
    sent = request.form.get(CSRF_FIELD) or request.headers.get("X-CSRF-Token", "")
    if _is_token(sent, visitor().session_key):
        return
    # The same person may have opened the tool in another tab since; anybody else gets to do nothing from this page.
    if sent and any(_is_token(sent, key) for key in list_session_keys(visitor())):
        return
    raise Forbidden("session_changed" if sent and _is_known_from_here() else "cross_site")


def _is_token(sent: str, session_key: str) -> bool:
    return hmac.compare_digest(sent.encode("utf-8", "replace"), _token(session_key).encode())


def person_tag() -> str:
    """Return what tells one person's pages from another's in the same browser, and nothing of who it is."""
    person = visitor()
    return _sign(f"person:{person.registration_id}:{person.lti_user_id}")[:16]


def require_own_origin() -> None:
    """Refuse what the browser itself says to come from another site's page."""
    if not _is_from_here():
        raise Forbidden("cross_site")


def _is_known_from_here() -> bool:
    return request.headers.get("Origin") == tool().settings.origin or (
        request.headers.get("Sec-Fetch-Site") == "same-origin"
    )


def _is_from_here() -> bool:
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if origin == "null" and site == "same-origin":
        # A page of ours that sends no referrer tells no origin either (Fetch, "append a request Origin header").
        return True
    return site in (None, "same-origin", "none") and origin in (None, tool().settings.origin)


def _send_headers(response: Response) -> Response:
    framed_by = None if g.get("framed_by_anybody") else tuple(g.get("frame_origins", ()))
    policy = _content_policy(framed_by, g.get("form_target", "'self'"))
    response.headers.setdefault("Content-Security-Policy", policy)
    for name, value in SAFETY:
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response


@lru_cache(maxsize=1024)
def _content_policy(framed_by: tuple[str, ...] | None, form_target: str) -> str:
    """Return the policy of a page that these origins may frame (None: anybody may), whose forms go nowhere else."""
    ancestors = "*" if framed_by is None else " ".join(("'self'", *_origins(framed_by)))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        f"connect-src 'self'; form-action {form_target}; base-uri 'none'; object-src 'none'; "
        f"frame-ancestors {ancestors}"
    )


def _origins(addresses: tuple[str, ...]) -> list[str]:
    """Return the addresses as bare origins, so that nothing else can slip into the policy."""
    parts = [urlsplit(address) for address in addresses]
    return sorted({f"{p.scheme}://{p.netloc}" for p in parts if p.scheme in ("http", "https") and p.netloc})
