"""How an administrator of the Canvas-like site adds a tool: by its registration URL, or by its JSON."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from flask import Blueprint, abort, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from lti_tool.demo import lti_messages, registry
from lti_tool.demo.config import ToolLink
from lti_tool.demo.hub import hub

bp = Blueprint("canvas_registering", __name__, url_prefix="/canvas")
LIST = "canvas_registering.apps"
CANVAS = "https://canvas.instructure.com/lti"
APPS = "/canvas/accounts/1/apps"
KEYS = "/canvas/accounts/1/developer_keys"
SCOPES = (lti_messages.NRPS_SCOPE, "openid")
PLACEMENTS = {
    "LtiResourceLinkRequest": ("account_navigation", "course_navigation"),
    "LtiDeepLinkingRequest": ("assignment_selection", "editor_button", "link_selection"),
}
PRIVACY = ("public", "name_only", "email_only", "anonymous")
FIXED = {
    "application_type": "web",
    "grant_types": ["client_credentials", "implicit"],
    "response_types": ["id_token"],
    "token_endpoint_auth_method": "private_key_jwt",
}
TEXTS = ("initiate_login_uri", "client_name", "jwks_uri", "scope")


@bp.get("/api/lti/security/openid-configuration")
def openid_configuration() -> ResponseReturnValue:
    """Describe the site to who shows a registration token, and to nobody else."""
    try:
        registry.read_token("canvas")
    except registry.TokenError:
        return jsonify(errorMessage="Invalid registration token"), 401
    issuer = hub().issuer("canvas")
    return jsonify(
        {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/api/lti/authorize_redirect",
            "registration_endpoint": f"{issuer}/api/lti/registrations",
            "jwks_uri": f"{issuer}/api/lti/security/jwks",
            "token_endpoint": f"{issuer}/login/oauth2/token",
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256"],
            "scopes_supported": list(SCOPES),
            "response_types_supported": ["id_token"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "claims_supported": ["sub", "picture", "email", "name", "given_name", "family_name", "locale"],
            "subject_types_supported": ["public"],
            "authorization_server": urlsplit(issuer).netloc,
            "https://purl.imsglobal.org/spec/lti-platform-configuration": {
                "product_family_code": "canvas",
                "version": "OpenSource",
                "messages_supported": [{"type": name, "placements": list(p)} for name, p in PLACEMENTS.items()],
                "variables": ["Canvas.user.id", "Canvas.course.id", "Canvas.api.baseUrl"],
                f"{CANVAS}/account_name": "Demo University (simulator)",
                f"{CANVAS}/account_lti_guid": "demo-canvas",
            },
        }
    )


@bp.post("/api/lti/registrations")
def register() -> ResponseReturnValue:
    """Take a registration; an administrator looks at it before the app is turned on."""
    try:
        claims = registry.read_token("canvas")
    except registry.TokenError:
        return jsonify(errorMessage="JWT did not include expected contents"), 401
    given = request.get_json(silent=True)
    body: dict[str, Any] = given if isinstance(given, dict) else {}
    errors = list(_schema_errors(body))
    if errors:
        return jsonify(errors=errors), 422
    try:
        registry.use_token(claims)
    except registry.TokenError:
        return jsonify(errorMessage="Registration token has already been used"), 401
    block = body[registry.TOOL]
    link = ToolLink(
        client_id=registry.new_client_id(hub(), "canvas"),
        deployment_id="",
        login_url=body["initiate_login_uri"],
        launch_url=body["redirect_uris"][0],
        jwks_url=body["jwks_uri"],
        custom=block.get("custom_parameters", {}),
        roster_service=lti_messages.NRPS_SCOPE in body["scope"].split(),
    )
    facts = {
        "Permissions": body["scope"],
        "Data sharing": block.get(f"{CANVAS}/privacy_level", "anonymous"),
        "Placements": ", ".join(name for m in block["messages"] for name in m.get("placements", [])),
    }
    registry.add("canvas", body["client_name"], link, "pending", facts)
    return jsonify(body | {"client_id": link.client_id})


def _schema_errors(body: dict[str, Any]) -> Iterator[str]:
    """Tell what the site's schema finds wrong, as its validator words it."""
    for name, wanted in FIXED.items():
        given = body.get(name)
        if sorted(given) != sorted(wanted) if isinstance(given, list) and isinstance(wanted, list) else given != wanted:
            yield f"The property '#/{name}' value {json.dumps(given)} did not match {json.dumps(wanted)}"
    for name in TEXTS:
        if not isinstance(body.get(name), str):
            yield f"The property '#/{name}' is not a string"
    if not body.get("redirect_uris"):
        yield "The property '#/redirect_uris' did not contain a minimum number of items 1"
    for scope in str(body.get("scope", "")).split():
        if scope not in SCOPES:
            yield f"The property '#/scope' has an unknown scope: {scope}"
    block = body.get(registry.TOOL)
    if not isinstance(block, dict):
        yield f"The property '#/' did not contain a required property of '{registry.TOOL}'"
        return
    yield from _block_errors(block)


def _block_errors(block: Mapping[str, Any]) -> Iterator[str]:
    for name in ("domain", "messages", "claims", "target_link_uri"):
        if not block.get(name):
            yield f"The property '#/tool' did not contain a required property of '{name}'"
    if block.get(f"{CANVAS}/privacy_level", "public") not in PRIVACY:
        yield "The property '#/tool/privacy_level' did not match one of the allowed values"
    if not all(isinstance(value, str) for value in block.get("custom_parameters", {}).values()):
        yield "The property '#/tool/custom_parameters' has a value that is not a string"
    for message in block.get("messages") or ():
        known = PLACEMENTS.get(message.get("type"))
        if known is None:
            yield f"The property '#/tool/messages' has an unknown type: {message.get('type')}"
            continue
        for name in message.get("placements", ()):
            if name not in known:
                yield f"The placement {name} does not support message type {message['type']}"


@bp.get("/accounts/1/apps")
def apps() -> ResponseReturnValue:
    return _apps_page()


@bp.post("/accounts/1/apps/install")
def begin() -> ResponseReturnValue:
    """Open the tool's registration address in a frame, with the two values of the specification."""
    url = request.form.get("registration_url", "")
    if urlsplit(url).scheme not in ("http", "https"):
        abort(400)
    issuer = hub().issuer("canvas")
    claims = {"user_id": 1, "root_account_domain": urlsplit(issuer).netloc, "registration_url": url}
    more = urlencode(
        {
            "openid_configuration": f"{issuer}/api/lti/security/openid-configuration",
            "registration_token": registry.write_token("canvas", claims),
        }
    )
    src = f"{url}{'&' if '?' in url else '?'}{more}"
    return render_template("demo/registering.html", title="Install an app", site="canvas", src=src, back=LIST)


@bp.post("/accounts/1/apps/<int:number>/on")
def turn_on(number: int) -> ResponseReturnValue:
    """Turn a registered app on: it is installed in the account and has a deployment from then."""
    tool = hub().added["canvas"].get(number) or abort(404)
    registry.place(tool)
    registry.switch_on("canvas", number)
    return redirect(APPS, 303)


@bp.post("/accounts/1/apps/by_client_id")
def by_client_id() -> ResponseReturnValue:
    """Find the app of a developer key that is on, and install it once that was confirmed."""
    wanted = request.form.get("client_id", "").strip()
    tool = next((one for one in registry.added("canvas") if one.link.client_id == wanted), None)
    if tool is None or tool.state == "pending":
        return _apps_page(error="Could not find an available app of this client id. Is its developer key on?"), 404
    if "install" not in request.form:
        return _apps_page(asked=tool)
    registry.place(tool)
    registry.switch_on("canvas", tool.id)
    return redirect(APPS, 303)


@bp.get("/accounts/1/developer_keys")
def developer_keys() -> ResponseReturnValue:
    return _keys_page("")


@bp.post("/accounts/1/developer_keys")
def add_key() -> ResponseReturnValue:
    """Make an LTI key from the tool's JSON, which is pasted or fetched."""
    form, lms = request.form, hub()
    try:
        text = form["json"] if form["method"] == "paste" else requests.get(form["url"].strip(), timeout=5).text
        given = json.loads(text)
        with lms.lock:
            name, link, facts = _read_json(given)
            registry.add("canvas", form["name"].strip() or name, link, "pending", facts)
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        return _keys_page(f"The configuration cannot be used: {type(error).__name__} {error}"), 422
    return redirect(KEYS, 303)


# It may fetch the tool's JSON: no lock while waiting for somebody else's server.
add_key.takes_lock_itself = True  # type: ignore[attr-defined]


def _read_json(given: dict[str, Any]) -> tuple[str, ToolLink, dict[str, str]]:
    """Return title, addresses and what is shown of a tool's JSON; raise ValueError, KeyError or TypeError."""
    (extension,) = given["extensions"]
    placements = extension["settings"]["placements"]
    redirects = request.form["redirect_uris"].split()
    if redirects and given["target_link_uri"] not in redirects:
        raise ValueError("target_link_uri is none of the redirect URIs")
    link = ToolLink(
        client_id=registry.new_client_id(hub(), "canvas"),
        deployment_id="",
        login_url=given["oidc_initiation_url"],
        launch_url=given["target_link_uri"],
        jwks_url=given["public_jwk_url"],
        custom=given.get("custom_fields", {}),
        roster_service=lti_messages.NRPS_SCOPE in given["scopes"],
    )
    facts = {
        "Permissions": " ".join(given["scopes"]),
        "Data sharing": extension["privacy_level"],
        "Placements": ", ".join(one["placement"] for one in placements),
    }
    return given["title"], link, facts


@bp.post("/accounts/1/developer_keys/<int:number>/on")
def key_on(number: int) -> ResponseReturnValue:
    """Turn a developer key on; the app is installed by its client id afterwards."""
    tool = hub().added["canvas"].get(number) or abort(404)
    if tool.state == "pending":
        tool.state = "off"
    return redirect(KEYS, 303)


def _apps_page(error: str = "", asked: registry.AddedTool | None = None) -> str:
    tools = registry.added("canvas")
    return render_template("demo/canvas_apps.html", title="Apps", tools=tools, error=error, asked=asked)


def _keys_page(error: str) -> str:
    tools, config = registry.added("canvas"), hub().config
    api_key = (config.oauth_client_id, config.oauth_client_secret)
    return render_template("demo/canvas_keys.html", title="Developer Keys", tools=tools, api_key=api_key, error=error)
