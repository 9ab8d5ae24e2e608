"""What a group set was like before and after a bulk change, so that the change can be taken back."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.models.database import Base, uuid_key


class UndoStep(Base):
    """A set's groups and people on both sides of its latest bulk change; good while the set is as that left it."""

    __tablename__ = "undo_step"

    id: Mapped[UUID] = uuid_key()
    group_set_id: Mapped[UUID] = mapped_column(ForeignKey("group_set.id", ondelete="CASCADE"), unique=True)
    what: Mapped[str] = mapped_column(String(24))  # one of services.undo.What
    count: Mapped[int]  # how many people or groups it was about, for the sentence that tells of it
    before: Mapped[str] = mapped_column(Text)  # JSON of domain.undo.SetState
    after: Mapped[str] = mapped_column(Text)  # the same: what others did since must not be taken back with it
    left_out: Mapped[str] = mapped_column(Text, default="[]")  # JSON list: names of people whom an undo left out
    kept_groups: Mapped[str] = mapped_column(Text, default="[]", server_default=text("'[]'"))  # of groups, likewise
    revision: Mapped[int]  # the set's own, after the change
    made_by: Mapped[UUID | None] = mapped_column(ForeignKey("course_access.id", ondelete="SET NULL"))
    made_at: Mapped[datetime]
