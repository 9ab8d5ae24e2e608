"""Says who of a course belongs in its groups: active students, and staff until they leave (seed 003)."""

from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import MemberStatus

STUDENT_STATUSES = frozenset({MemberStatus.ACTIVE})
STAFF_STATUSES = frozenset(MemberStatus) - {MemberStatus.DROPPED}


def belongs_in_groups(kind: str, status: str) -> bool:
    """Say whether somebody of this enrolment type and status is in groups, and may be put into one."""
    return status in (STUDENT_STATUSES if kind == EnrollmentType.STUDENT else STAFF_STATUSES)
