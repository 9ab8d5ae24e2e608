"""Reads who is in a Canvas course: whom a page shift missed is asked for, whom a section's bounds hide is told."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from lti_tool.domain.errors import LmsRefused
from lti_tool.lms.canvas_client import CanvasClient, Json
from lti_tool.lms.canvas_people import require_keys
from lti_tool.lms.paging import OnPage, in_parallel
from lti_tool.lms.presence import require_most

# So many ids leave room for the links of a page (canvas.md 1.1).
IDS_PER_CALL = 50
STUDENT = "StudentEnrollment"
COUNTED_STATES = ("active", "invited", "creation_pending")
LEARNERS = (STUDENT, "ObserverEnrollment", "StudentViewEnrollment")


def read_users(
    client: CanvasClient, course_id: str, include: Collection[str], known_people: Collection[str], on_page: OnPage
) -> tuple[list[Json], set[str]]:
    """Return everybody of a course, and those of `known_people` who are not there any more, or not shown.

    Pages are counted off: when somebody leaves while they are read, everybody after moves up by one, and who moves
    to a page that was read already is on none. So who is missing is asked for by id before it is believed.
    Raise LmsRefused("include_parameters_off").
    """
    users = client.get_users(course_id, include, on_page)
    if missing := _absent(known_people, users):
        asked = sorted(one for one in missing if one.isdecimal())
        parts = [asked[start : start + IDS_PER_CALL] for start in range(0, len(asked), IDS_PER_CALL)]
        answers = in_parallel(lambda ids: client.get_users(course_id, include, user_ids=ids), parts, lambda _: None)
        users = users + [user for answer in answers for user in answer]
        missing = _absent(known_people, users)
    require_keys(users, *(key for key in include if key != "email"))
    return users, missing


def _absent(known_people: Collection[str], users: Iterable[Json]) -> set[str]:
    return set(known_people) - {str(user["id"]) for user in users}


def require_members(users: Iterable[Json], groups: Iterable[Json]) -> bool:
    """Say whether all memberships that Canvas counts are shown; raise as `require_most` when most are not."""
    groups = list(groups)
    ids = {group["id"] for group in groups}
    counted = sum(int(group.get("members_count") or 0) for group in groups)
    shown = sum(len(ids.intersection(user.get("group_ids", ()))) for user in users)
    require_most(shown, counted)
    return shown >= counted


def require_unbound(users: list[Json], sections: Iterable[Json]) -> None:
    """Raise LmsRefused("people_hidden") when the list shows what somebody sees who is bound to some sections.

    Canvas shows such staff the people of their own sections alone, without a word (canvas.md 7.2). It is that list
    when everybody on it shares a section with one of the bound staff, and other sections have students who are not
    on it; `sections` bear `total_students`, and to staff who are not bound their people would be shown.
    """
    shown = _students_by_section(users)
    short = {
        section["id"]
        for section in sections
        if int(section.get("total_students") or 0) > len(shown.get(section["id"], ()))
    }
    if not short:
        return
    everybody = [_sections_of(user) for user in users]
    for own in _bounds(users):
        if short - own and all(own & one for one in everybody):
            raise LmsRefused("people_hidden", shown=len(users), sections=len(short - own))


def _bounds(users: Iterable[Json]) -> Iterator[set[Any]]:
    """Yield the sections of each of the staff who are bound to theirs in all that they are in the course."""
    for user in users:
        staff = [one for one in user["enrollments"] if one.get("type") not in LEARNERS]
        if staff and all(one.get("limit_privileges_to_course_section") for one in user["enrollments"]):
            yield _sections_of(user)


def _sections_of(user: Json) -> set[Any]:
    return {one.get("course_section_id") for one in user["enrollments"]}


def _students_by_section(users: Iterable[Json]) -> dict[Any, set[Any]]:
    found: dict[Any, set[Any]] = {}
    for user in users:
        for one in user["enrollments"]:
            if one.get("type") == STUDENT and one.get("enrollment_state") in COUNTED_STATES:
                found.setdefault(one.get("course_section_id"), set()).add(user["id"])
    return found
