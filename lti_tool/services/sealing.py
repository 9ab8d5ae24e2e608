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
    return _cipher(settings).encrypt(text.encode())


def unseal(settings: Settings, sealed: bytes) -> str:
    """Return what was sealed; raise UnsealError when SECRET_KEY changed since."""
    try:
        return _cipher(settings).decrypt(sealed).decode()
    except InvalidToken:
        raise UnsealError from None


def _cipher(settings: Settings) -> Fernet:
    derived = HKDF(hashes.SHA256(), length=32, salt=None, info=b"lti-groups service tokens")
    return Fernet(base64.urlsafe_b64encode(derived.derive(settings.secret_key.encode())))
