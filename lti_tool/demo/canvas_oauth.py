"""OAuth2 of the Canvas-like site: the code flow of an API developer key, refresh and revocation."""

import secrets
import time
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, jsonify, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from lti_tool.demo import canvas_scopes
from lti_tool.demo.hub import canvas, hub
from lti_tool.demo.model import Person, Token

bp = Blueprint("canvas_oauth", __name__, url_prefix="/canvas")
CODE_SECONDS = 600


@bp.get("/login/oauth2/auth")
def ask() -> ResponseReturnValue:
    """Show who may grant access; a real Canvas knows its user from the session."""
    client, target = request.args.get("client_id"), request.args.get("redirect_uri", "")
    if client != hub().config.oauth_client_id:
        return jsonify(error="invalid_client", error_description="unknown client"), 401
    if not target.startswith(("http://", "https://")):
        text = "redirect_uri does not match client settings"
        return jsonify(error="invalid_request", error_description=text), 400
    if request.args.get("response_type") != "code":
        return redirect(_back(target, {"error": "unsupported_response_type"}))
    scope = request.args.get("scope", "")
    if canvas_scopes.unknown(scope) or set(scope.split()) & set(hub().faults.key_lacks.split()):
        text = "A requested scope is invalid, unknown, malformed, or exceeds the scope granted by the resource owner."
        return redirect(_back(target, {"error": "invalid_scope", "error_description": text}))
    chosen = request.args.get("as", type=int)
    staff = {e.user for e in canvas().enrolments.values() if e.kind in ("TeacherEnrollment", "TaEnrollment")}
    people = [p for p in canvas().people.values() if p.admin or p.id in staff]
    if chosen:
        people = [p for p in canvas().people.values() if p.id == chosen] or people
    fields = {k: v for k, v in request.args.items() if k != "as"}
    response = make_response(
        render_template("demo/oauth.html", people=people, fields=fields, title="Authorize LTI Groups")
    )
    response.headers["Content-Security-Policy"] = "frame-ancestors 'none'"  # a login is shown in no frame
    return response


@bp.post("/login/oauth2/confirm")
def confirm() -> ResponseReturnValue:
    """Give out a code, or the refusal."""
    form, target = request.form, request.form.get("redirect_uri", "")
    if not target.startswith(("http://", "https://")):
        return _error(400, "invalid_request", "redirect_uri does not match client settings")
    if form.get("answer") != "allow":
        return redirect(_back(target, {"error": "access_denied"}))
    code = secrets.token_urlsafe(24)
    hub().codes[code] = {
        "user": int(form["as"]),
        "redirect_uri": target,
        "scope": form.get("scope", ""),
        "until": time.time() + CODE_SECONDS,
    }
    return redirect(_back(target, {"code": code}))


def _back(target: str, fields: dict[str, str]) -> str:
    state = request.values.get("state")
    query = urlencode(fields | ({"state": state} if state else {}))
    return f"{target}{'&' if '?' in target else '?'}{query}"


def _error(status: int, code: str, text: str) -> ResponseReturnValue:
    headers = {"WWW-Authenticate": "Canvas OAuth 2.0"} if status == 401 else {}
    return jsonify(error=code, error_description=text), status, headers


def token(kind: str) -> ResponseReturnValue:
    """Answer a code or a refresh token with an access token."""
    config, form = hub().config, request.form
    if form.get("client_id") != config.oauth_client_id:
        return _error(401, "invalid_client", "unknown client")
    if form.get("client_secret") != config.oauth_client_secret:
        return _error(401, "invalid_client", "invalid client")
    return _from_code() if kind == "authorization_code" else _from_refresh()


def _from_code() -> ResponseReturnValue:
    given = hub().codes.pop(request.form.get("code", ""), None)
    if given is None or given["until"] < time.time():
        return _error(400, "invalid_grant", "authorization_code not found")
    if given["redirect_uri"] != request.form.get("redirect_uri", given["redirect_uri"]):
        return _error(400, "invalid_request", "redirect_uri does not match client settings")
    refresh = secrets.token_urlsafe(32)
    made = _new(given["user"], given["scope"], refresh)
    return jsonify(_shape(made) | {"refresh_token": refresh})


def _from_refresh() -> ResponseReturnValue:
    refresh = request.form.get("refresh_token", "")
    old = next((t for t in canvas().tokens.values() if t.refresh and t.refresh == refresh), None)
    if old is None or old.user is None:
        return _error(400, "invalid_request", "refresh_token not found")
    # The same row gets a new value: the access token before it is dead at once.
    del canvas().tokens[old.value]
    return jsonify(_shape(_new(old.user, old.scope, refresh)))


def _new(user: int, scope: str, refresh: str) -> Token:
    row = Token(secrets.token_urlsafe(32), hub().config.oauth_client_id, scope, time.time() + 3600, user, refresh)
    canvas().tokens[row.value] = row
    canvas().touch()
    return row


def _shape(row: Token) -> dict[str, Any]:
    person: Person = canvas().people[row.user or 0]
    user = {"id": person.id, "name": person.name, "global_id": f"1{person.id:013}", "effective_locale": "en"}
    return {"access_token": row.value, "token_type": "Bearer", "user": user, "expires_in": 3600}


def revoke() -> ResponseReturnValue:
    """Delete the access token with which the call comes."""
    value = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    if not value or canvas().tokens.pop(value, None) is None:
        return _error(400, "invalid_request", "access_token not found")
    canvas().touch()
    return jsonify({})
