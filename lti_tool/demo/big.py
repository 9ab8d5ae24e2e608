"""The big course: made on request, filled with students and two group sets."""

from lti_tool.demo import names
from lti_tool.demo.model import Course, Person
from lti_tool.demo.site import Site


def make_big_course(site: Site, students: int, groups: int) -> int:
    """Return the id of the big course of this size; it is made when it does not exist yet."""
    code = f"BIG{students}-{groups}"
    for course in site.courses.values():
        if course.code == code:
            return course.id
    course = site.add_course(code, f"Big course with {students:,} students")
    canvas = site.flavour == "canvas"
    sections = [site.add_section(course, f"{code} section {i}").id for i in range(1, 5)] if canvas else [None]
    teacher = next(p for p in site.people.values() if (p.given, p.family) == names.TEACHER)
    site.enrol(course, teacher, "TeacherEnrollment" if canvas else "editingteacher", section=sections[0])
    people = [_student(site, i, code) for i in range(students)]
    kind = "StudentEnrollment" if canvas else "student"
    for i, person in enumerate(people):
        site.enrol(course, person, kind, section=sections[i % len(sections)])
    _fill(site, course, people, ("Project teams", "Project team"), groups)
    _fill(site, course, people, ("Labs", "Lab"), min(20, groups))
    return course.id


def _student(site: Site, index: int, code: str) -> Person:
    given, family = names.big_name(index)
    login = names.login_of(given, family, index + 1)
    email = f"{login}.{code.lower()}@uni.example"
    return site.add_person(given, family, email, f"{login}-{code.lower()}", sis_id=f"{code}-{index + 1}")


def _fill(site: Site, course: Course, people: list[Person], titles: tuple[str, str], count: int) -> None:
    group_set = site.add_set(course.id, titles[0])
    made = [site.add_group(course.id, f"{titles[1]} {i + 1}", [group_set.id]) for i in range(count)]
    for i, person in enumerate(people if made else ()):
        site.add_member(made[i % len(made)].id, person.id)
