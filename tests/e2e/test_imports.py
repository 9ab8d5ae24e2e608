"""A group set from a file and back into one, as a teacher does it inside the LMS."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_a_file_is_shown_imported_and_exported(visitor) -> None:
    tool = visitor.open_tool("canvas")
    expect(tool.at.get_by_role("button", name="Sync with Canvas")).to_be_visible(timeout=30_000)
    tool.tab("Group sets")
    tool.go("Import CSV")
    with visitor.page.expect_download() as download:
        tool.go("Download a file with the students")
    lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    filled = [lines[0], *(f"Team {n % 2}{row}" for n, row in enumerate(lines[1:5])), "Team 2,,nobody@uni.example"]
    file = {"name": "From a file.csv", "mimeType": "text/csv", "buffer": "\n".join(filled).encode()}
    tool.at.get_by_label("CSV file").set_input_files(file)
    tool.press("Show what would happen")
    tool.see("1 row is left out")
    tool.press("Import 3 groups with 4 people")
    tool.see("The group set is imported, with 3 groups.")
    for group in ("Team 0", "Team 1"):
        expect(tool.card(group).locator("li .tick")).to_have_count(2)

    tool.at.get_by_text("Export", exact=True).click()
    with visitor.page.expect_download() as download:
        tool.go("CSV")
    assert download.value.suggested_filename == "From a file.csv"
    assert len(download.value.path().read_text(encoding="utf-8-sig").splitlines()) == 6
