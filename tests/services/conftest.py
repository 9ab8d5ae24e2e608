"""A course of the demo LMS as the services meet it: registered, launched once by its teacher, reachable by token."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.serving import WSGIRequestHandler, make_server

from lti_tool.demo import DemoLms, LmsConfig, create_lms
from lti_tool.demo.outsider import act
from lti_tool.demo.state_view import course_state
from lti_tool.domain.clock import now
from lti_tool.domain.permissions import Actor
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.sync import Report
from lti_tool.models import Course, CourseAccess, RosterMember, SyncRun, db, transaction
from lti_tool.services import group_sets, groups, pull, registrations, runs, tokens
from lti_tool.services.access import CourseFacts, Viewer
from lti_tool.services.set_page import ShownSet, read_shown_set
from lti_tool.services.tool import Tool


class _Silent(WSGIRequestHandler):
    def log(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def demo() -> Iterator[tuple[DemoLms, str]]:
    """A demo LMS of its own, on a real socket."""
    server = make_server("127.0.0.1", 0, None, threaded=True, request_handler=_Silent)
    url = f"http://127.0.0.1:{server.port}"
    lms = create_lms(LmsConfig(base_url=url))
    server.app = lms.app
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield lms, url
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Classroom:
    """A course with its teacher, in the store and in the demo LMS."""

    tool: Tool
    lms: DemoLms
    flavour: Any
    lms_course_id: str
    course_id: UUID
    viewer: Viewer

    def pull(self, kind: str = "pull") -> Report:
        """Do a whole run of that kind now."""
        report = Report()
        run = runs.claim(runs.queue(self.course_id, kind))
        assert run is not None
        pull.run_pull(self.tool, run, report)
        return report

    def new_set(self, name: str) -> UUID:
        """Make a local set."""
        return group_sets.create_set(self.viewer, name).group_set

    def new_groups(self, set_id: UUID, name: str, count: int = 1) -> list[UUID]:
        """Add groups to a local set; their ids in the set's order."""
        made = groups.create_groups(self.viewer, set_id, name, count).groups
        return [group.id for group in group_sets.read_groups(set_id) if group.id in made]

    def state(self) -> dict[str, Any]:
        """What the LMS holds."""
        with self.lms.hub.lock:
            return course_state(self.lms.hub.sites[self.flavour], int(self.lms_course_id))

    def outsider(self, action: str, **values: Any) -> Any:
        """Change something behind the tool's back."""
        with self.lms.hub.lock, self.lms.app.app_context():
            return act(self.lms.hub.sites[self.flavour], action, values | {"course_id": self.lms_course_id})

    def calls(self) -> int:
        return int(self.lms.calls()[self.flavour]["total"])

    def students(self) -> list[RosterMember]:
        return list(group_sets.active_students(self.course_id))

    def read_set(self, set_id: UUID) -> ShownSet:
        """A whole set as its page shows it, every block of groups and everybody who waits."""
        return read_shown_set(self.viewer, set_id, last=10**6, everybody=True)

    def shape(self) -> dict[str, dict[str, set[str]]]:
        """The store's sets → groups → LMS user ids, without the sets of the roster."""
        found: dict[str, dict[str, set[str]]] = {}
        for summary in group_sets.list_sets(self.course_id):
            if summary.follows_roster:
                continue
            page = self.read_set(summary.row.id)
            found[page.row.name] = {
                card.row.lms_group_id or card.row.name: {m.lms_user_id or "" for m in card.members}
                for card in page.cards
            }
        return found

    def last_run(self) -> SyncRun:
        db.session.rollback()
        return db.session.scalars(select(SyncRun).order_by(SyncRun.created_at.desc()).limit(1)).one()


@pytest.fixture(params=["canvas", "moodle"])
def flavour(request: pytest.FixtureRequest) -> str:
    """Both LMSs in turn."""
    return str(request.param)


@pytest.fixture
def classroom(app_on_both: Flask, demo: tuple[DemoLms, str], flavour: Any) -> Classroom:
    """The LMS's small course, on both LMSs and both databases."""
    lms, url = demo
    tool: Tool = app_on_both.extensions["lti_tool"]
    site = lms.hub.sites[flavour]
    lms_course = next(iter(site.courses.values()))
    return open_classroom(tool, lms, url, flavour, str(lms_course.id))


@pytest.fixture
def big_classroom(app_on_both: Flask, demo: tuple[DemoLms, str], flavour: Any) -> Classroom:
    """A course of 2,000 students and 400 groups."""
    lms, url = demo
    lms_course_id = lms.make_big_course(flavour)
    return open_classroom(app_on_both.extensions["lti_tool"], lms, url, flavour, lms_course_id)


def open_classroom(tool: Tool, lms: DemoLms, url: str, flavour: Any, lms_course_id: str) -> Classroom:
    """Store the course as its teacher's first launch would."""
    row = registrations.add_registration(f"{url}/{flavour}", flavour, client_id="c", deployments=("1",))
    tokens.set_service_token(tool.settings, row.id, f"demo-{flavour}-token")
    with transaction() as session:
        course = Course(
            id=uuid4(),
            registration_id=row.id,
            lti_context_id="context",
            lms_course_id=lms_course_id,
            title="Course",
            label="C",
            created_at=now(),
        )
        session.add(course)
        session.flush()
        access = CourseAccess(
            id=uuid4(),
            course_id=course.id,
            lti_user_id="teacher",
            name="Teacher",
            enrollment_type=EnrollmentType.TEACHER,
            may_manage_groups=True,
            is_administrator=False,
            launched_at=now(),
        )
        session.add(access)
    viewer = Viewer(
        access.id, "Teacher", CourseFacts(course.id, "Course", "C", flavour), Actor(EnrollmentType.TEACHER, True)
    )
    return Classroom(tool, lms, flavour, lms_course_id, course.id, viewer)
