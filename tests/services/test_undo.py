"""Bulk changes taken back: the store and the LMS hold again what they held, and nothing that others did is lost."""

import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import event, select, update

from lti_tool.domain.allocation import SizeRule
from lti_tool.domain.base58 import encode
from lti_tool.domain.clock import now
from lti_tool.domain.errors import Conflict, Forbidden, NotFound, RuleViolation, ToolError
from lti_tool.models import Group, GroupMembership, HistoryEntry, RosterMember, UndoStep, db, transaction
from lti_tool.services import copies, group_draws, group_sets, groups, publication, references, removal, undo
from lti_tool.services.group_draws import Order
from lti_tool.services.set_page import read_shown_set
from lti_tool.services.undo import What
from tests.services.published import fill, in_lms, in_store, publish, state_of
from tests.services.test_set_import import bring, bring_again, emails, shape

flavours = pytest.mark.parametrize("flavour", ["canvas"])  # rules of our own: one LMS is enough


@pytest.fixture
def ready(classroom: Any) -> tuple[Any, UUID, list[UUID]]:
    """A course with its people, and a local set of three empty groups."""
    classroom.pull("roster")
    set_id = classroom.new_set("Mine")
    return classroom, set_id, classroom.new_groups(set_id, "Team", 3)


def last_change(classroom: Any, set_id: UUID) -> Any:
    db.session.rollback()
    return read_shown_set(classroom.viewer, set_id).last_change


def take_back(classroom: Any, set_id: UUID) -> Any:
    step = last_change(classroom, set_id)
    assert step is not None
    return undo.undo(classroom.viewer, set_id, step.revision)


def rows(classroom: Any, set_id: UUID) -> list[tuple[Any, ...]]:
    """All that is stored of a set's groups and people, in order."""
    db.session.rollback()
    return [
        (card.row.id, card.row.name, card.row.description, card.row.name_generated, [m.id for m in card.members])
        for card in classroom.read_set(set_id).cards
    ]


def put(classroom: Any, set_id: UUID, group_id: UUID, *people: UUID) -> None:
    groups.assign(classroom.viewer, set_id, dict.fromkeys(people, group_id))


def draw(classroom: Any, set_id: UUID, seed: int = 7) -> None:
    shown = groups.draw(classroom.course_id, set_id, seed)
    groups.apply_draw(classroom.viewer, set_id, seed, shown.revision)


@flavours
def test_people_moved_at_once_go_back_and_forth(ready: Any) -> None:
    classroom, set_id, ids = ready
    a, b, c = (student.id for student in classroom.students()[:3])
    put(classroom, set_id, ids[0], b, a)
    put(classroom, set_id, ids[1], c)
    before = rows(classroom, set_id)
    put(classroom, set_id, ids[2], a, b, c)
    after = rows(classroom, set_id)
    step = last_change(classroom, set_id)
    assert (step.what, step.count, step.made_by) == (What.BATCH, 3, "Teacher")

    done = take_back(classroom, set_id)
    assert rows(classroom, set_id) == before
    assert (done.what, done.changes.count, done.changes.groups) == (What.UNDO, 3, frozenset(ids))
    assert last_change(classroom, set_id).what == What.UNDO
    assert take_back(classroom, set_id).what == What.REDO
    assert rows(classroom, set_id) == after
    assert take_back(classroom, set_id).what == What.UNDO
    assert rows(classroom, set_id) == before
    actions = list(db.session.scalars(select(HistoryEntry.action).order_by(HistoryEntry.created_at)))
    assert actions[-3:] == ["undone", "redone", "undone"]


@flavours
def test_a_draw_is_taken_back(ready: Any) -> None:
    classroom, set_id, ids = ready
    put(classroom, set_id, ids[0], classroom.students()[0].id)
    before = rows(classroom, set_id)
    draw(classroom, set_id)
    assert last_change(classroom, set_id).what == What.DRAW
    take_back(classroom, set_id)
    assert rows(classroom, set_id) == before


@flavours
def test_a_draw_into_groups_that_are_named_after_their_people_gives_the_old_names_back(classroom: Any) -> None:
    classroom.pull("roster")
    set_id = classroom.new_set("Mine")
    first = classroom.students()[0]
    groups.create_group_of(classroom.viewer, set_id, "", [first.id])
    before = rows(classroom, set_id)
    draw(classroom, set_id)
    after = rows(classroom, set_id)
    assert after[0][1] != before[0][1]
    take_back(classroom, set_id)
    assert rows(classroom, set_id) == before
    take_back(classroom, set_id)
    assert rows(classroom, set_id) == after


@flavours
def test_a_file_imported_again_is_taken_back_with_its_groups_under_their_old_ids(ready: Any) -> None:
    classroom, _, _ = ready
    a, b, c, d = emails(classroom)[:4]
    set_id = bring(classroom, f"group_name,email\nRed,{b}\nRed,{a}\nBlue,{c}\nGreen,\n")
    red, blue, green = classroom.read_set(set_id).cards
    groups.edit_group(classroom.viewer, set_id, blue.row.id, "Azure", "the blue ones")
    key = encode(red.row.id)
    before, file_before = rows(classroom, set_id), read_file(classroom, set_id)
    bring_again(
        classroom,
        set_id,
        f"group_id,group_name,email\n,New,{d}\n{key},Crimson,{a}\n{key},Crimson,{c}\n",
    )
    after = rows(classroom, set_id)
    assert [row[1] for row in after] == ["New", "Crimson"]
    assert (last_change(classroom, set_id).what, last_change(classroom, set_id).count) == (What.IMPORT, 2)

    done = take_back(classroom, set_id)
    assert rows(classroom, set_id) == before
    assert read_file(classroom, set_id) == file_before
    assert done.changes.deleted_groups == {after[0][0]}
    assert {green.row.id, blue.row.id} <= done.changes.groups
    take_back(classroom, set_id)
    assert rows(classroom, set_id) == after
    assert read_file(classroom, set_id)[0] == "again.csv"


def read_file(classroom: Any, set_id: UUID) -> tuple[Any, Any]:
    row = classroom.read_set(set_id).row
    return row.source_filename, row.last_updated


@flavours
def test_groups_made_at_once_and_groups_of_other_sets_leave_again(ready: Any) -> None:
    classroom, set_id, ids = ready
    assert last_change(classroom, set_id).what == What.GROUPS
    other = classroom.new_set("Other")
    references.add_references(classroom.viewer, other, ids[:2])
    put(classroom, set_id, ids[0], *(s.id for s in classroom.students()[:2]))
    assert take_back(classroom, other).what == What.UNDO
    assert rows(classroom, other) == []
    assert len(rows(classroom, set_id)) == 3
    assert len(rows(classroom, set_id)[0][4]) == 2


@flavours
def test_one_person_moved_is_no_bulk_change_and_ends_the_undo_of_the_last(ready: Any) -> None:
    classroom, set_id, ids = ready
    students = [student.id for student in classroom.students()]
    put(classroom, set_id, ids[0], *students[:2])
    step = last_change(classroom, set_id)
    put(classroom, set_id, ids[1], students[0])
    assert last_change(classroom, set_id) is None
    before = rows(classroom, set_id)
    with pytest.raises(Conflict, match="set_changed"):
        undo.undo(classroom.viewer, set_id, step.revision)
    with pytest.raises(Conflict, match="set_changed"):
        undo.undo(classroom.viewer, set_id, group_sets.get_set(classroom.course_id, set_id).revision)
    assert rows(classroom, set_id) == before


@flavours
def test_a_set_of_another_course_or_of_the_lms_is_not_touched(classroom: Any) -> None:
    classroom.pull()
    theirs = next(s.row for s in group_sets.list_sets(classroom.course_id) if s.row.lms_group_set_id)
    with pytest.raises(Forbidden, match="set_not_editable"):
        undo.undo(classroom.viewer, theirs.id, theirs.revision)
    with pytest.raises(NotFound):
        undo.undo(classroom.viewer, UUID(int=1), 0)


@flavours
def test_who_left_the_course_meanwhile_is_left_out_and_named(ready: Any) -> None:
    classroom, set_id, ids = ready
    gone, stays = classroom.students()[:2]
    put(classroom, set_id, ids[0], gone.id, stays.id)
    put(classroom, set_id, ids[1], gone.id, stays.id)
    classroom.outsider("unenrol", user_id=int(gone.lms_user_id))
    classroom.pull("roster")
    take_back(classroom, set_id)
    assert [row[4] for row in rows(classroom, set_id)] == [[stays.id], [], []]
    assert last_change(classroom, set_id).left_out == [gone.name]


@flavours
def test_a_group_named_after_people_is_not_named_after_who_was_left_out(classroom: Any) -> None:
    classroom.pull("roster")
    set_id = classroom.new_set("Mine")
    gone, stays, third = classroom.students()[:3]
    groups.create_group_of(classroom.viewer, set_id, "", [gone.id, stays.id])
    (home,) = [row[0] for row in rows(classroom, set_id)]
    (other,) = classroom.new_groups(set_id, "Team")
    put(classroom, set_id, home, third.id)
    put(classroom, set_id, other, gone.id, stays.id)
    classroom.outsider("unenrol", user_id=int(gone.lms_user_id))
    classroom.pull("roster")
    take_back(classroom, set_id)
    name = rows(classroom, set_id)[0][1]
    groups.remove_member(classroom.viewer, set_id, home, third.id)
    groups.assign(classroom.viewer, set_id, {third.id: home})
    assert name == rows(classroom, set_id)[0][1]


@flavours
def test_what_was_done_through_another_set_since_stays(ready: Any) -> None:
    classroom, set_id, ids = ready
    a, b, c = (student.id for student in classroom.students()[:3])
    put(classroom, set_id, ids[0], a, b)
    put(classroom, set_id, ids[1], a, b)
    other = copies.copy_set(classroom.viewer, set_id).group_set
    groups.assign(classroom.viewer, other, {c: ids[1]})
    groups.assign(classroom.viewer, other, {b: ids[2]})
    groups.edit_group(classroom.viewer, other, ids[0], "Renamed", "")
    take_back(classroom, set_id)
    assert [(row[1], set(row[4])) for row in rows(classroom, set_id)] == [
        ("renamed", {a}),
        ("team-2", {c}),
        ("team-3", {b}),
    ]
    assert len(last_change(classroom, set_id).left_out) == 1
    assert rows(classroom, other) == rows(classroom, set_id)


@flavours
def test_a_name_that_was_given_away_meanwhile_is_not_given_twice(ready: Any) -> None:
    classroom, _, _ = ready
    set_id = bring(classroom, "group_name\nRed\n")
    (red,) = (row[0] for row in rows(classroom, set_id))
    other = copies.copy_set(classroom.viewer, set_id).group_set
    bring_again(classroom, set_id, f"group_id,group_name\n{encode(red)},Crimson\n")
    groups.create_groups(classroom.viewer, other, "red")
    before = rows(classroom, set_id)
    with pytest.raises(RuleViolation, match="group_name_in_set"):
        take_back(classroom, set_id)
    assert rows(classroom, set_id) == before


@flavours
def test_a_group_that_was_deleted_through_another_set_stays_deleted(ready: Any) -> None:
    classroom, set_id, ids = ready
    a, b = (student.id for student in classroom.students()[:2])
    put(classroom, set_id, ids[0], a, b)
    put(classroom, set_id, ids[1], a, b)
    other = copies.copy_set(classroom.viewer, set_id).group_set
    groups.delete_group(classroom.viewer, other, ids[0])
    take_back(classroom, set_id)
    assert [(row[0], row[4]) for row in rows(classroom, set_id)] == [(ids[1], []), (ids[2], [])]
    assert len(last_change(classroom, set_id).left_out) == 2


@flavours
def test_a_deleted_set_takes_its_step_with_it(ready: Any) -> None:
    classroom, set_id, _ = ready
    removal.delete_set(classroom.viewer, set_id)
    assert not db.session.scalars(select(UndoStep)).all()


@flavours
def test_old_steps_are_neither_offered_nor_kept(app_on_both: Flask, ready: Any) -> None:
    classroom, set_id, _ = ready
    with transaction() as session:
        session.execute(update(UndoStep).values(made_at=now() - timedelta(days=30, seconds=1)))
    assert last_change(classroom, set_id) is None
    fresh = classroom.new_set("Fresh")
    classroom.new_groups(fresh, "Team", 2)
    app_on_both.extensions["lti_tool_doorbell"]._purge()
    db.session.rollback()
    assert db.session.scalars(select(UndoStep.group_set_id)).all() == [fresh]


@flavours
def test_of_two_undos_at_once_one_counts(app_on_both: Flask, ready: Any) -> None:
    classroom, set_id, ids = ready
    students = [student.id for student in classroom.students()[:4]]
    for turn in range(4):
        before = rows(classroom, set_id)
        put(classroom, set_id, ids[turn % 3], *students)
        revision = last_change(classroom, set_id).revision
        start, outcomes = threading.Barrier(2), []

        def work(start: Any = start, revision: int = revision, outcomes: list[str] = outcomes) -> None:
            with app_on_both.app_context():
                start.wait()
                try:
                    undo.undo(classroom.viewer, set_id, revision)
                    outcomes.append("done")
                except ToolError as error:
                    outcomes.append(error.code)
                finally:
                    db.session.remove()

        db.session.rollback()
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["done", "set_changed"]
        assert rows(classroom, set_id) == before
        put(classroom, set_id, ids[turn % 3], *students)


@flavours
def test_the_cost_does_not_depend_on_the_size(classroom: Any) -> None:
    classroom.pull("roster")
    students = [student.id for student in classroom.students()]

    def cost(count: int) -> list[int]:
        set_id = classroom.new_set(f"Set of {count}")
        classroom.new_groups(set_id, "Team", count)
        statements: list[str] = []

        def note(_c: Any, _cur: Any, statement: str, *_: Any) -> None:
            statements.append(statement)

        event.listen(db.engine, "before_cursor_execute", note)
        found = []
        for act in (lambda: draw(classroom, set_id), lambda: take_back(classroom, set_id)):
            statements.clear()
            act()
            found.append(len([s for s in statements if not s.startswith("INSERT INTO history")]))
        event.remove(db.engine, "before_cursor_execute", note)
        return found

    assert len(students) > 5
    assert cost(2) == cost(40)


# On the demo LMS, over HTTP


@pytest.mark.usefixtures("no_waiting")
def test_the_lms_follows_a_draw_its_undo_and_its_redo(classroom: Any) -> None:
    set_id = fill(classroom, count=4)
    ids = [row[0] for row in rows(classroom, set_id)]
    kept = classroom.students()[0].id
    for student in classroom.students()[1:]:
        for group_id in ids:
            groups.remove_member(classroom.viewer, set_id, group_id, student.id)
    publish(classroom, set_id)
    before = in_lms(classroom, "Lab teams")
    assert before == in_store(classroom, set_id)
    assert sum(map(len, before.values())) == 1

    draw(classroom, set_id)
    publication.push_after_change(classroom.tool, classroom.viewer, set_id)
    drawn = in_lms(classroom, "Lab teams")
    assert drawn == in_store(classroom, set_id)
    assert sum(map(len, drawn.values())) == len(classroom.students())
    assert {m for row in rows(classroom, set_id) for m in row[4]} >= {kept}

    for wanted in (before, drawn, before):
        take_back(classroom, set_id)
        publication.push_after_change(classroom.tool, classroom.viewer, set_id)
        assert in_lms(classroom, "Lab teams") == wanted == in_store(classroom, set_id)
    assert state_of(set_id) == "sent"


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("reached", [True, False])
def test_groups_that_an_import_took_out_of_the_lms_come_back_there(classroom: Any, reached: bool) -> None:
    classroom.pull("roster")
    a, b, c = emails(classroom)[:3]
    set_id = bring(classroom, f"group_name,email\nRed,{a}\nBlue,{b}\n", name="Teams")
    publish(classroom, set_id)
    before = in_lms(classroom, "Teams")
    bring_again(classroom, set_id, f"group_name,email\nGreen,{c}\nBlue,{a}\n")
    if reached:
        publication.push_after_change(classroom.tool, classroom.viewer, set_id)
        assert in_lms(classroom, "Teams") == in_store(classroom, set_id) != before
    take_back(classroom, set_id)
    assert shape(classroom, set_id) == [("Red", [a]), ("Blue", [b])]
    publication.push_after_change(classroom.tool, classroom.viewer, set_id)
    assert in_lms(classroom, "Teams") == before
    assert state_of(set_id) == "sent"
    assert not db.session.scalars(
        select(GroupMembership)
        .join(RosterMember)
        .join(Group, Group.id == GroupMembership.group_id)
        .where(RosterMember.email == c, Group.origin == "local")
    ).all()


@flavours
def test_groups_made_and_filled_by_lot_leave_with_everybody_in_them(ready: Any) -> None:
    classroom, set_id, ids = ready
    put(classroom, set_id, ids[0], classroom.students()[0].id)
    before = rows(classroom, set_id)
    wanted = Order("Crew", 4, SizeRule.AT_MOST)
    shown = group_draws.draw_groups(classroom.viewer, set_id, wanted, seed=3)
    made = group_draws.make_groups(classroom.viewer, set_id, wanted, (3, shown.revision, shown.people_mark))
    after = rows(classroom, set_id)
    assert made.count == len(shown.groups) == len(after) - 3
    assert [(row[1], row[4]) for row in after[3:]] == [(name, [p.id for p in people]) for name, people in shown.groups]
    assert after[:3] == before
    done = take_back(classroom, set_id)
    assert rows(classroom, set_id) == before
    assert done.changes.deleted_groups == made.groups
    take_back(classroom, set_id)
    assert rows(classroom, set_id) == after
