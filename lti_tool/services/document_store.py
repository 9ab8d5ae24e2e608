"""The bytes of documents: a folder of this machine, or any place that fsspec reaches by a URL."""

import hashlib
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any

import fsspec
import structlog
from fsspec.core import url_to_fs

from lti_tool.domain.clock import now
from lti_tool.domain.documents import MEGABYTE
from lti_tool.domain.errors import NotFound, RuleViolation, StoreUnavailable, ToolError
from lti_tool.settings import Settings, SettingsError

log = structlog.get_logger(__name__)

BLOCK = 256 * 1024
KEY = re.compile(r"(\d{8}T\d{6})-[0-9a-f]{32}")
KEY_TIME = "%Y%m%dT%H%M%S"


@dataclass(frozen=True)
class Written:
    """What was stored: how many bytes, and their SHA-256."""

    size: int
    digest: str


class DocumentStore:
    """Keeps bytes under random keys that tell when they came; knows nothing of rows and people."""

    def __init__(self, filesystem: Any, root: str) -> None:
        self._fs = filesystem
        self._root = root.rstrip("/")

    def write(self, key: str, source: IO[bytes], most: int) -> Written:
        """Store what is read from `source`; raise RuleViolation for nothing or too much, StoreUnavailable.

        Whatever is raised, nothing stays under the key.
        """
        try:
            return self._copy(key, source, most)
        except ToolError:
            self.discard(key)
            raise
        except Exception as error:  # each kind of store has its own
            self.discard(key)
            raise StoreUnavailable("store_unavailable") from error

    def open(self, key: str) -> IO[bytes]:
        """Open what is stored under a key; raise NotFound when it is gone, StoreUnavailable."""
        try:
            opened: IO[bytes] = self._fs.open(self._path(key), "rb")
        except FileNotFoundError:
            raise NotFound("document_not_found") from None
        except Exception as error:
            raise StoreUnavailable("store_unavailable") from error
        return opened

    def discard(self, key: str) -> bool:
        """Delete what is stored under a key and say whether it is gone; what is not there is gone."""
        try:
            with suppress(FileNotFoundError):
                self._fs.rm_file(self._path(key))
        except Exception as error:
            log.warning("document not deleted", key=key, error=type(error).__name__)
            return False
        return True

    def keys_before(self, at: datetime) -> Iterator[str]:
        """Give the keys that came before a time; files with other names are none of ours."""
        try:
            paths = self._fs.ls(self._root, detail=False, refresh=True)
        except FileNotFoundError:
            return
        for path in paths:
            key = str(path).rpartition("/")[2]
            match = KEY.fullmatch(key)
            if match and datetime.strptime(match[1], KEY_TIME).replace(tzinfo=UTC) < at:
                yield key

    def _copy(self, key: str, source: IO[bytes], most: int) -> Written:
        size, digest = 0, hashlib.sha256()
        with self._create(self._path(key)) as target:
            while block := source.read(BLOCK):
                size += len(block)
                if size > most:
                    raise RuleViolation("document_too_large", limit=most // MEGABYTE)
                digest.update(block)
                target.write(block)
        if not size:
            raise RuleViolation("document_empty")
        return Written(size, digest.hexdigest())

    def _create(self, path: str) -> Any:
        try:
            return self._fs.open(path, "wb")
        except FileNotFoundError:  # the first file of all; object stores have no folders to make
            self._fs.makedirs(self._root, exist_ok=True)
            return self._fs.open(path, "wb")

    def _path(self, key: str) -> str:
        if not KEY.fullmatch(key):
            raise ValueError("no key of the document store")
        return f"{self._root}/{key}"


def new_key() -> str:
    """Return a key that nobody guesses and that says when it was made."""
    return f"{now().strftime(KEY_TIME)}-{secrets.token_hex(16)}"


def open_store(settings: Settings) -> DocumentStore:
    """Return the store that the settings name; raise SettingsError for a kind that is unknown or not installed."""
    try:
        filesystem, root = url_to_fs(settings.storage_url or str(settings.data_dir / "documents"))
    except (ImportError, ValueError) as error:
        kinds = "a folder, file://… or what an installed fsspec package serves, as s3://… with s3fs"
        raise SettingsError(f"LTI_TOOL_STORAGE_URL must be {kinds} ({type(error).__name__})") from None
    assert isinstance(filesystem, fsspec.AbstractFileSystem)
    return DocumentStore(filesystem, root)
