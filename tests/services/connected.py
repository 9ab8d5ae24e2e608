"""What tests of connected sets share: a set of the LMS that may be written, and store and LMS side by side."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from sqlalchemy import select

from lti_tool.domain.errors import LmsError
from lti_tool.domain.sync import UNGROUPED_SET_ID, Report
from lti_tool.models import GroupSet, RosterMember, SyncRun, db
from lti_tool.services import asked_rights, lms_changes, proof, runs


def open_set(classroom: Any, count: int = 3) -> UUID:
    """Make a set with groups in the LMS, pull it, allow writing, and return its id."""
    set_id = classroom.outsider("create_set", name="Projects")["set_id"]
    people = [str(p["id"]) for p in classroom.state()["people"] if p["states"] == ["active"]]
    students = [p for p in people if p in _students(classroom)]
    for n in range(count):
        made = classroom.outsider("create_group", set_id=set_id, name=f"Project {n + 1}")["group_id"]
        for person in students[n * 3 : n * 3 + 3] if n < count - 1 else ():
            classroom.outsider("add_member", group_id=made, user_id=int(person))
    classroom.pull()
    allow_writing(classroom)
    return find_set("Projects")


def _students(classroom: Any) -> set[str]:
    roles = ("StudentEnrollment", "student")
    return {str(p["id"]) for p in classroom.state()["people"] if p["roles"] and p["roles"][0] in roles}


def allow_writing(classroom: Any) -> None:
    """Store that the LMS gave the right to write, as a pull of groups finds out."""
    asked_rights.store_answer(classroom.course_id, None, None)


def find_set(name: str) -> UUID:
    """Return the id of the stored set of that name."""
    db.session.rollback()
    return db.session.scalars(select(GroupSet.id).where(GroupSet.name == name)).one()


def deliver(classroom: Any, changes: Any, set_id: UUID | None) -> str | None:
    """Do what a page does after a change, and the worker's proof of it, and return how the change stands."""
    lms_changes.deliver(classroom.tool, classroom.viewer, set_id)
    if lms_changes.state_of(classroom.course_id, changes.asked) == "unproven":
        prove(classroom)
    return lms_changes.state_of(classroom.course_id, changes.asked)


def prove(classroom: Any) -> SyncRun | None:
    """Do the worker's sweep for what is unproven, and return its run; None when there was nothing to prove."""
    rung: list[UUID] = []
    proof.sweep(rung.append)
    for run_id in rung:
        run = runs.claim(run_id)
        assert run is not None
        with suppress(LmsError):  # stored on the run
            proof.run_proof(classroom.tool, run, Report())
    return db.session.get(SyncRun, rung[0], populate_existing=True) if rung else None


def in_lms(classroom: Any) -> dict[str, dict[str, tuple[str, set[str]]]]:
    """Return the LMS's sets → groups by id → name and those members whom the roster knows and who are active."""
    db.session.rollback()
    of_course = (RosterMember.course_id == classroom.course_id, RosterMember.status == "active")
    active = set(db.session.scalars(select(RosterMember.lms_user_id).where(*of_course)))
    return {
        s["name"]: {str(g["id"]): (g["name"], {str(m) for m in g["members"]} & active) for g in s["groups"]}
        for s in classroom.state()["group_sets"]
        if s["role"] is None
    }


def in_store(classroom: Any) -> dict[str, dict[str, tuple[str, set[str]]]]:
    """Return the same of the store's connected sets."""
    db.session.rollback()
    sets = db.session.scalars(
        select(GroupSet).where(GroupSet.course_id == classroom.course_id, GroupSet.lms_group_set_id.is_not(None))
    ).all()
    return {
        row.name: {
            str(card.row.lms_group_id): (card.row.name, {m.lms_user_id or "" for m in card.members})
            for card in classroom.read_set(row.id).cards
        }
        for row in sets
        if row.lms_group_set_id != UNGROUPED_SET_ID
    }


def assert_agree(classroom: Any) -> None:
    """Hold the store to the LMS: the same sets, groups, names and people."""
    assert in_store(classroom) == in_lms(classroom)
