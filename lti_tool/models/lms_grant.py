"""The right of one person to the LMS's own API, lent to the tool by OAuth2 (Canvas), and what each access may do."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.models.database import Base, uuid_key


class OauthClient(Base):
    """The API developer key of a registration; its secret is encrypted with a key from SECRET_KEY."""

    __tablename__ = "oauth_client"

    registration_id: Mapped[UUID] = mapped_column(ForeignKey("registration.id", ondelete="CASCADE"), primary_key=True)
    client_id: Mapped[str] = mapped_column(String(255))
    secret_ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    set_at: Mapped[datetime]
    set_by: Mapped[str | None] = mapped_column(String(255))  # an administrator's name; None: the command line


class OauthState(Base):
    """One consent that was begun: who asked, in which course; used once, and bound to the browser's session."""

    __tablename__ = "oauth_state"

    state_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_hash: Mapped[str] = mapped_column(String(64))
    access_id: Mapped[UUID] = mapped_column(ForeignKey("course_access.id", ondelete="CASCADE"))
    expires_at: Mapped[datetime]


class LmsGrant(Base):
    """Access and refresh token of one person at one LMS; `refreshing_until` is the lock of the one who renews it."""

    __tablename__ = "lms_grant"
    __table_args__ = (UniqueConstraint("registration_id", "lti_user_id"),)

    id: Mapped[UUID] = uuid_key()
    registration_id: Mapped[UUID] = mapped_column(ForeignKey("registration.id", ondelete="CASCADE"))
    lti_user_id: Mapped[str] = mapped_column(String(255))
    lms_user_id: Mapped[str | None] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(255))
    access_ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    refresh_ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime]
    refreshing_until: Mapped[datetime | None]
    error_code: Mapped[str | None] = mapped_column(String(64))  # why it cannot be used any more; None: it can
    granted_at: Mapped[datetime]


class AskedRight(Base):
    """What the LMS last said of writing a course's groups with one access: `access_id`'s lent one, None: the tool's.

    It is said of the token of its time: it counts while that was not lent or set anew since.
    """

    __tablename__ = "asked_right"
    __table_args__ = (
        UniqueConstraint("course_id", "access_id"),
        Index(
            "uq_asked_right_of_tool",
            "course_id",
            unique=True,
            sqlite_where=text("access_id IS NULL"),
            postgresql_where=text("access_id IS NULL"),
        ),
    )

    id: Mapped[UUID] = uuid_key()
    course_id: Mapped[UUID] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"))
    access_id: Mapped[UUID | None] = mapped_column(ForeignKey("course_access.id", ondelete="CASCADE"), index=True)
    write_problem: Mapped[str | None] = mapped_column(String(64))  # why groups cannot be written; None: they can
    asked_at: Mapped[datetime]
