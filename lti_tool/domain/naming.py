"""Names that the tool makes for groups of one person (seed 003, "Group Naming Specification")."""

import re
import unicodedata
from collections.abc import Sequence
from itertools import count
from uuid import UUID

SUFFIX_LENGTH = 4  # characters of a member's id that tell namesakes apart
LONGEST = 200  # of a name without its suffix, so that both fit where names are stored
NAMELESS = "member"  # for names without a letter that ASCII knows
APOSTROPHES = re.compile("['’‘ʼ`´]")
FOREIGN = re.compile("[^a-z0-9]+")
# Letters that Unicode does not take apart into a plain letter and a mark; every other one counts as foreign.
PLAIN = str.maketrans({"ø": "o", "ß": "ss", "ł": "l", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})


def slug(text: str) -> str:
    """Return a text as lower-case ASCII letters and digits, with "_" for each run of anything else."""
    parts = unicodedata.normalize("NFD", text.lower())
    plain = "".join(letter for letter in parts if not unicodedata.combining(letter)).translate(PLAIN)
    return FOREIGN.sub("_", APOSTROPHES.sub("", plain)).strip("_")


def person_slug(name: str) -> str:
    """Return the first and the last word of a name as a slug; "Last, First" is turned round before.

    Empty for a name in which nothing is left.
    """
    last, comma, first = name.partition(",")
    words = (f"{first} {last}" if comma else name).split()
    return slug(" ".join(words if len(words) < 2 else (words[0], words[-1])))[:LONGEST].rstrip("_")


def name_each(people: Sequence[tuple[UUID, str]]) -> dict[UUID, str]:
    """Return a name for the group of each person, no two alike; `people`: (member id, name) in roster order.

    The first of several namesakes keeps the plain name, the others get the end of their id, as much as it takes.
    """
    names: dict[UUID, str] = {}
    taken: set[str] = set()
    slugs = {member_id: person_slug(name) for member_id, name in people}
    for member_id, plain in slugs.items():
        if plain and plain not in taken:
            names[member_id] = plain
            taken.add(plain)
    for member_id, plain in slugs.items():
        if member_id not in names:
            names[member_id] = _told_apart(plain or NAMELESS, member_id, taken)
            taken.add(names[member_id])
    return names


def _told_apart(base: str, member_id: UUID, taken: set[str]) -> str:
    # Repeated beyond its length, the id has an end for everybody, even when somebody is called like another's.
    ends = ((member_id.hex * length)[-length:] for length in count(SUFFIX_LENGTH))
    return next(name for end in ends if (name := f"{base}_{end}") not in taken)
