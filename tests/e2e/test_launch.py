"""Launches where the browser keeps things back: recovered where it can be, told in words where not; no loops."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from playwright.sync_api import BrowserContext, Playwright, expect

pytestmark = pytest.mark.browser

COURSE = {"canvas": "Introduction to Programming", "moodle": "CS101 Introduction to Programming"}


class _CookieSite(BaseHTTPRequestHandler):
    """Frames another site, which sets one cookie of each kind and tells which came back."""

    def do_GET(self) -> None:
        port = self.server.server_address[1]
        pages = {"/": f"<iframe src='http://127.0.0.1:{port}/set'></iframe>", "/set": "<a href='/told'>go on</a>"}
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        if self.path == "/set":
            self.send_header("Set-Cookie", "plain=1; Secure; SameSite=None; Path=/")
            self.send_header("Set-Cookie", "own=1; Secure; SameSite=None; Path=/; Partitioned")
        self.end_headers()
        told = f"came back: {self.headers.get('Cookie', 'nothing')}"
        self.wfile.write(pages.get(self.path, told).encode())

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def cookie_site() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _CookieSite)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


# The site is there longer than its visitor, whose browser may still ask it for an icon.
def test_third_party_cookies_are_blocked_here(cookie_site: int, new_visitor: Callable) -> None:
    page = new_visitor().page
    page.goto(f"http://localhost:{cookie_site}/")
    frame = page.frame_locator("iframe")
    frame.get_by_role("link", name="go on").click()
    expect(frame.get_by_text("came back:")).to_have_text("came back: own=1")
    # The control: the same cookies come back where the site is not framed by another.
    page.goto(f"http://127.0.0.1:{cookie_site}/set")
    page.get_by_role("link", name="go on").click()
    expect(page.get_by_text("came back:")).to_have_text("came back: plain=1; own=1")


def test_platform_storage_replaces_a_lost_cookie(visitor) -> None:
    _forget_cookies_before_the_answer(visitor.context)
    tool = visitor.open_tool("canvas")
    expect(tool.heading(COURSE["canvas"])).to_be_visible(timeout=30_000)


def test_a_lost_cookie_is_told_where_nothing_replaces_it(visitor, broken_rules: Callable) -> None:
    _forget_cookies_before_the_answer(visitor.context)
    tool = visitor.open_tool("moodle")
    expect(tool.heading("Your browser blocks this")).to_be_visible(timeout=30_000)
    tool.see("Open your course in a tab of its own")
    assert broken_rules(visitor.tool_frame()) == []


def _forget_cookies_before_the_answer(context: BrowserContext) -> None:
    def forget(route) -> None:
        context.clear_cookies()
        route.continue_()

    context.route("**/lti/*/launch", forget, times=1)


@pytest.mark.parametrize("flavour", ["canvas", "moodle"])
def test_a_browser_that_refuses_all_our_cookies_is_told_once(
    demo, playwright: Playwright, executable: str | None, tmp_path: Path, flavour: str
) -> None:
    from_us = {"127.0.0.1,*": {"setting": 2}}
    (tmp_path / "Default").mkdir()
    (tmp_path / "Default" / "Preferences").write_text(
        json.dumps({"profile": {"content_settings": {"exceptions": {"cookies": from_us}}}})
    )
    context = playwright.chromium.launch_persistent_context(
        tmp_path, executable_path=executable, args=["--no-sandbox", "--disable-quic", "--no-first-run"]
    )
    page = context.pages[0]
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.startswith(demo.tool) else None)
    page.goto(demo.lms)
    page.locator(f"section.{flavour}").get_by_role("link", name="Open as Ngozi Okafor").first.click()
    page.get_by_role("link", name="LTI Groups", exact=True).click()
    frame = page.frame_locator("iframe.tool")
    expect(frame.get_by_role("heading", name="Your browser blocks this")).to_be_visible(timeout=30_000)
    expect(frame.get_by_role("link", name="Open in a new tab")).to_be_visible()
    page.wait_for_timeout(500)
    assert len([url for url in asked if "/static/" not in url]) <= 2
    context.close()


def test_a_session_that_does_not_come_back_is_told_and_not_looped(visitor) -> None:
    landings: list[str] = []
    visitor.context.on("request", lambda ask: landings.append(ask.url) if "/lti/landing" in ask.url else None)
    tool = visitor.open_tool("moodle")
    expect(tool.heading(COURSE["moodle"])).to_be_visible(timeout=30_000)
    [landing] = landings
    visitor.context.clear_cookies()
    visitor.page.locator("iframe.tool").evaluate("(frame, address) => { frame.src = address; }", landing)
    expect(tool.heading("Your browser blocks cookies here")).to_be_visible(timeout=30_000)
    visitor.page.wait_for_timeout(500)
    assert len(landings) == 3


def test_a_session_that_ended_is_told_inside_the_frame(visitor) -> None:
    tool = visitor.open_tool("canvas")
    expect(tool.heading(COURSE["canvas"])).to_be_visible(timeout=30_000)
    visitor.context.clear_cookies()
    tool.tab("People")
    expect(tool.heading("Please open LTI Groups from your course")).to_be_visible()


@pytest.mark.parametrize("flavour", ["canvas", "moodle"])
def test_reloads_and_repeats_of_a_launch(visitor, flavour: str) -> None:
    answers: list[tuple[str, int, str]] = []

    def note(response) -> None:
        if response.url.endswith("/launch"):
            answers.append((response.url, response.status, response.request.post_data or ""))

    visitor.context.on("response", note)
    tool = visitor.open_tool(flavour)
    expect(tool.heading(COURSE[flavour])).to_be_visible(timeout=30_000)
    with visitor.page.expect_event("framenavigated"):
        visitor.tool_frame().evaluate("() => location.reload()")
    expect(tool.heading(COURSE[flavour])).to_be_visible()
    visitor.page.reload()
    expect(tool.heading(COURSE[flavour])).to_be_visible(timeout=30_000)

    address, status, posted = answers[-1]
    assert status == 303
    with visitor.page.expect_event("framenavigated", lambda frame: "/courses/" in frame.url):
        _post_into_frame(visitor, address, posted)
    expect(tool.heading(COURSE[flavour])).to_be_visible(timeout=30_000)
    # Without the session that it opened, the same launch opens nothing.
    visitor.context.clear_cookies()
    _post_into_frame(visitor, address, posted)
    expect(tool.heading("This was opened already")).to_be_visible(timeout=30_000)
    assert [status for _, status, _ in answers if status != 303] == [400]


def _post_into_frame(visitor, address: str, posted: str) -> None:
    """Send a form into the tool's frame, as a browser does that repeats a POST."""
    visitor.page.locator("iframe.tool").evaluate(
        """(frame, [address, fields]) => {
            const form = document.createElement("form");
            Object.assign(form, {method: "post", action: address, target: frame.name});
            for (const [name, value] of fields) {
                form.append(Object.assign(document.createElement("input"), {type: "hidden", name, value}));
            }
            document.body.append(form);
            HTMLFormElement.prototype.submit.call(form);
        }""",
        [address, parse_qsl(posted)],
    )
