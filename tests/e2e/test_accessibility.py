"""Every kind of page against WCAG 2.2 A and AA, wide and on a phone, where nothing may be wider than the screen."""

import re
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
WIDE = {"width": 1200, "height": 900}
TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def _problems(page, broken_rules: Callable) -> Iterator[str]:
    for size in (WIDE, PHONE):
        page.set_viewport_size(size)
        yield from (f"{size['width']}: {problem}" for problem in broken_rules(page))
        if (excess := page.evaluate(TOO_WIDE)) > 0:
            yield f"{size['width']}: {page.url}: {excess} px too wide"
    page.set_viewport_size(WIDE)


def test_every_page_can_be_used_by_everybody(new_visitor: Callable, broken_rules: Callable) -> None:
    tool = new_visitor().open_in_tab("canvas")
    page, problems = tool.at, []

    def look(heading: str) -> None:
        expect(tool.heading(heading)).to_be_visible(timeout=30_000)
        problems.extend(_problems(page, broken_rules))

    tool.sync("canvas")
    look("Sync")
    tool.tab("Home")
    look("Introduction to Programming")
    tool.tab("People")
    look("People")
    tool.go("Add a student")
    tool.press("Add the student")
    expect(tool.at.get_by_role("heading", name="There is a problem")).to_be_visible()
    look("Add a student")
    tool.at.get_by_label("Name", exact=True).fill("Nora Newcomer")
    tool.press("Add the student")
    look("People")
    tool.go("Edit Nora Newcomer")
    look("Nora Newcomer")
    tool.tab("People")
    tool.at.get_by_label("Name, e-mail or number").fill("nora")
    tool.press("Show")
    tool.see("1 student found.")
    expect(page).not_to_have_url(re.compile("nora"))
    look("People")
    tool.go("Import CSV")
    look("Import students")
    table = b"name,email\nNeo New,neo@uni.example\nNora Newcomer,\nTwice,neo@uni.example\n"
    tool.at.get_by_label("CSV file").set_input_files({"name": "late.csv", "mimeType": "text/csv", "buffer": table})
    tool.press("Show what would change")
    look("What “late.csv” changes")
    tool.tab("People")
    tool.go("Edit Nora Newcomer")
    tool.go("Delete Nora Newcomer")
    look("Delete “Nora Newcomer”?")
    tool.press("Delete the person")  # other tests go on with this demo
    tool.see("The person is deleted")
    tool.go("Group sets")
    look("Group sets")
    tool.go("Project teams")
    look("Project teams")
    tool.tab("Group sets")
    tool.go("New group set")
    tool.press("Make the group set")
    expect(tool.at.get_by_role("heading", name="There is a problem")).to_be_visible()
    look("New group set")
    tool.tab("Group sets")
    tool.go("Import CSV")
    look("Import a group set")
    wrong, right = (",wrong@x\n", "There is a problem"), ("Team,nobody@x\nteam,", "1 row is left out")
    for (rows, told), heading in ((wrong, "Import a group set"), (right, "For nobody.csv")):
        file = {"name": "For nobody.csv", "mimeType": "text/csv", "buffer": f"group_name,email\n{rows}".encode()}
        tool.at.get_by_label("CSV file").set_input_files(file)
        tool.press("Show what would happen")
        tool.see(told)
        look(heading)
    tool.make_set("For everybody", "Everybody", 3)
    look("For everybody")
    tool.at.get_by_label("Wei Zhang", exact=True).check()
    tool.press("Move")
    tool.see("One person is placed.")
    tool.at.get_by_role("link", name="Move Wei Zhang").click()
    expect(tool.at.get_by_label("Move Wei Zhang to")).to_be_visible()
    look("For everybody")
    expect(page).to_have_url(re.compile(r"/group-sets/[0-9a-f-]{36}$"))
    set_at = page.url
    tool.go("Assign at random")
    look("Assign at random")
    for path, heading in (
        ("edit", "Edit “For everybody”"),
        ("delete", "Delete “For everybody”?"),
        ("groups/new", "One group of certain people"),
        ("references", "Groups of other sets"),
        ("groups/draw", "Groups at random"),
        ("groups/draw?name=crew&size=4&rule=at_most&seed=1", "Groups at random"),
    ):
        page.goto(f"{set_at}/{path}")
        look(heading)
    page.goto(set_at)
    page.locator("summary", has_text="Export").click()
    look("For everybody")
    tool.go("RepoBee students.txt")
    look("Not everything fits into “RepoBee students.txt”")
    page.goto(f"{set_at.rsplit('/', 2)[0]}/matrix")
    look("Who is in which group")
    page.goto(f"{set_at.rsplit('/', 1)[0]}/{uuid4()}")
    look("This group set is not here")
    tool.tab("Activity")
    look("Activity")

    tool = new_visitor().open_in_tab("canvas", "Wei Zhang")
    page = tool.at
    look("Your groups")
    assert problems == []
