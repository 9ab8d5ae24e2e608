"""Keeps the calls of one access to one host within bounds, however many courses this process works on at once."""

import threading
from weakref import WeakValueDictionary

# Canvas refuses a token about twelve calls at once and advises no more than four (canvas.md section 9).
PLACES = 4


class Lane:
    """The places of one access: whoever enters holds one until the answer is there."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(PLACES)
        self._lock = threading.Lock()
        self._rest = 0.0

    def __enter__(self) -> None:
        """Wait for a place."""
        self._places.acquire()

    def __exit__(self, *_: object) -> None:
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


_lanes: "WeakValueDictionary[tuple[str, str], Lane]" = WeakValueDictionary()
_lock = threading.Lock()


def lane_of(host: str, access: str) -> Lane:
    """Return the lane of an access (its token, or its client id) to a host; it lives while somebody holds it."""
    with _lock:
        lane = _lanes.get((host, access))
        if lane is None:
            lane = _lanes[host, access] = Lane()
    return lane
