"""The roster by Names and Role Provisioning: no token of the LMS's own API is needed, only the launch and our keys."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.serving import make_server

from lti_tool.demo import ToolLink, nrps
from lti_tool.domain.errors import LmsRefused
from lti_tool.models import Course, Registration, RosterMember, ServiceToken, db, transaction
from lti_tool.services import group_sets, roster, tokens


@pytest.fixture
def provisioned(app_on_both: Flask, classroom: Any) -> Iterator[Any]:
    """A course whose launch named the service; the LMS reads our public keys over HTTP; no token is stored."""
    server = make_server("127.0.0.1", 0, app_on_both, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    course = db.session.get_one(Course, classroom.course_id)
    registration = course.registration
    base = f"http://127.0.0.1:{server.port}/lti/{registration.id}"
    link = ToolLink("c", "1", f"{base}/login", f"{base}/launch", f"{base}/jwks.json")
    classroom.lms.install_tool(classroom.flavour, link)
    paths = {
        "canvas": f"/api/lti/courses/{classroom.lms_course_id}/names_and_roles",
        "moodle": f"/mod/lti/services.php/CourseSection/{classroom.lms_course_id}/bindings/1/memberships",
    }
    with transaction() as session:
        session.get_one(Course, course.id).memberships_url = registration.issuer + paths[classroom.flavour]
        session.get_one(Course, course.id).resource_link_id = None
        session.query(ServiceToken).delete()
    yield classroom
    server.shutdown()
    thread.join()
    server.server_close()


def active_in_lms(classroom: Any) -> set[str]:
    return {p["name"] for p in classroom.state()["people"] if "active" in p["states"]}


def names(classroom: Any) -> set[str]:
    page = roster.read_roster(classroom.course_id)
    return {member.name for member in (*page.students, *page.staff) if member.status == "active"}


def test_everybody_active_is_on_the_roster_and_nobody_has_an_invented_email(provisioned: Any) -> None:
    report = provisioned.pull("roster")
    assert names(provisioned) >= active_in_lms(provisioned) - {"Test Student"}
    assert report.calls == provisioned.calls()
    emails = db.session.scalars(select(RosterMember.email).where(RosterMember.email.is_not(None)))
    assert not [email for email in emails if "example.com" in email]


def test_who_left_is_dropped_and_who_came_is_added(provisioned: Any) -> None:
    provisioned.pull("roster")
    student = next(m for m in roster.read_roster(provisioned.course_id).students if m.name == "Sukarno")
    people = {p["name"]: p for p in provisioned.state()["people"]}
    provisioned.outsider("unenrol", user_id=people[student.name]["id"])
    report = provisioned.pull("roster")
    assert report.roster.dropped == 1
    dropped = [m for m in roster.read_roster(provisioned.course_id).students if m.status == "dropped"]
    assert [(m.id, m.enrollment_display) for m in dropped] == [(student.id, "Dropped")]


@pytest.mark.parametrize("flavour", ["canvas"])
def test_nobody_is_dropped_who_moved_up_a_page_because_another_left(
    provisioned: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nrps, "CANVAS_PAGE", 10)
    provisioned.pull("roster")
    before = names(provisioned)
    first = min((p for p in provisioned.state()["people"] if p["name"] in before), key=lambda person: person["id"])
    provisioned.lms.faults({"leaves_between_pages": first["id"]})
    provisioned.pull("roster")
    assert before - names(provisioned) <= {first["name"]}
    provisioned.pull("roster")
    assert before - names(provisioned) == {first["name"]}


def test_without_a_token_groups_say_what_is_missing_and_change_nothing(provisioned: Any) -> None:
    provisioned.pull("roster")
    with pytest.raises(LmsRefused, match="token_missing"):
        provisioned.pull()
    assert all(summary.follows_roster for summary in group_sets.list_sets(provisioned.course_id))
    assert names(provisioned)


def test_a_platform_that_does_not_know_us_changes_nothing(provisioned: Any) -> None:
    with transaction() as session:
        session.scalars(select(Registration)).one().client_id = "somebody else"
    with pytest.raises(LmsRefused):
        provisioned.pull("roster")
    assert names(provisioned) == set()


def test_with_a_token_the_roster_run_asks_who_may_manage_groups(provisioned: Any) -> None:
    registration = db.session.scalars(select(Registration)).one()
    tokens.set_service_token(provisioned.tool.settings, registration.id, f"demo-{provisioned.flavour}-token")
    report = provisioned.pull("roster")
    assert report.calls == provisioned.calls()
    said = {m.lms_user_id: m.manages_groups for m in db.session.scalars(select(RosterMember))}
    kinds = {str(p["id"]): p["roles"][0] for p in provisioned.state()["people"]}
    if provisioned.flavour == "moodle":  # Canvas tells it at each launch
        assert {kinds[n] for n, manages in said.items() if manages} == {"editingteacher", "manager"}
        assert None not in said.values()
    else:
        assert set(said.values()) == {None}


@pytest.mark.parametrize("flavour", ["moodle"])
@pytest.mark.usefixtures("no_waiting")
def test_a_right_that_nobody_tells_spoils_no_roster(provisioned: Any) -> None:
    registration = db.session.scalars(select(Registration)).one()
    tokens.set_service_token(provisioned.tool.settings, registration.id, "a token that was taken back")
    assert provisioned.pull("roster").complete
    assert {m.manages_groups for m in db.session.scalars(select(RosterMember))} == {None}
