"""Platforms: who may launch the tool, how they are let in, their placements, keys and access tokens."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, false, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lti_tool.models.database import Base, uuid_key


class Registration(Base):
    """Issuer, client id and endpoints of one platform; found by its id, because (issuer, client id) is not unique."""

    __tablename__ = "registration"

    id: Mapped[UUID] = uuid_key()
    name: Mapped[str] = mapped_column(String(255))
    family: Mapped[str] = mapped_column(String(16))  # canvas | moodle | other
    issuer: Mapped[str] = mapped_column(String(255))
    client_id: Mapped[str | None] = mapped_column(String(255))  # None: pending, until the platform hands it out
    auth_login_url: Mapped[str | None] = mapped_column(String(1024))
    auth_token_url: Mapped[str | None] = mapped_column(String(1024))
    key_set_url: Mapped[str | None] = mapped_column(String(1024))
    token_audience: Mapped[str | None] = mapped_column(String(1024))  # None: the token URL
    lms_url: Mapped[str | None] = mapped_column(String(1024))  # base of the LMS's own API
    # Hosts of the platform that no address here names, with blanks between them; an administrator added them.
    other_hosts: Mapped[str | None] = mapped_column(String(1024))
    # False: it registered itself by a link that did not name it, or with another one's address for tokens; it waits.
    confirmed: Mapped[bool] = mapped_column(default=True, server_default=true())
    # Whether a placement that a launch brings unasked is taken at once, or waits.
    accepts_deployments: Mapped[bool] = mapped_column(default=False, server_default=false())
    # Whether its administrators see every registration; others see their own only. Given by the command line alone.
    manages_all: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime]
    deployments: Mapped[list["Deployment"]] = relationship(
        back_populates="registration", cascade="all, delete-orphan", order_by="Deployment.created_at"
    )

    @property
    def is_active(self) -> bool:
        """Say whether it may launch: confirmed, and every endpoint and the client id are known."""
        return self.confirmed and all((self.client_id, self.auth_login_url, self.auth_token_url, self.key_set_url))


class Deployment(Base):
    """One placement of a registration; one that a launch brought unasked waits until an administrator has decided."""

    __tablename__ = "deployment"
    __table_args__ = (UniqueConstraint("registration_id", "lms_deployment_id"),)

    id: Mapped[UUID] = uuid_key()
    registration_id: Mapped[UUID] = mapped_column(ForeignKey("registration.id", ondelete="CASCADE"))
    lms_deployment_id: Mapped[str] = mapped_column(String(255))
    active: Mapped[bool]
    # When an administrator refused or switched it off; None and not active: nobody has decided yet.
    refused_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    registration: Mapped[Registration] = relationship(back_populates="deployments")


class PlatformKeySet(Base):
    """The platform's public keys as last fetched (a JWKS document), so that a restart needs no fetch."""

    __tablename__ = "platform_key_set"

    registration_id: Mapped[UUID] = mapped_column(ForeignKey("registration.id", ondelete="CASCADE"), primary_key=True)
    document: Mapped[str] = mapped_column(Text)
    fetched_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class ServiceToken(Base):
    """The access token of an LMS's own API for a whole registration, encrypted with a key from SECRET_KEY."""

    __tablename__ = "service_token"

    registration_id: Mapped[UUID] = mapped_column(ForeignKey("registration.id", ondelete="CASCADE"), primary_key=True)
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    set_at: Mapped[datetime]
    set_by: Mapped[str | None] = mapped_column(String(255))  # an administrator's name; None: the command line


class RegistrationLink(Base):
    """A one-time invitation to register a platform (LTI Dynamic Registration 1.0); its secret is kept as a hash."""

    __tablename__ = "registration_link"

    id: Mapped[UUID] = uuid_key()
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256, hex
    issuer: Mapped[str | None] = mapped_column(String(255))  # the platform it was made for, which needs no confirmation
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    registration_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("registration.id", ondelete="SET NULL")
    )  # its fruit


class LaunchRefusal(Base):
    """A launch or login that was refused: why, and the reference that the person was shown; nobody's data."""

    __tablename__ = "launch_refusal"
    __table_args__ = (Index("ix_launch_refusal_registration_id_created_at", "registration_id", "created_at"),)

    id: Mapped[UUID] = uuid_key()
    registration_id: Mapped[UUID] = mapped_column(ForeignKey("registration.id", ondelete="CASCADE"))
    code: Mapped[str] = mapped_column(String(64))
    facts: Mapped[str] = mapped_column(Text, default="{}")  # JSON object of texts, for the sentence
    reference: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[datetime]


class WorkerSign(Base):
    """The last sign of life of the workers, which the doctor asks for; one row, and none before the first."""

    __tablename__ = "worker_sign"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seen_at: Mapped[datetime]
