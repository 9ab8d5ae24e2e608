"""What the tool needs of an LMS: one protocol, and the values that cross it, the same for every LMS.

Ids here are the LMS's own, always text. Every method finishes its calls before it returns, reads lists to their
end or raises, and raises only errors of the LmsError branch.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from lti_tool.domain.descriptions import same_text
from lti_tool.domain.errors import LmsChanged, LmsError, LmsRefused
from lti_tool.domain.roster import RemoteRoster, storable


class Step(StrEnum):
    """What a job is doing, in seed 001's words."""

    WAITING = "waiting"
    FETCHING_ROSTER = "fetching_roster"
    FETCHING_GROUPS = "fetching_groups"
    SAVING_ROSTER = "saving_roster"
    SYNCING_GROUPS = "syncing_groups"
    SAVING_GROUPS = "saving_groups"
    SYNCING_MEMBERS = "syncing_members"
    PUSHING_GROUPS = "pushing_groups"
    PUSHING_MEMBERS = "pushing_members"
    VERIFYING = "verifying"
    DONE = "done"


class Progress(Protocol):
    """Whoever is told how far a job is, before its first LMS call and after every one."""

    def __call__(self, step: Step, done: int, total: int, about: str = "") -> None:
        """Take the step, how much is done, of how much (0 = unknown), and the name or number in its sentence."""


def no_progress(step: Step, done: int, total: int, about: str = "") -> None:
    """Take progress and tell nobody."""


class Right(StrEnum):
    """One thing that the present access to an LMS allows."""

    READ_ROSTER = "read_roster"
    READ_GROUPS = "read_groups"
    WRITE_GROUPS = "write_groups"


@dataclass(frozen=True)
class Capabilities:
    """What can be done with the present access, and why the rest cannot (an error code by right)."""

    rights: frozenset[Right]
    missing: Mapping[Right, str] = field(default_factory=dict)

    def allows(self, right: Right) -> bool:
        """Say whether the access allows this."""
        return right in self.rights


@dataclass(frozen=True)
class Precondition:
    """One thing that the LMS has to give: `name` is the LMS's own, `error` says why it is missing, None: it is there.

    Without an `optional` one all else works; one known `by_traces` cannot be asked for, only be seen to be missing;
    one that is not `seen` was hidden by another that is missing.
    """

    name: str
    error: LmsError | None = None
    optional: bool = False
    by_traces: bool = False
    seen: bool = True


@dataclass(frozen=True)
class RemoteGroup:
    """A group of the LMS with the LMS user ids of all its members, staff and inactive people too."""

    lms_group_id: str
    name: str
    description: str = ""
    member_ids: tuple[str, ...] = ()
    has_submission: bool = False  # handed in work as a group: Canvas tells it

    def __post_init__(self) -> None:
        """Make the texts fit their columns, as those of RemotePerson."""
        object.__setattr__(self, "name", storable(self.name))
        object.__setattr__(self, "description", self.description.replace("\0", ""))


MOST_NAMED = 10  # names of groups in an error
OPTIONS = ("self_signup", "auto_leader", "group_limit")


@dataclass(frozen=True)
class SetOptions:
    """What a set lets its students do; None leaves an option as it is, `off` names those that are switched off.

    `self_signup`: enabled or restricted (people of one section only); `auto_leader`: first or random; `group_limit`:
    most people in a group, two or more.
    """

    self_signup: str | None = None
    auto_leader: str | None = None
    group_limit: int | None = None
    off: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Say whether there is anything to set or to switch off."""
        return bool(self.off or self.self_signup or self.auto_leader or self.group_limit is not None)


NO_OPTIONS = SetOptions()


@dataclass(frozen=True)
class RemoteGroupSet:
    """A group set of the LMS and its groups in the LMS's order; on Moodle a group may be in several sets.

    `options`: as the LMS has them (None in it: switched off); None where the LMS has no such thing, or did not say.
    """

    lms_group_set_id: str
    name: str
    group_ids: tuple[str, ...] = ()
    options: SetOptions | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Make the name fit its column."""
        object.__setattr__(self, "name", storable(self.name))


@dataclass(frozen=True)
class RemoteGroups:
    """All group sets and groups of a course: complete, or it was an error.

    `unproven`: of people who were to leave a group, the LMS's answer does not prove that they have; a re-read does.
    """

    group_sets: tuple[RemoteGroupSet, ...] = ()
    groups: tuple[RemoteGroup, ...] = ()
    unproven: bool = False

    @property
    def empty_ids(self) -> frozenset[str]:
        """Return the LMS ids of the groups that nobody is in."""
        return frozenset(group.lms_group_id for group in self.groups if not group.member_ids)


@dataclass(frozen=True)
class RemoteCourse:
    """What one pull fetched; None for the half that was not asked for."""

    roster: RemoteRoster | None = None
    groups: RemoteGroups | None = None


@dataclass(frozen=True)
class NameClashes:
    """Which names of a set that is to be made the LMS has given away already."""

    set_name: bool = False
    group_names: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Say whether any name clashes."""
        return self.set_name or bool(self.group_names)


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
    is somebody else's: then LmsRefused("group_names_taken"), before anything is changed (ruling C18).
    """

    create: tuple[NewGroup, ...] = ()
    change: tuple[GroupChange, ...] = ()
    delete: tuple[str, ...] = ()
    replay: bool = False

    def __bool__(self) -> bool:
        """Say whether there is anything to do."""
        return bool(self.create or self.change or self.delete)

    @property
    def arriving(self) -> frozenset[str]:
        """Return the people (LMS ids) who shall come into a group."""
        into = [*(new.member_ids for new in self.create), *(change.add for change in self.change)]
        return frozenset(person for people in into for person in people)

    def moved_by_others(
        self, places: Mapping[str, Collection[str]], made: Mapping[str, str] = MappingProxyType({})
    ) -> tuple[str, ...]:
        """Return the people whom others moved, for sending this push would overwrite that; sorted.

        That is who shall come into a group and is, by `places` (LMS group ids by person), in one that this push does
        not know them to be in. `made`: LMS ids, by name, of the new groups that an earlier try made.
        """
        fine: dict[str, set[str]] = {person: set(self.delete) for person in self.arriving}
        for new in self.create:
            for person in new.member_ids:
                fine[person].update({made[new.name]} if new.name in made else ())
        for change in self.change:
            for person in {*change.add, *change.remove, *change.known_ids} & fine.keys():
                fine[person].add(change.lms_group_id)
        return tuple(sorted(person for person, known in fine.items() if set(places.get(person, ())) - known))

    def taken_out_by_others(self, places: Mapping[str, Collection[str]], told: Collection[str]) -> tuple[str, ...]:
        """Return who shall come into a group out of a known one, and was taken out of all by others; sorted.

        `told`: the people of whom `places` would say in which groups they are.
        """
        known = {person for change in self.change for person in change.known_ids if person not in change.add}
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


class LmsGateway(Protocol):
    """One course in one LMS, reached with one access."""

    @property
    def calls(self) -> int:
        """Return how many HTTP calls were made so far (tokens and retries too)."""

    def capabilities(self) -> Capabilities:
        """Ask the LMS what the present access allows (one or two calls)."""

    def preconditions(
        self, known_ids: Collection[str] = (), known_people: Collection[str] = ()
    ) -> tuple[Precondition, ...]:
        """Ask for each single thing that the LMS has to give, for a diagnosis; this may read the whole course.

        `known_ids`, `known_people`: groups and people of the course that the LMS should show, if it has them still.
        """

    def pull(
        self,
        *,
        roster: bool,
        groups: bool,
        progress: Progress = no_progress,
        known_ids: Collection[str] = (),
        known_people: Collection[str] = (),
    ) -> RemoteCourse:
        """Fetch the asked halves of the course to their end.

        `known_ids`: groups that the course had before; an LMS that withholds groups without an error is asked for
        those that it does not list, so that a hidden one is no deleted one. `known_people`: who was in the course
        before and has not left; those whom a list lacks are asked for again: who was only missed is on the roster, and
        for whom the LMS shows to be there all the same, though it hides them, it is LmsRefused("people_hidden").
        """

    def read_managers(self) -> frozenset[str] | None:
        """Ask who may manage groups (LMS user ids); None when the LMS would not say, or tells it at each launch."""

    def find_clashes(self, set_name: str, group_names: Sequence[str]) -> NameClashes:
        """Ask which of these names a new set could not have there (one or two calls, nothing is changed)."""

    def create_group_set(self, name: str, options: SetOptions = NO_OPTIONS) -> str:
        """Make an empty group set and return its LMS id; raise LmsRefused("set_name_taken") if the name is used.

        Raise LmsRefused("options_unsupported") for options that the LMS does not have.
        """

    def edit_group_set(
        self,
        lms_group_set_id: str,
        name: str | None,
        options: SetOptions = NO_OPTIONS,
        name_before: str | None = None,
    ) -> str:
        """Change a set's name (None = as it is) and options and return its name; all its other settings stay.

        Raise as `create_group_set`, LmsChanged("set_gone"), and as `require_unrenamed` before anything is changed.
        """

    def delete_group_set(self, lms_group_set_id: str, lms_group_ids: tuple[str, ...]) -> None:
        """Delete a set and these groups of it; what is gone already counts as deleted."""

    def push(self, lms_group_set_id: str, push: GroupSetPush, progress: Progress = no_progress) -> RemoteGroups:
        """Bring the set to the wanted state in few calls and return the set as the LMS has it afterwards.

        A small push may return only the groups it touched (created or changed); the returned groups are what the
        LMS answered, a re-read, or what is known of a group with the changes that an answer proved one by one;
        never what was only asked. People whom the LMS did not take are simply absent. Where a page would have to
        wait for the proof that people have left, the answer says that it is `unproven`. Where placing people takes
        them out of other groups, they are looked for first: whom others moved since it was known makes
        LmsChanged("moved_meanwhile", lms_user_ids=…) before anything is changed. A replay's caller has looked.
        """

    def assign_unassigned(self, lms_group_set_id: str, progress: Progress = no_progress) -> RemoteGroups:
        """Let the LMS itself spread the students without a group over the set's groups; return the set afterwards.

        Raise LmsRefused("unsupported_here") where the LMS has no such thing, LmsRefused("signup_restricted" or
        "set_of_students") for a set that it does not do this for, LmsChanged("set_gone").
        """

    def read_group_set(self, lms_group_set_id: str, known_empty: Collection[str] = ()) -> RemoteGroups:
        """Re-read one set with its groups and members; raise LmsChanged("set_gone") if it no longer exists.

        `known_empty`: groups in which nobody was before; an LMS that shows a hidden group as an empty one need not
        be asked about these, for nobody can vanish from them.
        """
