"""Group sets and groups: who owns what, what may change, and which names are free (seed 003)."""

import unicodedata
from collections.abc import Collection, Iterable
from enum import StrEnum
from itertools import count

from lti_tool.domain.errors import Forbidden, RuleViolation

NAME_LENGTH = 255
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
JOINERS = "\u200c\u200d"  # of Persian, Indic scripts and emoji
KEPT = frozenset(f"\n\t{JOINERS}")


class Connection(StrEnum):
    """What a group set is tied to for life; a set without a connection is local."""

    SYSTEM = "system"
    CANVAS = "canvas"
    MOODLE = "moodle"
    LTI = "lti"  # any other LMS, by the LTI services
    IMPORT = "import"


LMS_CONNECTIONS = frozenset({Connection.CANVAS, Connection.MOODLE, Connection.LTI})


def lms_connection(family: str) -> Connection:
    """Return what ties the roster and the sets of an LMS of this family to it."""
    return Connection(family) if family in (Connection.CANVAS, Connection.MOODLE) else Connection.LTI


class Origin(StrEnum):
    """Who owns a group; only local groups may be changed here."""

    SYSTEM = "system"
    LMS = "lms"
    LOCAL = "local"


def team_source(origin: Origin, family: str) -> str | None:
    """Return where a student's team comes from: the LMS's name, "manual", or None for a group of the roster (C3)."""
    return {Origin.LMS: str(lms_connection(family)), Origin.LOCAL: "manual"}.get(origin)


class Editor(StrEnum):
    """Who changes a set when people edit it: the tool in its store, or the LMS by its answer to what is asked of it."""

    TOOL = "tool"
    LMS = "lms"


def editor_of(connection: Connection | None, *, may_write: bool = False) -> Editor | None:
    """Return who changes a set, None when nobody does here; `may_write`: the LMS lets us write its groups."""
    if connection in (None, Connection.IMPORT):
        return Editor.TOOL
    return Editor.LMS if connection in LMS_CONNECTIONS and may_write else None


def set_is_editable(connection: Connection | None) -> bool:
    """Say whether the set belongs to the tool: people rename it here and change which groups it has."""
    return editor_of(connection) is Editor.TOOL


def group_is_editable(origin: Origin) -> bool:
    """Say whether people may rename the group and change who is in it; which sets hold it plays no part."""
    return editor_of_group(origin) is Editor.TOOL


def editor_of_group(origin: Origin) -> Editor | None:
    """Return who changes a group; people do it through a set that the same one changes."""
    return {Origin.LOCAL: Editor.TOOL, Origin.LMS: Editor.LMS}.get(origin)


def require_editable_set(
    connection: Connection | None, by: Collection[Editor] = (Editor.TOOL,), *, may_write: bool = False
) -> None:
    """Raise Forbidden unless one of these changes the set, which by itself is the tool."""
    if editor_of(connection, may_write=may_write) not in by:
        raise Forbidden("set_not_editable", connection=connection)


def require_editable_group(origin: Origin) -> None:
    """Raise Forbidden unless the group belongs to the tool."""
    if not group_is_editable(origin):
        raise Forbidden("group_not_editable", origin=origin)


def clean_text(text: str) -> str:
    """Return a typed text without characters that nobody sees; line breaks stay, and the joiners that scripts need."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(c for c in composed if not _is_unseen(c)).strip()


def first_unseen(text: str) -> str | None:
    """Return the first character of a text that nobody sees, which `clean_text` would leave out, as "U+200B"."""
    return next((f"U+{ord(c):04X}" for c in text if _is_unseen(c)), None)


def _is_unseen(character: str) -> bool:
    return character not in KEPT and unicodedata.category(character) in UNSEEN


def is_blank(text: str) -> bool:
    """Say whether a text has nothing but blanks, and joiners that join nothing."""
    return not text.strip().strip(JOINERS)


def clean_name(name: str) -> str:
    """Return a typed name with its blanks tidied; raise RuleViolation when nothing or too much is left."""
    tidy = " ".join(clean_text(name).split())
    if is_blank(tidy):
        raise RuleViolation("name_required")
    if len(tidy) > NAME_LENGTH:
        raise RuleViolation("name_too_long", limit=NAME_LENGTH)
    return tidy


def require_free_name(name: str, taken: Collection[str]) -> None:
    """Raise RuleViolation when another group (or set) of the same scope bears the name already.

    Compared without case, because Moodle on some databases and people everywhere take "team 1" for "Team 1".
    """
    if name.casefold() in {other.casefold() for other in taken}:
        raise RuleViolation("name_taken", name=name)


def numbered_names(base: str, count: int, taken: Collection[str]) -> list[str]:
    """Return `count` free names "base-1", "base-2", …, skipping numbers in use; a single group keeps `base`."""
    if count == 1:
        require_free_name(base, taken)
        return [base]
    in_use = {other.casefold() for other in taken}
    names: list[str] = []
    number = 1
    while len(names) < count:
        name = f"{base}-{number}"
        if name.casefold() not in in_use:
            names.append(name)
        number += 1
    return names


def copy_name(name: str, taken: Collection[str]) -> str:
    """Return a free name for a copy: "name (copy)", "name (copy 2)", …; a long name is shortened to fit."""
    return _ended(name, (f" (copy {number})" if number > 1 else " (copy)" for number in count(1)), taken)


def free_name(name: str, taken: Collection[str]) -> str:
    """Return a name as it is if it is free, else "name (2)", "name (3)", …; a long name is shortened to fit."""
    return _ended(name, (f" ({number})" if number > 1 else "" for number in count(1)), taken)


def _ended(name: str, endings: Iterable[str], taken: Collection[str]) -> str:
    in_use = {other.casefold() for other in taken}
    names = (name[: NAME_LENGTH - len(ending)].rstrip() + ending for ending in endings)
    return next(free for free in names if free.casefold() not in in_use)
