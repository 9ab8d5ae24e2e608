"""Roles, rights and substitution variables of the Canvas-like site."""

import json
import re
from collections.abc import Callable
from typing import Any

from lti_tool.demo.config import ToolLink
from lti_tool.demo.hub import hub
from lti_tool.demo.lti_messages import INSTITUTION, MEMBERSHIP, SYSTEM, TEST_USER
from lti_tool.demo.model import STAFF_TYPES, Course, Person
from lti_tool.demo.site import Site

_ROLES = {
    "TeacherEnrollment": (f"{MEMBERSHIP}#Instructor",),
    "TaEnrollment": (f"{MEMBERSHIP}/Instructor#TeachingAssistant", f"{MEMBERSHIP}#Instructor"),
    "StudentEnrollment": (f"{MEMBERSHIP}#Learner",),
    "DesignerEnrollment": (f"{MEMBERSHIP}#ContentDeveloper",),
    "ObserverEnrollment": (f"{MEMBERSHIP}#Mentor",),
    "StudentViewEnrollment": (f"{MEMBERSHIP}#Learner", TEST_USER),
}
_INSTITUTION = {"TeacherEnrollment": "Instructor", "TaEnrollment": "Instructor", "StudentEnrollment": "Student"}
_PERMISSIONS = re.compile(r"^\$Canvas\.membership\.permissions<([^>]*)>$")
GROUP_RIGHTS = ("manage_groups_add", "manage_groups_manage", "manage_groups_delete")
STAFF_RIGHTS = (*GROUP_RIGHTS, "read_roster", "read_as_admin", "view_user_logins", "read_email_addresses")


def active_types(site: Site, course: Course, person: Person) -> list[str]:
    """Return the types of a person's current enrolments in a course, each once."""
    rows = site.enrolments_of(course.id, person.id)
    return list(dict.fromkeys(e.kind for e in rows if e.state == "active"))


def holds(site: Site, course: Course, person: Person, right: str) -> bool:
    """Tell whether a person has a right in a course."""
    if person.admin:
        return True
    if course.concluded and right in GROUP_RIGHTS:
        return False
    types = active_types(site, course, person)
    if right in ("read_sis", "read"):
        return bool(types) and (right == "read" or "TeacherEnrollment" in types)
    if right == "read_roster" and "StudentEnrollment" in types:
        return True
    return right in STAFF_RIGHTS and any(kind in STAFF_TYPES for kind in types)


def membership_roles(site: Site, course: Course, person: Person) -> list[str]:
    """Return the roles of NRPS: those of the course only."""
    roles = [role for kind in active_types(site, course, person) for role in _ROLES[kind]]
    return list(dict.fromkeys(roles))


def launch_roles(site: Site, course: Course, person: Person) -> list[str]:
    """Return the roles of a launch: institution roles come from the whole site, not from this course."""
    kinds = {e.kind for e in site.enrolments.values() if e.user == person.id and e.state == "active"}
    everywhere = [INSTITUTION + name for name in dict.fromkeys(_INSTITUTION.get(k, "Other") for k in kinds)]
    if person.admin:
        everywhere = [INSTITUTION + "Administrator"]
    return [*everywhere, *membership_roles(site, course, person), SYSTEM + "User"]


def expand(site: Site, tool: ToolLink, course: Course, person: Person) -> dict[str, Any]:
    """Return the custom parameters for one person; variables that Canvas does not know stay as they are."""
    return {name: _value(site, text, course, person) for name, text in tool.custom.items()}


def _value(site: Site, text: str, course: Course, person: Person) -> Any:
    if match := _PERMISSIONS.match(text):
        wanted = match[1].split(",")
        return ",".join(right for right in wanted if holds(site, course, person, right))
    variable = VARIABLES.get(text)
    return text if variable is None else variable(site, course, person)


def _sections(site: Site, course: Course, person: Person) -> list[int]:
    rows = site.enrolments_of(course.id, person.id)
    return sorted({e.section for e in rows if e.section and e.state in ("active", "invited")})


def _own_groups(site: Site, course: Course, person: Person) -> str:
    groups = [g for g in site.course_groups(course.id) if person.id in site.members(g.id)]
    return ",".join(group_lti_id(group.id) for group in groups)


# Numbers and booleans keep their JSON type, as a variable that is the whole value does on Canvas.
VARIABLES: dict[str, Callable[[Site, Course, Person], Any]] = {
    "$Canvas.user.id": lambda s, c, p: p.id,
    "$Canvas.user.sisSourceId": lambda s, c, p: p.sis_id or "$Canvas.user.sisSourceId",
    "$Canvas.user.loginId": lambda s, c, p: p.login,
    "$Canvas.user.isRootAccountAdmin": lambda s, c, p: p.admin,
    "$Canvas.course.id": lambda s, c, p: c.id,
    "$Canvas.course.name": lambda s, c, p: c.title,
    "$Canvas.course.sisSourceId": lambda s, c, p: c.sis_id,
    "$Canvas.course.workflowState": lambda s, c, p: "completed" if c.concluded else "available",
    "$Canvas.course.sectionIds": lambda s, c, p: ",".join(map(str, _sections(s, c, p))),
    "$com.instructure.User.sectionNames": lambda s, c, p: json.dumps(
        [s.sections[number].name for number in _sections(s, c, p)], ensure_ascii=False
    ),
    "$Canvas.api.baseUrl": lambda s, c, p: hub().issuer("canvas"),
    "$Canvas.api.domain": lambda s, c, p: hub().issuer("canvas").split("://", 1)[1],
    "$Canvas.membership.roles": lambda s, c, p: ",".join(active_types(s, c, p)),
    "$com.instructure.User.student_view": lambda s, c, p: "StudentViewEnrollment" in active_types(s, c, p),
    "$Canvas.group.contextIds": _own_groups,
    "$Context.id.history": lambda s, c, p: ",".join(s.courses[number].lti_id for number in c.history),
    "$com.instructure.Course.groupIds": lambda s, c, p: ",".join(str(g.id) for g in s.course_groups(c.id)),
    "$Person.name.full": lambda s, c, p: p.name,
    "$Message.locale": lambda s, c, p: "en",
}


def group_lti_id(group_id: int) -> str:
    """Return the opaque LTI id of a group."""
    return f"{group_id:032x}"
