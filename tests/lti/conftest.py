"""A platform that signs whatever a test wants, and one application that all tests here share."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask
from flask.testing import FlaskClient
from jwt.algorithms import RSAAlgorithm
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from lti_tool import create_app
from lti_tool.models import BrowserSession, Course, CourseAccess, Deployment, Registration, db, transaction
from lti_tool.settings import Settings

C = "https://purl.imsglobal.org/spec/lti/claim/"
R = "http://purl.imsglobal.org/vocab/lis/v2/"
BASE_URL = "https://tool.example"
ISSUER = "https://platform.example"


class KeyServer:
    """Serves JWK sets by path on a real socket, and counts who asks."""

    def __init__(self) -> None:
        self.documents: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[str] = []
        self.headers: dict[str, str] = {}  # of the last call
        self.delay = 0.0
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def serve(self, path: str, document: object, status: int = 200, **headers: str) -> str:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.documents[path] = (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
        return self.url(path)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    owner: KeyServer

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.owner.asked.append(path)
        self.owner.headers = dict(self.headers)
        time.sleep(self.owner.delay)
        status, headers, body = self.owner.documents.get(path, (404, {}, b""))
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()  # the tokens of services

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def key_server() -> Iterator[KeyServer]:
    server = KeyServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def make_key() -> Callable[[int], rsa.RSAPrivateKey]:
    return lambda bits=2048: rsa.generate_private_key(65537, bits)


@pytest.fixture(scope="session")
def signing_key(make_key: Callable[..., rsa.RSAPrivateKey]) -> rsa.RSAPrivateKey:
    return make_key()


@pytest.fixture(scope="session")
def other_key(make_key: Callable[..., rsa.RSAPrivateKey]) -> rsa.RSAPrivateKey:
    return make_key()


def _jwk(key: rsa.RSAPrivateKey, kid: str = "k1", **more: Any) -> dict[str, Any]:
    public = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
    return {"kty": "RSA", "n": public["n"], "e": public["e"], "kid": kid, "use": "sig", "alg": "RS256"} | more


@pytest.fixture(scope="session")
def jwk() -> Callable[..., dict[str, Any]]:
    return _jwk


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("lti")
    return Settings(
        base_url=BASE_URL,
        data_dir=folder,
        keys_dir=folder / "keys",
        database_url=f"sqlite:///{folder / 'tool.db'}",
        queue_url="",
        secret_key="s" * 40,
        allowed_private_hosts=frozenset({"127.0.0.1"}),
    )


@pytest.fixture(scope="session")
def app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    with app.app_context():
        db.create_all()
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


@dataclass
class Hop:
    """What a login left: state and nonce on their way through the platform."""

    state: str
    nonce: str
    answer: TestResponse


@dataclass
class School:
    """One platform with one registration of the tool."""

    app: Flask
    key: rsa.RSAPrivateKey
    registration_id: UUID
    client_id: str = "client-1"
    sub: str = "u1"
    kid: str = "k1"

    @property
    def path(self) -> str:
        return f"/lti/{self.registration_id}"

    def client(self) -> FlaskClient:
        return self.app.test_client()

    def login(self, client: FlaskClient, method: str = "GET", **params: str) -> Hop:
        params = {"iss": ISSUER, "client_id": self.client_id, "login_hint": "hint", **params}
        data = {"query_string": params} if method == "GET" else {"data": params}
        answer = client.open(f"{self.path}/login", method=method, base_url=BASE_URL, **data)
        assert answer.status_code == 302, answer.text
        query = parse_qs(urlsplit(answer.headers["Location"]).query)
        return Hop(query["state"][0], query["nonce"][0], answer)

    def claims(self, hop: Hop, *roles: str) -> dict[str, Any]:
        now = int(time.time())
        return {
            "iss": ISSUER,
            "aud": self.client_id,
            "azp": self.client_id,
            "sub": self.sub,
            "iat": now,
            "exp": now + 300,
            "nonce": hop.nonce,
            f"{C}version": "1.3.0",
            f"{C}message_type": "LtiResourceLinkRequest",
            f"{C}deployment_id": "dep-1",
            f"{C}target_link_uri": f"{BASE_URL}{self.path}/launch",
            f"{C}resource_link": {"id": "rl-1", "title": "Groups"},
            f"{C}roles": list(roles) or [f"{R}membership#Instructor"],
            f"{C}context": {"id": "course-1", "label": "CS1", "title": "Intro", "type": [f"{R}course#CourseOffering"]},
            f"{C}launch_presentation": {"document_target": "iframe", "return_url": f"{ISSUER}/r"},
            f"{C}tool_platform": {"guid": "g1", "name": "School", "product_family_code": "canvas"},
            f"{C}custom": {"canvas_course_id": "7"},
            "name": "Ada Lovelace",
            "given_name": "Ada",
            "family_name": "Lovelace",
            "email": "ada@example.org",
            "locale": "en",
        }

    def sign(self, claims: Any, **header: Any) -> str:
        key = header.pop("key", self.key)
        header = {name: value for name, value in ({"kid": self.kid} | header).items() if value is not None}
        return jwt.PyJWS().encode(json.dumps(claims).encode(), key, "RS256", header)

    def post(self, client: FlaskClient, hop: Hop, token: str, **form: str) -> TestResponse:
        data = {"state": hop.state, "id_token": token, **form}
        return client.post(f"{self.path}/launch", data=data, base_url=BASE_URL)

    def launch(self, change: Callable[[dict[str, Any]], object] = lambda claims: None, **how: Any) -> TestResponse:
        """Run the full hop with the changed payload and return the launch's answer."""
        client = how.pop("client", None) or self.client()
        hop = self.login(client, how.pop("method", "GET"))
        claims = self.claims(hop, *how.pop("roles", ()))
        changed = change(claims)
        return self.post(client, hop, self.sign(changed if isinstance(changed, dict | list) else claims, **how))

    @contextmanager
    def store(self) -> Iterator[Any]:
        """Open the store as it is now."""
        with self.app.app_context():
            yield db.session

    def seen_as(self) -> list[str | None]:
        """Return what the store says this school's people are in their courses."""
        with self.store() as session:
            query = select(CourseAccess.enrollment_type).join(Course, Course.id == CourseAccess.course_id)
            return list(session.scalars(query.where(Course.registration_id == self.registration_id)))

    def sessions(self) -> int:
        """Count the browser sessions that launches of this school opened."""
        with self.store() as session:
            query = select(func.count()).where(BrowserSession.registration_id == self.registration_id)
            return session.scalar(query.select_from(BrowserSession))


@pytest.fixture
def make_school(app: Flask, signing_key: rsa.RSAPrivateKey, key_server: KeyServer) -> Callable[..., School]:
    """Register a platform of its own for a test; all of them share issuer and client id, as in the field."""

    def make(**values: Any) -> School:
        registration_id = uuid4()
        key = values.pop("key", signing_key)
        kid = values.pop("kid", "k1")
        url = key_server.serve(f"/{registration_id}", {"keys": [_jwk(key, kid)]})
        row = {
            "name": "School",
            "family": "canvas",
            "issuer": ISSUER,
            "client_id": "client-1",
            "auth_login_url": "https://auth.platform.example/authorize",
            "auth_token_url": "https://auth.platform.example/token",
            "key_set_url": url,
        }
        with app.app_context(), transaction() as session:
            created_at = datetime.now(UTC)
            ids = values.pop("deployment_ids", ("dep-1",))
            deployments = [Deployment(lms_deployment_id=each, active=True, created_at=created_at) for each in ids]
            session.add(
                Registration(id=registration_id, created_at=created_at, deployments=deployments, **(row | values))
            )
        return School(app, key, registration_id, kid=kid)

    return make


@pytest.fixture
def school(make_school: Callable[..., School]) -> School:
    return make_school()
