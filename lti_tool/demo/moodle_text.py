"""Moodle's ways with text: escaping of names in answers, and which names it refuses."""

import html
import re

_LONE_AMPERSAND = re.compile(r"&(?![a-zA-Z0-9#]{1,8};)")


def escaped(text: str) -> str:
    """Return a name as ``format_string`` gives it out: an entity that is already there stays."""
    return _LONE_AMPERSAND.sub("&amp;", text).replace("<", "&lt;").replace(">", "&gt;")


def has_tags(text: str) -> bool:
    """Tell whether Moodle would take something away from this text: a ``<`` with anything at its heels."""
    return re.search(r"<\S", text) is not None


def plain(text: str) -> str:
    """Return a text without entities, for pages that escape by themselves."""
    return html.unescape(text)
