"""Taking a bulk change back: what it did and nothing else, whatever happened since."""

from dataclasses import replace
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from lti_tool.domain.undo import GroupState, SetState, UndoPlan, from_json, moved_since, plan_undo, rewound, to_json

GROUPS = [UUID(int=n) for n in range(1, 7)]
PEOPLE = [UUID(int=n) for n in range(101, 109)]
EVERYBODY = frozenset(PEOPLE)


def group(key: UUID, *members: UUID, name: str = "", local: bool = True) -> GroupState:
    return GroupState(key, name or f"g{key.int}", "", False, local, members)


@st.composite
def states(draw: st.DrawFn) -> SetState:
    """Any set of groups; a person may be in several."""
    return SetState(
        tuple(
            GroupState(
                key,
                draw(st.sampled_from(["red", "green", "blue"])),
                draw(st.sampled_from(["", "why"])),
                draw(st.booleans()),
                True,
                tuple(draw(st.lists(st.sampled_from(PEOPLE), unique=True, max_size=5))),
            )
            for key in draw(st.lists(st.sampled_from(GROUPS), unique=True))
        ),
        filename=draw(st.sampled_from([None, "a.csv", "b.csv"])),
    )


def applied(plan: UndoPlan, state: SetState) -> SetState:
    """Do what a plan says to a set in memory: the naive reference of the service."""
    rows = state.known | {g.id: replace(g, members=()) for g in plan.bring_back} | {g.id: g for g in plan.texts}
    rows |= {key: replace(rows[key], members=people) for key, people in plan.members.items()}
    return SetState(tuple(rows[key] for key in plan.order), (), plan.filename, plan.read_at)


@given(states(), states())
def test_a_change_and_its_undo_give_what_was_before(before: SetState, after: SetState) -> None:
    plan = plan_undo(before, after, after, EVERYBODY)
    assert applied(plan, after) == before
    assert plan.left_out == frozenset()
    assert set(plan.drop) == after.ids - before.ids


@given(states(), states())
def test_undo_and_redo_give_what_the_change_made(before: SetState, after: SetState) -> None:
    undone = applied(plan_undo(before, after, after, EVERYBODY), after)
    assert applied(plan_undo(after, undone, undone, EVERYBODY), undone) == after


@given(states(), states(), st.sets(st.sampled_from(PEOPLE)))
def test_who_left_the_course_is_put_nowhere_and_named_when_they_would_have_been(
    before: SetState, after: SetState, gone: set[UUID]
) -> None:
    present = replace(
        after, groups=tuple(replace(g, members=tuple(m for m in g.members if m not in gone)) for g in after.groups)
    )
    plan = plan_undo(before, after, present, EVERYBODY - gone)
    result = applied(plan, present)
    assert not {m for g in result.groups for m in g.members} & gone
    taken = {m for g in before.groups for m in g.members if m not in after.known.get(g.id, group(g.id)).members}
    assert plan.left_out == taken & gone
    assert {g.id: set(g.members) for g in result.groups} == {g.id: set(g.members) - gone for g in before.groups}


@given(states())
def test_a_state_survives_the_store(state: SetState) -> None:
    assert from_json(to_json(state)) == state
    outside = SetState((), state.groups, None, "2026-11-21T12:00:00+00:00")
    assert from_json(to_json(outside)) == outside


A, B, C = GROUPS[:3]
ANN, BEN, CAT = PEOPLE[:3]


def places(state: SetState) -> dict[UUID, set[UUID]]:
    return {person: {g.id for g in state.groups if person in g.members} for person in PEOPLE}


@given(states(), st.dictionaries(st.sampled_from(PEOPLE), st.sets(st.sampled_from(GROUPS))), st.data())
def test_only_who_was_moved_goes_back_and_whom_others_moved_since_stays(
    after: SetState, were: dict[UUID, set[UUID]], data: st.DataObject
) -> None:
    made = data.draw(st.sets(st.sampled_from(sorted(after.ids)))) if after.ids else set()
    before = rewound(after, were, made)
    assert before.ids == after.ids - made
    for person, held in places(before).items():
        assert held == (were.get(person, places(after)[person]) & after.ids) - made
    others = set(data.draw(st.lists(st.sampled_from(PEOPLE), max_size=3)))
    present = rewound(after, {person: data.draw(st.sets(st.sampled_from(GROUPS))) for person in others})
    moved = moved_since(after, present)
    assert moved <= others
    there = places(applied(plan_undo(before, after, present, EVERYBODY - moved), present))
    for person in EVERYBODY - moved:
        assert there[person] == places(before)[person]
    for person in moved - were.keys():
        assert there[person] == places(present)[person] - made


def test_what_others_did_since_stays() -> None:
    before = SetState((group(A, ANN), group(B)))
    after = SetState((group(A), group(B, ANN)))
    present = SetState((group(A, CAT), group(B, ANN, BEN, name="renamed")))
    result = applied(plan_undo(before, after, present, EVERYBODY), present)
    assert result == SetState((group(A, ANN, CAT), group(B, BEN, name="renamed")))


def test_who_was_put_into_a_third_group_since_stays_there_and_is_named() -> None:
    before = SetState((group(A, ANN), group(B), group(C)))
    after = SetState((group(A), group(B, ANN), group(C)))
    present = SetState((group(A), group(B), group(C, ANN)))
    plan = plan_undo(before, after, present, EVERYBODY)
    assert applied(plan, present) == present
    assert plan.left_out == {ANN}


def test_a_group_that_left_the_set_and_lives_in_another_comes_back_as_it_is_now() -> None:
    before = SetState((group(A, ANN), group(B)))
    after = SetState((group(B),), (group(A, ANN),))
    present = SetState((group(B),), (group(A, ANN, BEN),))
    plan = plan_undo(before, after, present, EVERYBODY)
    assert plan.bring_back == ()
    assert applied(plan, present) == SetState((group(A, ANN, BEN), group(B)))


def test_a_group_that_was_brought_into_the_set_leaves_it_with_its_people() -> None:
    before, after = SetState((group(A),)), SetState((group(A), group(B, ANN)))
    plan = plan_undo(before, after, after, EVERYBODY)
    assert (plan.order, plan.drop, dict(plan.members)) == ((A,), (B,), {})


def test_a_group_that_somebody_deleted_since_stays_away_and_its_people_are_named() -> None:
    before, after = SetState((group(A, ANN), group(B))), SetState((group(A), group(B, ANN)))
    plan = plan_undo(before, after, SetState((group(B, ANN),)), EVERYBODY)
    assert (plan.order, plan.bring_back, plan.left_out) == ((B,), (), {ANN})


def test_a_group_of_the_lms_that_is_gone_is_not_made_up() -> None:
    before, after = SetState((group(A, ANN, local=False),)), SetState()
    assert plan_undo(before, after, SetState(), EVERYBODY).bring_back == ()
