"""A set of the LMS edited in the frame: there at once, or waiting in sight until the LMS is back."""

import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

SET = "Lab sessions"


@pytest.fixture
def switch(demo: Any) -> Iterator[Callable[..., None]]:
    """Switch faults of the demo LMS on, all off when none is named; afterwards it works again."""

    def post(path: str, values: dict[str, Any]) -> None:
        asked = urllib.request.Request(
            f"{demo.lms}control/{path}", json.dumps(values).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:
            assert answer.status == 200

    def set_faults(**values: Any) -> None:
        post("faults", values) if values else post("faults/reset", {})

    yield set_faults
    set_faults()


def add_group(tool: Any, name: str) -> None:
    """Add one group on a set's page."""
    tool.at.get_by_text("Add groups", exact=True).click()
    tool.at.get_by_label("Name of the groups").fill(name)
    tool.press("Add")


def place(tool: Any, person: str, group: str) -> None:
    """Place somebody without a group; after the group's name stands how many it has."""
    tool.at.get_by_label(person, exact=True).check()
    tool.at.get_by_label("Move the ticked people to").select_option(label=group)
    tool.at.locator("#place").get_by_role("button", name="Move").click()


@pytest.mark.shows("PUSH-30", "PUSH-33", "PUSH-39", "PUSH-40", "PUSH-41")
def test_an_edit_is_in_canvas_at_once_or_waits_in_sight(
    visitor: Any, switch: Callable[..., None], broken_rules: Callable[..., list[str]]
) -> None:
    tool = visitor.open_tool("canvas")
    tool.sync("canvas")
    tool.tab("Group sets")
    tool.go(SET)

    add_group(tool, "Evening lab")
    expect(tool.card("Evening lab")).to_be_visible()
    place(tool, "Björk", "Evening lab (0)")
    tool.see("One person is placed. Canvas has it too.")
    people = tool.card("Evening lab").locator("li .tick")
    expect(people).to_have_text(["Björk"])
    assert visitor.groups_in_lms("canvas", SET)["Evening lab"] == ["Björk"]

    # Canvas fails: nothing of the change shows in the groups, and what waits is told with its next try.
    tool = visitor.open_tool("canvas")
    tool.go(SET)
    expect(people).to_have_text(["Björk"])
    switch(throttle="429")
    place(tool, "Chukwuemeka Adeyemi-Oluwaseun", "Evening lab (1)")
    waiting = tool.at.get_by_role("listitem").filter(has_text="Chukwuemeka Adeyemi-Oluwaseun → Evening lab")
    expect(waiting.get_by_text("Waiting", exact=True)).to_be_visible(timeout=30_000)
    expect(waiting.get_by_text("we try again by ourselves")).to_be_visible()
    expect(people).to_have_text(["Björk"])
    tool.tab("Home")
    tool.see("1 change is not yet in Canvas.")
    tool.go("See which, and why")
    expect(waiting.get_by_text("Waiting", exact=True)).to_be_visible()
    assert broken_rules(visitor.tool_frame()) == []

    # Canvas is back: a press brings it, and it is listed as sent.
    switch()
    waiting.get_by_role("button", name=re.compile("^Retry")).click()
    tool.see("The change was tried again. Canvas has it too.")
    tool.see("Nothing waits: Canvas has every change that was made here.")
    row = tool.at.get_by_role("row").filter(has_text="Chukwuemeka Adeyemi-Oluwaseun → Evening lab")
    expect(row.get_by_text("In Canvas", exact=True)).to_be_visible()
    expected = ["Björk", "Chukwuemeka Adeyemi-Oluwaseun"]
    assert visitor.groups_in_lms("canvas", SET)["Evening lab"] == expected
