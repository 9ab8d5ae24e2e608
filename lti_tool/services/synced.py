"""When what is here of the LMS was last seen there: told by the course's pulls and its sets' refreshes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from lti_tool.domain.groups import LMS_CONNECTIONS, Origin
from lti_tool.models import Course, Group, GroupSet, GroupSetEntry, db


def last_synced(groups_synced_at: datetime | None, *sets_updated_at: datetime | None) -> datetime | None:
    """Return the latest of a course's last complete pull of groups and later reads of single sets."""
    return max((at for at in (groups_synced_at, *sets_updated_at) if at is not None), default=None)


def read_last_synced(course_id: UUID) -> dict[UUID, datetime]:
    """Return when each group of the LMS was last seen there: a complete pull sees every group that stays stored."""
    rows = db.session.execute(
        select(Group.id, Course.groups_synced_at, GroupSet.last_updated)
        .join(Course, Course.id == Group.course_id)
        .outerjoin(GroupSetEntry, GroupSetEntry.group_id == Group.id)
        .outerjoin(GroupSet, (GroupSet.id == GroupSetEntry.group_set_id) & GroupSet.connection.in_(LMS_CONNECTIONS))
        .where(Group.course_id == course_id, Group.origin == Origin.LMS)
    )
    seen: dict[UUID, datetime] = {}
    for group_id, pulled_at, refreshed_at in rows:
        if (at := last_synced(seen.get(group_id), pulled_at, refreshed_at)) is not None:
            seen[group_id] = at
    return seen
