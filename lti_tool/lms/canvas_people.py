"""Turns Canvas's users and enrolments into the people of a roster."""

from collections.abc import Iterable
from typing import Any

from lti_tool.domain.errors import LmsRefused
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import (
    CANVAS_TYPES,
    STATUS_ORDER,
    TYPE_ORDER,
    RemotePerson,
    RemoteRoster,
    RemoteSection,
    canvas_state,
    strongest,
)

STUDENT_VIEW = "StudentViewEnrollment"


def roster(users: Iterable[dict[str, Any]], sections: Iterable[dict[str, Any]] | None = None) -> RemoteRoster:
    """Return the roster of these users (with `enrollments`); the Test Student is left out (canvas.md 7).

    Who is in which section stands in the enrolments; `sections` gives their names, None: Canvas does not tell them.
    """
    people: dict[str, RemotePerson] = {}
    members: dict[str, set[str]] = {}
    for user in users:
        person = _person(user)
        if person is not None:
            people[str(user["id"])] = person
            for section_id in _section_ids(user, person):
                members.setdefault(section_id, set()).add(str(user["id"]))
    return RemoteRoster(tuple(people.values()), sections=None if sections is None else _sections(sections, members))


def _sections(sections: Iterable[dict[str, Any]], members: dict[str, set[str]]) -> tuple[RemoteSection, ...]:
    return tuple(
        RemoteSection(str(one["id"]), str(one.get("name") or one["id"]), frozenset(members.get(str(one["id"]), ())))
        for one in sections
    )


def _section_ids(user: dict[str, Any], person: RemotePerson) -> set[str]:
    """Return the sections of the enrolments that make the person what they are: one that has ended tells nothing."""
    return {
        str(one["course_section_id"])
        for one in user["enrollments"]
        if one.get("course_section_id") is not None
        and one.get("type") != STUDENT_VIEW
        and canvas_state(str(one.get("enrollment_state")))[1] is person.status
    }


def require_keys(users: Iterable[dict[str, Any]], *keys: str) -> None:
    """Raise LmsRefused("include_parameters_off") when Canvas left out what was to be included.

    A developer key without "Allow Include Parameters" drops includes without a word (canvas.md 10.2).
    """
    if any(key not in user for user in users for key in keys):
        raise LmsRefused("include_parameters_off", missing=list(keys))


def is_real(user: dict[str, Any]) -> bool:
    """Say whether a user is a person and not a course's Test Student."""
    enrollments = user.get("enrollments") or []
    return not enrollments or any(enrollment.get("type") != STUDENT_VIEW for enrollment in enrollments)


def _person(user: dict[str, Any]) -> RemotePerson | None:
    if not is_real(user):
        return None
    enrollments = [one for one in user["enrollments"] if one.get("type") != STUDENT_VIEW]
    states = [canvas_state(str(one.get("enrollment_state"))) for one in enrollments]
    if not states:
        return None
    status = strongest(STATUS_ORDER, (status for _, status in states))
    label = next(label for label, its_status in states if its_status is status)
    # `role` may be a name that the school made up; `type` is what it rests on.
    types = (CANVAS_TYPES.get(str(one.get("type")), EnrollmentType.OTHER) for one in enrollments)
    return RemotePerson(
        name=str(user.get("name") or user.get("sortable_name") or f"User {user['id']}"),
        enrollment_type=strongest(TYPE_ORDER, types),
        status=status,
        enrollment_display=label,
        lms_user_id=str(user["id"]),
        email=user.get("email") or None,
        student_number=user.get("sis_user_id") or None,
    )
