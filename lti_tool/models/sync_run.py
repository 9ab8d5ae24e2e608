"""Jobs against the LMS: the row is the truth, the queue only the doorbell."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from lti_tool.models.database import Base, uuid_key


class SyncRun(Base):
    """One job with stored progress and a report; at most one is open per course."""

    __tablename__ = "sync_run"
    __table_args__ = (
        Index(
            "uq_sync_run_open",
            "course_id",
            unique=True,
            sqlite_where=text("state IN ('queued', 'running')"),
            postgresql_where=text("state IN ('queued', 'running')"),
        ),
        Index("ix_sync_run_course_id_created_at", "course_id", "created_at"),
        Index("ix_sync_run_state_heartbeat_at", "state", "heartbeat_at"),
    )

    id: Mapped[UUID] = uuid_key()
    course_id: Mapped[UUID] = mapped_column(ForeignKey("course.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))  # see worker.RUNNERS
    group_set_id: Mapped[UUID | None] = mapped_column(ForeignKey("group_set.id", ondelete="CASCADE"))
    requested_by: Mapped[UUID | None] = mapped_column(ForeignKey("course_access.id", ondelete="SET NULL"))
    # Whose access to the LMS's own API was used, by name; empty: the service token; None: none was.
    acted_as: Mapped[str | None] = mapped_column(String(255))
    state: Mapped[str] = mapped_column(String(16))  # queued | running | succeeded | failed
    step: Mapped[str] = mapped_column(String(32))
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)  # 0: unknown
    # The name or the number in the step's sentence.
    about: Mapped[str] = mapped_column(String(255), default="", server_default=text("''"))
    attempts: Mapped[int] = mapped_column(default=0)
    # So many students may leave at once, as somebody who saw it said; without that a mass of them stops the run.
    departures_accepted: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    report: Mapped[str | None] = mapped_column(Text)  # JSON of domain.sync.Report
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_facts: Mapped[str] = mapped_column(Text, default="{}")  # JSON object of texts, for the sentence
    created_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
