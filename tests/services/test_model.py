"""What the entities of a course are: their own ids, whose they are, and what they keep through every change."""

from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from lti_tool.domain.errors import Conflict
from lti_tool.domain.groups import Connection, Origin
from lti_tool.models import Assignment, Group, GroupSet, GroupSetEntry, RosterMember, db
from lti_tool.services import assignments, copies, group_sets, groups, references, removal, runs, set_import

flavours = pytest.mark.parametrize("flavour", ["canvas"])  # rules of our own: one LMS is enough


def rows_of(kind: type[Any], classroom: Any) -> list[Any]:
    db.session.rollback()
    return list(db.session.scalars(select(kind).where(kind.course_id == classroom.course_id)))


def connected(classroom: Any) -> list[Any]:
    """Return the sets of the LMS that have groups."""
    return [s.row for s in group_sets.list_sets(classroom.course_id) if s.row.last_updated and s.groups]


def held(set_id: UUID) -> list[UUID]:
    db.session.rollback()
    return [group.id for group in group_sets.read_groups(set_id)]


@pytest.mark.shows("MODEL-4", "MODEL-5", "MODEL-9", "MODEL-10")
def test_every_entity_has_an_id_of_ours_and_the_lms_id_beside_it(classroom: Any) -> None:
    classroom.pull()
    set_id = classroom.new_set("Mine")
    classroom.new_groups(set_id, "Team", 2)
    draft = set_import.keep_upload(classroom.viewer, "teams.csv", b"group_name\nRow 1\n")
    seen = set_import.preview_import(classroom.viewer, draft).seen
    set_import.import_set(classroom.viewer, draft, "From a file", seen)
    assignments.create_assignment(classroom.viewer, assignments.Draft("Essay"))
    sets, stored, people = (rows_of(kind, classroom) for kind in (GroupSet, Group, RosterMember))
    (essay,) = rows_of(Assignment, classroom)
    assert essay.group_set_id in {row.id for row in sets}
    assert all(isinstance(row.id, UUID) for row in (*sets, *stored, *people))
    assert {row.origin for row in stored} == set(Origin)
    assert all((row.lms_group_id is not None) == (row.origin == Origin.LMS) for row in stored)
    assert {row.connection for row in sets} == {None, Connection.SYSTEM, Connection.IMPORT, classroom.flavour}
    for row in sets:
        of_lms, of_file = row.connection == classroom.flavour, row.connection == Connection.IMPORT
        assert (row.lms_group_set_id is not None, row.last_updated is not None) == (of_lms, of_lms or of_file)
        assert row.source_filename == ("teams.csv" if of_file else None)
    assert {row.enrollment_type == "student" for row in people} == {True, False}
    assert all(row.lms_user_id for row in people)


@pytest.mark.shows("MODEL-158")
def test_a_group_of_canvas_is_in_one_set_and_a_group_of_moodle_may_be_in_several(classroom: Any) -> None:
    classroom.pull()
    places = Counter(group_id for row in connected(classroom) for group_id in held(row.id))
    assert set(places) == {row.id for row in rows_of(Group, classroom) if row.origin == Origin.LMS}
    assert (max(places.values()) > 1) == (classroom.flavour == "moodle")


@flavours
@pytest.mark.shows("MODEL-1", "MODEL-2")
def test_a_group_stands_by_itself_and_sets_refer_to_it_in_their_order(classroom: Any) -> None:
    classroom.pull("roster")
    first, second = classroom.new_set("First"), classroom.new_set("Second")
    red, blue = classroom.new_groups(first, "Red"), classroom.new_groups(first, "Blue")
    references.add_references(classroom.viewer, second, [*blue, *red])
    assert (held(first), held(second)) == ([*red, *blue], [*blue, *red])
    people = [student.id for student in classroom.students()][:3][::-1]
    for member_id in people:
        groups.assign(classroom.viewer, second, {member_id: red[0]})
    groups.edit_group(classroom.viewer, first, red[0], "Rouge", "")
    page = classroom.read_set(first)
    assert [member.id for member in page.cards[0].members] == people, "in the order in which they came"
    groups.remove_member(classroom.viewer, first, red[0], people[1])
    groups.assign(classroom.viewer, first, {people[1]: red[0]})
    page = classroom.read_set(second)
    assert [member.id for member in page.cards[1].members] == [people[0], people[2], people[1]]
    removal.delete_set(classroom.viewer, first)
    assert held(second) == [*blue, *red]
    assert db.session.get(Group, red[0]).name == "rouge"


@flavours
@pytest.mark.shows("MODEL-43")
def test_the_roster_renames_no_group_that_is_named_after_its_people(classroom: Any) -> None:
    classroom.pull("roster")
    set_id = classroom.new_set("Mine")
    first, second = classroom.students()[:2]
    made = groups.create_group_of(classroom.viewer, set_id, "", [first.id, second.id])
    (group_id,) = made.groups
    name = db.session.get(Group, group_id).name
    classroom.outsider("unenrol", user_id=int(second.lms_user_id))
    classroom.pull("roster")
    page = classroom.read_set(set_id)
    assert [member.id for member in page.cards[0].members] == [first.id]
    assert page.cards[0].row.name == name


@pytest.mark.shows("MODEL-12", "MODEL-81", "MODEL-110")
def test_a_removed_set_is_left_out_of_every_pull_until_it_is_wanted_back(classroom: Any) -> None:
    classroom.pull()
    before, row = classroom.shape(), connected(classroom)[0]
    ids, lms_set_id = held(row.id), row.lms_group_set_id
    copy_id = copies.copy_set(classroom.viewer, row.id).group_set
    changes = removal.remove_connected_set(classroom.viewer, row.id)
    gone = set(ids) - {i for s in connected(classroom) for i in held(s.id)}
    assert (changes.deleted_group_sets, changes.deleted_groups) == ({row.id}, frozenset())
    assert held(copy_id) == ids
    state, calls = classroom.state(), classroom.calls()
    assert removal.delete_set(classroom.viewer, copy_id).deleted_groups == gone
    assert (classroom.state(), classroom.calls()) == (state, calls), "the LMS is not touched"
    for _ in range(2):
        report = classroom.pull()
        assert row.name not in classroom.shape()
        assert (report.group_sets.created, report.groups.created, report.groups.removed) == (0, 0, 0)
    assert [left.lms_group_set_id for left in removal.list_left_out(classroom.course_id)] == [lms_set_id]
    removal.bring_back(classroom.viewer, lms_set_id)
    classroom.pull()
    assert classroom.shape() == before
    assert removal.list_left_out(classroom.course_id) == []


@flavours
def test_a_set_is_not_removed_during_a_run(classroom: Any) -> None:
    classroom.pull()
    row = connected(classroom)[0]
    runs.queue(classroom.course_id, "groups")
    with pytest.raises(Conflict, match="run_open"):
        removal.remove_connected_set(classroom.viewer, row.id)
    assert held(row.id)


@flavours
@pytest.mark.shows("MODEL-42", "MODEL-84")
def test_orphans_go_whether_they_are_empty_or_not_and_nothing_else_does(classroom: Any) -> None:
    classroom.pull("roster")
    set_id, other = classroom.new_set("Mine"), classroom.new_set("Other")
    full, empty, shared = (classroom.new_groups(set_id, name)[0] for name in ("Full", "Empty", "Shared"))
    groups.assign(classroom.viewer, set_id, {classroom.students()[0].id: full})
    references.add_references(classroom.viewer, other, [shared])
    assert references.take_out(classroom.viewer, set_id, full).deleted_groups == {full}
    assert references.take_out(classroom.viewer, set_id, shared).deleted_groups == frozenset()
    assert held(set_id) == [empty]
    changes = removal.delete_set(classroom.viewer, set_id)
    assert changes.deleted_groups == {empty}
    assert held(other) == [shared]
    entries = set(db.session.scalars(select(GroupSetEntry.group_id)))
    assert {row.id for row in rows_of(Group, classroom)} == entries, "no group is left that no set holds"
