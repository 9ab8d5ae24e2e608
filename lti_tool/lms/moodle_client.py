"""Speaks Moodle's web services: one method for each function that the tool uses, lists sent in safe portions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from lti_tool.domain.errors import LmsUnavailable
from lti_tool.lms.http import Form, LmsHttp, Repeat
from lti_tool.lms.moodle_errors import result
from lti_tool.outbound import host_of

Json = dict[str, Any]
T = TypeVar("T")
# Moodle needs 7 to 8 ms for a membership, and many sites end a request after 30 s (moodle.md 2.5).
MEMBERS_PER_CALL = 500
GROUPS_PER_CALL = 200
IDS_PER_CALL = 500
PEOPLE_PER_PAGE = 1000
MOST_PEOPLE_PAGES = 1000
PERSON_FIELDS = "id,fullname,email,idnumber,department,institution,roles"
# Every call is a POST: what only reads is known by its name.
READING = frozenset(
    {
        "core_webservice_get_site_info",
        "core_enrol_get_enrolled_users",
        "core_enrol_get_enrolled_users_with_capability",
        "core_group_get_course_groups",
        "core_group_get_groups",
        "core_group_get_group_members",
        "core_group_get_course_groupings",
        "core_group_get_groupings",
    }
)
# Everything else ends in the same state however often it is done (moodle.md 2.3).
UNSAFE = frozenset({"core_group_create_groups", "core_group_create_groupings"})


def portions(entries: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut a list into parts: PHP silently drops what exceeds its limit of fields."""
    return (entries[start : start + size] for start in range(0, len(entries), size))


class MoodleClient:
    """Moodle's web services for one token; each method raises what `moodle_errors.result` lists."""

    def __init__(self, http: LmsHttp, base_url: str, token: str) -> None:
        self.http = http
        self._url = base_url.rstrip("/") + "/webservice/rest/server.php"
        self._token = token

    @property
    def host(self) -> str:
        """Return the host that is spoken to."""
        return host_of(self._url)

    def call(self, function: str, fields: Iterable[tuple[str, object]] = ()) -> Any:
        """Call a function; the token stands first, for PHP cuts off the end of a form that is too long."""
        form: Form = [
            ("wstoken", self._token),
            ("wsfunction", function),
            ("moodlewsrestformat", "json"),
            # Without it names come HTML-escaped, and two different names may look the same.
            ("moodlewssettingraw", "true"),
            *fields,
        ]
        repeat = Repeat.READING if function in READING else Repeat.SAFE
        repeat = Repeat.UNSAFE if function in UNSAFE else repeat
        return result(self.http.send("POST", self._url, data=form, repeat=repeat, read_seconds=60), function)

    def _entries(self, function: str, name: str, entries: Sequence[Mapping[str, object]]) -> Any:
        fields = [(f"{name}[{i}][{key}]", value) for i, entry in enumerate(entries) for key, value in entry.items()]
        return self.call(function, fields)

    def _list(self, function: str, fields: Iterable[tuple[str, object]] = ()) -> list[Json]:
        found = self.call(function, fields)
        if not isinstance(found, list):
            raise LmsUnavailable("lms_not_json", host=self.host, function=function)
        return found

    # -- site and people -----------------------------------------------------------------------------------

    def get_functions(self) -> set[str]:
        """Return the names of the functions that the token's service allows."""
        return {str(entry["name"]) for entry in self.call("core_webservice_get_site_info").get("functions", [])}

    def get_enrolled_users(self, course_id: str) -> Iterator[list[Json]]:
        """Yield pages of everybody with any enrolment, in the order of ids (moodle.md 2.4).

        A page may be shorter than asked without being the last, because rights are looked at after the cut: only
        an empty page ends the list.
        """
        for page in range(MOST_PEOPLE_PAGES):
            options = {"userfields": PERSON_FIELDS, "sortby": "id"}
            options |= {"limitfrom": str(page * PEOPLE_PER_PAGE), "limitnumber": str(PEOPLE_PER_PAGE)}
            people = self._list("core_enrol_get_enrolled_users", _course_options(course_id, options))
            if not people:
                return
            yield people
        raise LmsUnavailable("list_too_long", host=self.host, pages=MOST_PEOPLE_PAGES)

    def get_enrolled_ids(self, course_id: str) -> set[str]:
        """Return the ids of everybody with any enrolment, in one call (quick: ids only)."""
        return self._user_ids(course_id, {})

    def get_active_ids(self, course_id: str) -> set[str]:
        """Return the ids of those whose enrolment is active, in one call."""
        return self._user_ids(course_id, {"onlyactive": "1"})

    def _user_ids(self, course_id: str, options: Mapping[str, str]) -> set[str]:
        fields = _course_options(course_id, {"userfields": "id", **options})
        return {str(person["id"]) for person in self._list("core_enrol_get_enrolled_users", fields)}

    def get_holders(self, course_id: str, capability: str) -> set[str]:
        """Return the ids of enrolled people who have a capability (needs moodle/role:review)."""
        fields = [
            ("coursecapabilities[0][courseid]", course_id),
            ("coursecapabilities[0][capabilities][0]", capability),
            ("options[0][name]", "userfields"),
            ("options[0][value]", "id"),
        ]
        found = self._list("core_enrol_get_enrolled_users_with_capability", fields)
        return {str(user["id"]) for entry in found for user in entry.get("users", [])}

    # -- groups --------------------------------------------------------------------------------------------

    def get_course_groups(self, course_id: str) -> list[Json]:
        """Return all groups of a course, without members."""
        return self._list("core_group_get_course_groups", [("courseid", course_id)])

    def get_groups(self, group_ids: Sequence[str]) -> list[Json]:
        """Return these groups, without members; one unknown id spoils the call."""
        return self._by_ids("core_group_get_groups", "groupids", group_ids)

    def get_group_members(self, group_ids: Sequence[str]) -> dict[str, list[str]]:
        """Return the user ids of each group; one unknown id spoils the call."""
        found = self._by_ids("core_group_get_group_members", "groupids", group_ids)
        return {str(entry["groupid"]): [str(user) for user in entry["userids"]] for entry in found}

    def _by_ids(self, function: str, name: str, ids: Sequence[str], *more: tuple[str, object]) -> list[Json]:
        found: list[Json] = []
        for part in portions(ids, IDS_PER_CALL):
            found += self._list(function, [*((f"{name}[{i}]", one) for i, one in enumerate(part)), *more])
        return found

    def create_groups(self, entries: Sequence[Mapping[str, object]]) -> list[Json]:
        """Create groups and return them; a call is done as a whole or not at all."""
        made: list[Json] = []
        for part in portions(entries, GROUPS_PER_CALL):
            made += self._entries("core_group_create_groups", "groups", part)
        return made

    def update_groups(self, entries: Sequence[Mapping[str, object]]) -> None:
        """Change groups, one entry after the other; each needs id and name."""
        for part in portions(entries, GROUPS_PER_CALL):
            self._entries("core_group_update_groups", "groups", part)

    def delete_groups(self, group_ids: Sequence[str]) -> None:
        """Delete groups; unknown ones do not matter."""
        for part in portions(group_ids, GROUPS_PER_CALL):
            self.call("core_group_delete_groups", [(f"groupids[{i}]", one) for i, one in enumerate(part)])

    def add_group_members(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Put people into groups, (group, user) each, in one call: all of them or nobody."""
        self._members("core_group_add_group_members", pairs)

    def delete_group_members(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Take people out of groups, in one call: all of them or nobody."""
        self._members("core_group_delete_group_members", pairs)

    def _members(self, function: str, pairs: Sequence[tuple[str, str]]) -> None:
        self._entries(function, "members", [{"groupid": group, "userid": user} for group, user in pairs])

    # -- groupings -----------------------------------------------------------------------------------------

    def get_course_groupings(self, course_id: str) -> list[Json]:
        """Return all groupings of a course, without groups."""
        return self._list("core_group_get_course_groupings", [("courseid", course_id)])

    def get_groupings(self, grouping_ids: Sequence[str]) -> list[Json]:
        """Return these groupings with their groups; the key `groups` is absent for an empty one."""
        return self._by_ids("core_group_get_groupings", "groupingids", grouping_ids, ("returngroups", 1))

    def create_grouping(self, course_id: str, name: str) -> Json:
        """Create a grouping; without an idnumber Moodle makes it and then answers an error (moodle.md 2.3)."""
        entry = {"courseid": course_id, "name": name, "description": "", "idnumber": ""}
        made: Json = self._entries("core_group_create_groupings", "groupings", [entry])[0]
        return made

    def update_grouping(self, grouping_id: str, name: str, description: str) -> None:
        """Change a grouping; Moodle demands the description too."""
        entry = {"id": grouping_id, "name": name, "description": description}
        self._entries("core_group_update_groupings", "groupings", [entry])

    def delete_grouping(self, grouping_id: str) -> None:
        """Delete a grouping but not its groups; an unknown one does not matter."""
        self.call("core_group_delete_groupings", [("groupingids[0]", grouping_id)])

    def assign_grouping(self, grouping_id: str, group_ids: Sequence[str]) -> None:
        """Put groups into a grouping; those that are in it already do not matter."""
        for part in portions(group_ids, GROUPS_PER_CALL):
            entries = [{"groupingid": grouping_id, "groupid": group_id} for group_id in part]
            self._entries("core_group_assign_grouping", "assignments", entries)


def _course_options(course_id: str, options: Mapping[str, str]) -> list[tuple[str, object]]:
    fields: list[tuple[str, object]] = [("courseid", course_id)]
    for i, (name, value) in enumerate(options.items()):
        fields += [(f"options[{i}][name]", name), (f"options[{i}][value]", value)]
    return fields
