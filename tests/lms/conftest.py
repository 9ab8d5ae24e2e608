"""Starts the demo LMS on a real socket, and gives the tests gateways to its two sites."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from lti_tool.demo import DemoLms, LmsConfig, create_lms
from lti_tool.demo.outsider import act
from lti_tool.demo.state_view import course_state
from lti_tool.lms.canvas import CanvasGateway
from lti_tool.lms.moodle import MoodleGateway
from lti_tool.outbound import Outbound

TOKENS = {"canvas": "demo-canvas-token", "moodle": "demo-moodle-token"}
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
