"""Courses that people launched from, for the command line."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from lti_tool.domain.errors import NotFound
from lti_tool.models import Course, db


def list_courses() -> Sequence[Course]:
    """Return all courses with their registrations, by title."""
    return db.session.scalars(select(Course).options(joinedload(Course.registration)).order_by(Course.title)).all()


def get_course(course_id: UUID) -> Course:
    """Return a course; raise NotFound."""
    course = db.session.get(Course, course_id)
    if course is None:
        raise NotFound("course_not_found")
    return course
