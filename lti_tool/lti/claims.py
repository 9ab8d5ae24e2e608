"""Takes values out of claims that somebody else wrote: right type, bounded, clean, or absent."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

LONGEST_NAME = 255
LONGEST_EMAIL = 320
LONGEST_URL = 2000
MOST_CUSTOM, LONGEST_CUSTOM = 100, 4096
LOCALE = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8}){0,4}")
# Controls, lone surrogates, line separators, and the marks that turn the direction of what follows them.
UNSEEN = {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
TURNING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean(value: object, longest: int = LONGEST_NAME) -> str:
    """Return a text for people: NFC, without controls, in one line, cut to its length; "" for what is no text."""
    if not isinstance(value, str):
        return ""
    cut = value[: longest * 4]
    if cut.isascii() and cut.isprintable():
        return cut.strip()[:longest].strip()
    kept = "".join(
        " " if character in "\t\n\r\u2028\u2029" else character
        for character in cut
        if character in "\t\n\r\u2028\u2029"
        or (unicodedata.category(character) not in UNSEEN and character not in TURNING)
    )
    return unicodedata.normalize("NFC", " ".join(kept.split()))[:longest].strip()


def identifier(value: object, longest: int = LONGEST_NAME) -> str | None:
    """Return an id as it stands; None unless it is a short text without controls (PostgreSQL stores no NUL)."""
    if isinstance(value, str) and 0 < len(value) <= longest and value.isprintable():
        return value
    return None


def mapping(claims: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a claim that is an object; {} when it is absent or something else."""
    value = claims.get(name)
    return value if isinstance(value, dict) else {}


def email(value: object) -> str | None:
    """Return an address that has the look of one; None otherwise."""
    text = clean(value, LONGEST_EMAIL + 1)
    local, _, domain = text.rpartition("@")
    return text if local and domain and " " not in text and len(text) <= LONGEST_EMAIL else None


def web_address(value: object) -> str | None:
    """Return an http(s) address; None for anything else."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_URL:
        return None
    if not value.isascii() or not value.isprintable() or " " in value:
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    return value if parts.scheme in ("http", "https") and parts.hostname else None


def locale(value: object) -> str | None:
    """Return a language tag; None for anything else."""
    return value if isinstance(value, str) and LOCALE.fullmatch(value) else None


def custom(value: object) -> dict[str, str]:
    """Return the custom parameters that the LMS filled in; a value that still starts with `$` was not (canvas.md)."""
    found: dict[str, str] = {}
    for key, raw in value.items() if isinstance(value, dict) else ():
        text = _custom_text(raw)
        if text is not None and identifier(key) and not text.startswith("$") and len(found) < MOST_CUSTOM:
            found[key] = text
    return found


def _custom_text(raw: object) -> str | None:
    # Values are strings by the specification; Canvas sends some of its ids as numbers all the same.
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, int) and abs(raw) < 10**18:
        return str(raw)
    if isinstance(raw, str) and len(raw) <= LONGEST_CUSTOM:
        return clean(raw, LONGEST_CUSTOM)
    return None
