"""Assignments: a set plus a selection, which follow both, and never stand on a set that is gone."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import event

from lti_tool.domain.errors import Conflict, NotFound, RuleViolation, ToolError
from lti_tool.domain.selection import Selection
from lti_tool.domain.sync import Report
from lti_tool.domain.system_sets import INDIVIDUALS
from lti_tool.models import Assignment, AssignmentExclusion, GroupMembership, GroupSet, HistoryEntry, db, transaction
from lti_tool.services import assignment_pages as pages
from lti_tool.services import assignments, copies, group_sets, groups, pull, removal
from lti_tool.services.assignments import Draft

flavours = pytest.mark.parametrize("flavour", ["canvas"])  # rules of our own: one LMS is enough


def lms_set(classroom: Any) -> tuple[dict[str, Any], GroupSet]:
    """Return a set of the LMS with several groups: as the LMS has it, and as it is stored."""
    target = next(s for s in classroom.state()["group_sets"] if s.get("role") is None and len(s["groups"]) > 2)
    rows = (s.row for s in group_sets.list_sets(classroom.course_id))
    return target, next(row for row in rows if row.lms_group_set_id == str(target["id"]))


def local_set(classroom: Any, name: str = "Projects", count: int = 3) -> tuple[UUID, list[UUID]]:
    set_id = classroom.new_set(name)
    return set_id, classroom.new_groups(set_id, "Team", count)


def make(classroom: Any, name: str = "Essay", set_id: UUID | None = None, **selection: Any) -> UUID:
    return assignments.create_assignment(classroom.viewer, Draft(name, "", set_id, Selection(**selection))).assignment


def read(classroom: Any, assignment_id: UUID) -> pages.AssignmentPage:
    db.session.rollback()
    return pages.read_assignment(classroom.course_id, assignment_id)


def edit(classroom: Any, assignment_id: UUID, set_id: UUID | None, confirmed: bool = False, **selection: Any) -> None:
    row = read(classroom, assignment_id).row
    draft = Draft(row.name, row.description or "", set_id, Selection(**selection))
    assignments.edit_assignment(classroom.viewer, assignment_id, row.revision, draft, confirmed=confirmed)


@flavours
@pytest.mark.shows("MODEL-3", "MODEL-92", "MODEL-118")
@pytest.mark.parametrize("roster_first", [True, False])
def test_a_new_assignment_is_for_each_student_alone_unless_a_set_is_chosen(classroom: Any, roster_first: bool) -> None:
    if roster_first:
        classroom.pull("roster")
    assignment_id = make(classroom, "  Essay  ")
    page = read(classroom, assignment_id)
    assert (page.row.name, page.row.description, page.row.pattern) == ("Essay", None, None)
    assert page.group_set.name == INDIVIDUALS
    classroom.pull("roster")
    page = read(classroom, assignment_id)
    assert [group.member_ids for group in page.groups] != []
    assert {ids for group in page.groups for ids in group.member_ids} == {s.id for s in classroom.students()}
    assert all(len(group.member_ids) == 1 for group in page.groups)
    assert (page.in_none, page.in_several) == ([], [])


@flavours
@pytest.mark.shows("MODEL-117")
def test_an_assignment_for_the_whole_class_is_one_group_of_all_students(classroom: Any) -> None:
    classroom.pull("roster")
    set_id, (group_id,) = local_set(classroom, "Whole class", 1)
    everybody = [student.id for student in classroom.students()]
    groups.assign(classroom.viewer, set_id, dict.fromkeys(everybody, group_id))
    page = read(classroom, make(classroom, "Field trip", set_id))
    (only,) = page.groups
    assert set(only.member_ids) == set(everybody)
    assert (page.people, page.in_none, page.in_several) == (len(everybody), [], [])


@pytest.mark.shows("MODEL-159", "MODEL-85", "MODEL-86", "MODEL-87")
def test_an_assignment_uses_a_set_of_the_lms_and_follows_it(classroom: Any) -> None:
    classroom.pull()
    target, row = lms_set(classroom)
    assignment_id = make(classroom, "Lab report", row.id)
    stored = db.session.get_one(Assignment, assignment_id)
    assert stored.group_set_id == row.id
    before = [group.name for group in read(classroom, assignment_id).groups]
    assert before == [group["name"] for group in target["groups"]]
    first, second, *_ = target["groups"]
    classroom.outsider("rename_group", group_id=first["id"], name="Zebra")
    classroom.outsider("delete_group", group_id=second["id"])
    classroom.outsider("create_group", set_id=target["id"], name="Brand new")
    classroom.pull("groups")
    page = read(classroom, assignment_id)
    assert {group.name for group in page.groups} == {"Zebra", "Brand new", *before[2:]}
    assert [g.name for g in page.groups] == [c.row.name for c in classroom.read_set(row.id).cards]
    assert not next(group for group in page.groups if group.name == "Brand new").member_ids


@flavours
@pytest.mark.shows("MODEL-85", "MODEL-88", "MODEL-89")
def test_exclusions_hold_by_id_through_renaming_and_deleting(classroom: Any) -> None:
    set_id, (one, two, three) = local_set(classroom)
    assignment_id = make(classroom, "Essay", set_id, pattern="team-*", excluded=frozenset({one, two, uuid4()}))
    assert [g.name for g in read(classroom, assignment_id).groups] == ["team-3"]
    groups.edit_group(classroom.viewer, set_id, one, "Team 9", "")
    groups.delete_group(classroom.viewer, set_id, two)
    classroom.new_groups(set_id, "Team new")
    classroom.new_groups(set_id, "Other")
    page = read(classroom, assignment_id)
    assert [g.id for g in page.excluded] == [one]
    assert len(page.groups) == 2
    assert page.groups[0].id == three
    # The id of the deleted group stays, in case it comes back; that of no group was never stored.
    assert assignments.read_exclusions(assignment_id) == {one, two}
    edit(classroom, assignment_id, set_id, pattern="team-*", excluded=frozenset())
    assert assignments.read_exclusions(assignment_id) == {two}


@flavours
@pytest.mark.shows("MODEL-90", "MODEL-91")
def test_another_set_asks_before_exclusions_end(classroom: Any) -> None:
    set_id, (one, two, _) = local_set(classroom)
    other = copies.copy_set(classroom.viewer, set_id).group_set  # a copy holds the very same groups
    assignment_id = make(classroom, "Essay", set_id, excluded=frozenset({one, two}))
    with pytest.raises(RuleViolation, match="exclusions_end") as refused:
        edit(classroom, assignment_id, other, excluded=frozenset({one}))
    assert refused.value.facts == {"count": 2}
    page = read(classroom, assignment_id)
    assert (page.group_set.id, page.row.revision) == (set_id, 0)
    assert assignments.read_exclusions(assignment_id) == {one, two}
    edit(classroom, assignment_id, other, confirmed=True, excluded=frozenset({one}))
    assert read(classroom, assignment_id).group_set.id == other
    assert assignments.read_exclusions(assignment_id) == frozenset()
    edit(classroom, assignment_id, set_id, excluded=frozenset({one}))  # nothing to lose, so nothing is asked
    assert assignments.read_exclusions(assignment_id) == {one}


@flavours
@pytest.mark.parametrize(
    ("draft", "code"),
    [
        (Draft(" "), "name_required"),
        (Draft("essay"), "name_taken"),
        (Draft("New", selection=Selection("[")), "pattern_bracket_open"),
        (Draft("New", selection=Selection("")), "pattern_required"),
        (Draft("New", group_set_id=uuid4()), "group_set_not_found"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_stored(classroom: Any, draft: Draft, code: str) -> None:
    make(classroom, "Essay")
    second = make(classroom, "Second")
    with pytest.raises(ToolError, match=code):
        assignments.create_assignment(classroom.viewer, draft)
    with pytest.raises(ToolError, match=code):
        assignments.edit_assignment(classroom.viewer, second, 0, draft)
    db.session.rollback()
    assert [s.row.name for s in pages.list_assignments(classroom.course_id)] == ["Essay", "Second"]
    assert read(classroom, second).row.revision == 0


@flavours
def test_a_stale_edit_changes_nothing(classroom: Any) -> None:
    assignment_id = make(classroom)
    edit(classroom, assignment_id, None, pattern="a*")
    with pytest.raises(Conflict, match="assignment_changed"):
        assignments.edit_assignment(classroom.viewer, assignment_id, 0, Draft("Late"))
    page = read(classroom, assignment_id)
    assert (page.row.name, page.row.pattern, page.row.revision) == ("Essay", "a*", 1)


@flavours
def test_history_tells_what_was_done(classroom: Any) -> None:
    assignment_id = make(classroom)
    assignments.edit_assignment(classroom.viewer, assignment_id, 0, Draft("Report"))
    gone = assignments.delete_assignment(classroom.viewer, assignment_id)
    assert gone.deleted_assignments == {assignment_id}
    with pytest.raises(NotFound):
        assignments.delete_assignment(classroom.viewer, assignment_id)
    told = db.session.query(HistoryEntry).filter_by(subject_id=assignment_id).all()
    assert {(entry.action, entry.subject) for entry in told} == {
        ("assignment_created", "Essay"),
        ("assignment_edited", "Essay → Report"),
        ("assignment_deleted", "Report"),
    }


@flavours
@pytest.mark.shows("MODEL-110")
@pytest.mark.parametrize("roster_first", [True, False])
def test_assignments_of_a_deleted_set_use_individual_students(classroom: Any, roster_first: bool) -> None:
    if roster_first:
        classroom.pull("roster")
    set_id, (one, *_) = local_set(classroom)
    other, _ = local_set(classroom, "Labs")
    moved = make(classroom, "Essay", set_id, pattern="team-*", excluded=frozenset({one}))
    stays = make(classroom, "Lab", other)
    removal.delete_set(classroom.viewer, set_id)
    page = read(classroom, moved)
    assert (page.group_set.name, page.row.pattern, page.row.revision) == (INDIVIDUALS, "team-*", 1)
    assert not db.session.query(AssignmentExclusion).all()
    assert read(classroom, stays).group_set.id == other
    assert "assignment_set_gone" in {entry.action for entry in db.session.query(HistoryEntry).all()}


@pytest.mark.shows("MODEL-110", "MODEL-159")
def test_a_set_that_vanished_in_the_lms_leaves_no_assignment_behind(classroom: Any) -> None:
    classroom.pull()
    target, row = lms_set(classroom)
    excluded = frozenset({classroom.read_set(row.id).cards[0].row.id})
    assignment_id = make(classroom, "Lab report", row.id, excluded=excluded)
    classroom.outsider("delete_set", set_id=target["id"])
    shown = Report()
    pull.preview(classroom.tool, classroom.course_id, pull.WANTED_BY_KIND["groups"], shown, lambda *_: None)
    assert shown.reassigned == ["Lab report"]
    assert read(classroom, assignment_id).group_set.id == row.id
    assert classroom.pull("groups").reassigned == ["Lab report"]
    page = read(classroom, assignment_id)
    assert page.group_set.name == INDIVIDUALS
    assert assignments.read_exclusions(assignment_id) == frozenset()
    assert classroom.pull("groups").reassigned == []


@flavours
def test_coverage_names_who_is_left_out_and_who_stands_twice(classroom: Any) -> None:
    classroom.pull("roster")
    ana, bo, *others = classroom.students()
    set_id, (one, two, three) = local_set(classroom)
    groups.assign(classroom.viewer, set_id, {ana.id: one, bo.id: two})
    copy_id = copies.copy_set(classroom.viewer, set_id).group_set
    twice = classroom.new_groups(copy_id, "Again")[0]
    with transaction() as session:  # as an import or a sync would
        session.add(GroupMembership(group_id=twice, member_id=ana.id, position=0))
    assignment_id = make(classroom, "Essay", copy_id, excluded=frozenset({two}))
    page = read(classroom, assignment_id)
    assert {m.id for m in page.in_none} == {bo.id, *(m.id for m in others)}
    assert [(found.member.id, len(found.groups)) for found in page.in_several] == [(ana.id, 2)]
    assert [g.id for g in page.groups if not g.member_ids] == [three]
    (summary,) = pages.list_assignments(classroom.course_id)
    assert (summary.groups, summary.people) == (3, 1)
    assert set(summary.coverage.in_none) == {m.id for m in page.in_none}


@flavours
def test_a_student_finds_the_own_group_of_each_assignment(classroom: Any) -> None:
    classroom.pull("roster")
    ana, bo, chi, *_ = classroom.students()
    set_id, (one, two, _) = local_set(classroom)
    groups.assign(classroom.viewer, set_id, {ana.id: one, bo.id: one, chi.id: two})
    make(classroom, "Alone")
    make(classroom, "Essay", set_id)
    make(classroom, "Others", set_id, excluded=frozenset({one}))
    own = pages.list_own_assignments(classroom.course_id, ana.id)
    assert [(a.row.name, [{m.id for m in people} for _, people in a.groups]) for a in own] == [
        ("Alone", [{ana.id}]),
        ("Essay", [{ana.id, bo.id}]),
        ("Others", []),
    ]


def count_statements(work: Callable[[], Any]) -> int:
    seen: list[str] = []

    def note(_c: Any, _cur: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    db.session.rollback()
    event.listen(db.engine, "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return len([s for s in seen if not s.startswith(("BEGIN", "PRAGMA"))])


@flavours
def test_reading_costs_the_same_for_ten_groups_and_for_five_hundred(classroom: Any) -> None:
    classroom.pull("roster")
    costs, course_id = [], classroom.course_id
    for count in (10, 500):
        set_id = classroom.new_set(f"Set of {count}")
        ids = [i for n in range(0, count, 100) for i in classroom.new_groups(set_id, f"Team {n}", min(count, 100))]
        assert len(ids) == count
        assignment_id = make(classroom, f"Essay {count}", set_id, excluded=frozenset(ids[: count // 2]))
        student = classroom.students()[0].id
        groups.assign(classroom.viewer, set_id, {student: ids[0]})
        costs.append(
            [
                count_statements(lambda: pages.list_assignments(course_id)),
                count_statements(lambda i=assignment_id: pages.read_assignment(course_id, i)),
                count_statements(lambda i=set_id: pages.preview_selection(course_id, i, Selection("*"))),
                count_statements(lambda s=student: pages.list_own_assignments(course_id, s)),
                count_statements(lambda i=assignment_id, s=set_id: edit(classroom, i, s, pattern="T*")),
            ]
        )
    assert costs[0] == costs[1]
    assert max(costs[0][:4]) <= 6


def in_threads(app: Flask, *works: Callable[[], Any]) -> list[Any]:
    """Do all of it at once; give what each came to."""
    start, outcomes = threading.Barrier(len(works)), []

    def run(work: Callable[[], Any]) -> None:
        with app.app_context():
            start.wait()
            try:
                outcomes.append(work())
            except ToolError as error:
                outcomes.append(error.code)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@flavours
def test_of_two_assignments_of_one_name_at_once_one_is_refused(app_on_both: Flask, classroom: Any) -> None:
    db.session.rollback()
    outcomes = in_threads(app_on_both, *[lambda: make(classroom, "Essay")] * 6)
    assert outcomes.count("name_taken") == 5
    assert len(outcomes) == 6


@flavours
def test_a_set_chosen_while_it_is_deleted_leaves_no_assignment_behind(app_on_both: Flask, classroom: Any) -> None:
    for turn in range(6):
        set_id = classroom.new_set(f"Set {turn}")
        db.session.rollback()
        outcomes = in_threads(
            app_on_both,
            lambda s=set_id, n=turn: make(classroom, f"Essay {n}", s),
            lambda s=set_id: removal.delete_set(classroom.viewer, s),
        )
        assert len(outcomes) == 2
        assert {o for o in outcomes if isinstance(o, str)} <= {"group_set_not_found"}
        for summary in pages.list_assignments(classroom.course_id):
            assert summary.group_set.name == INDIVIDUALS
