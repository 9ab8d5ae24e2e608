"""The pages that people look at: the start page, and the courses of both sites with their groups and people."""

from typing import Any

from flask import Blueprint, Response, abort, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from lti_tool.demo import canvas_lti, moodle_lti
from lti_tool.demo.config import Flavour
from lti_tool.demo.hub import hub
from lti_tool.demo.model import Course, Person
from lti_tool.demo.site import Site

bp = Blueprint("pages", __name__)
SHOWN_STUDENTS = 6
EDITORS = ("TeacherEnrollment", "TaEnrollment", "DesignerEnrollment", "editingteacher", "manager")
KIND_WORDS = {
    "TeacherEnrollment": "Teacher",
    "TaEnrollment": "TA",
    "DesignerEnrollment": "Designer",
    "ObserverEnrollment": "Observer",
    "StudentEnrollment": "Student",
    "StudentViewEnrollment": "Test Student",
    "editingteacher": "Teacher",
    "teacher": "Non-editing teacher",
    "manager": "Manager",
    "student": "Student",
}


def course_url(site: Site, course: Course, person: Person, page: str = "home") -> str:
    """Return the address of a page of a course as one person sees it."""
    if site.flavour == "canvas":
        tail = {"home": "", "people": "/users", "groups": "/groups", "tool": "/external_tools/1"}[page]
        return f"/canvas/courses/{course.id}{tail}?as={person.id}"
    path = {
        "home": f"course/view.php?id={course.id}",
        "people": f"user/index.php?id={course.id}",
        "groups": f"group/index.php?id={course.id}",
        "tool": f"mod/lti/view.php?id={moodle_lti.cmid_of(course)}",
    }[page]
    return f"/moodle/{path}&as={person.id}"


def launch_url(site: Site, course: Course, person: Person) -> str:
    """Return the address that starts a launch."""
    if site.flavour == "canvas":
        return f"/canvas/courses/{course.id}/external_tools/1/launch?as={person.id}"
    return f"/moodle/mod/lti/launch.php?id={moodle_lti.cmid_of(course)}&as={person.id}"


def people_by_role(site: Site, course: Course, limit: int | None) -> dict[str, list[dict[str, Any]]]:
    """Return the people of a course under the word for their role, with what is special about them."""
    found: dict[str, list[dict[str, Any]]] = {}
    seen: set[tuple[int, str]] = set()
    for row in site.course_enrolments(course.id):
        person, word = site.people[row.user], KIND_WORDS.get(row.kind, row.kind)
        if (person.id, word) in seen:
            continue
        seen.add((person.id, word))
        note = "" if row.state == "active" else row.state.replace("_", " ")
        found.setdefault(word, []).append(
            {"person": person, "note": note or ("account suspended" if person.suspended else "")}
        )
    admins = [{"person": p, "note": "not enrolled"} for p in site.people.values() if p.admin]
    found["Administrator"] = admins
    return {word: rows[:limit] for word, rows in found.items()}


@bp.get("/")
def start() -> ResponseReturnValue:
    small = [
        (site, [(course, people_by_role(site, course, _limit(site, course))) for course in site.courses.values()])
        for site in hub().sites.values()
    ]
    return render_template(
        "demo/start.html",
        sites=small,
        url=course_url,
        tools=hub().tools,
        students=hub().config.big_course_students,
        title="Demo LMS",
    )


def _limit(site: Site, course: Course) -> int | None:
    return SHOWN_STUDENTS if len(site.course_enrolments(course.id)) > 100 else None


def _who(flavour: Flavour, course_id: int) -> tuple[Site, Course, Person]:
    site = hub().sites[flavour]
    course, person = site.courses.get(course_id), site.people.get(request.args.get("as", 0, int))
    if course is None:
        abort(404)
    # Nobody chosen: the course's first teacher.
    first = next(iter(site.course_enrolments(course.id)), None)
    return site, course, person or site.people[first.user if first else next(iter(site.people))]


def _view(flavour: Flavour, course_id: int, page: str, launch: str = "") -> Response:
    site, course, person = _who(flavour, course_id)
    links = {name: course_url(site, course, person, name) for name in ("home", "people", "groups", "tool")}
    asked = "".join(f"&{name}={request.args[name]}" for name in ("link", "placing") if request.args.get(name, type=int))
    shown = render_template(
        f"demo/{flavour}_course.html",
        site=site,
        course=course,
        person=person,
        page=page,
        links=links,
        launch=(launch or launch_url(site, course, person)) + asked,
        placed=[link for link in site.links.values() if link.course == course.id],
        is_staff=person.admin or any(e.kind in EDITORS for e in site.enrolments_of(course.id, person.id)),
        people=people_by_role(site, course, 200) if page in ("people", "home") else {},
        sets=_sets(site, course) if page == "groups" else [],
        installed=flavour in hub().tools,
        title=course.title,
    )
    response = make_response(shown)
    response.set_cookie(f"demo_{flavour}", str(person.id), path=f"/{flavour}", httponly=True, samesite="Lax")
    return response


def _sets(site: Site, course: Course) -> list[dict[str, Any]]:
    def shown(groups: list[Any]) -> list[dict[str, Any]]:
        return [
            {"group": group, "people": [site.people[number] for number in site.members(group.id)]} for group in groups
        ]

    sets = [{"name": s.name, "groups": shown(site.set_groups(s.id))} for s in site.course_sets(course.id)]
    loose = [group for group in site.course_groups(course.id) if not group.sets]
    return [*sets, {"name": "Not in a grouping", "groups": shown(loose)}] if loose else sets


def _start_launch(flavour: Flavour, course_id: int) -> ResponseReturnValue:
    _, course, person = _who(flavour, course_id)
    tool = hub().tools.get(flavour)
    if tool is None:
        return render_template("demo/no_tool.html", title="LTI Groups"), 404
    if flavour == "canvas":
        return canvas_lti.launch_start(tool, course, person)
    return moodle_lti.launch_start(tool, course, person)


@bp.get("/canvas/courses/<int:course_id>")
def canvas_home(course_id: int) -> ResponseReturnValue:
    return _view("canvas", course_id, "home")


@bp.get("/canvas/courses/<int:course_id>/users")
def canvas_people(course_id: int) -> ResponseReturnValue:
    return _view("canvas", course_id, "people")


@bp.get("/canvas/courses/<int:course_id>/groups")
def canvas_groups(course_id: int) -> ResponseReturnValue:
    return _view("canvas", course_id, "groups")


@bp.get("/canvas/courses/<int:course_id>/external_tools/1")
def canvas_tool(course_id: int) -> ResponseReturnValue:
    return _view("canvas", course_id, "tool")


@bp.get("/canvas/courses/<int:course_id>/external_tools/1/launch")
def canvas_launch(course_id: int) -> ResponseReturnValue:
    return _start_launch("canvas", course_id)


@bp.get("/canvas/courses/<int:course_id>/external_tools/retrieve")
def canvas_retrieve(course_id: int) -> ResponseReturnValue:
    """Launch the tool that an address belongs to, at that address; whoever is not signed in says who it is first."""
    site, course, _ = _who("canvas", course_id)
    url, tool = request.args.get("url", ""), hub().tools.get("canvas")
    if tool is None or not canvas_lti.is_of_tool(tool, url):
        return render_template("demo/no_tool.html", title="Couldn’t find valid settings for this link"), 404
    signed_in = request.args.get("as") or request.cookies.get("demo_canvas", "")
    person = site.people.get(int(signed_in)) if signed_in.isdecimal() else None
    here: dict[str, Any] = {"url": url, "display": "borderless"}
    if person is None:
        people = people_by_role(site, course, 200)
        return render_template("demo/login.html", title="Log in", people=people, course=course, here=here)
    if request.args.get("display") == "borderless":
        return canvas_lti.launch_start(tool, course, person, url)
    return _view("canvas", course_id, "tool", url_for("pages.canvas_retrieve", course_id=course_id, **here))


@bp.get("/canvas/api/lti/post_message_forwarding")
def forwarding() -> ResponseReturnValue:
    return render_template("demo/forwarding.html")


def _by_id(path: str, name: str, shift: int = 0) -> None:
    """Register a Moodle page, whose course comes as ``?id=``."""

    def view() -> ResponseReturnValue:
        return _view("moodle", request.args.get("id", 0, int) - shift, name)

    bp.add_url_rule(f"/moodle/{path}", f"moodle_{name}", view)


_by_id("course/view.php", "home")
_by_id("user/index.php", "people")
_by_id("group/index.php", "groups")
_by_id("mod/lti/view.php", "tool", shift=1)


@bp.get("/moodle/mod/lti/launch.php")
def moodle_launch() -> ResponseReturnValue:
    return _start_launch("moodle", request.args.get("id", 0, int) - 1)


@bp.get("/moodle/mod/lti/return.php")
@bp.get("/canvas/courses/<int:course_id>/external_content/success/external_tool_redirect")
def returned(course_id: int = 0) -> ResponseReturnValue:
    return render_template("demo/returned.html", title="Back from the tool", course_id=course_id)
