"""Who did what when in a course; rows are written once and never changed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.models.database import Base, uuid_key


class HistoryEntry(Base):
    """One act: the person (None = the tool itself), the action, and the thing it was done to."""

    __tablename__ = "history_entry"
    __table_args__ = (
        Index("ix_history_entry_course_id_created_at", "course_id", "created_at"),
        Index("ix_history_entry_group_id", "group_id"),
        Index("ix_history_entry_member_id", "member_id"),
    )

    id: Mapped[UUID] = uuid_key()
    course_id: Mapped[UUID] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"))
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("course_access.id", ondelete="SET NULL"))
    action: Mapped[str] = mapped_column(String(64))
    subject_id: Mapped[UUID | None]
    group_id: Mapped[UUID | None]  # no key: history outlives what it is about
    member_id: Mapped[UUID | None]
    subject: Mapped[str] = mapped_column(String(255), default="")
    created_at: Mapped[datetime]
