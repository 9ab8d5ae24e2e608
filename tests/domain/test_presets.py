"""Files of a set for other tools: their form, and that nobody is left out of one in silence."""

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lti_tool.domain.presets import SECTION_SIZE, TOOL_PRESETS, LeftOut, Person, Team, markus, repobee, teammates
from lti_tool.domain.tables import read_table
from lti_tool.lms.presets import LMS_PRESETS, canvas_groups, moodle_groups

ANA = Person("Ana López", "ana@x.example", "ana-l", "11", sections=("Monday", "Morning"))
BO = Person("Bo Ek", "bo@x.example", "boek", "12", sections=("Monday",))
TIM = Person("Tim Teacher", "tim@x.example", "tim", "90", is_student=False)
NOBODY = Person("No Body")
TEAMS = (Team("Team 1", (ANA, BO), "Owls"), Team("Team 2", (NOBODY, TIM)), Team("Team 3"))
MISSING = {
    "teammates": "no_email",
    "repobee": "no_git_username",
    "markus": "no_git_username",
    "canvas": "no_lms_account",
}

names = st.text(min_size=1, max_size=12)
teams = st.lists(
    st.builds(
        Team,
        names,
        st.lists(
            st.builds(
                Person,
                names,
                st.none() | st.emails(),
                st.none() | st.from_regex(r"[a-z0-9-]{1,8}", fullmatch=True),
                st.none() | st.from_regex(r"[0-9]{1,4}", fullmatch=True),
                st.booleans(),
            ),
            max_size=6,
        ).map(tuple),
    ),
    max_size=8,
)


def rows(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))


def test_teammates_has_students_with_the_section_that_their_team_shares() -> None:
    table = read_table(teammates("", TEAMS).body.decode("utf-8-sig"))
    assert table.columns == ("section", "team", "name", "email", "comments")
    assert [tuple(row.cells.values()) for row in table.rows] == [
        ("Monday", "Team 1", "Ana López", "ana@x.example", ""),
        ("Monday", "Team 1", "Bo Ek", "bo@x.example", ""),
    ]


def test_no_cell_for_a_spreadsheet_is_a_formula() -> None:
    evil = Person("=HYPERLINK(1)", "-x@x.example", "eve", "13", sections=("@SUM(1)",))
    minus = Person("Min Us", "-x@x.example", sections=("@SUM(1)",))
    # TEAMMATES would refuse them with the apostrophe that makes them harmless.
    file = teammates("", [Team("+1", (ANA,)), Team("1", (evil, minus, replace(BO, sections=("@SUM(1)",))))])
    assert rows(file.body)[1:] == [["SUM(1) 1", "1", "Bo Ek", "bo@x.example", ""]]
    assert [(left.reason, left.person or left.group) for left in file.left_out] == [
        ("teammates_person", "=HYPERLINK(1)"),
        ("teammates_email", "Min Us"),
        ("teammates_team", "+1"),
    ]
    # Canvas ignores the person's name and must find the group's as it is.
    assert rows(canvas_groups("", [Team("+1", (evil,))]).body)[1] == ["'=HYPERLINK(1)", "13", "", "+1"]


@pytest.mark.parametrize("size", [1, 30, 100])
def test_no_section_of_teammates_is_too_large(size: int) -> None:
    many = [
        Team(f"Team {n}", tuple(Person(f"P {n}-{m}", f"p{n}-{m}@x.example", sections=("A",)) for m in range(size)))
        for n in range(7)
    ]
    file = teammates("", [*many, Team("Alone", (Person("Q", "q@x.example", sections=("A 1",)),))])
    sizes: dict[str, int] = {}
    teams_in: dict[str, set[str]] = {}
    for row in read_table(file.body.decode("utf-8-sig")).rows:
        sizes[row.cells["section"]] = sizes.get(row.cells["section"], 0) + 1
        teams_in.setdefault(row.cells["team"], set()).add(row.cells["section"])
    assert max(sizes.values()) <= SECTION_SIZE
    assert {len(found) for found in teams_in.values()} == {1}
    assert sizes["A 1"] == 1
    assert not file.left_out
    assert ("A" in sizes) == (7 * size <= SECTION_SIZE)


def test_a_team_larger_than_a_section_is_named() -> None:
    crowd = Team("Crowd", tuple(Person(f"P{n}", f"p{n}@x.example") for n in range(101)))
    assert teammates("", [crowd]).left_out == (LeftOut("team_too_large", "Crowd"),)


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("Team 1", True),
        ("Équipe", True),
        ("李", True),
        ("9", True),
        ("x" * 60, True),
        ("x" * 61, False),
        ("=Team", False),
        ("_x", False),
        ("(a)", False),
        ("a|b", False),
        ("50%", False),
        ("ann@x.example", False),
        ("ann@x", True),
        ("ann @x.example", True),
    ],
)
def test_teammates_gets_teams_by_the_names_that_it_takes_only(name: str, taken: bool) -> None:
    file = teammates("", [Team(name, (ANA,))])
    assert [row[1] for row in rows(file.body)[1:]] == [name] * taken
    assert file.left_out == (() if taken else (LeftOut("teammates_team", name),))


@pytest.mark.parametrize(
    ("name", "email", "reason"),
    [
        ("Eve | x", "eve@x.example", "teammates_person"),
        ("e" * 101, "eve@x.example", "teammates_person"),
        ("e" * 100, "o'eve+1@x-y.example", None),
        ("Eve", "eve@localhost", "teammates_email"),
        ("Eve", "eve..x@x.example", "teammates_email"),
        ("Eve", f"{'e' * 250}@x.example", "teammates_email"),
    ],
)
def test_teammates_gets_people_that_it_takes_only(name: str, email: str, reason: str | None) -> None:
    file = teammates("", [Team("T", (ANA, Person(name, email)))])
    assert [row[2:4] for row in rows(file.body)[2:]] == ([] if reason else [[name, email]])
    assert file.left_out == ((LeftOut(reason, "T", name),) if reason else ())


def test_teams_that_teammates_would_take_for_one_are_named() -> None:
    file = teammates("", [Team("Team 1", (ANA,)), Team(" Team  1", (BO,))])
    assert file.left_out == (LeftOut("name_twice", " Team  1"),)


def test_sections_stay_apart_when_teammates_takes_only_a_part_of_their_names() -> None:
    long = "Introduction to programming for everybody, in the hall of the "
    sections = (f"{long}North", f"{long}South", "100% online", "|")
    file = teammates(
        "",
        [
            Team(f"T{n}", (Person(f"P{n}", f"p{n}@x.example", sections=(section,)),))
            for n, section in enumerate(sections)
        ],
    )
    found = [row[0] for row in rows(file.body)[1:]]
    assert found == [f"{long[:58]} 1", f"{long[:58]} 2", "100 online 1", "Section 1"]
    assert not file.left_out


def test_repobee_has_one_team_in_a_line() -> None:
    both = [Team("A", (ANA, BO)), Team("B", (ANA,)), Team("C", (Person("Two", git_username="two words"),))]
    file = repobee("", both)
    assert file.body == b"ana-l boek\nana-l\n"
    assert file.left_out == (LeftOut("no_git_username", "C", "Two"), LeftOut("empty_group", "C"))


def test_canvas_has_its_columns_and_ids_only_where_it_gave_them() -> None:
    file = canvas_groups("", [Team("Labs", (ANA,), lms_group_id="7"), Team("Own", (BO,))])
    assert file.body.decode() == (
        "name,canvas_user_id,canvas_group_id,group_name\r\nAna López,11,7,Labs\r\nBo Ek,12,,Own\r\n"
    )


def test_canvas_takes_one_group_for_each_person_and_one_for_each_name() -> None:
    file = canvas_groups("", [Team("A", (ANA,)), Team("B", (ANA, BO)), Team("A", (BO,))])
    assert [row[1:] for row in rows(file.body)[1:]] == [["11", "", "A"], ["12", "", "B"]]
    assert file.left_out == (LeftOut("second_group", "B", "Ana López"), LeftOut("name_twice", "A"))
    alike = [Team("A", (ANA,), lms_group_id="1"), Team("A", (BO,), lms_group_id="2")]
    assert not canvas_groups("", alike).left_out


def test_moodle_has_every_group_of_the_set() -> None:
    assert moodle_groups("Labs", TEAMS).body.decode() == (
        "groupname,description,groupingname\r\nTeam 1,Owls,Labs\r\nTeam 2,,Labs\r\nTeam 3,,Labs\r\n"
    )


def test_moodle_gets_names_that_it_takes_and_can_tell_apart() -> None:
    names = ["n" * 255, "n" * 254, "Team", "TEAM ", "a<b", "a < b "]
    file = moodle_groups("Labs ", [Team(name) for name in names])
    assert rows(file.body)[1:] == [[name, "", "Labs"] for name in ("n" * 254, "Team", "a < b")]
    assert file.left_out == (
        LeftOut("moodle_name", "n" * 255),
        LeftOut("moodle_name", "a<b"),
        LeftOut("moodle_alike", "TEAM "),
    )


def test_groups_of_a_set_whose_name_moodle_refuses_stand_in_no_grouping() -> None:
    file = moodle_groups("s" * 255, [Team("Team")])
    assert rows(file.body)[1:] == [["Team", "", ""]]
    assert file.left_out == (LeftOut("moodle_grouping", "s" * 255),)


def test_markus_has_names_and_user_names_without_a_header() -> None:
    file = markus("", [Team("Team 1", (ANA, BO)), Team("Équipe", (BO,)), Team("x" * 31, (BO,))])
    assert file.body.decode() == "Team 1,ana-l,boek\r\n"
    assert file.left_out == (LeftOut("group_name", "Équipe"), LeftOut("group_name", "x" * 31))


@pytest.mark.parametrize(("key", "reason"), MISSING.items())
def test_who_is_not_in_a_file_is_named_with_the_reason(key: str, reason: str) -> None:
    found = {**TOOL_PRESETS, **LMS_PRESETS}[key].build("Set", TEAMS).left_out
    assert found == (
        LeftOut(reason, "Team 2", "No Body"),
        LeftOut("staff", "Team 2", "Tim Teacher"),
        LeftOut("empty_group", "Team 2"),
        LeftOut("empty_group", "Team 3"),
    )


@given(teams)
def test_everybody_is_in_the_file_or_named(found: list[Team]) -> None:
    people = sum(len(team.people) for team in found)
    for build in (teammates, canvas_groups):
        file = build("", found)
        written = len(rows(file.body)) - 1
        named = sum(left.person is not None for left in file.left_out)
        groups = {
            left.group for left in file.left_out if left.reason in ("name_twice", "team_too_large", "teammates_team")
        }
        in_groups = sum(len(team.people) for team in found if team.name in groups)
        assert people - in_groups <= written + named <= people
    file = repobee("", found)
    written = sum(len(line.split()) for line in file.body.decode().splitlines())
    assert written + sum(left.person is not None for left in file.left_out) == people
