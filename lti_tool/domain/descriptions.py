"""Compares descriptions, which an LMS gives back in a form of its own: as HTML, escaped, with other blanks."""

import re
from html import unescape

TAG = re.compile(r"<[^<>]*>")


def plain(description: str) -> str:
    """Return what people read of a description: no tags, no entities, single blanks."""
    return " ".join(unescape(TAG.sub(" ", description)).split())


def same_text(one: str, other: str) -> bool:
    """Say whether two descriptions read the same, however each is marked up and spaced."""
    return one == other or _letters(one) == _letters(other)


def _letters(description: str) -> str:
    return "".join(unescape(TAG.sub("", description)).split())
