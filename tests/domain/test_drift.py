"""Drift, three ways: nobody's change is lost, nothing is found where nothing differs, and a decision settles it."""

from dataclasses import replace
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lti_tool.domain.descriptions import same_text
from lti_tool.domain.drift import Choice, DriftKind, Sides, compare, own_part
from lti_tool.domain.drift_choices import all_of, base_after, offered, our_id, take
from lti_tool.domain.remote import RemoteGroup
from lti_tool.domain.sync import MirroredState, WantedGroup, plan_push

SPACE = UUID(int=7)
KNOWN = "12345"
STRANGERS = "xy"
IDS = "abcd"


def own(lms_id: str) -> UUID:
    return uuid5(SPACE, lms_id)


@st.composite
def divisions(draw: st.DrawFn, *, people: str, several: bool = False) -> dict[str, tuple[str, frozenset[str]]]:
    """A set: LMS id → name and people; everybody in one group at most, unless an LMS allows several."""
    ids = draw(st.lists(st.sampled_from(IDS), unique=True, max_size=4))
    names = draw(st.permutations(["A", "B", "C", "D", "E"]))
    placed: dict[str, set[str]] = {i: set() for i in ids}
    for person in people if ids else "":
        for place in draw(st.lists(st.sampled_from(ids), unique=True, max_size=2 if several else 1)):
            placed[place].add(person)
    return {i: (names[n], frozenset(placed[i])) for n, i in enumerate(ids)}


def sides_of(base: dict, ours: dict, theirs: dict, names: tuple[str, str, str] = ("S", "S", "S")) -> Sides:
    """Our group of an LMS id keeps its own id; what is not in ours was deleted here."""
    return Sides(
        names[0],
        [MirroredState(own(i) if i in ours else None, i, name, people) for i, (name, people) in base.items()],
        names[1],
        [WantedGroup(own(i), name, "", people) for i, (name, people) in ours.items() if i in base],
        names[2],
        [RemoteGroup(i, name, "", tuple(sorted(people))) for i, (name, people) in theirs.items()],
        frozenset(KNOWN),
    )


def pushed(sides: Sides, base: list[MirroredState]) -> dict[str, tuple[str, frozenset[str]]]:
    """What the LMS holds after a push of what we want against this base: groups by their LMS ids, new ones by ours."""
    push = plan_push(sides.ours, base)
    held = {g.lms_group_id: (g.name, frozenset(g.member_ids)) for g in sides.theirs}
    for gone in push.delete:
        held.pop(gone, None)
    for change in push.change:
        name, people = held[change.lms_group_id]
        held[change.lms_group_id] = (change.name or name, (people - set(change.remove)) | set(change.add))
    for new in push.create:
        held[f"new {new.name}"] = (new.name, frozenset(new.member_ids))
    return held


def ours_after(sides: Sides, choices: dict[str, Choice]) -> tuple[Sides, dict[str, UUID]]:
    """Our set after it took what was decided, as the store carries it out."""
    items = compare(sides)
    taken = take(sides, items, choices)
    made = {lms_id: own(f"made {lms_id}") for lms_id in taken.added}
    groups = {g.id: g for g in sides.ours if g.id not in taken.dropped}
    groups |= {made[i]: WantedGroup(made[i], name, "", frozenset()) for i, name in taken.added.items()}
    movers = {*taken.placed, *taken.taken_out}
    after = []
    for group in groups.values():
        incoming = {p for p, place in taken.placed.items() if our_id(sides, place, made) == group.id}
        people = (group.member_ids - movers) | incoming
        after.append(replace(group, name=taken.renamed.get(group.id, group.name), member_ids=frozenset(people)))
    return replace(sides, ours=after, our_name=taken.set_name or sides.our_name), made


base_and_ours = divisions(people=KNOWN)
anything = divisions(people=KNOWN + STRANGERS, several=True)
set_names = st.tuples(*[st.sampled_from(["S", "T", "U"])] * 3)


@given(base_and_ours, base_and_ours)
def test_nothing_is_found_where_the_lms_is_as_it_was_or_as_we_want_it(base: dict, ours: dict) -> None:
    kept = {lms_id: group for lms_id, group in ours.items() if lms_id in base}
    assert compare(sides_of(base, ours, base)) == ()
    assert compare(sides_of(base, kept, kept)) == ()


@given(base_and_ours, base_and_ours, divisions(people=KNOWN), set_names, st.sampled_from(Choice))
def test_one_decision_for_everything_leaves_nothing_to_decide(
    base: dict, ours: dict, theirs: dict, names: tuple[str, str, str], side: Choice
) -> None:
    sides = sides_of(base, ours, theirs, names)
    items = compare(sides)
    choices = all_of(items, side)
    after, made = ours_after(sides, choices)
    name, rows = base_after(sides, items, choices, made)
    assert compare(replace(after, base=rows, base_name=name)) == ()


@given(base_and_ours, base_and_ours, anything)
def test_ours_for_everything_makes_the_lms_ours_but_for_strangers(base: dict, ours: dict, theirs: dict) -> None:
    sides = sides_of(base, ours, theirs)
    items = compare(sides)
    choices = all_of(items, Choice.OURS)
    _, rows = base_after(sides, items, choices, {})
    held = pushed(sides, rows)
    kept = {item.lms_group_id for item in items if item.kind is DriftKind.GROUP_ADDED and item.strangers}
    found = sorted((n, sorted(set(p) - set(STRANGERS))) for i, (n, p) in held.items() if i not in kept)
    assert found == sorted((group.name, sorted(group.member_ids)) for group in sides.ours)
    strangers = {p for g in sides.theirs for p in g.member_ids if p in STRANGERS}
    doomed = {s.lms_group_id for s in sides.base if s.lms_group_id not in sides.ours_of}
    safe = {p for g in sides.theirs if g.lms_group_id not in doomed for p in g.member_ids if p in STRANGERS}
    assert safe <= {p for _, people in held.values() for p in people} <= strangers | set(KNOWN)


@given(base_and_ours, divisions(people=KNOWN + STRANGERS))
def test_theirs_for_everything_makes_ours_theirs_but_for_strangers(base: dict, theirs: dict) -> None:
    sides = sides_of(base, base, theirs)
    items = compare(sides)
    choices = all_of(items, Choice.THEIRS)
    after, made = ours_after(sides, choices)
    _, rows = base_after(sides, items, choices, made)
    assert not plan_push(after.ours, rows)
    assert sorted((g.name, sorted(g.member_ids)) for g in after.ours) == sorted(
        (name, sorted(people - set(STRANGERS))) for name, people in theirs.values()
    )


@given(base_and_ours, base_and_ours, anything)
def test_a_push_overwrites_no_change_that_is_not_a_conflict(base: dict, ours: dict, theirs: dict) -> None:
    sides = sides_of(base, ours, theirs)
    items = compare(sides)
    if any(item.conflict for item in items):
        return
    _, rows = base_after(sides, items, {}, {})
    held = pushed(sides, rows)
    for item in items:
        if item.kind is DriftKind.GROUP_RENAMED:
            assert held[item.lms_group_id][0] == item.theirs[0]
        if item.kind is DriftKind.GROUP_GONE:
            assert item.lms_group_id not in held
        if item.kind in (DriftKind.PERSON_ADDED, DriftKind.PERSON_REMOVED, DriftKind.PERSON_MOVED):
            places = {i for i, (_, people) in held.items() if item.lms_user_id in people}
            assert places == sides.their_places.get(item.lms_user_id, frozenset())


def a_set(**changes: dict[str, tuple[str, str]]) -> Sides:
    base = {"a": ("A", frozenset("12")), "b": ("B", frozenset("3"))}
    other = {side: {i: (n, frozenset(p)) for i, (n, p) in groups.items()} for side, groups in changes.items()}
    return sides_of(base, other.get("ours", base), other.get("theirs", base))


SAME = {"a": ("A", "12"), "b": ("B", "3")}


@pytest.mark.parametrize(
    ("theirs", "kind", "who"),
    [
        (SAME | {"a": ("Owls", "12")}, "group_renamed", "a"),
        ({"a": ("A", "12")}, "group_gone", "b"),
        (SAME | {"c": ("C", "4")}, "group_added", "c"),
        (SAME | {"b": ("B", "34")}, "person_added", "4"),
        (SAME | {"b": ("B", "3x")}, "stranger_added", "x"),
        (SAME | {"a": ("A", "1")}, "person_removed", "2"),
        ({"a": ("A", "1"), "b": ("B", "23")}, "person_moved", "2"),
        (SAME | {"b": ("B", "23")}, "person_doubled", "2"),
    ],
)
def test_each_kind_of_change_is_one_difference(theirs: dict, kind: str, who: str) -> None:
    (item,) = compare(a_set(theirs=theirs))
    assert (item.kind, item.lms_group_id or item.lms_user_id, item.conflict) == (kind, who, False)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (SAME | {"a": ("Ours", "12")}, SAME | {"a": ("Theirs", "12")}),
        (SAME | {"b": ("B", "34")}, {"a": ("A", "12")}),
        ({"a": ("A", "1"), "b": ("B", "23")}, SAME | {"a": ("A", "1")}),
        ({"a": ("A", "12")}, SAME | {"b": ("Kept", "3")}),
        (SAME | {"a": ("A", "124")}, SAME | {"b": ("B", "34")}),
    ],
    ids=["both renamed", "deleted there, filled here", "removed there, moved here", "renamed there, deleted here", "4"],
)
def test_what_both_changed_is_a_conflict(ours: dict, theirs: dict) -> None:
    (item,) = compare(a_set(ours=ours, theirs=theirs))
    assert item.conflict


def test_what_both_changed_alike_is_none() -> None:
    both = {"a": ("Owls", "1"), "b": ("B", "324")}
    assert compare(a_set(ours=both, theirs=both)) == ()


texts = st.sampled_from(["", "one", "two < three", "<p>two &lt;&nbsp;three</p>\n", "<p>one</p>"])


def described(base: str, ours: str, theirs: str) -> Sides:
    sides = a_set()
    return replace(
        sides,
        base=[replace(state, description=base) for state in sides.base],
        ours=[replace(group, description=ours) for group in sides.ours],
        theirs=[replace(group, description=theirs) for group in sides.theirs],
    )


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (("one", "one", "<p>one</p>"), None),  # as the LMS writes it
        (("one", "two", "<p>one</p>"), None),  # only we changed it
        (("one", "two", "two"), None),
        (("one", "one", "<p>three &amp; four</p>"), (False, ("one",), ("one",), ("three & four",))),
        (("one", "two", ""), (True, ("one",), ("two",), ("",))),
    ],
)
def test_a_description_differs_by_what_people_read(texts: tuple[str, str, str], found: tuple | None) -> None:
    items = compare(described(*texts))
    assert {item.kind for item in items} <= {DriftKind.GROUP_DESCRIBED}
    told = {(item.conflict, item.base, item.ours, item.theirs) for item in items}
    assert told == ({found} if found else set())
    assert {item.group_name for item in items} == ({"A", "B"} if found else set())


@given(texts, texts, texts, st.sampled_from(Choice))
def test_a_decision_about_descriptions_leaves_none_to_be_made(base: str, ours: str, theirs: str, side: Choice) -> None:
    sides = described(base, ours, theirs)
    items = compare(sides)
    choices = all_of(items, side)
    taken = take(sides, items, choices).described
    _, rows = base_after(sides, items, choices, {})
    after = [replace(group, description=taken.get(group.id, group.description)) for group in sides.ours]
    assert compare(replace(sides, base=rows, ours=after)) == ()
    sent = {change.lms_group_id: change.description for change in plan_push(after, rows).change}
    held = {group.lms_group_id: sent.get(group.lms_group_id, group.description) for group in sides.theirs}
    kept = theirs if items and side is Choice.THEIRS else ours
    assert all(same_text(text, kept) or (not items and same_text(text, theirs)) for text in held.values())


def test_what_is_left_undecided_of_a_group_is_found_again() -> None:
    sides = described("one", "one", "two")
    sides = replace(sides, theirs=[replace(group, name=f"{group.name}!") for group in sides.theirs])
    items = compare(sides)
    choices = {item.key: Choice.OURS for item in items if item.kind is DriftKind.GROUP_RENAMED}
    _, rows = base_after(sides, items, choices, {})
    assert [item.kind for item in compare(replace(sides, base=rows))] == [DriftKind.GROUP_DESCRIBED] * 2
    assert {change.name for change in plan_push(sides.ours, rows).change} == {"A", "B"}


def test_a_group_that_strangers_are_in_is_not_offered_for_deletion() -> None:
    (item,) = compare(a_set(theirs=SAME | {"c": ("C", "4x")}))
    assert (item.people, item.strangers, item.choices) == (("4",), ("x",), {Choice.THEIRS})
    assert offered([item], {item.key: Choice.OURS}) == {}


def test_what_a_push_that_broke_off_may_have_done_is_no_drift() -> None:
    half = a_set(ours={"a": ("Owls", "1"), "b": ("B", "23")}, theirs={"a": ("Owls", "12"), "b": ("B", "23")})
    known = replace(half, base=own_part(half))
    assert compare(known) == ()
    assert plan_push(known.ours, known.base).change[0].remove == ("2",)
    taken_back = a_set(theirs={"a": ("A", "12"), "b": ("B", "23")})
    known = replace(taken_back, base=own_part(taken_back))
    assert compare(known) == ()
    assert plan_push(known.ours, known.base).change[0].remove == ("2",)


def test_a_group_that_it_made_is_ours_with_those_whom_it_may_have_placed() -> None:
    sides = a_set(ours={"a": ("A", "123"), "b": ("B", "4")}, theirs={"a": ("A", "14"), "c": ("A", "2")})
    half = replace(sides, base=[])
    items = compare(replace(half, base=own_part(half)))
    assert [(item.lms_group_id, item.lms_user_id, item.conflict) for item in items] == [
        ("c", "", False),
        ("", "4", True),
    ]
    alone = replace(half, theirs=half.theirs[:1])
    (state,) = own_part(alone)
    assert (state.group_id, state.lms_group_id, state.member_ids) == (own("a"), "a", frozenset("1"))
    push = plan_push(alone.ours, [state])
    assert ([new.name for new in push.create], [change.add for change in push.change]) == (["B"], [("2", "3")])


def test_what_it_cannot_have_done_still_is() -> None:
    changed = a_set(ours={"a": ("A", "1"), "b": ("B", "32")}, theirs={"a": ("Theirs", "12")})
    kinds = {item.kind for item in compare(replace(changed, base=own_part(changed)))}
    assert kinds == {DriftKind.GROUP_RENAMED, DriftKind.GROUP_GONE}
