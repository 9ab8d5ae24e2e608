"""Codes and links by which people come into a group: how they look, and when they still work (seed 002)."""

import secrets
import string
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

CODE_LENGTH = 12
CODE_LETTERS = string.ascii_uppercase + string.digits


class InviteStatus(StrEnum):
    """How a custom link stands, as its list shows it."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    EXPIRED = "expired"
    USED_UP = "used_up"


@dataclass(frozen=True)
class InviteState:
    """What decides whether a link works."""

    is_active: bool
    expires_at: datetime | None = None
    max_uses: int | None = None
    uses_count: int = 0

    def status(self, at: datetime) -> InviteStatus:
        """Return how the link stands: deactivated counts first, then expiry, then the limit (TEAM-53)."""
        if not self.is_active:
            return InviteStatus.INACTIVE
        if self.expires_at is not None and at >= self.expires_at:
            return InviteStatus.EXPIRED
        if self.max_uses is not None and self.uses_count >= self.max_uses:
            return InviteStatus.USED_UP
        return InviteStatus.ACTIVE

    def can_be_used(self, at: datetime) -> bool:
        """Say whether somebody may still come in by the link."""
        return self.status(at) is InviteStatus.ACTIVE


def new_code() -> str:
    """Return a new quick code: 12 capital letters and digits from a cryptographic source (TEAM-37, TEAM-38)."""
    return "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH))


def typed_code(text: str) -> str:
    """Return a code without what people and pages put around and into it; the case stays (ruling C26)."""
    return "".join(text.replace("-", "").split())


def is_code(text: str) -> bool:
    """Say whether this can be a code at all: exactly 12 characters of its alphabet."""
    return len(text) == CODE_LENGTH and all(letter in CODE_LETTERS for letter in text)
