"""Reaches one Moodle course as a gateway: pull in few calls, groupings, pushes."""

import time
from collections.abc import Callable, Collection, Sequence

from lti_tool.domain.errors import LmsChanged, LmsRefused
from lti_tool.domain.gateway import Capabilities, NameClashes, Precondition, Progress, Right, Step, no_progress
from lti_tool.domain.group_push import GroupSetPush, require_unrenamed
from lti_tool.domain.remote import NO_OPTIONS, RemoteCourse, RemoteGroups, SetOptions
from lti_tool.domain.roster import RemoteRoster
from lti_tool.lms import moodle_people, moodle_rights, moodle_roster, moodle_sets
from lti_tool.lms.http import LmsHttp
from lti_tool.lms.moodle_client import MoodleClient
from lti_tool.lms.moodle_names import checked
from lti_tool.lms.moodle_push import MoodlePush
from lti_tool.lms.moodle_rights import MANAGE_GROUPS
from lti_tool.outbound import Outbound

HOLDERS = "core_enrol_get_enrolled_users_with_capability"
FUNCTIONS = {
    Right.READ_ROSTER: {"core_enrol_get_enrolled_users"},
    Right.READ_GROUPS: {
        "core_group_get_course_groups",
        "core_group_get_groups",
        "core_group_get_course_groupings",
        "core_group_get_groupings",
        "core_group_get_group_members",
    },
    Right.WRITE_GROUPS: {
        "core_group_create_groups",
        "core_group_update_groups",
        "core_group_delete_groups",
        "core_group_add_group_members",
        "core_group_delete_group_members",
        "core_group_create_groupings",
        "core_group_update_groupings",
        "core_group_delete_groupings",
        "core_group_assign_grouping",
    },
}


class MoodleGateway:
    """One Moodle course with one web-service token; implements `domain.gateway.LmsGateway`."""

    def __init__(
        self,
        outbound: Outbound,
        *,
        base_url: str,
        token: str,
        lms_course_id: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = LmsHttp(outbound, access=token, sleep=sleep)
        self._course_id = lms_course_id
        self._names: dict[str, str] = {}
        self.client = MoodleClient(self._http, base_url, token)

    @property
    def calls(self) -> int:
        """Return how many HTTP calls were made so far."""
        return self._http.calls

    @property
    def has_written(self) -> bool:
        """Say whether a call was begun that changes something."""
        return self._http.has_written

    def capabilities(self) -> Capabilities:
        """Ask in two calls which functions the service has and whether the course's groups may be managed.

        The rights' absences are function_missing or right_missing. Raise LmsRefused("token_rejected",
        "web_services_off", "course_not_open" …).
        """
        functions = self.client.get_functions()
        missing = {right: "function_missing" for right, needed in FUNCTIONS.items() if not needed <= functions}
        if Right.READ_GROUPS not in missing:
            try:
                self.client.get_course_groups(self._course_id)
            except LmsRefused as error:
                if error.code != "right_missing":
                    raise
                missing |= {Right.READ_GROUPS: "right_missing", Right.WRITE_GROUPS: "right_missing"}
        return Capabilities(frozenset(Right) - frozenset(missing), missing)

    def preconditions(
        self, known_ids: Collection[str] = (), known_people: Collection[str] = ()
    ) -> tuple[Precondition, ...]:
        """Ask for each function, then read the course once: what some rights' absence hides is seen in no other way.

        A right whose absence leaves no trace in this course counts as given (moodle.md 2.2). Raise as `capabilities`,
        but for what is missing, which is named.
        """
        held = self.client.get_functions()
        functions = moodle_rights.functions(set().union(*FUNCTIONS.values()), HOLDERS, held)
        if not (FUNCTIONS[Right.READ_ROSTER] | FUNCTIONS[Right.READ_GROUPS]) <= held:
            return (*functions, *moodle_rights.nothing_seen())
        course = moodle_rights.Course(
            lambda: moodle_sets.read_course(self.client, self._course_id, lambda *_: None, known_ids),
            lambda: self._people(no_progress),
            known_people,
        )
        return (*functions, *moodle_rights.rights(course))

    def pull(
        self,
        *,
        roster: bool,
        groups: bool,
        progress: Progress = no_progress,
        known_ids: Collection[str] = (),
        known_people: Collection[str] = (),
    ) -> RemoteCourse:
        """Fetch the asked halves; 2,000 people and 400 groups take ten calls (moodle.md 2.6).

        Raise LmsRefused("people_hidden") when Moodle shows few or none of the people who are in groups: rights
        that are missing shorten its lists without an error (moodle.md 2.2), or one of `known_people` who is still in
        a group; LmsRefused("groups_hidden") when it withholds groups that a grouping has, or one of `known_ids` that
        still exists. Who really left the course costs two calls, once.
        """
        done = 0

        def told(about: str = "") -> None:
            nonlocal done
            done += not about
            progress(Step.FETCHING_GROUPS, done, 4, about)

        if groups:
            progress(Step.FETCHING_GROUPS, 0, 4)
        found = moodle_sets.read_course(self.client, self._course_id, told, known_ids) if groups else None
        people = self._people(progress, known_people) if roster else None
        if found and people:
            moodle_roster.require_members(self.client, people, found, known_people)
        if found:
            self._names = {group.lms_group_id: group.name for group in found.groups}
        return RemoteCourse(roster=people, groups=found)

    def read_managers(self) -> frozenset[str] | None:
        """Ask in one call who holds moodle/course:managegroups: a launch tells it not (ruling C33)."""
        managers = self._managers()
        return None if managers is None else frozenset(managers)

    def find_clashes(self, set_name: str, group_names: Sequence[str]) -> NameClashes:
        """Ask in two calls for the names in use: those of sets and of groups are unique in a course (moodle.md 2.3)."""
        sets = {str(entry["name"]) for entry in self.client.get_course_groupings(self._course_id)}
        groups = {str(group["name"]) for group in self.client.get_course_groups(self._course_id)}
        return NameClashes(set_name.strip() in sets, tuple(name for name in group_names if name.strip() in groups))

    def create_group_set(self, name: str, options: SetOptions = NO_OPTIONS) -> str:
        """Make an empty grouping; raise LmsRefused("set_name_taken") when the course has one of that name.

        Moodle knows no self sign-up, leader or limit: LmsRefused("options_unsupported").
        """
        _require_no_options(options)
        name = checked(name)
        try:
            return str(self.client.create_grouping(self._course_id, name)["id"])
        except LmsRefused as error:
            raise self._named(error, name, None) from None

    def edit_group_set(
        self,
        lms_group_set_id: str,
        name: str | None,
        options: SetOptions = NO_OPTIONS,
        name_before: str | None = None,
    ) -> str:
        """Rename a grouping and keep its description, which Moodle demands.

        Raise LmsRefused("set_name_taken" or "options_unsupported"), LmsChanged("set_gone" or "renamed_meanwhile").
        """
        _require_no_options(options)
        name = None if name is None else checked(name)
        present = moodle_sets.get_grouping(self.client, lms_group_set_id)
        if name is None:
            return str(present["name"])
        require_unrenamed(str(present["name"]), name_before, name)
        try:
            self.client.update_grouping(lms_group_set_id, name, str(present.get("description") or ""))
        except LmsRefused as error:
            raise self._named(error, name, lms_group_set_id) from None
        return name

    def delete_group_set(self, lms_group_set_id: str, lms_group_ids: tuple[str, ...]) -> None:
        """Delete the grouping and these groups, which Moodle would keep, but for those that another grouping holds.

        Groups and groupings that are gone already do not matter to Moodle.
        """
        kept = moodle_sets.held_elsewhere(self.client, self._course_id, lms_group_set_id) if lms_group_ids else ()
        self.client.delete_groups([group_id for group_id in lms_group_ids if group_id not in kept])
        self.client.delete_grouping(lms_group_set_id)

    def push(self, lms_group_set_id: str, push: GroupSetPush, progress: Progress = no_progress) -> RemoteGroups:
        """Bring a grouping to the wanted state in batches (see `moodle_push`)."""
        found = MoodlePush(self.client, self._course_id, lms_group_set_id, push, progress, names=self._names).run()
        return self._remembered(found)

    def assign_unassigned(self, lms_group_set_id: str, progress: Progress = no_progress) -> RemoteGroups:
        """Refuse with LmsRefused("unsupported_here"): Moodle has no such function."""
        raise LmsRefused("unsupported_here")

    def read_group_set(self, lms_group_set_id: str, known_empty: Collection[str] = ()) -> RemoteGroups:
        """Re-read one grouping in two calls, three when a group is empty that is not of `known_empty`.

        Raise LmsChanged("set_gone"), LmsRefused("groups_hidden").
        """
        return self._remembered(moodle_sets.read_set(self.client, self._course_id, lms_group_set_id, known_empty))

    def _people(self, progress: Progress, known_people: Collection[str] = ()) -> RemoteRoster:
        users, active = moodle_roster.read_users(self.client, self._course_id, progress, known_people)
        found = moodle_people.roster(users, active, self._managers())
        progress(Step.FETCHING_ROSTER, len(users), len(users))
        return found

    def _managers(self) -> set[str] | None:
        try:
            return self.client.get_holders(self._course_id, MANAGE_GROUPS)
        except (LmsRefused, LmsChanged):
            # The function needs a right of its own; without an answer nobody's right is known.
            return None

    def _named(self, error: LmsRefused, name: str, own_id: str | None) -> LmsRefused:
        """Return what a refusal of a name meant: Moodle words a twin as any other wrong value."""
        if error.code != "value_refused":
            return error
        groupings = self.client.get_course_groupings(self._course_id)
        twin = any(str(entry["name"]) == name and str(entry["id"]) != own_id for entry in groupings)
        return LmsRefused("set_name_taken", host=error.facts.get("host")) if twin else error

    def _remembered(self, found: RemoteGroups) -> RemoteGroups:
        self._names.update((group.lms_group_id, group.name) for group in found.groups)
        return found


def _require_no_options(options: SetOptions) -> None:
    if options:
        raise LmsRefused("options_unsupported")
