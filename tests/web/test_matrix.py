"""Students against group sets: the page, its filter and pages, and the workbook."""

import io
import zipfile
from typing import Any
from xml.etree import ElementTree

import pytest

from lti_tool.models import Section, SectionMembership, db

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest.fixture
def filled(world: Any) -> Any:
    world.ana, world.bo = world.member("Ana López"), world.member("bo Ek")
    world.member("Dora Gone", status="dropped")
    tim = world.member("Tim Aide", enrollment_type="ta")
    world.labs = world.group_set("Labs", {"Lab A": [world.ana, tim]}, connection="canvas", position=2)
    world.first = world.group_set("Projects", {"Team 1": [world.ana], "Team 2": [world.ana]}, position=1)
    world.group_set("Individual Students", {"ana_lopez": [world.ana]}, connection="system", position=0)
    return world


def cells(page: Any) -> list[list[str]]:
    return [[" ".join(cell.text.split()) for cell in row.select("th, td")] for row in page.select("table tr")]


def test_students_stand_against_the_sets_in_the_order_of_the_course(filled: Any) -> None:
    page = filled.browser().get("matrix")
    assert cells(page) == [
        ["Student", "Projects", "Labs"],
        ["Ana López", "Team 1, Team 2 2 groups", "Lab A"],
        ["bo Ek", "no group", "no group"],
    ]
    assert "2 active students · 2 group sets" in " ".join(page.main.text.split())
    region = page.select_one("[role=region]")
    assert region["tabindex"] == "0"
    assert region["aria-label"]
    links = [link["href"] for link in page.select("thead a")]
    assert [link.rpartition("/")[2] for link in links] == [str(filled.first), str(filled.labs)]


def test_those_without_a_group_in_one_set_are_found(filled: Any) -> None:
    filled.group_set("Own", {"Solo": [filled.bo]}, position=3)
    teacher = filled.browser()
    page = teacher.get(f"matrix?without={filled.first}")
    assert [row[0] for row in cells(page)[1:]] == ["bo Ek"]
    assert page.select_one("option[selected]").text == "Without a group in Projects"
    teacher.get("matrix?without=00000000-0000-4000-8000-000000000000", 404)
    assert len(cells(teacher.get("matrix?without=x"))) == 3
    filled.group_set("Everyone", {"All": [filled.ana, filled.bo]}, position=4)
    chosen = teacher.get("matrix").select_one("option:-soup-contains('Everyone')")["value"]
    assert "Every active student has a group in this set." in teacher.get(f"matrix?without={chosen}").main.text


def test_two_students_of_one_name_are_told_apart_by_their_addresses(filled: Any) -> None:
    filled.member("Ana López", lms_user_id="u-other", email="other@students.example")
    names = [row[0] for row in cells(filled.browser().get("matrix"))[1:]]
    assert sorted(names) == ["Ana López ana@students.example", "Ana López other@students.example", "bo Ek"]


def test_a_course_without_sets_or_students_says_so(world: Any) -> None:
    teacher = world.browser()
    assert "There are no group sets yet" in teacher.get("matrix").main.text
    world.group_set("Projects")
    assert "There are no active students yet" in teacher.get("matrix").main.text


@pytest.mark.shows("PULL-50")
def test_it_costs_the_same_for_few_and_many(filled: Any, count_queries: Any) -> None:
    teacher = filled.browser()
    count_queries()
    teacher.get("matrix")
    few = count_queries()
    people = [filled.member(f"Person {n:03}") for n in range(230)]
    filled.group_set("Many", {f"Group {n}": people[n : n + 1] for n in range(200)}, position=9)
    count_queries()
    page = teacher.get("matrix?page=2")
    assert count_queries() == few <= 6
    assert len(cells(page)) == 101
    assert "Page 2 of 3" in page.select_one(".pager").text
    for number, text in (("99", "Page 3 of 3"), ("-1", "Page 1 of 3"), ("x", "Page 1 of 3")):
        assert text in teacher.get(f"matrix?page={number}").select_one(".pager").text


@pytest.mark.parametrize("path", ["", "group-sets"])
def test_it_is_linked(filled: Any, lms: Any, path: str) -> None:
    assert filled.browser().get(path).select("main a[href$='/matrix']")
    if path:
        assert not filled.browser("observer").get(path).select("main a[href$='/matrix']")


@pytest.mark.parametrize("kind", ["student", "observer"])
def test_it_is_for_staff(filled: Any, kind: str) -> None:
    for path in ("matrix", "matrix.xlsx"):
        filled.browser(kind).get(path, 403)


def read_workbook(body: bytes) -> tuple[list[list[str]], dict[str, str]]:
    """Return the cells of the first sheet, and the parts of the workbook as text."""
    parts = dict(_parts(body))
    shared = ["".join(item.itertext()) for item in ElementTree.fromstring(parts["xl/sharedStrings.xml"])]
    rows = []
    for row in ElementTree.fromstring(parts["xl/worksheets/sheet1.xml"]).iter(f"{SHEET}row"):
        held = {}
        for cell in row.iter(f"{SHEET}c"):
            assert cell.get("t") == "s", "every cell is text"
            held[ord(cell.get("r", "A")[0]) - 65] = shared[int(cell.find(f"{SHEET}v").text)]
        rows.append([held.get(column, "") for column in range(max(held) + 1)])
    return rows, parts


def _parts(body: bytes) -> list[tuple[str, str]]:
    with zipfile.ZipFile(io.BytesIO(body)) as book:
        return [(name, book.read(name).decode()) for name in book.namelist()]


def test_the_workbook_has_every_active_student(filled: Any) -> None:
    teacher = filled.browser()
    answer = teacher.client.get(teacher.address("matrix.xlsx"))
    assert answer.status_code == 200
    assert answer.mimetype.endswith("spreadsheetml.sheet")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="Biology 101 - groups.xlsx"'
    rows, parts = read_workbook(answer.data)
    assert rows == [
        ["Name", "E-mail", "Student number", "Projects", "Labs"],
        ["Ana López", "ana@students.example", "s0000", "Team 1; Team 2", "Lab A"],
        ["bo Ek", "bo@students.example", "s0001"],
    ]
    sheet = parts["xl/worksheets/sheet1.xml"]
    assert 'state="frozen"' in sheet
    assert '<autoFilter ref="A1:E3"' in sheet


def test_nothing_in_the_workbook_runs_or_links(world: Any) -> None:
    eve = world.member('=HYPERLINK("https://evil.example","x")', email="https://evil.example", student_number="007")
    world.group_set("=1+1", {"mailto:eve@evil.example": [eve]})
    teacher = world.browser()
    rows, parts = read_workbook(teacher.client.get(teacher.address("matrix.xlsx")).data)
    assert rows == [
        ["Name", "E-mail", "Student number", "=1+1"],
        ['=HYPERLINK("https://evil.example","x")', "https://evil.example", "007", "mailto:eve@evil.example"],
    ]
    sheet = ElementTree.fromstring(parts["xl/worksheets/sheet1.xml"])
    assert not [tag for tag in sheet.iter() if tag.tag in (f"{SHEET}f", f"{SHEET}hyperlink")]
    assert not [name for name in parts if "worksheets/_rels" in name]


def test_sections_stand_in_the_workbook_where_a_course_has_them(filled: Any) -> None:
    for number, name in enumerate(("Tuesday", "Monday")):
        filled._add(Section(course_id=filled.course_id, lms_section_id=str(number), name=name))
    with filled.app.app_context():
        ids = [row.id for row in db.session.query(Section)]
    filled._add(*(SectionMembership(section_id=i, member_id=filled.ana) for i in ids))
    teacher = filled.browser()
    rows, _ = read_workbook(teacher.client.get(teacher.address("matrix.xlsx")).data)
    assert rows[0][3] == "Sections"
    assert rows[1][3] == "Monday; Tuesday"


def test_an_empty_course_has_an_empty_workbook(world: Any) -> None:
    teacher = world.browser()
    rows, _ = read_workbook(teacher.client.get(teacher.address("matrix.xlsx")).data)
    assert rows == [["Name", "E-mail", "Student number"]]
