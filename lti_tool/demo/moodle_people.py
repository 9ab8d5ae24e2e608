"""Moodle-like functions about the site, courses and people."""

from typing import Any

from lti_tool.demo import outsider
from lti_tool.demo.hub import hub, moodle
from lti_tool.demo.model import Course, Enrolment, Group, Person
from lti_tool.demo.moodle_text import escaped
from lti_tool.demo.moodle_ws import FUNCTIONS, Call, MoodleError, bad_value, course_id, entries, function, integer

ROLE_IDS = {"manager": 1, "editingteacher": 3, "teacher": 4, "student": 5}
MANAGE_GROUPS = ("editingteacher", "manager")
FIELDS = [
    "id",
    "username",
    "firstname",
    "lastname",
    "fullname",
    "email",
    "idnumber",
    "groups",
    "roles",
    "description",
    "lang",
    "suspended",
    "department",
    "institution",
    "firstaccess",
    "lastaccess",
    "enrolledcourses",
    "profileimageurl",
]
SORTS = {
    "id": lambda p: (p.id,),
    "firstname": lambda p: (p.given.casefold(), p.family.casefold(), p.id),
    "lastname": lambda p: (p.family.casefold(), p.given.casefold(), p.id),
    "siteorder": lambda p: (p.family.casefold(), p.given.casefold(), p.id),
}


def raw(call: Call) -> bool:
    """Tell whether the caller wants texts as they are stored."""
    return str(call.get("moodlewssettingraw", "")).lower() in ("1", "true")


@function("core_webservice_get_site_info")
def site_info(_call: Call) -> Any:
    admin = next(p for p in moodle().people.values() if p.admin)
    return {
        "sitename": "Demo University (simulator)",
        "username": "lti-groups-service",
        "firstname": "LTI Groups",
        "lastname": "Service",
        "fullname": "LTI Groups Service",
        "lang": "en",
        "userid": admin.id,
        "siteurl": hub().issuer("moodle"),
        "userpictureurl": "",
        "functions": [{"name": name, "version": "2024100706"} for name in sorted(FUNCTIONS)],
        "downloadfiles": 0,
        "uploadfiles": 0,
        "release": "4.5.6 (Build: 20250811)",
        "version": "2024100706",
        "siteid": 1,
        "userissiteadmin": False,
    }


def _course(course: Course) -> dict[str, Any]:
    return {
        "id": course.id,
        "fullname": course.title,
        "displayname": course.title,
        "shortname": course.code,
        "idnumber": course.sis_id or "",
        "categoryid": 1,
        "summary": "",
        "summaryformat": 1,
        "format": "topics",
        "visible": 1,
        "groupmode": 0,
        "groupmodeforce": 0,
    }


@function("core_course_get_courses_by_field")
def courses_by_field(call: Call) -> Any:
    field, value = call.get("field", ""), str(call.get("value", ""))
    courses = list(moodle().courses.values())
    if field == "ids":
        courses = [c for c in courses if str(c.id) in value.split(",")]
    elif field:
        attribute = {"id": "id", "shortname": "code", "idnumber": "sis_id"}.get(field)
        if attribute is None:
            raise bad_value()
        courses = [c for c in courses if str(getattr(c, attribute)) == value]
    return {"courses": [_course(c) for c in courses], "warnings": []}


@function("core_course_get_courses")
def courses(call: Call) -> Any:
    options = call.get("options") or {}
    wanted = options.get("ids") if isinstance(options, dict) else None
    if not wanted:
        return [_course(c) for c in moodle().courses.values()]
    return [_course(moodle().courses[course_id(number)]) for number in wanted]


def _options(call: Call) -> dict[str, str]:
    if "options" not in call:
        return {}
    return {str(o.get("name")): str(o.get("value", "")) for o in entries(call, "options")}


def _selected(rows: list[Enrolment], options: dict[str, str]) -> list[Enrolment]:
    active, suspended = options.get("onlyactive") == "1", options.get("onlysuspended") == "1"
    if active and suspended:
        raise MoodleError("codingerror", "coding_exception")
    if "withcapability" in options:
        manage = options["withcapability"] == "moodle/course:managegroups"
        rows = [e for e in rows if e.kind in MANAGE_GROUPS or not manage]
    if options.get("groupid", "0") != "0":
        members = moodle().members(integer(options["groupid"]))
        rows = [e for e in rows if e.user in members]
    if active or suspended:
        rows = [e for e in rows if (e.state == "active") == active]
    return rows


@function("core_enrol_get_enrolled_users")
def enrolled_users(call: Call) -> Any:
    course, options = course_id(call.get("courseid")), _options(call)
    wanted = [f for f in options.get("userfields", "").split(",") if f]
    if not set(wanted) <= set(FIELDS):
        raise MoodleError("invaliduserfield")
    sort = SORTS.get(options.get("sortby", "id"))
    if sort is None:
        raise bad_value()
    if int(options.get("limitfrom", 0)):
        outsider.leave_between_pages(moodle(), course, hub().faults)
    rows = {e.user: e for e in _selected(moodle().course_enrolments(course), options)}
    reverse = options.get("sortdirection", "ASC").upper() == "DESC"
    people = sorted((moodle().people[number] for number in rows), key=sort, reverse=reverse)
    start, size = int(options.get("limitfrom", 0)), int(options.get("limitnumber", 0))
    if size and hub().faults.bad_page() == start // size + 1:
        raise MoodleError("dmlreadexception", "dml_read_exception")
    people = people[: hub().faults.people_shown or None]  # no error: who is not shown is merely not there
    people = people[start : start + size] if size else people[start:]
    if hub().faults.missing("moodle/user:viewdetails", "moodle/site:accessallgroups"):
        return []  # no error: the list is merely short
    if size:
        people = people[hub().faults.withhold :]  # rights are looked at after the cut
    groups = moodle().groups_by_user(course)
    return [_user(p, rows[p.id], groups.get(p.id, []), wanted, raw(call)) for p in people]


def _user(person: Person, row: Enrolment, groups: list[Group], wanted: list[str], as_stored: bool) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": person.id,
        "username": person.login,
        "firstname": person.given,
        "lastname": person.family,
        "fullname": person.name,
        "email": person.email,
        "department": person.department,
        "institution": person.institution,
        "idnumber": person.sis_id or "",
        "lastaccess": 0,
        "firstaccess": 0,
        "description": "",
        "groups": [
            {
                "id": group.id,
                "name": group.name if as_stored else escaped(group.name),
                "description": group.description or "",
                "descriptionformat": 1,
            }
            for group in groups
        ],
        "roles": [{"roleid": ROLE_IDS[row.kind], "name": "", "shortname": row.kind, "sortorder": 0}],
    }
    if hub().faults.missing("moodle/site:viewuseridentity"):
        values["email"] = ""
    if hub().faults.missing("moodle/user:viewalldetails"):
        values["idnumber"] = ""
    # Empty fields are left out, and the full name always comes along.
    if not values["groups"]:
        del values["groups"]
    for name in ("email", "idnumber", "institution"):
        if not values[name]:
            del values[name]
    if wanted:
        values = {k: v for k, v in values.items() if k in wanted or k in ("id", "fullname")}
    return values


@function("core_enrol_get_enrolled_users_with_capability")
def with_capability(call: Call) -> Any:
    if hub().faults.missing("moodle/role:review"):
        raise MoodleError("nopermissions", "required_capability_exception")
    answer = []
    for entry in entries(call, "coursecapabilities"):
        course = course_id(entry.get("courseid"))
        for capability in entry.get("capabilities", []):
            options = {"withcapability": str(capability)} | _options(call)
            rows = {e.user: e for e in _selected(moodle().course_enrolments(course), options)}
            users = [_user(moodle().people[n], rows[n], [], [], True) for n in sorted(rows)]
            answer.append({"courseid": course, "capability": capability, "users": users})
    return answer


@function("core_user_get_users_by_field")
def users_by_field(call: Call) -> Any:
    attribute = {"id": "id", "idnumber": "sis_id", "username": "login", "email": "email"}
    field, values = attribute.get(str(call.get("field"))), call.get("values", [])
    if field is None or not isinstance(values, list):
        raise bad_value()
    people = [p for p in moodle().people.values() if str(getattr(p, field)) in values]
    return [
        {
            "id": p.id,
            "username": p.login,
            "firstname": p.given,
            "lastname": p.family,
            "fullname": p.name,
            "email": p.email,
            "idnumber": p.sis_id or "",
            "auth": "manual",
            "suspended": p.suspended,
            "confirmed": True,
            "lang": "en",
        }
        for p in people
    ]
