"""A platform that is not ours (lti1p3platform, from PyPI) launches the tool, and is asked for its roster."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask, jsonify, request
from lti1p3platform.ltiplatform import LTI1P3PlatformConfAbstract
from lti1p3platform.message_launch import LTIAdvantageMessageLaunchAbstract
from lti1p3platform.oidc_login import OIDCLoginAbstract
from lti1p3platform.registration import Registration as Registered
from sqlalchemy import select
from werkzeug.datastructures import Headers
from werkzeug.serving import make_server

from lti_tool import create_app
from lti_tool.domain.clock import now
from lti_tool.models import CourseAccess, Deployment, Registration, RosterMember, SyncRun, db, transaction
from lti_tool.settings import Settings

R = "http://purl.imsglobal.org/vocab/lis/v2/membership#"
BASE = "http://127.0.0.1:8000"
SCOPE = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
MEMBERS = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
PEOPLE = {"t1": ("Tina Teacher", "Instructor"), "s1": ("Ada Lovelace", "Learner"), "s2": ("Ben Ng", "Learner")}


class Conf(LTI1P3PlatformConfAbstract):
    def init_platform_config(self, registered: Registered) -> None:
        self._registration = registered

    def get_registration_by_params(self, **_: Any) -> Registered:
        raise NotImplementedError


class Login(OIDCLoginAbstract):
    def set_lti_message_hint(self, hint: str) -> None:
        self._lti_message_hint = hint

    def get_redirect(self, url: str) -> str:
        return url


class Launch(LTIAdvantageMessageLaunchAbstract):
    """The message of one person; `_request` is what the tool sent to the authorization address."""

    members_url = ""
    user_id = ""

    def get_preflight_response(self) -> dict[str, Any]:
        assert self._request
        return self._request

    def prepare_launch(self, preflight_response: dict[str, Any]) -> None:
        assert preflight_response["login_hint"] == self.user_id
        name, role = PEOPLE[self.user_id]
        self.set_user_data(self.user_id, [R + role], full_name=name, email_address=f"{self.user_id}@school.example")
        self.set_resource_link_claim("rl-1", title="Groups")
        self.set_launch_context_claim("c-1", context_title="Third-party course", context_label="TPC")
        self.set_nrps(self.members_url)

    def render_launch_form(self, launch_data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return launch_data


@dataclass
class Platform:
    """The third party's platform, its site on a socket, and the tool that is registered there."""

    tool: Flask
    conf: Conf
    path: str
    base: str
    asked: list[tuple[str, Headers]] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)

    def launch(self, user_id: str) -> tuple[Any, Any]:
        """Click on the link as a person; give the browser and the launch's answer."""
        browser = self.tool.test_client()
        login = Login(None, self.conf)
        login.set_lti_message_hint("rl-1")
        asked = browser.get(login.initiate_login(user_id))
        assert asked.status_code == 302, asked.text
        assert asked.headers["Location"].startswith(f"{self.base}/auth?")
        launch = Launch(dict(parse_qsl(urlsplit(asked.headers["Location"]).query)), self.conf)
        launch.user_id, launch.members_url = user_id, f"{self.base}/members"
        sent = launch.lti_launch()
        return browser, browser.post(sent.pop("launch_url"), data=sent)

    def site(self) -> Flask:
        """Return its token endpoint, as the third party wrote it, and a list of members, which it leaves to others."""
        app = Flask("third-party")

        @app.get("/jwks")
        def jwks() -> Any:
            return jsonify(self.conf.get_jwks())

        @app.post("/token")
        def token() -> Any:
            self.forms.append(request.form.to_dict())
            return jsonify(self.conf.get_access_token(request.form.to_dict()))

        @app.get("/members")
        def members() -> Any:
            self.asked.append((request.path, request.headers))
            bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
            assert self.conf.validate_token(bearer, [SCOPE])
            people = [
                {"user_id": key, "name": name, "roles": [R + role], "status": "Active"}
                for key, (name, role) in PEOPLE.items()
            ]
            found = {"id": f"{self.base}/members", "context": {"id": "c-1"}, "members": people}
            return app.response_class(app.json.dumps(found), content_type=MEMBERS)

        return app


@pytest.fixture(scope="module")
def pems() -> tuple[str, str]:
    key = rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


@pytest.fixture
def platform(make_settings: Callable[..., Settings], pems: tuple[str, str]) -> Iterator[Platform]:
    settings, registration_id = make_settings(base_url=BASE), uuid4()
    tool, path = create_app(settings), f"{settings.base_url}/lti/{registration_id}"
    registered = Registered().set_client_id("third").set_deployment_id("d-1").set_launch_url(f"{path}/launch")
    registered.set_oidc_login_url(f"{path}/login").set_platform_private_key(pems[0]).set_platform_public_key(pems[1])
    found = Platform(tool, Conf(registered=registered), path, "")
    server = make_server("127.0.0.1", 0, found.site(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    found.base = f"http://127.0.0.1:{server.port}"
    registered.set_iss(found.base)
    with tool.app_context():
        db.create_all()
        with transaction() as session:
            row = Registration(id=registration_id, name="Third", family="other", issuer=found.base, created_at=now())
            row.client_id, row.key_set_url = "third", f"{found.base}/jwks"
            row.auth_login_url, row.auth_token_url = f"{found.base}/auth", f"{found.base}/token"
            row.deployments = [Deployment(lms_deployment_id="d-1", active=True, created_at=now())]
            session.add(row)
        registered.set_tool_key_set(tool.test_client().get(f"{path}/jwks.json").json)
        yield found
        db.session.remove()
        db.engine.dispose()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("user_id", "kind"), [("t1", "teacher"), ("s1", "student")])
def test_its_launch_opens_a_session(platform: Platform, user_id: str, kind: str) -> None:
    browser, answer = platform.launch(user_id)
    assert answer.status_code == 303, answer.text
    landed = browser.get(answer.headers["Location"], base_url=BASE)
    home = browser.get(landed.headers["Location"], base_url=BASE)
    assert home.status_code == 200
    assert "Third-party course" in home.text
    assert PEOPLE[user_id][0] in home.text
    assert db.session.scalar(select(CourseAccess.enrollment_type)) == kind
    assert platform.base in home.headers["Content-Security-Policy"]


def test_n1_to_n5_its_roster_is_fetched_by_names_and_roles(platform: Platform) -> None:
    platform.launch("t1")
    platform.tool.extensions["lti_tool_doorbell"].work_off()
    assert db.session.scalars(select(SyncRun.state)).all() == ["succeeded"]
    assert set(db.session.scalars(select(RosterMember.name))) == {name for name, _ in PEOPLE.values()}  # N1
    [(path, headers)] = platform.asked
    assert path == "/members"  # N2
    assert headers["Accept"] == MEMBERS  # N3
    assert headers["Authorization"].startswith("Bearer ey")  # N4, and that the platform takes the token
    [form] = platform.forms
    assert form["grant_type"] == "client_credentials"
    assert form["client_assertion"].count(".") == 2
    assert form["scope"] == SCOPE  # N5
