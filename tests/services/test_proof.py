"""Proof: a move that Moodle's answers do not prove is said to be unproven, then proved, or shown as what it is."""

import json
from typing import Any
from uuid import UUID

import pytest

from lti_tool.domain.drift import Choice, DriftKind
from lti_tool.models import LmsChange, db, transaction
from lti_tool.services import drift, drift_choices, groups, lms_changes, publication, refresh, removal
from lti_tool.services.mirror import get_publication
from lti_tool.services.set_edits import edits_of
from tests.services import published as local
from tests.services.connected import assert_agree, open_set, prove

# Canvas answers a move with what it did.
pytestmark = [pytest.mark.usefixtures("no_waiting"), pytest.mark.parametrize("flavour", ["moodle"])]
LACKS = {"lacks": "moodle/course:viewhiddengroups"}


def hide(classroom: Any, group_id: str | None) -> None:
    """Hide a group from the account behind the token, which lost the right to see it."""
    classroom.lms.hub.sites["moodle"].groups[int(group_id or 0)].visibility = 3
    classroom.lms.faults(LACKS)


def move(classroom: Any, set_id: UUID, old: int, new: int) -> tuple[UUID, str]:
    """Move the first person of a group as a page does, in two calls; return the change and the person's LMS id."""
    cards = classroom.read_set(set_id).cards
    person = cards[old].members[0]
    before = classroom.calls()
    edits = edits_of(classroom.course_id, set_id)
    (asked,) = edits.assign(classroom.viewer, set_id, {person.id: cards[new].row.id}).asked
    assert lms_changes.deliver(classroom.tool, classroom.viewer, set_id) == []
    assert classroom.calls() - before == 2
    return asked, str(person.lms_user_id)


def change(change_id: UUID) -> LmsChange:
    db.session.rollback()
    return db.session.get_one(LmsChange, change_id)


def places(classroom: Any, set_id: UUID, person: str) -> list[int]:
    """The places of the groups in which the store shows somebody."""
    cards = classroom.read_set(set_id).cards
    return [n for n, card in enumerate(cards) if person in {m.lms_user_id for m in card.members}]


@pytest.mark.shows("PUSH-40", "PUSH-41")
def test_a_move_is_unproven_until_the_worker_has_looked(classroom: Any) -> None:
    set_id = open_set(classroom)
    there, _ = move(classroom, set_id, 0, 1)
    back_and_on, _ = move(classroom, set_id, 1, 2)
    assert (change(there).state, change(back_and_on).state) == ("unproven", "unproven")
    assert {c.state for c in lms_changes.list_latest(classroom.course_id)} == {"unproven"}
    before = classroom.calls()
    run = prove(classroom)
    assert (run.state, classroom.calls() - before) == ("succeeded", 2)
    assert (change(there).state, change(back_and_on).state) == ("sent", "sent")
    assert prove(classroom) is None
    assert_agree(classroom)


@pytest.mark.shows("PUSH-40", "PUSH-41")
def test_who_was_taken_out_and_whom_others_moved_is_shown_where_they_are_within_a_minute(classroom: Any) -> None:
    set_id = open_set(classroom)
    first, second = classroom.read_set(set_id).cards[:2]
    person = move_unseen(classroom, first, second)
    edits = edits_of(classroom.course_id, set_id)
    (asked,) = edits.remove_member(classroom.viewer, set_id, first.row.id, first.members[0].id).asked
    lms_changes.deliver(classroom.tool, classroom.viewer, set_id)
    assert change(asked).state == "unproven"
    prove(classroom)
    assert told(classroom, asked, person) == second.row.name
    assert places(classroom, set_id, person) == [1]
    assert_agree(classroom)
    assert lms_changes.retry(classroom.tool, classroom.viewer, asked).state == "sent", "who was taken out has left"
    assert places(classroom, set_id, person) == [1]


@pytest.mark.shows("PUSH-40", "PUSH-41")
def test_who_was_taken_out_of_a_published_group_and_whom_others_moved_is_a_difference(classroom: Any) -> None:
    set_id = local.fill(classroom)
    local.publish(classroom, set_id)
    first, second = classroom.read_set(set_id).cards[:2]
    there = {g["name"]: g for s in classroom.state()["group_sets"] if s["name"] == "Lab teams" for g in s["groups"]}
    person = int(first.members[0].lms_user_id)
    ids = (there[card.row.name]["id"] for card in (first, second))
    for action, group_id in zip(("remove_member", "add_member"), ids, strict=True):
        classroom.outsider(action, group_id=group_id, user_id=person)
    groups.remove_member(classroom.viewer, set_id, first.row.id, first.members[0].id)
    publication.push_after_change(classroom.tool, classroom.viewer, set_id)
    prove(classroom)
    assert publication.read_publication(classroom.course_id, set_id).drift == 1


def move_unseen(classroom: Any, old: Any, new: Any) -> str:
    """Let others move the first person of a group of the LMS into another one; return the person's LMS id."""
    person = str(old.members[0].lms_user_id)
    for action, card in (("remove_member", old), ("add_member", new)):
        classroom.outsider(action, group_id=int(card.row.lms_group_id), user_id=int(person))
    return person


def test_who_was_moved_and_moved_back_did_leave_all_the_same(classroom: Any) -> None:
    set_id = open_set(classroom)
    cards = classroom.read_set(set_id).cards
    edits, person = edits_of(classroom.course_id, set_id), cards[0].members[0]
    for card in (cards[2], cards[0]):
        edits.assign(classroom.viewer, set_id, {person.id: card.row.id})
        lms_changes.deliver(classroom.tool, classroom.viewer, set_id)
    assert prove(classroom).state == "succeeded"
    assert lms_changes.list_open(classroom.course_id) == []
    assert places(classroom, set_id, str(person.lms_user_id)) == [0]
    assert_agree(classroom)


@pytest.mark.shows("PUSH-40", "PUSH-41")
@pytest.mark.parametrize("alone", [False, True])
def test_a_move_out_of_a_group_that_became_hidden_is_shown_and_done_once_it_can_be(classroom: Any, alone: bool) -> None:
    set_id = open_set(classroom)
    if alone:  # then the old group seems to be empty, which is how a hidden one looks
        group = classroom.read_set(set_id).cards[0]
        for member in group.members[1:]:
            classroom.outsider("remove_member", group_id=group.row.lms_group_id, user_id=int(member.lms_user_id))
        classroom.pull()
    hide(classroom, classroom.read_set(set_id).cards[0].row.lms_group_id)
    asked, person = move(classroom, set_id, 0, 2)
    assert places(classroom, set_id, person) == [2]
    assert prove(classroom).state == "failed"
    (shown,) = lms_changes.list_of_set(set_id)
    assert (shown.id, shown.state, shown.error_code) == (asked, "refused", "leaving_hidden")
    assert places(classroom, set_id, person) == [0, 2]
    assert_agree(classroom)
    assert lms_changes.retry(classroom.tool, classroom.viewer, asked).error_code == "groups_hidden"
    assert_agree(classroom)
    classroom.lms.faults({"lacks": ""})
    assert lms_changes.retry(classroom.tool, classroom.viewer, asked).state == "sent"
    assert places(classroom, set_id, person) == [2]
    assert_agree(classroom)


def test_a_refresh_takes_no_group_that_people_were_to_leave_for_an_empty_one(classroom: Any) -> None:
    set_id = open_set(classroom)
    first = classroom.read_set(set_id).cards[0]
    for member in first.members[1:]:
        classroom.outsider("remove_member", group_id=first.row.lms_group_id, user_id=int(member.lms_user_id))
    classroom.pull()
    hide(classroom, first.row.lms_group_id)
    asked, person = move(classroom, set_id, 0, 2)
    refresh.refresh_set(classroom.tool, classroom.viewer, set_id)
    assert change(asked).state == "unproven", "nobody could see whether the person has left"
    prove(classroom)
    assert change(asked).error_code == "leaving_hidden"
    assert places(classroom, set_id, person) == [0, 2]


def test_who_stayed_although_the_group_can_be_seen_again_is_named(classroom: Any) -> None:
    set_id = open_set(classroom)
    hide(classroom, classroom.read_set(set_id).cards[0].row.lms_group_id)
    asked, person = move(classroom, set_id, 0, 1)
    classroom.lms.faults({"lacks": ""})
    assert prove(classroom).state == "succeeded"
    (shown,) = lms_changes.list_of_set(set_id)
    name = next(student.name for student in classroom.students() if student.lms_user_id == person)
    assert (shown.error_code, shown.error_facts) == ("people_still_there", {"people": name})
    assert places(classroom, set_id, person) == [0, 1]
    assert_agree(classroom)
    lms_changes.discard(classroom.viewer, asked)
    lms_changes.deliver(classroom.tool, classroom.viewer, set_id)
    assert lms_changes.list_open(classroom.course_id) == []
    assert_agree(classroom)


def test_a_change_of_a_set_that_was_removed_here_is_not_looked_after_any_more(classroom: Any) -> None:
    set_id = open_set(classroom)
    asked, _ = move(classroom, set_id, 0, 1)
    removal.remove_connected_set(classroom.viewer, set_id)
    assert prove(classroom) is None
    assert change(asked).state == "sent"


def test_a_proof_that_cannot_be_had_now_is_had_later(classroom: Any) -> None:
    set_id = open_set(classroom)
    asked, _ = move(classroom, set_id, 0, 1)
    classroom.lms.faults({"error_next": 99})
    assert prove(classroom).state == "failed"
    assert change(asked).state == "unproven"
    assert prove(classroom) is None  # not every minute
    classroom.lms.faults({"error_next": 0})
    with transaction():
        row = change(asked)
        row.retry_at = row.created_at
    prove(classroom)
    assert change(asked).state == "sent"


def publish(classroom: Any) -> UUID:
    set_id = local.fill(classroom)
    local.publish(classroom, set_id)
    return set_id


def push_a_move(classroom: Any, set_id: UUID) -> str:
    """Move somebody from the first group of a published set to the empty last one; return the person's LMS id."""
    cards = classroom.read_set(set_id).cards
    person = cards[0].members[0]
    before = classroom.calls()
    groups.assign(classroom.viewer, set_id, {person.id: cards[2].row.id})
    shown = publication.push_after_change(classroom.tool, classroom.viewer, set_id)
    assert (shown.state, shown.shown_state, shown.differences) == ("sent", "unproven", [])
    assert classroom.calls() - before == 2
    return str(person.lms_user_id)


@pytest.mark.shows("PUSH-40", "PUSH-41")
def test_a_move_in_a_published_set_is_proved_too(classroom: Any) -> None:
    set_id = publish(classroom)
    push_a_move(classroom, set_id)
    assert prove(classroom).state == "succeeded"
    shown = publication.read_publication(classroom.course_id, set_id)
    assert (shown.shown_state, shown.drift) == ("sent", 0)
    assert prove(classroom) is None
    assert local.in_lms(classroom, "Lab teams") == local.in_store(classroom, set_id)


@pytest.mark.shows("PUSH-40", "PUSH-41")
@pytest.mark.parametrize("pushed_again", [False, True])
def test_who_stayed_in_a_hidden_group_of_a_published_set_is_a_difference(classroom: Any, pushed_again: bool) -> None:
    set_id = publish(classroom)
    first = next(g for s in classroom.state()["group_sets"] if s["name"] == "Lab teams" for g in s["groups"])
    hide(classroom, first["id"])
    person = push_a_move(classroom, set_id)
    assert prove(classroom).state == "failed"
    shown = publication.read_publication(classroom.course_id, set_id)
    assert (shown.state, shown.error_code, shown.drift) == ("refused", "leaving_hidden", 1)
    assert prove(classroom) is None
    if pushed_again:  # a push that broke off takes up what it has not done yet
        push = publication.push_after_change(classroom.tool, classroom.viewer, set_id)
        assert (push.state, push.error_code) == ("refused", "groups_hidden")
        classroom.lms.faults({"lacks": ""})
        publication.push_after_change(classroom.tool, classroom.viewer, set_id)
    else:
        classroom.lms.faults({"lacks": ""})
        found = drift.check_drift(classroom.tool, classroom.course_id, set_id)
        assert [(item.kind, item.lms_user_id) for item in found.open_items] == [(DriftKind.PERSON_DOUBLED, person)]
        drift_choices.settle_all(classroom.tool, classroom.viewer, set_id, Choice.OURS, found.mark)
    assert local.in_lms(classroom, "Lab teams") == local.in_store(classroom, set_id)
    assert (get_publication(set_id).state, get_publication(set_id).drift) == ("sent", 0)


def move_by_others(classroom: Any, set_name: str, person: str) -> None:
    """Let others move somebody from the first group of a set to its last one."""
    there = next(s for s in classroom.state()["group_sets"] if s["name"] == set_name)
    ids = [group["id"] for group in sorted(there["groups"], key=lambda group: group["name"])]
    classroom.outsider("move_member", user_id=int(person), group_id=ids[-1], from_group_id=ids[0])


@pytest.mark.shows("PUSH-40", "PUSH-41")
def test_who_was_moved_by_others_to_a_third_group_is_shown_in_both(classroom: Any) -> None:
    set_id = open_set(classroom)
    move_by_others(classroom, "Projects", str(classroom.read_set(set_id).cards[0].members[0].lms_user_id))
    asked, person = move(classroom, set_id, 0, 1)
    assert prove(classroom).state == "succeeded"
    assert places(classroom, set_id, person) == [1, 2]
    assert told(classroom, asked, person) == "Project 2, Project 3"
    assert_agree(classroom)


def told(classroom: Any, asked: UUID, person: str) -> str:
    """Return where the open change says that others put its one person."""
    row = change(asked)
    assert (row.state, row.error_code) == ("refused", "moved_since")
    name, _, groups = json.loads(row.error_facts)["names"].partition(" → ")
    assert name == next(student.name for student in classroom.students() if student.lms_user_id == person)
    return str(groups)


@pytest.mark.shows("PUSH-40", "PUSH-41")
@pytest.mark.parametrize("look", ["proof", "refresh", "groups", "pull"])
@pytest.mark.parametrize("others", ["add", "move", "take out"])
def test_whatever_looks_first_tells_whom_others_moved_since_a_move(classroom: Any, look: str, others: str) -> None:
    set_id = open_set(classroom)
    asked, person = move(classroom, set_id, 0, 1)
    _, new, third = (int(card.row.lms_group_id) for card in classroom.read_set(set_id).cards)
    if others != "add":
        classroom.outsider("remove_member", group_id=new, user_id=int(person))
    if others != "take out":
        classroom.outsider("add_member", group_id=third, user_id=int(person))
    if look == "proof":
        prove(classroom)
    elif look == "refresh":
        refresh.refresh_set(classroom.tool, classroom.viewer, set_id)
    else:
        classroom.pull(look)
    words = {"add": "Project 2, Project 3", "move": "Project 3", "take out": "–"}
    assert told(classroom, asked, person) == words[others]
    assert prove(classroom) is None, "what has been looked at is not looked at again"
    assert lms_changes.retry(classroom.tool, classroom.viewer, asked).state == "sent"
    assert places(classroom, set_id, person) == [1]
    assert_agree(classroom)


@pytest.mark.shows("PUSH-40", "PUSH-41")
def test_what_others_changed_is_told_by_the_newest_move_only_and_left_by_a_discard(classroom: Any) -> None:
    set_id = open_set(classroom)
    first, person = move(classroom, set_id, 0, 1)
    cards, edits = classroom.read_set(set_id).cards, edits_of(classroom.course_id, set_id)
    (member,) = (one for one in cards[1].members if one.lms_user_id == person)
    (last,) = edits.assign(classroom.viewer, set_id, {member.id: cards[2].row.id}).asked
    lms_changes.deliver(classroom.tool, classroom.viewer, set_id)
    classroom.outsider("add_member", group_id=int(cards[0].row.lms_group_id), user_id=int(person))
    prove(classroom)
    assert change(first).state == "sent", "the newer move says where the person is to be"
    assert told(classroom, last, person) == "Project 1, Project 3"
    lms_changes.discard(classroom.viewer, last)
    lms_changes.deliver(classroom.tool, classroom.viewer, set_id)
    assert places(classroom, set_id, person) == [0, 2]
    assert lms_changes.list_open(classroom.course_id) == []
    edits.assign(classroom.viewer, set_id, {member.id: cards[1].row.id})
    lms_changes.deliver(classroom.tool, classroom.viewer, set_id)
    prove(classroom)
    assert lms_changes.list_open(classroom.course_id) == []
    assert places(classroom, set_id, person) == [1]


@pytest.mark.shows("PUSH-40", "PUSH-41")
@pytest.mark.parametrize("size", ["many", "new group"])
def test_others_moves_are_told_of_changes_that_are_read_again_at_once_too(classroom: Any, size: str) -> None:
    set_id = open_set(classroom, count=8)
    cards = classroom.read_set(set_id).cards
    first, person, third = cards[0], cards[0].members[0], cards[-2]
    people = {m.id: cards[-1].row.id for card in cards[: 4 if size == "many" else 1] for m in card.members}
    classroom.outsider("add_member", group_id=int(third.row.lms_group_id), user_id=int(person.lms_user_id))
    edits = edits_of(classroom.course_id, set_id)
    if size == "many":
        (asked,) = edits.assign(classroom.viewer, set_id, people).asked
    else:
        (asked,) = edits.create_group_of(classroom.viewer, set_id, "New", [m.id for m in first.members]).asked
    lms_changes.deliver(classroom.tool, classroom.viewer, set_id)
    prove(classroom)
    there = {cards[-1].row.name if size == "many" else "New", third.row.name}
    assert set(told(classroom, asked, person.lms_user_id).split(", ")) == there
    assert_agree(classroom)
    assert lms_changes.retry(classroom.tool, classroom.viewer, asked).state == "sent"
    assert len(places(classroom, set_id, person.lms_user_id)) == 1
    assert_agree(classroom)


@pytest.mark.shows("PUSH-40", "PUSH-41")
def test_who_was_moved_by_others_in_a_published_set_is_a_difference(classroom: Any) -> None:
    set_id = local.fill(classroom, count=4)
    local.publish(classroom, set_id)
    cards = classroom.read_set(set_id).cards
    person = cards[0].members[0]
    move_by_others(classroom, "Lab teams", str(person.lms_user_id))
    groups.assign(classroom.viewer, set_id, {person.id: cards[1].row.id})
    publication.push_after_change(classroom.tool, classroom.viewer, set_id)
    assert prove(classroom).state == "succeeded"
    assert publication.read_publication(classroom.course_id, set_id).drift == 1
    found = drift.check_drift(classroom.tool, classroom.course_id, set_id)
    assert [item.lms_user_id for item in found.open_items] == [person.lms_user_id]
