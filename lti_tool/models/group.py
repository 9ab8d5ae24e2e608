"""Groups, and who is in them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, false, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lti_tool.domain.invites import new_code
from lti_tool.models.database import Base, uuid_key
from lti_tool.models.roster_member import RosterMember


class Group(Base):
    """One team: a top-level entity of the course that any number of sets refer to."""

    __tablename__ = "group"
    __table_args__ = (
        UniqueConstraint("course_id", "lms_group_id"),
        Index("uq_group_invite_code", "invite_code", unique=True),
    )

    id: Mapped[UUID] = uuid_key()
    course_id: Mapped[UUID] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(255))
    name_generated: Mapped[bool] = mapped_column(server_default=false())  # it follows the members until edited
    description: Mapped[str] = mapped_column(Text, default="")
    origin: Mapped[str] = mapped_column(String(8))
    lms_group_id: Mapped[str | None] = mapped_column(String(255))  # origin lms only
    has_submission: Mapped[bool] = mapped_column(default=False, server_default=false())  # handed in work in the LMS
    created_at: Mapped[datetime]
    # Nobody has none; the column could not be required, because SQLite adds no required column to a table with rows.
    invite_code: Mapped[str] = mapped_column(String(12), default=new_code, nullable=True)
    is_invite_active: Mapped[bool] = mapped_column(default=True, server_default=true())
    max_members: Mapped[int | None]
    privacy: Mapped[str] = mapped_column(String(8), default="listed", server_default="listed")  # unlisted | closed
    needs_approval: Mapped[bool] = mapped_column(default=False, server_default=false())  # of whoever asks to join
    memberships: Mapped[list["GroupMembership"]] = relationship(
        cascade="all, delete-orphan", order_by="GroupMembership.position", passive_deletes=True
    )


class GroupMembership(Base):
    """One roster member in one group; active students and staff only."""

    __tablename__ = "group_membership"

    group_id: Mapped[UUID] = mapped_column(ForeignKey("group.id", ondelete="CASCADE"), primary_key=True)
    member_id: Mapped[UUID] = mapped_column(
        ForeignKey("roster_member.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    position: Mapped[int]
    role: Mapped[str] = mapped_column(String(8), default="member", server_default="member")  # creator | admin | editor
    member: Mapped[RosterMember] = relationship()
