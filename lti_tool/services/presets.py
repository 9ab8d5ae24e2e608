"""Makes files of one group set for other tools."""

from collections.abc import Collection, Mapping
from uuid import UUID

from lti_tool.domain.groups import Connection
from lti_tool.domain.presets import TOOL_PRESETS, Person, Preset, PresetFile, Team
from lti_tool.domain.roles import EnrollmentType
from lti_tool.lms.presets import LMS_PRESETS
from lti_tool.models import RosterMember
from lti_tool.services.group_sets import get_set, read_groups
from lti_tool.services.memberships import read_members
from lti_tool.services.people import read_named
from lti_tool.services.sections import read_section_names

PRESETS: Mapping[str, Preset] = {**LMS_PRESETS, **TOOL_PRESETS}


def presets_for(family: str) -> list[str]:
    """Return the keys of the presets that fit courses of this LMS."""
    return [key for key, preset in PRESETS.items() if preset.family in (None, family)]


def build_preset(course_id: UUID, set_id: UUID, key: str) -> tuple[str, PresetFile]:
    """Return the name of a set and its file for the preset of that key; raise NotFound."""
    row = get_set(course_id, set_id)
    groups = read_groups(set_id)
    members = read_members([group.id for group in groups])
    sections, named = read_section_names(course_id), read_named(course_id)
    known = row.connection in (Connection.CANVAS, Connection.MOODLE)
    teams = [
        Team(
            name=group.name,
            people=tuple(_person(member, sections.get(member.id, ()), named) for member in members.get(group.id, ())),
            description=group.description,
            lms_group_id=group.lms_group_id if known else None,
        )
        for group in groups
    ]
    return row.name, PRESETS[key].build(row.name, teams)


def _person(member: RosterMember, sections: Collection[str], named: Collection[UUID]) -> Person:
    return Person(
        name=member.name,
        email=member.email,
        shares_email=bool(member.email) and member.id not in named,
        git_username=member.git_username if member.git_username_status != "invalid" else None,
        lms_user_id=member.lms_user_id,
        is_student=member.enrollment_type == EnrollmentType.STUDENT,
        sections=tuple(sections),
    )
