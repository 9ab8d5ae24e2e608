"""Structured logs, one JSON line an event, and the counts of a server's answers; both without people's data."""

import logging
import mmap
import os
import re
import sys
import threading
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


class AnswerCounts:
    """How many requests were answered, by what was asked and how; one count over all processes of a server.

    The memory is shared with the processes that are forked from the one that made it. Each counts in a place of its
    own, so none waits for another, and one that is killed leaves its numbers behind and no lock.
    """

    ABOUT = ("launch", "other")
    PLACES = 64  # two processes that share one may lose a count now and then
    CLASSES = 6  # the first digit of a status; 0 is none

    def __init__(self) -> None:
        self._row = len(self.ABOUT) * self.CLASSES
        self._counts = memoryview(mmap.mmap(-1, self.PLACES * self._row * 8)).cast("Q")
        self._lock = threading.Lock()

    def note(self, about: str, status: int) -> None:
        """Count one answer."""
        place = os.getpid() % self.PLACES * self._row + self.ABOUT.index(about) * self.CLASSES + status // 100
        with self._lock:
            self._counts[place] += 1

    def read(self) -> dict[tuple[str, str], int]:
        """Return the counts of all processes by what was asked and the class of the status, as "2xx"."""
        return {
            (about, f"{digit}xx"): sum(self._counts[number * self.CLASSES + digit :: self._row])
            for number, about in enumerate(self.ABOUT)
            for digit in range(1, self.CLASSES)
        }
