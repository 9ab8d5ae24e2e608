"""Who is in groups: the one rule, and that the store asks the same."""

from itertools import product

import pytest

from lti_tool.domain.belonging import belongs_in_groups
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import MemberStatus


@pytest.mark.shows("MODEL-72", "MODEL-74", "MODEL-75")
def test_active_students_belong_in_groups_and_staff_until_they_leave() -> None:
    belong = {pair for pair in product(EnrollmentType, MemberStatus) if belongs_in_groups(*pair)}
    staff = set(EnrollmentType) - {EnrollmentType.STUDENT}
    waiting = {MemberStatus.ACTIVE, MemberStatus.INCOMPLETE}
    assert belong == {(EnrollmentType.STUDENT, MemberStatus.ACTIVE), *product(staff, waiting)}
