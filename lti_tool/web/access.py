"""Guards every request: same-origin writes, the person of the session, and the permission that the view declares."""

import hashlib
import hmac
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import urlsplit
from uuid import UUID

from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import BadRequest

from lti_tool.domain.documents import MEGABYTE
from lti_tool.domain.errors import Conflict, Forbidden, LaunchError, NotFound
from lti_tool.domain.permissions import Permission, require
from lti_tool.domain.work import holds_back
from lti_tool.lti.session import SESSION_COOKIE
from lti_tool.services.access import Viewer, Visitor, find_viewer, find_visitor

if TYPE_CHECKING:
    from lti_tool.services.tool import Tool

V = TypeVar("V", bound=Callable[..., object])
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SAFETY = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "strict-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
)
CSRF_FIELD = "csrf_token"
FORM_MEGABYTES = 1  # of a form beside its file


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


def csrf_token() -> str:
    """Return the token that proves a form came from this session's own page."""
    person = visitor()
    secret = tool().settings.secret_key.encode()
    text = f"csrf:{person.session_key if person else ''}"
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


def register(app: Flask) -> None:
    """Check every request before its view runs, and send the headers of safety with every answer."""
    app.before_request(_admit)
    app.after_request(_send_headers)


def _admit() -> None:
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None or request.endpoint == "static":
        return
    permission = _permission_of(view)
    g.visitor = find_visitor(request.cookies.get(SESSION_COOKIE))
    if g.visitor:
        g.frame_origins = g.visitor.frame_origins
        if hasattr(view, "takes_documents"):
            request.max_content_length = (tool().settings.upload_megabytes + FORM_MEGABYTES) * MEGABYTE
    _require_text()
    if permission is None:
        return
    if g.visitor is None:
        # Nobody knows any more which LMS frames us. The page that says so shows nobody's data and has nothing to
        # click, so anybody may frame it; else the browser would show an error of its own in its place.
        g.framed_by_anybody = True
        raise LaunchError("no_session", 401)
    if request.method not in SAFE_METHODS:
        _require_same_origin()
    found = find_viewer(g.visitor, (request.view_args or {})["course_id"])
    if found is None:
        raise NotFound("course_not_found")
    g.viewer = found
    require(found.actor, permission)
    # A write asks again in its transaction (services.runs.require_edits); a form need not be filled in first.
    code = holds_back(found.at_work, permission, subject_set())
    if code and request.method in SAFE_METHODS:
        raise Conflict(code)


def _require_text() -> None:
    """Refuse what no form sends: a NUL, which PostgreSQL keeps in no text."""
    for values in (request.args, request.form):
        if any("\0" in text for texts in values.listvalues() for text in texts):
            raise BadRequest


def _permission_of(view: Callable[..., object]) -> Permission | None:
    """Return what a view declared, None for a public one; a view that declares nothing is a mistake of ours."""
    if not hasattr(view, "permission"):
        raise RuntimeError(f"the view {request.endpoint} declares no permission")
    return cast("Permission | None", view.permission)


def _require_same_origin() -> None:
    """Refuse a write that another page sent: by the browser's own word first, then by the form's token."""
    require_own_origin()
    sent = request.form.get(CSRF_FIELD) or request.headers.get("X-CSRF-Token", "")
    if not hmac.compare_digest(sent.encode(), csrf_token().encode()):
        raise Forbidden("cross_site")


def require_own_origin() -> None:
    """Refuse what the browser itself says to come from another site's page."""
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if (site is not None and site not in ("same-origin", "none")) or (
        origin is not None and origin != tool().settings.origin
    ):
        raise Forbidden("cross_site")


def _send_headers(response: Response) -> Response:
    framed_by = None if g.get("framed_by_anybody") else tuple(g.get("frame_origins", ()))
    policy = _content_policy(framed_by, g.get("form_target", "'self'"))
    response.headers.setdefault("Content-Security-Policy", policy)
    response.headers.extend(SAFETY)
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
