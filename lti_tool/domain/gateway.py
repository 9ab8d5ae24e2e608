"""What the tool needs of an LMS: one protocol, with its steps, rights and preconditions, the same for every LMS.

Ids here are the LMS's own, always text. Every method finishes its calls before it returns, reads lists to their
end or raises, and raises only errors of the LmsError branch.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from lti_tool.domain.errors import LmsError
from lti_tool.domain.group_push import GroupSetPush
from lti_tool.domain.remote import NO_OPTIONS, RemoteCourse, RemoteGroups, SetOptions


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
class NameClashes:
    """Which names of a set that is to be made the LMS has given away already."""

    set_name: bool = False
    group_names: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Say whether any name clashes."""
        return self.set_name or bool(self.group_names)


class LmsGateway(Protocol):
    """One course in one LMS, reached with one access."""

    @property
    def calls(self) -> int:
        """Return how many HTTP calls were made so far (tokens and retries too)."""

    @property
    def has_written(self) -> bool:
        """Say whether a call was begun that changes something: whatever became of it, the LMS may have done it."""

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
        """Delete a set and these groups of it that no other set holds; what is gone already counts as deleted."""

    def push(self, lms_group_set_id: str, push: GroupSetPush, progress: Progress = no_progress) -> RemoteGroups:
        """Bring the set to the wanted state in few calls and return the set as the LMS has it afterwards.

        A small push may return only the groups it touched (created or changed) and those of the others that it found to
        differ from what is `known`; the returned groups are what the LMS answered, a re-read, or what is known of a
        group with the changes that an answer proved one by one; never what was only asked. People whom the LMS did not
        take are simply absent. Where a page would have to wait for the proof that people have left, the answer says
        that it is `unproven`. Where placing people takes them out of other groups, they are looked for first: whom
        others moved since it was known makes LmsChanged("moved_meanwhile", places=…) before anything is changed, with
        the names of their groups of now by LMS user id. The caller of a replay, or of a `seen` push, has looked.
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
