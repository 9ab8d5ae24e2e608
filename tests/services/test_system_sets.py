"""The sets of the roster in the store: made by the first refresh, kept in step by every other, changed by nobody."""

from typing import Any

import pytest
from sqlalchemy import event, select, update

from lti_tool.domain.errors import Forbidden
from lti_tool.domain.groups import Connection
from lti_tool.domain.system_sets import INDIVIDUALS, STAFF
from lti_tool.models import Group, GroupMembership, RosterMember, db, transaction
from lti_tool.services import copies, group_sets, groups, publication, removal, roster
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
    staff = {m.id for m in roster.read_roster(classroom.course_id).staff if m.status == "active"}
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
