"""Carries the calls of one access to one LMS: authorisation, counting, and patience with bounds."""

import random as randomness
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, TypedDict, Unpack

from lti_tool.domain.errors import LmsUnavailable
from lti_tool.lms.lanes import Lane, lane_of
from lti_tool.outbound import Answer, Outbound, host_of

Params = Iterable[tuple[str, Any]]
Form = list[tuple[str, Any]]
Sleep = Callable[[float], None]

MAX_TRIES = 5
# No call, with all its tries and pauses, may hold up a job for longer than this.
TOTAL_SECONDS = 120.0
READ_SECONDS = 30.0
LONGEST_PAUSE = 30.0
# Canvas lets 10 units flow off per second and refuses at 0 (canvas.md section 9).
LOW_RATE = 150.0
RATE_PER_SECOND = 10.0
LONGEST_REST = 5.0


class CallOptions(TypedDict, total=False):
    """What a call takes besides its address; see `Outbound.request`."""

    params: Params | None
    data: Form | bytes | None
    headers: Mapping[str, str] | None
    read_seconds: float


class Repeat(Enum):
    """Whether a call may be made again when nobody knows if the first one was carried out.

    READING: it changes nothing. SAFE: done twice it ends in the same state. UNSAFE: it would do its work twice.
    """

    READING = "reading"
    SAFE = "safe"
    UNSAFE = "unsafe"


class LmsHttp:
    """One access to one LMS over the outbound door; safe to share between the threads of a parallel read.

    `access`: whose calls the LMS counts together, a token or a client id. All that have the same share its lane.
    """

    def __init__(
        self,
        outbound: Outbound,
        *,
        access: str,
        headers: Mapping[str, str] | None = None,
        sleep: Sleep = time.sleep,
        random: Callable[[], float] = randomness.random,
    ) -> None:
        self._outbound = outbound
        self._access = access
        self._headers = dict(headers or {})
        self._sleep = sleep
        self._random = random
        self._lock = threading.Lock()
        self._calls = 0
        self._has_written = False
        self._lanes: dict[str, Lane] = {}

    @property
    def calls(self) -> int:
        """Return how many calls were made, retries and polls too."""
        return self._calls

    @property
    def has_written(self) -> bool:
        """Say whether a call was begun that does more than reading."""
        return self._has_written

    def pause(self, seconds: float) -> None:
        """Wait between two polls."""
        self._sleep(seconds)

    def send(self, method: str, url: str, *, repeat: Repeat, **options: Unpack[CallOptions]) -> Answer:
        """Make one call, again while the LMS throttles and, if it is safe, while it fails; return the answer.

        The answer is of status 2xx, 3xx or 4xx: reading a refusal is the adapter's part. Raise LmsUnavailable
        with the codes lms_timeout, lms_unreachable, lms_failed (5xx), lms_throttled, lms_not_json (a page of a
        proxy), each with `host`; see canvas.md section 9 for the throttling.
        """
        options["headers"] = {**self._headers, **(options.get("headers") or {})}
        options.setdefault("read_seconds", READ_SECONDS)
        self._has_written = self._has_written or repeat is not Repeat.READING
        lane = self._lane(host_of(url))
        started = time.monotonic()
        for number in range(1, MAX_TRIES + 1):
            self._count()
            self._rest(lane)
            answer: Answer | None = None
            try:
                with lane:
                    answer = self._outbound.request(method, url, **options)
                error = _failure(answer)
            except LmsUnavailable as failure:
                error = failure
            if answer is not None and error is None:
                _note_rate(lane, answer)
                return answer
            pause = self._pause_after(number, answer)
            late = time.monotonic() - started + pause > TOTAL_SECONDS
            may_repeat = repeat is not Repeat.UNSAFE or (error is not None and error.code == "lms_throttled")
            if error is not None and (number == MAX_TRIES or late or not may_repeat):
                raise error
            self._sleep(pause)
        raise AssertionError("unreachable")  # pragma: no cover

    def _count(self) -> None:
        with self._lock:
            self._calls += 1

    def _lane(self, host: str) -> Lane:
        # Held for as long as this access lives: a lane that nobody holds is forgotten.
        with self._lock:
            return self._lanes.setdefault(host, lane_of(host, self._access, self._outbound.places))

    def _rest(self, lane: Lane) -> None:
        if rest := lane.take_rest():
            self._sleep(rest)

    def _pause_after(self, number: int, answer: Answer | None) -> float:
        """Return 1, 2, 4 … seconds with jitter, or what the LMS asked for."""
        asked = _number(answer.headers.get("Retry-After")) if answer else None
        backoff = min(2.0 ** (number - 1), LONGEST_PAUSE)
        return max(asked or 0.0, backoff * (0.5 + self._random() / 2))


def _note_rate(lane: Lane, answer: Answer) -> None:
    remaining = _number(answer.headers.get("X-Rate-Limit-Remaining"))
    if answer.ok and remaining is not None and remaining < LOW_RATE:
        lane.ask_rest(min((LOW_RATE - remaining) / RATE_PER_SECOND, LONGEST_REST))


def _failure(answer: Answer) -> LmsUnavailable | None:
    host = host_of(answer.url)
    if _is_throttled(answer):
        return LmsUnavailable("lms_throttled", host=host, status=answer.status)
    if answer.status >= 500:
        return LmsUnavailable("lms_failed", host=host, status=answer.status)
    if answer.ok and is_page(answer):
        return LmsUnavailable("lms_not_json", host=host, status=answer.status)
    return None


def _is_throttled(answer: Answer) -> bool:
    # Canvas says "too many" with a 403 as well; only text and header tell it from a missing right.
    if answer.status != 403:
        return answer.status == 429
    remaining = _number(answer.headers.get("X-Rate-Limit-Remaining"))
    return "Rate Limit Exceeded" in answer.text or (remaining is not None and remaining <= 0)


def is_page(answer: Answer) -> bool:
    """Say whether the body is HTML; the Content-Type may lie (Moodle labels JSON as a page)."""
    start = answer.body[:200].lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html"))


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
