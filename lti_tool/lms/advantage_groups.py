"""Reads the course of any LTI platform as a gateway: people by NRPS, groups by the Course Groups Service (lti.md 5.3).

The service only reads. Its ids of people are those of NRPS and of launches; to this adapter they are the LMS's own.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NoReturn

from lti_tool.domain.errors import LmsChanged, LmsRefused
from lti_tool.domain.gateway import Capabilities, Precondition, Progress, Right, Step, no_progress
from lti_tool.domain.group_push import GroupSetPush
from lti_tool.domain.remote import RemoteCourse, RemoteGroup, RemoteGroups, RemoteGroupSet
from lti_tool.lms.advantage import NRPS, Advantage, Json, Service, told
from lti_tool.lms.advantage_people import roster as roster_of
from lti_tool.lms.paging import in_parallel

GROUPS_SCOPE = "https://purl.imsglobal.org/spec/lti-gs/scope/contextgroup.readonly"
GROUPS = Service(
    scope=GROUPS_SCOPE,
    media_type="application/vnd.ims.lti-gs.v1.contextgroupcontainer+json",
    key="groups",
    needed=("id",),
    off="groups_service_off",
)
SETS = Service(
    scope=GROUPS_SCOPE,
    media_type="application/vnd.ims.lti-gs.v1.contextgroupsetcontainer+json",
    key="sets",
    needed=("id",),
    off="groups_service_off",
)
UNNAMED = "Unnamed group"
FAMILY = "other"


class AdvantageGateway:
    """One course of an LTI platform with the tool's own key; implements `domain.gateway.LmsGateway`."""

    def __init__(
        self, advantage: Advantage, *, memberships_url: str | None, groups_url: str, group_sets_url: str | None
    ) -> None:
        self._advantage = advantage
        self._memberships_url = memberships_url
        self._groups_url = groups_url
        self._group_sets_url = group_sets_url

    @property
    def calls(self) -> int:
        """Return how many HTTP calls were made so far, those for tokens too."""
        return self._advantage.calls

    @property
    def has_written(self) -> bool:
        """Say that no call changes anything: the service is for reading."""
        return False

    def capabilities(self) -> Capabilities:
        """Ask in two calls which of the services' scopes the platform gives; nothing can be written.

        Raise LmsRefused("tool_key_refused" | "tool_keys_unreachable").
        """
        missing = {Right.WRITE_GROUPS: "groups_read_only"}
        roster_off = self._refusal_of(NRPS) if self._memberships_url else NRPS.off
        if roster_off:
            missing[Right.READ_ROSTER] = roster_off
        # Who is in a group is learnt of people, so groups need both services.
        if groups_off := roster_off or self._refusal_of(GROUPS):
            missing[Right.READ_GROUPS] = groups_off
        return Capabilities(frozenset(Right) - frozenset(missing), missing)

    def preconditions(
        self, known_ids: Collection[str] = (), known_people: Collection[str] = ()
    ) -> tuple[Precondition, ...]:
        """Ask nothing: the scopes of the services are all that there is, and `capabilities` tells them."""
        return ()

    def _refusal_of(self, service: Service) -> str | None:
        try:
            self._advantage.check_access(service)
        except LmsRefused as error:
            if error.code != service.off:
                raise
            return error.code
        return None

    def pull(
        self,
        *,
        roster: bool,
        groups: bool,
        progress: Progress = no_progress,
        known_ids: Collection[str] = (),
        known_people: Collection[str] = (),
    ) -> RemoteCourse:
        """Fetch the asked halves: people tell their groups where the platform says so in NRPS, in four calls or so.

        Where it does not, the service is asked once for every person: it lists no members (lti.md 5.3). Raise
        LmsRefused("roster_service_off" | "groups_service_off" | "service_elsewhere" | "token_rejected" …) and what
        paging raises.
        """
        sets, listed = self._read_groups(progress) if groups else ([], [])
        members = self._read_members(groups, progress) if roster or listed else []
        people = roster_of(members, FAMILY)
        if not groups:
            return RemoteCourse(roster=people)
        shown = {str(person.lms_user_id) for person in people.people}
        held = self._groups_by_person([one for one in members if str(one["user_id"]) in shown], listed, progress)
        return RemoteCourse(roster=people if roster else None, groups=_remote_groups(sets, listed, held))

    def read_managers(self) -> None:
        """Ask nothing: no LTI service tells who may manage groups (ruling C33)."""

    def read_group_set(self, lms_group_set_id: str, known_empty: Collection[str] = ()) -> RemoteGroups:
        """Re-read one set, for which the service has to give all; raise LmsChanged("set_gone")."""
        found = self.pull(roster=False, groups=True).groups or RemoteGroups()
        for one in found.group_sets:
            if one.lms_group_set_id == lms_group_set_id:
                return RemoteGroups((one,), tuple(g for g in found.groups if g.lms_group_id in one.group_ids))
        raise LmsChanged("set_gone", lms_group_set_id=lms_group_set_id)

    def find_clashes(self, set_name: str, group_names: Sequence[str]) -> NoReturn:
        """Refuse: no set can be made, so no name can clash."""
        _refuse()

    def create_group_set(self, name: str, options: object = None) -> NoReturn:
        """Refuse: the service only reads."""
        _refuse()

    def edit_group_set(
        self, lms_group_set_id: str, name: str | None, options: object = None, name_before: str | None = None
    ) -> NoReturn:
        """Refuse: the service only reads."""
        _refuse()

    def rename_group_set(self, lms_group_set_id: str, name: str) -> NoReturn:
        """Refuse: the service only reads."""
        _refuse()

    def delete_group_set(self, lms_group_set_id: str, lms_group_ids: tuple[str, ...]) -> NoReturn:
        """Refuse: the service only reads."""
        _refuse()

    def assign_unassigned(self, lms_group_set_id: str, progress: Progress = no_progress) -> NoReturn:
        """Refuse: the service only reads."""
        _refuse()

    def push(self, lms_group_set_id: str, push: GroupSetPush, progress: Progress = no_progress) -> NoReturn:
        """Refuse: the service only reads."""
        _refuse()

    def _read_groups(self, progress: Progress) -> tuple[list[Json], list[Json]]:
        progress(Step.FETCHING_GROUPS, 0, 0)
        on_page = told(progress, Step.FETCHING_GROUPS)
        sets = self._advantage.read_list(SETS, self._group_sets_url, (), on_page) if self._group_sets_url else []
        for one in sets:
            progress(Step.FETCHING_GROUPS, 0, 0, _set_name(one))
        return sets, self._advantage.read_list(GROUPS, self._groups_url, (), on_page)

    def _read_members(self, groups: bool, progress: Progress) -> list[Json]:
        if self._memberships_url is None:
            raise LmsRefused(NRPS.off)
        # Platforms that do not know the parameter leave it aside.
        params = [("groups", "true")] if groups else []
        return self._advantage.read_list(NRPS, self._memberships_url, params, told(progress, Step.FETCHING_ROSTER))

    def _groups_by_person(self, members: Sequence[Json], listed: list[Json], progress: Progress) -> dict[str, set[str]]:
        """Return the ids of each person's groups, by the person's id."""
        if not listed:
            return {}
        if any("group_enrollments" in member for member in members):
            return {str(member["user_id"]): _enrollments(member) for member in members}
        ids = [str(member["user_id"]) for member in members]
        on_done = told(progress, Step.FETCHING_GROUPS)
        found = in_parallel(self._ask_groups_of, ids, lambda done: on_done(done, len(ids)))
        return dict(zip(ids, found, strict=True))

    def _ask_groups_of(self, user_id: str) -> set[str]:
        groups = self._advantage.read_list(GROUPS, self._groups_url, [("user_id", user_id)])
        return {str(group["id"]) for group in groups}


def _refuse() -> NoReturn:
    raise LmsRefused("groups_read_only")


def _enrollments(member: Json) -> set[str]:
    entries = member.get("group_enrollments")
    known = [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    return {str(one["group_id"]) for one in known if one.get("group_id")}


def _set_name(one: Json) -> str:
    return str(one.get("name") or f"Group set {one['id']}")


def _remote_groups(sets: Iterable[Json], groups: Sequence[Json], held: Mapping[str, set[str]]) -> RemoteGroups:
    """Return sets and groups as values; a set that only its groups name is one too, for lists of sets are optional."""
    names = {str(one["id"]): _set_name(one) for one in sets}
    by_id = {str(group["id"]): group for group in groups}
    in_set: dict[str, list[str]] = {set_id: [] for set_id in names}
    for group_id, group in by_id.items():
        if group.get("set_id"):
            in_set.setdefault(str(group["set_id"]), []).append(group_id)
    members: dict[str, list[str]] = {}
    for user_id, group_ids in held.items():
        for group_id in group_ids:
            members.setdefault(group_id, []).append(user_id)
    return RemoteGroups(
        tuple(RemoteGroupSet(i, names.get(i) or _set_name({"id": i}), tuple(ids)) for i, ids in in_set.items()),
        tuple(
            RemoteGroup(group_id, str(group.get("name") or UNNAMED), member_ids=tuple(members.get(group_id, ())))
            for group_id, group in by_id.items()
        ),
    )
