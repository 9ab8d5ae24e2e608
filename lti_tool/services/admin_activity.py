"""What lately happened with a platform: launches without who, and the runs over its courses."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from lti_tool.models import Course, CourseAccess, SyncRun, db


@dataclass(frozen=True)
class LaunchLine:
    """Somebody's last launch of a course: when and as what; who is nobody's business here."""

    launched_at: datetime
    enrollment_type: str | None
    is_administrator: bool
    course_title: str


@dataclass(frozen=True)
class RunLine:
    """A run over one of the platform's courses."""

    kind: str
    state: str
    course_title: str
    created_at: datetime
    error_code: str | None
    seconds: float | None
    calls: int | None


def list_launches(registration_id: UUID, limit: int) -> Sequence[LaunchLine]:
    """Return the newest launches of a registration, one for each person and course, ten minutes exactly."""
    rows = db.session.execute(
        select(CourseAccess.launched_at, CourseAccess.enrollment_type, CourseAccess.is_administrator, Course.title)
        .join(Course, Course.id == CourseAccess.course_id)
        .where(Course.registration_id == registration_id)
        .order_by(CourseAccess.launched_at.desc())
        .limit(limit)
    )
    return [LaunchLine(*row) for row in rows]


def list_registration_runs(registration_id: UUID, limit: int) -> Sequence[RunLine]:
    """Return the newest runs over the courses of a registration."""
    rows = db.session.execute(
        select(SyncRun, Course.title)
        .join(Course, Course.id == SyncRun.course_id)
        .where(Course.registration_id == registration_id)
        .order_by(SyncRun.created_at.desc())
        .limit(limit)
    )
    return [_run(run, title) for run, title in rows]


def _run(run: SyncRun, title: str) -> RunLine:
    report = json.loads(run.report) if run.report else {}
    seconds = (run.finished_at - run.created_at).total_seconds() if run.finished_at else None
    return RunLine(
        run.kind,
        run.state,
        title,
        run.created_at,
        run.error_code,
        report.get("seconds", seconds),
        report.get("calls"),
    )
