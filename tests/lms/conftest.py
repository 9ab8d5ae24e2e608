"""Starts the demo LMS on a real socket, and gives the tests gateways to its two sites."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from werkzeug.serving import WSGIRequestHandler, make_server

from lti_tool.demo import DemoLms, LmsConfig, ToolLink, create_lms
from lti_tool.demo.outsider import act
from lti_tool.demo.state_view import course_state
from lti_tool.domain.platform_hosts import own_hosts
from lti_tool.lms.advantage import Advantage
from lti_tool.lms.advantage_groups import AdvantageGateway
from lti_tool.lms.canvas import CanvasGateway
from lti_tool.lms.moodle import MoodleGateway
from lti_tool.outbound import Outbound

TOKENS = {"canvas": "demo-canvas-token", "moodle": "demo-moodle-token"}
TOKEN_PATHS = {"canvas": "/login/oauth2/token", "moodle": "/mod/lti/token.php"}
GATEWAYS = {"canvas": CanvasGateway, "moodle": MoodleGateway}


class _Silent(WSGIRequestHandler):
    def log(self, *args: Any) -> None:
        """Say nothing."""


class Server:
    """A WSGI program on a port of this machine."""

    def __init__(self, app: Any) -> None:
        self._server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
        self.url = f"http://127.0.0.1:{self._server.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def serve(self, app: Any) -> None:
        self._server.app = app

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@dataclass
class Site:
    """One site of the demo LMS with its small course, as a test sees it."""

    demo: DemoLms
    base: str
    flavour: Any
    course_id: str
    outbound: Outbound
    naps: list[float] = field(default_factory=list)
    person_id: str = "user_id"  # where the outsider names the id by which the adapter knows a person
    lists_inactive: bool = True

    def gateway(self, **changes: Any) -> Any:
        values = {"base_url": f"{self.base}/{self.flavour}", "token": TOKENS[self.flavour]}
        values |= {"lms_course_id": self.course_id, "sleep": self.naps.append}
        return GATEWAYS[self.flavour](self.outbound, **(values | changes))

    def state(self) -> dict[str, Any]:
        with self.demo.hub.lock:
            return course_state(self.demo.hub.sites[self.flavour], int(self.course_id))

    def outsider(self, action: str, **values: Any) -> dict[str, Any]:
        with self.demo.hub.lock, self.demo.app.app_context():
            return act(self.demo.hub.sites[self.flavour], action, values | {"course_id": self.course_id})

    def faults(self, **values: Any) -> None:
        self.demo.faults(values)

    def calls(self) -> int:
        return self.demo.calls()[self.flavour]["total"]

    def by_path(self) -> dict[str, int]:
        return self.demo.calls()[self.flavour]["by_path"]

    def members(self, group_id: str) -> set[str]:
        groups = {str(group["id"]): group for group in self.state()["groups"]}
        return {str(member) for member in groups[group_id]["members"]}

    def names(self, set_id: str) -> list[str]:
        return [g["name"] for s in self.state()["group_sets"] if str(s["id"]) == set_id for g in s["groups"]]

    def students(self, count: int) -> list[str]:
        """Return ids of active students."""
        people = [p for p in self.state()["people"] if p["states"] == ["active"]]
        return [str(p["id"]) for p in people if p["roles"][0] in ("StudentEnrollment", "student")][:count]

    def stranger(self) -> str:
        """Return the id of somebody who has an account but is not in the course."""
        enrolled = {person["id"] for person in self.state()["people"]}
        return next(str(n) for n in self.demo.hub.sites[self.flavour].people if n not in enrolled)


@dataclass
class LtiSite(Site):
    """A site as a platform of another make shows it: by its LTI services alone."""

    sign: Any = None
    jwks_url: str = ""
    enrollments: bool = True
    person_id: str = "lti_id"
    lists_inactive: bool = False

    def advantage(self) -> Advantage:
        link = ToolLink("client", "1", "http://t/login", "http://t/launch", self.jwks_url, {}, True, self.enrollments)
        self.demo.install_tool(self.flavour, link)
        token_url = f"{self.base}/{self.flavour}{TOKEN_PATHS[self.flavour]}"
        return Advantage(
            self.outbound,
            token_url=token_url,
            client_id="client",
            audience=token_url,
            sign_assertion=self.sign,
            hosts=own_hosts([token_url], None, None),
            sleep=self.naps.append,
        )

    def gateway(self, **changes: Any) -> Any:
        root = f"{self.base}/{self.flavour}/api/lti/courses/{self.course_id}"
        members = {
            "canvas": f"{root}/names_and_roles",
            "moodle": f"{self.base}/moodle/mod/lti/services.php/CourseSection/{self.course_id}/bindings/1/memberships",
        }
        urls = {"groups_url": f"{root}/context_groups", "group_sets_url": f"{root}/context_group_sets"}
        return AdvantageGateway(self.advantage(), **({"memberships_url": members[self.flavour], **urls} | changes))

    def state(self) -> dict[str, Any]:
        """What the site holds as LTI names it: people by their LTI ids, and only those who are active."""
        state = super().state()
        people = [p | {"id": p["lti_id"]} for p in state["people"] if "active" in p["states"]]
        known = {p["id"]: p["lti_id"] for p in state["people"] if "active" in p["states"]}

        def shown(group: Any) -> Any:
            return group | {"members": [known[m] for m in group["members"] if m in known]}

        clubs = {s["id"] for s in state["group_sets"] if s["role"]}
        sets = [
            s | {"groups": [shown(g) for g in s["groups"] if g["sets"][:1] == [s["id"]]]} for s in _with_sets(state)
        ]
        groups = [shown(g) for g in state["groups"] if not clubs & set(g["sets"])]
        return state | {"people": people, "group_sets": sets, "groups": groups}


def _with_sets(state: dict[str, Any]) -> list[dict[str, Any]]:
    sets_of = {g["id"]: g["sets"] for g in state["groups"]}
    return [s | {"groups": [g | {"sets": sets_of[g["id"]]} for g in s["groups"]]} for s in state["group_sets"]]


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[Any], Server]]:
    servers: list[Server] = []

    def start(app: Any) -> Server:
        servers.append(Server(app))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def running(serve: Callable[[Any], Server]) -> Iterator[tuple[DemoLms, str]]:
    server = serve(None)
    demo = create_lms(LmsConfig(server.url, canvas_token=TOKENS["canvas"], moodle_token=TOKENS["moodle"]))
    server.serve(demo.app)
    yield demo, server.url
    demo.close()


@pytest.fixture
def demo(running: tuple[DemoLms, str]) -> DemoLms:
    found, _ = running
    found.reset()
    found.faults({})
    found.faults({"import_delay_ms": 0})
    found.reset_calls()
    return found


@pytest.fixture(scope="session")
def outbound() -> Outbound:
    return Outbound({"127.0.0.1"})


@pytest.fixture
def base(running: tuple[DemoLms, str]) -> str:
    return running[1]


@pytest.fixture
def make_site(demo: DemoLms, base: str, outbound: Outbound) -> Callable[[str], Site]:
    def make(flavour: str, course_id: str | None = None) -> Site:
        first = next(iter(demo.hub.sites[flavour].courses))  # type: ignore[index]
        return Site(demo, base, flavour, course_id or str(first), outbound)

    return make


@pytest.fixture
def canvas(make_site: Callable[[str], Site]) -> Site:
    return make_site("canvas")


@pytest.fixture
def moodle(make_site: Callable[[str], Site]) -> Site:
    return make_site("moodle")


@pytest.fixture(params=["canvas", "moodle"])
def site(request: pytest.FixtureRequest, make_site: Callable[[str], Site]) -> Site:
    return make_site(request.param)


@pytest.fixture(scope="session")
def tool_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def jwks_url(serve, tool_key):
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(tool_key.public_key()))
    body = json.dumps({"keys": [public | {"kid": "k1", "alg": "RS256", "use": "sig"}]}).encode()

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "application/json")])
        return [body]

    return serve(app).url


@pytest.fixture
def make_lti_site(demo, base, outbound, tool_key, jwks_url) -> Callable[..., LtiSite]:  # type: ignore[no-untyped-def]
    def make(flavour: str, **more: Any) -> LtiSite:
        first = next(iter(demo.hub.sites[flavour].courses))

        def sign(claims: dict[str, object]) -> str:
            return jwt.encode(claims, tool_key, "RS256", headers={"kid": "k1"})

        values = {"course_id": str(first), "sign": sign, "jwks_url": jwks_url} | more
        return LtiSite(demo, base, flavour, outbound=outbound, **values)

    return make


@pytest.fixture(params=["canvas", "moodle", "lti"])
def any_site(request: pytest.FixtureRequest, make_site: Any, make_lti_site: Any) -> Site:
    """Each adapter's site in turn, also the one that can only be read."""
    return make_lti_site("canvas") if request.param == "lti" else make_site(request.param)


@dataclass
class Scripted:
    """A server that answers as a test says: `answers` maps a path with query to (status, headers, body)."""

    url: str
    answers: dict[str, Any]
    asked: list[str]
    bodies: list[bytes]


@pytest.fixture
def scripted(serve: Callable[[Any], Server]) -> Scripted:
    script = Scripted("", {}, [], [])

    def app(environ: Any, start_response: Any) -> Any:
        query = environ.get("QUERY_STRING")
        path = environ["PATH_INFO"] + (f"?{query}" if query else "")
        script.asked.append(path)
        script.bodies.append(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        found = script.answers[path]
        status, headers, body = found.pop(0) if isinstance(found, list) else found
        start_response(f"{status} X", list(headers.items()))
        return [body]

    server = serve(app)
    script.url = server.url
    return script
