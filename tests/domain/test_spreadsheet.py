"""Tables of groups: what a file says, all that is wrong with it, and that what we write says the same again."""

import csv
import io
from collections import Counter
from collections.abc import Mapping
from uuid import UUID, uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lti_tool.domain.base58 import encode
from lti_tool.domain.proposals import Person, PresentGroup, compare, propose
from lti_tool.domain.spreadsheet import COLUMNS, NO_GROUPS, WrittenPerson, read_sheet, set_name_of, write_rows
from lti_tool.domain.tables import decode, read_table, write_table

A, B = UUID(int=7), UUID(int=8)


def sheet(text: str, target: UUID | None = None, known: Mapping[UUID, str] = NO_GROUPS):
    return read_sheet(read_table(text), target, known)


def problems(text: str, target: UUID | None = None) -> list[tuple[str, object]]:
    return [(problem.code, problem.facts.get("line")) for problem in sheet(text, target).problems]


@pytest.mark.shows("CSV-1")
def test_the_name_of_the_group_is_all_that_a_file_needs() -> None:
    assert [group.name for group in sheet("group_name\nA\nB").groups] == ["A", "B"]
    full = sheet(f"group_set_id,group_id,group_name,name,email\n{encode(A)},{encode(B)},T,Anybody,a@x")
    assert [(group.name, group.emails) for group in full.groups] == [("T", [(2, "a@x")])]


@pytest.mark.shows("MODEL-143", "MODEL-37", "MODEL-41", "CSV-3")
def test_rows_of_one_name_are_one_group_in_order_of_appearance() -> None:
    found = sheet("Email,Group_Name\n B@x ,Two\na@x,One\nc@x, Two \nd@x,two").groups
    assert [(group.name, [email for _, email in group.emails]) for group in found] == [
        ("Two", ["B@x", "c@x"]),
        ("One", ["a@x"]),
        ("two", ["d@x"]),
    ]


@pytest.mark.shows("MODEL-142")
def test_names_stay_as_they_are_written() -> None:
    assert [group.name for group in sheet("group_name\n  Team  Ä 1 ").groups] == ["Team  Ä 1"]


@pytest.mark.shows("CSV-2", "CSV-4", "CSV-5", "MODEL-144", "MODEL-145")
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("name,email\nx,y", [("csv_no_group_name", None)]),
        ("group_name,email\n", [("csv_no_rows", None)]),
        ("group_name,email\n,a@x\nA,b@x\n \t,c@x", [("csv_empty_name", 2), ("csv_empty_name", 4)]),
        (f"group_name\n{'x' * 256}", [("csv_name_too_long", 2)]),
        ("group_name,email\nA,a@x\nB,a@x\nA, A@X", [("csv_twice", 4)]),
        ("group_name,email\nA,\nA,a@x\nA,", [("csv_empty_twice", 4)]),
        ("group_id,group_name\n0OIl,A\nnone,B", [("csv_bad_id", 2), ("csv_bad_id", 3)]),
        ("group_set_id,group_name\n!,A", [("csv_bad_id", 2)]),
        (
            f"group_id,group_name,email\n{encode(A)},A,a@x\n{encode(B)},B,\n{encode(A)},C,c@x\n{encode(A)},C,d@x",
            [("csv_two_names", 4)],
        ),
        (
            "group_id,group_name,email\n?,A,a@x\n,,b@x\n,B,c@x\n,B,C@x\n",
            [("csv_bad_id", 2), ("csv_empty_name", 3), ("csv_twice", 5)],
        ),
    ],
    ids=["column", "rows", "name", "long", "person", "empty", "id", "set id", "two names", "all at once"],
)
def test_everything_that_is_wrong_is_listed_with_its_line(text: str, found: list[tuple[str, int | None]]) -> None:
    assert problems(text) == found


@pytest.mark.shows("CSV-5")
def test_a_file_of_another_set_is_refused_only_where_a_set_is_to_be_overwritten() -> None:
    text = f"group_set_id,group_name\n{encode(A)},One\n{encode(A)},Two\n,Three"
    assert problems(text) == []
    assert problems(text, target=A) == []
    assert problems(text, target=B) == [("csv_other_set", 2)]


@pytest.mark.shows("MODEL-145")
def test_one_row_without_an_email_is_an_empty_group() -> None:
    found = sheet("group_name,email\nA,\nB,\nB,b@x").groups
    assert [(group.name, group.emails) for group in found] == [("A", []), ("B", [(4, "b@x")])]


@pytest.mark.shows("MODEL-160")
def test_groups_of_one_name_become_one_and_that_is_told() -> None:
    text = f"group_id,group_name,email\n{encode(A)},Lab,a@x\n{encode(B)},Lab,b@x\n,Other,c@x"
    merged = sheet(text)
    assert [len(group.emails) for group in merged.groups] == [2, 1]
    assert merged.merged == (("Lab", 2),)
    kept = sheet(text, known={A: "Lab", B: "Lab"})
    assert kept.problems == ()
    assert [group.group_id for group in kept.groups] == [A, B, None]
    assert kept.merged == ()


def test_a_row_without_an_id_belongs_to_the_group_of_its_name() -> None:
    text = f"group_id,group_name,email\n,Lab,a@x\n{encode(A)},Lab,b@x"
    assert [(g.group_id, len(g.emails)) for g in sheet(text, known={A: "Lab"}).groups] == [(A, 2)]


@pytest.mark.shows("CSV-8")
@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("Teams.csv", "Teams"),
        ("a.b.csv", "a.b"),
        (".csv", "csv"),
        ("Teams", "Teams"),
        ("", "Imported groups"),
        (f"{'x' * 300}.csv", "x" * 255),
    ],
)
def test_a_set_is_named_after_its_file(filename: str, name: str) -> None:
    assert set_name_of(filename) == name


@pytest.mark.shows("MODEL-143", "MODEL-146")
def test_two_groups_of_the_set_cannot_come_to_bear_one_name() -> None:
    text = f"group_id,group_name,email\n{encode(A)},X,a@x\n{encode(B)}, X ,b@x\n{encode(B)},X,c@x\n,X,d@x"
    found = sheet(text, known={A: "a", B: "b"}).problems
    assert [(problem.code, problem.facts) for problem in found] == [
        ("csv_one_name", {"line": 3, "first": 2, "name": "X"})
    ]
    emptied = sheet(text.replace(encode(B), ""), known={A: "a", B: "b"})
    assert (emptied.problems, [(g.group_id, len(g.emails)) for g in emptied.groups]) == ((), [(A, 4)])


@pytest.mark.shows("CSV-2", "MODEL-142")
@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("\u200b", ("csv_unseen", "U+200B")),
        ("a\x07b", ("csv_unseen", "U+0007")),
        ("a\u202eb", ("csv_unseen", "U+202E")),
        ("\u200c\u200d", ("csv_empty_name", None)),
    ],
)
def test_a_name_that_nobody_could_read_is_refused_with_its_line(name: str, found: tuple[str, str | None]) -> None:
    (problem,) = sheet(f"group_name\nA\n{name}").problems
    assert (problem.code, problem.facts.get("character")) == found
    assert problem.facts["line"] == 3


def test_what_nobody_sees_in_an_email_or_a_column_is_no_part_of_it() -> None:
    found = sheet("group_name\u200b,\ufeffEmail\n\u0915\u094d\u200d\u0937,\u200ba@x\x07\n\u0915\u094d\u200d\u0937,b@x")
    assert [(group.name, group.emails) for group in found.groups] == [
        ("\u0915\u094d\u200d\u0937", [(2, "a@x"), (3, "b@x")])
    ]


# Names as an LMS may give them: with blanks around and in them, signs that nobody sees, formulas, doubled, blank.
blanks = st.sampled_from(["", " ", "\u00a0", "\t", "\r\n", "\u200b", "\u202e", "\ufeff", "\x07", "'", "=", "\u3000"])
names = st.builds(
    lambda *parts: "".join(parts),
    blanks,
    st.sampled_from(["Lab", "lab", "Team  1", "", ";", '"', ","]) | st.text(st.characters(codec="utf-8"), max_size=20),
    blanks,
).map(lambda name: name.replace("\0", ""))
emails = st.integers(0, 30).map(lambda n: f"p{n}@x")
sets = st.lists(st.tuples(names, st.lists(emails, unique=True, max_size=5)), min_size=1, max_size=6)


def exported(set_id: UUID, ids: list[UUID], groups: list[tuple[str, list[str]]]) -> bytes:
    people = [[WrittenPerson(f"={email}", email) for email in held] for _, held in groups]
    return write_table(
        COLUMNS,
        write_rows(set_id, [(key, name, held) for key, (name, _), held in zip(ids, groups, people, strict=True)]),
    )


def saved(data: bytes, delimiter: str, encoding: str) -> bytes:
    """The file as a spreadsheet saves it again."""
    out = io.StringIO(newline="")
    lines = csv.reader(io.StringIO(decode(data), newline=""), strict=True)
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(lines)
    return out.getvalue().encode(encoding)


@pytest.mark.shows("CSV-8", "CSV-9")
@given(sets, st.sampled_from(",;\t"), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
@example([("Lab", []), ("Lab", [])], ",", "utf-8")
@example([("Lab", []), (" Lab\u00a0", []), ("\u200bLab", ["p1@x"]), (" ", []), ("", ["p2@x"])], ";", "utf-16")
def test_an_export_that_comes_back_changes_nothing(
    groups: list[tuple[str, list[str]]], delimiter: str, encoding: str
) -> None:
    set_id, ids = uuid4(), [uuid4() for _ in groups]
    known = {key: name for key, (name, _) in zip(ids, groups, strict=True)}
    table = read_table(decode(saved(exported(set_id, ids, groups), delimiter, encoding)))
    found = read_sheet(table, set_id, known)
    assert found.problems == ()
    assert [group.group_id for group in found.groups] == ids
    assert [(group.name, [email for _, email in group.emails]) for group in found.groups] == groups
    people = {f"p{n}@x": Person(uuid4(), "Ann", f"p{n}@x", active=True) for n in range(31)}
    present = [
        PresentGroup(key, name, tuple(people[email].id for email in held), editable=False)
        for key, (name, held) in zip(ids, groups, strict=True)
    ]
    assert compare(propose(found, list(people.values())).groups, present).is_empty


@pytest.mark.shows("CSV-8", "MODEL-160")
@given(sets)
@example([("Lab", []), ("Lab", [])])
def test_an_export_becomes_a_new_set_of_the_same_names(groups: list[tuple[str, list[str]]]) -> None:
    set_id, ids = uuid4(), [uuid4() for _ in groups]
    others = {key: name for key, (name, _) in zip(ids, groups, strict=True)}
    found = read_sheet(read_table(decode(exported(set_id, ids, groups))), others=others)
    counts = Counter(name for name, _ in groups)
    # Those of one name become one, and whom that makes double has to be mended.
    assert dict(found.merged) == {name: count for name, count in counts.items() if count > 1}
    held = {name: [email for other, of in groups if other == name for email in of] for name in counts}
    told = Counter(problem.facts["name"] for problem in found.problems)
    assert {problem.code for problem in found.problems} <= {"csv_twice"}
    assert told == Counter({name: len(of) - len(set(of)) for name, of in held.items() if len(of) > len(set(of))})
    assert {group.group_id for group in found.groups} == {None}
    assert [(g.name, [email for _, email in g.emails]) for g in found.groups] == [
        (name, list(dict.fromkeys(of))) for name, of in held.items()
    ]


@pytest.mark.shows("CSV-8", "MODEL-142")
def test_a_name_that_a_group_has_is_that_group_s_and_only_new_ones_obey_the_rules() -> None:
    known = {A: " Team 1\u00a0", B: "\u200bLab"}
    text = f"group_id,group_name,email\n{encode(A)},Team 1,a@x\n,Team 1,b@x\n,\u200bLab,c@x"
    found = sheet(text, known=known)
    assert found.problems == ()
    assert [(group.name, len(group.emails)) for group in found.groups] == [(" Team 1\u00a0", 2), ("\u200bLab", 1)]
    new = sheet(f"group_id,group_name\n{encode(A)},Team\u200b 1", known=known)
    assert [problem.code for problem in new.problems] == ["csv_unseen"]
    alike = sheet(f"group_id,group_name\n{encode(A)},Lab\n{encode(B)},Lab", known={A: "Lab", B: "lab"})
    assert [(problem.code, problem.facts["line"]) for problem in alike.problems] == [("csv_one_name", 3)]


@pytest.mark.shows("CSV-8")
def test_people_without_an_email_share_one_row_which_can_be_read_again() -> None:
    people = [WrittenPerson("Ann", None), WrittenPerson("Bo", "bo@x"), WrittenPerson("Cy", "")]
    rows = list(write_rows(A, [(B, "T", people), (A, "Empty", [])]))
    assert rows == [
        (encode(A), encode(B), "T", "Ann; Cy", ""),
        (encode(A), encode(B), "T", "Bo", "bo@x"),
        (encode(A), encode(A), "Empty", "", ""),
    ]
    assert read_sheet(read_table(decode(write_table(COLUMNS, rows)))).problems == ()
