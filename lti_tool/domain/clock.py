"""The one clock: every time in the product is an aware UTC time from here."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present time, aware, in UTC."""
    return datetime.now(UTC)


def from_store(value: datetime) -> datetime:
    """Return a stored time as aware UTC; SQLite hands back naive values that were written as UTC."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
