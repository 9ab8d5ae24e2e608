"""The demo as a program of its own: one command starts two servers, and one Ctrl-C ends both."""

import json
import re
import signal
import socket
import urllib.request
from typing import Any
from urllib.parse import urlencode

import pytest


class _Still(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow nothing: the address is what is looked at."""


def is_open(port: int) -> bool:
    with socket.socket() as found:
        return found.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM], ids=lambda stop: stop.name)
def test_the_demo_runs_and_one_signal_ends_all_of_it(bare: Any, free_port: Any, until: Any, stop: Any) -> None:
    port, lms_port = free_port(), free_port()
    demo = bare.start("demo", "--port", port, "--lms-port", lms_port, "--data", bare.folder / "demo")
    said: list[str] = []
    while not said or "http://localhost" not in said[-1]:
        said.append(demo.stdout.readline())
        assert said[-1], demo.stderr.read()
    url = said[-1].strip()
    assert url == f"http://localhost:{lms_port}/"
    with urllib.request.urlopen(url, timeout=10) as page:
        assert "simulator" in page.read().decode().casefold()
    launched(bare.folder / "demo", lms_port)
    demo.send_signal(stop)
    demo.wait(timeout=10)
    until(lambda: not is_open(port) and not is_open(lms_port), "both to end", 10)
    assert "Traceback" not in demo.stderr.read()


def launched(folder: Any, lms_port: int) -> None:
    """See that the first hop of a launch leads to the demo LMS of this demo."""
    login = json.loads((folder / "lms-config.json").read_text())["tools"]["canvas"]["login_url"]
    query = {
        "iss": f"http://localhost:{lms_port}/canvas",
        "client_id": "demo-canvas",
        "login_hint": "1",
        "target_link_uri": re.sub("login$", "launch", login),
    }
    opener = urllib.request.build_opener(_Still)
    with pytest.raises(urllib.request.HTTPError) as answered:  # a redirect that is not followed
        opener.open(f"{login}?{urlencode(query)}", timeout=10)
    assert answered.value.code == 302
    assert answered.value.headers["Location"].startswith(f"http://localhost:{lms_port}/canvas/")
    answered.value.close()
