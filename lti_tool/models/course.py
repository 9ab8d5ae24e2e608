"""Courses, and what a person's last launch proved about them there."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lti_tool.models.database import Base, uuid_key
from lti_tool.models.registration import Registration


class Course(Base):
    """Where people meet: one LTI context of one registration."""

    __tablename__ = "course"
    __table_args__ = (UniqueConstraint("registration_id", "lti_context_id"),)

    id: Mapped[UUID] = uuid_key()
    registration_id: Mapped[UUID] = mapped_column(ForeignKey("registration.id", ondelete="CASCADE"))
    lti_context_id: Mapped[str] = mapped_column(String(255))
    lms_course_id: Mapped[str | None] = mapped_column(String(255))  # the id of the LMS's own API
    title: Mapped[str] = mapped_column(String(255))
    label: Mapped[str] = mapped_column(String(255))
    memberships_url: Mapped[str | None] = mapped_column(Text)  # NRPS 2.0
    groups_url: Mapped[str | None] = mapped_column(Text)  # Course Groups Service 1.0, where the platform has it
    group_sets_url: Mapped[str | None] = mapped_column(Text)
    resource_link_id: Mapped[str | None] = mapped_column(String(255))  # lets NRPS expand custom parameters
    copied_from: Mapped[str | None] = mapped_column(Text)  # context ids, with commas, by the LMS's word at a launch
    roster_connection: Mapped[str | None] = mapped_column(String(16))  # canvas | moodle | import; None: no source yet
    roster_filename: Mapped[str | None] = mapped_column(String(255))  # of the last import
    roster_updated_at: Mapped[datetime | None]  # by its connection, whichever
    roster_refreshed_at: Mapped[datetime | None]  # by the LMS
    groups_synced_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    registration: Mapped[Registration] = relationship()


class CourseAccess(Base):
    """A person in a course as their last launch proved it; replaced by every launch, kept apart from the roster."""

    __tablename__ = "course_access"
    __table_args__ = (UniqueConstraint("course_id", "lti_user_id"),)

    id: Mapped[UUID] = uuid_key()
    course_id: Mapped[UUID] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"))
    lti_user_id: Mapped[str] = mapped_column(String(255))
    member_id: Mapped[UUID | None] = mapped_column(ForeignKey("roster_member.id", ondelete="SET NULL"), index=True)
    name: Mapped[str] = mapped_column(String(255))
    enrollment_type: Mapped[str | None] = mapped_column(String(16))  # None: no role in this course
    may_manage_groups: Mapped[bool | None]  # None: the LMS did not say
    is_administrator: Mapped[bool]
    launched_at: Mapped[datetime]
