"""People of a course, and the sections that the LMS divides them into."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, true
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
    department: Mapped[str | None] = mapped_column(String(255))  # Moodle
    institution: Mapped[str | None] = mapped_column(String(255))  # Moodle
    git_username: Mapped[str | None] = mapped_column(String(255))
    git_username_status: Mapped[str] = mapped_column(String(8), server_default="unknown")
    lms_user_id: Mapped[str | None] = mapped_column(String(255))
    lti_user_id: Mapped[str | None] = mapped_column(String(255))
    manages_groups: Mapped[bool | None]  # as the LMS says; None: it was not asked
    wants_mail: Mapped[bool] = mapped_column(default=True, server_default=true())  # notices by e-mail too
    created_at: Mapped[datetime]


class Section(Base):
    """A subdivision of a course that the LMS owns (Canvas); Moodle has none."""

    __tablename__ = "section"
    __table_args__ = (UniqueConstraint("course_id", "lms_section_id"),)

    id: Mapped[UUID] = uuid_key()
    course_id: Mapped[UUID] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"))
    lms_section_id: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(255))


class SectionMembership(Base):
    """One roster member in one section, as the LMS lists them."""

    __tablename__ = "section_membership"

    section_id: Mapped[UUID] = mapped_column(ForeignKey("section.id", ondelete="CASCADE"), primary_key=True)
    member_id: Mapped[UUID] = mapped_column(
        ForeignKey("roster_member.id", ondelete="CASCADE"), primary_key=True, index=True
    )
