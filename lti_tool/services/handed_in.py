"""Keeps which groups have handed in work in the LMS: whoever moves their people changes whose work and grade it is."""

from uuid import UUID

from sqlalchemy import func, select, update

from lti_tool.domain.remote import RemoteGroups
from lti_tool.models import Group, MirroredGroup, db


def note_handed_in(course_id: UUID, remote: RemoteGroups) -> None:
    """Store what a fetch tells of groups of the LMS, mirrors of ours too, in the caller's transaction.

    Nothing is written of a group of which nothing has changed. Canvas tells it of each group (canvas.md 3.1).
    """
    told = {group.lms_group_id: group.has_submission for group in remote.groups}
    lms_id = func.coalesce(Group.lms_group_id, MirroredGroup.lms_group_id)
    rows = db.session.execute(
        select(Group.id, lms_id, Group.has_submission)
        .outerjoin(MirroredGroup, MirroredGroup.group_id == Group.id)
        .where(Group.course_id == course_id, lms_id.in_(told))
    )
    stored: dict[UUID, bool] = {}
    found: dict[UUID, bool] = {}
    for group_id, known, before in rows:  # a group of ours has a copy in each set of its that is published
        stored[group_id] = before
        found[group_id] = found.get(group_id, False) or told[known]
    for value in (True, False):
        ids = [group_id for group_id, now in found.items() if now is value and stored[group_id] is not value]
        if ids:
            changed = update(Group).where(Group.id.in_(ids)).values(has_submission=value)
            db.session.execute(changed.execution_options(synchronize_session=False))
