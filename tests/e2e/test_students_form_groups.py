"""Seed 004's story: four students in four browsers form groups in the LMS's frame while a teacher watches."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.conftest import COURSE, PATIENCE, Tool, Visitor

pytestmark = pytest.mark.browser

ZOE, WEI, JOSE, LUKASZ = "Zoë van der Berg", "Wei Zhang", "José María García López", "Łukasz Wiśniewski"
ASKING = 5_000  # milliseconds: longer than a page waits before it asks again what others did


def make_assignment(teacher: Tool, name: str, least: int) -> str:
    """Let students form the groups of a new assignment; give its page's path."""
    rules = {"formed_by": "students", "min_size": str(least), "kind": "all", "group_set_id": ""}
    return teacher.send("assignments/new", "assignments/new", name=name, **rules)


def look(tool: Tool, name: str, path: str) -> None:
    """Open a page and wait for it."""
    tool.open(path)
    expect(tool.heading(name)).to_be_visible(timeout=PATIENCE)


def wait(*tools: Tool) -> None:
    """Let the time pass after which these people's pages ask what others did; nobody reloads anything."""
    for tool in tools:
        tool.visitor.context.clock.fast_forward(ASKING)


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
    """Answer the one invitation, which came without a reload."""
    wait(tool)
    tool.see(f"{ZOE} invites you")
    tool.at.locator("#formation .panel").get_by_role("button", name=button).click()


def see_groups(teacher: Tool, *words: str) -> None:
    """Wait until the page that the teacher looks at says this, without a reload."""
    wait(teacher)
    for word in words:
        expect(teacher.at.locator("#groupings")).to_contain_text(word, timeout=PATIENCE)


def newcomer(new_visitor: Callable[..., Visitor], *name: str) -> Tool:
    visitor = new_visitor()
    tool = visitor.open_tool("canvas", *name)
    # From here on time is the test's. Before, a launch passes on from page to page by timers, and with false ones the
    # driver lost sight of the frame now and then.
    expect(tool.main.get_by_role("heading", level=1)).to_have_text("Your groups" if name else COURSE["canvas"])
    visitor.context.clock.install()
    return tool


def test_optional_and_mandatory_groups(new_visitor: Callable[..., Visitor], broken_rules: Callable) -> None:
    teacher = newcomer(new_visitor)
    teacher.ready("canvas")
    essay, project = make_assignment(teacher, "Essay", 1), make_assignment(teacher, "Project", 3)
    zoe, wei, jose, lukasz = students = [newcomer(new_visitor, name) for name in (ZOE, WEI, JOSE, LUKASZ)]

    # Optional: alone is valid at once; an inviter sees every answer, a member only who accepted.
    look(teacher, "Groups of Essay", f"{essay}/groupings")
    for student in students:
        student.at.get_by_role("link", name=re.compile(": Essay$")).click()
        expect(student.heading("Essay")).to_be_visible(timeout=PATIENCE)
    teacher.at.get_by_label(LUKASZ, exact=True).check()
    teacher.at.get_by_label("Anna Müller").first.check()
    teacher.at.get_by_label("Name of the new group").fill("Half a na")
    teacher.at.locator("#more summary").click()
    teacher.at.get_by_label("Name of the new group").focus()
    lukasz.press("Work alone")
    lukasz.see("You work alone")
    expect(lukasz.at.get_by_role("button", name="Invite", exact=True)).to_have_count(0)
    zoe.press("Start a group")
    invite(zoe, WEI, JOSE)
    see_groups(teacher, "2 groups, 2 valid")
    teacher.at.locator("summary", has_text=f"Change {WEI}").click()
    expect(teacher.at.get_by_role("button", name=f"Take out of the group {WEI}")).to_be_visible(timeout=PATIENCE)
    teacher.at.get_by_label("Name of the new group").focus()
    answer(wei, "Join")
    answer(jose, "No, thank you")
    wait(zoe)
    expect(seat(zoe, JOSE)).to_contain_text("Refused", timeout=PATIENCE)
    expect(seat(zoe, WEI)).not_to_contain_text("Invited", timeout=PATIENCE)
    expect(seat(wei, ZOE)).to_be_visible(timeout=PATIENCE)
    expect(wei.main).not_to_contain_text(JOSE)
    jose.press("Start a group")
    expect(seat(jose, JOSE)).to_be_visible(timeout=PATIENCE)
    see_groups(teacher, "3 groups, 3 valid", "Refused")

    # What the teacher has ticked, typed, opened and in focus stayed; who is in a group now is not to be ticked.
    expect(teacher.at.get_by_label("Anna Müller").first).to_be_checked()
    expect(teacher.at.get_by_label(LUKASZ, exact=True)).to_have_count(0)
    expect(teacher.at.get_by_label("Name of the new group")).to_have_value("Half a na")
    expect(teacher.at.get_by_label("Name of the new group")).to_be_focused()
    expect(teacher.at.get_by_role("button", name="Import")).to_be_visible()
    expect(teacher.at.get_by_role("button", name=f"Take out of the group {WEI}")).to_be_visible()

    assert [fault for tool in (teacher, zoe) for fault in broken_rules(tool.visitor.tool_frame())] == []

    # Mandatory: valid by its invitations, not after a refusal; the inviter asks somebody else, or breaks it up.
    look(teacher, "Groups of Project", f"{project}/groupings")
    for student in students:
        look(student, "Project", f"{project}/grouping")
        expect(student.at.get_by_role("button", name="Work alone")).to_have_count(0)
    zoe.press("Start a group")
    zoe.see("Not valid: 2 more needed")
    invite(zoe, WEI, JOSE)
    expect(zoe.main.locator(".badge-good")).to_have_text("Valid", timeout=PATIENCE)
    answer(wei, "Join")
    answer(jose, "No, thank you")
    wait(zoe, wei)
    zoe.see("Not valid: 1 more needed")
    wei.see("You can read but not hand in yet")
    invite(zoe, LUKASZ)
    expect(zoe.main.locator(".badge-good")).to_have_text("Valid", timeout=PATIENCE)
    answer(lukasz, "No, thank you")
    lukasz.see("Form your group")
    wait(zoe)
    zoe.see("Not valid: 1 more needed")
    see_groups(teacher, "1 more needed")
    teacher.at.get_by_role("button", name="Approve as it is").click()
    teacher.see("Approved")
    wait(zoe)
    zoe.see("Valid: approved by your teacher")
    expect(zoe.at.get_by_role("link", name="Break up", exact=True)).to_have_count(0)  # a valid group stays
    teacher.at.get_by_role("button", name="Withdraw the approval").click()
    teacher.see("1 more needed")
    wait(zoe)
    zoe.see("Not valid: 1 more needed")
    zoe.go("Break up")
    zoe.press("Break up the group")
    zoe.see("Form your group")
    wait(wei)
    wei.see("Form your group")
    see_groups(teacher, "0 groups")


@pytest.mark.shows("TEAM-62", "TEAM-68")
def test_an_invite_link_is_resumed_by_one_button_that_launches_the_tool(new_visitor: Callable[..., Visitor]) -> None:
    """Ruling C7: a link that is opened outside the LMS leads into the course, and there to the invite."""
    teacher = new_visitor().open_tool("canvas")
    teacher.ready("canvas")
    circles = teacher.send("group-sets/new", "group-sets/new", name="Circles")
    teacher.send("group-sets/new", f"{circles}/edit", name="Circles", signup="create")
    zoe = new_visitor().open_tool("canvas", ZOE)
    expect(zoe.heading("Your groups")).to_be_visible(timeout=PATIENCE)
    group = zoe.send("join", f"groups/new/{circles.rpartition('/')[2]}", name="Night owls", privacy="unlisted")
    zoe.send("join", f"{group}/invites/create")
    zoe.open(f"{group}/invites")
    link = zoe.at.get_by_label("Link 1").input_value()
    button, code = zoe.at.locator("button[data-copies]").first, zoe.at.locator("input[readonly]").first
    button.click()
    expect(button).to_contain_text(re.compile("Copied|Selected"), timeout=PATIENCE)
    expect(code).to_be_focused()  # all of it is selected, to be copied by hand where the clipboard is closed
    assert code.evaluate("field => field.value.slice(field.selectionStart, field.selectionEnd) === field.value")
    said = zoe.visitor.faults
    said[:] = [fault for fault in said if "Clipboard API has been blocked" not in fault]  # as many LMSs' frames do

    visitor = new_visitor()
    visitor.go_to_course("canvas", WEI)  # signed in to the LMS, and never yet in the tool
    visitor.page.goto(link)
    wei = Tool(visitor.page, visitor)
    expect(wei.heading("You are invited to a group")).to_be_visible(timeout=PATIENCE)
    wei.go("Open the invite in the course")
    expect(wei.heading("Join “night-owls”?")).to_be_visible(timeout=PATIENCE)
    wei.press("Join the group")
    wei.see("You are in the group now.")
    expect(wei.main.get_by_role("listitem").filter(has_text=WEI)).to_contain_text("You")


def test_what_a_page_asks_for_by_itself_never_puts_an_error_in_its_place(new_visitor: Callable[..., Visitor]) -> None:
    teacher = newcomer(new_visitor)
    teacher.ready("canvas")
    path = make_assignment(teacher, "Talk", 1)
    wei = newcomer(new_visitor, WEI)
    expect(wei.heading("Your groups")).to_be_visible(timeout=PATIENCE)
    look(wei, "Talk", f"{path}/grouping")
    wei.press("Start a group")
    wei.go("Messages, documents and more")
    wei.go("Open Chat")
    expect(wei.main.locator("li.follow")).to_have_count(1)
    wei.visitor.context.clear_cookies()
    for asked, after in (("messages", ASKING), ("badge", 31_000), ("messages", ASKING)):
        with wei.visitor.page.expect_response(lambda one, word=asked: word in one.url and one.status == 401):
            wei.visitor.context.clock.fast_forward(after)
    expect(wei.main.locator("li.follow")).to_have_count(1)
    expect(wei.at.locator("#notices-badge")).to_have_count(1)
    expect(wei.at.get_by_text("Please open LTI Groups")).to_have_count(0)
