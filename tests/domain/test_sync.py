"""The two diffs: a pull makes the store what the LMS has, a push makes the LMS what we want."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lti_tool.domain.pull_names import labels_of
from lti_tool.domain.remote import RemoteGroup, RemoteGroups, RemoteGroupSet
from lti_tool.domain.sync import (
    UNGROUPED_SET_ID,
    KnownGroup,
    KnownGroupSet,
    MirroredState,
    Person,
    WantedGroup,
    mirror_after,
    plan_pull,
    plan_push,
)

ANA, BO, OLD = (Person(uuid4(), belongs=belongs) for belongs in (True, True, False))
PEOPLE = {"1": ANA, "2": BO, "3": OLD}


def remote(*groups: RemoteGroup, sets: tuple[RemoteGroupSet, ...] | None = None) -> RemoteGroups:
    ids = tuple(group.lms_group_id for group in groups)
    return RemoteGroups(sets if sets is not None else (RemoteGroupSet("s", "Teams", ids),), groups)


def known_group(lms_id: str, name: str, *members: UUID) -> KnownGroup:
    return KnownGroup(uuid4(), lms_id, name, "", frozenset(members))


@pytest.mark.shows("MODEL-22", "MODEL-36")
def test_new_sets_and_groups_come_in_the_order_of_the_lms() -> None:
    plan = plan_pull([], [], remote(RemoteGroup("b", "B"), RemoteGroup("a", "A")), PEOPLE)
    assert [group.name for group in plan.groups] == ["B", "A"]
    assert [(s.id, s.name, s.group_ids) for s in plan.group_sets] == [(None, "Teams", ("b", "a"))]


@pytest.mark.shows("MODEL-20", "MODEL-21", "PULL-15")
def test_a_known_group_keeps_its_id_and_takes_name_and_members() -> None:
    ours = known_group("a", "Old name", BO.id)
    plan = plan_pull([], [ours], remote(RemoteGroup("a", "New name", member_ids=("1",))), PEOPLE)
    (planned,) = plan.groups
    assert (planned.id, planned.renamed, planned.add, planned.remove) == (ours.id, True, (ANA.id,), (BO.id,))


@pytest.mark.shows("MODEL-23", "PULL-39")
def test_what_the_lms_no_longer_has_is_removed() -> None:
    gone = known_group("a", "A")
    empty_set = KnownGroupSet(uuid4(), "s", "Teams", ("a",))
    plan = plan_pull([empty_set], [gone], RemoteGroups(), PEOPLE)
    assert (plan.remove_groups, plan.remove_group_sets) == ((gone.id,), (empty_set.id,))


@pytest.mark.parametrize("kept", [("s",), ("s", "t")])
def test_a_set_that_is_left_out_brings_nothing_but_what_others_hold_too(kept: tuple[str, ...]) -> None:
    sets = tuple(RemoteGroupSet(lms_id, lms_id, ("a", "b") if lms_id == "s" else ("b",)) for lms_id in kept)
    fetched = remote(RemoteGroup("a", "A"), RemoteGroup("b", "B"), RemoteGroup("c", "C"), sets=sets)
    known = [known_group("a", "A"), known_group("b", "B")]
    plan = plan_pull([], known, fetched, PEOPLE, left_out=frozenset({"s"}))
    stays = ["b"] if "t" in kept else []
    assert [group.lms_group_id for group in plan.groups] == [*stays, "c"]
    assert [s.lms_group_set_id for s in plan.group_sets] == [*kept[1:], UNGROUPED_SET_ID]
    assert plan.remove_groups == tuple(group.id for group in known if group.lms_group_id not in stays)
    plan = plan_pull([], [], fetched, PEOPLE, left_out=frozenset({"s", UNGROUPED_SET_ID}))
    assert [group.lms_group_id for group in plan.groups] == stays
    ours = frozenset({"a", "gone"})  # held by sets of our own
    plan = plan_pull([], known, fetched, PEOPLE, left_out=frozenset({"s"}), held_here=ours)
    assert [group.lms_group_id for group in plan.groups] == ["a", *stays, "c"]
    assert [s.lms_group_set_id for s in plan.group_sets] == [*kept[1:], UNGROUPED_SET_ID]
    assert plan.remove_groups == tuple(group.id for group in known[1:] if not stays)


@pytest.mark.shows("MODEL-25", "MODEL-34")
def test_strangers_and_inactive_people_are_left_out_and_counted_apart() -> None:
    plan = plan_pull([], [], remote(RemoteGroup("a", "A", member_ids=("1", "3", "99", "98"))), PEOPLE)
    assert plan.groups[0].add == (ANA.id,)
    assert (plan.groups[0].strangers, plan.groups[0].inactive) == (("99", "98"), 1)


@pytest.mark.shows("MODEL-30", "MODEL-32")
def test_a_moodle_group_in_two_sets_is_one_group_and_leaving_one_set_only_dereferences_it() -> None:
    shared = RemoteGroup("a", "A")
    both = (RemoteGroupSet("s", "S", ("a",)), RemoteGroupSet("t", "T", ("a",)))
    assert len(plan_pull([], [], remote(shared, sets=both), PEOPLE).groups) == 1
    known_sets = [KnownGroupSet(uuid4(), "s", "S", ("a",)), KnownGroupSet(uuid4(), "t", "T", ("a",))]
    left = (RemoteGroupSet("s", "S", ("a",)), RemoteGroupSet("t", "T", ()))
    plan = plan_pull(known_sets, [known_group("a", "A")], remote(shared, sets=left), PEOPLE)
    assert plan.remove_groups == ()
    assert [(s.lms_group_set_id, s.reordered) for s in plan.group_sets] == [("s", False), ("t", True)]


def test_groups_in_no_set_are_shown_in_one_of_their_own() -> None:
    plan = plan_pull([], [], remote(RemoteGroup("a", "A"), sets=()), PEOPLE)
    assert [(s.lms_group_set_id, s.group_ids) for s in plan.group_sets] == [(UNGROUPED_SET_ID, ("a",))]


def test_mirrors_of_published_sets_are_left_alone() -> None:
    sets = (RemoteGroupSet("s", "Connected", ("a",)), RemoteGroupSet("m", "Mirror", ("b",)))
    groups = remote(RemoteGroup("a", "A"), RemoteGroup("b", "B"), RemoteGroup("c", "C"), sets=sets)
    plan = plan_pull([], [], groups, PEOPLE, mirrored_sets=frozenset("m"), mirrored_groups=frozenset("bc"))
    assert [s.name for s in plan.group_sets] == ["Connected"]
    assert [group.name for group in plan.groups] == ["A"]


@pytest.mark.shows("MODEL-160")
def test_two_groups_of_one_name_are_both_kept() -> None:
    plan = plan_pull([], [], remote(RemoteGroup("a", "Same"), RemoteGroup("b", "Same")), PEOPLE)
    assert [group.lms_group_id for group in plan.groups] == ["a", "b"]


@pytest.mark.shows("MODEL-25", "MODEL-34")
def test_each_group_has_its_own_counts_though_others_bear_its_name() -> None:
    groups = [RemoteGroup(key, "Team 1", member_ids=("3", f"x{key}")) for key in "abcd"]
    sets = (
        RemoteGroupSet("s", "Labs", ("a",)),
        RemoteGroupSet("t", "Talks", ("b", "c")),
        RemoteGroupSet("u", "Shared", ("a",)),
    )
    plan = plan_pull([], [], remote(*groups, sets=sets), PEOPLE)
    assert [(group.strangers, group.inactive) for group in plan.groups] == [((f"x{key}",), 1) for key in "abcd"]
    assert list(labels_of(plan).values()) == [
        "Labs / Team 1",
        "Talks / Team 1 (id b)",
        "Talks / Team 1 (id c)",
        "Groups in no set / Team 1",
    ]


lms_ids = st.sampled_from("abcdef")
remote_groups = st.lists(
    st.builds(
        RemoteGroup,
        lms_ids,
        st.sampled_from(["X", "Y"]),
        st.just(""),
        st.lists(st.sampled_from(["1", "2", "3", "9"]), max_size=4).map(tuple),
    ),
    unique_by=lambda group: group.lms_group_id,
    max_size=5,
)
known_groups = st.lists(
    st.builds(
        KnownGroup,
        st.uuids(),
        lms_ids,
        st.sampled_from(["X", "Z"]),
        st.just(""),
        st.frozensets(st.sampled_from([ANA.id, BO.id])),
    ),
    unique_by=lambda group: group.lms_group_id,
    max_size=5,
)


@given(known_groups, remote_groups)
@pytest.mark.shows("MODEL-19")
def test_a_plan_applied_is_what_the_lms_has(ours: list[KnownGroup], theirs: list[RemoteGroup]) -> None:
    plan = plan_pull([], ours, remote(*theirs), PEOPLE)
    store = {group.id: group.member_ids for group in ours if group.id not in plan.remove_groups}
    for planned in plan.groups:
        before = store.get(planned.id, frozenset()) if planned.id else frozenset()
        group_id = planned.id or uuid4()
        store[group_id] = (before - set(planned.remove)) | set(planned.add)
    wanted = sorted(sorted({PEOPLE[m].id for m in g.member_ids if m in PEOPLE and PEOPLE[m].belongs}) for g in theirs)
    assert sorted(sorted(members) for members in store.values()) == wanted


@given(known_groups, remote_groups)
def test_a_second_pull_of_the_same_changes_nothing(ours: list[KnownGroup], theirs: list[RemoteGroup]) -> None:
    plan = plan_pull([], ours, remote(*theirs), PEOPLE)
    by_id = {group.id: group for group in ours}
    after = []
    for planned in plan.groups:
        before = by_id[planned.id].member_ids if planned.id else frozenset()
        members = (before - set(planned.remove)) | set(planned.add)
        after.append(
            KnownGroup(planned.id or uuid4(), planned.lms_group_id, planned.name, planned.description, members)
        )
    sets = [KnownGroupSet(uuid4(), s.lms_group_set_id, s.name, s.group_ids) for s in plan.group_sets]
    again = plan_pull(sets, after, remote(*theirs), PEOPLE)
    assert not any(planned.changes for planned in again.groups)
    assert again.remove_groups == again.remove_group_sets == ()
    assert not any(s.renamed or s.reordered for s in again.group_sets)


GROUPS = tuple(uuid4() for _ in range(4))
wanted_groups = st.lists(
    st.builds(
        WantedGroup,
        st.sampled_from(GROUPS),
        st.sampled_from(["A", "B", "C"]),
        st.just(""),
        st.frozensets(st.sampled_from("123")),
    ),
    unique_by=(lambda group: group.id, lambda group: group.name),
    max_size=4,
)


def play_lms(mirror: list[MirroredState], wanted: list[WantedGroup]) -> list[RemoteGroup]:
    """Do what a push asks, as an LMS that takes everything would."""
    push = plan_push(wanted, mirror)
    held = {
        state.lms_group_id: RemoteGroup(state.lms_group_id, state.name, "", tuple(state.member_ids)) for state in mirror
    }
    for gone in push.delete:
        del held[gone]
    for change in push.change:
        group = held[change.lms_group_id]
        members = (set(group.member_ids) - set(change.remove)) | set(change.add)
        held[change.lms_group_id] = replace(group, name=change.name or group.name, member_ids=tuple(members))
    for new in push.create:
        lms_id = uuid4().hex
        held[lms_id] = RemoteGroup(lms_id, new.name, "", new.member_ids)
    return list(held.values())


@given(wanted_groups, wanted_groups)
@pytest.mark.shows("PUSH-35")
def test_a_push_that_was_taken_leaves_nothing_to_push(first: list[WantedGroup], second: list[WantedGroup]) -> None:
    mirror: list[MirroredState] = []
    for wanted in (first, second):
        answer = play_lms(mirror, wanted)
        mirror = mirror_after(wanted, mirror, answer, plan_push(wanted, mirror))
        assert not plan_push(wanted, mirror)


@pytest.mark.shows("PUSH-14")
def test_whom_the_lms_dropped_silently_is_still_to_be_pushed() -> None:
    wanted = [WantedGroup(GROUPS[0], "A", "", frozenset("12"))]
    mirror = mirror_after(wanted, [], [RemoteGroup("a", "A", "", ("1",))], plan_push(wanted, []))
    assert plan_push(wanted, mirror).change[0].add == ("2",)


def test_a_stranger_whom_somebody_put_into_the_mirror_is_not_taken_out() -> None:
    wanted = [WantedGroup(GROUPS[0], "A", "", frozenset("1"))]
    before = [MirroredState(GROUPS[0], "a", "A", frozenset())]
    mirror = mirror_after(wanted, before, [RemoteGroup("a", "A", "", ("1", "9"))], plan_push(wanted, before))
    assert not plan_push(wanted, mirror)


def test_a_group_deleted_here_is_deleted_there() -> None:
    assert plan_push([], [MirroredState(None, "a", "A", frozenset())]).delete == ("a",)


def test_names_of_the_lms_fit_the_store() -> None:
    long = "ä\0" * 400
    assert RemoteGroup("1", long, long).name == RemoteGroupSet("1", long).name == "ä" * 255
    assert RemoteGroup("1", long, long).description == "ä" * 400
