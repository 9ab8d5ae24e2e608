"""What a student sees: his own groups with the people in them, and nothing else."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

TEAM = {"canvas": "Project team 1", "moodle": "Team 1"}


@pytest.mark.parametrize("flavour", ["canvas", "moodle"])
def test_own_groups_and_no_more(new_visitor, flavour: str) -> None:
    new_visitor().open_tool(flavour).sync(flavour)
    visitor = new_visitor()
    tool = visitor.open_tool(flavour, "Wei Zhang")

    expect(tool.heading("Your groups")).to_be_visible()
    own = tool.at.get_by_role("region", name=TEAM[flavour], exact=True)
    team = ["Anna Müller", "José María García López", "Wei Zhang You"]
    expect(own.get_by_role("listitem")).to_have_text(team)
    expect(tool.at.get_by_role("link", name="People")).to_have_count(0)
    expect(tool.at.locator("main").get_by_role("button")).to_have_count(0)

    frame = visitor.tool_frame()
    home = frame.url
    for path in ("roster", "group-sets", "activity"):
        answer = frame.goto(f"{home}{path}")
        assert answer is not None
        assert answer.status == 403
        expect(tool.heading("You may not do this here")).to_be_visible()
        expect(tool.main).not_to_contain_text("Łukasz")
    tool.go("Home")
    expect(tool.heading("Your groups")).to_be_visible()
