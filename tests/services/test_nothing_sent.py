"""A try that broke off before its first writing call is no doubt: the next one heeds others as a first one does."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from lti_tool.domain.clock import now
from lti_tool.models import LmsChange, db
from lti_tool.services import lms_changes, publication
from lti_tool.services.mirror import find_publication
from lti_tool.services.set_edits import edits_of
from lti_tool.worker import do_run
from tests.services.connected import assert_agree, deliver, in_lms, open_set
from tests.services.faulted import calm, let_time_pass
from tests.services.published import fill, publish
from tests.services.published import in_lms as mirror_of

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
pytestmark = [pytest.mark.usefixtures("no_waiting"), on_sqlite]


def row_of(changes: Any) -> LmsChange:
    db.session.rollback()
    (change_id,) = changes.asked
    return db.session.get_one(LmsChange, change_id)


@pytest.mark.shows("PUSH-40")
@pytest.mark.parametrize("flavour", ["canvas"])  # a move in Moodle reads nothing first
def test_whom_others_took_out_before_the_next_try_is_not_put_back_over_their_heads(classroom: Any) -> None:
    set_id = open_set(classroom)
    cards = classroom.read_set(set_id).cards
    person, first, second = cards[0].members[0], cards[0].row, cards[1].row
    asked = edits_of(classroom.course_id, set_id).assign(classroom.viewer, set_id, {person.id: second.id})
    classroom.lms.faults({"error_next": 999})
    assert deliver(classroom, asked, set_id) == "waiting"
    calm(classroom)
    (shown,) = lms_changes.list_of_set(set_id)
    assert (shown.attempts, shown.in_doubt) == (1, False)
    classroom.outsider("remove_member", group_id=int(first.lms_group_id), user_id=int(person.lms_user_id))
    theirs = in_lms(classroom)
    assert deliver(classroom, asked, set_id) == "refused"
    assert row_of(asked).error_code == "changed_meanwhile"
    assert in_lms(classroom) == theirs
    assert_agree(classroom)
    assert lms_changes.retry(classroom.tool, classroom.viewer, shown.id).state == "sent"
    assert_agree(classroom)


@pytest.mark.shows("PUSH-40")
def test_a_group_that_others_made_before_the_next_try_is_not_taken_for_ours(classroom: Any) -> None:
    set_id = open_set(classroom)
    lms_set_id = classroom.read_set(set_id).row.lms_group_set_id
    asked = edits_of(classroom.course_id, set_id).create_groups(classroom.viewer, set_id, "Fresh")
    classroom.lms.faults({"error_next": 999})
    assert deliver(classroom, asked, set_id) == "waiting"
    calm(classroom)
    classroom.outsider("create_group", set_id=int(lms_set_id), name="Fresh")
    theirs = in_lms(classroom)
    assert deliver(classroom, asked, set_id) == "refused"
    assert row_of(asked).error_code == "group_names_taken"
    assert in_lms(classroom) == theirs
    assert_agree(classroom)


@pytest.mark.shows("PUSH-40")
def test_the_pauses_grow_and_giving_it_up_asks_the_lms_nothing(classroom: Any) -> None:
    set_id = open_set(classroom)
    asked = edits_of(classroom.course_id, set_id).create_groups(classroom.viewer, set_id, "Fresh")
    classroom.lms.faults({"error_next": 999})
    for tries in range(1, 5):
        assert deliver(classroom, asked, set_id) == "waiting"
        (shown,) = lms_changes.list_of_set(set_id)
        assert (shown.attempts, shown.in_doubt) == (tries, False)
        wait = shown.retry_at - now()
        assert 0.75 * 2 ** (tries - 1) < wait / timedelta(seconds=30) < 1.25 * 2 ** (tries - 1)
    lms_changes.discard(classroom.viewer, shown.id)
    assert lms_changes.list_open(classroom.course_id) == []


@pytest.mark.shows("PUSH-40")
def test_a_published_set_is_tried_anew_as_if_for_the_first_time(classroom: Any) -> None:
    set_id = fill(classroom)
    publish(classroom, set_id)
    classroom.new_groups(set_id, "Fresh")
    classroom.lms.faults({"error_next": 999})
    publication.push_after_change(classroom.tool, classroom.viewer, set_id)
    for tries in range(2, 5):
        let_time_pass()
        rung: list[UUID] = []
        publication.sweep(rung.append)
        do_run(classroom.tool, rung[0])
        db.session.rollback()
        row = find_publication(set_id)
        assert (row.state, row.attempts) == ("waiting", 0)
        wait = row.retry_at - now()
        assert 0.75 * 2 ** (tries - 1) < wait / timedelta(seconds=30) < 1.25 * 2 ** (tries - 1)
    calm(classroom)
    name = classroom.read_set(set_id).cards[-1].row.name
    lms_set_id = next(s["id"] for s in classroom.state()["group_sets"] if s["name"] == "Lab teams")
    classroom.outsider("create_group", set_id=lms_set_id, name=name)
    theirs = mirror_of(classroom, "Lab teams")
    view = publication.push_after_change(classroom.tool, classroom.viewer, set_id)
    assert (view.state, view.error_code) == ("refused", "group_names_taken")
    assert mirror_of(classroom, "Lab teams") == theirs


@pytest.mark.shows("PUSH-40")
def test_a_writing_call_that_failed_stays_in_doubt(classroom: Any) -> None:
    set_id = open_set(classroom)
    cards = classroom.read_set(set_id).cards
    move = {cards[0].members[0].id: cards[1].row.id}
    asked = edits_of(classroom.course_id, set_id).assign(classroom.viewer, set_id, move)
    classroom.lms.faults({"cut_after_apply_next": 999})
    assert deliver(classroom, asked, set_id) == "waiting"
    calm(classroom)
    (shown,) = lms_changes.list_of_set(set_id)
    assert (shown.attempts, shown.in_doubt) == (1, True)
    assert deliver(classroom, asked, set_id) == "sent"
    assert_agree(classroom)
