"""Groupings: who works together on one assignment, kept as history when they end."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lti_tool.models.database import Base, uuid_key

LIVE = "ended_at IS NULL"
COMMITTED = "ended_at IS NULL AND status IN ('inviter', 'accepted')"


class Grouping(Base):
    """One group on one assignment; it keeps the group's name as it was, and ends instead of being deleted."""

    __tablename__ = "grouping"
    __table_args__ = (
        Index(
            "uq_grouping_live",
            "assignment_id",
            "group_id",
            unique=True,
            sqlite_where=text(LIVE),
            postgresql_where=text(LIVE),
        ),
    )

    id: Mapped[UUID] = uuid_key()
    assignment_id: Mapped[UUID] = mapped_column(ForeignKey("assignment.id", ondelete="CASCADE"), index=True)
    group_id: Mapped[UUID | None] = mapped_column(ForeignKey("group.id", ondelete="SET NULL"), index=True)
    group_name: Mapped[str] = mapped_column(String(255))
    alone: Mapped[bool] = mapped_column(server_default=false())  # its inviter chose to work alone
    approved: Mapped[bool] = mapped_column(server_default=false())  # staff made it valid whatever its size
    revision: Mapped[int] = mapped_column(default=0)  # rises with every change; the row is the grouping's lock
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]  # broken up
    memberships: Mapped[list["GroupingMembership"]] = relationship(
        cascade="all, delete-orphan", order_by="GroupingMembership.created_at", passive_deletes=True
    )


class GroupingMembership(Base):
    """One student in one grouping; a student is inviter or accepted in one grouping of an assignment at most."""

    __tablename__ = "grouping_membership"
    __table_args__ = (
        UniqueConstraint("grouping_id", "member_id"),
        Index(
            "uq_grouping_membership_committed",
            "assignment_id",
            "member_id",
            unique=True,
            sqlite_where=text(COMMITTED),
            postgresql_where=text(COMMITTED),
        ),
    )

    id: Mapped[UUID] = uuid_key()
    grouping_id: Mapped[UUID] = mapped_column(ForeignKey("grouping.id", ondelete="CASCADE"))
    assignment_id: Mapped[UUID] = mapped_column(ForeignKey("assignment.id", ondelete="CASCADE"))
    member_id: Mapped[UUID] = mapped_column(ForeignKey("roster_member.id", ondelete="CASCADE"), index=True)
    status: Mapped[str] = mapped_column(String(8))  # inviter | accepted | pending | rejected
    invited_by: Mapped[UUID | None] = mapped_column(ForeignKey("roster_member.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]  # left, taken out, or the grouping was broken up
