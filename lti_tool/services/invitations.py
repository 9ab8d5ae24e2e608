"""Ends the invitations of people who are in a grouping of the assignment now, and tells those who wait (FORM-43)."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select, update

from lti_tool.domain.clock import now
from lti_tool.domain.formation import State, Status
from lti_tool.models import Assignment, Grouping, GroupingMembership, db
from lti_tool.services import history, notices
from lti_tool.services.access import Viewer
from lti_tool.services.grouping_news import note_act, told_about
from lti_tool.services.groupings import read_states
from lti_tool.services.people import names_of


def refuse_others(viewer: Viewer, assignment_id: UUID, member_ids: Collection[UUID]) -> None:
    """Refuse the invitations of people who have a seat for good now, in the caller's transaction (ruling C9).

    As with a spoken no, it is written down and the inviters hear of it, in a fixed number of queries. Who calls looks
    after groupings that are not valid any more.
    """
    waiting = (
        GroupingMembership.assignment_id == assignment_id,
        GroupingMembership.member_id.in_(member_ids),
        GroupingMembership.ended_at.is_(None),
        GroupingMembership.status == Status.PENDING,
    )
    refused = db.session.execute(
        select(Grouping, GroupingMembership.member_id)
        .join(GroupingMembership, GroupingMembership.grouping_id == Grouping.id)
        .where(*waiting)
        .order_by(GroupingMembership.created_at, GroupingMembership.id)
    ).all()
    if not refused:
        return
    rows = {row.id: row for row, _ in refused}
    before = read_states(rows)
    refusal = update(GroupingMembership).where(*waiting).values(status=Status.REJECTED, changed_at=now())
    db.session.execute(refusal.execution_options(synchronize_session=False))
    names = names_of({member_id for _, member_id in refused})
    for row, member_id in refused:
        _note(viewer, row, member_id, names[member_id])
    assignment = db.session.get_one(Assignment, assignment_id)
    told = [
        told_about(assignment, row, _inviters(before[row.id]), person=names[member_id]) for row, member_id in refused
    ]
    notices.tell_each(assignment.course_id, told, "refused")


def _note(viewer: Viewer, row: Grouping, member_id: UUID, name: str) -> None:
    """Write a refusal down as the act of whose it is; whom others seated elsewhere said nothing."""
    if viewer.actor.member_id == member_id:
        note_act(viewer, row, "refused", name, member_id)
        return
    about = {"group_id": row.group_id, "member_id": member_id}
    history.note(viewer.course.id, None, "invitation_overtaken", name, row.id, **about)


def _inviters(state: State) -> list[UUID]:
    return [one.member_id for one in state.seats if one.status is Status.INVITER]
