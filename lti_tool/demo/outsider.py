"""Changes behind the tool's back, as a teacher in the LMS or a student who signs up would make them."""

from collections.abc import Callable
from typing import Any

from lti_tool.demo import canvas_rules
from lti_tool.demo.faults import Faults
from lti_tool.demo.model import Group
from lti_tool.demo.site import Site

Values = dict[str, Any]


def act(site: Site, action: str, values: Values) -> dict[str, Any]:
    """Carry an action out and say what it touched; a wrong id is a KeyError, a wrong word a ValueError."""
    found = ACTIONS.get(action)
    if found is None:
        raise ValueError(f"unknown action: {action}; known are {', '.join(ACTIONS)}")
    answer = found(site, values)
    site.touch()
    return {"ok": True, "action": action} | answer


def leave_between_pages(site: Site, course_id: int, faults: Faults) -> None:
    """Let the person of that fault leave a course, once: a list is read in pages, and the first was given away."""
    user_id, faults.leaves_between_pages = faults.leaves_between_pages, 0
    if user_id:
        act(site, "unenrol", {"course_id": course_id, "user_id": user_id})


def _group(site: Site, values: Values, name: str = "group_id") -> Group:
    return site.groups[int(values[name])]


def _rename_group(site: Site, values: Values) -> Values:
    group = _group(site, values)
    group.name = str(values["name"])
    return {"group_id": group.id}


def _describe_group(site: Site, values: Values) -> Values:
    group = _group(site, values)
    group.description = str(values["description"])
    return {"group_id": group.id}


def _delete_group(site: Site, values: Values) -> Values:
    group = _group(site, values)
    if site.flavour == "canvas":
        group.deleted = True
    else:
        del site.groups[group.id], site.memberships[group.id]
    return {"group_id": group.id}


def _create_group(site: Site, values: Values) -> Values:
    sets = [int(values["set_id"])] if values.get("set_id") else []
    course = site.sets[sets[0]].course if sets else int(values["course_id"])
    group = site.add_group(course, str(values["name"]), sets)
    for number in values.get("members", []):
        _join(site, group, int(number))
    return {"group_id": group.id}


def _join(site: Site, group: Group, user_id: int) -> None:
    if site.flavour == "canvas":
        canvas_rules.join(group, user_id)
    else:
        site.add_member(group.id, user_id)


def _add_member(site: Site, values: Values) -> Values:
    user_id = site.people[int(values["user_id"])].id
    _join(site, _group(site, values), user_id)
    return {"user_id": user_id}


def _remove_member(site: Site, values: Values) -> Values:
    removed = site.remove_member(_group(site, values).id, int(values["user_id"]))
    return {"removed": removed}


def _move_member(site: Site, values: Values) -> Values:
    user_id, target = site.people[int(values["user_id"])].id, _group(site, values)
    if values.get("from_group_id"):
        site.remove_member(int(values["from_group_id"]), user_id)
    else:
        for group in site.groups_by_user(target.course).get(user_id, []):
            if set(group.sets) & set(target.sets):
                site.remove_member(group.id, user_id)
    _join(site, target, user_id)
    return {"user_id": user_id, "group_id": target.id}


def _create_set(site: Site, values: Values) -> Values:
    course = site.courses[int(values["course_id"])]
    row = site.add_set(course.id, str(values["name"]))
    row.is_tag = bool(values.get("is_tag"))
    return {"set_id": row.id}


def _rename_set(site: Site, values: Values) -> Values:
    row = site.sets[int(values["set_id"])]
    row.name = str(values["name"])
    return {"set_id": row.id}


def _delete_set(site: Site, values: Values) -> Values:
    row = site.sets[int(values["set_id"])]
    if site.flavour == "canvas":
        row.deleted = True
        for group in site.set_groups(row.id):
            group.deleted = True
    else:
        del site.sets[row.id]
        for group in site.set_groups(row.id):
            group.sets.remove(row.id)
    return {"set_id": row.id}


def _unenrol(site: Site, values: Values) -> Values:
    course_id, user_id = int(values["course_id"]), site.people[int(values["user_id"])].id
    rows = site.enrolments_of(course_id, user_id)
    for row in rows:
        row.state = "deleted"
    # Both LMSs take a person who has left out of the groups of the course.
    for group in site.groups_by_user(course_id).get(user_id, []):
        site.remove_member(group.id, user_id)
    return {"user_id": user_id, "enrolments": len(rows)}


def _set_state(site: Site, values: Values) -> Values:
    rows = site.enrolments_of(int(values["course_id"]), int(values["user_id"]))
    for row in rows:
        row.state = str(values["state"])
    return {"enrolments": len(rows)}


def _enrol(site: Site, values: Values) -> Values:
    course = site.courses[int(values["course_id"])]
    if values.get("user_id"):
        person = site.people[int(values["user_id"])]
    else:
        number = site.next_ids["people"]
        given, family = str(values.get("given", "New")), str(values.get("family", f"Student {number}"))
        person = site.add_person(
            given, family, f"new{number}@uni.example", f"new{number}", shard=int(values.get("shard", 0))
        )
    canvas = site.flavour == "canvas"
    kind = str(values.get("kind") or ("StudentEnrollment" if canvas else "student"))
    section = site.sections_of(course.id)[0].id if canvas else None
    site.enrol(course, person, kind, section=section)
    return {"user_id": person.id, "lti_id": person.lti_id}


def _rename_person(site: Site, values: Values) -> Values:
    person = site.people[int(values["user_id"])]
    person.given, person.family = str(values.get("given", person.given)), str(values.get("family", person.family))
    return {"user_id": person.id}


def _conclude_course(site: Site, values: Values) -> Values:
    course = site.courses[int(values["course_id"])]
    course.concluded = True
    return {"course_id": course.id}


def _hand_in(site: Site, values: Values) -> Values:
    group = _group(site, values)
    group.has_submission = bool(values.get("done", True))
    return {"group_id": group.id}


def _set_limit(site: Site, values: Values) -> Values:
    group, limit = _group(site, values), values.get("limit")
    group.max_membership = int(limit) if limit else None
    return {"group_id": group.id}


ACTIONS: dict[str, Callable[[Site, Values], Values]] = {
    "rename_group": _rename_group,
    "hand_in": _hand_in,
    "describe_group": _describe_group,
    "delete_group": _delete_group,
    "create_group": _create_group,
    "add_member": _add_member,
    "remove_member": _remove_member,
    "move_member": _move_member,
    "create_set": _create_set,
    "rename_set": _rename_set,
    "delete_set": _delete_set,
    "unenrol": _unenrol,
    "enrol": _enrol,
    "set_state": _set_state,
    "rename_person": _rename_person,
    "set_limit": _set_limit,
    "conclude_course": _conclude_course,
}
