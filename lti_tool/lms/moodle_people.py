"""Turns Moodle's enrolled users into the people of a roster."""

from collections.abc import Iterable
from typing import Any

from lti_tool.domain.clock import now
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import (
    MOODLE_ROLES,
    TYPE_ORDER,
    MemberStatus,
    RemotePerson,
    RemoteRoster,
    moodle_state,
    strongest,
)

ACTIVE = ("Active", MemberStatus.ACTIVE)
# Moodle's own functions do not tell why: suspended, not begun and ended look the same (moodle.md 2.4; ruling C32).
NOT_ACTIVE = ("Not active", MemberStatus.DROPPED)
ENROLMENT_FIELDS = ("status", "timestart", "timeend")


def roster(users: Iterable[dict[str, Any]], active: set[str], managers: set[str] | None) -> RemoteRoster:
    """Return the roster; `managers` hold moodle/course:managegroups, None when Moodle would not say."""
    people = {str(user["id"]): _person(user, active, managers) for user in users}
    return RemoteRoster(tuple(people.values()))


def _person(user: dict[str, Any], active: set[str], managers: set[str] | None) -> RemotePerson:
    user_id = str(user["id"])
    label, status = _state(user, user_id in active)
    return RemotePerson(
        name=str(user.get("fullname") or f"User {user_id}"),
        enrollment_type=_type(role.get("shortname") for role in user.get("roles", [])),
        status=status,
        enrollment_display=label,
        lms_user_id=user_id,
        email=user.get("email") or None,
        student_number=user.get("idnumber") or None,
        department=user.get("department") or None,
        institution=user.get("institution") or None,
        manages_groups=None if managers is None else user_id in managers,
    )


def _state(user: dict[str, Any], is_active: bool) -> tuple[str, MemberStatus]:
    """Take the enrolment's own fields where a site's service gives them, else the list that the person is on."""
    fields = [user.get(name) for name in ENROLMENT_FIELDS]
    if any(field is None for field in fields):
        return ACTIVE if is_active else NOT_ACTIVE
    status, timestart, timeend = (int(str(field)) for field in fields)
    return moodle_state(status, timestart, timeend, now())


def _type(shortnames: Iterable[str | None]) -> EnrollmentType:
    """Return what the roles make of a person; a site's own role tells nothing beside one that is known."""
    known = [MOODLE_ROLES[name] for name in shortnames if name in MOODLE_ROLES]
    return strongest(TYPE_ORDER, known) if known else EnrollmentType.OTHER
