"""The people of a course: read as a whole, and merged with what an LMS lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import case, exists, func, insert, select, update

from lti_tool.domain.clock import now
from lti_tool.domain.groups import LMS_CONNECTIONS, lms_connection
from lti_tool.domain.named_changes import first
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import (
    DROPPED_LABEL,
    KnownMember,
    MemberSource,
    MemberStatus,
    MergePlan,
    RemotePerson,
    RemoteRoster,
    plan_merge,
)
from lti_tool.domain.sync import Report
from lti_tool.models import GroupSet, RosterMember, db
from lti_tool.services.people import BELONGS, lock_roster
from lti_tool.services.sections import apply_sections
from lti_tool.services.system_sets import ensure_system_group_sets

PERSON_FIELDS = (
    "name",
    "email",
    "student_number",
    "status",
    "enrollment_display",
    "enrollment_type",
    "lms_user_id",
    "lti_user_id",
    "department",
    "institution",
    "manages_groups",
)


@dataclass(frozen=True)
class RosterPage:
    """The roster of a course as staff see it, students and staff apart, both by name."""

    students: Sequence[RosterMember]
    staff: Sequence[RosterMember]


def read_roster(course_id: UUID) -> RosterPage:
    """Return everybody of a course, people who left last."""
    left = case((RosterMember.status == MemberStatus.DROPPED, 1), else_=0)
    members = db.session.scalars(
        select(RosterMember)
        .where(RosterMember.course_id == course_id)
        .order_by(left, func.lower(RosterMember.name), RosterMember.id)
    ).all()
    return RosterPage(
        [member for member in members if member.enrollment_type == EnrollmentType.STUDENT],
        [member for member in members if member.enrollment_type != EnrollmentType.STUDENT],
    )


def count_people(course_id: UUID) -> tuple[int, int]:
    """Return how many active students a course has, and staff who have not left."""
    is_student = RosterMember.enrollment_type == EnrollmentType.STUDENT
    row = db.session.execute(
        select(
            func.count().filter(is_student),
            func.count().filter(~is_student),
        ).where(RosterMember.course_id == course_id, BELONGS)
    ).one()
    return row[0], row[1]


def read_known_people(course_id: UUID) -> frozenset[str]:
    """Return the LMS ids of those whom a pull would drop if the LMS did not list them."""
    ids = select(RosterMember.lms_user_id).where(
        RosterMember.course_id == course_id,
        RosterMember.lms_user_id.is_not(None),
        RosterMember.source == MemberSource.LMS,
        RosterMember.status != MemberStatus.DROPPED,
    )
    return frozenset(str(lms_id) for lms_id in db.session.scalars(ids))


def read_listed_people(course_id: UUID) -> frozenset[str]:
    """Return the ids, of LTI or else of the LMS, of those whom a list of active people would drop by their absence."""
    ids = select(func.coalesce(RosterMember.lti_user_id, RosterMember.lms_user_id)).where(
        RosterMember.course_id == course_id,
        RosterMember.source == MemberSource.LMS,
        RosterMember.status == MemberStatus.ACTIVE,
    )
    return frozenset(lms_id for lms_id in db.session.scalars(ids) if lms_id)


def plan_roster(course_id: UUID, roster: RemoteRoster) -> MergePlan:
    """Plan what a fetched roster changes; nothing is stored."""
    rows = db.session.scalars(
        select(RosterMember).where(RosterMember.course_id == course_id).order_by(RosterMember.created_at)
    )
    return plan_merge([KnownMember(row.id, _person(row), MemberSource(row.source)) for row in rows], roster)


def brings_back(course_id: UUID, roster: RemoteRoster) -> bool:
    """Say whether a fetched roster makes somebody active (again) in a course that has groups of the LMS."""
    away = (RosterMember.course_id == course_id, RosterMember.status != MemberStatus.ACTIVE)
    known = frozenset(db.session.scalars(select(RosterMember.id).where(*away)))
    of_lms = (GroupSet.course_id == course_id, GroupSet.connection.in_(LMS_CONNECTIONS))
    if not known or not db.session.scalar(select(exists().where(*of_lms))):
        return False
    changed = plan_roster(course_id, roster).update
    return any(member_id in known and person.status is MemberStatus.ACTIVE for member_id, person in changed)


@dataclass(frozen=True)
class Merged:
    """A merge that was stored: its plan, and the ids of the people whom it added."""

    plan: MergePlan
    added: Sequence[UUID]


def merge_roster(course_id: UUID, roster: RemoteRoster, report: Report) -> Merged:
    """Merge a fetched roster inside the caller's transaction: people, their sections, and the groups in step."""
    course = lock_roster(course_id)
    plan = plan_roster(course_id, roster)
    added = _apply(course_id, plan)
    if roster.sections is not None:
        apply_sections(course_id, roster.sections)
    ensure_system_group_sets(course_id)
    course.roster_refreshed_at = course.roster_updated_at = now()
    course.roster_connection = lms_connection(course.registration.family)
    course.roster_filename = None
    fill_report(plan, report)
    return Merged(plan, added)


def _apply(course_id: UUID, plan: MergePlan) -> list[UUID]:
    session = db.session
    new = [_new_row(course_id, person) for person in plan.add]
    if new:
        session.execute(insert(RosterMember), new)
    for member_id, person in plan.update:
        session.execute(
            update(RosterMember).where(RosterMember.id == member_id).values(source=MemberSource.LMS, **_values(person))
        )
    if plan.drop:
        session.execute(
            update(RosterMember)
            .where(RosterMember.id.in_(plan.drop))
            .values(status=MemberStatus.DROPPED, enrollment_display=DROPPED_LABEL)
        )
    return [row["id"] for row in new]


def fill_report(plan: MergePlan, report: Report) -> None:
    """Write the counts of a plan into a report, and whom a person has to tell apart."""
    report.roster.added = len(plan.add)
    report.roster.updated = len(plan.update)
    report.roster.dropped = len(plan.drop)
    report.roster.conflicts = len(plan.conflicts)
    if plan.is_exodus:
        report.exodus = {"left": plan.students_lost, "students": plan.students}
    report.roster_conflicts = [
        {"person": conflict.person.name, "matched_by": conflict.matched_by, "members": list(conflict.member_names)}
        for conflict in plan.conflicts
    ]
    report.named.people_added = first(person.name for person in plan.add)
    report.named.people_dropped = first(plan.left)
    report.named.people_left = len(plan.left)
    report.named.people_refused = [
        {"person": refusal.person.name, "lms_user_id": refusal.person.lms_user_id or "", "reason": refusal.reason}
        for refusal in plan.refused
    ]


def _person(row: RosterMember) -> RemotePerson:
    values = {field: getattr(row, field) for field in PERSON_FIELDS}
    values["status"] = MemberStatus(row.status)
    values["enrollment_type"] = EnrollmentType(row.enrollment_type)
    return RemotePerson(**values)


def _values(person: RemotePerson) -> dict[str, object]:
    return {field: getattr(person, field) for field in PERSON_FIELDS}


def _new_row(course_id: UUID, person: RemotePerson) -> dict[str, Any]:
    return {**_values(person), "id": uuid4(), "course_id": course_id, "source": MemberSource.LMS, "created_at": now()}
