"""How an administrator of the Moodle-like site adds a tool: by its registration URL, or by hand."""

from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from lti_tool.demo import lti_messages, registry
from lti_tool.demo.config import ToolLink
from lti_tool.demo.hub import hub

bp = Blueprint("moodle_registering", __name__, url_prefix="/moodle/mod/lti")
LIST = "moodle_registering.manage"
DEPLOYMENT_ID = "1"  # = id of the tool type; the courses' pages know one
USAGES = (
    "Do not show; use only when a matching tool URL is entered",
    "Show as preconfigured tool when adding an external tool",
    "Show in activity chooser and as a preconfigured tool",
)
NEEDED = ("initiate_login_uri", "redirect_uris", "client_name", "jwks_uri", "token_endpoint_auth_method")


class _RefusedError(Exception):
    """A registration that Moodle refuses: status and one plain word or two."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.text, self.status = text, status


@bp.errorhandler(_RefusedError)
def _refused(error: _RefusedError) -> ResponseReturnValue:
    return Response(error.text, error.status, mimetype="text/plain")


@bp.get("/openid-configuration.php")
def openid_configuration() -> ResponseReturnValue:
    root = hub().issuer("moodle") + "/mod/lti/"
    return jsonify(
        {
            "issuer": hub().issuer("moodle"),
            "token_endpoint": root + "token.php",
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256"],
            "jwks_uri": root + "certs.php",
            "authorization_endpoint": root + "auth.php",
            "registration_endpoint": root + "openid-registration.php",
            "scopes_supported": [lti_messages.NRPS_SCOPE, "openid"],
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public", "pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "claims_supported": ["sub", "iss", "name", "given_name", "family_name", "email"],
            "https://purl.imsglobal.org/spec/lti-platform-configuration": {
                "product_family_code": "moodle",
                "version": "4.5.6 (Build: 20250811)",
                "messages_supported": [
                    {"type": "LtiResourceLinkRequest"},
                    {"type": "LtiDeepLinkingRequest", "placements": ["ContentArea"]},
                ],
                "variables": ["Context.id", "User.id", "User.username", "Moodle.Person.userGroupIds"],
            },
        }
    )


@bp.post("/openid-registration.php")
def register() -> ResponseReturnValue:
    """Take a registration; the tool is pending until an administrator activates it."""
    try:
        claims = registry.read_token("moodle")
    except registry.TokenError as error:
        raise _RefusedError(str(error), 401) from None
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise _RefusedError("invalid_json")
    block = _checked(body)
    try:
        registry.use_token(claims)
    except registry.TokenError as error:
        raise _RefusedError(str(error), 401) from None
    scopes, wanted = str(body.get("scope", "")).split(), block.get("claims", [])
    link = ToolLink(
        client_id=claims["sub"],
        deployment_id=DEPLOYMENT_ID,
        login_url=body["initiate_login_uri"],
        launch_url=body["redirect_uris"][0],
        jwks_url=body["jwks_uri"],
        custom=block.get("custom_parameters") or {},
        roster_service=lti_messages.NRPS_SCOPE in scopes,
    )
    facts = {
        "Tool configuration usage": USAGES[1],
        "Names and roles": "on" if link.roster_service else "off",
        "Share name": "always" if "name" in wanted else "never",
        "Share e-mail": "always" if "email" in wanted else "never",
        "Deep linking": "on" if any(m.get("type") == "LtiDeepLinkingRequest" for m in block["messages"]) else "off",
    }
    registry.add("moodle", body["client_name"], link, "pending", facts)
    return jsonify(
        body
        | {"client_id": link.client_id, "scope": " ".join(scopes)}
        | {registry.TOOL: block | {"deployment_id": DEPLOYMENT_ID}}
    )


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    """Return the tool's block of a registration; raise for what Moodle refuses."""
    if "id_token" not in body.get("response_types", []):
        raise _RefusedError("invalid_response_types")
    for name in NEEDED:
        if not body.get(name):
            raise _RefusedError(f"missing required attribute {name}")
    if body["token_endpoint_auth_method"] != "private_key_jwt":
        raise _RefusedError("invalid_token_endpoint_auth_method")
    if body.get("application_type", "web") != "web":
        raise _RefusedError("invalid_application_type")
    block = body.get(registry.TOOL)
    if not isinstance(block, dict) or not block.get("domain"):
        raise _RefusedError("missing_domain")
    target = block.get("target_link_uri") or f"https://{block['domain']}"
    if urlsplit(target).netloc != block["domain"]:  # the port is a part of it
        raise _RefusedError("domain_targetlinkuri_mismatch")
    return {"messages": [], **block}


@bp.get("/toolconfigure.php")
def manage() -> ResponseReturnValue:
    root = hub().issuer("moodle")
    platform = {
        "Platform ID": root,
        "Public keyset URL": f"{root}/mod/lti/certs.php",
        "Access token URL": f"{root}/mod/lti/token.php",
        "Authentication request URL": f"{root}/mod/lti/auth.php",
    }
    tools = registry.added("moodle")
    return render_template(
        "demo/moodle_tools.html", title="Manage tools", tools=tools, platform=platform, usages=USAGES
    )


@bp.post("/toolconfigure.php")
def begin() -> ResponseReturnValue:
    """Open the tool's registration address in a frame, with the two values of the specification."""
    url = request.form.get("toolurl", "")
    if urlsplit(url).scheme not in ("http", "https"):
        abort(400)
    token = registry.write_token("moodle", {"sub": registry.new_client_id(hub(), "moodle"), "scope": "reg"})
    more = urlencode(
        {
            "openid_configuration": f"{hub().issuer('moodle')}/mod/lti/openid-configuration.php",
            "registration_token": token,
        }
    )
    return render_template(
        "demo/registering.html",
        title="Add LTI Advantage",
        site="moodle",
        src=f"{url}{'&' if '?' in url else '?'}{more}",
        back=LIST,
    )


@bp.post("/toolconfigure.php/<int:number>/activate")
def activate(number: int) -> ResponseReturnValue:
    registry.switch_on("moodle", number)
    return redirect("/moodle/mod/lti/toolconfigure.php", 303)


@bp.post("/toolconfigure.php/<int:number>/edit")
def edit(number: int) -> ResponseReturnValue:
    """Store how a tool is offered; the courses here have it in their menu anyhow."""
    tool = hub().added["moodle"].get(number) or abort(404)
    tool.facts = {**tool.facts, "Tool configuration usage": request.form["usage"]}
    return redirect("/moodle/mod/lti/toolconfigure.php", 303)


@bp.route("/typessettings.php", methods=["GET", "POST"])
def by_hand() -> ResponseReturnValue:
    """Show the form of a tool that is configured manually, and take it."""
    if request.method == "GET":
        return render_template("demo/moodle_manual.html", title="External tool configuration", usages=USAGES)
    form = request.form
    link = ToolLink(
        client_id=registry.new_client_id(hub(), "moodle"),
        deployment_id=DEPLOYMENT_ID,
        login_url=form["initiatelogin"],
        launch_url=form["redirectionuris"].split()[0],
        jwks_url=form["publickeyset"],
        custom=_custom(form.get("customparameters", "")),
        roster_service=form.get("memberships", "").startswith("Use"),
    )
    facts = {"Tool configuration usage": form.get("usage", USAGES[1])}
    tool = registry.add("moodle", form["name"], link, "pending", facts)
    registry.switch_on("moodle", tool.id)  # what an administrator typed is active at once
    return redirect("/moodle/mod/lti/toolconfigure.php", 303)


def _custom(lines: str) -> dict[str, str]:
    """Read the field Custom parameters: one name=value in each line."""
    pairs = (line.partition("=") for line in lines.splitlines() if "=" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}
