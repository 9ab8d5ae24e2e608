"""The ledger of changes: what people asked of the groups that belong to the LMS, and what became of it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.models.database import Base, uuid_key


class LmsChange(Base):
    """One change that somebody asked for: written before the LMS is called, and its outcome after it.

    Changes of a course are brought there in their order. The store itself changes only with the LMS's answer.
    """

    __tablename__ = "lms_change"
    __table_args__ = (
        Index("ix_lms_change_course_id_state", "course_id", "state"),
        Index("ix_lms_change_state_retry_at", "state", "retry_at"),
    )

    id: Mapped[UUID] = uuid_key()
    course_id: Mapped[UUID] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"))
    # None: a set that is still to be made, or one that is gone.
    group_set_id: Mapped[UUID | None] = mapped_column(ForeignKey("group_set.id", ondelete="SET NULL"), index=True)
    kind: Mapped[str] = mapped_column(
        String(24)
    )  # create_set | edit_set | delete_set | change_groups | assign_unassigned
    about: Mapped[str] = mapped_column(Text)  # in the words of its page: whom and what it moves, without addresses
    intent: Mapped[str] = mapped_column(Text)  # JSON of the kind's value in domain.lms_changes, in LMS ids
    state: Mapped[str] = mapped_column(String(16))  # waiting | sending | sent | unproven | refused | discarded
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_facts: Mapped[str] = mapped_column(Text, default="{}")  # JSON object of texts, for the sentence
    attempts: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None]  # when the worker tries (again); None: not by itself
    requested_by: Mapped[UUID | None] = mapped_column(ForeignKey("course_access.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
