"""Write-through: a set of the LMS is changed there first, and the store takes what the LMS answered."""

import itertools
import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, select, update

from lti_tool.domain.errors import Conflict, Forbidden, LmsUnavailable, RuleViolation
from lti_tool.domain.remote import SetOptions
from lti_tool.domain.sync import Report
from lti_tool.lms.canvas import CanvasGateway
from lti_tool.lms.moodle import MoodleGateway
from lti_tool.models import AskedRight, LmsChange, RosterMember, SyncRun, db, transaction
from lti_tool.services import connected_groups, connected_sets, group_sets, lms_changes, lms_delivery, runs
from lti_tool.services.set_edits import edits_of
from lti_tool.worker import do_run
from tests.services.connected import allow_writing, assert_agree, deliver, find_set, in_lms, in_store, open_set, prove
from tests.services.faulted import at_call, calm

pytestmark = pytest.mark.usefixtures("no_waiting")


def row_of(changes: Any) -> LmsChange:
    db.session.rollback()
    (change_id,) = changes.asked
    return db.session.get_one(LmsChange, change_id)


def facts_of(row: LmsChange) -> str:
    return " ".join(json.loads(row.error_facts).values())


def work_off(classroom: Any) -> None:
    """Let the worker's sweep find what is due, and do it."""
    with transaction() as session:
        for row in session.scalars(select(LmsChange).where(LmsChange.state == "waiting")):
            row.retry_at = row.created_at
    rung: list[UUID] = []
    lms_changes.sweep(rung.append)
    for run_id in rung:
        run = runs.claim(run_id)
        assert run is not None
        lms_changes.run_changes(classroom.tool, run, Report())


@pytest.mark.shows("PUSH-21", "PUSH-30", "PUSH-31", "PUSH-32", "PUSH-33", "PUSH-34", "PUSH-35", "PUSH-39", "PUSH-41")
def test_store_and_lms_agree_after_every_edit_of_a_connected_set(classroom: Any) -> None:
    set_id = open_set(classroom)
    assert_agree(classroom)
    viewer = classroom.viewer
    edits = edits_of(classroom.course_id, set_id)
    assert edits is connected_groups
    first, second, third = (card.row.id for card in classroom.read_set(set_id).cards)
    student = classroom.read_set(set_id).cards[0].members[0].id
    others = [m.id for m in classroom.read_set(set_id).unassigned]
    changes = (
        lambda: edits.assign(viewer, set_id, {student: third}),
        lambda: edits.edit_group(viewer, set_id, second, "Projekt  Ärzte & Co", "Words about it"),
        lambda: edits.edit_group(viewer, set_id, second, "Projekt Ärzte & Co", "Other words"),
        lambda: edits.remove_member(viewer, set_id, third, student),
        lambda: edits.assign(viewer, set_id, dict.fromkeys(others[:8], third) | {others[9]: first}),
        lambda: edits.create_groups(viewer, set_id, "Late crew", 3),
        lambda: edits.create_group_of(viewer, set_id, "", [student, others[0]]),
        lambda: edits.create_group_of(viewer, set_id, "Typed name", [others[11]]),
        lambda: edits.delete_group(viewer, set_id, first),
    )
    for n, change in enumerate(changes):
        before = in_store(classroom)
        asked = change()
        assert in_store(classroom) == before, "the store changes only by an answer"
        assert deliver(classroom, asked, set_id) == "sent", (n, row_of(asked).error_code, row_of(asked).error_facts)
        assert in_store(classroom) != before or n == 2
        assert_agree(classroom)
    descriptions = {card.row.name: card.row.description for card in classroom.read_set(set_id).cards}
    assert descriptions["Projekt Ärzte & Co"] == "Other words"
    assert lms_changes.list_open(classroom.course_id) == []


@pytest.mark.shows("PUSH-36")
def test_a_draw_is_written_through(classroom: Any) -> None:
    set_id = open_set(classroom)
    edits = edits_of(classroom.course_id, set_id)
    drawn = edits.draw(classroom.course_id, set_id, 7)
    assert drawn.people > 3
    asked = edits.apply_draw(classroom.viewer, set_id, 7, drawn.revision)
    assert asked.count == drawn.people
    assert deliver(classroom, asked, set_id) == "sent"
    assert_agree(classroom)
    assert classroom.read_set(set_id).waiting == 0


@pytest.mark.shows("PUSH-17", "PUSH-18", "PUSH-19", "PUSH-20", "PUSH-23", "PUSH-25", "PUSH-38", "PUSH-43")
def test_a_set_is_made_filled_edited_and_deleted_in_the_lms(classroom: Any) -> None:
    classroom.pull()
    allow_writing(classroom)
    canvas = classroom.flavour == "canvas"
    options = SetOptions("enabled", None, 4) if canvas else SetOptions()
    made = connected_sets.create_connected_set(classroom.viewer, "Test Category", options)
    assert deliver(classroom, made, None) == "sent"
    set_id = find_set("Test Category")
    assert lms_changes.see_change(classroom.course_id, *made.asked).set_id == set_id
    edits = edits_of(classroom.course_id, set_id)
    assert deliver(classroom, edits.create_groups(classroom.viewer, set_id, "Test Group"), set_id) == "sent"
    group_id = classroom.read_set(set_id).cards[0].row.id
    students = [s.id for s in classroom.students()[:2]]
    assert (
        deliver(classroom, edits.assign(classroom.viewer, set_id, dict.fromkeys(students, group_id)), set_id) == "sent"
    )
    assert_agree(classroom)
    assert [len(members) for _, members in in_lms(classroom)["Test Category"].values()] == [2]
    edit = connected_sets.edit_connected_set(classroom.viewer, set_id, "Renamed Category")
    assert deliver(classroom, edit, set_id) == "sent"
    assert_agree(classroom)
    found = next(s for s in classroom.state()["group_sets"] if s["name"] == "Renamed Category")
    assert (found["self_signup"], found["group_limit"]) == (("enabled", 4) if canvas else (None, None))
    if canvas:
        off = SetOptions(off=("self_signup",), group_limit=5)
        edit = connected_sets.edit_connected_set(classroom.viewer, set_id, "Renamed Category", off)
        assert deliver(classroom, edit, set_id) == "sent"
        found = next(s for s in classroom.state()["group_sets"] if s["name"] == "Renamed Category")
        assert (found["self_signup"], found["group_limit"]) == (None, 5)
    gone = connected_sets.delete_connected_set(classroom.viewer, set_id)
    assert deliver(classroom, gone, set_id) == "sent"
    assert "Renamed Category" not in in_lms(classroom)
    assert_agree(classroom)


def test_moving_one_person_takes_two_calls(classroom: Any) -> None:
    set_id = open_set(classroom)
    page = classroom.read_set(set_id)
    before = classroom.calls()
    edits = edits_of(classroom.course_id, set_id)
    edits.assign(classroom.viewer, set_id, {page.cards[0].members[0].id: page.cards[1].row.id})
    assert lms_changes.deliver(classroom.tool, classroom.viewer, set_id) == []
    assert classroom.calls() - before == runs.list_runs(classroom.course_id, 1)[0].report["calls"] <= 2
    assert_agree(classroom)


@pytest.mark.shows("PULL-53", "PULL-54")
def test_canvas_spreads_the_unassigned_and_the_store_is_read_again(classroom: Any) -> None:
    set_id = open_set(classroom)
    if classroom.flavour == "moodle":
        with pytest.raises(RuleViolation, match="unsupported_here"):
            connected_sets.assign_unassigned(classroom.viewer, set_id)
        return
    asked = connected_sets.assign_unassigned(classroom.viewer, set_id)
    assert deliver(classroom, asked, set_id) == "sending"  # the worker does it, with progress
    run = runs.claim(runs.find_open_run(classroom.course_id).id)
    assert run is not None
    assert classroom.read_set(set_id).run.kind == "change"
    lms_changes.run_changes(classroom.tool, run, Report())
    assert row_of(asked).state == "sent"
    assert_agree(classroom)
    assert classroom.read_set(set_id).waiting == 0


FAULTS = {
    "500": ({"error_next": 999}, "waiting"),
    "throttled": ({"throttle": "429"}, "waiting"),
    "throttled, old way": ({"throttle": "403"}, "waiting"),
    "HTML": ({"html_error_next": 999}, "waiting"),
    "token revoked": ({"revoke_token": True}, "refused"),
}


@pytest.mark.shows("PUSH-40")
@pytest.mark.parametrize(("fault", "state"), FAULTS.values(), ids=FAULTS)
def test_what_does_not_arrive_is_shown_and_arrives_later(classroom: Any, fault: dict[str, Any], state: str) -> None:
    set_id = open_set(classroom)
    page = classroom.read_set(set_id)
    before = in_lms(classroom)
    classroom.lms.faults(fault)
    edits = edits_of(classroom.course_id, set_id)
    asked = edits.assign(classroom.viewer, set_id, {page.cards[0].members[0].id: page.cards[2].row.id})
    assert deliver(classroom, asked, set_id) == state
    (shown,) = lms_changes.list_of_set(set_id)
    assert (shown.state, shown.attempts, shown.requested_by) == (state, 1, "Teacher")
    assert shown.error_code
    assert (shown.retry_at is not None) == (state == "waiting")
    assert in_lms(classroom) == in_store(classroom) == before
    classroom.lms.faults({})
    if state == "waiting":
        work_off(classroom)
    else:
        lms_changes.retry(classroom.tool, classroom.viewer, shown.id)
    assert row_of(asked).state == "sent"
    assert_agree(classroom)
    assert in_store(classroom) != before


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_lost_answer_doubles_nothing(classroom: Any, cut: int) -> None:
    set_id = open_set(classroom)
    page = classroom.read_set(set_id)
    edits = edits_of(classroom.course_id, set_id)
    students = [m.id for m in page.cards[0].members]
    changes = (
        lambda: edits.create_group_of(classroom.viewer, set_id, "Fresh", students[:2]),
        lambda: edits.assign(classroom.viewer, set_id, {students[2]: page.cards[1].row.id}),
        lambda: edits.edit_group(classroom.viewer, set_id, page.cards[0].row.id, "Another", "Text"),
        lambda: edits.delete_group(classroom.viewer, set_id, page.cards[2].row.id),
        lambda: connected_sets.edit_connected_set(classroom.viewer, set_id, "Projects too"),
    )
    for change in changes:
        classroom.lms.faults({"cut_after_apply_next": cut})
        asked = change()
        deliver(classroom, asked, set_id)
        for _ in range(4):
            if row_of(asked).state != "sent":
                work_off(classroom)
        assert row_of(asked).state == "sent", row_of(asked).error_code
        assert_agree(classroom)
    names = [name for name, _ in in_lms(classroom)["Projects too"].values()]
    assert sorted(names) == ["Another", "Fresh", "Project 2"]


def test_a_lost_answer_to_a_new_set_makes_one_set(classroom: Any) -> None:
    open_set(classroom)
    classroom.lms.faults({"cut_after_apply_next": 1})
    made = connected_sets.create_connected_set(classroom.viewer, "Once")
    assert deliver(classroom, made, None) == "waiting"
    work_off(classroom)
    assert row_of(made).state == "sent"
    assert [s["name"] for s in classroom.state()["group_sets"]].count("Once") == 1
    assert_agree(classroom)


class Killed(BaseException):
    """The process is told to end."""


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_worker_that_dies_between_call_and_outcome_loses_and_doubles_nothing(
    classroom: Any, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    set_id = open_set(classroom)
    edits = edits_of(classroom.course_id, set_id)
    people = [m.id for m in classroom.read_set(set_id).cards[0].members]
    left = after
    real = lms_delivery.store_answer

    def dies(*arguments: Any) -> Any:
        raise Killed

    asked = edits.create_group_of(classroom.viewer, set_id, "Fresh", people)
    if after == 3:
        monkeypatch.setattr(lms_delivery, "store_answer", dies)
    else:
        http = type(lms_delivery.gateways.open_gateway(classroom.tool, classroom.course_id)._http)
        send = http.send

        def counted(self: Any, *arguments: Any, **values: Any) -> Any:
            nonlocal left
            answer = send(self, *arguments, **values)
            if left == 0:
                raise Killed
            left -= 1
            return answer

        monkeypatch.setattr(http, "send", counted)
    with pytest.raises(Killed):
        lms_changes.deliver(classroom.tool, classroom.viewer, set_id)
    monkeypatch.undo()
    assert row_of(asked).state == "sending"
    assert real is lms_delivery.store_answer
    work_off(classroom)
    assert row_of(asked).state == "sent", row_of(asked).error_facts
    assert_agree(classroom)
    assert [n for n, _ in in_lms(classroom)["Projects"].values()].count("Fresh") == 1


def test_a_run_that_was_killed_is_taken_up_again(classroom: Any) -> None:
    set_id = open_set(classroom)
    page = classroom.read_set(set_id)
    edits = edits_of(classroom.course_id, set_id)
    asked = edits.assign(classroom.viewer, set_id, {page.cards[0].members[0].id: page.cards[1].row.id})
    run_id = runs.queue(classroom.course_id, "change", group_set_id=set_id)
    runs.claim(run_id)
    with transaction() as session:  # SIGKILL: neither the run nor the change was told
        row = session.get_one(LmsChange, next(iter(asked.asked)))
        row.state, row.attempts = "sending", 1
        session.get_one(SyncRun, run_id).heartbeat_at = row.created_at.replace(year=2020)
    assert lms_changes.sweep(lambda _: None) == 0  # one writer only
    rung: list[UUID] = []
    assert runs.sweep(rung.append) == 1
    lms_changes.run_changes(classroom.tool, runs.claim(rung[0]), Report())
    assert row_of(asked).state == "sent"
    assert_agree(classroom)


def test_a_group_that_was_deleted_meanwhile_is_told_and_forgotten(classroom: Any) -> None:
    set_id = open_set(classroom)
    page = classroom.read_set(set_id)
    classroom.outsider("delete_group", group_id=int(page.cards[1].row.lms_group_id))
    edits = edits_of(classroom.course_id, set_id)
    asked = edits.assign(classroom.viewer, set_id, {page.cards[0].members[0].id: page.cards[1].row.id})
    assert deliver(classroom, asked, set_id) == "refused"
    assert row_of(asked).error_code == "group_gone"
    assert_agree(classroom)


def test_a_set_that_was_deleted_meanwhile_is_told(classroom: Any) -> None:
    set_id = open_set(classroom)
    lms_id = next(s["id"] for s in classroom.state()["group_sets"] if s["name"] == "Projects")
    classroom.outsider("delete_set", set_id=lms_id)
    asked = edits_of(classroom.course_id, set_id).create_groups(classroom.viewer, set_id, "One more")
    assert deliver(classroom, asked, set_id) == "refused"
    assert row_of(asked).error_code == "set_gone"
    again = connected_sets.delete_connected_set(classroom.viewer, set_id)
    assert deliver(classroom, again, set_id) == "sent"  # what is gone counts as deleted
    assert "Projects" not in in_store(classroom)


def test_people_whom_the_lms_does_not_take_are_named_and_the_rest_is_stored(classroom: Any) -> None:
    set_id = open_set(classroom)
    page = classroom.read_set(set_id)
    away = page.unassigned[0]
    here = next(person for person in page.unassigned if person.name != away.name)
    classroom.outsider("unenrol", user_id=int(away.lms_user_id))
    edits = edits_of(classroom.course_id, set_id)
    asked = edits.assign(classroom.viewer, set_id, dict.fromkeys([away.id, here.id], page.cards[2].row.id))
    assert deliver(classroom, asked, set_id) == "refused"
    row = row_of(asked)
    assert (row.error_code, away.name in facts_of(row), here.name in facts_of(row)) == (
        "people_not_placed",
        True,
        False,
    )
    # What the LMS did to the person's other groups is for the next pull.
    assert in_store(classroom)["Projects"] == in_lms(classroom)["Projects"]


@pytest.mark.parametrize("means_it", [False, True])
@pytest.mark.parametrize("what", ["moved", "renamed"])
def test_what_somebody_else_changed_meanwhile_is_not_overwritten_unless_somebody_means_it(
    classroom: Any, what: str, means_it: bool
) -> None:
    set_id = open_set(classroom)
    page = classroom.read_set(set_id)
    person, (first, second, third) = page.cards[0].members[0], (card.row for card in page.cards)
    edits = edits_of(classroom.course_id, set_id)
    if what == "moved":
        asked = edits.assign(classroom.viewer, set_id, {person.id: second.id})
    else:
        asked = edits.edit_group(classroom.viewer, set_id, first.id, "Ours", "")
    classroom.lms.faults({"error_next": 999})
    assert deliver(classroom, asked, set_id) == "waiting"
    classroom.lms.faults({"error_next": 0})
    if what == "moved":
        for group in (first,):
            classroom.outsider("remove_member", group_id=int(group.lms_group_id), user_id=int(person.lms_user_id))
        classroom.outsider("add_member", group_id=int(third.lms_group_id), user_id=int(person.lms_user_id))
    else:
        classroom.outsider("rename_group", group_id=int(first.lms_group_id), name="Theirs")
    after = in_lms(classroom)
    assert deliver(classroom, asked, set_id) == "refused"
    row = row_of(asked)
    assert (row.error_code, (person.name if what == "moved" else "Theirs") in facts_of(row)) == (
        f"{'changed' if what == 'moved' else 'renamed'}_meanwhile",
        True,
    )
    assert in_lms(classroom) == after
    assert_agree(classroom)
    if means_it:
        assert lms_changes.retry(classroom.tool, classroom.viewer, row.id).state in ("sent", "unproven")
        work_off(classroom)
        held = in_lms(classroom)["Projects"]
        where = {name for name, people in held.values() if person.lms_user_id in people}
        assert where == {"Project 2"} if what == "moved" else "Ours" in {name for name, _ in held.values()}
        assert_agree(classroom)
        return
    lms_changes.discard(classroom.viewer, row.id)
    assert lms_changes.see_change(classroom.course_id, row.id).state == "discarded"
    work_off(classroom)
    assert lms_changes.list_open(classroom.course_id) == []


@pytest.mark.shows("PUSH-40")
@pytest.mark.parametrize("flavour", ["canvas"])  # in Moodle our move takes nobody out of the group of others
@pytest.mark.parametrize("how", ["moved", "taken out"])
def test_whom_others_moved_unseen_is_not_moved_over_their_heads_until_somebody_means_it(
    classroom: Any, how: str
) -> None:
    set_id = open_set(classroom)
    page = classroom.read_set(set_id)
    person, (first, second, third) = page.cards[0].members[0], (card.row for card in page.cards)
    classroom.outsider("remove_member", group_id=int(first.lms_group_id), user_id=int(person.lms_user_id))
    if how == "moved":
        classroom.outsider("add_member", group_id=int(third.lms_group_id), user_id=int(person.lms_user_id))
    theirs = in_lms(classroom)
    asked = edits_of(classroom.course_id, set_id).assign(classroom.viewer, set_id, {person.id: second.id})
    assert deliver(classroom, asked, set_id) == "refused"
    row = row_of(asked)
    assert (row.error_code, person.name in facts_of(row)) == ("changed_meanwhile", True)
    assert in_lms(classroom) == theirs
    assert_agree(classroom)  # theirs is shown here now
    assert lms_changes.retry(classroom.tool, classroom.viewer, row.id).state == "sent"
    assert person.lms_user_id in in_lms(classroom)["Projects"][str(second.lms_group_id)][1]
    assert_agree(classroom)


@pytest.mark.shows("PUSH-40")
@pytest.mark.parametrize("flavour", ["canvas"])
def test_whom_others_moved_is_not_said_to_be_in_no_group_because_we_took_them_out(classroom: Any) -> None:
    set_id = open_set(classroom)
    person, (first, second, _) = move_unseen(classroom, set_id, 0, 1)
    asked = edits_of(classroom.course_id, set_id).remove_member(classroom.viewer, set_id, first.id, person.id)
    assert deliver(classroom, asked, set_id) == "refused"
    row = row_of(asked)
    assert (row.error_code, f"{person.name} → {second.name}" in facts_of(row)) == ("changed_meanwhile", True)
    assert_agree(classroom)
    assert lms_changes.retry(classroom.tool, classroom.viewer, row.id).state == "sent"  # out of the first they are
    assert_agree(classroom)


def test_a_newer_place_for_the_same_person_ends_a_refused_move(classroom: Any) -> None:
    set_id = open_set(classroom, 4)
    person, (_, second, third, fourth) = move_unseen(classroom, set_id, 0, 2)
    edits = edits_of(classroom.course_id, set_id)
    classroom.pull("roster")
    refused = edits.assign(classroom.viewer, set_id, {person.id: second.id})
    classroom.lms.faults({"forbid_next": 99} if classroom.flavour == "moodle" else {"scope_next": 99})
    assert deliver(classroom, refused, set_id) == "refused"
    calm(classroom)
    allow_writing(classroom)
    other = next(s for s in classroom.students() if s.id != person.id)
    # The answer to the move of the other may show already that the person is in the third group.
    for who, where, state in ((other, third, "refused"), (person, fourth, "discarded")):
        newer = edits.assign(classroom.viewer, set_id, {who.id: where.id})
        assert row_of(refused).state == state
        deliver(classroom, newer, set_id)
    with pytest.raises(Conflict, match="change_not_open"):
        lms_changes.retry(classroom.tool, classroom.viewer, row_of(refused).id)
    classroom.pull()
    assert_agree(classroom)


@pytest.mark.shows("PUSH-40")
def test_a_newer_place_for_somebody_whose_old_move_arrived_unheard_leaves_nobody_in_two_groups(classroom: Any) -> None:
    set_id = open_set(classroom)
    page = classroom.read_set(set_id)
    (first, second), edits = page.cards[:2], edits_of(classroom.course_id, set_id)
    placed = {member.id for card in page.cards for member in card.members}
    person = next(student for student in classroom.students() if student.id not in placed)
    asked = edits.assign(classroom.viewer, set_id, {person.id: first.row.id})
    of_people = "core_group_add_group_members" if classroom.flavour == "moodle" else "memberships"
    classroom.lms.faults({"cut_after_apply_next": 99, "only_path": of_people})
    assert deliver(classroom, asked, set_id) == "waiting"
    classroom.lms.faults({"revoke_token": True, "cut_after_apply_next": 0, "only_path": ""})
    assert deliver(classroom, asked, set_id) == "refused"
    classroom.lms.faults({"revoke_token": False})
    allow_writing(classroom)
    newer = edits.assign(classroom.viewer, set_id, {person.id: second.row.id})
    assert deliver(classroom, newer, set_id) == "refused"
    row = row_of(newer)
    assert (row.error_code, f"{person.name} → {first.row.name}" in facts_of(row)) == ("changed_meanwhile", True)
    assert_agree(classroom)
    lms_changes.retry(classroom.tool, classroom.viewer, row.id)
    prove(classroom)
    assert row_of(newer).state == "sent"
    held = in_lms(classroom)["Projects"].values()
    assert [name for name, people in held if person.lms_user_id in people] == [second.row.name]
    assert_agree(classroom)


@pytest.mark.shows("PUSH-40")
def test_a_group_into_which_others_moved_somebody_is_deleted_only_when_somebody_has_seen_that(classroom: Any) -> None:
    set_id = open_set(classroom)
    person, (_, _, third) = move_unseen(classroom, set_id, 0, 2)
    theirs, name, lms_group_id = in_lms(classroom), third.name, str(third.lms_group_id)
    asked = edits_of(classroom.course_id, set_id).delete_group(classroom.viewer, set_id, third.id)
    assert deliver(classroom, asked, set_id) == "refused"
    row = row_of(asked)
    assert (row.error_code, f"{person.name} → {name}" in facts_of(row)) == ("changed_meanwhile", True)
    assert in_lms(classroom) == theirs
    assert_agree(classroom)
    assert lms_changes.retry(classroom.tool, classroom.viewer, row.id).state in ("sent", "unproven")
    assert lms_group_id not in in_lms(classroom)["Projects"]
    assert_agree(classroom)


def move_unseen(classroom: Any, set_id: UUID, old: int, new: int) -> tuple[Any, list[Any]]:
    """Let others move the first person of a group of the LMS; return the person and the set's groups, as known here."""
    page = classroom.read_set(set_id)
    person, rows = page.cards[old].members[0], [card.row for card in page.cards]
    user_id = int(person.lms_user_id)
    classroom.outsider("remove_member", group_id=int(rows[old].lms_group_id), user_id=user_id)
    classroom.outsider("add_member", group_id=int(rows[new].lms_group_id), user_id=user_id)
    return person, rows


@pytest.mark.shows("PUSH-40")
@pytest.mark.parametrize("flavour", ["canvas"])
def test_a_retry_takes_nobody_out_of_the_group_that_the_change_itself_made(classroom: Any) -> None:
    set_id = open_set(classroom)
    page = classroom.read_set(set_id)
    people, third = page.cards[0].members[:2], page.cards[2].row
    edits = edits_of(classroom.course_id, set_id)
    asked = edits.create_group_of(classroom.viewer, set_id, "Mixed", [person.id for person in people])
    placed = itertools.count()
    with at_call(classroom.lms, lambda _, environ: joins(environ) and next(placed) == 1, lambda: fail_on(classroom)):
        assert deliver(classroom, asked, set_id) == "waiting"
    classroom.lms.faults({"error_next": 0})
    user_id = int(people[1].lms_user_id)
    classroom.outsider("remove_member", group_id=int(page.cards[0].row.lms_group_id), user_id=user_id)
    classroom.outsider("add_member", group_id=int(third.lms_group_id), user_id=user_id)
    assert deliver(classroom, asked, set_id) == "refused"
    assert row_of(asked).error_code == "changed_meanwhile"
    assert lms_changes.retry(classroom.tool, classroom.viewer, row_of(asked).id).state == "sent"
    made = next(members for name, members in in_lms(classroom)["Projects"].values() if name == "Mixed")
    assert made == {person.lms_user_id for person in people}
    assert_agree(classroom)


def joins(environ: dict[str, Any]) -> bool:
    return bool(environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"].endswith("/memberships"))


def fail_on(classroom: Any) -> None:
    classroom.lms.faults({"error_next": 999})


@pytest.mark.parametrize("what", ["group", "set"])
def test_a_name_that_others_gave_unseen_stops_the_first_try_and_a_retry_means_it(classroom: Any, what: str) -> None:
    set_id = open_set(classroom)
    group = classroom.read_set(set_id).cards[0].row
    lms_ids = {"group_id": int(group.lms_group_id), "set_id": int(classroom.read_set(set_id).row.lms_group_set_id)}
    classroom.outsider(f"rename_{what}", name="Theirs", **lms_ids)
    if what == "group":
        asked = connected_groups.edit_group(classroom.viewer, set_id, group.id, "Ours", "")
    else:
        asked = connected_sets.edit_connected_set(classroom.viewer, set_id, "Ours")
    assert deliver(classroom, asked, set_id) == "refused"
    row = row_of(asked)
    facts = {"before": "Project 1" if what == "group" else "Projects", "found": "Theirs", "wanted": "Ours"}
    shown = lms_changes.see_change(classroom.course_id, row.id)
    assert (shown.error_code, shown.error_facts) == ("renamed_meanwhile", facts)
    assert_agree(classroom)
    assert "Theirs" in str(in_lms(classroom))
    assert lms_changes.retry(classroom.tool, classroom.viewer, row.id).state == "sent"
    assert_agree(classroom)
    assert "Ours" in str(in_lms(classroom))
    assert "Theirs" not in str(in_lms(classroom))


def test_a_description_that_others_gave_unseen_is_kept_until_a_retry_means_it(classroom: Any) -> None:
    set_id = open_set(classroom)
    group = classroom.read_set(set_id).cards[0].row
    site = classroom.lms.hub.sites[classroom.flavour]
    theirs = "Theirs. " * 60
    site.groups[int(group.lms_group_id)].description = theirs
    asked = connected_groups.edit_group(classroom.viewer, set_id, group.id, group.name, "Ours")
    assert deliver(classroom, asked, set_id) == "refused"
    row = row_of(asked)
    assert (row.error_code, json.loads(row.error_facts)["wanted"]) == ("described_meanwhile", "Ours")
    assert "Theirs" in classroom.read_set(set_id).cards[0].row.description
    assert site.groups[int(group.lms_group_id)].description == theirs
    assert lms_changes.retry(classroom.tool, classroom.viewer, row.id).state == "sent"
    assert "Ours" in classroom.read_set(set_id).cards[0].row.description
    assert "Ours" in site.groups[int(group.lms_group_id)].description
    again = connected_groups.edit_group(classroom.viewer, set_id, group.id, group.name, "Seen, so replaced")
    assert deliver(classroom, again, set_id) == "sent"


def test_what_was_discarded_after_a_lost_answer_is_read_again(classroom: Any) -> None:
    set_id = open_set(classroom)
    page = classroom.read_set(set_id)
    edits = edits_of(classroom.course_id, set_id)
    classroom.lms.faults({"cut_after_apply_next": 9})
    asked = edits.assign(classroom.viewer, set_id, {page.cards[0].members[0].id: page.cards[2].row.id})
    assert deliver(classroom, asked, set_id) == "waiting"
    lms_changes.discard(classroom.viewer, *asked.asked)
    (look,) = lms_changes.list_open(classroom.course_id)
    assert (look.kind, look.can_be_discarded) == ("read_again", False)
    with pytest.raises(Conflict, match="must_be_read"):  # else they would differ and nothing would show it
        lms_changes.discard(classroom.viewer, look.id)
    classroom.lms.faults({})
    work_off(classroom)
    assert lms_changes.list_open(classroom.course_id) == []
    assert_agree(classroom)


@pytest.mark.shows("PUSH-40")
def test_a_set_that_was_made_unheard_and_then_given_up_is_looked_for(classroom: Any) -> None:
    open_set(classroom)
    asked = connected_sets.create_connected_set(classroom.viewer, "Brand new")
    classroom.lms.faults({"cut_after_apply_next": 99, "only_path": "group"})
    assert deliver(classroom, asked, None) == "waiting"
    calm(classroom)
    other = runs.queue(classroom.course_id, "roster")
    with pytest.raises(Conflict, match="run_open"):  # else nobody would look for it
        lms_changes.give_up(classroom.tool, classroom.viewer, *asked.asked)
    do_run(classroom.tool, other)
    rung: list[UUID] = []
    tool = replace(classroom.tool, ring=rung.append)
    assert lms_changes.give_up(tool, classroom.viewer, *asked.asked).state == "discarded"
    (run_id,) = rung
    assert "Brand new" in in_lms(classroom)
    do_run(classroom.tool, run_id)
    assert_agree(classroom)
    untried = connected_sets.create_connected_set(classroom.viewer, "Never sent")
    lms_changes.give_up(tool, classroom.viewer, *untried.asked)
    assert (rung, runs.find_open_run(classroom.course_id)) == ([run_id], None)


@pytest.mark.shows("PUSH-40")
def test_a_set_that_was_deleted_unheard_goes_here_too_when_its_deletion_is_given_up(
    classroom: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_id = open_set(classroom)
    for gateway in (CanvasGateway, MoodleGateway):
        delete = gateway.delete_group_set

        def unheard(self: Any, *what: Any, _delete: Any = delete) -> None:
            _delete(self, *what)
            raise LmsUnavailable("lms_unreachable")

        monkeypatch.setattr(gateway, "delete_group_set", unheard)
    asked = connected_sets.delete_connected_set(classroom.viewer, set_id)
    assert deliver(classroom, asked, set_id) == "waiting"
    lms_changes.discard(classroom.viewer, *asked.asked)
    work_off(classroom)
    assert lms_changes.list_open(classroom.course_id) == []
    assert "Projects" not in in_lms(classroom)
    assert "Projects" not in in_store(classroom)


def test_later_changes_wait_behind_one_that_waits_but_not_behind_one_that_was_refused(classroom: Any) -> None:
    set_id = open_set(classroom)
    page = classroom.read_set(set_id)
    edits, viewer = edits_of(classroom.course_id, set_id), classroom.viewer
    one, two = page.cards[0].members[:2]
    classroom.lms.faults({"error_next": 999})
    first = edits.assign(viewer, set_id, {one.id: page.cards[2].row.id})
    deliver(classroom, first, set_id)
    second = edits.assign(viewer, set_id, {two.id: page.cards[2].row.id})
    with pytest.raises(Conflict, match="change_waiting"):
        edits.assign(viewer, set_id, {one.id: page.cards[1].row.id})
    deliver(classroom, second, set_id)
    assert (row_of(first).state, row_of(second).state, row_of(second).attempts) == ("waiting", "waiting", 0)
    classroom.lms.faults({"error_next": 0, "revoke_token": True})
    deliver(classroom, second, set_id)
    assert (row_of(first).state, row_of(second).state) == ("refused", "refused")
    classroom.lms.faults({"revoke_token": False})
    assert lms_changes.retry(classroom.tool, viewer, *second.asked).state == "sent"
    assert lms_changes.retry(classroom.tool, viewer, *first.asked).state == "sent"
    assert_agree(classroom)
    with pytest.raises(Conflict, match="change_not_open"):
        lms_changes.discard(viewer, *first.asked)


@pytest.mark.parametrize("case", ["not asked", "refused", "system", "account", "twin", "inactive"])
def test_what_cannot_be_written_is_refused_before_anything_is_asked(classroom: Any, case: str) -> None:
    set_id = open_set(classroom)
    page = classroom.read_set(set_id)
    person, group = page.unassigned[0], page.cards[2].row
    edits, viewer = edits_of(classroom.course_id, set_id), classroom.viewer
    with transaction() as session:
        if case == "not asked":
            session.execute(delete(AskedRight))
        if case == "refused":
            session.execute(update(AskedRight).values(write_problem="right_missing"))
        if case == "account":
            session.get_one(RosterMember, person.id).lms_user_id = None
        if case == "inactive":
            session.get_one(RosterMember, person.id).status = "dropped"
    if case == "system":
        set_id = next(s.row.id for s in group_sets.list_sets(classroom.course_id) if s.follows_roster)
    codes = {"account": "member_without_account", "twin": "name_taken", "inactive": "member_not_active"}
    taken = page.cards[0].row.name.upper()
    edit = edits.create_groups if case == "twin" else edits.assign
    what = taken if case == "twin" else {person.id: group.id}
    with pytest.raises(RuleViolation if case in codes else Forbidden, match=codes.get(case, "set_not_editable")):
        edit(viewer, set_id, what)
    assert lms_changes.list_latest(classroom.course_id) == []


@pytest.mark.shows("PUSH-19")
@pytest.mark.parametrize("flavour", ["canvas"])
def test_a_protected_set_is_not_deleted_and_said_to_be_one(classroom: Any) -> None:
    set_id = open_set(classroom)
    row = next(one for one in classroom.lms.hub.sites["canvas"].sets.values() if one.name == "Projects")
    row.role = "student_organized"
    gone = connected_sets.delete_connected_set(classroom.viewer, set_id)
    assert deliver(classroom, gone, set_id) == "refused"
    assert lms_changes.see_change(classroom.course_id, *gone.asked).error_code == "set_protected"
    assert find_set("Projects") == set_id
