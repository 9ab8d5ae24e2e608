"""People whom the course's staff add to the roster themselves, and what may be changed of whom (seed 003)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.git_usernames import GitUsernameStatus
from lti_tool.domain.groups import NAME_LENGTH, clean_name, clean_text
from lti_tool.domain.roster import MemberSource, MemberStatus

EMAIL_LENGTH = 320
NUMBER_LENGTH = NAME_LENGTH
USERNAME_LENGTH = NAME_LENGTH
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True)
class MemberValues:
    """What staff may say of a person; the LMS's people keep all but the git user name as the LMS has it."""

    name: str
    email: str | None = None
    student_number: str | None = None
    git_username: str | None = None
    git_username_status: GitUsernameStatus = GitUsernameStatus.UNKNOWN
    status: MemberStatus = MemberStatus.ACTIVE


@dataclass(frozen=True)
class KnownKeys:
    """By what a member of the course is known; no two people whom staff add share one of them."""

    id: UUID
    name: str
    email: str | None
    student_number: str | None


def tidy_name(text: str) -> str:
    """Return a typed name with its blanks tidied; raise RuleViolation "name_required" or "name_too_long"."""
    return clean_name(text)


def tidy_email(text: str | None) -> str | None:
    """Return a typed e-mail address, None for none; raise RuleViolation("email_malformed") for what can be none."""
    email = _tidied(text)
    if email and (len(email) > EMAIL_LENGTH or not EMAIL.fullmatch(email)):
        raise RuleViolation("email_malformed")
    return email


def tidy_number(text: str | None) -> str | None:
    """Return a typed student number, None for none; raise RuleViolation("number_too_long")."""
    number = _tidied(text)
    if number and len(number) > NUMBER_LENGTH:
        raise RuleViolation("number_too_long", limit=NUMBER_LENGTH)
    return number


def tidy_username(text: str | None) -> str | None:
    """Return a typed git user name without the @ that people put before it, None for none.

    Raise RuleViolation("username_too_long"); one that is merely malformed is kept and marked as invalid.
    """
    username = (_tidied(text) or "").removeprefix("@") or None
    if username and len(username) > USERNAME_LENGTH:
        raise RuleViolation("username_too_long", limit=USERNAME_LENGTH)
    return username


def split_name(name: str) -> tuple[str, str]:
    """Return a name as first and last name (seed 001): its first word, and the others with single blanks.

    A name without a word is ("Unknown", "").
    """
    first, *rest = name.split() or ["Unknown"]
    return first, " ".join(rest)


def _tidied(text: str | None) -> str | None:
    return " ".join(clean_text(text or "").split()) or None


def require_free_keys(values: MemberValues, others: Iterable[KnownKeys]) -> None:
    """Raise RuleViolation "email_taken" or "number_taken" (person) when somebody of the course has it already."""
    email = (values.email or "").casefold()
    for other in others:
        if email and email == (other.email or "").strip().casefold():
            raise RuleViolation("email_taken", person=other.name)
        if values.student_number and values.student_number == other.student_number:
            raise RuleViolation("number_taken", person=other.name)


def is_deletable(source: MemberSource, status: MemberStatus) -> bool:
    """Say whether a person may be deleted: whom the LMS still lists, its next sync would bring back."""
    return source is MemberSource.LOCAL or status is MemberStatus.DROPPED
