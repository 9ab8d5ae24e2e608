"""Plans of one set, and plans by name: moves are told apart from coming and going."""

from uuid import uuid4

from lti_tool.domain.named_changes import NAMED, NamedChanges
from lti_tool.domain.pull_names import Place, count_memberships, find_places, name_changes
from lti_tool.domain.refresh import plan_refresh
from lti_tool.domain.remote import RemoteGroup, RemoteGroups, RemoteGroupSet
from lti_tool.domain.sync import KnownGroup, KnownGroupSet, Person, plan_pull

ANA, BO, CEM = uuid4(), uuid4(), uuid4()
PEOPLE = {"1": Person(ANA, belongs=True), "2": Person(BO, belongs=True), "3": Person(CEM, belongs=True)}


def known_group(lms_id, *members):
    return KnownGroup(uuid4(), lms_id, f"Group {lms_id}", "", frozenset(members))


def known_set(lms_id, *group_ids):
    return KnownGroupSet(uuid4(), lms_id, f"Set {lms_id}", group_ids)


def remote(*groups, set_id="s"):
    ids = tuple(group.lms_group_id for group in groups)
    return RemoteGroups((RemoteGroupSet(set_id, f"Set {set_id}", ids),), groups)


def test_a_move_within_a_set_is_told_as_one_and_counted_as_both():
    groups = [known_group("a", ANA, BO), known_group("b", CEM)]
    there = (RemoteGroup("a", "Group a", member_ids=("2",)), RemoteGroup("b", "Group b", member_ids=("1",)))
    plan = plan_pull([known_set("s", "a", "b")], groups, remote(*there), PEOPLE)
    places = find_places(plan)
    assert set(places) == {Place(ANA, "a", "b"), Place(CEM, "b", None)}
    assert [place.is_move for place in places].count(True) == 1
    assert count_memberships(plan) == (1, 2)
    named = NamedChanges()
    name_changes(plan, places, named)
    assert [(t.group, t.added, t.removed, t.moved_in, t.moved_out) for t in named.traffic] == [
        ("Group a", 0, 1, 0, 1),
        ("Group b", 1, 1, 1, 0),
    ]


def test_whoever_leaves_with_a_group_and_joins_another_has_moved():
    groups = [known_group("a", ANA), known_group("b")]
    plan = plan_pull([known_set("s", "a", "b")], groups, remote(RemoteGroup("b", "Group b", member_ids=("1",))), PEOPLE)
    assert find_places(plan) == [Place(ANA, "a", "b")]
    assert count_memberships(plan) == (1, 1)


def test_the_same_place_in_another_set_is_no_move():
    groups = [known_group("a", ANA), known_group("b")]
    sets = [known_set("s", "a"), known_set("t", "b")]
    there = RemoteGroups(
        (RemoteGroupSet("s", "Set s", ("a",)), RemoteGroupSet("t", "Set t", ("b",))),
        (RemoteGroup("a", "Group a"), RemoteGroup("b", "Group b", member_ids=("1",))),
    )
    assert find_places(plan_pull(sets, groups, there, PEOPLE)) == [Place(ANA, "a", None), Place(ANA, None, "b")]


def test_a_report_names_the_first_of_many():
    many = tuple(RemoteGroup(str(n), f"Group {n}") for n in range(NAMED + 7))
    plan = plan_pull([], [], remote(*many), PEOPLE)
    named = NamedChanges()
    name_changes(plan, [], named)
    assert named.groups_created == [f"Group {n}" for n in range(NAMED)]


def test_a_refresh_removes_what_left_its_set_unless_it_may_be_elsewhere():
    this, other = known_set("s", "a", "b", "c"), known_set("t", "b")
    groups = [known_group(lms_id) for lms_id in "abc"]
    a, b, c = groups
    there = remote(RemoteGroup("a", "Group a"))
    plan = plan_refresh(this, [other], groups, there, PEOPLE, groups_outlive_sets=False)
    assert plan.remove_groups == (c.id,)
    assert plan.group_sets[0].group_ids == ("a",)
    outliving = plan_refresh(this, [other], groups, there, PEOPLE, groups_outlive_sets=True)
    assert outliving.remove_groups == ()
    gone = plan_refresh(this, [other], groups, None, PEOPLE, groups_outlive_sets=False)
    assert gone.remove_group_sets == (this.id,)
    assert set(gone.remove_groups) == {a.id, c.id}
    assert b.id not in gone.remove_groups
