"""The token endpoints: client credentials on both sites, and OAuth2 for the REST API on the Canvas-like one."""

import secrets
import time
from typing import Any

import jwt
from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from lti_tool.demo import canvas_oauth, gate
from lti_tool.demo.assertion import ASSERTION_TYPE, KeysUnreachableError, UnknownKeyError, verify
from lti_tool.demo.config import Flavour, ToolLink
from lti_tool.demo.hub import hub
from lti_tool.demo.lti_messages import GROUPS_SCOPE, NRPS_SCOPE, tool_of
from lti_tool.demo.model import Token

canvas_bp = Blueprint("canvas_token", __name__, url_prefix="/canvas")
moodle_bp = Blueprint("moodle_token", __name__, url_prefix="/moodle")
gate.guard(canvas_bp, "canvas")
gate.guard(moodle_bp, "moodle")


def _grant(flavour: Flavour, client_id: str, scope: str) -> dict[str, Any]:
    token = Token(secrets.token_urlsafe(32), client_id, scope, time.time() + 3600)
    with hub().lock:
        site = hub().sites[flavour]
        # Tokens of services are cheap to get again; the finished ones need not pile up.
        site.tokens = {k: t for k, t in site.tokens.items() if t.expires > time.time() or t.refresh}
        site.tokens[token.value] = token
        site.touch()
    return {"access_token": token.value, "token_type": "Bearer", "expires_in": 3600, "scope": scope}


def _known_scope(tool: ToolLink) -> str:
    known = (*((NRPS_SCOPE,) if tool.roster_service else ()), *((GROUPS_SCOPE,) if tool.groups_service else ()))
    return " ".join(s for s in request.form.get("scope", "").split() if s in known)


class TokenError(Exception):
    """A refused request for a token, with the words of the site."""

    def __init__(self, status: int, code: str, text: str = "") -> None:
        super().__init__(code)
        self.status, self.code, self.text = status, code, text


@canvas_bp.errorhandler(TokenError)
def _canvas_error(error: TokenError) -> ResponseReturnValue:
    headers = {"WWW-Authenticate": "Canvas OAuth 2.0"} if error.status == 401 else {}
    return jsonify(error=error.code, error_description=error.text), error.status, headers


@canvas_bp.post("/login/oauth2/token")
def canvas_token() -> ResponseReturnValue:
    kind = request.form.get("grant_type", "")
    if kind in ("authorization_code", "refresh_token"):
        with hub().lock:
            return canvas_oauth.token(kind)
    if kind != "client_credentials":
        raise TokenError(400, "unsupported_grant_type", "The grant_type you requested is not supported")
    tool = tool_of("canvas")
    if request.form.get("client_assertion_type") != ASSERTION_TYPE or tool is None:
        raise TokenError(400, "invalid_request", "client_assertion_type is wrong")
    try:
        audiences = [request.base_url, hub().issuer("canvas") + "/login/oauth2/token"]
        claims = verify(hub().key_cache, tool, request.form.get("client_assertion", ""), audiences)
    except (jwt.PyJWTError, KeysUnreachableError, UnknownKeyError) as error:
        raise TokenError(400, "invalid_request", f"JWT signature invalid: {error}") from error
    if claims["sub"] != tool.client_id or "jti" not in claims:
        raise TokenError(401, "invalid_client", "unknown client")
    scope = _known_scope(tool)
    if not scope:
        raise TokenError(400, "invalid_scope", "A requested scope is invalid, unknown or malformed")
    return jsonify(_grant("canvas", tool.client_id, scope))


@canvas_bp.delete("/login/oauth2/token")
def canvas_revoke() -> ResponseReturnValue:
    with hub().lock:
        return canvas_oauth.revoke()


@moodle_bp.errorhandler(TokenError)
def _moodle_error(error: TokenError) -> ResponseReturnValue:
    # Moodle labels its JSON as a page, and does not escape what it puts into it.
    text = f'{{ "error" : "{error.code}" }}'
    return Response(error.text or text, error.status, mimetype="text/html")


@moodle_bp.post("/mod/lti/token.php")
def moodle_token() -> ResponseReturnValue:
    tool, form = tool_of("moodle"), request.form
    if form.get("grant_type") != "client_credentials" or form.get("client_assertion_type") != ASSERTION_TYPE:
        raise TokenError(400, "unsupported_grant_type")
    try:
        assertion = form.get("client_assertion", "")
        subject = jwt.decode(assertion, options={"verify_signature": False}).get("sub")
        if tool is None or subject != tool.client_id:
            raise TokenError(400, "invalid_client")
        verify(hub().key_cache, tool, assertion, None)
    except UnknownKeyError:
        raise TokenError(400, '"kid" invalid, unable to lookup correct key') from None
    except KeysUnreachableError:
        page = "<html><body><h1>Error</h1><p>No keyset found</p></body></html>"
        raise TokenError(404, "unreachable", page) from None
    except jwt.ExpiredSignatureError:
        raise TokenError(400, "Expired token") from None
    except jwt.PyJWTError:
        raise TokenError(400, "invalid_client") from None
    scope = _known_scope(tool)
    if not scope:
        raise TokenError(400, "invalid_scope")
    body = jsonify(_grant("moodle", tool.client_id, scope)).get_data(as_text=True)
    return Response(body, 200, mimetype="text/html")


for _view in (canvas_token, canvas_revoke, moodle_token):
    # They may fetch the tool's keys: no lock while waiting for somebody else's server.
    _view.takes_lock_itself = True  # type: ignore[attr-defined]
