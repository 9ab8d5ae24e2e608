"""Links of copied courses on both databases: where one came from, and a choice that is made and changed."""

from typing import Any
from uuid import uuid4

from flask import Flask

from lti_tool.domain.clock import now
from lti_tool.domain.permissions import Actor
from lti_tool.domain.roles import EnrollmentType
from lti_tool.models import Assignment, Course, CourseAccess, GroupSet, Registration, transaction
from lti_tool.services import links
from lti_tool.services.access import CourseFacts, Viewer


def make_course(registration: Registration, title: str, **values: Any) -> tuple[Course, GroupSet, Assignment]:
    """Store a course with a set and an assignment of one name in both."""
    course = Course(
        id=uuid4(), registration_id=registration.id, lti_context_id=title, title=title, label="", created_at=now()
    )
    course.copied_from = values.get("copied_from")
    kept = GroupSet(id=uuid4(), course_id=course.id, name="Teams", position=1, created_at=now())
    work = Assignment(id=uuid4(), course_id=course.id, name="Essay", group_set_id=kept.id, created_at=now())
    with transaction() as session:
        for row in (course, kept, work):
            session.add(row)
            session.flush()
    return course, kept, work


def test_a_copied_link_is_known_connected_and_connected_otherwise(app_on_both: Flask) -> None:
    registration = Registration(id=uuid4(), name="School", family="moodle", issuer="https://lms", created_at=now())
    with transaction() as session:
        session.add(registration)
    _, old_set, old_work = make_course(registration, "Last year")
    here, new_set, new_work = make_course(registration, "This year", copied_from="x,Last year")
    access = CourseAccess(
        id=uuid4(), course_id=here.id, lti_user_id="t", name="T", enrollment_type="teacher", launched_at=now()
    )
    access.is_administrator = False
    with transaction() as session:
        session.add(access)
    facts = CourseFacts(here.id, here.title, here.label, "moodle")
    viewer = Viewer(access.id, "T", facts, Actor(EnrollmentType.TEACHER, True))

    for old, new in ((old_set, new_set), (old_work, new_work)):
        known = links.read_foreign(viewer, old.id)
        assert known.source is not None
        assert (known.source.course, known.source.name, known.same) == ("Last year", old.name, str(new.id))
    assert links.find_target(here.id, old_work.id) is None
    for target in (new_work, new_set):
        links.connect_link(viewer, old_work.id, target.id)
        found = links.find_target(here.id, old_work.id)
        assert found is not None
        assert (found.id, found.is_set) == (target.id, target is new_set)
    (listed,) = links.list_connected(viewer)
    assert (listed.target.name, listed.source) == ("Teams", links.Source("Last year", "Essay", False))
    links.disconnect_link(viewer, old_work.id)
    assert links.list_connected(viewer) == []
