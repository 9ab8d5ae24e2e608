"""What a file would do: whom its e-mails mean, and how its groups are matched with those of a set."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lti_tool.domain.proposals import ChosenPerson, Missing, Person, PresentGroup, ProposedGroup, compare, propose
from lti_tool.domain.spreadsheet import read_sheet
from lti_tool.domain.tables import read_table

X, Y, Z = (UUID(int=n) for n in (1, 2, 3))


def person(key: UUID, email: str | None, *, active: bool = True) -> Person:
    return Person(key, f"Person {key.int}", email, active)


def proposed(text: str, *people: Person):
    return propose(read_sheet(read_table("group_name,email\n" + text)), people)


@pytest.mark.shows("CSV-3", "MODEL-51")
def test_people_are_found_by_email_without_case() -> None:
    found = proposed("T,ANN@x\nT, ta@x ", person(X, "Ann@x "), person(Y, "ta@X"))
    assert found.groups[0].members == (X, Y)
    assert found.missing == ()


@pytest.mark.shows("CSV-3")
@pytest.mark.parametrize(
    ("people", "reason"),
    [
        ([], Missing.UNKNOWN),
        ([person(X, None), person(Y, "")], Missing.UNKNOWN),
        ([person(X, "a@x"), person(Y, "A@x")], Missing.AMBIGUOUS),
        ([person(X, "a@x", active=False)], Missing.NOT_ACTIVE),
        ([person(X, "a@x", active=False), person(Y, "a@x", active=False)], Missing.AMBIGUOUS),
        ([person(X, "a@x"), person(Y, "a@x"), person(UUID(int=9), "a@x", active=False)], Missing.AMBIGUOUS),
    ],
)
def test_who_cannot_be_in_a_group_is_left_out_and_listed(people: list[Person], reason: Missing) -> None:
    found = proposed("T,b@x\nT,a@x", person(Z, "b@x"), *people)
    assert found.groups == (ProposedGroup("T", (Z,), None, 1),)
    assert [(m.line, m.email, m.group, m.reason) for m in found.missing] == [(3, "a@x", "T", reason)]


@pytest.mark.shows("CSV-3")
def test_of_two_with_one_email_the_only_active_one_is_meant_and_that_is_told() -> None:
    found = proposed("T,b@x\nT,A@x", person(X, "a@x", active=False), person(Y, "a@x"), person(Z, "b@x"))
    assert found.groups[0].members == (Z, Y)
    assert found.chosen == (ChosenPerson(3, "A@x", Y),)


def test_look_alikes_and_people_in_two_groups_are_told() -> None:
    found = proposed("Team 1,a@x\nteam  1,b@x\nOther,a@x", person(X, "a@x"), person(Y, "b@x"))
    assert found.look_alikes == (("Team 1", "team  1"),)
    assert found.in_several == ((X, ("Team 1", "Other")),)
    assert found.people == 2


def group(name: str, *members: UUID, key: UUID | None = None) -> ProposedGroup:
    return ProposedGroup(name, members, key)


@pytest.mark.shows("CSV-5", "CSV-6", "MODEL-41", "MODEL-42")
def test_groups_are_matched_by_id_then_by_name_and_the_rest_goes() -> None:
    present = [PresentGroup(X, "Red", (X, Y)), PresentGroup(Y, "Blue", (Z,)), PresentGroup(Z, "Old", (X,))]
    plan = compare([group("Blue", X), group("Scarlet", Y, Z, key=X), group("red")], present)
    assert [(g.id, g.name) for g in plan.groups] == [(Y, "Blue"), (X, "Scarlet"), (None, "red")]
    assert plan.added == ("red",)
    assert [g.name for g in plan.removed] == ["Old"]
    assert plan.renamed == (("Red", "Scarlet"),)
    assert [(u.name, u.added, u.removed) for u in plan.updated] == [("Blue", (X,), (Z,)), ("Scarlet", (Z,), (X,))]


def test_a_name_does_not_take_a_group_that_an_id_names() -> None:
    present = [PresentGroup(X, "A", ()), PresentGroup(Y, "B", ())]
    plan = compare([group("A"), group("B", key=X)], present)
    assert [g.id for g in plan.groups] == [None, X]
    assert [g.id for g in plan.removed] == [Y]


@pytest.mark.shows("MODEL-13")
def test_a_group_of_the_lms_stays_as_it_is_or_makes_room() -> None:
    present = [PresentGroup(X, "A", (X, Y), editable=False), PresentGroup(Y, "B", (), editable=False)]
    plan = compare([group("A", Y, X), group("B", Z)], present)
    assert [g.id for g in plan.groups] == [X, None]
    assert plan.added == ("B",)
    assert [g.id for g in plan.removed] == [Y]
    assert plan.updated == ()


members = st.lists(st.sampled_from([X, Y, Z]), unique=True).map(tuple)


@pytest.mark.shows("CSV-7")
@given(st.dictionaries(st.sampled_from("ABCD"), members), st.lists(st.tuples(st.sampled_from("ABCDE"), members)))
def test_the_plan_has_the_groups_of_the_file_in_its_order_and_nothing_is_lost(old, new) -> None:
    present = [PresentGroup(uuid4(), name, held) for name, held in old.items()]
    wanted = [group(name, *held) for name, held in dict(new).items()]
    plan = compare(wanted, present)
    assert [(g.name, g.members) for g in plan.groups] == [(g.name, g.members) for g in wanted]
    kept = [g.id for g in plan.groups if g.id]
    assert len(set(kept)) == len(kept)
    assert {*kept, *(g.id for g in plan.removed)} == {g.id for g in present}
    assert len(plan.added) == len(wanted) - len(kept)
