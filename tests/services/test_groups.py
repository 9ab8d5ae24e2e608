"""Changing local sets: one group per person and set, whatever is clicked at once, and nothing of others touched."""

import threading
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select

from lti_tool.domain.errors import Conflict, Forbidden, NotFound, RuleViolation
from lti_tool.models import GroupMembership, HistoryEntry, RosterMember, db, transaction
from lti_tool.services import group_sets, groups, removal
from lti_tool.services.set_page import read_shown_set


@pytest.fixture
def ready(classroom: Any) -> tuple[Any, UUID, list[UUID]]:
    """A course with its people, and a local set of three empty groups."""
    classroom.pull("roster")
    set_id = classroom.new_set("Mine")
    return classroom, set_id, classroom.new_groups(set_id, "Team", 3)


flavours = pytest.mark.parametrize("flavour", ["canvas"])  # rules of our own: one LMS is enough


@flavours
@pytest.mark.shows("MODEL-38", "MODEL-35")
def test_groups_keep_the_order_in_which_they_were_made(ready: Any) -> None:
    classroom, set_id, ids = ready
    groups.create_groups(classroom.viewer, set_id, "Alpha")
    groups.edit_group(classroom.viewer, set_id, ids[0], "Zulu", "last by name, first in place")
    names = [card.row.name for card in classroom.read_set(set_id).cards]
    assert names == ["zulu", "team-2", "team-3", "alpha"]


@flavours
@pytest.mark.shows("PUSH-16")
def test_placing_somebody_takes_them_out_of_the_sets_other_group(ready: Any) -> None:
    classroom, set_id, ids = ready
    student = classroom.students()[0].id
    assert groups.assign(classroom.viewer, set_id, {student: ids[0]}).count == 1
    assert groups.assign(classroom.viewer, set_id, {student: ids[1]}).count == 1
    assert groups.assign(classroom.viewer, set_id, {student: ids[1]}).count == 0
    page = classroom.read_set(set_id)
    assert [[m.id for m in card.members] for card in page.cards] == [[], [student], []]


@flavours
@pytest.mark.shows("MODEL-72", "MODEL-74")
def test_who_is_not_active_is_in_no_group(ready: Any) -> None:
    classroom, set_id, ids = ready
    student = classroom.students()[0]
    groups.assign(classroom.viewer, set_id, {student.id: ids[0]})
    classroom.outsider("unenrol", user_id=int(student.lms_user_id))
    classroom.pull("roster")
    page = classroom.read_set(set_id)
    assert page.cards[0].members == []
    with pytest.raises(RuleViolation, match="member_not_active"):
        groups.assign(classroom.viewer, set_id, {student.id: ids[0]})


@flavours
@pytest.mark.shows("MODEL-16", "MODEL-31")
def test_groups_of_the_lms_are_not_changed_here(classroom: Any) -> None:
    classroom.pull()
    summary = next(s for s in group_sets.list_sets(classroom.course_id) if s.groups)
    page = classroom.read_set(summary.row.id)
    group, viewer = page.cards[0].row.id, classroom.viewer
    student = classroom.students()[0].id
    for change in (
        lambda: group_sets.rename_set(viewer, summary.row.id, "x"),
        lambda: removal.delete_set(viewer, summary.row.id),
        lambda: groups.create_groups(viewer, summary.row.id, "x"),
        lambda: groups.edit_group(viewer, summary.row.id, group, "x", ""),
        lambda: groups.delete_group(viewer, summary.row.id, group),
        lambda: groups.assign(viewer, summary.row.id, {student: group}),
        lambda: groups.remove_member(viewer, summary.row.id, group, student),
    ):
        with pytest.raises(Forbidden, match="set_not_editable"):
            change()
    assert classroom.read_set(summary.row.id).row.name == summary.row.name


@flavours
def test_ids_of_elsewhere_are_not_found(ready: Any) -> None:
    classroom, set_id, ids = ready
    other_set = classroom.new_set("Other")
    student = classroom.students()[0].id
    elsewhere = replace(classroom.viewer, course=replace(classroom.viewer.course, id=uuid4()))
    for act in (
        lambda: groups.assign(classroom.viewer, other_set, {student: ids[0]}),
        lambda: groups.assign(classroom.viewer, set_id, {uuid4(): ids[0]}),
        lambda: groups.edit_group(classroom.viewer, other_set, ids[0], "x", ""),
        lambda: read_shown_set(elsewhere, set_id),
    ):
        with pytest.raises(NotFound):
            act()


@flavours
def test_a_draw_is_made_exactly_as_it_was_shown_or_not_at_all(ready: Any) -> None:
    classroom, set_id, _ = ready
    shown = groups.draw(classroom.course_id, set_id, seed=7)
    assert shown.people == len(classroom.students())
    groups.apply_draw(classroom.viewer, set_id, 7, shown.revision)
    page = classroom.read_set(set_id)
    drawn = [{m.id for m in group.incoming} for group in shown.groups]
    assert [{m.id for m in card.members} for card in page.cards] == drawn
    assert page.unassigned == []
    with pytest.raises(Conflict, match="set_changed"):
        groups.apply_draw(classroom.viewer, set_id, 7, shown.revision)


@flavours
def test_every_change_is_in_the_history(ready: Any) -> None:
    classroom, set_id, ids = ready
    groups.assign(classroom.viewer, set_id, {classroom.students()[0].id: ids[0]})
    groups.delete_group(classroom.viewer, set_id, ids[2])
    actions = set(db.session.scalars(select(HistoryEntry.action)))
    assert actions >= {"group_set_created", "groups_created", "member_placed", "group_deleted"}


@flavours
def test_of_many_clicks_at_once_each_student_ends_in_one_group(app_on_both: Flask, ready: Any) -> None:
    classroom, set_id, ids = ready
    students = [student.id for student in classroom.students()][:6]
    gate, failures = threading.Barrier(9), []

    def click(group_id: UUID) -> None:
        gate.wait()
        with app_on_both.app_context():
            try:
                groups.assign(classroom.viewer, set_id, dict.fromkeys(students, group_id))
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=click, args=(ids[n % 3],)) for n in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    db.session.rollback()
    placed = select(func.count()).where(GroupMembership.group_id.in_(ids)).group_by(GroupMembership.member_id)
    counts = db.session.scalars(placed)
    assert list(counts) == [1] * len(students)


@flavours
@pytest.mark.shows("MODEL-64", "MODEL-78", "MODEL-83")
def test_a_member_who_is_deleted_leaves_the_group_standing(ready: Any) -> None:
    classroom, set_id, ids = ready
    student = classroom.students()[0].id
    groups.assign(classroom.viewer, set_id, {student: ids[0]})
    with transaction() as session:
        session.delete(session.get(RosterMember, student))
    page = classroom.read_set(set_id)
    assert [len(card.members) for card in page.cards] == [0, 0, 0]


@flavours
@pytest.mark.shows("MODEL-110")
def test_deleting_a_set_deletes_the_groups_that_no_other_set_holds(ready: Any) -> None:
    classroom, set_id, ids = ready
    removal.delete_set(classroom.viewer, set_id)
    from lti_tool.models import Group

    assert db.session.scalars(select(Group).where(Group.id.in_(ids))).all() == []
