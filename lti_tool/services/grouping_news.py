"""What happens in a grouping, written into its history and told to its people; in the transaction of the act itself."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy import ColumnElement, select

from lti_tool.domain.formation import COMMITTED, State, Status, validity
from lti_tool.models import Assignment, Grouping, db
from lti_tool.services import history, notices
from lti_tool.services.access import Viewer
from lti_tool.services.groupings import read_states, rules_of
from lti_tool.services.notices import Told
from lti_tool.services.people import names_of


def note_act(viewer: Viewer, row: Grouping, action: str, subject: str, member_id: UUID | None = None) -> None:
    """Write one line into the history of a grouping's group, and of the student whom it is about."""
    course_id = viewer.course.id
    history.note(course_id, viewer.access_id, action, subject, row.id, group_id=row.group_id, member_id=member_id)


def tell_about(assignment: Assignment, row: Grouping, member_ids: Collection[UUID], kind: str, **facts: str) -> None:
    """Tell people what happened in a grouping of this assignment."""
    notices.tell_each(assignment.course_id, [told_about(assignment, row, member_ids, **facts)], kind)


def told_about(assignment: Assignment, row: Grouping, member_ids: Collection[UUID], **facts: str) -> Told:
    """Return people who are to be told of a grouping, for `notices.tell_each`."""
    facts |= {"group": row.group_name, "assignment": assignment.name}
    return Told(member_ids, row.group_id, assignment.id, facts)


def note_deletion(viewer: Viewer, assignment: Assignment) -> None:
    """Write down and tell who was in which grouping of an assignment that is being deleted, in its transaction.

    The rows go with the assignment: this is what stays of them. The number of queries does not depend on theirs.
    """
    live = select(Grouping).where(Grouping.assignment_id == assignment.id, Grouping.ended_at.is_(None))
    rows = db.session.scalars(live.order_by(Grouping.created_at, Grouping.id)).all()
    states = read_states([row.id for row in rows])
    names = names_of([seat.member_id for state in states.values() for seat in state.seats])
    told = []
    for row in rows:
        seats = [seat for seat in states[row.id].seats if seat.status is not Status.REJECTED]
        for seat in seats:
            if seat.status in COMMITTED:
                note_act(viewer, row, "assignment_gone", f"{row.group_name}, {assignment.name}", seat.member_id)
            else:
                note_act(viewer, row, "invitation_ended_by_staff", names[seat.member_id], seat.member_id)
        facts = {"person": viewer.name, "assignment": assignment.name}
        told.append(Told([seat.member_id for seat in seats], row.group_id, None, facts))
    notices.tell_each(assignment.course_id, told, "assignment_gone")


@contextmanager
def telling_if_invalid(course_id: UUID, *which: ColumnElement[bool]) -> Iterator[None]:
    """Tell everybody in those groupings that are valid before the block and not any more after it (FORM-30).

    `which`: the conditions on a live Grouping that is locked. Whatever decides on validity changes inside such a block:
    seats, an assignment's sizes, an approval. The number of queries does not depend on how many groupings there are.
    """
    live = select(Grouping, Assignment).join(Assignment, Assignment.id == Grouping.assignment_id)
    ordered = live.where(Grouping.ended_at.is_(None), *which).order_by(Grouping.created_at, Grouping.id)
    found = [(row, assignment) for row, assignment in db.session.execute(ordered)]
    before = read_states([row.id for row, _ in found])
    valid = [(row, at) for row, at in found if validity(rules_of(at), before[row.id]).valid]
    yield
    after = read_states([row.id for row, _ in valid])
    told = [told_if_lacking(at, row, after[row.id]) for row, at in valid if row.ended_at is None]
    notices.tell_each(course_id, [one for one in told if one], "invalid")


def told_if_lacking(assignment: Assignment, row: Grouping, state: State) -> Told | None:
    """Return everybody in a grouping that is not valid, to be told how many it lacks; None when it is."""
    lacks = validity(rules_of(assignment), state)
    return None if lacks.valid else told_about(assignment, row, state.committed, missing=str(lacks.missing))
