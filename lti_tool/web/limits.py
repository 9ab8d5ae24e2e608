"""How often one person may do what others pay for: guess codes, send mails, have files read, and launch in a loop."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from math import ceil
from typing import Any, TypeVar, cast

import structlog
from flask import Flask, request
from limits import RateLimitItem, parse_many
from limits.errors import StorageError
from limits.storage import Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from lti_tool.domain.clock import now
from lti_tool.domain.errors import TooOften
from lti_tool.lti.state import digest
from lti_tool.settings import Settings
from lti_tool.web.access import administrator, viewer

log = structlog.get_logger(__name__)
V = TypeVar("V", bound=Callable[..., object])
MOST_WINDOWS = 100_000
REDIS_SECONDS = 1  # a slow Redis must not hold up launches


def _member() -> str:
    """Key by the person in the course, never by address: a whole campus comes from one."""
    return str(viewer().access_id)


def _platform() -> str:
    """Key by the platform of an administrator: it calls anybody so."""
    return str(administrator().registration_id)


def _login_state() -> str:
    return digest(request.form.get("state", "") or str((request.view_args or {})["registration_id"]))


def _registration_link() -> str:
    return digest(request.form.get("token", ""))


@dataclass(frozen=True)
class Rate:
    """So many times in such a time, all views of a scope together, for each key."""

    amount: str
    scope: str
    key: Callable[[], str] = _member
    methods: tuple[str, ...] = ("POST",)


# All numbers stand here. A login is not counted: it stores nothing, and whose it is nobody has proved yet, so that a
# stranger could use up somebody's share. That of a launch only ends loops: states can be had without end.
LAUNCH = Rate("60 per minute", "launch", _login_state)
REGISTER = Rate("10 per minute", "register", _registration_link)  # each try makes two calls to another machine
CODE = Rate("10 per minute; 60 per hour", "code")
JOIN = Rate("30 per minute", "join")
INVITE = Rate("20 per minute; 200 per hour", "invite")
IMPORT = Rate("10 per minute; 100 per hour", "import")
MESSAGE = Rate("30 per minute", "message")
DOCUMENT = Rate("20 per minute; 200 per hour", "document")
ASK = Rate("30 per minute", "ask", methods=("GET",))  # the page of the connection asks the LMS where it is told to
DOCTOR = Rate("6 per minute; 60 per hour", "doctor", _platform)  # a slow platform holds up a place for all


def limited(rate: Rate) -> Callable[[V], V]:
    """Declare how often one person may use a view; stands below `@requires`."""

    def mark(view: V) -> V:
        view.rate = rate  # type: ignore[attr-defined] # a mark on the function itself
        return view

    return mark


def register(app: Flask, settings: Settings) -> None:
    """Limit every view that declares a rate, by counts in Redis where the queue is there, else in this process."""
    if settings.queue_url.startswith("redis"):
        waits = {"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS}
        storage = storage_from_string(settings.queue_url, wrap_exceptions=True, **waits)
    else:
        storage = ProcessWindows()
    windows = FixedWindowRateLimiter(storage)
    for endpoint, view in app.view_functions.items():
        if rate := getattr(view, "rate", None):
            app.view_functions[endpoint] = _counted(windows, rate, view)


def _counted(windows: FixedWindowRateLimiter, rate: Rate, view: V) -> V:
    items = parse_many(rate.amount)

    @wraps(view)
    def counted(*args: Any, **kwargs: Any) -> object:
        if request.method in rate.methods:
            _count(windows, items, rate.scope, rate.key())
        return view(*args, **kwargs)

    return cast("V", counted)


def _count(windows: FixedWindowRateLimiter, items: list[RateLimitItem], *key: str) -> None:
    try:
        full = next((item for item in items if not windows.hit(item, *key)), None)
        until = windows.get_window_stats(full, *key).reset_time if full else 0
    except StorageError:
        log.warning("limits_not_counted")  # without Redis people go on without limits
        return
    if full:
        seconds = max(1, ceil(until - now().timestamp()))
        raise TooOften("too_often", seconds=seconds, minutes=ceil(seconds / 60))


class ProcessWindows(Storage):
    """Counts in the memory of this process, in windows that begin with the first use.

    In place of the library's own store, which starts a thread for nearly every count and can fail in it under load.
    """

    STORAGE_SCHEME = ["process"]

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: object) -> None:
        super().__init__(uri, wrap_exceptions)
        self._windows: dict[str, tuple[int, float]] = {}  # count and end, the first begun first
        self._lock = threading.Lock()

    @property
    def base_exceptions(self) -> type[Exception]:
        """Return what a failure of this store would be: none is known."""
        return MemoryError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count in the key's window, or in a new one that ends in `expiry` seconds; return the count."""
        present = now().timestamp()
        with self._lock:
            count, end = self._windows.get(key, (0, 0.0))
            if end <= present:
                self._windows.pop(key, None)
                self._make_room(present)
                count, end = 0, present + expiry
            self._windows[key] = (count + amount, end)
        return count + amount

    def _make_room(self, present: float) -> None:
        if len(self._windows) < MOST_WINDOWS:
            return
        self._windows = {key: window for key, window in self._windows.items() if window[1] > present}
        for key in list(self._windows)[: len(self._windows) // 2] if len(self._windows) >= MOST_WINDOWS else ():
            del self._windows[key]

    def get(self, key: str) -> int:
        """Return the count of a key's window; 0 when it has ended."""
        count, end = self._windows.get(key, (0, 0.0))
        return count if end > now().timestamp() else 0

    def get_expiry(self, key: str) -> float:
        """Return when a key's window ends, in seconds since 1970."""
        return self._windows.get(key, (0, now().timestamp()))[1]

    def check(self) -> bool:
        """Say that memory is always there."""
        return True

    def reset(self) -> int:
        """Forget all counts; return how many there were."""
        with self._lock:
            count = len(self._windows)
            self._windows.clear()
        return count

    def clear(self, key: str) -> None:
        """Forget one count."""
        with self._lock:
            self._windows.pop(key, None)
