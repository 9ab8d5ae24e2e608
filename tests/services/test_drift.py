"""Drift: what somebody changes in the LMS's copy of a set is found, and a choice makes both sides equal again."""

from collections.abc import Callable
from typing import Any

import pytest

from lti_tool.domain.drift import Choice
from lti_tool.domain.errors import Conflict, LmsUnavailable
from lti_tool.models import GroupMembership, transaction
from lti_tool.services import drift, drift_choices, group_sets, groups, publication, runs
from lti_tool.services.mirror import find_publication
from tests.services.connected import prove
from tests.services.published import fill, in_lms, in_store, publish, state_of

pytestmark = pytest.mark.usefixtures("no_waiting")
NAME = "Lab teams"
BUDGET = {"canvas": 3, "moodle": 2}


@pytest.fixture
def published(classroom: Any) -> Any:
    classroom.set_id = fill(classroom)
    publish(classroom, classroom.set_id)
    return classroom


def lms_set(classroom: Any, name: str = NAME) -> Any:
    return next(s for s in classroom.state()["group_sets"] if s["name"] == name)


def lms_group(classroom: Any, name: str) -> Any:
    return next(g for g in lms_set(classroom)["groups"] if g["name"] == name)


def stranger(classroom: Any) -> int:
    """Somebody who is in the LMS's course and not on our roster."""
    return int(classroom.outsider("enrol")["user_id"])


def waiting_student(classroom: Any) -> str:
    """An active student who is taken out of their group here and there: in no group of the set."""
    member = classroom.read_set(classroom.set_id).cards[0].members[-1]
    group_id = classroom.read_set(classroom.set_id).cards[0].row.id
    groups.remove_member(classroom.viewer, classroom.set_id, group_id, member.id)
    publication.push_after_change(classroom.tool, classroom.viewer, classroom.set_id)
    return str(member.lms_user_id)


def rename_group(c: Any) -> None:
    c.outsider("rename_group", group_id=lms_group(c, "crew-1")["id"], name="Owls & Co.")


def delete_group(c: Any) -> None:
    c.outsider("delete_group", group_id=lms_group(c, "crew-2")["id"])


def add_group(c: Any) -> None:
    member = lms_group(c, "crew-1")["members"][0]
    made = c.outsider("create_group", set_id=lms_set(c)["id"], name="Theirs")["group_id"]
    c.outsider("move_member", user_id=member, group_id=made, from_group_id=lms_group(c, "crew-1")["id"])


def add_person(c: Any) -> None:
    c.outsider("add_member", group_id=lms_group(c, "crew-3")["id"], user_id=int(waiting_student(c)))


def remove_person(c: Any) -> None:
    group = lms_group(c, "crew-1")
    c.outsider("remove_member", group_id=group["id"], user_id=group["members"][0])


def move_person(c: Any) -> None:
    group = lms_group(c, "crew-1")
    target = lms_group(c, "crew-3")["id"]
    c.outsider("move_member", user_id=group["members"][0], group_id=target, from_group_id=group["id"])


def rename_set(c: Any) -> None:
    c.outsider("rename_set", set_id=lms_set(c)["id"], name="Theirs")


CHANGES = (rename_group, delete_group, add_group, add_person, remove_person, move_person, rename_set)


def check(classroom: Any) -> drift.DriftView:
    return drift.check_drift(classroom.tool, classroom.course_id, classroom.set_id)


def settle(classroom: Any, choice: str, shown: drift.DriftView | None = None) -> Any:
    shown = shown or check(classroom)
    return drift_choices.settle_all(classroom.tool, classroom.viewer, classroom.set_id, Choice(choice), shown.mark)


def require_equal(classroom: Any) -> None:
    """The LMS and the store hold the same, and the tool knows it."""
    name = group_sets.get_set(classroom.course_id, classroom.set_id).name
    assert in_lms(classroom, name) == in_store(classroom, classroom.set_id)
    view = publication.read_publication(classroom.course_id, classroom.set_id)
    assert (view.state, view.differences, view.drift) == ("sent", [], 0)
    assert check(classroom).items == ()


@pytest.mark.shows("PUSH-40")
@pytest.mark.parametrize("choice", ["ours", "theirs"])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_each_change_in_the_lms_is_found_and_either_choice_makes_both_sides_equal(
    published: Any, change: Callable[[Any], None], choice: str
) -> None:
    change(published)
    mine, theirs = in_store(published, published.set_id), in_lms(published, NAME) or in_lms(published, "Theirs")
    before = published.calls()
    found = check(published)
    assert published.calls() - before <= BUDGET[published.flavour]
    assert len(found.open_items) == 1
    assert not found.items[0].conflict
    assert find_publication(published.set_id).drift == 1
    assert in_store(published, published.set_id) == mine, "looking changes nothing"
    settled = settle(published, choice, found)
    assert settled.count == 1
    require_equal(published)
    assert in_store(published, published.set_id) == (mine if choice == "ours" else theirs)


def conflict_rename(c: Any) -> None:
    rename_group(c)
    groups.edit_group(c.viewer, c.set_id, card(c, "crew-1").row.id, "ours", "")


def conflict_deleted(c: Any) -> None:
    delete_group(c)
    groups.edit_group(c.viewer, c.set_id, card(c, "crew-2").row.id, "ours", "")


def conflict_deleted_here(c: Any) -> None:
    rename_group(c)
    groups.delete_group(c.viewer, c.set_id, card(c, "crew-1").row.id)


def conflict_removed(c: Any) -> None:
    member = lms_group(c, "crew-1")["members"][0]
    remove_person(c)
    move_here(c, str(member), "crew-3")


def conflict_moved(c: Any) -> None:
    member = lms_group(c, "crew-1")["members"][0]
    move_person(c)
    move_here(c, str(member), "crew-2")


def conflict_set_renamed(c: Any) -> None:
    rename_set(c)
    group_sets.rename_set(c.viewer, c.set_id, "Ours")


CONFLICTS = (
    conflict_rename,
    conflict_deleted,
    conflict_deleted_here,
    conflict_removed,
    conflict_moved,
    conflict_set_renamed,
)


def card(classroom: Any, name: str) -> Any:
    return next(c for c in classroom.read_set(classroom.set_id).cards if c.row.name == name)


def move_here(c: Any, lms_user_id: str, group: str) -> None:
    member = next(s.id for s in c.students() if s.lms_user_id == lms_user_id)
    groups.assign(c.viewer, c.set_id, {member: card(c, group).row.id})


@pytest.mark.shows("PUSH-40")
@pytest.mark.parametrize("choice", ["ours", "theirs"])
@pytest.mark.parametrize("change", CONFLICTS, ids=lambda change: change.__name__)
def test_a_known_conflict_is_never_overwritten_by_a_push(
    published: Any, change: Callable[[Any], None], choice: str
) -> None:
    change(published)
    published.pull("pull")  # it notices the drift, and leaves both sides as they are
    theirs = published.state()["group_sets"]
    mine = in_store(published, published.set_id)
    assert find_publication(published.set_id).drift == 1
    view = publication.push_after_change(published.tool, published.viewer, published.set_id)
    assert (view.state, view.error_code) == ("refused", "drifted")
    assert published.state()["group_sets"] == theirs
    assert in_store(published, published.set_id) == mine
    found = check(published)
    assert [item.conflict for item in found.open_items] == [True]
    settle(published, choice, found)
    require_equal(published)
    if choice == "ours":
        assert in_store(published, published.set_id) == mine


def conflict_led_away(c: Any) -> None:
    person = str(lms_group(c, "crew-1")["members"][0])
    move_person(c)
    member = next(s.id for s in c.students() if s.lms_user_id == person)
    groups.remove_member(c.viewer, c.set_id, card(c, "crew-1").row.id, member)


def conflict_filled(c: Any) -> None:
    person = lms_group(c, "crew-1")["members"][0]
    target, source = (lms_group(c, name)["id"] for name in ("crew-2", "crew-1"))
    c.outsider("move_member", user_id=person, group_id=target, from_group_id=source)
    groups.delete_group(c.viewer, c.set_id, card(c, "crew-2").row.id)


MOVES = (conflict_moved, conflict_removed, conflict_led_away)
UNSEEN = [
    pytest.param(flavour, change, id=f"{flavour}-{change.__name__}")
    for change in (*CONFLICTS, conflict_led_away, conflict_filled)
    for flavour in ("canvas", "moodle")
    if flavour == "canvas" or change not in MOVES  # in Moodle nobody is taken out of another group by our move
]


@pytest.mark.shows("PUSH-40")
@pytest.mark.parametrize("choice", ["ours", "theirs"])
@pytest.mark.parametrize(("flavour", "change"), UNSEEN)
def test_a_conflict_that_nobody_has_seen_is_shown_before_a_push_overwrites_it(
    published: Any, change: Callable[[Any], None], choice: str
) -> None:
    change(published)
    theirs, mine = published.state()["group_sets"], in_store(published, published.set_id)
    view = publication.push_after_change(published.tool, published.viewer, published.set_id)
    assert view is not None
    assert (view.state, view.drift > 0) == ("refused", True)
    assert published.state()["group_sets"] == theirs
    assert in_store(published, published.set_id) == mine
    found = check(published)
    assert True in [item.conflict for item in found.open_items]
    settle(published, choice, found)
    require_equal(published)
    if choice == "ours":
        assert in_store(published, published.set_id) == mine


@pytest.mark.shows("PUSH-40")
def test_who_is_in_two_groups_here_is_named_and_no_difference_of_others(published: Any) -> None:
    person = card(published, "crew-1").members[0]
    groups.assign(published.viewer, published.set_id, {person.id: card(published, "crew-3").row.id})
    with transaction() as session:  # as a set that shares the group may have done
        append = GroupMembership(group_id=card(published, "crew-1").row.id, member_id=person.id, position=99)
        session.add(append)
    theirs = in_lms(published, NAME)
    view = publication.push_after_change(published.tool, published.viewer, published.set_id)
    assert view is not None
    assert (view.state, view.error_code, view.drift) == ("refused", "people_in_two_groups", 0)
    assert person.name in view.error_facts["people"]
    assert in_lms(published, NAME) == theirs
    groups.remove_member(published.viewer, published.set_id, card(published, "crew-1").row.id, person.id)
    publication.push_after_change(published.tool, published.viewer, published.set_id)
    require_equal(published)


def test_a_push_that_was_held_back_says_nothing_of_a_change_of_another_set(published: Any) -> None:
    conflict_deleted_here(published)
    publication.push_after_change(published.tool, published.viewer, published.set_id)
    assert state_of(published.set_id) == "refused"
    other = published.new_set("Of others")
    published.new_groups(other, "Own")
    assert publication.push_changes(published.tool, published.viewer, [other]) is None
    assert publication.push_changes(published.tool, published.viewer, [published.set_id]) == "refused"


@pytest.mark.shows("PUSH-40")
@pytest.mark.parametrize("flavour", ["moodle"])
def test_a_move_of_others_outlives_ours_in_moodle_and_both_are_shown(published: Any) -> None:
    person = str(lms_group(published, "crew-1")["members"][0])
    move_person(published)
    move_here(published, person, "crew-2")
    publication.push_after_change(published.tool, published.viewer, published.set_id)
    held = in_lms(published, NAME)
    assert held is not None
    assert person in held["crew-2"] & held["crew-3"]
    prove(published)
    assert publication.read_publication(published.course_id, published.set_id).drift == 1
    found = check(published)
    assert [(item.kind, item.lms_user_id) for item in found.open_items] == [("person_doubled", person)]
    settle(published, "ours", found)
    require_equal(published)


def test_a_group_that_is_taken_over_brings_its_description(published: Any) -> None:
    add_group(published)
    site = published.lms.hub.sites[published.flavour]
    site.groups[lms_group(published, "Theirs")["id"]].description = "Meets on Mondays"
    settle(published, "theirs", check(published))
    taken = next(c.row for c in published.read_set(published.set_id).cards if c.row.name.casefold() == "theirs")
    assert "Meets on Mondays" in taken.description
    assert check(published).items == ()
    assert "Meets on Mondays" in site.groups[lms_group(published, "Theirs")["id"]].description
    assert state_of(published.set_id) == "sent"


def test_what_is_no_conflict_does_not_hold_a_push_back_and_is_not_overwritten(published: Any) -> None:
    rename_group(published)
    remove_person_of_crew_2(published)
    published.pull("pull")
    move_here(published, next(iter(in_lms(published, NAME)["crew-2"])), "crew-3")
    view = publication.push_after_change(published.tool, published.viewer, published.set_id)
    assert (view.state, view.drift) == ("sent", 2)
    held = in_lms(published, NAME)
    assert held is not None
    assert len(held["crew-3"]) == 1
    assert "Owls & Co." in held


def test_drift_that_an_answer_shows_is_kept_for_a_decision(published: Any) -> None:
    remove_person(published)
    mine = in_store(published, published.set_id)
    everybody = {member.id: card(published, "crew-1").row.id for member in card(published, "crew-2").members}
    groups.assign(published.viewer, published.set_id, everybody)
    publication.push_after_change(published.tool, published.viewer, published.set_id)
    lost = mine["crew-1"] - in_lms(published, NAME)["crew-1"]
    assert len(lost) == 1
    found = check(published)
    assert [(item.kind, item.lms_user_id) for item in found.items] == [("person_removed", next(iter(lost)))]
    settle(published, "theirs", found)
    require_equal(published)


@pytest.mark.shows("PULL-41")
def test_a_pull_leaves_mirrors_alone_and_counts_what_others_changed_there(published: Any) -> None:
    for change in (rename_group, delete_group, add_person):
        change(published)
    mine, theirs = in_store(published, published.set_id), in_lms(published, NAME)
    mirror = publication.read_mirror(published.set_id)
    calls = published.calls()
    published.pull("pull")
    pull_calls = published.calls() - calls
    assert in_store(published, published.set_id) == mine
    assert in_lms(published, NAME) == theirs
    assert sorted(map(str, publication.read_mirror(published.set_id))) == sorted(map(str, mirror))
    row = find_publication(published.set_id)
    assert (row.state, row.drift) == ("sent", 3)
    assert row.drift_seen_at is not None
    seen = row.drift_seen_at
    calls = published.calls()
    published.pull("pull")
    assert published.calls() - calls == pull_calls
    assert find_publication(published.set_id).drift_seen_at == seen, "nothing new, nothing written"
    assert [s.row.name for s in group_sets.list_sets(published.course_id)].count(NAME) == 1


def test_strangers_are_named_and_left_alone_whatever_is_chosen(published: Any) -> None:
    person = stranger(published)
    published.outsider("add_member", group_id=lms_group(published, "crew-1")["id"], user_id=person)
    remove_person(published)
    for choice in ("ours", "theirs"):
        found = check(published)
        assert [i.lms_user_id for i in found.items if not i.choices] == [str(person)]
        settle(published, choice, found)
        assert person in lms_group(published, "crew-1")["members"]
    assert find_publication(published.set_id).drift == 0
    made = published.outsider("create_group", set_id=lms_set(published)["id"], name="Club", members=[person])
    (item,) = check(published).open_items
    assert (item.lms_group_id, item.choices) == (str(made["group_id"]), {Choice.THEIRS})
    assert settle(published, "ours").count == 0
    settle(published, "theirs")
    assert "Club" in in_store(published, published.set_id)
    assert lms_group(published, "Club")["members"] == [person]


def test_single_choices_are_carried_out_and_the_rest_is_found_again(published: Any) -> None:
    for change in (rename_group, remove_person_of_crew_2, rename_set):
        change(published)
    found = check(published)
    keys = {item.kind.value: item.key for item in found.items}
    choices = {keys["group_renamed"]: Choice.THEIRS, keys["person_removed"]: Choice.OURS}
    settled = drift_choices.settle_drift(published.tool, published.viewer, published.set_id, choices, found.mark)
    assert settled.count == 2
    held = in_lms(published, "Theirs")
    assert held == in_store(published, published.set_id)
    assert [item.kind for item in check(published).items] == ["set_renamed"]
    assert find_publication(published.set_id).drift == 1


def remove_person_of_crew_2(c: Any) -> None:
    group = lms_group(c, "crew-2")
    c.outsider("remove_member", group_id=group["id"], user_id=group["members"][0])


@pytest.mark.parametrize("side", ["here", "there"])
def test_a_choice_for_what_is_no_longer_so_changes_nothing(published: Any, side: str) -> None:
    rename_group(published)
    found = check(published)
    if side == "there":
        remove_person_of_crew_2(published)
    else:
        groups.create_groups(published.viewer, published.set_id, "Late")
    theirs, mine = published.state()["group_sets"], in_store(published, published.set_id)
    with pytest.raises(Conflict, match="drift_changed"):
        settle(published, "ours", found)
    assert published.state()["group_sets"] == theirs
    assert in_store(published, published.set_id) == mine
    assert published.last_run().state == "succeeded"
    settle(published, "ours")
    require_equal(published)


def test_a_set_that_is_gone_is_found_by_a_pull_and_by_a_look(published: Any) -> None:
    published.outsider("delete_set", set_id=lms_set(published)["id"])
    published.pull("pull")
    row = find_publication(published.set_id)
    assert (row.state, row.error_code) == ("refused", "set_gone")
    found = check(published)
    assert found.gone
    with pytest.raises(Conflict, match="drift_changed"):
        settle(published, "ours", found)
    publication.leave_mirror(published.viewer, published.set_id)
    assert find_publication(published.set_id) is None
    assert len(in_store(published, published.set_id)) == 3


def test_a_look_that_fails_changes_nothing(published: Any) -> None:
    rename_group(published)
    published.lms.faults({"error_next": 999})
    with pytest.raises(LmsUnavailable):
        check(published)
    assert (find_publication(published.set_id).drift, state_of(published.set_id)) == (0, "sent")


def test_nobody_looks_while_a_run_is_at_work(published: Any) -> None:
    runs.queue(published.course_id, "push")
    calls = published.calls()
    with pytest.raises(Conflict, match="run_open"):
        check(published)
    assert published.calls() == calls


def test_a_name_that_is_in_use_here_gets_a_number_on_both_sides(published: Any) -> None:
    if published.flavour == "moodle":  # which has no two groups of one name, but for their case
        published.outsider("rename_group", group_id=lms_group(published, "crew-1")["id"], name="CREW-2")
    else:
        published.outsider("rename_group", group_id=lms_group(published, "crew-1")["id"], name="crew-2")
    settle(published, "theirs")
    require_equal(published)


def test_two_groups_can_take_each_others_names(published: Any) -> None:
    one, two = lms_group(published, "crew-1")["id"], lms_group(published, "crew-2")["id"]
    for group, name in ((one, "between"), (two, "crew-1"), (one, "crew-2")):
        published.outsider("rename_group", group_id=group, name=name)
    theirs = in_lms(published, NAME)
    settle(published, "theirs")
    assert in_store(published, published.set_id) == theirs
    require_equal(published)


def test_moving_one_person_takes_two_calls_when_no_drift_is_known(published: Any) -> None:
    before = published.calls()
    move_here(published, next(iter(in_lms(published, NAME)["crew-2"])), "crew-3")
    publication.push_after_change(published.tool, published.viewer, published.set_id)
    assert published.calls() - before <= 2


def describe(c: Any, text: str, name: str = "crew-1") -> None:
    """Write a description here, and bring it to the LMS."""
    row = card(c, name).row
    groups.edit_group(c.viewer, c.set_id, row.id, row.name, text)
    publication.push_after_change(c.tool, c.viewer, c.set_id)


def descriptions(c: Any, name: str = "crew-1") -> tuple[str, str]:
    """A group's description here, and in the LMS."""
    group = c.lms.hub.sites[c.flavour].groups[lms_group(c, name)["id"]]
    return card(c, name).row.description, group.description or ""


@pytest.mark.shows("PUSH-40")
@pytest.mark.parametrize("choice", ["ours", "theirs"])
def test_a_description_of_others_is_found_and_either_choice_makes_both_sides_equal(published: Any, choice: str) -> None:
    describe(published, "Meet on Mondays & Fridays")
    group_id = lms_group(published, "crew-1")["id"]
    published.outsider("describe_group", group_id=group_id, description="<p>Meet on Mondays\n&amp; Fridays</p>")
    assert check(published).items == (), "the same text in the LMS's own form"
    theirs = "<p>Meet on <em>Tuesdays</em></p>"
    published.outsider("describe_group", group_id=group_id, description=theirs)
    before = published.calls()
    found = check(published)
    assert published.calls() - before <= BUDGET[published.flavour]
    (item,) = found.open_items
    assert (item.kind, item.group_name, item.theirs) == ("group_described", "crew-1", ("Meet on Tuesdays",))
    assert not item.conflict
    settle(published, choice, found)
    assert descriptions(published) == ((theirs, theirs) if choice == "theirs" else ("Meet on Mondays & Fridays",) * 2)
    require_equal(published)


def test_our_new_description_does_not_overwrite_one_of_others(published: Any) -> None:
    describe(published, "Ours")
    published.outsider("describe_group", group_id=lms_group(published, "crew-1")["id"], description="Theirs")
    published.pull("pull")
    assert find_publication(published.set_id).drift == 1
    describe(published, "Ours, newer")
    assert descriptions(published) == ("Ours, newer", "Theirs")
    assert (state_of(published.set_id), find_publication(published.set_id).error_code) == ("refused", "drifted")
    assert [item.conflict for item in check(published).open_items] == [True]
    settle(published, "ours")
    assert descriptions(published) == ("Ours, newer", "Ours, newer")
    require_equal(published)


def test_a_description_that_others_gave_unseen_is_not_overwritten_either(published: Any) -> None:
    describe(published, "Ours")
    published.outsider("describe_group", group_id=lms_group(published, "crew-1")["id"], description="Theirs")
    describe(published, "Ours, newer")
    assert descriptions(published) == ("Ours, newer", "Theirs")
    assert find_publication(published.set_id).error_code == "drifted"
