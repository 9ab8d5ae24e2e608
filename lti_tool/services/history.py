"""Writes down who did what; called inside the transaction of the act itself."""

from uuid import UUID

from lti_tool.domain.clock import now
from lti_tool.models import HistoryEntry, db

SUBJECT_LENGTH = 255


def note(
    course_id: UUID,
    actor_id: UUID | None,
    action: str,
    subject: str = "",
    subject_id: UUID | None = None,
    *,
    group_id: UUID | None = None,
    member_id: UUID | None = None,
) -> None:
    """Add one line to the course's history; `actor_id` None means the tool itself.

    `group_id` and `member_id`: the group and the student in whose own history it stands too.
    """
    db.session.add(
        HistoryEntry(
            course_id=course_id,
            actor_id=actor_id,
            action=action,
            subject=subject[:SUBJECT_LENGTH],
            subject_id=subject_id,
            group_id=group_id,
            member_id=member_id,
            created_at=now(),
        )
    )
