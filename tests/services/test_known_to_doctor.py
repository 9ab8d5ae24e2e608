"""The doctor hands over what the tool knows of a course, so that what a Moodle hides is missed."""

from typing import Any

import pytest

from lti_tool.services.rights import read_preconditions


def missing(classroom: Any) -> dict[str, str]:
    found = read_preconditions(classroom.tool, classroom.course_id)
    return {one.name: one.error.code for one in found if one.error}


@pytest.mark.parametrize("flavour", ["moodle"])
def test_a_hidden_group_in_no_grouping_is_missed(classroom: Any) -> None:
    classroom.pull()
    loose = next(group for group in classroom.state()["groups"] if not group["sets"])
    classroom.lms.hub.sites["moodle"].groups[loose["id"]].visibility = 3
    assert missing(classroom) == {}
    classroom.lms.faults({"lacks": "moodle/course:viewhiddengroups"})
    assert missing(classroom) == {"moodle/course:viewhiddengroups": "groups_hidden"}
