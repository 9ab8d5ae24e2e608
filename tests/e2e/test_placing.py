"""A teacher places an assignment in a module of Canvas, and a student who opens it lands exactly there."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import PATIENCE, Tool

pytestmark = pytest.mark.browser

STUDENT = "Wei Zhang"


def test_a_placed_assignment_is_opened_by_a_student(new_visitor: Callable, broken_rules: Callable) -> None:
    teacher, problems = new_visitor(), []
    tool = teacher.open_tool("canvas")
    tool.tab("Assignments")
    tool.go("New assignment")
    tool.at.get_by_label("Name", exact=True).fill("Placed essay")
    tool.at.get_by_label("The students themselves, by invitation").check()
    tool.press("Make the assignment")
    expect(tool.heading("Placed essay")).to_be_visible(timeout=PATIENCE)

    teacher.go_to_course("canvas")
    teacher.page.get_by_role("link", name="Add a module item").click()
    picker = Tool(teacher.page.frame_locator("iframe.tool"), teacher)
    expect(picker.heading("Place a link in Canvas")).to_be_visible(timeout=PATIENCE)
    for width in (390, 1200):
        teacher.page.set_viewport_size({"width": width, "height": 900})
        problems.extend(broken_rules(teacher.tool_frame()))
        assert teacher.tool_frame().evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    picker.at.get_by_label("Placed essay").check()
    picker.press("Place")
    expect(teacher.page.get_by_role("link", name="Placed essay")).to_be_visible(timeout=PATIENCE)
    expect(teacher.page).to_have_url(re.compile(r"/canvas/courses/\d+\?as="))  # the whole window is back there

    student = new_visitor()
    student.go_to_course("canvas", STUDENT)
    expect(student.page.get_by_role("link", name="Add a module item")).to_have_count(0)
    student.page.get_by_role("link", name="Placed essay").click()
    landed = Tool(student.page.frame_locator("iframe.tool"), student)
    expect(landed.heading("Placed essay")).to_be_visible(timeout=PATIENCE)
    student.tool_frame().wait_for_url(re.compile(r"/assignments/[0-9a-f-]{36}/grouping$"))
    assert problems == []
