"""The small courses of both sites: people of every kind, and group sets as an LMS would hold them."""

from lti_tool.demo import names
from lti_tool.demo.config import Flavour
from lti_tool.demo.model import Course, Person
from lti_tool.demo.site import Site

# Which students (by their place in the list) are not simply active.
_CANVAS_STATES = {19: "invited", 20: "creation_pending", 21: "inactive", 22: "completed", 23: "deleted"}
_DEPARTMENTS = ("Computer Science", "Mathematics", "Études françaises")
_MOODLE_STATES = {21: "suspended", 22: "future", 23: "ended"}


def new_site(flavour: Flavour) -> Site:
    """Return a site with its two small courses."""
    site = Site(flavour)
    (_canvas if flavour == "canvas" else _moodle)(site)
    return site


def _person(site: Site, name: tuple[str, str], number: int, sis: str | None) -> Person:
    login = names.login_of(*name, number)
    # Profile fields that Moodle has and Canvas has not; not everybody fills them in.
    filled = site.flavour == "moodle" and number % 4
    department = _DEPARTMENTS[number % len(_DEPARTMENTS)] if filled else ""
    institution = "Demo University" if filled else ""
    return site.add_person(
        *name, f"{login}@uni.example", login, sis_id=sis, department=department, institution=institution
    )


def _people(site: Site) -> tuple[Person, list[Person], list[Person]]:
    admin = site.add_person(*names.ADMIN, "admin@uni.example", "admin", admin=True)
    staff_names = (names.TEACHER, names.SECOND_TEACHER, names.ASSISTANT, ("Ingrid", "Sørensen"), ("Per", "Li"))
    staff = [_person(site, name, i, f"staff-{i}") for i, name in enumerate(staff_names, 1)]
    # One student in five has no SIS id, as at every real university.
    students = [
        _person(site, name, i, None if i % 5 == 0 else f"26000{i:02}") for i, name in enumerate(names.STUDENTS, 1)
    ]
    return admin, staff, students


def _canvas(site: Site) -> None:
    _, staff, students = _people(site)
    course = site.add_course("CS101", "Introduction to Programming")
    second = site.add_course("HIST200", "A Short History of Lists")
    sections = [site.add_section(course, f"CS101 {name}").id for name in ("Morning", "Afternoon", "Évening")]
    other = site.add_section(second, "HIST200").id
    kinds = ("Teacher", "Teacher", "Ta", "Designer", "Observer")
    for i, (person, kind) in enumerate(zip(staff, kinds, strict=True)):
        # The second teacher sees her own section only; the assistant has a role with a name of its own.
        section = sections[1] if i == 1 else sections[0]
        role = "Senior tutor" if kind == "Ta" else None
        site.enrol(course, person, f"{kind}Enrollment", section=section, limited=i == 1, role=role)
    for i, person in enumerate(students):
        state = _CANVAS_STATES.get(i, "active")
        site.enrol(course, person, "StudentEnrollment", state=state, section=sections[i % 3])
    site.enrol(course, students[0], "StudentEnrollment", section=sections[1])
    fake = site.add_person("Test", "Student", "", "test-student")
    site.enrol(course, fake, "StudentViewEnrollment", section=sections[0])
    site.enrol(second, staff[0], "TeacherEnrollment", section=other)
    for person in students[:6]:
        site.enrol(second, person, "StudentEnrollment", section=other)
    _canvas_groups(site, course, staff, students)


def _canvas_groups(site: Site, course: Course, staff: list[Person], students: list[Person]) -> None:
    own = site.add_set(course.id, "Student Groups", role="student_organized")
    club = site.add_group(course.id, "Reading circle", [own.id])
    for person in students[4:7]:
        site.add_member(club.id, person.id)
    teams = site.add_set(course.id, "Project teams", group_limit=5)
    for i in range(5):
        group = site.add_group(course.id, f"Project team {i + 1}", [teams.id], max_membership=5)
        for person in students[i * 3 : i * 3 + 3]:
            site.add_member(group.id, person.id)
        group.leader = students[i * 3].id
    site.add_group(course.id, "Project team 6 (empty)", [teams.id], max_membership=5)
    labs = site.add_set(course.id, "Lab sessions", self_signup="enabled")
    # Two groups of one name: Canvas does not mind, so a tool must go by ids.
    titles = ("Monday", "Tuesday", "Wednesday", "Thursday & Friday", "Monday")
    for i, title in enumerate(titles):
        group = site.add_group(course.id, title, [labs.id])
        for person in students[i:18:6]:
            site.add_member(group.id, person.id)
    first = site.set_groups(labs.id)[0]
    site.add_member(first.id, staff[0].id)
    # Somebody who has left the class is still in a group.
    site.add_member(first.id, students[22].id)


def _moodle(site: Site) -> None:
    _, staff, students = _people(site)
    course = site.add_course("CS101", "CS101 Introduction to Programming")
    second = site.add_course("HIST200", "A Short History of Lists")
    kinds = ("editingteacher", "editingteacher", "teacher", "manager", "teacher")
    for person, kind in zip(staff, kinds, strict=True):
        site.enrol(course, person, kind)
    for i, person in enumerate(students):
        site.enrol(course, person, "student", state=_MOODLE_STATES.get(i, "active"))
    students[20].suspended = True
    site.enrol(second, staff[0], "editingteacher")
    for person in students[:6]:
        site.enrol(second, person, "student")
    _moodle_groups(site, course, staff, students)


def _moodle_groups(site: Site, course: Course, staff: list[Person], students: list[Person]) -> None:
    teams = site.add_set(course.id, "Project teams", idnumber="PROJ", description="<p>Term project</p>")
    labs = site.add_set(course.id, "Lab sessions", idnumber="LAB", description="<p>Weekly <b>labs</b></p>")
    site.add_set(course.id, "Excursion & visits")
    for i in range(5):
        name = f"Team {i + 1}"
        group = site.add_group(course.id, name, [teams.id], idnumber=f"team-{i + 1}")
        for person in students[i * 3 : i * 3 + 3]:
            site.add_member(group.id, person.id)
    site.add_group(course.id, "Team 6 (empty)", [teams.id])
    shared = site.add_group(course.id, "Volunteers & tutors", [teams.id, labs.id])
    site.add_member(shared.id, staff[0].id)
    site.add_member(shared.id, students[15].id)
    for i, name in enumerate(("Lab A", "Lab B", "score a < b", "Lab D")):
        group = site.add_group(course.id, name, [labs.id])
        for person in students[i:17:5]:
            site.add_member(group.id, person.id)
    loose = site.add_group(course.id, "Everyone with a laptop", description="<p>In <em>no</em> grouping</p>")
    for person in (*students[2:6], students[21]):
        site.add_member(loose.id, person.id)
    # A membership that another plugin owns: nobody but that plugin may take it away.
    site.add_member(loose.id, students[16].id, "enrol_cohort")
