"""Reaches one Canvas course as a gateway: pull in few calls, sets, pushes."""

import time
from collections.abc import Callable, Collection, Sequence

from lti_tool.domain.errors import LmsChanged, LmsRefused
from lti_tool.domain.gateway import Capabilities, NameClashes, Precondition, Progress, Right, Step, no_progress
from lti_tool.domain.group_push import GroupSetPush
from lti_tool.domain.remote import NO_OPTIONS, RemoteCourse, RemoteGroups, SetOptions
from lti_tool.lms import canvas_assign, canvas_people, canvas_roster, canvas_sets
from lti_tool.lms.canvas_client import CanvasClient, Json
from lti_tool.lms.canvas_http import CanvasHttp, ServiceAccess, Token
from lti_tool.lms.canvas_push import CanvasPush
from lti_tool.lms.paging import OnPage
from lti_tool.outbound import Outbound

WRITE_PERMISSIONS = ("manage_groups_add", "manage_groups_manage", "manage_groups_delete")


class CanvasGateway:
    """One Canvas course with one access; implements `domain.gateway.LmsGateway`."""

    def __init__(
        self,
        outbound: Outbound,
        *,
        base_url: str,
        token: str | Token,
        lms_course_id: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = CanvasHttp(outbound, ServiceAccess(token) if isinstance(token, str) else token, sleep=sleep)
        self._course_id = lms_course_id
        self.client = CanvasClient(self._http, base_url)

    @property
    def calls(self) -> int:
        """Return how many HTTP calls were made so far."""
        return self._http.calls

    @property
    def has_written(self) -> bool:
        """Say whether a call was begun that changes something."""
        return self._http.has_written

    def capabilities(self) -> Capabilities:
        """Ask which rights the token's person has in the course (canvas.md 3.5, 10.4).

        One call, and another when groups cannot be changed: in a course that has ended nobody may.

        Raise LmsRefused("token_rejected" or "scope_missing"), LmsChanged("gone") for an unknown course.
        """
        try:
            held = self.client.get_permissions(self._course_id, ["read_roster", *WRITE_PERMISSIONS])
        except LmsRefused as error:
            if error.code != "right_missing":
                raise
            held = {}
        fine = {
            Right.READ_ROSTER: held.get("read_roster", False),
            Right.READ_GROUPS: any(held.get(name) for name in WRITE_PERMISSIONS),
            Right.WRITE_GROUPS: all(held.get(name) for name in WRITE_PERMISSIONS),
        }
        why = "right_missing" if fine[Right.WRITE_GROUPS] or not self._has_ended() else "course_concluded"
        missing = {right: why for right, held_too in fine.items() if not held_too}
        return Capabilities(frozenset(fine) - frozenset(missing), missing)

    def _has_ended(self) -> bool:
        try:
            return any(group.get("concluded") for group in self.client.get_some_groups(self._course_id))
        except (LmsRefused, LmsChanged):
            return False

    def preconditions(
        self, known_ids: Collection[str] = (), known_people: Collection[str] = ()
    ) -> tuple[Precondition, ...]:
        """Ask in two calls for each right that Canvas can be asked for, and for what it leaves out without a word.

        Raise as `capabilities`.
        """
        held = self.client.get_permissions(self._course_id, ["read_roster", *WRITE_PERMISSIONS])
        rights = [
            Precondition(name, None if held.get(name) else LmsRefused("right_missing", call=name))
            for name in ("read_roster", *WRITE_PERMISSIONS)
        ]
        return (*rights, Precondition("Allow Include Parameters", self._include_problem()))

    def _include_problem(self) -> LmsRefused | None:
        try:
            canvas_people.require_keys(self.client.get_some_users(self._course_id, ["group_ids"]), "group_ids")
        except LmsRefused as error:
            return error
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
        """Fetch the asked halves: memberships come with the users, so nothing is asked for each group.

        2,000 students and 400 groups take 22 to 26 calls, sections included (canvas.md section 8, R3). Raise
        LmsRefused("include_parameters_off") when the key strips what the users are to include,
        LmsRefused("people_hidden") when it shows few or none of the people who are in groups, or some sections only.
        """
        categories, listed = self._sets(progress) if groups else ([], [])
        if not (roster or listed):
            return RemoteCourse(groups=self._groups(categories, listed, []) if groups else None)
        include = ["enrollments", *(["email"] if roster else []), *(["group_ids"] if groups else [])]
        told = _told(progress, Step.FETCHING_ROSTER)
        users, missing = canvas_roster.read_users(self.client, self._course_id, include, known_people, told)
        all_members = canvas_roster.require_members(users, listed)
        sections = self._sections() if roster or missing or not all_members else None
        canvas_roster.require_unbound(users, sections or ())
        return RemoteCourse(
            roster=canvas_people.roster(users, sections) if roster else None,
            groups=self._groups(categories, listed, users) if groups else None,
        )

    def read_managers(self) -> None:
        """Ask nothing: Canvas tells each person's right at the launch (ruling C33)."""

    def find_clashes(self, set_name: str, group_names: Sequence[str]) -> NameClashes:
        """Ask in one call for the names of the course's sets; Canvas lets groups share a name (canvas.md 2.4, 3.3)."""
        categories = self.client.get_group_categories(self._course_id)
        return NameClashes(any(c.get("name") == set_name.strip() for c in categories))

    def create_group_set(self, name: str, options: SetOptions = NO_OPTIONS) -> str:
        """Make an empty group set; raise LmsRefused("set_name_taken") when Canvas refuses the name."""
        values = (options.self_signup, options.auto_leader, options.group_limit)
        return str(self.client.create_group_category(self._course_id, name.strip(), *values)["id"])

    def edit_group_set(
        self,
        lms_group_set_id: str,
        name: str | None,
        options: SetOptions = NO_OPTIONS,
        name_before: str | None = None,
    ) -> str:
        """Change a set and send all its other settings along, for Canvas resets what it does not get (ruling C12).

        Raise LmsRefused("set_name_taken"), LmsChanged("set_gone" or "renamed_meanwhile").
        """
        values = (options.self_signup, options.auto_leader, options.group_limit)
        name = None if name is None else name.strip()
        try:
            edit = self.client.update_group_category
            changed = edit(lms_group_set_id, name, *values, off=options.off, name_before=name_before)
        except LmsChanged as error:
            if error.code == "renamed_meanwhile":
                raise
            raise LmsChanged("set_gone", lms_group_set_id=lms_group_set_id) from None
        return canvas_sets.name_of(changed)

    def delete_group_set(self, lms_group_set_id: str, lms_group_ids: tuple[str, ...]) -> None:
        """Delete a set; Canvas deletes its groups with it."""
        self.client.delete_group_category(lms_group_set_id)

    def push(self, lms_group_set_id: str, push: GroupSetPush, progress: Progress = no_progress) -> RemoteGroups:
        """Bring a set to the wanted state by the cheapest way that its size allows (see `canvas_push`)."""
        return CanvasPush(self.client, self._course_id, lms_group_set_id, push, progress).run()

    def assign_unassigned(self, lms_group_set_id: str, progress: Progress = no_progress) -> RemoteGroups:
        """Let Canvas spread the students without a group, at once or as a job, and re-read the set (canvas.md 2.7)."""
        return canvas_assign.assign_unassigned(self.client, self._course_id, lms_group_set_id, progress)

    def read_group_set(self, lms_group_set_id: str, known_empty: Collection[str] = ()) -> RemoteGroups:
        """Re-read one set; raise LmsChanged("set_gone") if it no longer exists."""
        return canvas_sets.read_set(self.client, self._course_id, lms_group_set_id)

    def _sets(self, progress: Progress) -> tuple[list[Json], list[Json]]:
        progress(Step.FETCHING_GROUPS, 0, 0)
        found = canvas_sets.read_sets(self.client, self._course_id, _told(progress, Step.FETCHING_GROUPS))
        for category in found[0]:
            progress(Step.FETCHING_GROUPS, 0, 0, canvas_sets.name_of(category))
        return found

    def _sections(self) -> list[Json] | None:
        try:
            return self.client.get_sections(self._course_id)
        except LmsRefused:
            # A key may lack this one scope: people are fetched all the same, and known sections stay as they are.
            return None

    @staticmethod
    def _groups(categories: list[Json], listed: list[Json], users: list[Json]) -> RemoteGroups:
        return canvas_sets.remote_groups(categories, listed, canvas_sets.members_by_group(users))


def _told(progress: Progress, step: Step) -> OnPage:
    return lambda done, total: progress(step, done, total)
