"""Invitations by which a platform registers itself: how long they live, and how one stands."""

from datetime import datetime, timedelta
from enum import StrEnum

from lti_tool.domain.errors import Forbidden, RuleViolation

DEFAULT_HOURS = 24
MOST_HOURS = 30 * 24


class LinkStatus(StrEnum):
    """How a registration link stands, as its list shows it."""

    OPEN = "open"
    USED = "used"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


def lifetime(hours: int) -> timedelta:
    """Return how long a link lives, a month at the most; raise RuleViolation("registration_link_hours")."""
    if not 1 <= hours <= MOST_HOURS:
        raise RuleViolation("registration_link_hours", limit=MOST_HOURS)
    return timedelta(hours=hours)


def link_status(
    *, expires_at: datetime, used_at: datetime | None, withdrawn_at: datetime | None, at: datetime
) -> LinkStatus:
    """Return how a link stands; that it was used or withdrawn says more than that it is over as well."""
    if used_at is not None:
        return LinkStatus.USED
    if withdrawn_at is not None:
        return LinkStatus.WITHDRAWN
    return LinkStatus.EXPIRED if at >= expires_at else LinkStatus.OPEN


def require_open(status: LinkStatus) -> None:
    """Raise Forbidden("registration_link_used" | "registration_link_withdrawn" | "registration_link_expired")."""
    if status is not LinkStatus.OPEN:
        raise Forbidden(f"registration_link_{status}")
