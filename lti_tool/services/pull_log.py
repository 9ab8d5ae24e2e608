"""Logs what a pull changed, for whoever has to explain it later; people stand there by their ids only."""

from collections.abc import Iterable
from uuid import UUID

import structlog

from lti_tool.domain.pull_names import find_places, names_of
from lti_tool.domain.roster import MergePlan
from lti_tool.domain.sync import PullPlan

log = structlog.get_logger(__name__)


def log_people(course_id: UUID, family: str, plan: MergePlan, new: Iterable[UUID]) -> None:
    """Log the people whom a merge made, and those whom it had to leave out, each with the reason."""
    for member_id in new:
        log.info(f"Created new student from {_source(family)} enrollment: {member_id}", course=str(course_id))
    for refusal in plan.refused:
        said = f"Error creating student for enrollment {refusal.person.lms_user_id}: {refusal.reason}"
        log.error(said, course=str(course_id))


def log_groups(course_id: UUID, family: str, plan: PullPlan) -> None:
    """Log new groups, members whom the roster does not have, and who changed the group within a set."""
    for group in plan.groups:
        if group.id is None:
            said = f"Created new team from {_source(family)} group: {group.name} (ID: {group.lms_group_id})"
            log.info(said, course=str(course_id))
    for group in plan.groups:
        for user_id in group.strangers:
            log.warning(f"Enrollment not found for user ID {user_id} in team {group.name}", course=str(course_id))
    names = names_of(plan)
    for place in find_places(plan):
        old, new = (names[lms_id] if lms_id else "None" for lms_id in (place.old, place.new))
        said = f"Updated student {place.member_id} team assignment: {old} → {new}"
        log.info(said, course=str(course_id))


def _source(family: str) -> str:
    return "LMS" if family in ("other", "lti") else family.capitalize()
