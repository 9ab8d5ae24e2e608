"""Turns the members of a Names and Roles answer into the people of a roster (lti.md 5.2, moodle.md 1.5)."""

import html
from collections.abc import Iterable
from typing import Any

from lti_tool.domain.roles import EnrollmentType, enrollment_type, is_test_user
from lti_tool.domain.roster import MemberStatus, RemotePerson, RemoteRoster

FAMILY_CANVAS, FAMILY_MOODLE = "canvas", "moodle"
CUSTOM = "https://purl.imsglobal.org/spec/lti/claim/custom"
STATES = {
    "Active": MemberStatus.ACTIVE,
    "Inactive": MemberStatus.DROPPED,
    "Deleted": MemberStatus.DROPPED,
}
SHORT_ID = 8


def roster(members: Iterable[dict[str, Any]], family: str) -> RemoteRoster:
    """Return the roster; a platform lists active people only, so absence tells little (`lists_inactive` False).

    Moodle lists its non-editing teachers as learners: there the types are hints.
    """
    people = {
        str(member["user_id"]): _person(member, family)
        for member in members
        if not is_test_user(_roles(member)) and not _student_view(member)
    }
    return RemoteRoster(tuple(people.values()), lists_inactive=False, types_are_hints=family == FAMILY_MOODLE)


def _person(member: dict[str, Any], family: str) -> RemotePerson:
    user_id, status = str(member["user_id"]), str(member.get("status") or "Active")
    return RemotePerson(
        name=_name(member, family),
        enrollment_type=enrollment_type(_roles(member)) or EnrollmentType.OTHER,
        status=STATES.get(status, MemberStatus.INCOMPLETE),
        enrollment_display=status,
        lms_user_id=_lms_user_id(member, family),
        lti_user_id=user_id,
        email=_given(member.get("email")),
        student_number=_given(member.get("lis_person_sourcedid")),
    )


def _roles(member: dict[str, Any]) -> list[str]:
    roles = member.get("roles")
    return [role for role in roles if isinstance(role, str)] if isinstance(roles, list) else []


def _name(member: dict[str, Any], family: str) -> str:
    parts = [_given(member.get("given_name")), _given(member.get("family_name"))]
    name = _given(member.get("name")) or " ".join(part for part in parts if part)
    # Moodle escapes names here and nowhere else.
    name = html.unescape(name) if family == FAMILY_MOODLE else name
    return name or f"User {str(member['user_id'])[:SHORT_ID]}"


def _lms_user_id(member: dict[str, Any], family: str) -> str | None:
    """Return the id that the LMS's groups name a person by: only Canvas has another one than LTI (lti.md 5.3)."""
    return _custom(member, "canvas_user_id") if family == FAMILY_CANVAS else str(member["user_id"])


def _student_view(member: dict[str, Any]) -> bool:
    return (_custom(member, "student_view") or "").casefold() == "true"


def _custom(member: dict[str, Any], name: str) -> str | None:
    """Return one of the tool's custom values as the platform filled it in for this person."""
    messages = member.get("message")
    for message in messages if isinstance(messages, list) else ():
        values = (message.get(CUSTOM) or message.get("custom")) if isinstance(message, dict) else None
        if isinstance(values, dict) and (value := _given(values.get(name))):
            return value
    return None


def _given(value: object) -> str | None:
    """Return a text that was really given; a variable that the platform did not know arrives as its name."""
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return None if not text or text.startswith("$") else text
