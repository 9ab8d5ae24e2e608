"""Files of a set for other tools: linked from the set, answered at once when complete, asked about when not."""

from typing import Any

import pytest

from lti_tool.models import Group, RosterMember, Section, SectionMembership, db
from lti_tool.services.presets import PRESETS


@pytest.fixture
def filled(world: Any) -> Any:
    world.ana = world.member("Ana López", git_username="ana-l")
    world.bo = world.member("Bo Ek", git_username="boek")
    world.set_id = world.group_set("Projects/1", {"Team 1": [world.ana, world.bo], "Team 2": []})
    world.path = f"group-sets/{world.set_id}/export"
    return world


def rename(world: Any, member: Any, **values: Any) -> None:
    with world.app.app_context():
        row = db.session.get_one(RosterMember, member)
        for name, value in values.items():
            setattr(row, name, value)
        db.session.commit()


@pytest.mark.parametrize(("family", "missing"), [("canvas", "moodle"), ("moodle", "canvas"), ("other", "canvas")])
def test_a_set_links_to_the_files_that_fit_its_lms(app: Any, world: Any, family: str, missing: str) -> None:
    course = type(world)(app).open_course(family=family)
    set_id = course.group_set("Projects", {"Team 1": []})
    teacher = course.browser()
    links = [link["href"] for link in teacher.get(f"group-sets/{set_id}").select("details.menu a")]
    fitting = [key for key, preset in PRESETS.items() if preset.family in (None, family)]
    assert [link.rpartition("/")[2] for link in links] == ["export.csv", *fitting]
    for link in links:
        teacher.client.get(link)
    teacher.get(f"group-sets/{set_id}/export/{missing}", 404)
    teacher.get(f"group-sets/{set_id}/export/nonsense", 404)


def test_a_complete_file_comes_at_once(filled: Any) -> None:
    full = filled.group_set("Full", {"Lab": [filled.ana, filled.bo]})
    teacher = filled.browser()
    answer = teacher.client.get(teacher.address(f"group-sets/{full}/export/repobee"))
    assert answer.data == b"ana-l boek\n"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="Full - students.txt"'
    assert answer.mimetype == "text/plain"


def test_a_file_that_would_lack_somebody_says_so_first(filled: Any) -> None:
    rename(filled, filled.bo, git_username=None)
    teacher = filled.browser()
    for key in ("repobee", "markus"):
        page = teacher.get(f"{filled.path}/{key}")
        assert "Nothing is downloaded yet" in page.main.text
        assert [" ".join(row.text.split()) for row in page.select("main li")] == ["Team 2", "Bo Ek Team 1"]
        answer = teacher.client.get(page.select_one("main a.primary")["href"])
        assert b"ana-l" in answer.data
        assert b"boek" not in answer.data
        assert answer.headers["Content-Disposition"].startswith("attachment")


def test_names_that_teammates_refuses_are_named_before_the_download(filled: Any) -> None:
    eve = filled.member("Eve | x")
    set_id = filled.group_set("Evil", {"=Team|1": [filled.ana], "Lab": [filled.bo, eve], "L" * 80: [filled.ana]})
    teacher = filled.browser()
    page = teacher.get(f"group-sets/{set_id}/export/teammates")
    listed = [" ".join(row.text.split()) for row in page.select("main li")]
    assert sorted(listed) == sorted(["=Team|1", "L" * 80, "Eve | x Lab"])
    answer = teacher.client.get(page.select_one("main a.primary")["href"]).data.decode("utf-8-sig")
    assert answer.splitlines()[1:] == [",Lab,Bo Ek,bo@students.example,"]


def test_names_that_moodle_refuses_are_named_before_the_download(app: Any, world: Any) -> None:
    course = type(world)(app).open_course(family="moodle")
    set_id = course.group_set("Labs", {"n" * 255: [], "Team": [], "TEAM ": []})
    teacher = course.browser()
    page = teacher.get(f"group-sets/{set_id}/export/moodle")
    assert "Moodle’s import takes no people" in page.main.text
    assert [" ".join(row.text.split()) for row in page.select("main li")] == ["TEAM", "n" * 255]
    answer = teacher.client.get(page.select_one("main a.primary")["href"]).data.decode()
    assert answer.splitlines()[1:] == ["Team,,Labs"]


def test_a_git_user_name_known_to_be_wrong_is_not_written(filled: Any) -> None:
    rename(filled, filled.bo, git_username_status="invalid")
    answer = filled.browser().get(f"{filled.path}/repobee")
    assert "Bo Ek" in answer.main.text


@pytest.mark.parametrize("key", sorted(set(PRESETS) - {"moodle"}))
def test_every_reason_has_its_words(filled: Any, key: str) -> None:
    tim = filled.member("Tim Teacher", enrollment_type="teacher")
    late = filled.member("No Body", email=None, lms_user_id=None)
    set_id = filled.group_set("All", {"Ä": [tim, late, filled.ana], "B": [filled.ana], "C": []}, connection="import")
    page = filled.browser().get(f"group-sets/{set_id}/export/{key}")
    assert page.select("main h2")
    assert all(heading.text.strip() for heading in page.select("main h2"))


def test_sections_of_the_roster_are_those_of_teammates(filled: Any) -> None:
    filled._add(Section(course_id=filled.course_id, lms_section_id="1", name="Monday"))
    with filled.app.app_context():
        section_id = db.session.query(Section.id).scalar()
    filled._add(*(SectionMembership(section_id=section_id, member_id=m) for m in (filled.ana, filled.bo)))
    teacher = filled.browser()
    answer = teacher.client.get(teacher.address(f"{filled.path}/teammates?partly=1"))
    assert "Monday,Team 1,Ana López,ana@students.example," in answer.data.decode("utf-8-sig")


def test_ids_of_the_lms_are_written_for_its_own_sets_only(filled: Any) -> None:
    set_id = filled.group_set("Labs", {"Lab A": [filled.ana]}, connection="canvas")
    with filled.app.app_context():
        db.session.get_one(Group, filled.names["Lab A"]).lms_group_id = "77"
        db.session.commit()
    teacher = filled.browser()
    answer = teacher.client.get(teacher.address(f"group-sets/{set_id}/export/canvas"))
    assert answer.data.decode().splitlines()[1] == "Ana López,u-Ana López,77,Lab A"
    copy = teacher.post(f"group-sets/{set_id}/copy").split("?")[0]
    answer = teacher.client.get(f"{copy}/export/canvas")
    assert answer.data.decode().splitlines()[1] == "Ana López,u-Ana López,,Lab A"


@pytest.mark.parametrize("kind", ["student", "observer"])
def test_files_are_for_staff(filled: Any, kind: str) -> None:
    filled.browser(kind).get(f"{filled.path}/teammates", 403)


def test_a_set_of_another_course_has_no_files(filled: Any) -> None:
    other = type(filled)(filled.app).open_course()
    other.browser().get(f"group-sets/{filled.set_id}/export/repobee", 404)


def test_who_shares_an_email_is_left_out_of_teammates_for_that_reason(world: Any) -> None:
    people = [world.member(name, email="fam@x.example") for name in ("Ann", "Ben")]
    set_id = world.group_set("Labs", {"t1": [*people, world.member("Cy")]})
    page = world.browser().get(f"group-sets/{set_id}/export/teammates")
    said = " ".join(page.main.get_text(" ").split())
    assert "They share their e-mail address with somebody else of the course:" in said
    assert "more than one group" not in said
