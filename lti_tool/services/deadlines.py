"""Warns students before each last moment of an assignment: who must still answer, or has no valid group."""

import json
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select, update

from lti_tool.domain.clock import now
from lti_tool.domain.formation import Status, due_soon, validity
from lti_tool.models import Assignment, Grouping, Notice, db, transaction
from lti_tool.services.group_sets import active_students
from lti_tool.services.groupings import read_states, rules_of
from lti_tool.services.notices import tell

NEAR = timedelta(days=1)


def tell_deadlines() -> int:
    """Tell whom a date of an assignment is near for, each once of what to do until then; return how many were told."""
    at = now()
    first, last = Assignment.last_invitation_at, Assignment.last_answer_at
    ids = db.session.scalars(
        select(Assignment.id).where(
            Assignment.formed_by == "students",
            or_((first > at) & (first <= at + NEAR), (last > at) & (last <= at + NEAR)),
        )
    ).all()
    return sum(_tell_of(assignment_id, at) for assignment_id in ids)


def _tell_of(assignment_id: UUID, at: datetime) -> int:
    with transaction() as session:
        # The row is the lock: two workers at the same moment tell nobody twice.
        session.execute(update(Assignment).where(Assignment.id == assignment_id).values(revision=Assignment.revision))
        row = session.get(Assignment, assignment_id)
        if row is None:
            return 0
        due = due_soon(rules_of(row), at, NEAR)
        if due is None:
            return 0
        told = _told(assignment_id)
        asked, settled = _standing(row)
        students = [one.id for one in active_students(row.course_id)]
        open_ = {
            "answer": [one for one in students if one in asked],
            "form": [one for one in students if one not in asked and one not in settled],
        }
        until = due.isoformat()
        warned = {task: [one for one in people if (one, task, until) not in told] for task, people in open_.items()}
        for task, people in warned.items():
            about = {"assignment": row.name, "task": task, "due": until}
            tell(row.course_id, people, "deadline", group_id=None, assignment_id=assignment_id, **about)
    return sum(map(len, warned.values()))


def _told(assignment_id: UUID) -> set[tuple[UUID, str, str]]:
    """Return who was told what to do until when: another date, or another thing to do, is told anew."""
    of_assignment = (Notice.assignment_id == assignment_id, Notice.kind == "deadline")
    rows = db.session.execute(select(Notice.member_id, Notice.facts).where(*of_assignment))
    told = [(member_id, json.loads(facts)) for member_id, facts in rows]
    return {(member_id, facts["task"], facts["due"]) for member_id, facts in told}


def _standing(row: Assignment) -> tuple[set[UUID], set[UUID]]:
    """Return who has an invitation to answer, and who is in a valid grouping for good."""
    live = select(Grouping.id).where(Grouping.assignment_id == row.id, Grouping.ended_at.is_(None))
    rules, asked, settled = rules_of(row), set(), set()
    for state in read_states(db.session.scalars(live).all()).values():
        asked |= {seat.member_id for seat in state.seats if seat.status is Status.PENDING}
        if validity(rules, state).valid:
            settled |= set(state.committed)
    return asked, settled
