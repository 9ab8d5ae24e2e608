"""The two hops of a launch as pages, the check that cookies came back, and the tool's public faces."""

import secrets
from datetime import timedelta
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID

import structlog
from flask import Blueprint, Response, g, jsonify, make_response, render_template, request

from lti_tool.domain.errors import LaunchError
from lti_tool.lti import session
from lti_tool.lti.launch import BindingRequired, LaunchFacts, note_deployment, verify
from lti_tool.lti.login import LIFETIME, LoginStart, start_login, surplus_cookies
from lti_tool.lti.platform import find_registration, origins
from lti_tool.lti.state import COOKIE_PREFIX, seal_origins, unseal_origins
from lti_tool.lti.tool_config import canvas_developer_key
from lti_tool.services import launch as launches
from lti_tool.services import placing
from lti_tool.services.refusals import note_refusal
from lti_tool.web import invite_waiting
from lti_tool.web.access import public, require_own_origin, tool
from lti_tool.web.limits import LAUNCH, limited

blueprint = Blueprint("lti", __name__)
log = structlog.get_logger(__name__)

LOGIN_PARAMETERS = ("iss", "client_id", "login_hint", "lti_message_hint", "target_link_uri", "lti_storage_target")
ADMINISTRATION = "/admin/"
INSIDE = ("/courses/", "/invite/", ADMINISTRATION)


@blueprint.route("/lti/<uuid:registration_id>/login", methods=["GET", "POST"])
@public
def login(registration_id: UUID) -> Response:
    """Send the browser on to the platform, with a secret that shows later that it is the same browser."""
    registration = find_registration(registration_id)
    params = {name: request.values[name] for name in LOGIN_PARAMETERS if name in request.values}
    start = start_login(tool().settings, registration, params)
    response = _storing_page(start, params) if _needs_storage(params) else _redirect(start.auth_url, 302)
    for name in surplus_cookies(request.cookies):
        set_cookie(response, name, "", timedelta(0))
    set_cookie(response, start.cookie_name, start.cookie_value, LIFETIME)
    return response


def _needs_storage(params: dict[str, str]) -> bool:
    """Say whether the secret should also be kept where no cookie is needed (lti.md 3.5, step 2).

    It is not in a tab of its own; in a frame it is where the platform offers storage, in Safari, and wherever no
    cookie shows that cookies come back.
    """
    agent = request.headers.get("User-Agent", "")
    place = request.headers.get("Sec-Fetch-Dest")
    # Old browsers do not say where they are; a program that is no browser keeps its cookies.
    if place != "iframe" and (place is not None or "Mozilla/" not in agent):
        return False
    webkit = "Safari/" in agent and not any(name in agent for name in ("Chrome/", "Chromium/"))
    return webkit or bool(params.get("lti_storage_target")) or not _brings_cookies()


def _brings_cookies() -> bool:
    return any(name.startswith(COOKIE_PREFIX) for name in request.cookies)


def _storing_page(start: LoginStart, params: dict[str, str]) -> Response:
    page = render_template(
        "lti/login.html",
        start=start,
        storage=_storage(start.cookie_name, start.auth_url, params.get("lti_storage_target")),
        again=f"{request.path}?{urlencode(params)}",
    )
    return make_response(page)


def _storage(cookie_name: str, auth_url: str, target: str | None) -> dict[str, str]:
    """Return where a page's script finds the secret: under which name, in which frame of which origin."""
    return {"key": cookie_name, "target": target or "", "origin": "".join(origins((auth_url,)))}


@blueprint.post("/lti/<uuid:registration_id>/launch")
@public
@limited(LAUNCH)
def launch(registration_id: UUID) -> Response:
    """Verify a launch, record it, and open the course in a session of its own."""
    registration = find_registration(registration_id)
    auth_url = registration.auth_login_url or ""
    if request.form.get("bind"):
        # Only our own page has read it from the browser's storage: whoever began a login knows its secret too, and
        # could send it from a page of theirs together with their launch (lti.md 6.3, login CSRF).
        require_own_origin()
    try:
        facts = verify(tool().settings, tool().platform_keys, registration, request.form, request.cookies)
    except BindingRequired as error:
        g.frame_origins = error.launch.platform_origins
        if resumed := _resumed(error.launch):
            return resumed
        if session.was_used(error.launch):  # whatever the browser keeps, it opens nothing a second time
            raise LaunchError("launch_used") from error
        return _finishing_page(error, auth_url)
    except LaunchError as error:
        if error.code == "deployment_unknown":
            note_deployment(registration_id, str(error.facts["deployment"]))
        raise
    g.frame_origins = facts.platform_origins
    return _opened(facts)


def _opened(facts: LaunchFacts) -> Response:
    try:
        recorded = launches.record(facts)
    except LaunchError:
        if resumed := _resumed(facts):
            return resumed
        raise
    if recorded.refresh_run_id:
        tool().ring(recorded.refresh_run_id)
    if recorded.course_id is None and not facts.is_administrator:
        response = make_response(render_template("lti/no_course.html", name=facts.name))
    else:
        response = _redirect(_landing(facts, recorded.course_id), 303)
    set_cookie(response, session.SESSION_COOKIE, recorded.token, session.LIFETIME + session.KEPT)
    set_cookie(response, facts.bind_cookie, "", timedelta(0))
    invite_waiting.forget_resumed(response)
    return response


def _resumed(facts: LaunchFacts) -> Response | None:
    """Answer a reload of a launch by the page that it opened, in the session that it opened."""
    course_id = session.resumable_course(facts, request.cookies.get(session.SESSION_COOKIE))
    return _redirect(_landing(facts, course_id), 303) if course_id else None


def _finishing_page(error: BindingRequired, auth_url: str) -> Response:
    """Ask the browser's own storage for the secret; the token is in this page's form only, never in an address."""
    page = render_template(
        "lti/finish.html",
        form={"id_token": request.form["id_token"], "state": request.form["state"]},
        storage=_storage(error.launch.bind_cookie, auth_url, request.form.get("lti_storage_target")),
    )
    return make_response(page, error.status)


def _landing(facts: LaunchFacts, course_id: UUID | None) -> str:
    """Return the address that looks whether the session's cookie came back before it goes on."""
    course = f"/courses/{course_id}/"
    if facts.placing and course_id is not None:
        to = f"{course}placing/{placing.begin_placing(facts, course_id)}"
    elif course_id is None or (facts.is_administrator and facts.enrollment_type is None):
        to = ADMINISTRATION  # who administers the LMS and has no part in this course
    elif facts.link_id:
        to = f"{course}open/{facts.link_id}"
    else:
        invite = invite_waiting.waiting_in(course_id)
        home = f"/invite/{invite}" if invite else course
        to = facts.target_path if facts.target_path.startswith((course, "/invite/")) else home
    return f"/lti/landing?to={quote(to)}&frame={seal_origins(tool().settings, facts.platform_origins)}"


@blueprint.get("/lti/landing")
@public
def landing() -> Response:
    """Go on with the session, or explain what the browser keeps from us: never a loop."""
    to = request.args.get("to", "")
    parts = urlsplit(to) if to.isascii() and to.isprintable() and "\\" not in to else None
    if parts is None or parts.netloc or parts.scheme or not to.startswith(INSIDE):
        raise LaunchError("target_foreign")
    if g.get("visitor"):
        return _redirect(to, 303)
    sealed = request.args.get("frame", "")
    g.frame_origins = unseal_origins(tool().settings, sealed)
    # Some browsers keep back a cookie only while they are redirected (WebKit bug 306194): one try from our own page.
    again = None if "again" in request.args else f"{request.path}?{urlencode({'to': to, 'frame': sealed, 'again': 1})}"
    return make_response(render_template("lti/landing.html", again=again), 401)


@blueprint.get("/lti/<uuid:registration_id>/jwks.json")
@public
def jwks(registration_id: UUID) -> Response:
    """Publish the tool's public keys (Security Framework 1.0, 6.3)."""
    find_registration(registration_id)
    return jsonify(tool().key_ring.public_key_set())


@blueprint.get("/lti/<uuid:registration_id>/config.json")
@public
def config(registration_id: UUID) -> Response:
    """Publish what a Canvas developer key is made from."""
    return jsonify(canvas_developer_key(tool().settings, find_registration(registration_id)))


@blueprint.errorhandler(LaunchError)
def refuse(error: LaunchError) -> Response:
    """Say in plain words why the launch was refused and what to do; the log has the same reference."""
    reference = secrets.token_hex(4)
    registration_id = (request.view_args or {}).get("registration_id")
    log.info(
        "launch refused",
        code=error.code,
        status=error.status,
        reference=reference,
        registration=str(registration_id) if registration_id else None,
    )
    if registration_id:
        note_refusal(registration_id, error, reference)
    page = render_template("lti/refused.html", code=error.code, facts=error.facts, reference=reference)
    return make_response(page, error.status)


def _redirect(address: str, status: int) -> Response:
    return Response(status=status, headers={"Location": address})


def set_cookie(response: Response, name: str, value: str, lifetime: timedelta) -> None:
    """Set a cookie that works inside another site's frame; all cookies have the same attributes (lti.md 3.1)."""
    response.set_cookie(
        name, value, max_age=lifetime, path="/", secure=True, httponly=True, samesite="None", partitioned=True
    )
