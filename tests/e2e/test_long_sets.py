"""A set of many groups: the next ones come while one reads on, and nothing that was ticked or in focus is lost."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

GROUPS = 130


def test_groups_come_while_one_reads_on_and_stay_after_a_move(visitor) -> None:
    tool = visitor.open_tool("canvas")
    tool.sync("canvas")
    tool.make_set("Long", "Row", GROUPS)
    cards = tool.at.locator("section.group")
    expect(cards).to_have_count(60)
    tool.at.get_by_label("Wei Zhang", exact=True).check()
    more = tool.at.get_by_role("link", name="Show more groups")
    more.focus()
    expect(cards).to_have_count(120)
    expect(tool.card("row-61").get_by_role("link", name="Edit")).to_be_focused()
    expect(tool.at.get_by_label("Wei Zhang", exact=True)).to_be_checked()
    more.scroll_into_view_if_needed()
    expect(cards).to_have_count(GROUPS)
    expect(more).to_have_count(0)
    tool.at.get_by_label("Move the ticked people to").select_option(label="row-125 (0)")
    tool.press("Move")
    tool.see("One person is placed.")
    expect(tool.card("row-125").locator("li .tick")).to_have_text(["Wei Zhang"])
    expect(cards).to_have_count(GROUPS)
    tool.move("Wei Zhang", "row-99 ")
    expect(tool.card("row-99").locator("li .tick")).to_have_text(["Wei Zhang"])
    expect(cards).to_have_count(GROUPS)


def test_without_scripts_the_next_groups_are_a_page_of_their_own(new_visitor: Callable) -> None:
    new_visitor().open_tool("moodle").sync("moodle")
    visitor = new_visitor(java_script_enabled=False)
    tool = visitor.open_in_tab("moodle")
    for _ in range(2):
        visitor.page.get_by_role("button", name="Continue").click()
    tool.make_set("Long and plain", "Line", 70)
    tool.go("Show more groups")
    expect(tool.at.locator("section.group")).to_have_count(10)
    tool.at.get_by_label("Wei Zhang", exact=True).check()
    tool.at.get_by_label("Move the ticked people to").select_option(label="line-65 (0)")
    tool.press("Move")
    tool.see("One person is placed.")
    expect(tool.card("line-65").locator("li .tick")).to_have_text(["Wei Zhang"])
    expect(visitor.page).to_have_url(re.compile(r"[?&]page=2\b"))
    tool.go("Previous groups")
    expect(tool.at.locator("section.group")).to_have_count(60)
