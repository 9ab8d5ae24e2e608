"""What brings one set of the LMS to the wanted state, and what of others sending it would overwrite."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lti_tool.domain.descriptions import same_text
from lti_tool.domain.errors import LmsChanged, LmsRefused
from lti_tool.domain.remote import RemoteGroup
from lti_tool.domain.roster import storable

MOST_NAMED = 10  # names of groups in an error


@dataclass(frozen=True)
class NewGroup:
    """A group to make in an LMS set, with its first members (LMS user ids); the name is unique in the set."""

    name: str
    description: str = ""
    member_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class GroupChange:
    """How one group of an LMS set is to differ: a new name or description (None = as it is), people in and out.

    `known`: the group as the LMS last showed it, with those members whom we know of; it spares a re-read where the
    LMS's answers prove the change. `name_before`: what the group was called when somebody asked for its new name; the
    LMS's name is read first, and one that is neither stops the push before anything is changed. `description_before`:
    the same of the description, of which only the text counts: an LMS gives it back in a form of its own.
    """

    lms_group_id: str
    name: str | None = None
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    known: RemoteGroup | None = None
    description: str | None = None
    name_before: str | None = None
    description_before: str | None = None

    @property
    def changes(self) -> bool:
        """Say whether the group is to differ at all."""
        return bool(self.add or self.remove) or not (self.name is None and self.description is None)

    @property
    def known_ids(self) -> tuple[str, ...]:
        """Return who was in the group as the LMS last showed it."""
        return self.known.member_ids if self.known else ()

    @property
    def overwrites(self) -> bool:
        """Say whether a text is replaced that somebody here has seen, so that the LMS's own is to be compared."""
        return None not in (self.name, self.name_before) or None not in (self.description, self.description_before)

    def require_unmoved_texts(self, found: RemoteGroup) -> None:
        """Raise LmsChanged("renamed_meanwhile" or "described_meanwhile") as `require_unrenamed` does."""
        require_unrenamed(found.name, self.name_before, self.name)
        before, wanted = self.description_before, self.description
        if before is None or wanted is None:
            return
        if not (same_text(found.description, before) or same_text(found.description, wanted)):
            raise LmsChanged("described_meanwhile", before=before, found=found.description, wanted=wanted)


@dataclass(frozen=True)
class GroupSetPush:
    """Everything that brings one LMS set to the wanted state; the final state is known before the first call.

    `replay`: an earlier try may have arrived, so a group of a new one's name is the one that it made. On a first try it
    is somebody else's: then LmsRefused("group_names_taken"), before anything is changed (ruling C18). `seen`: the
    caller has just read where people are, and means it. `known`: all groups of the set as they are known, so that the
    answer can tell of others that were found changed on the way; without them it tells of none.
    """

    create: tuple[NewGroup, ...] = ()
    change: tuple[GroupChange, ...] = ()
    delete: tuple[str, ...] = ()
    replay: bool = False
    seen: bool = False
    known: tuple[RemoteGroup, ...] = ()

    def __bool__(self) -> bool:
        """Say whether there is anything to do."""
        return bool(self.create or self.change or self.delete)

    @property
    def group_ids(self) -> frozenset[str]:
        """Return the LMS ids of the groups that are changed or deleted."""
        return frozenset((*(change.lms_group_id for change in self.change), *self.delete))

    @property
    def arriving(self) -> frozenset[str]:
        """Return the people (LMS ids) who shall come into a group."""
        into = [*(new.member_ids for new in self.create), *(change.add for change in self.change)]
        return frozenset(person for people in into for person in people)

    @property
    def leaving(self) -> frozenset[str]:
        """Return the people (LMS ids) who shall leave a group, also those who come into another one."""
        return frozenset(person for change in self.change for person in change.remove)

    def moved_by_others(
        self, places: Mapping[str, Collection[str]], made: Mapping[str, str] = MappingProxyType({})
    ) -> tuple[str, ...]:
        """Return the people whom others moved, for sending this push would overwrite that; sorted.

        That is who shall come into a group and is, by `places` (LMS group ids by person), in one that this push does
        not know them to be in. `made`: LMS ids, by name, of the new groups that an earlier try made.
        """
        return self._elsewhere(self.arriving, places, made)

    def led_away_by_others(self, places: Mapping[str, Collection[str]]) -> tuple[str, ...]:
        """Return who shall leave a group and was moved by others to one that this push does not know; sorted."""
        return self._elsewhere(self.leaving - self.arriving, places, {})

    def _elsewhere(
        self, people: Collection[str], places: Mapping[str, Collection[str]], made: Mapping[str, str]
    ) -> tuple[str, ...]:
        fine: dict[str, set[str]] = {person: set(self.delete) for person in people}
        for new in self.create:
            for person in fine.keys() & set(new.member_ids):
                fine[person].update({made[new.name]} if new.name in made else ())
        for change in self.change:
            for person in fine.keys() & {*change.add, *change.remove, *change.known_ids}:
                fine[person].add(change.lms_group_id)
        return tuple(sorted(person for person, known in fine.items() if set(places.get(person, ())) - known))

    def taken_out_by_others(self, places: Mapping[str, Collection[str]], told: Collection[str]) -> tuple[str, ...]:
        """Return who shall come into a group out of a known one, and was taken out of all by others; sorted.

        `told`: the people of whom `places` would say in which groups they are.
        """
        known = {p for c in self.change for p in (*c.known_ids, *c.remove) if p not in c.add}
        return tuple(sorted(p for p in self.arriving & known if p in told and not places.get(p)))


def require_free(wanted: Iterable[str], taken: Iterable[str]) -> None:
    """Raise LmsRefused("group_names_taken", names=…, count=…) when others have groups of these names."""
    if doubles := sorted(set(wanted) & set(taken)):
        raise LmsRefused("group_names_taken", names=doubles[:MOST_NAMED], count=len(doubles))


def require_unrenamed(found: str, before: str | None, wanted: str | None) -> None:
    """Raise LmsChanged("renamed_meanwhile") when a new name would overwrite one that nobody here has seen.

    `found`: the LMS's name now; `before`: the one that was known when somebody asked for `wanted` (None: any will do).
    """
    found = storable(found)
    if wanted is not None and before is not None and found not in (before, wanted):
        raise LmsChanged("renamed_meanwhile", before=before, found=found, wanted=wanted)
