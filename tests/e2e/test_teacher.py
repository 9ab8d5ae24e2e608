"""A teacher's way through the whole product, inside the frame of each LMS."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

LMS_NAME = {"canvas": "Canvas", "moodle": "Moodle"}


@pytest.mark.parametrize("flavour", ["canvas", "moodle"])
def test_from_the_start_page_to_groups_in_the_lms(visitor, flavour: str) -> None:
    lms, name = LMS_NAME[flavour], "Seminar groups"
    tool = visitor.open_tool(flavour)

    # The first launch fetches the people by itself; the home page offers to sync when that has ended.
    expect(tool.at.get_by_role("button", name=f"Sync with {lms}")).to_be_visible(timeout=30_000)
    tool.tab("People")
    expect(tool.at.get_by_role("row", name=re.compile("Łukasz Wiśniewski"))).to_be_visible()
    tool.tab("Home")
    tool.sync(flavour)
    # The figures of the first sync; another test may have synced before.
    figures = tool.at.get_by_role("table", name="What changed here")
    expect(figures.or_(tool.main.get_by_text(f"everything here is as it is in {lms}"))).to_be_visible()
    tool.go("Go to group sets")
    for theirs in ("Project teams", "Lab sessions"):
        expect(tool.at.get_by_role("listitem").filter(has_text=theirs).get_by_text(lms, exact=True)).to_be_visible()

    tool.make_set(name, "Seminar", 3)
    for person in ("Wei Zhang", "Priya Krishnamurthy" if flavour == "moodle" else "Sukarno"):
        tool.at.get_by_label(person, exact=True).check()
    tool.at.get_by_label("Move the ticked people to").select_option(label="seminar-2 (0)")
    tool.press("Move")
    tool.see("2 people are placed.")
    expect(tool.card("seminar-2").locator("li .tick")).to_have_count(2)
    by_hand = tool.people_in("seminar-2")

    tool.go("Assign at random")
    expect(tool.heading("Assign at random")).to_be_visible()
    visitor.tool_frame().wait_for_load_state()  # the people are read at once, without waiting
    drawn = {
        group: sorted(
            re.sub(r"^\+ | \S+@\S+$", "", text)  # with people of one name stands what tells them apart
            for text in tool.card(group).locator("li").all_inner_texts()
        )
        for group in ("seminar-1", "seminar-2", "seminar-3")
    }
    tool.press("Apply")
    tool.see("people are placed.")
    drawn["seminar-2"] = sorted(drawn["seminar-2"] + by_hand)
    for group, people in drawn.items():
        expect(tool.card(group).locator("li .tick")).to_have_count(len(people))
    assert {group: tool.people_in(group) for group in drawn} == drawn
    assert max(map(len, drawn.values())) - min(map(len, drawn.values())) <= 1

    tool.go(f"Publish to {lms}")
    tool.see("Nothing is sent yet.")
    tool.press("Publish")
    tool.see("Publish: done.")
    tool.go("Go to the group set")
    expect(tool.main.get_by_text(f"In {lms}", exact=True)).to_be_visible()
    assert visitor.groups_in_lms(flavour, name) == drawn

    tool = visitor.open_tool(flavour)
    tool.go(name)
    tool.move("Wei Zhang", "seminar-3")
    # Moodle's answer to a move does not prove that everybody has left; the worker looks again.
    tool.see("One person is placed. " + {"canvas": "Canvas has it too.", "moodle": "Moodle has taken it."}[flavour])
    drawn["seminar-2"].remove("Wei Zhang")
    drawn["seminar-3"] = sorted([*drawn["seminar-3"], "Wei Zhang"])
    assert visitor.groups_in_lms(flavour, name) == drawn
