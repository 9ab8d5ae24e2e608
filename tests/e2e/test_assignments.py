"""A teacher makes an assignment and sees what it selects while typing; its pages are for everybody."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, Route, expect

pytestmark = pytest.mark.browser


@contextmanager
def before_the_scripts(page: Page) -> Iterator[None]:
    """Be faster than the next page's scripts, as on a slow line."""
    held: list[Route] = []
    page.route("**/*.js", lambda route: held.append(route))
    yield
    assert held
    for route in held:
        route.continue_()
    page.unroute("**/*.js")


@pytest.mark.shows("MODEL-90", "MODEL-100", "MODEL-102")
def test_the_selection_follows_what_is_typed(new_visitor: Callable, broken_rules: Callable) -> None:
    tool = new_visitor().open_in_tab("canvas")
    page, problems = tool.at, []
    said = page.locator("#selection > [role=status]")

    def look() -> None:
        for width in (1200, 390):
            page.set_viewport_size({"width": width, "height": 900})
            problems.extend(broken_rules(page))
            assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url
        page.set_viewport_size({"width": 1200, "height": 900})

    tool.sync("canvas")
    tool.tab("Assignments")
    expect(tool.heading("Assignments")).to_be_visible()
    tool.go("New assignment")
    page.get_by_label("Name", exact=True).fill("Lab report")
    page.get_by_label("Group set").select_option(label="Project teams")
    page.get_by_label("Groups whose name fits a pattern").check()
    pattern = page.get_by_label("Pattern for their names")
    pattern.press_sequentially("* [1-", delay=30)
    expect(said).to_contain_text("“[” at position 3 has no “]”")
    look()
    pattern.press_sequentially("2]", delay=30)
    expect(said).to_contain_text(re.compile(r"2\s+of 6 groups selected"))
    expect(pattern).to_be_focused()
    page.locator("summary", has_text="Leave groups out").click()
    box = page.get_by_label("Project team 1", exact=True)
    box.check()
    expect(said).to_contain_text(re.compile(r"1\s+of 6 groups selected"))
    expect(box).to_be_focused()
    look()
    page.get_by_label("Name", exact=True).press("Enter")
    expect(tool.heading("Lab report")).to_be_visible()
    look()

    with before_the_scripts(page):
        tool.go("Edit")
        expect(tool.heading("Edit “Lab report”")).to_be_visible()
        page.get_by_label("Group set").select_option(label="Lab sessions")
    expect(page.get_by_text("another group set removes 1 group exclusion")).to_be_visible()
    tool.press("Save")
    expect(page.get_by_text("Changing group set will remove 1 group exclusion. Continue?")).to_be_visible()
    look()
    tool.go("Cancel")
    expect(page.get_by_label("Project team 1", exact=True)).to_be_checked()
    tool.tab("Assignments")
    expect(tool.heading("Assignments")).to_be_visible()
    look()
    tool.go("Lab report")
    tool.go("Delete")
    expect(tool.heading("Delete “Lab report”?")).to_be_visible()
    look()
    tool.press("Delete the assignment")
    tool.see("The assignment is deleted.")
    assert problems == []


def test_times_in_utc_are_told_as_they_are_where_one_is(new_visitor: Callable) -> None:
    tool = new_visitor(timezone_id="Europe/Berlin").open_in_tab("canvas")
    page = tool.at
    tool.tab("Assignments")
    tool.go("New assignment")
    page.get_by_label("Name", exact=True).fill("Seminar")
    page.get_by_label("The students themselves").check()
    field = page.get_by_label("Last invitation, UTC")
    field.fill("2099-07-01T10:30")
    expect(field).to_have_accessible_description(re.compile(r"^For you: .*2099.*12:30.*GMT\+2"))
    tool.press("Make the assignment")
    expect(tool.heading("Seminar")).to_be_visible()
    expect(page.locator("time[data-moment]").first).to_have_text(re.compile(r"2099.*12:30.*GMT\+2"))
