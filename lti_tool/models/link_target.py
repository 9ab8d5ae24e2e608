"""Where links lead that came into a course with the copy of another one."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.models.database import Base


class LinkTarget(Base):
    """A choice of staff: in this course, links to `from_id` (of the course it was copied from) open this instead.

    Exactly one of the two targets is set; when it is deleted, the choice is too, and is asked for again.
    """

    __tablename__ = "link_target"

    course_id: Mapped[UUID] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"), primary_key=True)
    from_id: Mapped[UUID] = mapped_column(primary_key=True)  # no reference: the other course may be gone
    assignment_id: Mapped[UUID | None] = mapped_column(ForeignKey("assignment.id", ondelete="CASCADE"), index=True)
    group_set_id: Mapped[UUID | None] = mapped_column(ForeignKey("group_set.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
