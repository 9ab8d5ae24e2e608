"""Seed 004's story: four students in four browsers form groups in the LMS's frame while a teacher watches."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.conftest import PATIENCE, Tool

pytestmark = pytest.mark.browser

ZOE, WEI, JOSE, LUKASZ = "Zoë van der Berg", "Wei Zhang", "José María García López", "Łukasz Wiśniewski"


def make_assignment(teacher: Tool, name: str, least: int) -> None:
    """Let students form the groups of a new assignment, and stay on the page that lists them."""
    teacher.tab("Assignments")
    teacher.go("New assignment")
    teacher.at.get_by_label("Name", exact=True).fill(name)
    teacher.at.get_by_label("The students themselves, by invitation").check()
    teacher.at.get_by_label("Least people in a group").fill(str(least))
    teacher.press("Make the assignment")
    expect(teacher.heading(name)).to_be_visible(timeout=PATIENCE)


def open_page(tool: Tool, name: str) -> None:
    """Go to the assignment's page by the home page's link."""
    tool.at.get_by_role("link", name=re.compile(f": {name}$")).click()
    expect(tool.heading(name)).to_be_visible(timeout=PATIENCE)


def invite(tool: Tool, *people: str) -> None:
    """Tick classmates and invite them."""
    for person in people:
        tool.at.get_by_label(person, exact=True).check()
    tool.press("Invite")
    for person in people:
        expect(seat(tool, person)).to_contain_text("Invited", timeout=PATIENCE)


def seat(tool: Tool, person: str) -> Locator:
    """Return somebody's line in the own group."""
    own = tool.at.locator("section[aria-labelledby=own]")
    return own.get_by_role("listitem").filter(has_text=person)


def answer(tool: Tool, button: str) -> None:
    """Answer the one invitation."""
    tool.at.locator("#formation .panel").get_by_role("button", name=button).click()


def read_by_teacher(teacher: Tool, name: str, *words: str) -> None:
    """Look at the assignment's groups as staff do."""
    teacher.tab("Assignments")
    teacher.go(name)
    teacher.go("Form groups")
    expect(teacher.heading(f"Groups of {name}")).to_be_visible(timeout=PATIENCE)
    for word in words:
        expect(teacher.main).to_contain_text(word)


def test_optional_and_mandatory_groups(new_visitor: Callable) -> None:
    teacher = new_visitor().open_tool("canvas")
    teacher.sync("canvas")
    make_assignment(teacher, "Essay", 1)
    make_assignment(teacher, "Project", 3)
    zoe, wei, jose, lukasz = (new_visitor().open_tool("canvas", name) for name in (ZOE, WEI, JOSE, LUKASZ))

    # Optional: alone is valid at once; an inviter sees every answer, a member only who accepted.
    for student in (zoe, wei, jose, lukasz):
        open_page(student, "Essay")
    lukasz.press("Work alone")
    lukasz.see("You work alone")
    expect(lukasz.at.get_by_role("button", name="Invite", exact=True)).to_have_count(0)
    zoe.press("Start a group")
    invite(zoe, WEI, JOSE)
    wei.see(f"{ZOE} invites you")  # without a reload
    jose.see(f"{ZOE} invites you")
    answer(wei, "Join")
    answer(jose, "No, thank you")
    expect(seat(zoe, JOSE)).to_contain_text("Refused", timeout=PATIENCE)
    expect(seat(zoe, WEI)).not_to_contain_text("Invited", timeout=PATIENCE)
    expect(seat(wei, ZOE)).to_be_visible(timeout=PATIENCE)
    expect(wei.main).not_to_contain_text(JOSE)
    jose.press("Start a group")
    expect(seat(jose, JOSE)).to_be_visible(timeout=PATIENCE)
    read_by_teacher(teacher, "Essay", "3 groups", "3 valid")

    # Mandatory: valid by its invitations, not after a refusal; the inviter asks somebody else, or breaks it up.
    for student in (zoe, wei, jose, lukasz):
        student.go("Your groups")
        open_page(student, "Project")
        expect(student.at.get_by_role("button", name="Work alone")).to_have_count(0)
    zoe.press("Start a group")
    zoe.see("Not valid: 2 more needed")
    invite(zoe, WEI, JOSE)
    expect(zoe.main.locator(".badge-good")).to_have_text("Valid", timeout=PATIENCE)
    wei.see(f"{ZOE} invites you")
    answer(wei, "Join")
    jose.see(f"{ZOE} invites you")
    answer(jose, "No, thank you")
    zoe.see("Not valid: 1 more needed")
    wei.see("You can read but not hand in yet")
    invite(zoe, LUKASZ)
    expect(zoe.main.locator(".badge-good")).to_have_text("Valid", timeout=PATIENCE)
    lukasz.see(f"{ZOE} invites you")
    answer(lukasz, "No, thank you")
    zoe.see("Not valid: 1 more needed")
    read_by_teacher(teacher, "Project", "1 more needed")
    teacher.at.get_by_role("button", name="Approve as it is").click()
    zoe.see("Valid: approved by your teacher")
    expect(zoe.at.get_by_role("link", name="Break up", exact=True)).to_have_count(0)  # a valid group stays
    teacher.at.get_by_role("button", name="Withdraw the approval").click()
    zoe.see("Not valid: 1 more needed")
    zoe.go("Break up")
    zoe.press("Break up the group")
    zoe.see("Form your group")
    wei.see("Form your group")
