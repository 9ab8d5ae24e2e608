"""An installation that the command line is used on, and an LMS that it talks to."""

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select, update
from werkzeug.serving import WSGIRequestHandler, make_server

from lti_tool import create_app, settings
from lti_tool.cli import main
from lti_tool.cli.context import opened
from lti_tool.demo import DemoLms, LmsConfig, create_lms
from lti_tool.demo.state_view import course_state
from lti_tool.domain.clock import now
from lti_tool.models import Course, RosterMember, SyncRun, db, transaction
from lti_tool.services import group_sets, runs

SECRET = "a secret of the command line's tests, long enough"


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        """The lines on standard error."""
        return self.err.splitlines()


@dataclass
class Installation:
    """Folders and environment of one installation."""

    folder: Path
    environment: dict[str, str]
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def set(self, **settings: str | None) -> None:
        """Change settings of the environment; None takes one away."""
        for name, value in settings.items():
            key = f"LTI_TOOL_{name.upper()}"
            if value is None:
                self.environment.pop(key, None)
                self.monkeypatch.delenv(key, raising=False)
            else:
                self.environment[key] = value
                self.monkeypatch.setenv(key, value)

    def run(self, *arguments: object, stdin: str = "") -> Ran:
        """Run a command in this process."""
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        said = self.capsys.readouterr()
        status = ended.value.code
        assert isinstance(status, int)
        assert "\nTraceback" not in f"\n{said.err}"
        return Ran(status, said.out, said.err)

    def ok(self, *arguments: object, stdin: str = "") -> Ran:
        """Run a command that must succeed."""
        ran = self.run(*arguments, stdin=stdin)
        assert ran.status == 0, ran
        return ran

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start a command as a program of its own; it is ended with the test."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith("LTI_TOOL_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "lti_tool", *map(str, arguments)],
            cwd=self.folder,
            env={**plain, "PYTHONPATH": str(Path(__file__).parents[2]), **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture(scope="session")
def upgraded(tmp_path_factory: pytest.TempPathFactory, keys_dir: Path) -> Path:
    """A database at the newest revision, made once by the command itself."""
    folder = tmp_path_factory.mktemp("upgraded")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("LTI_TOOL_")]:
            patch.delenv(name)
        for name, value in _environment(folder, keys_dir).items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main(["db", "upgrade"])
    assert ended.value.code == 0
    return folder / "data" / "lti-tool.db"


def _environment(folder: Path, keys_dir: Path) -> dict[str, str]:
    return {
        "LTI_TOOL_BASE_URL": "http://127.0.0.1:8000",
        "LTI_TOOL_DATA_DIR": str(folder / "data"),
        "LTI_TOOL_KEYS_DIR": str(keys_dir),
        "LTI_TOOL_SECRET_KEY": SECRET,
        "LTI_TOOL_ALLOWED_PRIVATE_HOSTS": "127.0.0.1,localhost",
    }


@pytest.fixture
def bare(
    tmp_path: Path, keys_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Installation]:
    """An installation with settings and a key, but without a database."""
    for name in [name for name in os.environ if name.startswith("LTI_TOOL_")]:
        monkeypatch.delenv(name)
    installation = Installation(tmp_path, {}, monkeypatch, capsys)
    settings = _environment(tmp_path, keys_dir)
    installation.set(**{name.removeprefix("LTI_TOOL_"): value for name, value in settings.items()})
    monkeypatch.chdir(tmp_path)
    yield installation
    installation.close()


@pytest.fixture
def tool(bare: Installation, upgraded: Path) -> Installation:
    """An installation that is ready for use."""
    bare.data.mkdir()
    shutil.copy(upgraded, bare.data / "lti-tool.db")
    return bare


@dataclass
class Taught:
    """A course of a demo LMS that its teacher launched once."""

    tool: Installation
    lms: DemoLms
    family: Any
    registration_id: str
    course_id: UUID
    lms_course_id: str

    def state(self) -> dict[str, Any]:
        """What the LMS holds."""
        with self.lms.hub.lock:
            return course_state(self.lms.hub.sites[self.family], int(self.lms_course_id))

    def counts(self) -> tuple[int, int, int]:
        """How many people, sets and groups the store holds, without the sets of the roster."""
        with opened():
            people = len(db.session.scalars(select(RosterMember.id)).all())
            sets = [s for s in group_sets.list_sets(self.course_id) if not s.follows_roster]
            groups = sum(s.groups for s in sets)
        return people, len(sets), groups

    def queue(self, kind: str = "pull", *, ring: bool = True) -> UUID:
        """Queue a run as a page would, with its doorbell or without."""
        with opened() as tool:
            run_id = runs.queue(self.course_id, kind)
            if ring:
                tool.ring(run_id)
        return run_id

    def state_of(self, run_id: UUID) -> tuple[str, int]:
        """Return a run's state and how often it was begun."""
        with opened():
            row = db.session.get_one(SyncRun, run_id)
            return row.state, row.attempts

    def age(self, run_id: UUID) -> None:
        """Let a run's last sign of life be long ago."""
        with opened(), transaction() as session:
            session.execute(
                update(SyncRun).where(SyncRun.id == run_id).values(heartbeat_at=now() - 2 * runs.STALE_AFTER)
            )


class _Silent(WSGIRequestHandler):
    def log(self, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def _served(make_app: Callable[[str], Any]) -> Iterator[str]:
    """Serve an application in a thread and give its address."""
    server = make_server("127.0.0.1", 0, Flask(__name__), threaded=True, request_handler=_Silent)
    url = f"http://127.0.0.1:{server.port}"
    server.app = make_app(url)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def lms() -> Iterator[tuple[DemoLms, str]]:
    """A demo LMS on a real socket, and its address."""
    made: list[DemoLms] = []

    def make_app(url: str) -> Any:
        made.append(create_lms(LmsConfig(base_url=url)))
        return made[0].app

    with _served(make_app) as url:
        yield made[0], url


@pytest.fixture
def serving(tool: Installation) -> Iterator[Installation]:
    """The installation with its web server in a thread, at its own public address."""

    def make_app(url: str) -> Any:
        tool.set(base_url=url)
        return create_app(settings.load())

    with _served(make_app):
        yield tool


@pytest.fixture
def teach(tool: Installation, lms: tuple[DemoLms, str]) -> Callable[[str], Taught]:
    """Register a family's site by the command line and store its small course as a launch would."""

    def open_course(family: Any) -> Taught:
        demo, url = lms
        added = tool.ok(
            *("registration", "add", "--issuer", f"{url}/{family}", "--family", family),
            *("--client-id", "c", "--deployment-id", "1", "--json"),
        )
        registration_id = added.json["id"]
        tool.ok("token", "set", registration_id, stdin=f"demo-{family}-token\n")
        lms_course_id = str(next(iter(demo.hub.sites[family].courses)))
        with opened(), transaction() as session:
            course = Course(
                id=uuid4(),
                registration_id=UUID(registration_id),
                lti_context_id="context",
                lms_course_id=lms_course_id,
                title="Course",
                label="C",
                created_at=now(),
            )
            session.add(course)
        return Taught(tool, demo, family, registration_id, course.id, lms_course_id)

    return open_course


@pytest.fixture(params=["canvas", "moodle"])
def taught(request: pytest.FixtureRequest, teach: Callable[[str], Taught]) -> Taught:
    """The small course of both LMSs in turn."""
    return teach(request.param)


@pytest.fixture
def canvas(teach: Callable[[str], Taught]) -> Taught:
    """The small course of the Canvas-like LMS."""
    return teach("canvas")


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Find a port that nobody listens on."""

    def find() -> int:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            return int(found.getsockname()[1])

    return find


@pytest.fixture
def until() -> Callable[..., Any]:
    """Ask again and again until the answer is true."""

    def wait(ask: Callable[[], Any], what: str, seconds: float = 25) -> Any:
        deadline = time.monotonic() + seconds
        while not (answer := ask()):
            assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
            time.sleep(0.1)
        return answer

    return wait
