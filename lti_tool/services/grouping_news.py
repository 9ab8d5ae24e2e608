"""What happens in a grouping, written into its history and told to its people; in the transaction of the act itself."""

from collections.abc import Collection
from uuid import UUID

from lti_tool.domain.formation import Rules, State, validity
from lti_tool.models import Assignment, Grouping
from lti_tool.services import history, notices
from lti_tool.services.access import Viewer
from lti_tool.services.groupings import Held, read_states


def note_act(viewer: Viewer, row: Grouping, action: str, subject: str, member_id: UUID | None = None) -> None:
    """Write one line into the history of a grouping's group, and of the student whom it is about."""
    course_id = viewer.course.id
    history.note(course_id, viewer.access_id, action, subject, row.id, group_id=row.group_id, member_id=member_id)


def tell_about(assignment: Assignment, row: Grouping, member_ids: Collection[UUID], kind: str, **facts: str) -> None:
    """Tell people what happened in a grouping of this assignment."""
    facts |= {"group": row.group_name, "assignment": assignment.name}
    notices.tell(assignment.course_id, member_ids, kind, group_id=row.group_id, assignment_id=assignment.id, **facts)


def tell_if_invalid(held: Held) -> None:
    """Tell everybody in it when a grouping that was valid is so no more (FORM-30)."""
    tell_of_invalidity(held.assignment, held.row, held.rules, held.state, read_states([held.row.id])[held.row.id])


def tell_of_invalidity(assignment: Assignment, row: Grouping, rules: Rules, before: State, after: State) -> None:
    """Tell everybody in a grouping when it was valid `before` and is not `after`."""
    lacks = validity(rules, after)
    if validity(rules, before).valid and not lacks.valid:
        tell_about(assignment, row, after.committed, "invalid", missing=str(lacks.missing))
