"""Lending one's access to Canvas from inside the LMS's frame, with third-party cookies blocked."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def begin(visitor, tool, page_before: str | None = None):
    """Press the button, on a page that is new since the last consent ended; give the window and the page's ticket."""
    ticket = tool.at.locator("input[name=ticket]")
    if page_before:
        expect(ticket).not_to_have_value(page_before)
    used = ticket.input_value()
    with visitor.context.expect_page() as opened:
        tool.press("Connect Canvas (opens a new window)")
    expect(opened.value.get_by_role("button", name="Authorize")).to_be_visible()
    return opened.value, used


def test_a_teacher_connects_in_a_small_window_and_disconnects(visitor, broken_rules: Callable) -> None:
    tool = visitor.open_tool("canvas")
    tool.tab("Connection")
    tool.see("What you do here uses the tool’s service token")

    # Canvas asks, and the teacher declines: the small window says so, and nothing has changed.
    window, used = begin(visitor, tool)
    tool.press("Connect Canvas (opens a new window)")  # once more: the window is there already
    window.get_by_role("button", name="Cancel").click()
    expect(window.get_by_role("heading", name="You did not lend your access")).to_be_visible()
    expect(window).not_to_have_url(re.compile("code|state"))
    assert broken_rules(window) == []
    window.close()

    # The account of somebody else is refused in words.
    window, used = begin(visitor, tool, used)
    others = window.get_by_label("You are").locator("option").all_inner_texts()
    window.get_by_label("You are").select_option(label=next(name for name in others if name != "Ngozi Okafor"))
    window.get_by_role("button", name="Authorize").click()
    expect(window.get_by_role("heading", name="You are logged in to Canvas as somebody else")).to_be_visible()
    window.close()

    # Allowed: the small window closes by itself, and the page in the frame follows.
    window, used = begin(visitor, tool, used)
    window.get_by_label("You are").select_option(label="Ngozi Okafor")
    with window.expect_event("close"):
        window.get_by_role("button", name="Authorize").click()
    tool.see("What you do here uses your own access to Canvas")
    tool.press("Ask Canvas now")
    tool.see("Change the groups")
    assert broken_rules(visitor.tool_frame()) == []

    tool.press("Disconnect")
    tool.see("You are disconnected, and Canvas has forgotten the access too.")
    tool.see("What you do here uses the tool’s service token")
