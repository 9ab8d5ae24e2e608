"""A group's own space: its messages and its documents, deleted with the group."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.models.database import Base, uuid_key


class GroupMessage(Base):
    """One message; the author's name stays when the author leaves the course."""

    __tablename__ = "group_message"
    __table_args__ = (Index("ix_group_message_group_id_created_at", "group_id", "created_at"),)

    id: Mapped[UUID] = uuid_key()
    group_id: Mapped[UUID] = mapped_column(ForeignKey("group.id", ondelete="CASCADE"))
    author_id: Mapped[UUID | None] = mapped_column(ForeignKey("course_access.id", ondelete="SET NULL"))
    author_name: Mapped[str] = mapped_column(String(255))
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]


class GroupDocument(Base):
    """One uploaded file: what people see of it, and where the store keeps its bytes."""

    __tablename__ = "group_document"

    id: Mapped[UUID] = uuid_key()
    # No cascade by itself would free the bytes: the row outlives the group until the purge has deleted the file.
    group_id: Mapped[UUID | None] = mapped_column(ForeignKey("group.id", ondelete="SET NULL"), index=True)
    name: Mapped[str] = mapped_column(String(255))
    media_type: Mapped[str] = mapped_column(String(127))
    size: Mapped[int]  # bytes
    storage_key: Mapped[str] = mapped_column(String(64), unique=True)
    author_id: Mapped[UUID | None] = mapped_column(ForeignKey("course_access.id", ondelete="SET NULL"))
    author_name: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime]
