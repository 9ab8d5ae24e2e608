"""What a person is told: the list behind the badge, and whether it goes by e-mail too."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.models.database import Base, uuid_key


class Notice(Base):
    """One notice to one person; the sentence is made from kind and facts by a template."""

    __tablename__ = "notice"
    __table_args__ = (
        Index("ix_notice_member_id_created_at", "member_id", "created_at"),
        Index("ix_notice_mail_state", "mail_state"),
    )

    id: Mapped[UUID] = uuid_key()
    course_id: Mapped[UUID] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"))
    member_id: Mapped[UUID] = mapped_column(ForeignKey("roster_member.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(32))  # invited | accepted | refused | removed | invalid | deadline | …
    facts: Mapped[str] = mapped_column(Text, default="{}")  # JSON object of texts, for the sentence
    group_id: Mapped[UUID | None] = mapped_column(ForeignKey("group.id", ondelete="SET NULL"))
    assignment_id: Mapped[UUID | None] = mapped_column(ForeignKey("assignment.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None]
    mail_state: Mapped[str] = mapped_column(String(8))  # none | waiting | sending | sent | failed
    mail_tries: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    mail_tried_at: Mapped[datetime | None]  # when a worker took it last
