"""Edits of published sets that nobody may have sent: noted with the edit itself, and looked at when nobody did."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Connection, Select, case, select, update

from lti_tool.domain.clock import now
from lti_tool.domain.lms_changes import SENT
from lti_tool.domain.retries import FIRST_RETRY
from lti_tool.models import GroupSet, Publication, db


def note_edits(set_ids: Collection[UUID] | Select[UUID], connection: Connection | None = None) -> None:
    """Have those of these sets looked at soon that are published and were sent, inside the caller's transaction.

    Whoever edits a set sends it next; a process that dies between the two sends nothing, and tells nobody. A push
    that ends well takes the note away.
    """
    # The state is asked of the row as a push that ends just now leaves it: a condition would not wait for that.
    due = case((Publication.state == SENT, now() + FIRST_RETRY), else_=Publication.retry_at)
    of_sets = update(Publication).where(Publication.group_set_id.in_(set_ids))
    noted = of_sets.values(retry_at=due).execution_options(synchronize_session=False)
    (connection or db.session).execute(noted)


def note_account(connection: Connection, course_id: UUID) -> None:
    """Have the published sets of a course looked at: somebody in them has an account in the LMS only now."""
    note_edits(select(GroupSet.id).where(GroupSet.course_id == course_id), connection)
