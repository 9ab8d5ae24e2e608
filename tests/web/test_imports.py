"""Group sets from files and as files, through their pages."""

import io
import re
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from lti_tool.domain.base58 import encode
from lti_tool.domain.clock import now
from lti_tool.domain.tables import decode, read_table
from lti_tool.models import Group, GroupMembership, GroupSet, GroupSetEntry, ImportDraft
from tests.web.conftest import Browser, PlayedLms, World, check_page


def send(browser: Browser, path: str, text: str | bytes, status: int = 303, name: str = "Teams.csv") -> Any:
    """Upload a file; give the next page's address for a 303, else the page."""
    data = text.encode() if isinstance(text, str) else text
    return browser.post(path, status, file=(io.BytesIO(data), name))


def yes(browser: Browser, preview: str) -> dict[str, str]:
    """What the form of a preview says about what it shows."""
    fields = browser.get(preview).select("main form input[type=hidden]:not([name=csrf_token])")
    return {field["name"]: field["value"] for field in fields}


def words(soup: Any) -> str:
    return " ".join(soup.get_text(" ").split())


@pytest.fixture
def people(world: World) -> World:
    for name in ("Ann", "Bo", "Cy"):
        world.member(name)
    world.member("Tim", enrollment_type="ta", email="tim@staff.example")
    world.member("Gone", status="dropped")
    return world


@pytest.fixture
def teacher(people: World) -> Browser:
    return people.browser()


@pytest.mark.shows("CSV-3", "CSV-6", "MODEL-13", "MODEL-17", "MODEL-37", "MODEL-51")
def test_a_file_is_shown_before_it_becomes_a_set(people: World, teacher: Browser) -> None:
    start = teacher.get("group-sets").find("a", string="Import CSV")["href"]
    assert "group_name" in words(teacher.get(start))
    rows = "Zeta,ANN@students.example\nZeta,tim@staff.example\nalpha,\nalpha,nobody@x\nalpha,gone@students.example"
    preview = send(teacher, start, f"group_name,email\n{rows}")
    shown = teacher.get(preview)
    assert "2 groups with 2 people. 2 rows are left out" in words(shown)
    left_out = [words(row) for row in shown.select("section[aria-labelledby=missing] tbody tr")]
    assert left_out == [
        "5 nobody@x alpha Nobody in this course has this e-mail",
        "6 gone@students.example alpha Not active in the course",
    ]
    assert people.stored(GroupSet) == []
    assert "Import 2 groups with 2 people" in words(shown.select_one("main form"))
    assert shown.select_one("input[name=name]")["value"] == "Teams"

    made = teacher.follow(preview, name="Labs", **yes(teacher, preview))
    assert "The group set is imported, with 2 groups." in words(made)
    assert made.select_one("h1").text == "Labs"
    assert [words(h) for h in made.select("section.group h3")] == ["Zeta 2", "alpha 0"]
    assert "Imported from “Teams.csv”" in words(made)
    (row,) = people.stored(GroupSet)
    assert (row.connection, row.source_filename) == ("import", "Teams.csv")
    assert people.stored(ImportDraft) == []
    teacher.get(preview, 404)


@pytest.mark.shows("MODEL-51", "MODEL-74")
def test_staff_who_are_not_active_yet_come_from_a_file_and_staff_who_left_do_not(people: World) -> None:
    people.member("Uma", enrollment_type="ta", status="incomplete", email="uma@staff.example")
    people.member("Vic", enrollment_type="ta", status="dropped", email="vic@staff.example")
    teacher = people.browser()
    shown = teacher.get(
        send(teacher, "group-sets/import", "group_name,email\nA,uma@staff.example\nA,vic@staff.example")
    )
    assert "1 group with 1 person" in words(shown)
    (row,) = shown.select("section[aria-labelledby=missing] tbody tr")
    assert words(row) == "3 vic@staff.example A Not active in the course"


@pytest.mark.shows("CSV-9")
def test_the_first_line_of_excel_says_what_separates(teacher: Browser) -> None:
    rows = "sep=;\r\ngroup_name;email\r\nA, B;ann@students.example\r\nA, B;nobody@x\r\n"
    page = teacher.get(send(teacher, "group-sets/import", rows.encode("utf-8-sig")))
    assert "1 group with 1 person" in words(page)
    assert words(page.select_one("section[aria-labelledby=missing] tbody tr")).startswith("4 nobody@x A, B")


@pytest.mark.shows("CSV-3")
def test_of_two_with_one_email_the_active_one_is_taken_and_that_is_told(people: World, teacher: Browser) -> None:
    people.member("Old Ann", email="ann@students.example", status="dropped")
    page = teacher.get(send(teacher, "group-sets/import", "group_name,email\nA,ann@students.example"))
    assert [words(item) for item in page.select("ul[aria-label='Worth a look'] li")] == [
        "Line 2: several people have the e-mail ann@students.example. Ann is taken, the only one of them who can be in "
        "groups."
    ]
    assert "1 group with 1 person" in words(page)
    people.member("Other Ann", email="ann@students.example", enrollment_type="observer")
    page = teacher.get(send(teacher, "group-sets/import", "group_name,email\nA,ann@students.example"))
    (row,) = page.select("section[aria-labelledby=missing] tbody tr")
    assert "Several people have this e-mail" in words(row)


@pytest.mark.shows("CSV-2", "CSV-4", "CSV-5", "CSV-9", "MODEL-144")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,email\nAnn,a@x", "CSV missing required column 'group_name'"),
        ("group_name,email\n\n", "CSV file has no data rows"),
        ("group_name,email\nT,a@x\n,b@x", "Line 3: empty group_name"),
        ("group_name,email\nT,a@x\nT,A@x", "Line 3: Duplicate membership: group 'T', email 'A@x'"),
        ("group_name,email\nT,\nT,", "Line 3: group 'T' has a second row without an email"),
        (
            f"group_id,group_name\n{encode(UUID(int=5))},A\n{encode(UUID(int=5))},B",
            f"group_id '{encode(UUID(int=5))}' maps to multiple group names: 'A' and 'B'",
        ),
        ("group_id,group_name\nI0,A", "Line 2: “I0” is not a valid group_id"),
        ("group_id,group_name\nI0\x07,A", "Line 2: “I0” is not a valid group_id"),
        ("group_name\nA\n\u200b", "Line 3: group_name has a character that nobody sees (U+200B)"),
        ("group_name\na\x07b", "Line 2: group_name has a character that nobody sees (U+0007)"),
        (b"\xff\xfe\x00\xd8", "not a table of text"),
        ('group_name\n"A', "Line 2: a quotation mark is not closed"),
        ("group_name\n" + "A\n" * 10_001, "more than 10,000 rows"),
    ],
    ids=[
        "column",
        "rows",
        "name",
        "person",
        "empty",
        "two names",
        "id",
        "id and bell",
        "unseen",
        "bell",
        "text",
        "quote",
        "long",
    ],
)
def test_what_is_wrong_stands_beside_the_field(people: World, teacher: Browser, text: Any, said: str) -> None:
    page = send(teacher, "group-sets/import", text, 422)
    assert said in words(page.select_one("main form"))
    assert "Error:" in page.title.text
    assert people.stored(ImportDraft) == []


def test_a_file_has_to_be_chosen(teacher: Browser) -> None:
    page = teacher.post("group-sets/import", 422)
    assert page.select_one("#error-summary a[href='#file']")


def test_of_many_problems_the_first_fifty_are_shown(teacher: Browser) -> None:
    page = send(teacher, "group-sets/import", "group_name,email\n" + ",a@x\n" * 60, 422)
    items = page.select("#problems li")
    assert len(items) == 51
    assert words(items[-1]) == "… and 10 more."


@pytest.mark.shows("CSV-9")
def test_a_file_that_is_too_large_gets_a_sentence(teacher: Browser) -> None:
    for size, status, said in ((5 * 1024 * 1024 + 1, 422, "larger than 5 MB"), (7 * 1024 * 1024, 413, "up to 5 MB")):
        # Put together by hand: the test client would leave its file of the form open.
        fields = f'name="csrf_token"\r\n\r\n{teacher.token}', f'name="file"; filename="a.csv"\r\n\r\n{"x" * size}'
        body = "".join(f"--b\r\nContent-Disposition: form-data; {field}\r\n" for field in fields) + "--b--\r\n"
        answer = teacher.client.post(
            teacher.address("group-sets/import"), data=body, content_type="multipart/form-data; boundary=b"
        )
        assert answer.status_code == status
        assert said in words(check_page(answer, "too large"))


def test_a_name_that_is_taken_is_refused_beside_its_field(people: World, teacher: Browser) -> None:
    people.group_set("teams")
    preview = send(teacher, "group-sets/import", "group_name\nA")
    assert teacher.get(preview).select_one("input[name=name]")["value"] == "Teams (2)"
    page = teacher.post(preview, 422, name="Teams", **yes(teacher, preview))
    assert "“Teams” is in use already" in words(page.select_one("main form"))
    teacher.follow(preview, name="Teams (2)", **yes(teacher, preview))


@pytest.mark.shows("MODEL-160")
def test_what_is_worth_a_look_is_told_before(people: World, teacher: Browser) -> None:
    rows = [
        f"{encode(UUID(int=5))},Lab,ann@students.example",
        f"{encode(UUID(int=6))},Lab,bo@students.example",
        ",lab,ann@students.example",
    ]
    page = teacher.get(send(teacher, "group-sets/import", "\n".join(["group_id,group_name,email", *rows])))
    said = [words(item) for item in page.select("ul[aria-label='Worth a look'] li")]
    assert said == [
        "2 groups named “Lab” become one.",
        "These names are nearly the same, but stay different groups: “Lab”, “lab”.",
        "Ann is in 2 groups: Lab, lab.",
    ]


def imported(people: World, teacher: Browser, text: str) -> str:
    """Import a file; give the address of the set."""
    preview = send(teacher, "group-sets/import", text)
    address = teacher.post(preview, name="Teams", **yes(teacher, preview))
    return str(address).partition("?")[0]


@pytest.mark.shows("CSV-6", "CSV-7", "MODEL-18", "MODEL-41", "MODEL-42", "MODEL-82")
def test_a_second_file_overwrites_what_the_set_holds(people: World, teacher: Browser) -> None:
    home = imported(people, teacher, "group_name,email\nRed,ann@students.example\nOld,bo@students.example\nKeep,")
    red = next(group for group in people.stored(Group) if group.name == "Red")
    again = teacher.get(home).find("a", string="Re-import")["href"]
    assert "Last imported from “Teams.csv”" in words(teacher.get(again))
    text = f"group_id,group_name,email\n,new,\n{encode(red.id)},Scarlet,cy@students.example\n,Keep,"
    preview = send(teacher, again, text, name="second.csv")
    shown = words(teacher.get(preview))
    assert "This will overwrite the current groups" in shown
    for said in ("Renamed 1 Red → Scarlet", "Removed 1 Old (1 person)", "Added 1 new", "Scarlet: + Cy; − Ann"):
        assert said in shown
    assert "Overwrite: 3 groups with 1 person" in shown
    seen = yes(teacher, preview)
    page = teacher.follow(preview, **seen)
    assert "The file is imported: the group set has its 3 groups now." in words(page)
    assert [words(h) for h in page.select("section.group h3")] == ["new 0", "Scarlet 1", "Keep 0"]
    assert {group.name for group in people.stored(Group)} == {"new", "Scarlet", "Keep"}


@pytest.mark.shows("MODEL-143", "MODEL-146")
def test_a_second_file_cannot_give_two_groups_one_name(people: World, teacher: Browser) -> None:
    home = imported(people, teacher, "group_name,email\na,ann@students.example\nb,bo@students.example")
    a, b = (encode(group.id) for group in sorted(people.stored(Group), key=lambda group: group.name))
    text = f"group_id,group_name,email\n{a},X,ann@students.example\n{b},X,bo@students.example"
    page = send(teacher, f"{home}/import", text, 422)
    assert "Line 3: group_name 'X' is that of another group_id on line 2" in words(page.select_one("main form"))
    assert {group.name for group in people.stored(Group)} == {"a", "b"}
    teacher.get(send(teacher, f"{home}/import", text.replace(b, "")))


@pytest.mark.shows("CSV-6")
def test_a_set_that_changed_meanwhile_is_shown_anew(people: World, teacher: Browser) -> None:
    home = imported(people, teacher, "group_name\nA")
    preview = send(teacher, f"{home}/import", "group_name\nB")
    seen = yes(teacher, preview)
    teacher.post(f"{home}/groups", name="C", count="1")
    page = teacher.post(preview, 409, **seen)
    assert "Somebody changed this group set meanwhile" in words(page)
    assert "Removed 2 A" in words(page)
    assert teacher.post(preview, 409, revision="x").select_one("input[name=revision]")["value"] != seen["revision"]
    teacher.follow(preview, **yes(teacher, preview))
    assert [group.name for group in people.stored(Group)] == ["B"]


@pytest.mark.shows("CSV-6")
def test_a_roster_that_changed_meanwhile_is_shown_anew(people: World, teacher: Browser) -> None:
    text = "group_name,email\na,ann@students.example\na,zed@x.example"
    home = imported(people, teacher, "group_name\na")
    previews = [send(teacher, path, text) for path in ("group-sets/import", f"{home}/import")]
    seen = [yes(teacher, preview) for preview in previews]
    people.member("Zed", email="zed@x.example")
    for preview, fields in zip(previews, seen, strict=True):
        page = teacher.post(preview, 409, name="New", **fields)
        assert "What the file does has changed meanwhile" in page.select_one("#error-summary").text
        assert "1 group with 2 people. Everybody in the file was found" in words(page)
    assert len(people.stored(GroupSet)) == 1
    assert not people.stored(GroupMembership)
    for preview in previews:
        teacher.follow(preview, name="New", **yes(teacher, preview))
    assert len(people.stored(GroupMembership)) == 4


@pytest.mark.shows("CSV-6", "MODEL-146")
def test_a_name_that_another_set_of_a_shared_group_has_is_told_and_refused(people: World, teacher: Browser) -> None:
    ann, bo = people.names["Ann"], people.names["Bo"]
    set_id = people.group_set("Imported", {"a": [ann], "b": []}, connection="import")
    other = people.group_set("Other", {"X": [bo]})
    people._add(*(GroupSetEntry(group_set_id=other, group_id=people.names[name], position=5) for name in "ab"))
    a, b = (encode(people.names[name]) for name in "ab")
    path = f"group-sets/{set_id}/import"
    before = yes(teacher, send(teacher, path, "group_name\na\nb"))
    preview = send(teacher, path, f"group_id,group_name\n{a},x\n{b},a")
    page = teacher.get(preview)
    assert [words(item) for item in page.select("ul[aria-label='Names in use'] li")] == ["“x” is in use in “Other”."]
    assert not page.select("main form")
    teacher.post(preview, 409, **before)
    swapped = send(teacher, path, f"group_id,group_name\n{a},b\n{b},a")
    teacher.follow(swapped, **yes(teacher, swapped))
    assert [group.name for group in people.stored(Group) if group.id == people.names["a"]] == ["b"]


def test_nothing_is_imported_while_a_sync_is_at_work(people: World, teacher: Browser) -> None:
    preview = send(teacher, "group-sets/import", "group_name\nA")
    people.run("pull", "running")
    page = teacher.get(preview, 409)
    assert "A sync is at work on this course" in words(page)
    assert not page.select("main form")
    page = teacher.post(preview, 409, name="Teams")
    assert "A sync is at work on this course" in words(page)
    assert people.stored(GroupSet) == []


@pytest.mark.shows("CSV-7")
def test_a_published_set_is_pushed_after_a_second_file(people: World, teacher: Browser, lms: PlayedLms) -> None:
    home = imported(people, teacher, "group_name,email\nRed,ann@students.example")
    teacher.post(f"{home}/publish")
    people.app.extensions["lti_tool_doorbell"].work_off()
    assert lms.members("Red") == {"u-Ann"}
    preview = send(teacher, f"{home}/import", "group_name,email\nRed,bo@students.example")
    seen = yes(teacher, preview)
    assert "Canvas has it too." in words(teacher.follow(preview, **seen))
    assert lms.members("Red") == {"u-Bo"}


@pytest.mark.shows("CSV-7")
def test_a_file_that_a_mirror_could_not_show_is_refused_for_a_published_set(
    people: World, teacher: Browser, lms: PlayedLms
) -> None:
    home = imported(people, teacher, "group_name,email\nRed,ann@students.example")
    teacher.post(f"{home}/publish")
    people.app.extensions["lti_tool_doorbell"].work_off()
    both = "group_name,email\nRed,ann@students.example\nBlue,ann@students.example"
    preview = send(teacher, f"{home}/import", both)
    seen = yes(teacher, preview)
    refused = teacher.post(preview, 422, **seen)
    assert "Some people are in two groups" in refused.select_one("#error-summary").text
    assert "In two groups: Ann (Teams)." in words(refused.select_one("#error-summary"))
    assert [group.name for group in people.stored(Group)] == ["Red"]


@pytest.mark.shows("CSV-7")
def test_a_file_is_refused_that_gives_another_published_set_one_person_twice(
    people: World, teacher: Browser, lms: PlayedLms
) -> None:
    ann, bo = people.names["Ann"], people.names["Bo"]
    set_id = people.group_set("Imported", {"Red": [bo]}, connection="import")
    other = people.group_set("Other", {"Blue": [ann]})
    people._add(GroupSetEntry(group_set_id=other, group_id=people.names["Red"], position=5))
    teacher.post(f"group-sets/{other}/publish")
    people.app.extensions["lti_tool_doorbell"].work_off()
    preview = send(teacher, f"group-sets/{set_id}/import", "group_name,email\nRed,ann@students.example")
    refused = teacher.post(preview, 422, **yes(teacher, preview))
    assert "Some people are in two groups" in refused.select_one("#error-summary").text
    assert "In two groups: Ann (Other)." in words(refused.select_one("#error-summary"))
    assert people.people_in("Red") == {bo}


def test_only_sets_from_files_are_imported_again(people: World, teacher: Browser) -> None:
    for values, status in (({}, 422), ({"connection": "canvas"}, 403)):
        key = people.group_set(f"Set {values}", **values)
        assert not teacher.get(f"group-sets/{key}").find("a", string="Re-import")
        teacher.get(f"group-sets/{key}/import", status)


@pytest.mark.shows("MODEL-111", "MODEL-51", "CSV-1", "CSV-3", "CSV-8")
@pytest.mark.parametrize("family", ["canvas", "moodle"])
def test_a_set_of_the_lms_becomes_our_own_by_a_file(app: Flask, family: str) -> None:
    world = World(app).open_course(family=family)
    ann, bo = world.member("Ann"), world.member("Bo")
    tim = world.member("Tim", enrollment_type="ta")
    others = [world.member(f"{kind}s", enrollment_type=kind) for kind in ("observer", "other")]
    theirs = world.group_set("Übungen", {"Rot": [bo, ann, tim, *others], "Leer": []}, connection=family)
    teacher = world.browser()
    link = teacher.get(f"group-sets/{theirs}").find("a", string="CSV")["href"]
    answer = teacher.client.get(link)
    assert answer.mimetype == "text/csv"
    assert "filename*=UTF-8''%C3%9Cbungen.csv" in answer.headers["Content-Disposition"]
    text = decode(answer.data)
    assert text.splitlines()[0] == "group_set_id,group_id,group_name,name,email"
    rows = [(row.cells["group_name"], row.cells["name"], row.cells["email"]) for row in read_table(text).rows]
    assert rows == [
        ("Rot", "Bo", "bo@students.example"),
        ("Rot", "Ann", "ann@students.example"),
        ("Rot", "Tim", "tim@students.example"),
        ("Rot", "observers", "observers@students.example"),
        ("Rot", "others", "others@students.example"),
        ("Leer", "", ""),
    ]
    edited = text.replace("Leer,,", "Grün,,").replace(",Rot,Ann", ",Grün,Ann")
    edited = re.sub(rf"{encode(world.names['Rot'])}(,Grün)", rf"{encode(world.names['Leer'])}\1", edited)
    preview = send(teacher, "group-sets/import", edited, name="Übungen.csv")
    page = teacher.follow(preview, name="Ours", **yes(teacher, preview))
    assert [words(h) for h in page.select("section.group h3")] == ["Rot 4", "Grün 1"]
    made = [group for group in world.stored(Group) if group.id not in world.names.values()]
    assert [(group.origin, group.lms_group_id) for group in made] == [("local", None)] * 2
    assert page.select("a[href$='/edit']")
    assert world.people_in("Rot") == {ann, bo, tim, *others}
    assert [words(h) for h in teacher.get(f"group-sets/{theirs}").select("section.group h3")] == ["Rot 5", "Leer 0"]


@pytest.mark.shows("CSV-8", "MODEL-111")
def test_whatever_the_lms_called_its_groups_an_export_that_comes_back_changes_nothing(
    people: World, teacher: Browser
) -> None:
    ann, bo = people.names["Ann"], people.names["Bo"]
    called = {" Team 1\u00a0": [ann], "Team 1": [], "\u200bLab\u202e": [bo], "a\u2066": [], "=Twin": []}
    theirs = people.group_set("Theirs", called, connection="canvas")
    twin = Group(
        id=UUID(int=9), course_id=people.course_id, name="=Twin", origin="lms", lms_group_id="t", created_at=now()
    )
    people._add(twin)
    ids = [*(people.names[name] for name in called), twin.id]
    people._add(GroupSetEntry(group_set_id=theirs, group_id=twin.id, position=9))
    ours = people.group_set("Ours", {"\u3000Own": []}, connection="import")
    people._add(*(GroupSetEntry(group_set_id=ours, group_id=key, position=place) for place, key in enumerate(ids, 1)))
    before = [(group.id, group.name) for group in people.stored(Group)]
    export = teacher.client.get(teacher.address(f"group-sets/{ours}/export.csv")).data
    preview = send(teacher, f"group-sets/{ours}/import", export)
    assert "The set has these groups and people already" in words(teacher.get(preview))
    teacher.follow(preview, **yes(teacher, preview))
    assert [(group.id, group.name) for group in people.stored(Group)] == before
    assert (people.people_in(" Team 1\u00a0"), people.people_in("\u200bLab\u202e")) == ({ann}, {bo})

    export = teacher.client.get(teacher.address(f"group-sets/{theirs}/export.csv")).data
    preview = send(teacher, "group-sets/import", export)
    assert "2 groups named “=Twin” become one." in words(teacher.get(preview))
    teacher.follow(preview, name="New", **yes(teacher, preview))
    made = [group for group in people.stored(Group) if group.id not in dict(before)]
    assert sorted(group.name for group in made) == sorted(called)


@pytest.mark.shows("CSV-8")
def test_people_without_an_email_are_named_on_the_page_and_in_the_file(people: World, teacher: Browser) -> None:
    members = [people.member(name, email=None) for name in ("Dee", "Eli")]
    key = people.group_set("Teams", {"T": [*members, people.names["Ann"]]})
    assert "2 people have no e-mail" in words(teacher.get(f"group-sets/{key}"))
    data = teacher.client.get(teacher.address(f"group-sets/{key}/export.csv")).data
    assert [row.cells["name"] for row in read_table(decode(data)).rows] == ["Dee; Eli", "Ann"]
    assert "1 group with 1 person" in words(teacher.get(send(teacher, "group-sets/import", data)))


@pytest.mark.shows("CSV-8", "MODEL-111")
def test_people_who_share_an_email_go_into_a_file_like_people_who_have_none(people: World, teacher: Browser) -> None:
    dee, eli = (
        people.member(name, email=email) for name, email in (("Dee", "fam@x.example"), ("Eli", "FAM@x.example"))
    )
    fay = people.member("Fay", email="fay@x.example")
    people.member("Old Fay", email="fay@x.example", status="dropped")  # leaves the e-mail to the one who is there
    key = people.group_set("Teams", {"T": [dee, fay, eli], "U": [dee]})
    said = words(teacher.get(f"group-sets/{key}"))
    assert "2 people share an e-mail with somebody else of the course: an export names them" in said
    data = teacher.client.get(teacher.address(f"group-sets/{key}/export.csv")).data
    rows = [(row.cells["group_name"], row.cells["name"], row.cells["email"]) for row in read_table(decode(data)).rows]
    assert rows == [("T", "Dee; Eli", ""), ("T", "Fay", "fay@x.example"), ("U", "Dee", "")]
    preview = send(teacher, "group-sets/import", data)
    assert "2 groups with 1 person" in words(teacher.get(preview))


@pytest.mark.shows("CSV-7", "CSV-8")
def test_whom_no_file_can_name_stays_in_the_group_when_its_set_comes_back(people: World, teacher: Browser) -> None:
    ann, bo = people.names["Ann"], people.names["Bo"]
    dee = people.member("Dee", email="fam@x.example")
    eli = people.member("Eli", email="fam@x.example")
    nora = people.member("Nora", email=None)
    key = people.group_set("Labs", {"T": [dee, ann, nora], "U": [eli], "V": [nora]}, connection="import")
    said = words(teacher.get(f"group-sets/{key}"))
    assert "1 person has no e-mail, 2 people share an e-mail with somebody else of the course: an export" in said
    data = teacher.client.get(teacher.address(f"group-sets/{key}/export.csv")).data
    preview = send(teacher, f"group-sets/{key}/import", data)
    shown = words(teacher.get(preview))
    assert "The set has these groups and people already" in shown
    assert "3 people stay in the groups they are in: Dee, Nora, Eli. They have no e-mail of their own" in shown
    teacher.follow(preview, **yes(teacher, preview))
    held = {"T": {dee, ann, nora}, "U": {eli}, "V": {nora}}
    assert {name: people.people_in(name) for name in held} == held

    preview = send(teacher, f"group-sets/{key}/import", "group_name,email\nT,bo@students.example\nU,fam@x.example")
    shown = words(teacher.get(preview))
    assert "T: + Bo; − Ann" in shown
    assert "3 fam@x.example U Several people have this e-mail" in shown
    teacher.follow(preview, **yes(teacher, preview))
    assert (people.people_in("T"), people.people_in("U")) == ({bo, dee, nora}, {eli})
    assert [group.name for group in people.stored(Group)] == ["T", "U"]


def test_a_file_of_the_students_can_be_filled_in(people: World, teacher: Browser) -> None:
    link = teacher.get("group-sets/import").find("a", string="Download a file with the students")["href"]
    rows = read_table(decode(teacher.client.get(link).data)).rows
    assert [dict(row.cells) for row in rows] == [
        {"group_name": "", "name": name, "email": f"{name.lower()}@students.example"} for name in ("Ann", "Bo", "Cy")
    ]


def test_who_may_not_change_groups_may_only_take_files_along(people: World, teacher: Browser) -> None:
    home = imported(people, teacher, "group_name\nA")
    preview = send(teacher, "group-sets/import", "group_name\nB")
    ta, student = people.browser("ta"), people.browser("student", member=people.names["Ann"])
    for path in ("group-sets/import", f"{home}/import", preview, "group-sets/import/groups.csv"):
        ta.get(path, 403)
    assert ta.client.get(f"{home}/export.csv").status_code == 200
    assert not ta.get("group-sets").find("a", string="Import CSV")
    assert not ta.get(home).find("a", string="Re-import")
    student.get(f"{home}/export.csv", 403)
    check_page(people.browser(name="Another").client.get(preview), "another's file")
    people.browser(name="Another").get(preview, 404)


def test_the_pages_ask_the_database_no_more_for_more_rows(people: World, teacher: Browser, count_queries: Any) -> None:
    def asked(rows: int) -> tuple[int, ...]:
        text = "group_name,email\n" + "".join(f"G{n},ann@students.example\n" for n in range(rows))
        count_queries()
        preview = send(teacher, "group-sets/import", text)
        counts = [count_queries()]
        seen = yes(teacher, preview)
        counts.append(count_queries())
        home = str(teacher.post(preview, name=f"{rows} groups", **seen)).partition("?")[0]
        counts.append(count_queries())
        teacher.client.get(f"{home}/export.csv")
        return (*counts, count_queries())

    assert asked(2) == asked(60)
