"""The sets of the roster in the store: made by the first refresh, kept in step by every other, changed by nobody."""

from typing import Any

import pytest
from sqlalchemy import event, select, update

from lti_tool.domain.errors import Forbidden
from lti_tool.domain.groups import Connection
from lti_tool.domain.remote import RemoteGroup, RemoteGroups, RemoteGroupSet
from lti_tool.domain.sync import Report
from lti_tool.domain.system_sets import INDIVIDUALS, STAFF
from lti_tool.models import Group, GroupMembership, RosterMember, db, transaction
from lti_tool.services import copies, group_sets, groups, publication, removal, roster
from lti_tool.services.pulled_groups import apply_groups, plan_groups
from lti_tool.services.system_sets import ensure_system_group_sets

flavours = pytest.mark.parametrize("flavour", ["canvas"])  # rules of our own: one LMS is enough


def find(classroom: Any, name: str) -> Any:
    """Return a set of the roster as its page shows it."""
    db.session.rollback()
    rows = [s.row for s in group_sets.list_sets(classroom.course_id) if s.follows_roster and s.row.name == name]
    return classroom.read_set(rows[0].id)


def groups_of(classroom: Any, name: str) -> list[tuple[Any, str, list[Any]]]:
    """Return a set's groups in order: id, name and members."""
    return [(c.row.id, c.row.name, [m.id for m in c.members]) for c in find(classroom, name).cards]


def ensure(classroom: Any) -> None:
    with transaction():
        ensure_system_group_sets(classroom.course_id)


@pytest.mark.shows("MODEL-112", "MODEL-113", "MODEL-119")
@pytest.mark.parametrize("kind", ["roster", "pull"])
def test_the_first_roster_brings_both_sets(classroom: Any, kind: str) -> None:
    assert group_sets.list_sets(classroom.course_id) == []
    classroom.pull(kind)
    people = {student.id for student in classroom.students()}
    individuals = groups_of(classroom, INDIVIDUALS)
    assert sorted([m for _, _, members in individuals for m in members], key=str) == sorted(people, key=str)
    assert {len(members) for _, _, members in individuals} == {1}
    assert len({name for _, name, _ in individuals}) == len(people)
    staff = {m.id for m in roster.read_roster(classroom.course_id).staff if m.status != "dropped"}
    assert [(name, set(members)) for _, name, members in groups_of(classroom, STAFF)] == [("Staff", staff)]
    assert [s.row.name for s in group_sets.list_sets(classroom.course_id)][-2:] == [INDIVIDUALS, STAFF]


@flavours
@pytest.mark.shows("MODEL-39", "MODEL-65")
def test_doing_it_again_changes_nothing_and_costs_a_fixed_number_of_queries(classroom: Any) -> None:
    classroom.pull()
    before = (groups_of(classroom, INDIVIDUALS), groups_of(classroom, STAFF))
    for _ in range(3):
        statements: list[str] = []

        def note(_c: Any, _cur: Any, statement: str, *_: Any, seen: list[str] = statements) -> None:
            seen.append(statement)

        event.listen(db.engine, "before_cursor_execute", note)
        ensure(classroom)
        event.remove(db.engine, "before_cursor_execute", note)
        written = [s for s in statements if s.startswith(("INSERT", "UPDATE"))]
        assert written == []
        assert len([s for s in statements if s.startswith(("SELECT", "DELETE"))]) == 6
        assert (groups_of(classroom, INDIVIDUALS), groups_of(classroom, STAFF)) == before


@flavours
@pytest.mark.shows("MODEL-77", "MODEL-79", "MODEL-108")
def test_a_student_who_leaves_loses_the_group_in_copies_too_and_finds_it_again(classroom: Any) -> None:
    classroom.pull()
    individuals = find(classroom, INDIVIDUALS)
    copy_id = copies.copy_set(classroom.viewer, individuals.row.id).group_set
    group_id, name, (student_id,) = groups_of(classroom, INDIVIDUALS)[0]
    student = db.session.get_one(RosterMember, student_id)
    lms_user_id = int(student.lms_user_id or 0)
    classroom.outsider("unenrol", user_id=lms_user_id)
    classroom.pull("roster")
    assert db.session.scalar(select(Group).where(Group.id == group_id)) is None
    held = [card.row.id for card in classroom.read_set(copy_id).cards]
    assert held == [i for i, _, _ in groups_of(classroom, INDIVIDUALS)]
    with transaction() as session:
        session.execute(update(RosterMember).where(RosterMember.id == student_id).values(status="active"))
        ensure_system_group_sets(classroom.course_id)
    assert groups_of(classroom, INDIVIDUALS)[-1] == (group_id, name, [student_id])


@flavours
@pytest.mark.shows("MODEL-107", "MODEL-114", "MODEL-120")
def test_names_and_roles_of_the_roster_flow_through(classroom: Any) -> None:
    classroom.pull()
    copy_id = copies.copy_set(classroom.viewer, find(classroom, INDIVIDUALS).row.id).group_set
    (first, _, (renamed,)), (second, _, (promoted,)) = groups_of(classroom, INDIVIDUALS)[:2]
    with transaction() as session:
        session.execute(update(RosterMember).where(RosterMember.id == renamed).values(name="Zoë Zebra"))
        session.execute(update(RosterMember).where(RosterMember.id == promoted).values(enrollment_type="ta"))
        ensure_system_group_sets(classroom.course_id)
    assert groups_of(classroom, INDIVIDUALS)[0] == (first, "zoe_zebra", [renamed])
    assert second not in {i for i, _, _ in groups_of(classroom, INDIVIDUALS)}
    assert promoted in groups_of(classroom, STAFF)[0][2]
    assert classroom.read_set(copy_id).cards[0].row.name == "zoe_zebra"
    with transaction() as session:
        session.execute(update(RosterMember).where(RosterMember.id == promoted).values(enrollment_type="student"))
        ensure_system_group_sets(classroom.course_id)
    assert promoted not in groups_of(classroom, STAFF)[0][2]
    assert groups_of(classroom, INDIVIDUALS)[-1][2] == [promoted]


@flavours
@pytest.mark.shows("MODEL-11", "MODEL-115", "MODEL-122", "MODEL-156")
@pytest.mark.parametrize("name", [INDIVIDUALS, STAFF])
def test_nobody_changes_a_set_of_the_roster(classroom: Any, name: str) -> None:
    classroom.pull()
    page = find(classroom, name)
    set_id, group_id, viewer = page.row.id, page.cards[0].row.id, classroom.viewer
    student = classroom.students()[0].id
    for change in (
        lambda: group_sets.rename_set(viewer, set_id, "x"),
        lambda: removal.delete_set(viewer, set_id),
        lambda: groups.create_groups(viewer, set_id, "x"),
        lambda: groups.edit_group(viewer, set_id, group_id, "x", ""),
        lambda: groups.delete_group(viewer, set_id, group_id),
        lambda: groups.assign(viewer, set_id, {student: group_id}),
        lambda: publication.queue_publication(classroom.tool, set_id),
    ):
        with pytest.raises(Forbidden, match=r"set_not_(editable|publishable)"):
            change()


def test_a_pull_of_groups_leaves_the_sets_of_the_roster_alone(classroom: Any) -> None:
    classroom.pull("roster")
    before = (groups_of(classroom, INDIVIDUALS), groups_of(classroom, STAFF))
    classroom.pull("groups")
    classroom.pull()
    assert (groups_of(classroom, INDIVIDUALS), groups_of(classroom, STAFF)) == before
    assert {s.row.connection for s in group_sets.list_sets(classroom.course_id)} == {
        classroom.flavour,
        Connection.SYSTEM,
    }


@flavours
def test_a_group_of_the_roster_is_nobodys_team(classroom: Any) -> None:
    classroom.pull("roster")
    student = classroom.students()[0].id
    copies.copy_set(classroom.viewer, find(classroom, INDIVIDUALS).row.id)
    assert groups.list_own_groups(classroom.course_id, student) == []
    memberships = db.session.scalars(select(GroupMembership).where(GroupMembership.member_id == student)).all()
    assert len(memberships) == 1


def set_status(classroom: Any, member_id: Any, status: str, kind: str = "ta") -> None:
    with transaction():
        values = update(RosterMember).where(RosterMember.id == member_id).values(status=status, enrollment_type=kind)
        db.session.execute(values)
        ensure_system_group_sets(classroom.course_id)


@flavours
@pytest.mark.shows("MODEL-58", "MODEL-75", "MODEL-119")
def test_staff_are_in_their_groups_also_before_they_are_active_and_until_they_leave(classroom: Any) -> None:
    classroom.pull()
    helper = classroom.students()[0].id
    set_id = classroom.new_set("Labs")
    (lab,) = classroom.new_groups(set_id, "Lab")
    groups.assign(classroom.viewer, set_id, {helper: lab})

    def placed() -> list[bool]:
        ((_, _, staff),) = groups_of(classroom, STAFF)
        return [helper in held for held in (staff, [m.id for m in classroom.read_set(set_id).cards[0].members])]

    set_status(classroom, helper, "active")
    assert placed() == [True, True]
    set_status(classroom, helper, "incomplete")
    assert placed() == [True, True]
    assert helper not in [m for _, _, members in groups_of(classroom, INDIVIDUALS) for m in members]
    set_status(classroom, helper, "incomplete", "student")
    assert placed() == [False, False]
    set_status(classroom, helper, "incomplete")
    assert placed() == [True, False]
    groups.assign(classroom.viewer, set_id, {helper: lab})
    assert placed() == [True, True]
    set_status(classroom, helper, "dropped")
    assert placed() == [False, False]


@pytest.mark.shows("MODEL-34", "MODEL-51", "MODEL-74")
@flavours
def test_a_sync_stores_staff_who_are_not_active_yet_as_members_and_no_such_students(classroom: Any) -> None:
    classroom.pull()
    people = {"s": classroom.students()[0].id, "t": classroom.students()[1].id, "l": classroom.students()[2].id}
    for key, (status, kind) in {
        "s": ("incomplete", "student"),
        "t": ("incomplete", "ta"),
        "l": ("dropped", "ta"),
    }.items():
        set_status(classroom, people[key], status, kind)
    with transaction():
        ids = {m.id: str(m.lms_user_id) for m in db.session.scalars(select(RosterMember))}
        group = RemoteGroup("g", "Crew", "", tuple(ids[i] for i in people.values()))
        report = Report()
        plan = plan_groups(classroom.course_id, RemoteGroups((RemoteGroupSet("x", "Crews", ("g",)),), (group,)))
        apply_groups(classroom.course_id, plan, report)
    (crew,) = db.session.scalars(select(Group.id).where(Group.lms_group_id == "g"))
    held = db.session.scalars(select(GroupMembership.member_id).where(GroupMembership.group_id == crew)).all()
    assert (held, report.not_active_by_group) == ([people["t"]], {"Crews / Crew": 2})
