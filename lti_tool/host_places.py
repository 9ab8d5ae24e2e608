"""Places that all processes of one machine share: whoever holds a file's lock has one, and the kernel takes it back."""

import fcntl
import os
import time
from hashlib import blake2b
from pathlib import Path
from secrets import randbelow

import structlog

log = structlog.get_logger(__name__)

WAIT_SECONDS = 0.02  # between two looks for a free place, with chance around it


class HostPlaces:
    """The places of one installation, in a folder that its processes on this machine have in common.

    `key` (the installation's secret) keeps the names of the files from telling anything of the accesses.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        self._key = blake2b(key.encode()).digest()
        self._was_told = False

    def take(self, name: str, count: int) -> int | None:
        """Wait for one of the `count` places of a name and return it; None where no file can be made or locked.

        A process that ends in whatever way has none any more.
        """
        stem = str(self.folder / blake2b(name.encode(), key=self._key, digest_size=16).hexdigest())
        try:
            while True:
                for number in range(count):
                    if (place := self._try(f"{stem}.{number}")) is not None:
                        return place
                time.sleep(WAIT_SECONDS * (0.5 + randbelow(1001) / 1000))
        except OSError as error:
            if not self._was_told:
                self._was_told = True
                log.warning("places are counted in each process by itself", reason=error.strerror)
            return None

    def leave(self, place: int | None) -> None:
        """Give a place back."""
        if place is not None:
            fcntl.flock(place, fcntl.LOCK_UN)  # closing alone would not do: a process forked meanwhile holds it too
            os.close(place)

    def problem(self) -> str | None:
        """Return why the places cannot be shared here, None when they can."""
        try:
            place = self._try(str(self.folder / "check"))
        except OSError as error:
            return error.strerror or type(error).__name__
        self.leave(place)
        return None

    def _try(self, path: str) -> int | None:
        """Return an open file whose lock is ours, None when somebody else has it."""
        try:
            place = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:
            self.folder.mkdir(parents=True, exist_ok=True)
            place = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(place)
            if isinstance(error, BlockingIOError):
                return None
            raise
        return place
