"""Keeps the calls of one access to one host within bounds, however many courses this machine works on at once."""

import threading
from weakref import WeakValueDictionary

from lti_tool.host_places import HostPlaces

# Canvas refuses a token about twelve calls at once and advises no more than four (canvas.md section 9).
PLACES = 4


class Lane:
    """The places of one access: whoever enters holds one until the answer is there.

    A thread waits for the others of its process first, and then, where `shared` says so, for those of other processes.
    """

    def __init__(self, name: str = "", shared: HostPlaces | None = None) -> None:
        self._name = name
        self._shared = shared
        self._taken: list[int | None] = []
        self._places = threading.BoundedSemaphore(PLACES)
        self._lock = threading.Lock()
        self._rest = 0.0

    def __enter__(self) -> None:
        """Wait for a place."""
        self._places.acquire()
        if self._shared:
            try:
                self._taken.append(self._shared.take(self._name, PLACES))
            except BaseException:
                self._places.release()
                raise

    def __exit__(self, *_: object) -> None:
        if self._shared:
            self._shared.leave(self._taken.pop())
        self._places.release()

    def ask_rest(self, seconds: float) -> None:
        """Have the next call of this access wait before it is made."""
        with self._lock:
            self._rest = max(self._rest, seconds)

    def take_rest(self) -> float:
        """Return the seconds to wait now; one call waits for all."""
        with self._lock:
            rest, self._rest = self._rest, 0.0
        return rest


_lanes: "WeakValueDictionary[tuple[HostPlaces | None, str, str], Lane]" = WeakValueDictionary()
_lock = threading.Lock()


def lane_of(host: str, access: str, shared: HostPlaces | None = None) -> Lane:
    """Return the lane of an access (its token, or its client id) to a host; it lives while somebody holds it."""
    with _lock:
        lane = _lanes.get((shared, host, access))
        if lane is None:
            lane = _lanes[shared, host, access] = Lane(f"{host}\n{access}", shared)
    return lane
