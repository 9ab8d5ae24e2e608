"""The teacher's work by keyboard alone: everything is reached, the focus is seen and is not lost."""

from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

FOCUSED = """() => {
    const at = document.activeElement;
    if (!at || at === document.body) return null;
    const label = (at.labels && at.labels[0]) || at;
    const box = at.getBoundingClientRect(), style = getComputedStyle(at);
    const over = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return {
        name: at.getAttribute("aria-label") || label.innerText.trim(),
        tag: at.tagName,
        outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
        uncovered: Boolean(over) && (at.contains(over) || over.contains(at)),
    };
}"""


class _Keyboard:
    """A person with a keyboard and nothing else, inside the tool's frame."""

    def __init__(self, visitor) -> None:
        self.visitor = visitor
        self.keys = visitor.page.keyboard

    def focused(self) -> dict[str, Any] | None:
        return self.visitor.tool_frame().evaluate(FOCUSED)

    def is_somewhere(self) -> None:
        """Expect the focus not to be lost by what changed on the page."""
        expect(self.visitor.page.frame_locator("iframe.tool").locator("body :focus")).to_have_count(1)

    def reach(self, name: str, key: str = "Tab", limit: int = 80) -> None:
        """Step on until the focus is on what has this name; it is seen on every step."""
        passed = []
        for _ in range(limit):
            self.keys.press(key)
            at = self.focused()
            if at is None:
                continue
            assert at["outlined"], f"no outline on {at}"
            assert at["uncovered"], f"something covers {at}"
            passed.append(at["name"])
            if at["name"] == name:
                return
        raise AssertionError(f"{name} is not reached: {passed}")


def test_a_set_is_made_and_filled_by_keyboard(visitor) -> None:
    tool = visitor.open_tool("canvas")
    tool.sync("canvas")
    keyboard = _Keyboard(visitor)

    keyboard.reach("Group sets")
    keyboard.keys.press("Enter")
    expect(tool.heading("Group sets")).to_be_visible()
    keyboard.reach("New group set")
    keyboard.keys.press("Enter")
    expect(tool.heading("New group set")).to_be_visible()
    keyboard.reach("Name")
    keyboard.keys.type("By keyboard")
    keyboard.keys.press("Enter")
    expect(tool.heading("By keyboard")).to_be_visible()
    keyboard.reach("Name of the groups")
    keyboard.keys.type("Key")
    keyboard.reach("How many", limit=1)
    keyboard.keys.press("Control+A")
    keyboard.keys.type("3")
    keyboard.keys.press("Enter")
    tool.see("3 groups are added.")

    keyboard.reach("Move the ticked people to")
    keyboard.keys.press("ArrowDown")
    keyboard.reach("Wei Zhang")
    keyboard.keys.press("Space")
    keyboard.reach("Move", key="Shift+Tab")
    keyboard.keys.press("Enter")
    tool.see("One person is placed.")
    expect(tool.card("key-2").locator("li .tick")).to_have_text(["Wei Zhang"])
    keyboard.is_somewhere()

    keyboard.reach("Move Wei Zhang")
    keyboard.keys.press("Enter")
    expect(tool.at.get_by_label("Move Wei Zhang to")).to_be_focused()
    keyboard.keys.press("ArrowDown")
    keyboard.reach("Move")
    keyboard.keys.press("Enter")
    expect(tool.card("key-3").get_by_label("Wei Zhang", exact=True)).to_be_visible()
    keyboard.is_somewhere()
