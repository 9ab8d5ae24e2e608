"""Moodle-like functions about groups and their members."""

from typing import Any

from lti_tool.demo.hub import hub, moodle
from lti_tool.demo.model import Group, GroupSet
from lti_tool.demo.moodle_people import raw
from lti_tool.demo.moodle_text import escaped, has_tags
from lti_tool.demo.moodle_ws import (
    Call,
    MoodleError,
    bad_value,
    course_id,
    entries,
    function,
    ids,
    integer,
    known,
)

OPTIONAL = {"descriptionformat", "enrolmentkey", "idnumber", "visibility", "participation", "customfields"}


def checked_name(rows: list[Any], value: Any, own: int | None) -> str:
    """Return the name that is stored; the check for twins comes before the trimming, as on Moodle."""
    if not isinstance(value, str) or not value.strip() or has_tags(value):
        raise bad_value()
    if any(row.name == value and row.id != own for row in rows):
        raise bad_value()
    if len(value.strip()) > 254:
        raise MoodleError("dmlwriteexception", "dml_write_exception")
    return value.strip()


def check_idnumber(rows: list[Any], value: Any, own: int | None) -> None:
    """Fail when another row of the course has this id number."""
    if value and any(row.idnumber == value and row.id != own for row in rows):
        raise MoodleError("idnumbertaken")


def group_of(number: int) -> Group:
    """Return an existing group; one unknown id spoils the whole call."""
    group = moodle().groups.get(number)
    if group is None:
        raise MoodleError("invalidrecord", "dml_missing_record_exception")
    return group


def group_entry(group: Group, as_stored: bool) -> dict[str, Any]:
    """Return a group as most functions show it."""
    return {
        "id": group.id,
        "courseid": group.course,
        "name": group.name if as_stored else escaped(group.name),
        "description": group.description or "",
        "descriptionformat": 1,
        "enrolmentkey": None,
        "idnumber": group.idnumber,
        "visibility": group.visibility,
        "participation": group.participation,
    }


def is_hidden(group: Group) -> bool:
    """Tell whether the service account does not get to see a group, which no answer says."""
    return group.visibility != 0 and hub().faults.missing("moodle/course:viewhiddengroups")


@function("core_group_get_course_groups")
def course_groups(call: Call) -> Any:
    groups = [g for g in moodle().course_groups(course_id(call.get("courseid"))) if not is_hidden(g)]
    return [group_entry(g, raw(call)) for g in sorted(groups, key=lambda g: (g.name.casefold(), g.id))]


@function("core_group_get_groups")
def groups_by_id(call: Call) -> Any:
    return [group_entry(group_of(number), raw(call)) for number in ids(call, "groupids")]


@function("core_group_get_group_members")
def group_members(call: Call) -> Any:
    wanted = ids(call, "groupids")
    found = [group_of(number) for number in wanted]
    return [{"groupid": g.id, "userids": [] if is_hidden(g) else list(moodle().members(g.id))} for g in found]


@function("core_group_create_groups")
def create_groups(call: Call) -> Any:
    made = []
    for entry in entries(call, "groups"):
        known(entry, {"courseid", "name", "description"}, OPTIONAL)
        course = course_id(entry["courseid"])
        rows = moodle().course_groups(course)
        name = checked_name(rows, entry["name"], None)
        check_idnumber(rows, entry.get("idnumber"), None)
        group = moodle().add_group(course, name, description=entry["description"])
        _assign(group, entry)
        made.append(group_entry(group, True) | {"enrolmentkey": entry.get("enrolmentkey", "")})
    return made


def _assign(group: Group, entry: dict[str, Any]) -> None:
    group.description = entry.get("description", group.description)
    group.idnumber = entry.get("idnumber", group.idnumber)
    if "visibility" in entry:
        group.visibility = integer(entry["visibility"])
        if group.visibility not in (0, 1, 2, 3):
            raise bad_value()
    if "participation" in entry:
        group.participation = entry["participation"] in ("1", "true")
    # Groups that others cannot see take no part in activities.
    group.participation = group.participation and group.visibility < 2


@function("core_group_update_groups")
def update_groups(call: Call) -> Any:
    for entry in entries(call, "groups"):
        known(entry, {"id", "name"}, OPTIONAL | {"description"})
        group = moodle().groups.get(integer(entry["id"]))
        if group is None:
            raise bad_value()
        rows = moodle().course_groups(group.course)
        name = checked_name(rows, entry["name"], group.id)
        check_idnumber(rows, entry.get("idnumber"), group.id)
        group.name = name
        _assign(group, entry)


@function("core_group_delete_groups")
def delete_groups(call: Call) -> Any:
    # Gone at once, members and links to groupings with it; unknown ids do not matter.
    for number in ids(call, "groupids"):
        moodle().groups.pop(number, None)
        moodle().memberships.pop(number, None)


def _pair(entry: dict[str, Any]) -> tuple[Group, int]:
    known(entry, {"groupid", "userid"}, set())
    group, user = integer(entry["groupid"]), integer(entry["userid"])
    if user not in moodle().people:
        raise MoodleError("invaliduser")
    return group_of(group), user


@function("core_group_add_group_members")
def add_members(call: Call) -> Any:
    enrolled: dict[int, set[int]] = {}
    for entry in entries(call, "members"):
        group, user = _pair(entry)
        if group.course not in enrolled:
            enrolled[group.course] = {e.user for e in moodle().course_enrolments(group.course)}
        if user not in enrolled[group.course]:
            raise bad_value()
        moodle().add_member(group.id, user)


@function("core_group_delete_group_members")
def delete_members(call: Call) -> Any:
    for entry in entries(call, "members"):
        group, user = _pair(entry)
        row = moodle().members(group.id).get(user)
        if row and row.component:
            raise MoodleError("errorremovenotpermitted")
        if not is_hidden(group):
            moodle().remove_member(group.id, user)


def set_of(number: int) -> GroupSet:
    """Return an existing grouping."""
    row = moodle().sets.get(number)
    if row is None:
        raise MoodleError("invalidrecord", "dml_missing_record_exception")
    return row
