"""Rows of the Canvas-like site as its REST API shows them."""

from typing import Any

from flask import request

from lti_tool.demo import canvas_api as api
from lti_tool.demo.hub import Job, canvas, hub
from lti_tool.demo.model import STUDENT_TYPES, Course, Enrolment, Group, GroupSet, Membership, Person

CREATED = "2026-09-01T10:00:00Z"
TYPE_WORDS = {
    "teacher": "TeacherEnrollment",
    "student": "StudentEnrollment",
    "student_view": "StudentViewEnrollment",
    "ta": "TaEnrollment",
    "observer": "ObserverEnrollment",
    "designer": "DesignerEnrollment",
}


def user_json(person: Person, course: Course | None = None, include: set[str] | None = None) -> dict[str, Any]:
    """Return a user; what is shown depends on the caller's rights in the course."""
    include, site = include or set(), canvas()
    shown: dict[str, Any] = {
        "id": person.id,
        "name": person.name,
        "created_at": CREATED,
        "sortable_name": person.sortable,
        "short_name": person.name,
    }
    rows = site.enrolments_of(course.id, person.id) if course else []
    unaccepted = bool(rows) and all(e.state in ("invited", "creation_pending") for e in rows)
    if course and not unaccepted:
        if api.may(course, "read_sis"):
            shown |= {"sis_user_id": person.sis_id, "integration_id": None}
        if api.may(course, "view_user_logins"):
            shown["login_id"] = person.login
    if "email" in include and (course is None or api.may(course, "read_email_addresses")):
        shown["email"] = person.email or None
    if "avatar_url" in include:
        shown["avatar_url"] = f"{hub().issuer('canvas')}/images/messages/avatar-50.png"
    if "enrollments" in include:
        shown["enrollments"] = [enrolment_json(e) for e in rows]
    if "lti_id" in include:
        shown["lti_id"] = person.lti_id.replace("-", "")
    if "uuid" in include:
        shown["uuid"] = person.lti_id.replace("-", "")[::-1]
    return shown


def enrolment_json(row: Enrolment) -> dict[str, Any]:
    """Return an enrolment without its user."""
    shown: dict[str, Any] = {
        "id": row.id,
        "user_id": row.user,
        "course_id": row.course,
        "course_section_id": row.section,
        "type": row.kind,
        "role": row.role or row.kind,
        "role_id": 3,
        "enrollment_state": row.state,
        "associated_user_id": None,
        "limit_privileges_to_course_section": row.limited,
        "created_at": CREATED,
        "updated_at": CREATED,
        "start_at": None,
        "end_at": None,
        "root_account_id": 1,
        "html_url": f"{hub().issuer('canvas')}/courses/{row.course}/users/{row.user}",
    }
    if row.kind in STUDENT_TYPES:
        shown["grades"] = {"current_score": None, "final_score": None}
    return shown


def course_json(course: Course) -> dict[str, Any]:
    """Return a course with the caller's own enrolments."""
    own = canvas().enrolments_of(course.id, api.caller().id)
    shown = {
        "id": course.id,
        "name": course.title,
        "course_code": course.code,
        "uuid": course.lti_id.replace("-", ""),
        "workflow_state": "completed" if course.concluded else "available",
        "account_id": 1,
        "root_account_id": 1,
        "start_at": None,
        "end_at": None,
        "time_zone": "Europe/Berlin",
        "enrollments": [
            {"type": e.kind.removesuffix("Enrollment").lower(), "role": e.role or e.kind, "user_id": e.user}
            | {"role_id": 3, "enrollment_state": e.state, "limit_privileges_to_course_section": e.limited}
            for e in own
        ],
    }
    if api.may(course, "read_sis"):
        shown["sis_course_id"] = course.sis_id
    if "total_students" in api.includes():
        rows = canvas().course_enrolments(course.id)
        shown["total_students"] = len({e.user for e in rows if e.kind == "StudentEnrollment"})
    return shown


def set_json(row: GroupSet, include: set[str] | None = None) -> dict[str, Any]:
    """Return a group set ("group category")."""
    site, include = canvas(), include or set()
    groups = site.set_groups(row.id)
    mine = any(api.caller().id in site.members(group.id) for group in groups)
    shown: dict[str, Any] = {
        "id": row.id,
        "name": row.name,
        "role": row.role,
        "self_signup": row.self_signup,
        "group_limit": row.group_limit,
        "auto_leader": row.auto_leader,
        "created_at": row.created,
        "context_type": "Course",
        "course_id": row.course,
        "protected": row.role not in (None, "imported"),
        "allows_multiple_memberships": row.role == "student_organized",
        "is_member": mine,
        "non_collaborative": row.is_tag,
        "self_signup_end_at": None,
    }
    if api.may(site.courses[row.course], "read_sis"):
        shown["sis_group_category_id"] = None
    if api.caller().admin:
        shown["sis_import_id"] = None
    jobs = [j for j in hub().jobs.values() if j.context_id == row.id and j.state in ("queued", "running")]
    if jobs:
        shown["progress"] = progress_json(jobs[-1])
    if "groups_count" in include:
        shown["groups_count"] = len(groups)
    if "unassigned_users_count" in include:
        shown["unassigned_users_count"] = len(unassigned(row))
    if "groups" in include:
        shown["groups"] = [group_json(group) for group in groups]
    return shown


def group_json(group: Group, include: set[str] | None = None) -> dict[str, Any]:
    """Return a group."""
    include, site = include or set(), canvas()
    group_set, members = site.sets[group.sets[0]], site.members(group.id)
    shown: dict[str, Any] = {
        "id": group.id,
        "name": group.name,
        "description": group.description,
        "is_public": group.is_public,
        "join_level": group.join_level,
        "group_category_id": group.sets[0],
        "max_membership": group.max_membership,
        "created_at": group.created,
        "members_count": len(members),
        "storage_quota_mb": 50,
        "context_type": "Course",
        "course_id": group.course,
        "avatar_url": None,
        "role": group_set.role,
        "leader": _leader(group),
        "has_submission": group.has_submission,
        "concluded": site.courses[group.course].concluded,
        "non_collaborative": group_set.is_tag,
    }
    if api.may(site.courses[group.course], "read_sis"):
        shown["sis_group_id"] = None
    if "users" in include:
        shown["users"] = [_member_json(person, group) for person in member_people(group)[:1000]]
    if "group_category" in include:
        shown["group_category"] = set_json(group_set)
    if "permissions" in include:
        shown["permissions"] = {"create_discussion_topic": True, "join": False, "create_announcement": True}
    return shown


def _leader(group: Group) -> dict[str, Any] | None:
    person = canvas().people.get(group.leader or 0)
    if person is None:
        return None
    url = f"{hub().issuer('canvas')}/courses/{group.course}/users/{person.id}"
    shown = {"id": person.id, "anonymous_id": f"{person.id:x}", "display_name": person.name}
    return shown | {"avatar_image_url": None, "html_url": url, "pronouns": None}


def _member_json(person: Person, group: Group) -> dict[str, Any]:
    shown = user_json(person, canvas().courses[group.course])
    if api.truth(request.values.get("include_inactive_users")):
        rows = canvas().enrolments_of(group.course, person.id)
        shown["active"] = any(e.state == "active" for e in rows)
    return shown


def member_people(group: Group) -> list[Person]:
    """Return a group's members by sortable name; students see only those who take part."""
    site = canvas()
    people = [site.people[number] for number in site.members(group.id)]
    if not api.may(site.courses[group.course], "read_as_admin"):
        current = {e.user for e in site.course_enrolments(group.course) if e.state == "active"}
        people = [p for p in people if p.id in current]
    return sorted(people, key=lambda p: (p.sortable.casefold(), p.id))


def unassigned(group_set: GroupSet) -> list[Person]:
    """Return the students, active or invited, who are in no group of the set."""
    site = canvas()
    taken = {number for group in site.set_groups(group_set.id) for number in site.members(group.id)}
    rows = site.course_enrolments(group_set.course)
    states = ("active", "invited")
    wanted = {e.user for e in rows if e.kind == "StudentEnrollment" and e.state in states}
    people = [site.people[number] for number in wanted - taken]
    return sorted(people, key=lambda p: (p.sortable.casefold(), p.id))


def membership_json(row: Membership, **more: Any) -> dict[str, Any]:
    """Return a membership."""
    return {
        "id": row.id,
        "group_id": row.group,
        "user_id": row.user,
        "workflow_state": "accepted",
        "moderator": row.moderator,
        "created_at": row.created,
    } | more


def progress_json(job: Job) -> dict[str, Any]:
    """Return a job as a Progress object."""
    completion = {"queued": 0, "running": 42.5, "completed": 100}.get(job.state, 42.5)
    return {
        "id": job.id,
        "context_id": job.context_id,
        "context_type": "GroupCategory",
        "user_id": None,
        "tag": job.tag,
        "completion": completion,
        "workflow_state": job.state,
        "created_at": job.created,
        "updated_at": job.created,
        "message": job.message,
        "url": f"{hub().issuer('canvas')}/api/v1/progress/{job.id}",
    }
