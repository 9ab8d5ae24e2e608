"""The doors of a group: links with expiry and a number of uses, who came by which, and requests to be let in."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, false, text, true
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.models.database import Base, uuid_key

WAITING = "state = 'waiting'"


class GroupInvite(Base):
    """One custom invite link; its uses never pass the limit, whoever counts (seed 002)."""

    __tablename__ = "group_invite"
    __table_args__ = (CheckConstraint("max_uses IS NULL OR uses_count <= max_uses", name="uses"),)

    id: Mapped[UUID] = uuid_key()
    group_id: Mapped[UUID] = mapped_column(ForeignKey("group.id", ondelete="CASCADE"), index=True)
    created_by: Mapped[UUID] = mapped_column(ForeignKey("course_access.id", ondelete="CASCADE"))
    invite_token: Mapped[UUID] = mapped_column(default=uuid4, unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    max_uses: Mapped[int | None]
    uses_count: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    is_active: Mapped[bool] = mapped_column(default=True, server_default=true())


class InviteUse(Base):
    """Who came into a group by which door; `invite_id` None: the group's own code."""

    __tablename__ = "invite_use"

    id: Mapped[UUID] = uuid_key()
    group_id: Mapped[UUID] = mapped_column(ForeignKey("group.id", ondelete="CASCADE"), index=True)
    invite_id: Mapped[UUID | None] = mapped_column(ForeignKey("group_invite.id", ondelete="CASCADE"), index=True)
    member_id: Mapped[UUID] = mapped_column(ForeignKey("roster_member.id", ondelete="CASCADE"))
    used_at: Mapped[datetime]


class JoinRequest(Base):
    """Somebody asks to be let into a group; one waiting request per person and group.

    The door at which they asked last is counted when they are let in: `invite_id` a link of the group (no foreign key,
    because SQLite adds none to a table that stands; both go with the group), `by_code` its own code, neither the list.
    """

    __tablename__ = "join_request"
    __table_args__ = (
        Index(
            "uq_join_request_waiting",
            "group_id",
            "member_id",
            unique=True,
            sqlite_where=text(WAITING),
            postgresql_where=text(WAITING),
        ),
    )

    id: Mapped[UUID] = uuid_key()
    group_id: Mapped[UUID] = mapped_column(ForeignKey("group.id", ondelete="CASCADE"))
    member_id: Mapped[UUID] = mapped_column(ForeignKey("roster_member.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(String(9))  # waiting | accepted | refused | withdrawn
    invite_id: Mapped[UUID | None]
    by_code: Mapped[bool] = mapped_column(default=False, server_default=false())
    answered_by: Mapped[UUID | None] = mapped_column(ForeignKey("course_access.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
