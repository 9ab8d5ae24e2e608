"""How a local set is mirrored into the LMS: what the LMS is known to hold of it.

What has not arrived is no row of its own: it is the difference between the set and these rows, so it cannot be
forgotten.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lti_tool.models.database import Base, uuid_key


class Publication(Base):
    """The mirror of one local set; `state` says how the last push ended (waiting, sent, refused)."""

    __tablename__ = "publication"

    id: Mapped[UUID] = uuid_key()
    group_set_id: Mapped[UUID] = mapped_column(ForeignKey("group_set.id", ondelete="CASCADE"), unique=True)
    lms_group_set_id: Mapped[str | None] = mapped_column(String(255))  # None: the LMS has no set yet
    name: Mapped[str] = mapped_column(String(255))  # as the LMS has it
    state: Mapped[str] = mapped_column(String(16))
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_facts: Mapped[str] = mapped_column(Text, default="{}")  # JSON object of texts, for the sentence
    attempts: Mapped[int] = mapped_column(default=0)  # since the last success
    retry_at: Mapped[datetime | None]  # when the worker tries again; None: not by itself
    last_pushed_at: Mapped[datetime | None]
    drift: Mapped[int] = mapped_column(default=0, server_default=text("0"))  # what others changed in the LMS since
    drift_seen_at: Mapped[datetime | None]
    # When the worker looks whether all who were taken out have left (services.proof); None: nothing is unproven.
    proof_due_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    groups: Mapped[list["MirroredGroup"]] = relationship(cascade="all, delete-orphan", passive_deletes=True)


class MirroredGroup(Base):
    """One group that the LMS holds; `group_id` turns None when ours was deleted and the LMS's is still there."""

    __tablename__ = "mirrored_group"

    id: Mapped[UUID] = uuid_key()
    publication_id: Mapped[UUID] = mapped_column(ForeignKey("publication.id", ondelete="CASCADE"), index=True)
    group_id: Mapped[UUID | None] = mapped_column(ForeignKey("group.id", ondelete="SET NULL"), index=True)
    lms_group_id: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(255))  # as the LMS has it
    description: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))  # as it was sent last
    memberships: Mapped[list["MirroredMembership"]] = relationship(cascade="all, delete-orphan", passive_deletes=True)


class MirroredMembership(Base):
    """One person whom the LMS confirmed in one mirrored group."""

    __tablename__ = "mirrored_membership"

    mirrored_group_id: Mapped[UUID] = mapped_column(
        ForeignKey("mirrored_group.id", ondelete="CASCADE"), primary_key=True
    )
    lms_user_id: Mapped[str] = mapped_column(String(255), primary_key=True)
