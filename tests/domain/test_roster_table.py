"""Files of people: who is whom, what a line may change, and that nobody is lost."""

import csv
import io
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.members import MemberValues
from lti_tool.domain.roster import MemberStatus
from lti_tool.domain.roster_table import ListedMember, TablePlan, plan_git_usernames, plan_students
from lti_tool.domain.tables import read_table, write_table


def listed(name: str, *, local: bool = True, **values: Any) -> ListedMember:
    return ListedMember(uuid4(), local, MemberValues(name, **values))


def plan(text: str, *members: ListedMember) -> TablePlan:
    return plan_students(read_table(text), members)


def codes(found: TablePlan) -> list[tuple[int, str]]:
    return [(problem.line, problem.code) for problem in found.problems]


def test_the_e_mail_wins_over_the_number_in_any_case() -> None:
    one, two = listed("One", email="One@x.example"), listed("Two", student_number="2")
    found = plan("name,email,student_number\nFirst,ONE@X.example,9\nSecond,,2\n", one, two)
    assert [(change.member_id, change.fields) for change in found.change] == [
        (one.id, ("name", "student_number")),
        (two.id, ("name",)),
    ]
    assert found.change[0].values.email == "One@x.example"


def test_several_matches_are_a_conflict_without_a_further_step() -> None:
    twins = [listed(name, email="twin@x.example") for name in ("One", "Two")]
    third = listed("Three", student_number="3")
    found = plan("name,email,student_number\nAny,twin@x.example,3\n", *twins, third)
    assert [(c.line, c.matched_by, c.members) for c in found.conflicts] == [(2, "email", ("One", "Two"))]
    assert not found


def test_a_name_alone_recognises_only_who_has_nothing_else() -> None:
    bare, other = listed("Ana"), listed("Ben", email="b@x.example")
    found = plan("name\nAna\nBen\n", bare, other)
    assert found.unchanged == (2,)
    assert [addition.values.name for addition in found.add] == ["Ben"]


def test_what_the_lms_says_of_its_people_stands() -> None:
    theirs = listed("Ana", local=False, email="a@x.example", student_number="1")
    found = plan("name,email,student_number,status,git_username\nX,a@x.example,2,dropped,octocat\n", theirs)
    (change,) = found.change
    assert (change.fields, change.values.name, change.values.status) == (("git_username",), "Ana", MemberStatus.ACTIVE)
    (told,) = found.contradictions
    assert (told.line, told.member_id, told.fields) == (2, theirs.id, ("name", "student_number", "status"))
    assert (told.values.name, told.values.student_number, told.values.status) == ("X", "2", MemberStatus.DROPPED)


def test_only_what_the_lms_says_otherwise_is_told() -> None:
    theirs, ours = listed("Ana  B", local=False, email="a@x.example"), listed("Bo", email="b@x.example")
    found = plan("name,email,student_number,status\nAna B,A@x.example,,active\nBob,b@x.example,5,\n", theirs, ours)
    assert (found.unchanged, found.contradictions) == ((2,), ())
    assert [change.fields for change in found.change] == [("name", "student_number")]
    by_number = plan("name,email,student_number\nNew,new@x.example,1", listed("Al", local=False, student_number="1"))
    assert (by_number.unchanged, [told.fields for told in by_number.contradictions]) == ((2,), [("name", "email")])


def test_a_line_about_two_people_of_the_lms_is_left_out() -> None:
    one = listed("One", local=False, email="one@x.example", student_number="1")
    two = listed("Two", local=False, email="two@x.example", student_number="2")
    found = plan("name,email,student_number,git_username\nOne,one@x.example,2,octocat\n", one, two)
    assert (codes(found), found.change, found.contradictions) == ([(2, "number_taken")], (), ())
    assert found.problems[0].facts == {"person": "Two"}
    free = plan("name,email,student_number\nOne,one@x.example,9\nNew,n@x.example,9\n", one, two)
    assert [told.fields for told in free.contradictions] == [("student_number",)]
    assert [addition.line for addition in free.add] == [3], "what is ignored is not taken"


def test_nobody_takes_over_another_person_s_e_mail_or_number() -> None:
    one, two = listed("One", email="one@x.example"), listed("Two", student_number="2", email="two@x.example")
    found = plan("name,email,student_number\nOne,one@x.example,2\nTwo,new@x.example,2\nNew,new@x.example,7\n", one, two)
    assert codes(found) == [(2, "number_taken"), (4, "line_twice")]


def test_a_line_about_the_same_person_again_is_left_out() -> None:
    one = listed("One", email="one@x.example", student_number="1")
    found = plan("name,email,student_number\nA,one@x.example,\nB,,1\nNew,n@x.example,5\nOther,o@x.example,5\n", one)
    assert codes(found) == [(3, "line_twice"), (5, "line_twice")]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (",a@x.example,,", "name_required"),
        ("Ana,a at x,,", "email_malformed"),
        ("Ana,,gone,", "status_unknown"),
        ("Ana,,,boss", "type_unknown"),
        ("Ana,,,TA", "staff_not_imported"),
    ],
)
def test_a_line_that_is_not_understood_is_left_out_by_its_number(line: str, code: str) -> None:
    assert codes(plan(f"name,email,status,enrollment_type\n\n{line}\n")) == [(3, code)]


def test_an_empty_cell_says_nothing() -> None:
    one = listed("One", email="o@x.example", student_number="1", git_username="octocat", status=MemberStatus.INCOMPLETE)
    assert plan("name,email,student_number,git_username,status\nOne,o@x.example,,,\n", one).unchanged == (2,)


def test_git_user_names_add_nobody() -> None:
    ana = listed("Ana", local=False, email="a@x.example")
    found = plan_git_usernames(read_table("email,git_username\nA@x.example,@octocat\nb@x.example,x\n,y\n"), [ana])
    assert [change.values.git_username for change in found.change] == ["octocat"]
    assert [problem.code for problem in found.problems] == ["email_unknown", "email_required"]
    assert not found.add


def test_the_columns_that_must_be_there() -> None:
    with pytest.raises(RuleViolation, match="column_missing"):
        plan("email\na@x.example\n")


def test_the_id_of_an_export_tells_who_is_meant() -> None:
    bare = listed("\u200bAna ", local=False, email="no address")
    ours, gone = listed("Bo", email="b@x.example"), uuid4()
    text = (
        f"id,name,email\n{bare.id},\u200bAna,no address\n{ours.id},Bo,new@x.example\n"
        f"{gone},Cy,c@x.example\nx,Di,d@x.example\n{ours.id},Copy,e@x.example\n"
    )
    found = plan(text, bare, ours)
    assert found.unchanged == (2,)
    assert [(change.member_id, change.fields) for change in found.change] == [(ours.id, ("email",))]
    assert [addition.values.name for addition in found.add] == ["Cy", "Di"]
    assert codes(found) == [(6, "line_twice")]
    assert codes(plan(f"id,name\n{ours.id},\n", ours)) == [(2, "name_required")]
    assert codes(plan(f"id,name,email\n{ours.id},Bo,nowhere\n", ours)) == [(2, "email_malformed")]


# What an LMS may say of people: blanks and unseen signs, formulas, nothing at all, one address or number for two.
said = st.builds(
    lambda *parts: "".join(parts).replace("\0", ""),
    st.sampled_from(["", " ", "\u00a0", "\u200b", "\u202e", "\r\n", "'", "=", "\x07"]),
    st.sampled_from(["Ana", "ana", "007", "a@x.example", "A@x.example", "", ";"])
    | st.text(st.characters(codec="utf-8"), max_size=12),
    st.sampled_from(["", " ", "\u3000", "\t", "\u2066"]),
)
listed_people = st.builds(
    ListedMember,
    st.uuids(),
    st.booleans(),
    st.builds(
        MemberValues,
        name=said,
        email=st.none() | said,
        student_number=st.none() | said,
        git_username=st.none() | st.sampled_from(["octocat", "not valid"]),
        status=st.sampled_from(MemberStatus),
    ),
)


@pytest.mark.shows("CSV-9")
@given(st.lists(listed_people, min_size=1, max_size=6, unique_by=lambda member: member.id), st.sampled_from(",;\t"))
def test_an_export_of_the_roster_that_comes_back_changes_nothing(members: list[ListedMember], delimiter: str) -> None:
    columns = ("id", "name", "email", "student_number", "git_username", "status")
    lines = [(str(m.id), *(getattr(m.values, name) or "" for name in columns[1:])) for m in members]
    out = io.StringIO(newline="")
    rows = csv.reader(io.StringIO(write_table(columns, lines).decode("utf-8-sig"), newline=""), strict=True)
    csv.writer(out, delimiter=delimiter).writerows(rows)
    table = read_table(out.getvalue())
    assert plan_students(table, members) == TablePlan(unchanged=tuple(row.line for row in table.rows))


cells = st.sampled_from(["", "a@x.example", "B@x.example", "b@x.example"])
numbers = st.sampled_from(["", "1", "2"])
people = st.lists(
    st.builds(
        ListedMember,
        st.uuids(),
        st.booleans(),
        st.builds(
            MemberValues,
            name=st.sampled_from(["Ana", "Ben"]),
            email=cells.map(lambda text: text or None),
            student_number=numbers.map(lambda text: text or None),
        ),
    ),
    max_size=5,
    unique_by=lambda member: member.id,
)


@given(people, st.lists(st.tuples(st.sampled_from(["Ana", "Cy"]), cells, numbers), max_size=6))
def test_every_line_ends_in_one_place_and_nobody_is_changed_twice(
    members: list[ListedMember], lines: list[tuple[str, str, str]]
) -> None:
    table = read_table(write_table(("name", "email", "student_number"), lines).decode("utf-8-sig"))
    found = plan_students(table, members)
    spoken = [
        *(one.line for one in (*found.add, *found.change, *found.conflicts, *found.problems)),
        *found.unchanged,
    ]
    assert sorted(spoken) == [row.line for row in table.rows]
    assert {told.line for told in found.contradictions} <= {*(one.line for one in found.change), *found.unchanged}
    changed: list[UUID] = [change.member_id for change in found.change]
    assert len(changed) == len(set(changed))
    new = [(a.values.email or "").casefold() for a in found.add if a.values.email]
    assert len(new) == len(set(new))
    taken = {(m.values.email or "").casefold() for m in members}
    assert not taken & set(new)
