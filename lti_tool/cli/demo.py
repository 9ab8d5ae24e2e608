"""The demo: the whole product and a simulated LMS on this machine, with one command."""

import json
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import click
import flask_migrate

from lti_tool.app import create_app
from lti_tool.cli.serve import require_free_port, run_server
from lti_tool.lti.keys import list_keys, new_key
from lti_tool.models import Registration
from lti_tool.services import oauth_clients, registrations, tokens
from lti_tool.settings import Settings, local_secret

FAMILIES = ("canvas", "moodle")
DEPLOYMENT = "1"
DEVELOPER_KEY = ("demo-canvas-api", "demo-canvas-secret")
START_SECONDS = 30
CONFIG = "tool.toml"


@click.command()
@click.option("--port", default=8000, show_default=True, help="The tool's port.")
@click.option("--lms-port", default=8001, show_default=True, help="The demo LMS's port.")
@click.option("--students", default=2000, show_default=True, help="People in the big course, made on request.")
@click.option("--reset", is_flag=True, help="Forget the last demo first.")
@click.option("--data", "folder", default="var/demo", show_default=True, type=click.Path(path_type=Path))
def demo(port: int, lms_port: int, students: int, reset: bool, folder: Path) -> None:
    """Run the tool and a demo LMS (Canvas-like and Moodle-like) on this machine; Ctrl-C stops both."""
    if reset:
        shutil.rmtree(folder, ignore_errors=True)
    require_free_port("localhost", lms_port, "--lms-port")  # else another program there would pass for the demo LMS
    require_free_port("127.0.0.1", port)
    folder.mkdir(parents=True, exist_ok=True)
    # Both programs end together, also when the end comes before the server listens for signals.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    settings = demo_settings(folder, port)
    lms_url = f"http://localhost:{lms_port}"
    config = prepare(settings, folder, lms_url, students)
    with _running_lms(config, lms_url):
        run_server(settings, "127.0.0.1", port, 1, when_ready=lambda: _say_hello(lms_url, folder))


def demo_settings(folder: Path, port: int) -> Settings:
    """Return settings for a demo: the embedded database, and a secret that stays the same from run to run."""
    data = folder.absolute()
    return Settings(
        base_url=f"http://127.0.0.1:{port}",
        data_dir=data,
        keys_dir=data / "keys",
        database_url=f"sqlite:///{data / 'lti-tool.db'}",
        queue_url="",
        secret_key=local_secret(data),
        log_level="WARNING",
        allowed_private_hosts=frozenset({"localhost"}),
    )


def prepare(settings: Settings, folder: Path, lms_url: str, students: int) -> Path:
    """Make key, database and registrations where they are missing; return the demo LMS's configuration file."""
    if not settings.keys_dir.is_dir() or not list_keys(settings.keys_dir):
        new_key(settings.keys_dir)
    with create_app(settings).app_context():
        flask_migrate.upgrade()
        rows = {family: _register(family, lms_url) for family in FAMILIES}
        for family, row in rows.items():
            tokens.set_service_token(settings, row.id, f"demo-{family}-token")
        oauth_clients.set_oauth_client(settings, rows["canvas"].id, *DEVELOPER_KEY)
        config = {
            "base_url": lms_url,
            "state_file": str(folder.absolute() / "lms.json"),
            "big_course_students": students,
            "oauth_client_id": DEVELOPER_KEY[0],
            "oauth_client_secret": DEVELOPER_KEY[1],
            "canvas_token": "demo-canvas-token",
            "moodle_token": "demo-moodle-token",
            "tools": {family: _tool_link(settings, row.id, family) for family, row in rows.items()},
        }
    _write_settings(settings, folder)
    path = folder / "lms-config.json"
    path.write_text(json.dumps(config, indent=2), encoding="utf-8")
    return path


def _write_settings(settings: Settings, folder: Path) -> None:
    """Write the settings down, so that other commands work on the demo: LTI_TOOL_CONFIG names the file."""
    values: dict[str, object] = {
        "base_url": settings.base_url,
        "data_dir": str(settings.data_dir),
        "keys_dir": str(settings.keys_dir),
        "secret_key": settings.secret_key,
        "allowed_private_hosts": ", ".join(sorted(settings.allowed_private_hosts)),
    }
    path = folder / CONFIG
    path.touch(mode=0o600)
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()), encoding="utf-8")


def _register(family: str, lms_url: str) -> Registration:
    """Return the registration with which the demo starts; its administrators' pages may have made others."""
    issuer, client_id = f"{lms_url}/{family}", f"demo-{family}"
    for row in registrations.list_registrations():
        if (row.issuer, row.client_id) == (issuer, client_id):
            return row
    return registrations.add_registration(
        issuer, family, name=f"Demo {family.title()}", client_id=client_id, deployments=(DEPLOYMENT,)
    )


def _tool_link(settings: Settings, registration_id: UUID, family: str) -> dict[str, str]:
    base = f"{settings.base_url}/lti/{registration_id}"
    return {
        "client_id": f"demo-{family}",
        "deployment_id": DEPLOYMENT,
        "login_url": f"{base}/login",
        "launch_url": f"{base}/launch",
        "jwks_url": f"{base}/jwks.json",
    }


@contextmanager
def _running_lms(config: Path, url: str) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-m", "lti_tool.demo", "--config", str(config)])
    try:
        _wait_for(url, process)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise click.ClickException("the demo LMS did not start; is its port in use? Try --lms-port 8011")
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own loopback address
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.1)
    raise click.ClickException(f"the demo LMS did not answer at {url}")


def _say_hello(lms_url: str, folder: Path) -> None:
    click.echo(
        f"\n  LTI Groups is running. Open the demo LMS and click on a person:\n\n      {lms_url}/\n\n"
        f"  Everything is kept in {folder}/ (--reset starts anew). Ctrl-C stops it.\n"
        f"  Other commands work on it with LTI_TOOL_CONFIG={folder / CONFIG}\n"
    )
