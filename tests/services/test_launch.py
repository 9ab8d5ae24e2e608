"""Recording launches: course, person and rights are what the last launch said, and two at once make no twins."""

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import func, select

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LaunchError
from lti_tool.domain.roles import EnrollmentType
from lti_tool.lti.launch import ContextFacts, LaunchFacts
from lti_tool.models import (
    BrowserSession,
    Course,
    CourseAccess,
    HistoryEntry,
    Registration,
    RosterMember,
    ServiceToken,
    SyncRun,
    db,
    transaction,
)
from lti_tool.services import access, launch, registrations


@pytest.fixture
def facts(app_on_both: Flask) -> LaunchFacts:
    """A teacher's first launch of a course."""
    registration = registrations.add_registration("https://lms.example", "canvas", client_id="c", deployments=("1",))
    return LaunchFacts(
        registration_id=registration.id,
        nonce_hash=uuid4().hex,
        lti_user_id="lti-1",
        name="Ngozi Okafor",
        email="n@example.org",
        student_number=None,
        roles=("x",),
        enrollment_type=EnrollmentType.TEACHER,
        is_administrator=False,
        is_test_user=False,
        message_type="LtiResourceLinkRequest",
        lms_deployment_id="1",
        context=ContextFacts("context-1", "Programming", "CS1"),
        resource_link_id="link",
        memberships_url="https://lms.example/members",
        custom={},
        target_path="/",
        locale=None,
        platform_origins=("https://lms.example",),
        may_manage_groups=True,
        lms_user_id="42",
        lms_course_id="7",
        groups_url="https://lms.example/groups",
        group_sets_url="https://lms.example/sets",
    )


def again(facts: LaunchFacts, **changes: Any) -> launch.RecordedLaunch:
    return launch.record(replace(facts, nonce_hash=uuid4().hex, **changes))


def counts() -> dict[str, int]:
    db.session.rollback()
    tables = (Course, CourseAccess, RosterMember, BrowserSession, SyncRun)
    return {t.__tablename__: db.session.scalar(select(func.count()).select_from(t)) or 0 for t in tables}


def test_a_first_launch_makes_course_person_rights_session_and_queues_the_roster(facts: LaunchFacts) -> None:
    recorded = launch.record(facts)
    assert counts() == {"course": 1, "course_access": 1, "roster_member": 1, "browser_session": 1, "sync_run": 1}
    visitor = access.find_visitor(recorded.token)
    assert visitor is not None
    viewer = access.find_viewer(visitor, recorded.course_id)
    assert viewer is not None
    assert (viewer.name, viewer.actor.enrollment_type, viewer.actor.manages_groups) == ("Ngozi Okafor", "teacher", True)
    assert recorded.refresh_run_id is not None


def test_the_same_person_again_adds_a_session_only(facts: LaunchFacts) -> None:
    first = launch.record(facts)
    second = again(facts)
    assert second.course_id == first.course_id
    assert counts() == {"course": 1, "course_access": 1, "roster_member": 1, "browser_session": 2, "sync_run": 1}


def test_roles_are_replaced_by_what_the_last_launch_says(facts: LaunchFacts) -> None:
    launch.record(facts)
    recorded = again(facts, enrollment_type=EnrollmentType.STUDENT, may_manage_groups=None, name="Ngozi O.")
    viewer = access.find_viewer(access.find_visitor(recorded.token), recorded.course_id)
    assert (viewer.name, viewer.actor.enrollment_type, viewer.actor.manages_groups) == ("Ngozi O.", "student", None)


def test_a_placed_link_gives_no_right_and_takes_none_that_the_lms_told(facts: LaunchFacts) -> None:
    def right(recorded: Any) -> bool | None:
        found = access.find_viewer(access.find_visitor(recorded.token), recorded.course_id)
        return found.actor.manages_groups

    linked = {"of_link": True, "may_manage_groups": None}
    assert right(launch.record(replace(facts, **linked))) is None
    again(facts)
    assert right(again(facts, **linked)) is True
    assert right(again(facts, of_link=True, may_manage_groups=False)) is False


def test_a_launch_that_tells_less_takes_nothing_away(facts: LaunchFacts) -> None:
    launch.record(facts)
    again(
        facts,
        memberships_url=None,
        lms_course_id=None,
        resource_link_id=None,
        groups_url=None,
        group_sets_url=None,
    )
    course = db.session.scalars(select(Course)).one()
    assert (course.memberships_url, course.lms_course_id, course.resource_link_id) == (
        "https://lms.example/members",
        "7",
        "link",
    )
    assert (course.groups_url, course.group_sets_url) == ("https://lms.example/groups", "https://lms.example/sets")


def test_a_service_that_moved_is_stored(facts: LaunchFacts) -> None:
    launch.record(facts)
    again(facts, groups_url="https://lms.example/elsewhere")
    assert db.session.scalars(select(Course.groups_url)).one() == "https://lms.example/elsewhere"


def test_a_member_known_by_the_lms_id_is_the_person_who_launches(facts: LaunchFacts) -> None:
    launch.record(facts)
    with transaction() as session:
        session.scalars(select(RosterMember)).one().lti_user_id = None
    again(facts)
    member = db.session.scalars(select(RosterMember)).one()
    assert (member.lti_user_id, member.lms_user_id) == ("lti-1", "42")


@pytest.mark.parametrize("who", [{"enrollment_type": None}, {"is_test_user": True}], ids=["no role", "test user"])
def test_visitors_and_test_users_are_on_no_roster(facts: LaunchFacts, who: dict[str, Any]) -> None:
    launch.record(replace(facts, **who))
    assert counts()["roster_member"] == 0
    assert counts()["course_access"] == 1


def test_a_launch_is_used_once_and_the_second_time_changes_nothing(facts: LaunchFacts) -> None:
    launch.record(facts)
    with pytest.raises(LaunchError, match="launch_used"):
        launch.record(replace(facts, name="Somebody else"))
    assert db.session.scalars(select(CourseAccess)).one().name == "Ngozi Okafor"


def test_a_fresh_roster_is_not_fetched_again_within_its_window(facts: LaunchFacts) -> None:
    launch.record(facts)
    with transaction() as session:
        session.query(SyncRun).delete()
        session.scalars(select(Course)).one().roster_refreshed_at = now()
    assert again(facts).refresh_run_id is None
    with transaction() as session:
        session.scalars(select(Course)).one().roster_refreshed_at = now() - timedelta(hours=2)
    assert again(facts).refresh_run_id is not None


def test_a_refresh_that_failed_just_now_is_not_tried_by_the_next_launch(facts: LaunchFacts) -> None:
    launch.record(facts)
    with transaction() as session:
        run = session.scalars(select(SyncRun)).one()
        run.state, run.finished_at = "failed", now()
    assert again(facts).refresh_run_id is None
    with transaction() as session:
        session.scalars(select(SyncRun)).one().finished_at = now() - timedelta(minutes=2)
    assert again(facts).refresh_run_id is not None


def test_a_launch_without_a_course_opens_a_session_only(facts: LaunchFacts) -> None:
    recorded = launch.record(replace(facts, context=None))
    assert recorded.course_id is None
    assert counts() == {"course": 0, "course_access": 0, "roster_member": 0, "browser_session": 1, "sync_run": 0}


def test_a_course_stays_the_course_that_it_was_in_the_lms(facts: LaunchFacts) -> None:
    launch.record(facts)
    again(facts, lms_course_id="101")
    assert db.session.scalars(select(Course)).one().lms_course_id == "7"


def test_nobody_takes_over_the_row_of_a_person_who_has_launched(facts: LaunchFacts) -> None:
    launch.record(facts)
    again(facts, lti_user_id="lti-2", name="Mallory")  # with the LMS id of the first
    members = {m.lti_user_id: m.lms_user_id for m in db.session.scalars(select(RosterMember))}
    assert members == {"lti-1": "42", "lti-2": None}


def see(recorded: launch.RecordedLaunch) -> access.Viewer | None:
    visitor = access.find_visitor(recorded.token)
    assert visitor is not None
    assert recorded.course_id is not None
    return access.find_viewer(visitor, recorded.course_id)


def change(**values: Any) -> None:
    """Change the one course, access and member of a test by the names of their columns."""
    with transaction() as session:
        for table in (Course, CourseAccess, RosterMember):
            row = session.scalars(select(table)).one()
            for name, value in values.items():
                if hasattr(row, name):
                    setattr(row, name, value)


def test_rights_of_a_launch_end_with_the_day_even_if_another_course_is_opened(facts: LaunchFacts) -> None:
    launch.record(facts)
    other = again(facts, context=ContextFacts("context-2", "Other", "O"), lms_course_id="8")
    first = db.session.scalars(select(Course).where(Course.lti_context_id == "context-1")).one().id
    visitor = access.find_visitor(other.token)
    assert visitor is not None
    assert access.find_viewer(visitor, first) is not None
    with transaction() as session:
        session.scalars(select(CourseAccess).where(CourseAccess.course_id == first)).one().launched_at = (
            now() - timedelta(hours=13)
        )
    assert access.find_viewer(visitor, first) is None
    assert access.find_viewer(visitor, other.course_id) is not None


def test_a_newer_roster_that_says_student_ends_a_teachers_rights(facts: LaunchFacts) -> None:
    recorded = launch.record(facts)
    with transaction() as session:
        session.scalars(select(RosterMember)).one().enrollment_type = EnrollmentType.STUDENT
    assert see(recorded).actor.enrollment_type == "teacher"
    change(roster_refreshed_at=now())
    assert see(recorded).actor.enrollment_type == "student"
    change(status="dropped")
    assert see(recorded) is None


@pytest.mark.parametrize(
    ("launched", "asked", "right"),
    [(True, None, True), (None, True, True), (True, False, False), (False, True, False), (None, None, None)],
)
def test_a_no_of_the_lms_on_managing_groups_stands(
    facts: LaunchFacts, launched: bool | None, asked: bool | None, right: bool | None
) -> None:
    recorded = launch.record(replace(facts, may_manage_groups=launched))
    change(manages_groups=asked)
    assert see(recorded).actor.manages_groups is right


@pytest.mark.parametrize(
    ("family", "token", "refreshed", "unasked"),
    [
        ("moodle", True, None, True),
        ("moodle", True, -1, True),
        ("moodle", True, 1, False),
        ("moodle", False, None, False),
        ("canvas", True, None, False),
    ],
)
def test_moodle_s_word_on_the_right_is_waited_for_where_it_can_be_asked(
    facts: LaunchFacts, family: str, token: bool, refreshed: int | None, unasked: bool
) -> None:
    recorded = launch.record(replace(facts, may_manage_groups=None))
    with transaction() as session:
        session.scalars(select(Registration)).one().family = family
        if token:
            session.add(ServiceToken(registration_id=facts.registration_id, ciphertext=b"x", set_at=now()))
    change(roster_refreshed_at=now() + timedelta(minutes=refreshed) if refreshed else None)
    assert see(recorded).actor.right_unasked is unasked


def test_a_whole_class_that_launches_at_once_makes_one_course_and_no_twins(
    app_on_both: Flask, facts: LaunchFacts
) -> None:
    gate, courses, failures = threading.Barrier(12), set[UUID | None](), []

    def enter(number: int) -> None:
        person = number % 6  # everybody twice
        mine = replace(
            facts, nonce_hash=uuid4().hex, lti_user_id=f"lti-{person}", lms_user_id=str(person), name=f"P {person}"
        )
        gate.wait()
        with app_on_both.app_context():
            try:
                courses.add(launch.record(mine).course_id)
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=enter, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(courses) == 1
    assert counts() == {"course": 1, "course_access": 6, "roster_member": 6, "browser_session": 12, "sync_run": 1}


def add_local(facts: LaunchFacts, name: str, **values: Any) -> Any:
    with transaction() as session:
        course_id = session.scalars(select(Course.id)).one()
        row = RosterMember(
            id=uuid4(),
            course_id=course_id,
            name=name,
            status="active",
            enrollment_type="student",
            source="local",
            git_username="octocat",
            created_at=now(),
            **values,
        )
        session.add(row)
    return row.id


@pytest.mark.parametrize("known_by", [{"email": "Nora@x.example"}, {"student_number": "77"}])
def test_a_student_whom_staff_added_is_the_one_who_launches(facts: LaunchFacts, known_by: dict[str, str]) -> None:
    launch.record(facts)
    nora = add_local(facts, "Nora", **known_by)
    who = {"lti_user_id": "lti-2", "lms_user_id": "43", "enrollment_type": EnrollmentType.STUDENT}
    again(facts, **who, name="Nora New", email="nora@x.example", student_number="77")
    row = db.session.get_one(RosterMember, nora)
    assert (row.name, row.source, row.lti_user_id, row.lms_user_id) == ("Nora New", "lms", "lti-2", "43")
    assert row.git_username == "octocat"
    assert counts()["roster_member"] == 2


def test_two_students_whom_staff_added_are_told_apart_by_a_person(facts: LaunchFacts) -> None:
    launch.record(facts)
    for name in ("Nora", "Nora N."):
        add_local(facts, name, email="nora@x.example")
    again(facts, lti_user_id="lti-2", lms_user_id="43", email="nora@x.example")
    assert counts()["roster_member"] == 4


def test_of_two_people_with_one_e_mail_at_once_only_one_takes_the_row_that_staff_added(
    app_on_both: Flask, facts: LaunchFacts
) -> None:
    launch.record(facts)
    for turn in range(4):
        mail = f"nora{turn}@x.example"
        nora = add_local(facts, "Nora", email=mail)
        db.session.rollback()
        start, failures = threading.Barrier(2), []

        def enter(who: str, mail: str = mail, start: threading.Barrier = start, failures: list[Any] = failures) -> None:
            with app_on_both.app_context():
                start.wait()
                try:
                    again(facts, lti_user_id=who, lms_user_id=who, email=mail, name=who)
                except Exception as error:
                    failures.append(error)

        threads = [threading.Thread(target=enter, args=(f"{who}-twin-{turn}",)) for who in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        db.session.rollback()
        accesses = db.session.scalars(
            select(CourseAccess).where(CourseAccess.lti_user_id.endswith(f"-twin-{turn}"))
        ).all()
        assert len({access.member_id for access in accesses}) == 2
        assert nora in {access.member_id for access in accesses}


def test_history_tells_who_took_the_row_that_staff_added(facts: LaunchFacts) -> None:
    launch.record(facts)
    nora = add_local(facts, "Nora", email="nora@x.example")
    again(facts, lti_user_id="lti-2", lms_user_id="43", email="nora@x.example", name="Mallory")
    note = db.session.scalars(select(HistoryEntry).where(HistoryEntry.action == "member_launched")).one()
    assert (note.subject_id, note.subject) == (nora, "Nora → Mallory")
