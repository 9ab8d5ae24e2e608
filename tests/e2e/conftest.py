"""A demo for each test process, Chromium without third-party cookies, and a visitor who notes every fault."""

import hashlib
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Error,
    Frame,
    FrameLocator,
    Locator,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

HERE = Path(__file__).parent
AXE = HERE / "vendor" / "axe.min.js"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # As where people or schools block third-party cookies; test_launch.py has the control.
    "--test-third-party-cookie-phaseout",
]
PATIENCE = 30_000  # milliseconds: a page that takes this long is a failure
expect.set_options(timeout=PATIENCE)
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
TEACHER = "Ngozi Okafor"
COURSE = {"canvas": "Introduction to Programming", "moodle": "CS101 Introduction to Programming"}
LMS_NAME = {"canvas": "Canvas", "moodle": "Moodle"}
# Chromium's own remark on an answer such as 404; answers are judged by `_note_answer`.
SEND = """async ([at, path, fields]) => {
  const course = location.pathname.match(/^\\/courses\\/[^/]+\\//)[0];
  const page = new DOMParser().parseFromString(await (await fetch(course + at)).text(), "text/html");
  const values = new URLSearchParams({...fields, csrf_token: page.querySelector("[name=csrf_token]").value});
  const answer = await fetch(course + path, {method: "POST", body: values});
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return new URL(answer.url).pathname.slice(course.length);
}"""
STATUS_REMARK = re.compile(r"Failed to load resource: the server responded with a status of 4")


@dataclass(frozen=True)
class Demo:
    """Where the demo that runs for this test process is found."""

    tool: str
    lms: str
    folder: Path  # what it keeps


@dataclass
class Visitor:
    """One person's browser: opens the tool from the LMS, and notes what went wrong on the way."""

    demo: Demo
    context: BrowserContext
    page: Page
    faults: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Note errors of scripts, refusals of the content policy, and answers that must not be."""
        self.context.on("console", lambda said: self._note_console(said.type, said.text))
        self.context.on("weberror", lambda error: self.faults.append(f"script: {error.error}"))
        self.context.on("response", lambda answer: self._note_answer(answer.status, answer.url))

    def _note_console(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not STATUS_REMARK.match(text):
            self.faults.append(f"console: {text}")

    def _note_answer(self, status: int, url: str) -> None:
        if status >= 500 or (status >= 400 and "/static/" in url):
            self.faults.append(f"{status}: {url}")

    def go_to_course(self, flavour: str, person: str = TEACHER) -> None:
        """Click on a person in the LMS's start page."""
        self.page.goto(self.demo.lms)
        card = self.page.locator(f"section.{flavour} article").first
        if person != TEACHER:
            card.locator("summary").click()
        card.get_by_role("link", name=f"Open as {person}").first.click()

    def open_tool(self, flavour: str, person: str = TEACHER) -> "Tool":
        """Open the tool inside the LMS, as the person does."""
        self.go_to_course(flavour, person)
        self.page.get_by_role("link", name="LTI Groups", exact=True).click()
        return Tool(self.page.frame_locator("iframe.tool"), self)

    def open_in_tab(self, flavour: str, person: str = TEACHER) -> "Tool":
        """Open the tool in a tab of its own, by the LMS's link for that."""
        self.go_to_course(flavour, person)
        self.page.get_by_role("link", name="LTI Groups", exact=True).click()
        address = self.page.get_by_role("link", name="Open in a new tab").get_attribute("href")
        self.page.goto(self.demo.lms.rstrip("/") + str(address))
        return Tool(self.page, self)

    def tool_frame(self) -> Frame:
        """Return the tool's frame itself, to run a script in it."""
        frame = self.page.locator("iframe.tool").element_handle().content_frame()
        assert frame is not None
        return frame

    def groups_in_lms(self, flavour: str, set_name: str) -> dict[str, list[str]]:
        """Return the groups of a set with the people in them, as the LMS's own groups page shows them."""
        self.go_to_course(flavour)
        self.page.get_by_role("link", name="Groups", exact=True).click()
        shown = self.page.locator("section.group-set").filter(has=self.page.get_by_role("heading", name=set_name))
        expect(shown).to_have_count(1)
        self.page.wait_for_load_state()
        return {
            group.locator("h4").evaluate("h => h.firstChild.textContent.trim()"): sorted(
                group.locator("li bdi").all_inner_texts()
            )
            for group in shown.locator(".group").all()
        }


@dataclass
class Tool:
    """The tool's pages, in the LMS's frame or in a tab, with the words that people see on them."""

    at: FrameLocator | Page
    visitor: Visitor

    @property
    def main(self) -> Locator:
        """The page without its head and without what is only read aloud."""
        return self.at.locator("main")

    def heading(self, text: str) -> Locator:
        return self.at.get_by_role("heading", name=text, exact=True, level=1)

    def see(self, text: str) -> None:
        """Wait for words in the page."""
        expect(self.main.get_by_text(text).first).to_be_visible(timeout=PATIENCE)

    def settle(self) -> None:
        """Wait until the page has its style sheet: nobody sees it before, and a click would go to another place."""
        (self.at if isinstance(self.at, Page) else self.visitor.tool_frame()).wait_for_load_state()

    def go(self, name: str) -> None:
        """Follow a link."""
        self.settle()
        self.at.get_by_role("link", name=name, exact=True).first.click()

    def press(self, name: str) -> None:
        """Press a button."""
        self.settle()
        self.at.get_by_role("button", name=name, exact=True).first.click()

    def tab(self, name: str) -> None:
        """Choose a page of the course."""
        self.settle()
        self.at.get_by_label("Course", exact=True).get_by_role("link", name=name).click()

    def send(self, at: str, path: str, **fields: str) -> str:
        """Send a form of the course's page `at` without looking at it, to set up a story; give where it leads to."""
        return str(self.visitor.tool_frame().evaluate(SEND, [at, path, fields]))

    def open(self, path: str) -> None:
        """Go straight to a page of the course."""
        frame = self.visitor.tool_frame()
        course = re.match(r".*/courses/[^/]+/", frame.url)
        assert course is not None
        frame.goto(course[0] + path)

    def ready(self, flavour: str) -> Locator:
        """Wait until the refresh that a first launch begins has ended; give the button that the home page has then."""
        expect(self.heading(COURSE[flavour])).to_be_visible(timeout=PATIENCE)
        button = self.at.get_by_role("button", name=f"Sync with {LMS_NAME[flavour]}")
        expect(button).to_be_visible(timeout=PATIENCE)
        return button

    def sync(self, flavour: str) -> None:
        """Fetch everything from the LMS."""
        self.ready(flavour).click()
        expect(self.heading("Sync")).to_be_visible(timeout=PATIENCE)
        self.see("Sync: done.")

    def make_set(self, name: str, groups: str, count: int) -> None:
        """Make a local group set with numbered groups."""
        self.tab("Group sets")
        self.go("New group set")
        self.at.get_by_label("Name").fill(name)
        self.press("Make the group set")
        self.at.get_by_label("Name of the groups").fill(groups)
        self.at.get_by_label("How many").fill(str(count))
        self.press("Add")
        self.see(f"{count} groups are added.")

    def card(self, group: str) -> Locator:
        """Return the card of a group."""
        return self.at.locator("section.group").filter(
            has=self.at.get_by_role("heading", name=re.compile(rf"^{re.escape(group)}\s+\d+$"))
        )

    def people_in(self, group: str) -> list[str]:
        """Return who is shown in a group, by name: without what tells namesakes apart."""
        bare = "rows => rows.map(row => (row.querySelector('span')?.firstChild ?? row.lastChild).textContent.trim())"
        return sorted(self.card(group).locator("li .tick").evaluate_all(bare))

    def move(self, person: str, group: str) -> None:
        """Move somebody who has a group to another one, by the link beside the name."""
        self.at.get_by_role("link", name=f"Move {person}", exact=True).first.click()
        choice = self.at.get_by_label(f"Move {person} to")
        expect(choice).to_be_visible(timeout=PATIENCE)  # the options are read at once, without waiting
        choice.select_option(label=next(o for o in choice.locator("option").all_inner_texts() if o.startswith(group)))
        choice.locator("xpath=ancestor::form").get_by_role("button", name="Move").click()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The real command `lti-tool demo` on two free ports, ended as people end it, by an interrupt."""
    folder = tmp_path_factory.mktemp("demo")
    port, lms_port = _free_ports(2)
    command = [str(Path(sys.executable).with_name("lti-tool")), "demo", "--data", str(folder)]
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [*command, "--port", str(port), "--lms-port", str(lms_port)],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/readyz", process, folder / "output")
        yield Demo(f"http://127.0.0.1:{port}", f"http://localhost:{lms_port}/", folder)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=15)
        finally:
            _end_group(process.pid)
    assert process.returncode in (0, 130), (folder / "output").read_text(errors="replace")


def _free_ports(count: int) -> list[int]:
    # All held at once, so that no port is handed out twice.
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [held.getsockname()[1] for held in sockets]
    for held in sockets:
        held.close()
    return ports


def _wait_for(url: str, process: "subprocess.Popen[bytes]", output: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError(f"the demo did not start:\n{output.read_text(errors='replace')}")


def _end_group(number: int) -> None:
    """End what the demo may have left of itself."""
    try:
        os.killpg(number, signal.SIGKILL)
    except ProcessLookupError:
        return


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def executable() -> str | None:
    """The system's Chromium, None for the one that Playwright brought."""
    return runpy.run_path(str(HERE / "chromium.py"))["find"]()


@pytest.fixture(scope="session")
def chromium(playwright: Playwright, executable: str | None) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
    yield browser
    browser.close()


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember that a test failed, so that what its visitors saw at the end is printed with it."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


def _print_screens(demo: Demo, made: list[Visitor]) -> None:
    print((demo.folder / "output").read_text(errors="replace")[-4_000:])
    for number, visitor in enumerate(made):
        for frame in visitor.page.frames:
            try:
                print(f"visitor {number} at {frame.url}:\n{frame.locator('body').inner_text(timeout=2_000)}\n")
            except Error as error:  # a page that does not answer is what may have gone wrong
                print(f"visitor {number} at {frame.url}: {error}")


@pytest.fixture
def new_visitor(demo: Demo, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Visitor]]:
    """Make visitors, each with cookies of their own; afterwards none of them may have met a fault."""
    made: list[Visitor] = []

    def make(**options: Any) -> Visitor:
        context = chromium.new_context(**{"viewport": {"width": 1200, "height": 900}, **options})
        context.set_default_timeout(PATIENCE)
        visitor = Visitor(demo, context, context.new_page())
        visitor.watch()
        made.append(visitor)
        return visitor

    yield make
    if request.node.stash.get(FAILED, False):
        _print_screens(demo, made)
    for visitor in made:
        visitor.context.close()
    assert [fault for visitor in made for fault in visitor.faults] == []


@pytest.fixture
def visitor(new_visitor: Callable[..., Visitor]) -> Visitor:
    """Somebody with a wide screen."""
    return new_visitor()


@pytest.fixture(scope="session")
def broken_rules() -> Callable[[Page | Frame], list[str]]:
    """Return what axe-core finds against WCAG 2.2 A and AA in a page, one line each."""
    source = AXE.read_text(encoding="utf-8")
    sums = (AXE.parent / "SHA256SUMS").read_text(encoding="utf-8")
    assert f"{hashlib.sha256(source.encode()).hexdigest()}  {AXE.name}" in sums, "axe.min.js is not as published"

    def find(page: Page | Frame) -> list[str]:
        page.wait_for_load_state()  # without its style sheet nothing has a size
        page.evaluate(f"() => {{ if (!window.axe) {{ {source} }} }}")
        found = page.evaluate("tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", WCAG)
        return [
            f"{page.url}: {rule['id']}: {rule['help']}: {node['html'][:200]}"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]

    return find
