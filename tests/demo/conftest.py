"""Fixtures of the demo LMS's tests: the LMS in memory or on a socket, its APIs, and a tool's key set."""

import json
import re
import threading
import time
import uuid
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from werkzeug.serving import make_server

from lti_tool.demo import LmsConfig, ToolLink, create_lms

NRPS_SCOPE = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Tool:
    """A tool's side of the key exchange."""

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.kid = "k1"
        self.fetches = 0
        self.url = ""

    def jwks(self):
        public = json.loads(RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [public | {"kid": self.kid, "alg": "RS256", "use": "sig"}]}

    def link(self, client_id):
        base = "http://127.0.0.1:9"
        return ToolLink(client_id, "1", f"{base}/login", f"{base}/launch", f"{self.url}/jwks")

    def assertion(self, client_id, audience, **more):
        now = int(time.time())
        claims = {"iss": client_id, "sub": client_id, "aud": audience, "iat": now, "exp": now + 60}
        claims |= {"jti": uuid.uuid4().hex} | more
        return jwt.encode(claims, self.key, "RS256", headers={"kid": self.kid})

    def token_form(self, client_id, audience, **more):
        form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE}
        form |= {"client_assertion": self.assertion(client_id, audience), "scope": NRPS_SCOPE}
        return form | more


@pytest.fixture(scope="session")
def _tool_key():
    return Tool()


@pytest.fixture
def tool(_tool_key):
    """A tool whose key set is served on a loopback port."""
    tool = _tool_key
    tool.kid, tool.fetches = f"kid-{uuid.uuid4().hex[:8]}", 0

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            tool.fetches += 1
            body = json.dumps(tool.jwks()).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    tool.url = f"http://127.0.0.1:{server.server_port}"
    yield tool
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def lms():
    """A demo LMS in memory, with the tool's links installed but no tool behind them."""
    made = create_lms(LmsConfig("http://localhost:8001"))
    for flavour, client_id in (("canvas", "10001"), ("moodle", "mclient")):
        base = "http://127.0.0.1:9"
        made.install_tool(flavour, ToolLink(client_id, "1", f"{base}/login", f"{base}/launch", f"{base}/jwks"))
    return made


@pytest.fixture
def client(lms):
    return lms.app.test_client()


class Rest:
    """Calls of the Canvas-like REST API."""

    def __init__(self, client, token):
        self.client, self.headers = client, {"Authorization": f"Bearer {token}"}

    def call(self, method, path, **more):
        return self.client.open(f"/canvas/api/v1/{path}", method=method, headers=self.headers, **more)

    def get(self, path, **query):
        return self.call("GET", path, query_string={k.replace("__", "[]"): v for k, v in query.items()})

    def send(self, method, path, body=None):
        return self.call(method, path, json=body or {})


@pytest.fixture
def rest(client):
    return Rest(client, "demo-canvas-token")


@pytest.fixture
def rest_as(client):
    return lambda user_id: Rest(client, f"demo-user-{user_id}")


@pytest.fixture
def ws(client):
    """Call a Moodle-like function; the answer is the decoded JSON."""

    def call(name, **fields):
        data = {"wstoken": "demo-moodle-token", "moodlewsrestformat": "json", "wsfunction": name}
        data |= {key: str(value) for key, value in flat(fields).items()}
        answer = client.post("/moodle/webservice/rest/server.php", data=data)
        assert answer.status_code == 200
        return json.loads(answer.get_data(as_text=True))

    def flat(value, prefix=""):
        if isinstance(value, dict):
            items = value.items()
        elif isinstance(value, list):
            items = enumerate(value)
        else:
            return {prefix: value}
        found = {}
        for key, item in items:
            found |= flat(item, f"{prefix}[{key}]" if prefix else str(key))
        return found

    return call


@pytest.fixture
def form_of():
    """Read a self-submitting page: its action and its fields."""

    def read(answer):
        page = answer.get_data(as_text=True)
        fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
        action = re.search(r'action="([^"]*)"', page)
        return unescape(action[1]), {unescape(k): unescape(v) for k, v in fields}

    return read


@pytest.fixture
def launch(client, form_of):
    """Go through a launch; the answer is the fields that the tool would get."""

    def go(flavour, course_id, user_id, **wrong):
        if flavour == "canvas":
            start = f"/canvas/courses/{course_id}/external_tools/1/launch?as={user_id}"
            auth = "/canvas/api/lti/authorize_redirect"
        else:
            start = f"/moodle/mod/lti/launch.php?id={course_id + 1}&as={user_id}"
            auth = "/moodle/mod/lti/auth.php"
        action, login = form_of(client.get(start))
        assert action == "http://127.0.0.1:9/login"
        query = {
            "scope": "openid",
            "response_type": "id_token",
            "response_mode": "form_post",
            "prompt": "none",
            "client_id": login["client_id"],
            "redirect_uri": "http://127.0.0.1:9/launch",
            "login_hint": login["login_hint"],
            "lti_message_hint": login["lti_message_hint"],
            "state": "st4te",
            "nonce": "n0nce",
        }
        answer = client.get(auth, query_string={k: v for k, v in (query | wrong).items() if v is not None})
        go.answer, go.login, go.query = answer, login, query
        return form_of(answer)[1] if 'id="autopost"' in answer.get_data(as_text=True) else {}

    return go


@pytest.fixture
def claims(client):
    """Verify an id_token with the site's published key, and return its claims."""

    def read(flavour, token, client_id):
        url = {"canvas": "/canvas/api/lti/security/jwks", "moodle": "/moodle/mod/lti/certs.php"}[flavour]
        keys = {k["kid"]: k for k in client.get(url).get_json()["keys"]}
        key = jwt.PyJWK(keys[jwt.get_unverified_header(token)["kid"]], algorithm="RS256")
        return jwt.decode(token, key, algorithms=["RS256"], audience=client_id)

    return read


@pytest.fixture
def live(tool):
    """A demo LMS on a loopback socket: (lms, base url, tool)."""
    holder = {}

    def delegate(environ, start_response):
        return holder["lms"].app(environ, start_response)

    server = make_server("127.0.0.1", 0, delegate, threaded=True)
    base = f"http://127.0.0.1:{server.server_port}"
    holder["lms"] = lms = create_lms(LmsConfig(base))
    lms.install_tool("canvas", tool.link("10001"))
    lms.install_tool("moodle", tool.link("mclient"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield lms, base, tool
    server.shutdown()
    server.server_close()
    thread.join()
    lms.close()
