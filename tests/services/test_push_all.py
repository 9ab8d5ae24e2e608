"""Pushing everything: every group of the LMS's sets gets the store's people, and the report tells of each."""

import itertools
from typing import Any

import pytest
from sqlalchemy import delete

from lti_tool.domain.errors import LmsError
from lti_tool.domain.sync import Report
from lti_tool.models import GroupMembership, transaction
from lti_tool.services import asked_rights, push_all, runs
from tests.services.connected import assert_agree, in_lms, in_store, open_set
from tests.services.faulted import at_call

pytestmark = pytest.mark.usefixtures("no_waiting")


def push(classroom: Any) -> Report:
    report = Report()
    run = runs.claim(runs.queue(classroom.course_id, "push_all"))
    assert run is not None
    push_all.run_push_all(classroom.tool, run, report)
    return report


@pytest.mark.shows("PUSH-23", "PUSH-24", "PULL-55")
def test_all_groups_get_the_stores_people(classroom: Any) -> None:
    set_id = open_set(classroom)
    classroom.new_groups(classroom.new_set("Manual"), "Crew")
    _, second, third = (card.row for card in classroom.read_set(set_id).cards)
    person = classroom.read_set(set_id).cards[0].members[0]
    wanted = in_store(classroom)
    classroom.outsider("add_member", group_id=int(third.lms_group_id), user_id=int(person.lms_user_id))
    assert in_lms(classroom) != wanted
    planned = push_all.preview_push_all(classroom.tool, classroom.course_id)
    assert planned.memberships.removed == 1
    assert in_lms(classroom) != wanted
    report = push(classroom)
    assert in_lms(classroom) == wanted
    assert_agree(classroom)
    assert {row["group"] for row in report.pushed_groups} >= {third.name}
    assert report.errors == []
    assert push(classroom).pushed_groups == []
    with transaction() as session:  # an empty group here empties it there
        session.execute(delete(GroupMembership).where(GroupMembership.group_id == second.id))
    push(classroom)
    assert in_lms(classroom)["Projects"][second.lms_group_id][1] == set()


@pytest.mark.shows("PUSH-24")
def test_one_group_that_fails_does_not_stop_the_rest(classroom: Any) -> None:
    set_id = open_set(classroom)
    first, _, third = (card.row for card in classroom.read_set(set_id).cards)
    with transaction() as session:
        session.execute(delete(GroupMembership).where(GroupMembership.group_id == first.id))
    classroom.outsider("delete_group", group_id=int(third.lms_group_id))
    report = Report()
    run = runs.claim(runs.queue(classroom.course_id, "push_all"))
    with pytest.raises(LmsError, match="group_gone"):
        push_all.run_push_all(classroom.tool, run, report)
    told = {row["group"]: row.get("code") for row in report.pushed_groups}
    assert told == {first.name: None, third.name: "group_gone"}
    assert in_lms(classroom)["Projects"][first.lms_group_id][1] == set()


@pytest.mark.shows("PUSH-24")
@pytest.mark.parametrize("flavour", ["canvas"])
def test_nobody_is_left_in_no_group_when_only_parts_go(classroom: Any) -> None:
    set_id = open_set(classroom, 4)
    cards = classroom.read_set(set_id).cards
    first, second, _, fourth = (card.row for card in cards)
    one, two = (int(member.lms_user_id) for member in cards[0].members[:2])
    theirs = classroom.outsider("create_group", set_id=int(cards_set(classroom, set_id)), name="Theirs")["group_id"]
    for person, group_id in ((one, int(second.lms_group_id)), (two, theirs)):
        classroom.outsider("remove_member", group_id=int(first.lms_group_id), user_id=person)
        classroom.outsider("add_member", group_id=group_id, user_id=person)
    classroom.outsider("add_member", group_id=int(fourth.lms_group_id), user_id=int(cards[2].members[0].lms_user_id))
    wanted = in_store(classroom)["Projects"]
    fails_first = itertools.count()
    is_change = lambda _, environ: environ["REQUEST_METHOD"] == "POST" and next(fails_first) == 0  # noqa: E731
    with at_call(classroom.lms, is_change, lambda: classroom.lms.faults({"scope_next": 1})):
        report = push(classroom)
    held = in_lms(classroom)["Projects"]
    assert {key: held[key] for key in wanted} == wanted
    assert report.errors == []
    classroom.pull()
    assert_agree(classroom)


def cards_set(classroom: Any, set_id: Any) -> str:
    return str(classroom.read_set(set_id).row.lms_group_set_id)


def test_sets_that_may_not_be_written_are_left_alone(classroom: Any) -> None:
    classroom.pull()
    asked_rights.store_answer(classroom.course_id, None, "right_missing")
    assert push_all.writable_sets(classroom.tool, classroom.course_id) == []
    assert push(classroom).calls == 0
