"""The tool's signing keys: RSA files in one folder, all published, the newest signing."""

import contextlib
import hashlib
import json
import os
import re
import secrets
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from lti_tool.domain.clock import now
from lti_tool.domain.errors import RuleViolation

KEY_BITS = 2048
TIMESTAMP = "%Y%m%dT%H%M%S%fZ"
KEY_FILE = re.compile(r"(?P<created>\d{8}T\d{12}Z)-(?P<kid>[0-9a-f]{32})\.pem")


@dataclass(frozen=True)
class KeyFile:
    """One key in the folder."""

    kid: str
    created_at: datetime
    path: Path


def new_key(folder: Path) -> str:
    """Make an RSA key in the folder, readable by its owner only, and return its kid."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    kid = _kid(key.public_key())
    _write(folder, f"{now():{TIMESTAMP}}-{kid}.pem", pem)
    return kid


def _kid(key: rsa.RSAPublicKey) -> str:
    shape = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key.public_bytes(serialization.Encoding.DER, shape)).hexdigest()[:32]


def _write(folder: Path, name: str, content: bytes) -> None:
    """Store a file so that a reader sees all of it or nothing."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f".{secrets.token_hex(8)}"
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(folder / name)
    finally:
        draft.unlink(missing_ok=True)


def list_keys(folder: Path) -> list[KeyFile]:
    """Return the keys in the folder, the newest first; files of other names are not keys."""
    found = []
    for path in folder.glob("*.pem"):
        if match := KEY_FILE.fullmatch(path.name):
            created_at = datetime.strptime(match["created"], TIMESTAMP).replace(tzinfo=UTC)
            found.append(KeyFile(match["kid"], created_at, path))
    return sorted(found, key=lambda key: (key.created_at, key.kid), reverse=True)


def retire_key(folder: Path, kid: str) -> None:
    """Remove an old key; raise RuleViolation("key_unknown"), or ("key_newest") for the one that signs."""
    keys = list_keys(folder)
    found = next((key for key in keys if key.kid == kid), None)
    if found is None:
        raise RuleViolation("key_unknown", kid=kid)
    if found is keys[0]:
        raise RuleViolation("key_newest", kid=kid)
    found.path.unlink()


class KeyRing:
    """The keys of a folder in memory: loading one costs 40 ms, so files are read again only when the folder changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._seen: frozenset[tuple[str, int, int]] | None = None
        self._keys: dict[str, rsa.RSAPrivateKey] = {}  # by kid, the newest first
        self._key_set: dict[str, Any] = {"keys": []}

    def public_key_set(self) -> dict[str, Any]:
        """Return the JWKS of every key in the folder (none: an empty one); Security Framework 1.0, 6.3."""
        self._refresh()
        return self._key_set

    def sign(self, claims: dict[str, object]) -> str:
        """Return the claims as an RS256 token of the newest key; raise RuleViolation("no_signing_key")."""
        self._refresh()
        for kid, key in self._keys.items():
            return jwt.encode(claims, key, algorithm="RS256", headers={"kid": kid})
        raise RuleViolation("no_signing_key", folder=str(self._folder))

    def _refresh(self) -> None:
        with self._lock:
            seen = self._look()
            if seen == self._seen:
                return
            self._keys = {file.kid: _load(file) for file in list_keys(self._folder)}
            self._key_set = {"keys": [_jwk(kid, key.public_key()) for kid, key in self._keys.items()]}
            self._seen = seen

    def _look(self) -> frozenset[tuple[str, int, int]]:
        found = set()
        with contextlib.suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            for entry in entries:
                status = entry.stat()
                found.add((entry.name, status.st_mtime_ns, status.st_size))
        return frozenset(found)


def _load(file: KeyFile) -> rsa.RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(file.path.read_bytes(), password=None)
    except (ValueError, TypeError):
        raise RuleViolation("key_unreadable", file=file.path.name) from None
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < KEY_BITS:
        raise RuleViolation("key_unreadable", file=file.path.name)
    return key


def _jwk(kid: str, key: rsa.RSAPublicKey) -> dict[str, str]:
    public = json.loads(RSAAlgorithm.to_jwk(key))
    return {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": kid, "n": public["n"], "e": public["e"]}
