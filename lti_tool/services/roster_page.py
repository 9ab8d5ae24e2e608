"""The students of a course as the roster's page shows them: found, filtered and cut into pages by the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, or_, select

from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import MemberStatus
from lti_tool.models import RosterMember, Section, SectionMembership, db
from lti_tool.services.people import BELONGS
from lti_tool.services.sections import list_sections, read_section_names

ROWS_PER_PAGE = 100


@dataclass(frozen=True)
class Sought:
    """Which students are looked for; what is None or empty is not asked."""

    status: MemberStatus | None = None
    section_id: UUID | None = None
    words: str = ""

    def __bool__(self) -> bool:
        """Say whether anything is asked at all."""
        return bool(self.status or self.section_id or self.words)


@dataclass(frozen=True)
class StudentPage:
    """One page of students: its rows and number, how many pages and finds there are, and what the course has in all."""

    rows: Sequence[RosterMember]
    number: int
    pages: int
    found: int
    students: int
    staff: int
    has_git_usernames: bool
    sections: Sequence[Section]
    section_names: Mapping[UUID, Sequence[str]]


def list_students(course_id: UUID, sought: Sought, number: int) -> StudentPage:
    """Return the page of that number, or the nearest one that exists; people who left come last."""
    of_course = RosterMember.course_id == course_id
    is_student = RosterMember.enrollment_type == EnrollmentType.STUDENT
    wanted = and_(is_student, *_conditions(sought))
    counts = db.session.execute(
        select(
            func.count().filter(wanted).label("found"),
            func.count().filter(is_student).label("students"),
            func.count().filter(~is_student, BELONGS).label("staff"),
            func.count().filter(is_student, RosterMember.git_username.is_not(None)).label("git_usernames"),
        ).where(of_course)
    ).one()
    pages = max(1, -(-counts.found // ROWS_PER_PAGE))
    number = min(max(1, number), pages)
    left = case((RosterMember.status == MemberStatus.DROPPED, 1), else_=0)
    rows = db.session.scalars(
        select(RosterMember)
        .where(of_course, wanted)
        .order_by(left, func.lower(RosterMember.name), RosterMember.id)
        .limit(ROWS_PER_PAGE)
        .offset((number - 1) * ROWS_PER_PAGE)
    ).all()
    sections = list_sections(course_id)
    return StudentPage(
        rows=rows,
        number=number,
        pages=pages,
        found=counts.found,
        students=counts.students,
        staff=counts.staff,
        has_git_usernames=counts.git_usernames > 0,
        sections=sections,
        section_names=read_section_names(course_id, [row.id for row in rows]) if sections else {},
    )


def _conditions(sought: Sought) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if sought.status:
        found.append(RosterMember.status == sought.status)
    if sought.section_id:
        of_section = select(SectionMembership.member_id).where(SectionMembership.section_id == sought.section_id)
        found.append(RosterMember.id.in_(of_section))
    if sought.words:
        words = sought.words.lower()
        columns = (RosterMember.name, RosterMember.email, RosterMember.student_number, RosterMember.git_username)
        found.append(or_(*(func.lower(column).contains(words, autoescape=True) for column in columns)))
    return found
