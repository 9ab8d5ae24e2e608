"""Two people at once: of two confirmations one counts, and nobody is put into a group while they leave the course."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from lti_tool import create_app
from lti_tool.domain.errors import Conflict, ToolError
from lti_tool.domain.formation import Rules
from lti_tool.domain.members import MemberValues
from lti_tool.domain.roster import MemberStatus
from lti_tool.models import Assignment, GroupMembership, GroupSet, ImportDraft, RosterMember, db, transaction
from lti_tool.models.database import bare_transaction
from lti_tool.observability import without_rows
from lti_tool.services import assignments, group_sets, groups, members, roster_file, set_import
from lti_tool.services.groupings import lock_formation
from lti_tool.settings import Settings

flavours = pytest.mark.parametrize("flavour", ["canvas"])  # rules of our own: one LMS is enough


def at_once(app: Flask, *works: Callable[[], Any]) -> list[Any]:
    """Do all of it at once; give what each came to, an error of the tool as its code."""
    start, outcomes = threading.Barrier(len(works)), []

    def run(work: Callable[[], Any]) -> None:
        with app.app_context():
            start.wait()
            try:
                work()
                outcomes.append("done")
            except ToolError as error:
                outcomes.append(error.code)
            except Exception as error:
                outcomes.append(repr(error))
            finally:
                db.session.remove()

    db.session.rollback()
    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


@flavours
def test_a_file_that_is_confirmed_twice_at_once_becomes_one_set(app_on_both: Flask, classroom: Any) -> None:
    for turn in range(4):
        draft = set_import.keep_upload(classroom.viewer, "Teams.csv", b"group_name\nA\nB\n")
        seen = set_import.preview_import(classroom.viewer, draft).seen
        names = [f"Teams {turn} {letter}" for letter in "ab"]
        outcomes = at_once(
            app_on_both,
            *(lambda n=name, d=draft, s=seen: set_import.import_set(classroom.viewer, d, n, s) for name in names),
        )
        assert outcomes == ["done", "draft_not_found"]
    assert len(db.session.scalars(select(GroupSet).where(GroupSet.connection == "import")).all()) == 4


@flavours
def test_a_roster_that_is_confirmed_twice_at_once_counts_once(app_on_both: Flask, classroom: Any) -> None:
    draft = roster_file.keep_upload(classroom.viewer, "roster", "r.csv", b"name,email\nNora,nora@x.example\n")
    seen = roster_file.preview_import(classroom.viewer, draft, "roster").seen
    confirm = [lambda: roster_file.apply_import(classroom.viewer, draft, "roster", seen)] * 2
    assert at_once(app_on_both, *confirm) == ["done", "draft_not_found"]
    assert not db.session.scalars(select(ImportDraft)).all()


@flavours
def test_nobody_is_put_into_a_group_while_they_leave_the_course(app_on_both: Flask, classroom: Any) -> None:
    set_id = classroom.new_set("Projects")
    (group_id,) = classroom.new_groups(set_id, "Team")
    for turn in range(6):
        values = MemberValues(f"Nora {turn}")
        members.add_member(classroom.viewer, values)
        member_id = db.session.scalars(select(RosterMember.id).where(RosterMember.name == values.name)).one()
        gone = replace(values, status=MemberStatus.DROPPED)
        outcomes = at_once(
            app_on_both,
            lambda m=member_id: groups.assign(classroom.viewer, set_id, {m: group_id}),
            lambda m=member_id, v=gone: members.edit_member(classroom.viewer, m, v),
        )
        assert outcomes in (["done", "done"], ["done", "member_not_active"])
        inactive = select(GroupMembership).join(RosterMember).where(RosterMember.status != MemberStatus.ACTIVE)
        assert not db.session.scalars(inactive).all()
        members_left = at_once(
            app_on_both,
            lambda m=member_id: groups.assign(classroom.viewer, set_id, {m: group_id}),
            lambda m=member_id: members.delete_member(classroom.viewer, m),
        )
        assert members_left in (["done", "member_not_active"], ["done", "member_not_found"])


@flavours
def test_the_roster_waits_for_who_puts_people_into_groups(app_on_both: Flask, classroom: Any) -> None:
    """Held to the order of locks itself, because threads seldom meet in the worst moment."""
    set_id, order = classroom.new_set("Projects"), []

    def roster_first() -> None:
        with app_on_both.app_context():
            with transaction():
                members.begin_change(classroom.course_id)
                order.append("roster")
            db.session.remove()

    db.session.rollback()
    with transaction() as session:
        group_sets.lock_set(classroom.course_id, set_id)
        other = threading.Thread(target=roster_first)
        other.start()
        if session.connection().dialect.name == "postgresql":  # SQLite has one writer, who came first
            waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            while not (session.scalar(waits) or order):
                pass
        order.append("set")
    other.join()
    assert order == ["set", "roster"]


@flavours
def test_a_row_that_was_read_before_the_lock_hides_no_change(app_on_both: Flask, classroom: Any) -> None:
    set_id = classroom.new_set("Projects")
    with transaction():
        row = group_sets.get_set(classroom.course_id, set_id)
        seen = row.revision
        db.session.execute(text("UPDATE group_set SET revision = revision + 1 WHERE name = 'Projects'"))
        with pytest.raises(Conflict, match="set_changed"):
            group_sets.lock_set(classroom.course_id, set_id, seen)


def test_a_transaction_within_a_transaction_is_a_mistake_and_no_endless_wait(app_on_both: Flask) -> None:
    for inner in (transaction, bare_transaction):
        with pytest.raises(RuntimeError, match="within a transaction"), transaction(), inner():
            pass
    with transaction():
        pass


def test_a_queue_that_cannot_be_written_is_an_error_of_the_database(
    make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    (tmp_path / "test.db-queue").mkdir()
    with create_app(make_settings()).app_context():
        for _ in range(2):
            with pytest.raises(OperationalError, match="directory"), transaction():
                pass


@flavours
def test_an_error_of_the_database_names_nobody(app_on_both: Flask, classroom: Any) -> None:
    members.add_member(classroom.viewer, MemberValues("Nora"))
    twin = db.session.scalars(select(RosterMember)).one()
    values = {"name": "Secret Name", "email": "secret@x.example", "lti_user_id": "secret-id"}
    try:
        for _ in range(2):
            with transaction() as session:
                fixed = {"course_id": twin.course_id, "status": "active", "enrollment_type": "student"}
                session.add(RosterMember(**values, **fixed, source="local", created_at=twin.created_at))
    except IntegrityError as error:
        told = str(without_rows(None, "error", {"exception": str(error)})["exception"])
    assert "roster_member" in told
    assert "ecret" not in told


@flavours
def test_an_assignment_is_edited_while_its_groups_form_without_waiting_crosswise(
    app_on_both: Flask, classroom: Any
) -> None:
    (set_id,) = group_sets.create_set(classroom.viewer, "Formed").group_sets
    draft = assignments.Draft("A1", "", set_id, formation=Rules(by_students=True))
    (assignment_id,) = assignments.create_assignment(classroom.viewer, draft).assignments

    def form_and_change() -> None:
        with transaction():  # as a clone does: the set first, then the row that it changes
            row = lock_formation(classroom.viewer.course.id, assignment_id)
            row.max_size = (row.max_size or 2) + 1

    for _ in range(12):
        revision = db.session.get_one(Assignment, assignment_id, populate_existing=True).revision
        edit = replace(draft, description=str(revision))
        outcomes = at_once(
            app_on_both,
            form_and_change,
            lambda e=edit, r=revision: assignments.edit_assignment(classroom.viewer, assignment_id, r, e),
        )
        assert outcomes == ["done", "done"]
