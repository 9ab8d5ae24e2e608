"""Finds out whether a visitor is an administrator, of which platform, and by which name."""

from sqlalchemy import select

from lti_tool.domain.administration import Administrator
from lti_tool.models import Course, CourseAccess, Registration, db
from lti_tool.services.access import Visitor


def find_administrator(visitor: Visitor) -> Administrator | None:
    """Return what a visitor may administer; None for who came as something else."""
    if not visitor.is_administrator:
        return None
    manages_all = db.session.scalar(select(Registration.manages_all).where(Registration.id == visitor.registration_id))
    return None if manages_all is None else Administrator(visitor.registration_id, manages_all)


def name_of(visitor: Visitor) -> str:
    """Return what a visitor is called in the course of their last launch; their platform's name if in none."""
    name = db.session.scalar(
        select(CourseAccess.name)
        .join(Course, Course.id == CourseAccess.course_id)
        .where(
            Course.registration_id == visitor.registration_id,
            CourseAccess.lti_user_id == visitor.lti_user_id,
        )
        .order_by(CourseAccess.launched_at.desc())
        .limit(1)
    )
    return name or db.session.get_one(Registration, visitor.registration_id).name
