"""Logs what a pull is about to change, for whoever has to explain it later; people stand there by their ids only."""

from uuid import UUID

import structlog
from sqlalchemy import select

from lti_tool.domain.sync import PullPlan
from lti_tool.models import Group, GroupMembership, db

log = structlog.get_logger(__name__)


def log_pull(course_id: UUID, family: str, plan: PullPlan) -> None:
    """Log new groups, members whom the roster does not have, and who changes the group within a set."""
    source = "LMS" if family == "other" else family.capitalize()
    for group in plan.groups:
        if group.id is None:
            said = f"Created new team from {source} group: {group.name} (ID: {group.lms_group_id})"
            log.info(said, course=str(course_id))
    for name, user_ids in plan.not_in_roster.items():
        for user_id in user_ids:
            log.warning(f"Enrollment not found for user ID {user_id} in team {name}", course=str(course_id))
    for member_id, old, new in _moves(plan):
        log.info(f"Updated student {member_id} team assignment: {old} → {new}", course=str(course_id))


def _moves(plan: PullPlan) -> list[tuple[UUID, str, str]]:
    """Return (member, old group or None, new group or None) of each set, in the order of its groups (ruling C1)."""
    by_lms_id = {group.lms_group_id: group for group in plan.groups}
    vanished = _members_of(plan.remove_groups)
    found: dict[tuple[UUID, str, str], None] = {}
    for group_set in plan.group_sets:
        groups = [by_lms_id[lms_id] for lms_id in group_set.group_ids]
        left = vanished | {member: group.name for group in groups for member in group.remove}
        joined = {member: group.name for group in groups for member in group.add}
        for member in joined | left:
            if member in joined or member not in vanished:
                found[member, left.get(member, "None"), joined.get(member, "None")] = None
    return list(found)


def _members_of(group_ids: tuple[UUID, ...]) -> dict[UUID, str]:
    """Return the groups' names by member, for groups that this pull removes."""
    if not group_ids:
        return {}
    rows = db.session.execute(
        select(GroupMembership.member_id, Group.name)
        .join(Group, Group.id == GroupMembership.group_id)
        .where(Group.id.in_(group_ids))
    )
    return {member_id: name for member_id, name in rows}  # noqa: C416 - typed rows on SQLAlchemy 2.0 too
