"""Browser sessions; each is the one use of the launch that opened it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String, false
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.models.database import Base


class BrowserSession(Base):
    """A person (registration, LTI user id) in one browser; the courses come from the URL, never from here."""

    __tablename__ = "browser_session"
    __table_args__ = ({"sqlite_with_rowid": False},)  # every launch writes here: no tree more than two

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256 of the cookie's secret, hex
    registration_id: Mapped[UUID] = mapped_column(ForeignKey("registration.id", ondelete="CASCADE"))
    lti_user_id: Mapped[str] = mapped_column(String(255))
    nonce_hash: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256, hex: a launch opens one session
    frame_origins: Mapped[str] = mapped_column(String(1024))  # who may frame the pages, space-separated
    # An administrator of the platform, by the launch's own word: opens the admin pages of its registration.
    is_administrator: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]  # no index: the purge, now and then, reads all
