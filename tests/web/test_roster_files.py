"""The roster as a file: all of it out, students and git user names in, nothing stored before the confirmation."""

import csv
import io
from typing import Any

import pytest

from lti_tool.domain.clock import now
from lti_tool.models import Course, HistoryEntry, ImportDraft, RosterMember, Section, SectionMembership, db


def upload(browser: Any, text: str | bytes, kind: str = "roster", status: int = 303, name: str = "late.csv") -> Any:
    data = text if isinstance(text, bytes) else text.encode()
    return browser.post(f"roster/import/{kind}", status, file=(io.BytesIO(data), name))


def figures(page: Any) -> list[int]:
    return [int(strong.text) for strong in page.select(".figures strong")]


def confirm(browser: Any, address: str) -> Any:
    page = browser.get(address)
    return browser.follow(address, seen=page.select_one("input[name=seen]")["value"])


def member(world: Any, name: str) -> Any:
    (row,) = world.stored(RosterMember, name=name)
    return row


def export(browser: Any) -> tuple[Any, list[dict[str, str]]]:
    response = browser.client.get(browser.address("roster/export.csv"))
    assert response.status_code == 200
    return response, list(csv.DictReader(io.StringIO(response.data.decode("utf-8-sig"))))


def test_everybody_is_exported_with_everything(world: Any) -> None:
    ana = world.member("Ana López", department="Math", institution="Demo", enrollment_display="Active")
    world.member("Tim Aide", enrollment_type="ta")
    world.member("=cmd()", status="dropped", source="local", git_username="octocat", git_username_status="valid")
    section = Section(course_id=world.course_id, lms_section_id="1", name="Morning")
    world._add(section)
    world._add(SectionMembership(section_id=section.id, member_id=ana))
    response, rows = export(world.browser("ta"))
    assert response.headers["Content-Disposition"].endswith('people.csv"')
    assert response.headers["Cache-Control"] == "no-store"
    assert " ".join(rows[0]) == (
        "id name email student_number git_username git_username_status status enrollment_type department institution "
        "source sections"
    )
    by_name = {row["name"]: row for row in rows}
    assert (
        by_name["Ana López"] | {"department": "Math", "institution": "Demo", "sections": "Morning", "source": "lms"}
        == (by_name["Ana López"])
    )
    assert by_name["Ana López"]["id"] == str(ana)
    assert by_name["Tim Aide"]["enrollment_type"] == "ta"
    assert by_name["'=cmd()"]["git_username_status"] == "valid"


def test_students_have_no_file(world: Any) -> None:
    student = world.browser("student", member=world.member("Ana"))
    assert student.client.get(student.address("roster/export.csv")).status_code == 403


def test_a_file_is_shown_line_by_line_and_then_stored(world: Any) -> None:
    world.member("Ana López", email="ana@x.example")
    world.member("Nora", source="local", email="nora@x.example", student_number=None)
    for name in ("Twin One", "Twin Two"):
        world.member(name, email="twin@x.example")
    teacher = world.browser()
    address = upload(
        teacher,
        "name;email;student_number;git_username;status;enrollment_type\n"
        "Neo New;neo@x.example;5;octocat;;\n"  # 2: added
        "Nora Renamed;NORA@x.example;6;;incomplete;student\n"  # 3: changed
        "Somebody;ana@x.example;;bad--name;dropped;\n"  # 4: the LMS's: git user name only
        "Twin;twin@x.example;;;;\n"  # 5: conflict
        ";x@x.example;;;;\n"  # 6: no name
        "Pat;pat@x.example;;;gone;\n"  # 7: status
        "Tess Teacher;tess@x.example;;;;teacher\n"  # 8: staff
        "Neo Twice;neo@x.example;;;;\n",  # 9: twice
    )
    page = teacher.get(address)
    assert figures(page) == [1, 2, 0, 1, 4]
    text = " ".join(page.text.split())
    assert "Nothing is stored yet" in text
    assert "name: Nora Renamed, student number: 6, status: Not yet active" in text
    assert "git user name: bad--name Invalid" in text
    assert "Twin One, Twin Two have the same e-mail here" in text
    assert [" ".join(row.text.split()) for row in page.select("section[aria-labelledby=ignored] tbody tr")] == [
        "Line 4 Ana López name: Somebody, status: Dropped"
    ]
    assert "What the file says and Canvas does not" in text
    assert "1 person is active no more" in text
    assert [row.th.get_text(strip=True) for row in page.select("section[aria-labelledby=left-out] tbody tr")] == [
        "Line6",
        "Line7",
        "Line8",
        "Line9",
    ]
    assert len(world.stored(RosterMember)) == 4
    assert "@" not in address
    done = confirm(teacher, address)
    assert "The file is imported" in done.text
    neo = member(world, "Neo New")
    assert (neo.source, neo.status, neo.enrollment_type, neo.git_username) == ("local", "active", "student", "octocat")
    nora = member(world, "Nora Renamed")
    assert (nora.student_number, nora.status) == ("6", "incomplete")
    ana = member(world, "Ana López")
    assert (ana.status, ana.git_username, ana.git_username_status) == ("active", "bad--name", "invalid")
    assert len(world.stored(RosterMember)) == 5
    assert not world.stored(ImportDraft)
    assert world.stored(HistoryEntry, action="roster_imported")
    teacher.get(address, 404)


@pytest.mark.shows("MODEL-53")
def test_a_course_without_a_roster_of_the_lms_is_then_from_the_file(world: Any) -> None:
    teacher = world.browser()
    confirm(teacher, upload(teacher, "name,email\nAna,a@x.example\n"))
    assert "From the file “late.csv”" in " ".join(teacher.get("roster").text.split())
    with world.app.app_context():
        course = db.session.get_one(Course, world.course_id)
        course.roster_connection, course.roster_updated_at = "canvas", now()
        db.session.commit()
    confirm(teacher, upload(teacher, "name,email\nBo,b@x.example\n"))
    assert "From Canvas" in teacher.get("roster").text


def test_what_was_exported_changes_nothing_when_it_comes_back(world: Any) -> None:
    world.member("Ana López", status="dropped")
    world.member("+49 Number", source="local", student_number="007")
    world.member("Only Name", source="local", email=None, student_number=None)
    world.member("Tim Aide", enrollment_type="ta")
    world.member(" Dee\u00a0", email=None, student_number=None)
    world.member("\u200bEva", email="no address", student_number=" =7")
    world.member("Twin One", email="twin@x.example", student_number="7")
    world.member("Twin Two", email="Twin@x.example", student_number="7")
    teacher = world.browser()
    response, _ = export(teacher)
    page = teacher.get(upload(teacher, response.data))
    assert figures(page) == [0, 0, 8, 0, 0]
    assert not page.select("section[aria-labelledby=ignored]")
    assert "changes nothing" in page.text
    assert not page.select("main form")


def test_a_preview_that_is_out_of_date_is_not_stored(world: Any) -> None:
    teacher = world.browser()
    address = upload(teacher, "name,email\nAna,a@x.example\n")
    seen = teacher.get(address).select_one("input[name=seen]")["value"]
    world.member("Ana", email="a@x.example")
    page = teacher.post(address, 409, seen=seen)
    assert "have changed meanwhile" in page.select_one("#error-summary").text
    assert "The file changes nothing." in page.text, "it shows what the file would do now"
    assert len(world.stored(RosterMember)) == 1


def test_while_a_run_is_at_work_nothing_is_imported(world: Any) -> None:
    teacher = world.browser()
    address = upload(teacher, "name\nAna\n")
    seen = teacher.get(address).select_one("input[name=seen]")["value"]
    world.run("pull", "running")
    teacher.post(address, 409, seen=seen)
    assert not world.stored(RosterMember)


def test_a_file_belongs_to_who_sent_it(world: Any) -> None:
    address = upload(world.browser(), "name\nAna\n")
    world.browser().get(address, 404)


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("roster", "email\na@x.example\n", "no column “name”"),
        ("git_usernames", "email\na@x.example\n", "no column “git_username”"),
        ("roster", b"\xff\xfe\xfa", "not a table of text"),
        ("roster", "", "empty"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(world: Any, kind: str, text: Any, said: str) -> None:
    page = upload(world.browser(), text, kind, 422)
    assert said in page.select_one("#file-error").text
    assert not world.stored(ImportDraft)


def test_no_file_at_all_is_refused(world: Any) -> None:
    assert "Choose a file" in world.browser().post("roster/import/roster", 422).select_one("#file-error").text


@pytest.mark.shows("MODEL-44")
def test_git_user_names_are_taken_by_e_mail_for_students_and_staff(world: Any) -> None:
    world.member("Ana", email="ana@x.example", git_username="old", git_username_status="valid")
    world.member("Ben", email="ben@x.example", git_username="same", git_username_status="valid")
    world.member("Tim", email="tim@x.example", enrollment_type="ta")
    teacher = world.browser()
    address = upload(
        teacher,
        "email,git_username\nANA@x.example,new-name\nben@x.example,same\ntim@x.example,-bad\nno@x.example,x\nBen@x.example,y\n",
        "git_usernames",
    )
    assert figures(teacher.get(address)) == [0, 2, 1, 0, 2]
    confirm(teacher, address)
    found = {
        name: (member(world, name).git_username, member(world, name).git_username_status)
        for name in ("Ana", "Ben", "Tim")
    }
    assert found == {"Ana": ("new-name", "unknown"), "Ben": ("same", "valid"), "Tim": ("-bad", "invalid")}
