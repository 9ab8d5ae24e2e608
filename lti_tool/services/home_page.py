"""Reads the figures of a course's first page."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select

from lti_tool.models import Assignment, GroupSet, LeftOutGroupSet, Publication, db
from lti_tool.services.roster import count_people


@dataclass(frozen=True)
class Figures:
    """How many active people and assignments a course has, and whether the LMS has sets that no sync brings here."""

    students: int
    staff: int
    assignments: int
    lms_has_more: bool


def read_figures(course_id: UUID) -> Figures:
    """Return the figures of a course, in two queries."""
    assignments = select(func.count()).where(Assignment.course_id == course_id).scalar_subquery()
    count, lms_has_more = db.session.execute(select(assignments, _lms_has_more(course_id))).one()
    return Figures(*count_people(course_id), count, bool(lms_has_more))


def _lms_has_more(course_id: UUID) -> ColumnElement[bool]:
    """Return whether a set of ours has its mirror in the LMS, or one of the LMS was removed here (ruling C29)."""
    mirrors = select(Publication.id).join(GroupSet, GroupSet.id == Publication.group_set_id)
    there = (Publication.lms_group_set_id.is_not(None), func.coalesce(Publication.error_code, "") != "set_gone")
    left_out = select(LeftOutGroupSet.name).where(LeftOutGroupSet.course_id == course_id)
    return or_(mirrors.where(GroupSet.course_id == course_id, *there).exists(), left_out.exists())
