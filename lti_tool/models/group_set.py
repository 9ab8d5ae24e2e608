"""Group sets, and the ordered references to their groups."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lti_tool.models.database import Base, uuid_key
from lti_tool.models.group import Group

OURS = "connection IS NULL OR connection = 'import'"


class GroupSet(Base):
    """One way of dividing a course; its connection (None = local) is for life."""

    __tablename__ = "group_set"
    __table_args__ = (
        UniqueConstraint("course_id", "lms_group_set_id"),
        Index(
            "uq_group_set_own_name",
            "course_id",
            "name",
            unique=True,
            sqlite_where=text(OURS),
            postgresql_where=text(OURS),
        ),
    )

    id: Mapped[UUID] = uuid_key()
    course_id: Mapped[UUID] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(255))
    connection: Mapped[str | None] = mapped_column(String(16))
    lms_group_set_id: Mapped[str | None] = mapped_column(String(255))
    source_filename: Mapped[str | None] = mapped_column(String(255))  # of an imported set
    position: Mapped[int]  # place in the course's list
    revision: Mapped[int] = mapped_column(default=0)  # rises with every change; the row is the set's lock
    # What students may do by themselves in a local set: closed | join (groups that are there) | create (their own too).
    signup: Mapped[str] = mapped_column(String(8), default="closed", server_default="closed")
    signup_until: Mapped[datetime | None]
    group_limit: Mapped[int | None]  # most members of a group of the set, for whoever joins by themselves
    same_section: Mapped[bool] = mapped_column(default=False, server_default=false())
    # How many members of its groups in the LMS were not on the roster when the LMS told of them last (after an answer
    # about some of its groups: at least so many).
    strangers: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    last_updated: Mapped[datetime | None]  # when its source was last read; None for local sets
    created_at: Mapped[datetime]
    entries: Mapped[list["GroupSetEntry"]] = relationship(
        cascade="all, delete-orphan", order_by="GroupSetEntry.position", passive_deletes=True
    )


class GroupSetEntry(Base):
    """One group in one set; `position` keeps the order that the source or the people gave."""

    __tablename__ = "group_set_entry"

    group_set_id: Mapped[UUID] = mapped_column(ForeignKey("group_set.id", ondelete="CASCADE"), primary_key=True)
    group_id: Mapped[UUID] = mapped_column(ForeignKey("group.id", ondelete="CASCADE"), primary_key=True, index=True)
    position: Mapped[int]
    group: Mapped[Group] = relationship()


class LeftOutGroupSet(Base):
    """A set of the LMS that staff removed from this tool; a pull leaves it out until they want it back."""

    __tablename__ = "left_out_group_set"

    course_id: Mapped[UUID] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"), primary_key=True)
    lms_group_set_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
