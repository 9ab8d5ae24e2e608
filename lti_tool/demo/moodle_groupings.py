"""Moodle-like functions about groupings, Moodle's word for group sets."""

from typing import Any

from lti_tool.demo.hub import moodle
from lti_tool.demo.model import GroupSet
from lti_tool.demo.moodle_groups import check_idnumber, checked_name, group_of, set_of
from lti_tool.demo.moodle_ws import Call, bad_value, course_id, entries, function, ids, integer, known

OPTIONAL = {"descriptionformat", "idnumber", "customfields"}


def _entry(row: GroupSet) -> dict[str, Any]:
    # Names of groupings come as they are stored, whatever the caller asked for.
    return {
        "id": row.id,
        "courseid": row.course,
        "name": row.name,
        "description": row.description,
        "descriptionformat": 1,
        "idnumber": row.idnumber,
    }


@function("core_group_get_course_groupings")
def course_groupings(call: Call) -> Any:
    rows = moodle().course_sets(course_id(call.get("courseid")))
    return [_entry(row) for row in sorted(rows, key=lambda s: (s.name.casefold(), s.id))]


@function("core_group_get_groupings")
def groupings(call: Call) -> Any:
    with_groups = call.get("returngroups") in ("1", "true")
    answer = []
    for number in ids(call, "groupingids"):
        entry = _entry(set_of(number)) | {"customfields": []}
        groups = moodle().set_groups(number) if with_groups else []
        if groups:  # the key is absent when a grouping is empty
            entry["groups"] = [
                {
                    "id": g.id,
                    "courseid": g.course,
                    "name": g.name,
                    "description": g.description or "",
                    "descriptionformat": 1,
                    "enrolmentkey": None,
                    "idnumber": g.idnumber,
                }
                for g in groups
            ]
        answer.append(entry)
    return answer


@function("core_group_create_groupings")
def create_groupings(call: Call) -> Any:
    made, incomplete = [], False
    for entry in entries(call, "groupings"):
        known(entry, {"courseid", "name", "description"}, OPTIONAL)
        course = course_id(entry["courseid"])
        rows = moodle().course_sets(course)
        name = checked_name(rows, entry["name"], None)
        check_idnumber(rows, entry.get("idnumber"), None)
        row = moodle().add_set(course, name, description=entry["description"])
        row.idnumber = entry.get("idnumber", "")
        incomplete = incomplete or "idnumber" not in entry
        made.append(_entry(row))
    if incomplete:
        # The grouping is there, and the answer is an error: the answer's own check trips over it.
        return {"exception": "invalid_response_exception", "errorcode": "invalidresponse"} | {
            "message": "Invalid response value detected"
        }
    return made


@function("core_group_update_groupings")
def update_groupings(call: Call) -> Any:
    for entry in entries(call, "groupings"):
        known(entry, {"id", "name", "description"}, OPTIONAL)
        row = moodle().sets.get(integer(entry["id"]))
        if row is None:
            raise bad_value()
        rows = moodle().course_sets(row.course)
        row.name = checked_name(rows, entry["name"], row.id)
        check_idnumber(rows, entry.get("idnumber"), row.id)
        row.description = entry["description"]
        row.idnumber = entry.get("idnumber", row.idnumber)


@function("core_group_delete_groupings")
def delete_groupings(call: Call) -> Any:
    for number in ids(call, "groupingids"):
        moodle().sets.pop(number, None)
        for group in moodle().groups.values():
            if number in group.sets:
                group.sets.remove(number)


@function("core_group_assign_grouping")
def assign(call: Call) -> Any:
    for entry in entries(call, "assignments"):
        known(entry, {"groupingid", "groupid"}, set())
        row, group = set_of(integer(entry["groupingid"])), group_of(integer(entry["groupid"]))
        # Whether both are of one course is not looked at.
        if row.id not in group.sets:
            group.sets.append(row.id)


@function("core_group_unassign_grouping")
def unassign(call: Call) -> Any:
    for entry in entries(call, "unassignments"):
        known(entry, {"groupingid", "groupid"}, set())
        row, group = set_of(integer(entry["groupingid"])), group_of(integer(entry["groupid"]))
        if row.id in group.sets:
            group.sets.remove(row.id)
