"""Assignments: a group set plus a selection of its groups."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lti_tool.models.database import Base, uuid_key


class Assignment(Base):
    """One piece of work; its selection is all groups of the set (`pattern` None) or those a glob matches."""

    __tablename__ = "assignment"
    __table_args__ = (UniqueConstraint("course_id", "name"),)

    id: Mapped[UUID] = uuid_key()
    course_id: Mapped[UUID] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[str | None] = mapped_column(Text)
    # No cascade: whoever deletes a set says first what its assignments use instead.
    group_set_id: Mapped[UUID] = mapped_column(ForeignKey("group_set.id"), index=True)
    pattern: Mapped[str | None] = mapped_column(String(255))
    formed_by: Mapped[str] = mapped_column(String(8), default="staff", server_default="staff")  # staff | students
    min_size: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    max_size: Mapped[int | None]
    last_invitation_at: Mapped[datetime | None]
    last_answer_at: Mapped[datetime | None]
    same_section: Mapped[bool] = mapped_column(default=False, server_default=false())
    names_chosen: Mapped[bool] = mapped_column(default=False, server_default=false())  # by students; else generated
    revision: Mapped[int] = mapped_column(default=0)  # rises with every change
    created_at: Mapped[datetime]
    exclusions: Mapped[list["AssignmentExclusion"]] = relationship(cascade="all, delete-orphan", passive_deletes=True)


class AssignmentExclusion(Base):
    """One group left out of an assignment; its id may outlive the group, because a group can come back."""

    __tablename__ = "assignment_exclusion"

    assignment_id: Mapped[UUID] = mapped_column(ForeignKey("assignment.id", ondelete="CASCADE"), primary_key=True)
    group_id: Mapped[UUID] = mapped_column(primary_key=True)
