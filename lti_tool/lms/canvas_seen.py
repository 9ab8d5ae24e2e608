"""Where the people of one Canvas set are at one moment, as an export or a reading of the set shows it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from lti_tool.domain.remote import RemoteGroup, RemoteGroups
from lti_tool.lms.canvas_csv import Exported


@dataclass(frozen=True)
class Seen:
    """The groups that were shown, with those of their members who were, and `people`: of whom it would tell.

    An export names active students only and the groups that they are in, without descriptions; a reading names
    everybody and every group, but for those whose members Canvas did not show in full.
    """

    groups: Mapping[str, RemoteGroup] = field(default_factory=dict)
    people: Collection[str] = frozenset()
    everybody: bool = False
    is_reading: bool = False

    @classmethod
    def of_export(cls, found: Exported) -> "Seen":
        """Return what an export shows."""
        groups = {i: RemoteGroup(i, found.names[i], "", tuple(people)) for i, people in found.members.items()}
        return cls(groups, found.people)

    @classmethod
    def of_reading(cls, found: RemoteGroups, gaps: Collection[str]) -> "Seen":
        """Return what a reading of the set shows; of whom it lacks in the groups `gaps` it does not tell."""
        people = frozenset(person for group in found.groups for person in group.member_ids)
        return cls({group.lms_group_id: group for group in found.groups}, people, not gaps, is_reading=True)

    @cached_property
    def places(self) -> dict[str, tuple[str, ...]]:
        """The ids of the groups that each person is in."""
        found: dict[str, tuple[str, ...]] = {}
        for group_id, group in self.groups.items():
            for person in group.member_ids:
                found[person] = (*found.get(person, ()), group_id)
        return found

    def tells_of(self, person: str) -> bool:
        """Say whether somebody who is not shown in any group is in none."""
        return self.everybody or person in self.people

    def names_of(self, person: str) -> tuple[str, ...]:
        """Return what the groups are called that a person is in."""
        return tuple(self.groups[group_id].name for group_id in self.places.get(person, ()))

    def group(self, group_id: str, known: RemoteGroup | None) -> RemoteGroup | None:
        """Return a group as it was seen, completed by what is `known` of it; None when there is neither.

        Of people whom this does not tell of, those count who are known to be in the group.
        """
        shown = self.groups.get(group_id)
        if known is None or shown is None:
            return shown or (known and replace(known, member_ids=self._unseen(known)))
        texts = shown if self.is_reading else replace(known, name=shown.name or known.name)
        return replace(texts, member_ids=tuple(dict.fromkeys((*shown.member_ids, *self._unseen(known)))))

    def _unseen(self, known: RemoteGroup) -> tuple[str, ...]:
        return tuple(person for person in known.member_ids if not self.tells_of(person))
