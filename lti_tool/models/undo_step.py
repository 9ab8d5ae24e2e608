"""What a group set was like before a bulk change, so that the change can be taken back."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.models.database import Base, uuid_key


class UndoStep(Base):
    """A set's groups and people before its latest bulk change; good while the set is as that change left it."""

    __tablename__ = "undo_step"

    id: Mapped[UUID] = uuid_key()
    group_set_id: Mapped[UUID] = mapped_column(ForeignKey("group_set.id", ondelete="CASCADE"), unique=True)
    what: Mapped[str] = mapped_column(String(24))  # batch | draw | import | drift | assign_unassigned
    before: Mapped[str] = mapped_column(Text)  # JSON of domain.undo.SetBefore
    revision: Mapped[int]  # the set's own, after the change
    made_by: Mapped[UUID | None] = mapped_column(ForeignKey("course_access.id", ondelete="SET NULL"))
    made_at: Mapped[datetime]
