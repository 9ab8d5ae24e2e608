"""Adding a tool to the demo LMS: each site takes what its original takes, and refuses as it does."""

import json
import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest

TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
NRPS = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
LINK = "http://127.0.0.1:9/lti/register?token=t"
BEGIN = {
    "canvas": ("/canvas/accounts/1/apps/install", "registration_url"),
    "moodle": ("/moodle/mod/lti/toolconfigure.php", "toolurl"),
}


def begin(client, site):
    """Open the site's page with the tool's frame; give what the frame's address holds."""
    path, field = BEGIN[site]
    page = client.post(path, data={field: LINK}).get_data(as_text=True)
    src = unescape(re.search(r'src="([^"]+)"', page)[1])
    assert src.startswith(LINK)
    return {name: values[0] for name, values in parse_qs(urlsplit(src).query).items()}


def configuration(client, given):
    url = urlsplit(given["openid_configuration"])
    return client.get(url.path, headers={"Authorization": f"Bearer {given['registration_token']}"}).get_json()


def body(**changes):
    block = {
        "domain": "127.0.0.1:9",
        "target_link_uri": "http://127.0.0.1:9/launch",
        "claims": ["iss", "sub", "name", "email"],
        "messages": [{"type": "LtiResourceLinkRequest", "placements": ["course_navigation"]}],
    }
    return {
        "application_type": "web",
        "response_types": ["id_token"],
        "grant_types": ["implicit", "client_credentials"],
        "initiate_login_uri": "http://127.0.0.1:9/login",
        "redirect_uris": ["http://127.0.0.1:9/launch"],
        "client_name": "Groups",
        "jwks_uri": "http://127.0.0.1:9/jwks",
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": NRPS,
        TOOL: block | changes.pop("block", {}),
        **changes,
    }


def send(client, site, given, sent):
    url = urlsplit(configuration(client, given)["registration_endpoint"])
    return client.post(url.path, json=sent, headers={"Authorization": f"Bearer {given['registration_token']}"})


def test_a_moodle_tool_is_pending_until_it_is_activated(client, lms):
    given = begin(client, "moodle")
    before = lms.hub.tools["moodle"]
    made = send(client, "moodle", given, body())
    assert made.status_code == 200
    assert made.get_json()[TOOL]["deployment_id"] == "1"
    assert lms.hub.tools["moodle"] == before
    again = send(client, "moodle", given, body())
    assert (again.status_code, again.get_data(as_text=True)) == (401, "token_already_used")
    page = client.get("/moodle/mod/lti/toolconfigure.php").get_data(as_text=True)
    assert "Pending" in page
    client.post(re.search(r'action="([^"]+/activate)"', page)[1])
    assert lms.hub.tools["moodle"].client_id == made.get_json()["client_id"]


def test_what_a_registration_did_not_ask_for_is_off(client, lms):
    for scope in ("", NRPS):
        send(client, "moodle", begin(client, "moodle"), body(scope=scope))
        newest = max(lms.hub.added["moodle"].values(), key=lambda tool: tool.id)
        assert newest.link.roster_service is (scope == NRPS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"jwks_uri": ""}, "missing required attribute jwks_uri"),
        ({"block": {"domain": ""}}, "missing_domain"),
        ({"block": {"domain": "127.0.0.1"}}, "domain_targetlinkuri_mismatch"),
        ({"response_types": []}, "invalid_response_types"),
    ],
)
def test_moodle_refuses_in_plain_words(client, change, said):
    answer = send(client, "moodle", begin(client, "moodle"), body(**change))
    assert (answer.status_code, answer.get_data(as_text=True)) == (400, said)


def test_a_canvas_describes_itself_to_who_has_a_token_only(client):
    assert client.get("/canvas/api/lti/security/openid-configuration").status_code == 401
    found = configuration(client, begin(client, "canvas"))
    assert found["issuer"] in found["authorization_endpoint"]


def test_a_canvas_app_gets_its_deployment_when_it_is_turned_on(client, lms):
    given = begin(client, "canvas")
    made = send(client, "canvas", given, body())
    assert made.status_code == 200
    assert "deployment_id" not in json.dumps(made.get_json())
    assert send(client, "canvas", given, body()).status_code == 401
    page = client.get("/canvas/accounts/1/apps").get_data(as_text=True)
    client.post(re.search(r'action="([^"]+/on)"', page)[1])
    link = lms.hub.tools["canvas"]
    assert link.client_id == made.get_json()["client_id"]
    assert link.deployment_id


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scope": f"{NRPS} https://unknown.example/scope"}, "unknown scope"),
        ({"grant_types": ["implicit"]}, "grant_types"),
        ({"block": {"messages": [{"type": "LtiResourceLinkRequest", "placements": ["link_selection"]}]}}, "placement"),
        ({"block": {"custom_parameters": {"a": 1}}}, "not a string"),
    ],
)
def test_canvas_refuses_by_its_schema(client, change, said):
    answer = send(client, "canvas", begin(client, "canvas"), body(**change))
    assert answer.status_code == 422
    assert said in " ".join(answer.get_json()["errors"])


def test_a_key_by_hand_is_turned_on_and_installed_by_its_client_id(client, lms):
    given = {
        "title": "Groups",
        "oidc_initiation_url": "http://127.0.0.1:9/login",
        "target_link_uri": "http://127.0.0.1:9/launch",
        "public_jwk_url": "http://127.0.0.1:9/jwks",
        "scopes": [NRPS],
        "extensions": [{"privacy_level": "public", "settings": {"placements": [{"placement": "course_navigation"}]}}],
    }
    form = {"name": "", "redirect_uris": "", "method": "paste", "url": "", "json": json.dumps(given)}
    assert client.post("/canvas/accounts/1/developer_keys", data=form | {"json": "{"}).status_code == 422
    assert client.post("/canvas/accounts/1/developer_keys", data=form).status_code == 303
    page = client.get("/canvas/accounts/1/developer_keys").get_data(as_text=True)
    client_id = re.search(r"<code>(\d+)</code>", page)[1]
    install = ("/canvas/accounts/1/apps/by_client_id", {"client_id": client_id})
    assert client.post(install[0], data=install[1]).status_code == 404
    client.post(re.search(r'action="([^"]+/on)"', page)[1])
    assert "Install Groups" in client.post(install[0], data=install[1]).get_data(as_text=True)
    assert client.post(install[0], data=install[1] | {"install": "1"}).status_code == 303
    assert lms.hub.tools["canvas"].client_id == client_id


def test_a_moodle_tool_by_hand_has_the_custom_parameters_that_were_typed(client, lms):
    base = "http://127.0.0.1:9"
    form = {
        "name": "Groups",
        "publickeyset": f"{base}/jwks",
        "initiatelogin": f"{base}/login",
        "redirectionuris": f"{base}/launch",
        "customparameters": "context_history = $Context.id.history\r\nno pair\r\n",
    }
    assert client.post("/moodle/mod/lti/typessettings.php", data=form).status_code == 303
    assert lms.hub.tools["moodle"].custom == {"context_history": "$Context.id.history"}


def test_a_moodle_tool_is_edited_by_the_gear_of_its_card(client):
    usage = "Show in activity chooser and as a preconfigured tool"
    assert client.post("/moodle/mod/lti/toolconfigure.php/1/edit", data={"usage": usage}).status_code == 303
    page = client.get("/moodle/mod/lti/toolconfigure.php").get_data(as_text=True)
    assert f"<code>{usage}</code>" in page
    assert f"<option selected>{usage}</option>" in page
    assert client.post("/moodle/mod/lti/toolconfigure.php/9/edit", data={"usage": usage}).status_code == 404
