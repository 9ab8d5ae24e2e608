"""Opens a group's own space: for its members, and for staff, whose visits the group's history names."""

from datetime import timedelta
from uuid import UUID, uuid5

import structlog
from sqlalchemy import select

from lti_tool.domain.clock import now
from lti_tool.domain.errors import NotFound
from lti_tool.domain.group_rights import GroupPermission, is_member
from lti_tool.models import Group, HistoryEntry, db, transaction
from lti_tool.services import history
from lti_tool.services.access import Viewer
from lti_tool.services.group_access import GroupAccess, read_group_access

log = structlog.get_logger(__name__)

VISIT = timedelta(hours=1)  # staff who look again within it are written down once


def hold_space(viewer: Viewer, group_id: UUID) -> GroupAccess:
    """Lock a group's space in the caller's transaction: what is put into it comes one after the other.

    Raise NotFound, and Forbidden for everybody but members and staff, as they are now. Whoever joins or leaves the
    group meanwhile does not wait.
    """
    query = select(Group.id).where(Group.id == group_id, Group.course_id == viewer.course.id)
    if db.session.scalar(query.with_for_update(key_share=True)) is None:
        raise NotFound("group_not_found")
    access = read_group_access(viewer, group_id)
    access.require(GroupPermission.SPACE)
    return access


def note_visit(viewer: Viewer, access: GroupAccess) -> None:
    """Write down that staff look at what a group's members tell each other (ruling C8: it is logged)."""
    if is_member(access.actor):
        return
    group = access.row
    log.info("space visited", group=str(group.id), by=str(viewer.access_id))
    known = select(HistoryEntry.id).where(
        HistoryEntry.group_id == group.id,
        HistoryEntry.actor_id == viewer.access_id,
        HistoryEntry.action == "space_visited",
        HistoryEntry.created_at > now() - VISIT,
    )
    if db.session.scalar(known.limit(1)) is None:
        name, group_id = group.name, group.id
        with transaction():
            history.note(viewer.course.id, viewer.access_id, "space_visited", name, group_id, group_id=group_id)


def form_id(viewer: Viewer, group_id: UUID, key: UUID, content: str) -> UUID:
    """Return the id of what a form brings: the same for the same person's same form and content sent twice.

    Nobody meets another's id with it, whatever key is sent.
    """
    return uuid5(key, f"{group_id}:{viewer.access_id}:{content}")
