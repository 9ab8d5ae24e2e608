"""What the deletion of a set in the LMS would take with it that nobody here has seen."""

from collections.abc import Collection, Iterable, Mapping
from urllib.parse import quote

from lti_tool.domain.remote import RemoteGroup

Newcomer = tuple[RemoteGroup, str]


def newcomers(
    known: Mapping[str, Collection[str]], doomed: Iterable[RemoteGroup], people: Collection[str]
) -> list[Newcomer]:
    """Return what others put into groups that are about to go: (group, "") for a new group, else (group, person).

    `known`: who was known to be in each group, by LMS ids; `people`: who may be in groups here, others are nobody's.
    """
    found: list[Newcomer] = []
    for group in doomed:
        if group.lms_group_id not in known:
            found.append((group, ""))
        held = known.get(group.lms_group_id, ())
        found += [(group, person) for person in group.member_ids if person in people and person not in held]
    return found


def mark_of(newcomer: Newcomer) -> str:
    """Return what tells a newcomer from any other, without blanks: a question names by it what it has shown."""
    group, person = newcomer
    return quote(f"{group.lms_group_id}:{person}")


def tell(found: Iterable[Newcomer], names: Mapping[str, str]) -> list[str]:
    """Return newcomers as texts; `names`: people's names by LMS id."""
    return [f"{names.get(person, '?')} → {group.name}" if person else group.name for group, person in found]
