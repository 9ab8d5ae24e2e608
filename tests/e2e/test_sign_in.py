"""Several courses and several people in one browser, storage that is blocked, and a sign-in that ends too early."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Playwright, expect

from tests.e2e.conftest import ARGUMENTS, TEACHER, Visitor

pytestmark = pytest.mark.browser

COURSE = "Introduction to Programming"
STUDENT = "Wei Zhang"


def _prefer(folder: Path, profile: dict[str, Any]) -> None:
    (folder / "Default").mkdir()
    (folder / "Default" / "Preferences").write_text(json.dumps({"profile": profile}))


@pytest.fixture
def usual(demo: Any, playwright: Playwright, executable: str | None, tmp_path: Path) -> Iterator[Visitor]:
    """Somebody whose browser lets a frame use storage, kept apart by the site around it."""
    _prefer(tmp_path, {"cookie_controls_mode": 0, "block_third_party_cookies": False})
    arguments = [one for one in ARGUMENTS if "third-party" not in one]
    context = playwright.chromium.launch_persistent_context(tmp_path, executable_path=executable, args=arguments)
    yield Visitor(demo, context, context.pages[0])
    context.close()


def test_what_was_typed_when_the_sign_in_ended_is_offered_again(usual: Visitor, broken_rules: Callable) -> None:
    visitor = usual
    tool = visitor.open_tool("canvas")
    expect(tool.heading(COURSE)).to_be_visible()
    tool.tab("Group sets")
    tool.go("New group set")
    tool.at.get_by_label("Name").fill("Übung <1> & mehr")
    visitor.tool_frame().wait_for_load_state()  # the script that keeps what is sent is there
    visitor.context.clear_cookies()
    tool.press("Make the group set")
    expect(tool.heading("Please open LTI Groups from your course")).to_be_visible()
    tool = visitor.open_tool("canvas")
    notice = tool.at.locator("#kept")
    expect(notice.get_by_text("while you were typing on another page")).to_be_visible()
    notice.get_by_role("link", name="Go to that page").click()
    expect(tool.at.get_by_label("Name")).to_have_value("")
    assert broken_rules(visitor.tool_frame()) == []
    tool.press("Restore what you typed")
    expect(tool.at.get_by_label("Name")).to_have_value("Übung <1> & mehr")
    tool.press("Make the group set")
    expect(tool.heading("Übung <1> & mehr")).to_be_visible()
    tool.tab("Group sets")
    tool.go("New group set")
    expect(notice).to_be_hidden()


NO_STORAGE = """for (const name of ["localStorage", "sessionStorage", "indexedDB"]) {
  Object.defineProperty(window, name, {get() { throw new DOMException("blocked", "SecurityError"); }});
}"""


def test_what_was_typed_is_shown_in_the_frame_though_nothing_can_be_kept(
    new_visitor: Any, broken_rules: Callable
) -> None:
    visitor = new_visitor()
    visitor.context.add_init_script(NO_STORAGE)
    tool = visitor.open_tool("moodle")
    tool.ready("moodle")
    tool.tab("Group sets")
    tool.go("New group set")
    tool.at.get_by_label("Name").fill("Übung <1> & mehr")
    visitor.context.clear_cookies()
    tool.press("Make the group set")
    expect(tool.heading("Please open LTI Groups from your course")).to_be_visible()
    expect(tool.at.get_by_label("Name")).to_have_value("Übung <1> & mehr")
    expect(tool.at.get_by_label("Name")).not_to_be_editable()
    assert broken_rules(visitor.tool_frame()) == []
    # The same of a form that htmx sends.
    tool = visitor.open_tool("moodle")
    tool.tab("People")
    tool.at.get_by_label("Name, e-mail or number").fill("Zhang & Co")
    visitor.tool_frame().wait_for_load_state()
    visitor.context.clear_cookies()
    tool.press("Show")
    expect(tool.heading("Please open LTI Groups from your course")).to_be_visible()
    expect(tool.at.get_by_label("Q", exact=True)).to_have_value("Zhang & Co")
    expect(tool.at.locator(".person")).to_have_text(TEACHER)  # the rest of the page stands


def test_two_courses_in_two_tabs_stay_two(visitor: Any) -> None:
    visitor.page.goto(visitor.demo.lms)
    form = visitor.page.locator("section.canvas form.card")
    form.get_by_label("Students").fill("20")
    form.get_by_label("Groups").fill("4")
    form.get_by_role("button", name="Make the big course").click()
    first = visitor.open_tool("canvas")
    expect(first.heading(COURSE)).to_be_visible()
    first.tab("Group sets")
    first.go("New group set")
    first.at.get_by_label("Name").fill("Made in the first tab")
    other = visitor.context.new_page()
    other.goto(visitor.demo.lms)
    big = other.locator("section.canvas article").filter(has_text="BIG")
    big.get_by_role("link", name=re.compile("^Open as")).first.click()
    other.get_by_role("link", name="LTI Groups", exact=True).click()
    second = other.frame_locator("iframe.tool")
    expect(second.locator(".person")).to_have_text(TEACHER)
    expect(second.locator(".course")).not_to_have_text(COURSE)
    title = second.locator(".course").inner_text()
    first.press("Make the group set")
    expect(first.heading("Made in the first tab")).to_be_visible()
    expect(first.at.locator(".course")).to_have_text(COURSE)
    second.get_by_label("Course", exact=True).get_by_role("link", name="Group sets").click()
    expect(second.get_by_role("heading", name="Group sets", exact=True)).to_be_visible()
    expect(second.locator(".course")).to_have_text(title)
    expect(second.get_by_text("Made in the first tab")).to_have_count(0)


def test_a_tab_is_told_when_the_browser_becomes_somebody_elses(visitor: Any, broken_rules: Callable) -> None:
    first = visitor.open_tool("canvas")
    expect(first.heading(COURSE)).to_be_visible()
    old = visitor.page
    visitor.page = visitor.context.new_page()
    second = visitor.open_tool("canvas", STUDENT)
    expect(second.at.locator(".person")).to_have_text(STUDENT)
    expect(second.at.locator("#other-person")).to_be_hidden()
    visitor.page = old
    old.bring_to_front()
    visitor.tool_frame().evaluate("() => window.dispatchEvent(new Event('focus'))")
    expect(first.at.get_by_text("Somebody else has opened LTI Groups")).to_be_visible()
    assert broken_rules(visitor.tool_frame()) == []
    first.tab("Home")
    expect(first.heading("Somebody else is here now")).to_be_visible()
    expect(first.main).to_contain_text(STUDENT)


def test_signing_out_leaves_nobody(visitor: Any) -> None:
    tool = visitor.open_tool("moodle")
    expect(tool.heading("CS101 Introduction to Programming")).to_be_visible()
    tool.press("Sign out")
    expect(tool.heading("You are signed out of LTI Groups")).to_be_visible()
    visitor.tool_frame().evaluate("() => history.back()")
    expect(tool.heading("Please open LTI Groups from your course")).to_be_visible()


def test_the_frames_own_storage_replaces_a_lost_cookie(usual: Visitor) -> None:
    def forget(route: Any) -> None:
        usual.context.clear_cookies()
        route.continue_()

    usual.context.route("**/lti/*/launch", forget, times=1)
    tool = usual.open_tool("moodle")  # whose platform keeps nothing for tools
    expect(tool.heading("CS101 Introduction to Programming")).to_be_visible(timeout=30_000)


@pytest.mark.parametrize(("flavour", "course"), [("canvas", COURSE), ("moodle", f"CS101 {COURSE}")])
def test_a_new_tab_works_where_the_frame_may_keep_nothing(
    demo: Any, playwright: Playwright, executable: str | None, tmp_path: Path, flavour: str, course: str
) -> None:
    blocked = {f"{demo.tool},{demo.lms.rstrip('/')}": {"setting": 2}}
    _prefer(tmp_path, {"content_settings": {"exceptions": {"cookies": blocked}}})
    context = playwright.chromium.launch_persistent_context(
        tmp_path, executable_path=executable, args=["--no-sandbox", "--disable-quic", "--no-first-run"]
    )
    page = context.pages[0]
    page.goto(demo.lms)
    page.locator(f"section.{flavour}").get_by_role("link", name="Open as Ngozi Okafor").first.click()
    page.get_by_role("link", name="LTI Groups", exact=True).click()
    frame = page.frame_locator("iframe.tool")
    expect(frame.get_by_role("heading", name="Your browser blocks this")).to_be_visible(timeout=30_000)
    with context.expect_page() as opened:
        frame.get_by_role("link", name="Open in a new tab").click()
    expect(opened.value.get_by_role("heading", name=course, exact=True, level=1)).to_be_visible(timeout=30_000)
    expect(opened.value).to_have_url(re.compile(f"^{re.escape(demo.tool)}/courses/"))
    context.close()
