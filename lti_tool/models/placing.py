"""Requests of a platform for a link to place, while the person chooses (Deep Linking 2.0)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.models.database import Base, uuid_key


class PlacingRequest(Base):
    """What the answer to a platform needs; bound to one person in one course, and soon over.

    Kept here and not in the page, so that nothing of it can be forged, and nothing but its id stands in an address.
    """

    __tablename__ = "placing_request"

    id: Mapped[UUID] = uuid_key()
    access_id: Mapped[UUID] = mapped_column(ForeignKey("course_access.id", ondelete="CASCADE"), index=True)
    nonce_hash: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256, hex: a launch makes one request
    lms_deployment_id: Mapped[str] = mapped_column(String(255))
    return_url: Mapped[str] = mapped_column(Text)
    data: Mapped[str | None] = mapped_column(Text)  # JSON of what the platform wants back; None: nothing
    accept_multiple: Mapped[bool]
    accepts_links: Mapped[bool]  # False: it asks for something that this tool has not
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
