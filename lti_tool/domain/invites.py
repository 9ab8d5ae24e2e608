"""Codes and links by which people come into a group: how they look, and when they still work (seed 002)."""

import base64
import binascii
import re
import secrets
import string
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from lti_tool.domain.errors import RuleViolation

CODE_LENGTH = 12
CODE_LETTERS = string.ascii_uppercase + string.digits
LINK_CODE_LENGTH = 26
LINK = re.compile(r"/invite/([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})")


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


def read_code(text: str) -> str:
    """Return a code as it was typed, without the blanks around it; raise RuleViolation when it can be none.

    The case counts (ruling C26: only the form's script makes capitals of what is typed).
    """
    code = text.strip()
    if len(code) != CODE_LENGTH:
        raise RuleViolation("code_length", limit=CODE_LENGTH)
    if not all(letter in CODE_LETTERS for letter in code):
        raise RuleViolation("code_letters")
    return code


def link_code(token: UUID) -> str:
    """Return an invite link as a code to type where no link can be followed: 26 letters and digits, base32.

    It stands for the link, with its end and its limit, and not for the group, as a quick code does (ruling C7).
    """
    return base64.b32encode(token.bytes).decode().rstrip("=")


def find_token(text: str) -> UUID | None:
    """Return the token of an invite link that somebody pasted, or of its code; None for anything else."""
    found = LINK.search(text)
    return UUID(found[1]) if found else _read_link_code(text.strip())


def _read_link_code(code: str) -> UUID | None:
    if len(code) != LINK_CODE_LENGTH:
        return None
    try:
        token = UUID(bytes=base64.b32decode(f"{code}======"))
    except (binascii.Error, ValueError):
        return None
    return token if link_code(token) == code else None
