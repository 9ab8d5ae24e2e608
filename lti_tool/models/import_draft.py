"""Files that were read and shown, and wait for a person's yes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.models.database import Base, uuid_key


class ImportDraft(Base):
    """One uploaded table between its preview and its confirmation; swept away after a day."""

    __tablename__ = "import_draft"

    id: Mapped[UUID] = uuid_key()
    course_id: Mapped[UUID] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"), index=True)
    access_id: Mapped[UUID] = mapped_column(ForeignKey("course_access.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(16))  # groups | roster | git_usernames
    group_set_id: Mapped[UUID | None] = mapped_column(ForeignKey("group_set.id", ondelete="CASCADE"), index=True)
    filename: Mapped[str] = mapped_column(String(255))
    content: Mapped[str] = mapped_column(Text)  # decoded, as it was sent
    created_at: Mapped[datetime]
