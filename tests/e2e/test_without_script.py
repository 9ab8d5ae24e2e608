"""Everything is a form or a link first: a browser that runs no scripts can do the teacher's work."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_a_set_is_made_and_a_student_moved_without_scripts(new_visitor: Callable) -> None:
    new_visitor().open_tool("moodle").sync("moodle")
    visitor = new_visitor(java_script_enabled=False)
    tool = visitor.open_in_tab("moodle")
    for _ in range(2):
        visitor.page.get_by_role("button", name="Continue").click()
    tool.make_set("Plain pages", "Plain", 2)
    tool.at.get_by_label("Wei Zhang", exact=True).check()
    tool.press("Move")
    tool.see("One person is placed.")
    expect(tool.card("plain-1").locator("li .tick")).to_have_text(["Wei Zhang"])
    tool.move("Wei Zhang", "plain-2")
    expect(tool.heading("Plain pages")).to_be_visible()
    expect(tool.card("plain-2").locator("li .tick")).to_have_text(["Wei Zhang"])
    expect(tool.card("plain-1").locator("li .tick")).to_have_count(0)
