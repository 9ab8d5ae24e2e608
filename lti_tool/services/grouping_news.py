"""What happens in a grouping, written into its history and told to its people; in the transaction of the act itself."""

from collections.abc import Collection
from uuid import UUID

from lti_tool.domain.formation import Rules, State, validity
from lti_tool.models import Assignment, Grouping
from lti_tool.services import history, notices
from lti_tool.services.access import Viewer
from lti_tool.services.groupings import Held, read_states
from lti_tool.services.notices import Told


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


def tell_if_invalid(held: Held) -> None:
    """Tell everybody in it when a grouping that was valid is so no more (FORM-30)."""
    after = read_states([held.row.id])[held.row.id]
    notices.tell_each(
        held.assignment.course_id, told_if_invalid(held.assignment, held.row, held.rules, held.state, after), "invalid"
    )


def told_if_invalid(assignment: Assignment, row: Grouping, rules: Rules, before: State, after: State) -> list[Told]:
    """Return everybody in a grouping that was valid `before` and is not `after`; else nobody."""
    lacks = validity(rules, after)
    if lacks.valid or not validity(rules, before).valid:
        return []
    return [told_about(assignment, row, after.committed, missing=str(lacks.missing))]
