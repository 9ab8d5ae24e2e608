"""Reads who is in a Moodle course: whom a page shift missed is asked for, whom a missing right hides is told."""

from collections.abc import Collection

from lti_tool.domain.errors import LmsRefused, LmsUnavailable
from lti_tool.domain.gateway import Progress, Step
from lti_tool.domain.remote import RemoteGroups
from lti_tool.domain.roster import RemoteRoster
from lti_tool.lms.moodle_client import Json, MoodleClient
from lti_tool.lms.presence import require_most


def read_users(
    client: MoodleClient, course_id: str, progress: Progress, known_people: Collection[str]
) -> tuple[list[Json], set[str]]:
    """Return everybody with any enrolment, and the ids of those whose enrolment is active.

    Pages are counted off: when somebody leaves while they are read, everybody after moves up by one, and who moves
    to a page that was read already is on none. The ids come in one piece, so they tell whom the pages lack, and the
    pages are read once more. Raise LmsRefused("people_hidden"), LmsUnavailable("list_incomplete").
    """
    users = _read_pages(client, course_id, progress)
    if not users:
        raise LmsRefused("people_hidden", shown=0)
    active = client.get_active_ids(course_id)
    if (active | set(known_people)) - users.keys():
        enrolled = client.get_enrolled_ids(course_id)
        if enrolled - users.keys():
            users |= _read_pages(client, course_id, progress)
            active = client.get_active_ids(course_id)
        require_most(len(users), len(enrolled))
        if enrolled - users.keys():
            raise LmsUnavailable("list_incomplete", host=client.host, people=len(enrolled - users.keys()))
    return list(users.values()), active


def _read_pages(client: MoodleClient, course_id: str, progress: Progress) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for page in client.get_enrolled_users(course_id):
        found |= {str(user["id"]): user for user in page}
        progress(Step.FETCHING_ROSTER, len(found), 0)
    return found


def require_members(
    client: MoodleClient, people: RemoteRoster, groups: RemoteGroups, known_people: Collection[str] = ()
) -> None:
    """Raise LmsRefused("people_hidden") when people are in groups whom the list of the enrolled lacks.

    Whoever is in a group is enrolled, for Moodle takes who leaves the course out of its groups: a list that lacks
    most of them was cut by a missing right. One of `known_people` was on it before; the groups were read first, so
    whoever left in between is asked for once more.
    """
    shown = {person.lms_user_id for person in people.people}
    members = {user for group in groups.groups for user in group.member_ids}
    require_most(len(members & shown), len(members))
    absent = set(known_people) - shown
    holding = [group.lms_group_id for group in groups.groups if absent.intersection(group.member_ids)]
    if holding:
        held = client.get_group_members(holding)
        if hidden := absent.intersection(user for ids in held.values() for user in ids):
            raise LmsRefused("people_hidden", shown=len(shown), in_groups=len(hidden))
