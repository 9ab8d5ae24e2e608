"""A course's people, group sets and groups as plain data: what tests compare a tool's store with."""

from typing import Any

from lti_tool.demo.model import Group
from lti_tool.demo.site import Site


def course_state(site: Site, course_id: int) -> dict[str, Any]:
    """Return everything of a course that has to do with groups."""

    def shown(group: Group) -> dict[str, Any]:
        return {"id": group.id, "name": group.name, "members": sorted(site.members(group.id))}

    course = site.courses[course_id]
    people = []
    for person in site.current_users(course_id):
        rows = site.enrolments_of(course_id, person.id)
        enrolments = [{"kind": e.kind, "state": e.state, "section": e.section} for e in rows]
        entry = {"id": person.id, "name": person.name, "lti_id": person.lti_id, "email": person.email}
        people.append(
            entry
            | {
                "enrolments": enrolments,
                "roles": [e.kind for e in rows],
                "states": [e.state for e in rows],
                "suspended": person.suspended,
            }
        )
    return {
        "course": {"id": course.id, "title": course.title, "lti_id": course.lti_id},
        "group_sets": [
            {
                "id": row.id,
                "name": row.name,
                "role": row.role,
                "self_signup": row.self_signup,
                "group_limit": row.group_limit,
                "groups": [shown(group) for group in site.set_groups(row.id)],
            }
            for row in site.course_sets(course_id)
        ],
        "groups": [shown(g) | {"sets": list(g.sets)} for g in site.course_groups(course_id)],
        "people": people,
    }
