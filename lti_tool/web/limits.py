"""How often one person may do what others pay for: guess codes, send mails, have files read, and launch in a loop."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any, TypeVar, cast

from flask import Flask, current_app, request
from flask_limiter import Limiter
from limits.storage import Storage

from lti_tool.domain.clock import now
from lti_tool.lti.state import digest
from lti_tool.settings import Settings
from lti_tool.web.access import viewer

V = TypeVar("V", bound=Callable[..., object])
EXTENSION = "lti_tool_limiter"
MOST_WINDOWS = 100_000
REDIS_SECONDS = 1  # a slow Redis must not hold up launches


def _member() -> str:
    """Key by the person in the course, never by address: a whole campus comes from one."""
    return str(viewer().access_id)


def _login_hint() -> str:
    return digest(f"{(request.view_args or {})['registration_id']} {request.values.get('login_hint', '')}")


def _login_state() -> str:
    return digest(request.form.get("state", "") or str((request.view_args or {})["registration_id"]))


@dataclass(frozen=True)
class Rate:
    """So many times in such a time, all views of a scope together, for each key."""

    amount: str
    scope: str
    key: Callable[[], str] = _member
    methods: tuple[str, ...] = ("POST",)


# All numbers stand here. The first two only end loops: whoever invents hints or states is limited by nothing but cost.
LOGIN = Rate("300 per minute", "login", _login_hint, ("GET", "POST"))
LAUNCH = Rate("60 per minute", "launch", _login_state)
CODE = Rate("10 per minute; 60 per hour", "code")
JOIN = Rate("30 per minute", "join")
INVITE = Rate("20 per minute; 200 per hour", "invite")
IMPORT = Rate("10 per minute; 100 per hour", "import")
MESSAGE = Rate("30 per minute", "message")
DOCUMENT = Rate("20 per minute; 200 per hour", "document")


def limited(rate: Rate) -> Callable[[V], V]:
    """Declare how often one person may use a view; stands below `@requires`."""

    def mark(view: V) -> V:
        view.rate = rate  # type: ignore[attr-defined] # a mark on the function itself
        return view

    return mark


def register(app: Flask, settings: Settings) -> None:
    """Limit every view that declares a rate, by counts in Redis where the queue is there, else in this process."""
    in_redis = settings.queue_url.startswith("redis")
    limiter = Limiter(
        _member,
        storage_uri=settings.queue_url if in_redis else f"{ProcessWindows.SCHEME}://",
        storage_options={"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS} if in_redis else {},
        strategy="fixed-window",
        swallow_errors=True,  # without Redis people go on without limits
    )
    limiter.init_app(app)
    app.extensions[EXTENSION] = limiter
    for endpoint, view in app.view_functions.items():
        rate: Rate | None = getattr(view, "rate", None)
        if rate:
            limit: Any = limiter.shared_limit(rate.amount, rate.scope, key_func=rate.key, methods=list(rate.methods))
            app.view_functions[endpoint] = limit(view)


def seconds_to_wait() -> int:
    """Return after how many seconds the limit that was met by this request is open again."""
    limit = cast("Limiter", current_app.extensions[EXTENSION]).current_limit
    return max(1, ceil(limit.window.reset_time - now().timestamp())) if limit else 1


class ProcessWindows(Storage):
    """Counts in the memory of this process, in windows that begin with the first use.

    In place of the extension's own store, which starts a thread for nearly every count and can fail in it under load.
    """

    SCHEME = "process"
    STORAGE_SCHEME = [SCHEME]

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
