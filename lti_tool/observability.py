"""Structured logs, one JSON line an event, without people's data."""

import logging
import re
import sys
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, WrappedLogger

ROW = re.compile(r"^(DETAIL|CONTEXT):.*$", re.MULTILINE)
# What must never reach a log, whatever a caller passes.
PRIVATE = frozenset({"name", "email", "token", "id_token", "state", "secret", "password", "authorization", "cookie"})


def configure(level: str) -> None:
    """Send events at or above `level` to standard error as JSON lines."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            structlog.processors.format_exc_info,
            without_rows,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level)),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _StandardError())),
        cache_logger_on_first_use=False,
    )


def without_rows(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take out of an error's text what PostgreSQL adds to it: the values of the row that it refused."""
    if "exception" in event:
        event["exception"] = ROW.sub(r"\1 (left out)", str(event["exception"]))
    return event


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Blank every value whose key speaks of people or secrets."""
    for key in event.keys() & PRIVATE:
        event[key] = "…"
    return event


class _StandardError:
    """Today's sys.stderr at each write, so that a test or a daemon may replace it."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()
