"""Commands that keep running: the production server and the worker."""

import gc
import socket
from collections.abc import Callable
from typing import Any, cast

import click
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import _DEFER, TConn, ThreadWorker
from huey import SqliteHuey

from lti_tool import settings as settings_module
from lti_tool.app import create_app
from lti_tool.cli.context import require_current_database
from lti_tool.settings import Settings
from lti_tool.worker import MAX_DELAY, Doorbell

THREADS = 8
SILENT_SECONDS = 0.02  # how long a thread waits for the first byte of a new connection


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option("--workers", default=2, show_default=True, help="Processes; each has eight threads.")
def serve(host: str, port: int, workers: int) -> None:
    """Serve the tool with gunicorn. With the embedded database the background jobs run in it too."""
    run_server(settings_module.load(), host, port, workers)


@click.command()
@click.option("--workers", default=2, show_default=True, help="Threads that work.")
def worker(workers: int) -> None:
    """Work off background jobs of a shared queue (PostgreSQL or Redis)."""
    app = create_app(settings_module.load())
    require_current_database(app)
    doorbell: Doorbell = app.extensions["lti_tool_doorbell"]
    doorbell.huey.create_consumer(workers=workers, periodic=True, max_delay=MAX_DELAY).run()


def run_server(
    settings: Settings, host: str, port: int, workers: int, when_ready: Callable[[], None] = lambda: None
) -> None:
    """Serve until a signal ends it; `when_ready` is called once the socket listens."""
    app = create_app(settings)
    require_current_database(app)
    require_free_port(host, port)
    _Server(
        app,
        {
            "bind": f"{host}:{port}",
            "workers": workers,
            "threads": THREADS,
            "worker_class": _PatientWorker,
            "keepalive": 5,
            "limit_request_line": 8190,  # a platform's login may come as a long address
            "timeout": 120,
            "graceful_timeout": 10,
            "accesslog": None,
            "loglevel": "warning",
            "control_socket_disable": True,
            "when_ready": lambda _server: when_ready(),
            "post_worker_init": lambda _worker: _start_worker(app),
        },
    ).run()


def require_free_port(host: str, port: int, option: str = "--port") -> None:
    """Stop with one line when the address cannot be listened on (gunicorn would try for seconds and say it in ten)."""
    try:
        # The options are those that gunicorn sets; a port that was just left is free.
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror}; try another {option}") from None


def settle() -> None:
    """Take what was loaded at the start out of the garbage collector's rounds, which cost a tenth of a launch."""
    gc.collect()
    gc.freeze()


def _start_worker(app: Flask) -> None:
    """Make a served process ready; the embedded queue is worked off in it."""
    settle()
    doorbell = cast("Doorbell", app.extensions["lti_tool_doorbell"])
    if isinstance(doorbell.huey, SqliteHuey):
        doorbell.start_in_process()


class _PatientWorker(ThreadWorker):  # type: ignore[misc] # gunicorn is untyped
    """Lets no thread wait for a connection that brings nothing.

    Browsers open connections in advance. gunicorn gives each a thread for five seconds before it only watches it, so
    that a few dozen of them held up everybody for half a minute.
    """

    def handle(self, conn: TConn) -> object:
        """Answer a request, or leave a connection to the one thread that watches all."""
        is_new = not conn.initialized and not conn.data_ready
        return _DEFER if is_new and not conn.wait_for_data(SILENT_SECONDS) else super().handle(conn)


class _Server(BaseApplication):  # type: ignore[misc] # gunicorn is untyped
    def __init__(self, app: Flask, options: dict[str, Any]) -> None:
        self._app, self._options = app, options
        super().__init__()

    def load_config(self) -> None:
        for key, value in self._options.items():
            if key in self.cfg.settings:  # older gunicorn knows fewer
                self.cfg.set(key, value)

    def load(self) -> Flask:
        return self._app
