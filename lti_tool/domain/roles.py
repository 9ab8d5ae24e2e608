"""Turns LTI role URIs into what a person is in a course; only roles of the course itself give rights."""

from collections.abc import Iterable
from enum import StrEnum

MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership"
LEGACY = "urn:lti:role:ims/lis/"
TEST_USER = "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"
ADMINISTRATOR_ROLES = frozenset(
    {
        "http://purl.imsglobal.org/vocab/lis/v2/system/person#Administrator",
        "http://purl.imsglobal.org/vocab/lis/v2/system/person#SysAdmin",
        "http://purl.imsglobal.org/vocab/lis/v2/system/person#AccountAdmin",
        "http://purl.imsglobal.org/vocab/lis/v2/institution/person#Administrator",
    }
)
PRINCIPALS = frozenset(
    {"Administrator", "ContentDeveloper", "Instructor", "Learner", "Mentor", "Manager", "Member", "Officer"}
)


class EnrollmentType(StrEnum):
    """What a person is in a course (seed 003)."""

    STUDENT = "student"
    TEACHER = "teacher"
    TA = "ta"
    DESIGNER = "designer"
    OBSERVER = "observer"
    OTHER = "other"


def context_roles(roles: object) -> set[tuple[str, str | None]]:
    """Return the (principal, sub-role) pairs of the course roles in a claim; everything else is ignored.

    The principal comes from the path, so `membership/Learner#Instructor` is a learner. LTI Core 1.3, A.2.
    """
    found: set[tuple[str, str | None]] = set()
    for role in roles if isinstance(roles, list | tuple | set | frozenset) else ():
        if isinstance(role, str) and (pair := _context_role(role.strip())):
            found.add(pair)
    return found


def _context_role(role: str) -> tuple[str, str | None] | None:
    if role.startswith(MEMBERSHIP + "#"):
        principal, sub = role[len(MEMBERSHIP) + 1 :], None
    elif role.startswith(MEMBERSHIP + "/") and "#" in role:
        principal, sub = role[len(MEMBERSHIP) + 1 :].split("#", 1)
        # Canvas' own variable spells one sub-role's principal in lower case.
        principal = "Instructor" if principal == "instructor" else principal
    elif role.startswith(LEGACY):
        principal, _, legacy_sub = role[len(LEGACY) :].partition("/")
        sub = legacy_sub or None
    else:
        principal, sub = role, None
    return (principal, sub) if principal in PRINCIPALS else None


def enrollment_type(roles: object) -> EnrollmentType | None:
    """Return what the course roles of a claim make of a person, the most telling role first; None for none."""
    pairs = context_roles(roles)
    principals = {principal for principal, _ in pairs}
    assistant = any(p == "Instructor" and (s or "").startswith("TeachingAssistant") for p, s in pairs)
    if assistant:
        return EnrollmentType.TA
    for names, kind in (
        ({"Instructor", "Administrator"}, EnrollmentType.TEACHER),
        ({"ContentDeveloper"}, EnrollmentType.DESIGNER),
        ({"Learner", "Member"}, EnrollmentType.STUDENT),
        ({"Mentor", "Manager", "Officer"}, EnrollmentType.OBSERVER),
    ):
        if principals & names:
            return kind
    return None


def is_administrator(roles: Iterable[str]) -> bool:
    """Say whether a claim names an administrator of the site; this alone gives no right in any course."""
    return any(role in ADMINISTRATOR_ROLES for role in roles)


def is_test_user(roles: Iterable[str]) -> bool:
    """Say whether the person is the LMS's student view, who belongs to no roster."""
    return TEST_USER in roles
