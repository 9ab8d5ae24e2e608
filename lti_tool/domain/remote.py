"""What an LMS shows of a course's sets and groups, as values that are the same for every LMS.

Ids here are the LMS's own, always text.
"""

from dataclasses import dataclass, field

from lti_tool.domain.roster import RemoteRoster, storable


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
