"""A course of an LMS that is neither Canvas nor Moodle: its groups are read over LTI alone, and never written."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.serving import make_server

from lti_tool.demo import ToolLink
from lti_tool.domain.errors import LmsRefused
from lti_tool.domain.groups import Connection
from lti_tool.domain.roles import EnrollmentType
from lti_tool.lti.launch import ContextFacts, LaunchFacts
from lti_tool.models import Course, CourseAccess, GroupSet, RosterMember, SyncRun, db, transaction
from lti_tool.services import gateways, launch, publication, registrations, removal
from tests.services.conftest import Classroom

TOKEN_PATHS = {"canvas": "/login/oauth2/token", "moodle": "/mod/lti/token.php"}


@pytest.fixture
def elsewhere(app_on_both: Flask, classroom: Any) -> Iterator[Classroom]:
    """The small course of the demo LMS, played as an LMS of another make: launched, with no token of its API."""
    server = make_server("127.0.0.1", 0, app_on_both, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    issuer = db.session.get_one(Course, classroom.course_id).registration.issuer
    row = registrations.add_registration(
        issuer,
        "other",
        client_id="elsewhere",
        deployments=("1",),
        auth_login_url=issuer + "/auth",
        auth_token_url=issuer + TOKEN_PATHS[classroom.flavour],
        key_set_url=issuer + "/jwks",
    )
    base = f"http://127.0.0.1:{server.port}/lti/{row.id}"
    link = ToolLink("elsewhere", "1", f"{base}/login", f"{base}/launch", f"{base}/jwks.json", {}, True)
    classroom.lms.install_tool(classroom.flavour, link)
    course_id = classroom.lms_course_id
    members = {
        "canvas": f"/api/lti/courses/{course_id}/names_and_roles",
        "moodle": f"/mod/lti/services.php/CourseSection/{course_id}/bindings/1/memberships",
    }
    teacher = next(p for p in classroom.state()["people"] if p["roles"][0] in ("TeacherEnrollment", "editingteacher"))
    recorded = launch.record(
        LaunchFacts(
            registration_id=row.id,
            nonce_hash=uuid4().hex,
            lti_user_id=teacher["lti_id"],
            name=teacher["name"],
            email=None,
            student_number=None,
            roles=("x",),
            enrollment_type=EnrollmentType.TEACHER,
            is_administrator=False,
            is_test_user=False,
            message_type="LtiResourceLinkRequest",
            lms_deployment_id="1",
            context=ContextFacts("context-1", "Programming", "CS1"),
            resource_link_id="link",
            memberships_url=issuer + members[classroom.flavour],
            custom={},
            target_path="/",
            locale=None,
            platform_origins=(),
            may_manage_groups=None,
            lms_user_id=teacher["lti_id"],
            lms_course_id="context-1",
            groups_url=f"{issuer}/api/lti/courses/{course_id}/context_groups",
            group_sets_url=f"{issuer}/api/lti/courses/{course_id}/context_group_sets",
        )
    )
    assert recorded.course_id is not None
    viewer = replace(classroom.viewer, course=replace(classroom.viewer.course, id=recorded.course_id, family="other"))
    # The launch queued a refresh of the roster; a pull brings that and more.
    with transaction() as session:
        session.query(SyncRun).delete()
    yield replace(classroom, course_id=recorded.course_id, viewer=replace(viewer, access_id=access_of(recorded)))
    server.shutdown()
    thread.join()
    server.server_close()


def access_of(recorded: launch.RecordedLaunch) -> Any:
    return db.session.scalars(select(CourseAccess.id).where(CourseAccess.course_id == recorded.course_id)).one()


def in_lms(classroom: Classroom) -> dict[str, set[str]]:
    """Group → LTI ids of its active members, without clubs."""
    state = classroom.state()
    active = {p["id"]: p["lti_id"] for p in state["people"] if "active" in p["states"]}
    clubs = {s["id"] for s in state["group_sets"] if s["role"]}
    groups = [g for g in state["groups"] if not clubs & set(g["sets"])]
    return {str(g["id"]): {active[m] for m in g["members"] if m in active} for g in groups}


def here(classroom: Classroom) -> dict[str, set[str]]:
    return {group: members for groups in classroom.shape().values() for group, members in groups.items()}


def test_a_pull_brings_people_sets_and_groups(elsewhere: Classroom) -> None:
    report = elsewhere.pull()
    assert here(elsewhere) == in_lms(elsewhere)
    assert report.not_in_roster == 0
    connections = set(db.session.scalars(select(GroupSet.connection).where(GroupSet.lms_group_set_id.is_not(None))))
    assert connections == {Connection.LTI}
    assert db.session.get_one(Course, elsewhere.course_id).roster_connection == Connection.LTI
    launched = db.session.scalars(select(RosterMember).where(RosterMember.course_id == elsewhere.course_id)).all()
    assert len({member.lti_user_id for member in launched}) == len(launched)


def test_a_second_pull_follows_the_lms(elsewhere: Classroom) -> None:
    elsewhere.pull()
    group = next(g for g in elsewhere.state()["groups"] if g["members"] and g["name"] != "Reading circle")
    elsewhere.outsider("rename_group", group_id=group["id"], name="Renamed there")
    elsewhere.outsider("remove_member", group_id=group["id"], user_id=group["members"][0])
    report = elsewhere.pull()
    assert here(elsewhere) == in_lms(elsewhere)
    assert (report.groups.created, report.groups.renamed, report.memberships.added) == (0, 1, 0)


def test_nothing_is_published_there_and_the_reason_is_said(elsewhere: Classroom) -> None:
    elsewhere.pull()
    set_id = elsewhere.new_set("Ours")
    elsewhere.new_groups(set_id, "Team")
    with pytest.raises(LmsRefused, match="groups_read_only"):
        publication.request_publication(elsewhere.tool, elsewhere.viewer, set_id)
    assert "Ours" not in {s["name"] for s in elsewhere.state()["group_sets"]}


def test_a_set_of_that_lms_can_be_left_out_like_any_other(elsewhere: Classroom) -> None:
    elsewhere.pull()
    row = db.session.scalars(select(GroupSet).where(GroupSet.connection == Connection.LTI).limit(1)).one()
    removal.remove_connected_set(elsewhere.viewer, row.id)
    elsewhere.pull()
    assert row.name not in elsewhere.shape()


def test_without_the_service_groups_are_not_supported(elsewhere: Classroom) -> None:
    assert gateways.group_access_problem(elsewhere.tool, elsewhere.course_id) is None
    with transaction() as session:
        session.get_one(Course, elsewhere.course_id).groups_url = None
    assert gateways.group_access_problem(elsewhere.tool, elsewhere.course_id) == "groups_unsupported"
