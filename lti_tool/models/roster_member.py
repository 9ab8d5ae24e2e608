"""People of a course."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.models.database import Base, uuid_key


class RosterMember(Base):
    """A person in a course (seed 003); external ids are for matching only and never replace `id`."""

    __tablename__ = "roster_member"
    __table_args__ = (
        UniqueConstraint("course_id", "lms_user_id"),
        UniqueConstraint("course_id", "lti_user_id"),
        Index("ix_roster_member_course_id_name", "course_id", "name"),
    )

    id: Mapped[UUID] = uuid_key()
    course_id: Mapped[UUID] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(255))
    email: Mapped[str | None] = mapped_column(String(320))
    student_number: Mapped[str | None] = mapped_column(String(255))
    status: Mapped[str] = mapped_column(String(16))
    enrollment_display: Mapped[str | None] = mapped_column(String(64))
    enrollment_type: Mapped[str] = mapped_column(String(16))
    source: Mapped[str] = mapped_column(String(8))
    lms_user_id: Mapped[str | None] = mapped_column(String(255))
    lti_user_id: Mapped[str | None] = mapped_column(String(255))
    manages_groups: Mapped[bool | None]  # as the LMS says; None: it was not asked
    created_at: Mapped[datetime]
