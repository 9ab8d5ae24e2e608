"""What students may do by themselves in a local group set: until when, how large groups get, and within a section."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from lti_tool.domain.errors import RuleViolation


class Signup(StrEnum):
    """How far a set is open to students."""

    CLOSED = "closed"
    JOIN = "join"  # groups that are there
    CREATE = "create"  # and their own


class Privacy(StrEnum):
    """Who finds a group: everybody who may join, whoever has its code or a link, nobody any more."""

    LISTED = "listed"
    UNLISTED = "unlisted"
    CLOSED = "closed"


@dataclass(frozen=True)
class SignupRules:
    """What a set says; `until` is the last moment, `limit` the most members of a group."""

    signup: Signup
    until: datetime | None = None
    limit: int | None = None
    same_section: bool = False

    def is_open(self, at: datetime) -> bool:
        """Say whether students may join and leave now."""
        return self.signup is not Signup.CLOSED and (self.until is None or at <= self.until)

    def may_create(self, at: datetime) -> bool:
        """Say whether students may make groups now."""
        return self.signup is Signup.CREATE and self.is_open(at)


def require_open(sets: Collection[SignupRules], at: datetime) -> list[SignupRules]:
    """Return the rules of the sets that are open now.

    Raise RuleViolation("signup_over") when all that were are not any more, RuleViolation("signup_closed") otherwise.
    """
    found = [rules for rules in sets if rules.is_open(at)]
    if not found:
        over = any(rules.signup is not Signup.CLOSED for rules in sets)
        raise RuleViolation("signup_over" if over else "signup_closed")
    return found


def tightest(*limits: int | None) -> int | None:
    """Return the limit that counts of several, None where there is none."""
    return min((limit for limit in limits if limit), default=None)


def require_room(members: int, *limits: int | None) -> None:
    """Raise RuleViolation("group_full") when one more would pass any of the limits."""
    reached = [limit for limit in limits if limit is not None and members >= limit]
    if reached:
        raise RuleViolation("group_full", limit=min(reached))


def require_section(first: Collection[UUID] | None, newcomer: Collection[UUID]) -> None:
    """Raise RuleViolation("other_section") unless the newcomer shares a section with who was first, if anybody was."""
    if first is not None and not set(first) & set(newcomer):
        raise RuleViolation("other_section")
