"""Names of groups, made and typed ones (seed 003, "Group Naming Specification")."""

import re
import unicodedata
from collections.abc import Collection, Container, Sequence
from itertools import count
from uuid import UUID

from lti_tool.domain.groups import clean_name, clean_text

SUFFIX_LENGTH = 4  # characters of a member's id that tell namesakes apart
LONGEST = 200  # of a name without its suffix, so that both fit where names are stored
NAMELESS = "member"  # for a person without a letter that ASCII knows
UNNAMED = "unnamed"  # for a group without one
NAMED = 5  # people whom the name of a large group names
PERSON, GROUP = "_", "-"  # what stands between the words of a name of either kind
APOSTROPHES = re.compile("['’‘ʼ`´]")
FOREIGN = re.compile("[^a-z0-9]+")
# Letters that Unicode does not take apart into a plain letter and a mark; every other one counts as foreign.
PLAIN = str.maketrans({"ø": "o", "ß": "ss", "ł": "l", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})


def slug(text: str, separator: str) -> str:
    """Return a text as lower-case ASCII letters and digits, with the separator for each run of anything else."""
    parts = unicodedata.normalize("NFD", text.lower())
    plain = "".join(letter for letter in parts if not unicodedata.combining(letter)).translate(PLAIN)
    return FOREIGN.sub(separator, APOSTROPHES.sub("", plain)).strip(separator)[:LONGEST].rstrip(separator)


def person_slug(name: str) -> str:
    """Return the first and the last word of a name as a slug; "Last, First" is turned round before.

    Empty for a name in which nothing is left.
    """
    words = _words(name)
    return slug(" ".join(words if len(words) < 2 else (words[0], words[-1])), PERSON)


def _words(name: str) -> list[str]:
    last, comma, first = name.partition(",")
    return (f"{first} {last}" if comma else name).split()


def normalize_group_name(name: str) -> str:
    """Return a typed name of a group as it is stored (ruling C27); "unnamed" when nothing of it is left."""
    return slug(name, GROUP) or UNNAMED


def edited_name(typed: str, present: str) -> str:
    """Return the name that an edit leaves: the present one, whatever it is, unless something else was typed.

    Raise RuleViolation for a name that is empty or too long.
    """
    tidy = clean_name(typed)
    return present if tidy == " ".join(clean_text(present).split()) else normalize_group_name(tidy)


def generated_name(people: Sequence[str]) -> str:
    """Return the name of a group after the names of its people, in their order.

    One person gives first and last name, up to five their last words, more give five and how many others there are.
    Whoever has no ASCII letter there is passed over; a group of nobody else is "unnamed".
    """
    if len(people) == 1:
        return person_slug(people[0]) or UNNAMED
    surnames = [surname for name in people if (surname := slug("".join(_words(name)[-1:]), GROUP))][:NAMED]
    if not surnames:
        return UNNAMED
    rest = f"{GROUP}+{len(people) - len(surnames)}" if len(people) > NAMED else ""
    return GROUP.join(surnames)[:LONGEST].rstrip(GROUP) + rest


def free_name(base: str, taken: Collection[str]) -> str:
    """Return a generated name that no other group has: with "-2", "-3", … when it is taken (in any case of letters)."""
    return first_free_name(base, [{other.casefold() for other in taken}])


def first_free_name(base: str, in_use: Collection[Container[str]]) -> str:
    """Return what `free_name` does; `in_use`: the names taken in each of the sets that matter, without case.

    For many names, because nothing is put together anew for each.
    """
    names = (f"{base}{GROUP}{number}" if number > 1 else base for number in count(1))
    return next(name for name in names if not any(name.casefold() in taken for taken in in_use))


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
