"""Encrypts what must not be read from the store: secrets and tokens of LMSs, with a key from SECRET_KEY."""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lti_tool.settings import Settings


class UnsealError(Exception):
    """What was sealed cannot be read: SECRET_KEY changed since."""


def seal(settings: Settings, text: str) -> bytes:
    """Return a text encrypted."""
    return _cipher(settings.secret_key).encrypt(text.encode())


def unseal(settings: Settings, sealed: bytes) -> str:
    """Return what was sealed with the key, or with the one before while that is set; raise UnsealError for neither."""
    for key in filter(None, (settings.secret_key, settings.old_secret_key)):
        try:
            return _cipher(key).decrypt(sealed).decode()
        except InvalidToken:
            continue
    raise UnsealError


def is_sealed_now(settings: Settings, sealed: bytes) -> bool:
    """Say whether the present key alone reads what was sealed."""
    try:
        _cipher(settings.secret_key).decrypt(sealed)
    except InvalidToken:
        return False
    return True


def _cipher(key: str) -> Fernet:
    derived = HKDF(hashes.SHA256(), length=32, salt=None, info=b"lti-groups service tokens")
    return Fernet(base64.urlsafe_b64encode(derived.derive(key.encode())))
