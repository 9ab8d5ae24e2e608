"""The people of a course as other services need them: held while groups change, found as students, and by name."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import and_, or_, select

from lti_tool.domain.belonging import STAFF_STATUSES, STUDENT_STATUSES, belongs_in_groups
from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.proposals import Person, found_by_email
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import MemberStatus
from lti_tool.models import Course, RosterMember, db

_IS_STUDENT = RosterMember.enrollment_type == EnrollmentType.STUDENT
# `domain.belonging.belongs_in_groups` as a condition on a RosterMember.
BELONGS = or_(
    and_(_IS_STUDENT, RosterMember.status.in_(sorted(STUDENT_STATUSES))),
    and_(~_IS_STUDENT, RosterMember.status.in_(sorted(STAFF_STATUSES))),
)


def lock_roster(course_id: UUID) -> Course:
    """Lock the people of a course for the rest of the transaction, so that two writers decide one after the other."""
    return db.session.execute(select(Course).where(Course.id == course_id).with_for_update()).scalar_one()


def hold_roster(course_id: UUID) -> None:
    """Keep the people of a course as they are until the transaction ends; those who hold do not wait for each other.

    Called before any other row is locked: who puts people into groups, and who changes the people, then never wait
    for each other crosswise, and nobody is put into a group while they leave the course.
    """
    db.session.execute(select(Course.id).where(Course.id == course_id).with_for_update(read=True, key_share=True))


def find_student(course_id: UUID, member_id: UUID | None) -> RosterMember:
    """Return an active student of a course; raise RuleViolation("students_only") for anybody else."""
    member = db.session.get(RosterMember, member_id) if member_id else None
    if member is None or member.course_id != course_id or member.status != MemberStatus.ACTIVE:
        raise RuleViolation("students_only")
    if member.enrollment_type != EnrollmentType.STUDENT:
        raise RuleViolation("students_only")
    return member


def names_of(member_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the names of these people, in one query; of nobody in none."""
    if not member_ids:
        return {}
    rows = db.session.execute(select(RosterMember.id, RosterMember.name).where(RosterMember.id.in_(set(member_ids))))
    return {key: text for key, text in rows}  # noqa: C416 - typed rows on SQLAlchemy 2.0 too


PERSON_COLUMNS = (
    RosterMember.id,
    RosterMember.name,
    RosterMember.email,
    RosterMember.enrollment_type,
    RosterMember.status,
)


def person_of(key: UUID, name: str, email: str | None, kind: str, status: str) -> Person:
    """Return a person as files need them, from a row of PERSON_COLUMNS."""
    return Person(key, name, email, belongs_in_groups(kind, status))


def read_people_of_files(course_id: UUID) -> list[Person]:
    """Return everybody on the roster as files need them, in one query."""
    rows = db.session.execute(select(*PERSON_COLUMNS).where(RosterMember.course_id == course_id))
    return [person_of(*row) for row in rows]


def read_named(course_id: UUID) -> frozenset[UUID]:
    """Return whom a file can name by their e-mail, in one query; everybody else has none, or one that others have."""
    return found_by_email(read_people_of_files(course_id))
