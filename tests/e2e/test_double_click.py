"""A button that is pressed twice does what it says once."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


# Presses twice before the first answer can be there, and counts the submissions that nothing stopped.
PRESS_TWICE = """button => {
  let sent = 0;
  window.addEventListener("submit", () => sent++);
  button.click();
  button.click();
  return sent;
}"""


def scripts_ran(visitor) -> None:
    """Wait until the page's scripts have run, of which the last takes the word about what was done off the address."""
    expect(visitor.page).to_have_url(re.compile(r"/group-sets/[0-9a-f-]{36}$"))


def test_a_form_is_sent_once_however_often_its_button_is_pressed(visitor) -> None:
    tool = visitor.open_in_tab("canvas")
    tool.make_set("Pressed twice", "Press", 2)
    scripts_ran(visitor)
    tool.at.get_by_text("Add groups", exact=True).click()
    tool.at.get_by_label("Name of the groups").fill("Again")
    tool.see("Will be stored as again")
    assert tool.at.get_by_role("button", name="Add", exact=True).evaluate(PRESS_TWICE) == 1
    expect(tool.card("again")).to_be_visible()
    scripts_ran(visitor)
    assert tool.at.get_by_role("button", name="Copy", exact=True).evaluate(PRESS_TWICE) == 1
    expect(tool.heading("Pressed twice (copy)")).to_be_visible()


def test_a_form_that_htmx_sends_is_sent_once_and_can_be_sent_again_after_the_answer(visitor) -> None:
    tool = visitor.open_in_tab("canvas")
    tool.make_set("Moved twice", "Way", 2)
    scripts_ran(visitor)
    sent: list[str] = []
    visitor.page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    for person, group in (("Wei Zhang", "way-1"), ("Łukasz Wiśniewski", "way-2")):
        tool.at.get_by_label(person, exact=True).check()
        tool.at.get_by_label("Move the ticked people to").select_option(label=f"{group} (0)")
        tool.at.locator("#place").get_by_role("button", name="Move").dblclick()
        expect(tool.card(group).get_by_text(person)).to_be_visible()
    assert [url.rpartition("/")[2].partition("?")[0] for url in sent] == ["assign", "assign"]


def test_a_page_seen_again_takes_its_form_again(visitor) -> None:
    tool = visitor.open_in_tab("canvas")
    tool.make_set("Back again", "Back", 2)
    tool.press("Copy")
    expect(tool.heading("Back again (copy)")).to_be_visible()
    visitor.page.go_back()
    expect(tool.heading("Back again")).to_be_visible()
    tool.press("Copy")
    expect(tool.heading("Back again (copy 2)")).to_be_visible()
