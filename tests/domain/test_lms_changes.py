"""Intents: sent again after any part of them arrived, they end where one sending would have ended."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lti_tool.domain.errors import LmsChanged, RuleViolation
from lti_tool.domain.group_push import GroupChange, GroupSetPush, NewGroup, require_unrenamed
from lti_tool.domain.lms_changes import (
    AssignUnassigned,
    ChangeGroups,
    CreateSet,
    DeleteSet,
    EditSet,
    ReadAgain,
    from_json,
    kind_of,
    left_of,
    moved_meanwhile,
    overlap,
    replaces,
    require_options,
    size_of,
    to_json,
    with_seen_places,
    with_seen_text,
)
from lti_tool.domain.remote import RemoteGroup, RemoteGroups, RemoteGroupSet, SetOptions

PEOPLE = tuple("abcdefgh")
GROUPS = ("1", "2", "3")


class World:
    """A set of an LMS to which the single steps of an intent are done; `exclusive` as Canvas is."""

    def __init__(self, groups, exclusive):
        self.groups = {g.lms_group_id: g for g in groups}
        self.exclusive = exclusive

    def steps(self, push):
        yield from (("delete", gone) for gone in push.delete)
        for change in push.change:
            if change.name is not None:
                yield "name", change.lms_group_id, change.name
            if change.description is not None:
                yield "describe", change.lms_group_id, change.description
        yield from (("create", new.name) for new in push.create)
        for new in push.create:
            yield from (("add", f"new {new.name}", person) for person in new.member_ids)
        for change in push.change:
            yield from (("add", change.lms_group_id, person) for person in change.add)
        for change in push.change:
            yield from (("remove", change.lms_group_id, person) for person in change.remove)

    def do(self, step):
        kind, name, *rest = step
        if kind == "create":
            self.groups.setdefault(f"new {name}", RemoteGroup(f"new {name}", name))
            return
        group = self.groups.get(name)
        if group is None:
            return
        if kind == "delete":
            del self.groups[name]
        elif kind == "name":
            self.groups[name] = replace(group, name=rest[0])
        elif kind == "describe":
            self.groups[name] = replace(group, description=rest[0])
        elif kind == "remove":
            self.groups[name] = replace(group, member_ids=tuple(p for p in group.member_ids if p != rest[0]))
        else:
            for other in list(self.groups.values()) if self.exclusive else ():
                self.do(("remove", other.lms_group_id, rest[0]))
            members = dict.fromkeys((*self.groups[name].member_ids, rest[0]))
            self.groups[name] = replace(self.groups[name], member_ids=tuple(members))

    def remote(self):
        return RemoteGroups((), tuple(self.groups.values()))

    def state(self):
        return {(g.name, g.description, frozenset(g.member_ids)) for g in self.groups.values()}


@st.composite
def intents(draw):
    """A set, and an intent as our edits make them: moves, renames, new groups with people, deletions."""
    places = {person: draw(st.sampled_from([None, *GROUPS])) for person in PEOPLE}
    before = [RemoteGroup(g, f"G{g}", "", tuple(p for p in PEOPLE if places[p] == g)) for g in GROUPS]
    targets = {person: draw(st.sampled_from(["stay", "out", "new", *GROUPS])) for person in PEOPLE}
    gone = draw(st.sets(st.sampled_from(GROUPS), max_size=1))
    add = {g: [p for p in PEOPLE if targets[p] == g != places[p] and g not in gone] for g in GROUPS}
    moving = {p for people in add.values() for p in people} | {p for p in PEOPLE if targets[p] in ("out", "new")}
    change = []
    for group in before:
        if group.lms_group_id in gone:
            continue
        leaving = tuple(p for p in group.member_ids if p in moving)
        name = draw(st.sampled_from([None, f"Renamed {group.lms_group_id}"]))
        text = draw(st.sampled_from([None, "words"]))
        joining = tuple(add[group.lms_group_id])
        if name or text or joining or leaving:
            change.append(GroupChange(group.lms_group_id, name, joining, leaving, group, text))
    made = tuple(p for p in PEOPLE if targets[p] == "new")
    create = (NewGroup("Fresh", "", made),) if made else ()
    return before, ChangeGroups(GroupSetPush(create, tuple(change), tuple(gone)), GROUPS)


@given(intents(), st.booleans(), st.integers(0, 40))
def test_what_is_left_after_any_part_ends_where_one_sending_ends(given_intent, exclusive, done):
    before, intent = given_intent
    whole = World(before, exclusive)
    for step in whole.steps(intent.push):
        whole.do(step)
    assert left_of(intent, whole.remote()) is None
    assert not moved_meanwhile(intent, whole.remote())
    partly = World(before, exclusive)
    for step in list(partly.steps(intent.push))[:done]:
        partly.do(step)
    assert not moved_meanwhile(intent, partly.remote()), "our own half is nobody else's change"
    left = left_of(intent, partly.remote())
    for step in partly.steps(left.push) if left else ():
        partly.do(step)
    assert partly.state() == whole.state()


@given(intents())
def test_an_intent_survives_its_row(given_intent):
    _, intent = given_intent
    assert from_json(kind_of(intent), to_json(intent)) == intent


@pytest.mark.parametrize(
    "intent",
    [
        CreateSet("A", SetOptions("enabled", None, 4)),
        EditSet(None, SetOptions(off=("group_limit",)), "A"),
        DeleteSet(("1", "2")),
        AssignUnassigned(),
        ReadAgain(),
    ],
)
def test_every_kind_of_intent_survives_its_row(intent):
    assert from_json(kind_of(intent), to_json(intent)) == intent


def move(person, old, new):
    return ChangeGroups(
        GroupSetPush(
            change=(
                GroupChange(old, None, (), (person,), RemoteGroup(old, f"G{old}", "", (person,))),
                GroupChange(new, None, (person,), (), RemoteGroup(new, f"G{new}")),
            )
        ),
        GROUPS,
    )


def test_a_person_whom_somebody_moved_to_a_third_group_is_not_moved_again():
    there = RemoteGroups((), (RemoteGroup("1", "G1"), RemoteGroup("2", "G2"), RemoteGroup("3", "G3", "", ("a",))))
    assert moved_meanwhile(move("a", "1", "2"), there) == ("a",)
    out = RemoteGroups((), (RemoteGroup("1", "G1"), RemoteGroup("2", "G2")))
    assert not moved_meanwhile(move("a", "1", "2"), out)  # taken out only: nothing is overwritten


@given(intents(), st.booleans(), st.lists(st.sampled_from([None, *GROUPS]), min_size=8, max_size=8))
def test_who_has_seen_where_others_put_people_moves_them_all_the_same(given_intent, exclusive, places):
    before, intent = given_intent
    theirs = [
        replace(g, member_ids=tuple(p for p, g2 in zip(PEOPLE, places, strict=True) if g2 == g.lms_group_id))
        for g in before
    ]
    there = World(theirs, exclusive)
    seen = with_seen_places(intent, there.remote())
    assert not moved_meanwhile(seen, there.remote())
    assert seen.push.arriving == intent.push.arriving
    for step in there.steps(seen.push):
        there.do(step)
    wanted = {p: {c.lms_group_id} for c in intent.push.change for p in c.add}
    wanted |= {p: {f"new {new.name}"} for new in intent.push.create for p in new.member_ids}
    assert {p: {g.lms_group_id for g in there.remote().groups if p in g.member_ids} for p in wanted} == wanted


@pytest.mark.parametrize(
    ("places", "told", "out"),
    [
        ({"a": ("1",)}, "a", ()),  # as it is known
        ({"a": ("2",)}, "a", ()),  # there already
        ({}, "a", ("a",)),
        ({}, "b", ()),  # nobody would tell where a is
    ],
)
def test_whom_others_took_out_of_their_group_is_told_of_those_who_shall_come_into_another(places, told, out):
    assert move("a", "1", "2").push.taken_out_by_others(places, told) == out
    stays = GroupSetPush(change=(GroupChange("1", known=RemoteGroup("1", "G", "", ("a",)), remove=("a",)),))
    assert stays.taken_out_by_others(places, told) == ()


def test_what_a_newer_change_replaces():
    several = ChangeGroups(GroupSetPush(change=(GroupChange("2", add=("a", "b")),)), what="assign", count=2)
    undone = ChangeGroups(GroupSetPush(change=(GroupChange("2", remove=("a",)),)), what="undone")
    rename = ChangeGroups(GroupSetPush(change=(GroupChange("2", "Ours", add=("a",)),)))
    assert replaces(move("a", "1", "3"), move("a", "1", "2"))
    assert replaces(several, move("a", "1", "2"))
    assert not replaces(move("a", "1", "2"), several), "b still waits for a decision"
    assert not replaces(move("b", "1", "2"), move("a", "1", "2"))
    assert not replaces(move("a", "1", "3"), rename)
    assert replaces(undone, several)
    assert not replaces(undone, move("a", "1", "2")), "no bulk change, so it was not what is undone"
    assert not replaces(DeleteSet(), several)


@pytest.mark.parametrize("found", ["Old", "Ours", "Theirs"])
def test_a_name_that_nobody_here_has_seen_is_not_overwritten_until_somebody_has(found):
    rename = ChangeGroups(GroupSetPush(change=(GroupChange("1", "Ours", name_before="Old"), GroupChange("2"))), ("1",))
    if found == "Theirs":
        with pytest.raises(LmsChanged, match="renamed_meanwhile") as caught:
            require_unrenamed(found, "Old", "Ours")
        assert caught.value.facts == {"before": "Old", "found": "Theirs", "wanted": "Ours"}
    else:
        require_unrenamed(found, "Old", "Ours")
    require_unrenamed(found, None, "Ours")
    require_unrenamed(found, "Old", None)
    seen = with_seen_text(rename, "renamed_meanwhile", "Old", found)
    assert [change.name_before for change in seen.push.change] == [found, None]
    assert with_seen_text(EditSet("Ours", name_before="Old"), "renamed_meanwhile", "Old", found).name_before == found


def test_an_older_twin_is_not_taken_for_the_group_that_was_to_be_made():
    intent = ChangeGroups(GroupSetPush(create=(NewGroup("Twin", "", ("a",)),)), ("1",))
    assert left_of(intent, RemoteGroups((), (RemoteGroup("1", "Twin"),))) == intent
    left = left_of(intent, RemoteGroups((), (RemoteGroup("1", "Twin"), RemoteGroup("9", "Twin"))))
    assert [(c.lms_group_id, c.add) for c in left.push.change] == [("9", ("a",))]


def test_what_is_left_of_a_set():
    options = SetOptions("enabled", None, 4)
    has = RemoteGroups((RemoteGroupSet("s", "New", (), options),))
    assert left_of(EditSet("New", options, "Old"), has) is None
    assert left_of(EditSet("New", SetOptions(off=("group_limit",)), "Old"), has) == EditSet(
        None, SetOptions(off=("group_limit",)), "Old"
    )
    assert left_of(DeleteSet(), None) is None
    assert left_of(DeleteSet(), has) == DeleteSet()
    assert left_of(EditSet("New"), None) == EditSet("New")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (move("a", "1", "2"), move("a", "1", "3"), True),
        (move("a", "1", "2"), move("b", "1", "2"), False),
        (move("a", "1", "2"), ChangeGroups(GroupSetPush(delete=("2",))), True),
        (move("a", "1", "2"), DeleteSet(), True),
        (move("a", "1", "2"), EditSet("x"), False),
        (EditSet("x"), EditSet("y"), True),
        (CreateSet("x"), CreateSet("x"), True),
        (CreateSet("x"), CreateSet("y"), False),
        (AssignUnassigned(), AssignUnassigned(), True),
        (ReadAgain(), DeleteSet(), False),
    ],
)
def test_changes_of_the_same_things_come_one_after_the_other(one, other, same):
    assert overlap(one, other) is overlap(other, one) is same


@pytest.mark.parametrize(
    "wrong",
    [
        SetOptions("yes"),
        SetOptions(None, "last"),
        *(SetOptions(group_limit=n) for n in (0, 1, -3)),
        SetOptions(off=("x",)),
    ],
)
def test_options_that_canvas_would_drop_are_refused_before_anything_is_asked(wrong):
    with pytest.raises(RuleViolation, match="set_options_invalid"):
        require_options(wrong, has_options=True)
    with pytest.raises(RuleViolation, match="options_unsupported"):
        require_options(SetOptions("enabled"), has_options=False)
    require_options(SetOptions("restricted", "random", 2), has_options=True)


def test_a_page_does_not_wait_for_many():
    assert size_of(move("a", "1", "2")) == 1
    assert size_of(AssignUnassigned()) > 50
    assert size_of(DeleteSet()) == 0
