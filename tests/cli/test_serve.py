"""The production server as a program of its own."""

import contextlib
import signal
import socket
import urllib.error
import urllib.request
from typing import Any

import pytest


def answer(address: str) -> tuple[int, str] | None:
    """Return status and text of a page, None while nobody answers."""
    try:
        with urllib.request.urlopen(address, timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return None


def test_it_serves_works_off_jobs_and_ends_when_told(canvas: Any, free_port: Any, until: Any) -> None:
    run_id = canvas.queue()
    port = free_port()
    server = canvas.tool.start("serve", "--port", port, "--workers", 1)
    assert until(lambda: answer(f"http://127.0.0.1:{port}/healthz"), "the server") == (200, "ok\n")
    assert answer(f"http://127.0.0.1:{port}/readyz") == (200, "ok\n")
    until(lambda: canvas.state_of(run_id)[0] == "succeeded", "the queued run")
    # Connections that browsers open in advance, and others who bring nothing, hold up nobody.
    with contextlib.ExitStack() as silent:
        for _ in range(60):
            silent.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert answer(f"http://127.0.0.1:{port}/readyz") == (200, "ok\n")
    server.send_signal(signal.SIGTERM)
    assert server.wait(timeout=10) == 0
    assert answer(f"http://127.0.0.1:{port}/healthz") is None


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_port_in_use_is_one_line(tool: Any, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = tool.run(command, "--port", taken.getsockname()[1])
    assert (ran.status, ran.out, len(ran.lines)) == (1, "", 1)
    assert "--port" in ran.err


def test_the_demo_lmss_port_in_use_is_one_line(tool: Any, free_port: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = tool.run("demo", "--port", free_port(), "--lms-port", taken.getsockname()[1])
    assert (ran.status, len(ran.lines)) == (1, 1)
    assert "--lms-port" in ran.err
