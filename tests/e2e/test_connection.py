"""Lending one's access to Canvas from inside the LMS's frame, with third-party cookies blocked."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_a_teacher_connects_in_a_small_window_and_disconnects(visitor, broken_rules: Callable) -> None:
    tool = visitor.open_tool("canvas")
    tool.tab("Connection")
    tool.see("What you do here uses the tool’s service token")

    # Canvas asks, and the teacher declines: the small window says so, and nothing has changed.
    with visitor.context.expect_page() as opened:
        tool.press("Connect Canvas (opens a new window)")
    window = opened.value
    window.get_by_role("button", name="Cancel").click()
    expect(window.get_by_role("heading", name="You did not lend your access")).to_be_visible()
    assert "code" not in window.url
    assert "state" not in window.url
    assert broken_rules(window) == []
    window.close()

    # The account of somebody else is refused in words.
    with visitor.context.expect_page() as opened:
        tool.press("Connect Canvas (opens a new window)")
    window = opened.value
    expect(window.get_by_role("button", name="Authorize")).to_be_visible()
    others = window.get_by_label("You are").locator("option").all_inner_texts()
    window.get_by_label("You are").select_option(label=next(name for name in others if name != "Ngozi Okafor"))
    window.get_by_role("button", name="Authorize").click()
    expect(window.get_by_role("heading", name="You are logged in to Canvas as somebody else")).to_be_visible()
    window.close()

    # Allowed: the small window closes by itself, and the page in the frame follows.
    with visitor.context.expect_page() as opened:
        tool.press("Connect Canvas (opens a new window)")
    window = opened.value
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
