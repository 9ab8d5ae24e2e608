"""Names of groups as they are typed and ticked: shown as they will be stored; and tabs that follow each other."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.mark.shows("MODEL-141", "MODEL-153", "MODEL-154")
def test_a_name_is_shown_as_it_will_be_stored(visitor) -> None:
    tool = visitor.open_tool("canvas")
    tool.sync("canvas")
    tool.make_set("Names", "Crew", 2)
    visitor.tool_frame().wait_for_load_state()  # nothing is shown of what is typed before the scripts are there
    tool.at.get_by_text("Add groups", exact=True).click()
    name = tool.at.get_by_label("Name of the groups")
    name.fill("Équipe  Ño")
    tool.see("Will be stored as equipe-no")
    tool.at.get_by_label("How many").focus()
    expect(name).to_have_value("equipe-no")

    tool.go("One group of certain people")
    expect(tool.heading("One group of certain people")).to_be_visible()
    visitor.tool_frame().wait_for_load_state()
    tool.at.get_by_label("Wei Zhang", exact=True).check()
    tool.see("Named after its people: wei_zhang")
    tool.at.get_by_label("Łukasz Wiśniewski", exact=True).check()
    shown = tool.at.locator("#stored-name strong")
    expect(shown).to_have_text("zhang-wisniewski")
    name = tool.at.get_by_label("Name (optional)")
    name.fill("Owls!")
    tool.see("Will be stored as owls")
    name.fill("")
    expect(shown).to_have_text("zhang-wisniewski")
    tool.press("Add the group")
    tool.see("The group is added.")
    expect(tool.card("zhang-wisniewski").locator("li .tick")).to_have_text(["Wei Zhang", "Łukasz Wiśniewski"])


def test_another_tab_follows_unless_somebody_is_busy_there(visitor) -> None:
    tool = visitor.open_in_tab("canvas")
    tool.make_set("Tabs", "Tab", 2)
    expect(visitor.page).to_have_url(re.compile(r"/group-sets/[0-9a-f-]{36}$"))
    idle, busy = (visitor.page.context.new_page() for _ in range(2))
    for page in (idle, busy):
        page.goto(visitor.page.url)
    busy.get_by_label("Wei Zhang", exact=True).check()
    tool.go("Edit")
    tool.at.get_by_label("Name").fill("Followed")
    tool.press("Save")
    tool.see("The group set is saved.")
    expect(idle.get_by_role("heading", name="Followed", level=1)).to_be_visible()
    expect(busy.get_by_role("heading", name="Tabs", level=1)).to_be_visible()
    expect(busy.get_by_label("Wei Zhang", exact=True)).to_be_checked()
