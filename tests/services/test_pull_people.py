"""What a pull may rely on in the store (seed 001's tables in ours), and how it treats single people."""

from typing import Any

import pytest
from sqlalchemy import delete, inspect, select
from sqlalchemy.exc import IntegrityError

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LmsUnavailable
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import RemotePerson, RemoteRoster
from lti_tool.domain.sync import Report
from lti_tool.models import Course, CourseAccess, Group, RosterMember, db, transaction
from lti_tool.services import roster
from lti_tool.services.pull_log import log_people
from tests.services.connected import assert_agree, open_set
from tests.services.faulted import calm
from tests.services.test_pull_teams import logged

pytestmark = pytest.mark.usefixtures("no_waiting")


def people_of(classroom: Any) -> dict[str | None, RosterMember]:
    db.session.rollback()
    query = select(RosterMember).where(RosterMember.course_id == classroom.course_id)
    return {member.lms_user_id: member for member in db.session.scalars(query)}


def merge(classroom: Any, *people: RemotePerson) -> tuple[Report, list[Any]]:
    report = Report()
    with transaction():
        merged = roster.merge_roster(classroom.course_id, RemoteRoster(people), report)
    with logged() as logs:
        log_people(classroom.course_id, classroom.flavour, merged.plan, merged.added)
    return report, logs


def person(name: str, lms_id: str, **values: Any) -> RemotePerson:
    return RemotePerson(name, EnrollmentType.STUDENT, lms_user_id=lms_id, **values)


@pytest.mark.shows("PULL-1")
def test_a_group_belongs_to_a_course_and_goes_with_it(classroom: Any) -> None:
    classroom.pull()
    groups = db.session.scalars(select(Group)).all()
    assert {group.course_id for group in groups} == {classroom.course_id}
    with transaction() as session:
        session.execute(delete(Course).where(Course.id == classroom.course_id))
    assert db.session.scalars(select(Group)).all() == []


@pytest.mark.shows("PULL-2", "PULL-4")
def test_the_lms_s_id_of_a_group_is_indexed_may_be_missing_and_is_unique_in_its_course(classroom: Any) -> None:
    classroom.pull()
    unique = [set(one["column_names"]) for one in inspect(db.engine).get_unique_constraints("group")]
    assert {"course_id", "lms_group_id"} in unique  # both databases keep a unique constraint as an index
    known = db.session.scalars(select(Group).where(Group.lms_group_id.is_not(None))).first()
    assert known is not None
    fixed = {"course_id": classroom.course_id, "name": "Twin", "origin": "lms", "created_at": now()}
    with pytest.raises(IntegrityError), transaction() as session:
        session.add(Group(**fixed, lms_group_id=known.lms_group_id))
    with transaction() as session:
        session.add_all([Group(**{**fixed, "origin": "local"}, lms_group_id=None) for _ in range(2)])


@pytest.mark.shows("PULL-5")
def test_whoever_has_launched_keeps_their_access_when_their_member_goes(classroom: Any) -> None:
    classroom.pull("roster")
    member = classroom.students()[0]
    with transaction() as session:
        session.get_one(CourseAccess, classroom.viewer.access_id).member_id = member.id
    with transaction() as session:
        session.execute(delete(RosterMember).where(RosterMember.id == member.id))
    db.session.rollback()
    assert db.session.get_one(CourseAccess, classroom.viewer.access_id).member_id is None


@pytest.mark.shows("PULL-28")
def test_people_are_found_or_made_by_their_lms_id_by_the_roster_and_by_it_alone(classroom: Any) -> None:
    report = classroom.pull("groups")
    assert people_of(classroom) == {}
    assert report.not_in_roster > 0
    classroom.pull("roster")
    ids = {lms_id: member.id for lms_id, member in people_of(classroom).items()}
    listed = {str(p["id"]) for p in classroom.state()["people"]}
    assert ids.keys() <= listed
    classroom.pull()
    assert {lms_id: member.id for lms_id, member in people_of(classroom).items()} == ids


@pytest.mark.shows("PULL-30")
def test_nobody_gets_an_address_that_the_lms_did_not_tell(classroom: Any) -> None:
    merge(classroom, person("Without Address", "w1"))
    assert people_of(classroom)["w1"].email is None
    classroom.pull()
    told = {str(p["id"]): p.get("email") for p in classroom.state()["people"]}
    stored = {i: member.email for i, member in people_of(classroom).items() if i in told}
    assert stored
    assert all(email is None or email == told[i] for i, email in stored.items() if i)


@pytest.mark.shows("PULL-31")
def test_whom_a_roster_makes_is_logged_by_id_only_and_stored_with_the_lms_s_id(classroom: Any) -> None:
    _, logs = merge(classroom, person("Ana López", "a1", email="ana@x.example"))
    member = people_of(classroom)["a1"]
    lms = classroom.flavour.capitalize()
    assert [line["event"] for line in logs] == [f"Created new student from {lms} enrollment: {member.id}"]
    assert "Ana" not in str(logs)
    assert "ana@" not in str(logs)
    assert merge(classroom, person("Ana López", "a1", email="ana@x.example"))[1] == []


@pytest.mark.shows("PULL-32")
def test_somebody_who_cannot_be_stored_is_logged_and_the_next_ones_are(classroom: Any) -> None:
    merge(classroom, person("Bo", "b1", lti_user_id="launch-bo"), person("Ana", "a1"))
    report, logs = merge(
        classroom,
        person("Ana", "a1", lti_user_id="launch-bo"),  # the launch id of somebody else
        person("Bo", "b1"),
        person("Cem", "c1"),
        person("Cem again", "c1"),
        person("Dora", "d1"),
    )
    found = people_of(classroom)
    assert {"a1", "b1", "c1", "d1"} <= found.keys()
    assert (found["a1"].lti_user_id, found["a1"].status, found["c1"].name) == (None, "active", "Cem")
    errors = [line["event"] for line in logs if line["log_level"] == "error"]
    assert errors == [
        "Error creating student for enrollment c1: listed_twice",
        "Error creating student for enrollment a1: anothers_id",
    ]
    refused = [(one["person"], one["reason"]) for one in report.named.people_refused]
    assert refused == [("Cem again", "listed_twice"), ("Ana", "anothers_id")]
    assert report.roster.added == 2


def send_away(classroom: Any) -> tuple[int, str]:
    """Make somebody inactive who is in a group, and refresh the people; return their id and state in the LMS."""
    card = next(card for card in classroom.read_set(open_set(classroom)).cards if card.members)
    user_id = int(card.members[0].lms_user_id)
    with classroom.lms.hub.lock:
        site = classroom.lms.hub.sites[classroom.flavour]
        state = site.enrolments_of(int(classroom.lms_course_id), user_id)[0].state
    gone = "inactive" if classroom.flavour == "canvas" else "suspended"
    classroom.outsider("set_state", user_id=user_id, state=gone)
    assert classroom.pull("roster").memberships.added == 0
    assert_agree(classroom)
    return user_id, state


@pytest.mark.shows("PULL-36", "PUSH-40")
def test_who_is_active_again_is_in_their_groups_again_with_the_same_refresh(classroom: Any) -> None:
    user_id, state = send_away(classroom)
    classroom.outsider("set_state", user_id=user_id, state=state)
    before = classroom.calls()
    with_groups = classroom.pull("roster")
    assert with_groups.memberships.added
    assert with_groups.calls == classroom.calls() - before
    assert_agree(classroom)
    assert classroom.pull("roster").calls < with_groups.calls  # nobody came back, so people only


@pytest.mark.shows("PULL-36", "PUSH-40")
def test_nobody_is_active_again_without_their_groups_unless_the_lms_refuses_these(classroom: Any) -> None:
    user_id, state = send_away(classroom)
    member = people_of(classroom)[str(user_id)].id
    classroom.outsider("set_state", user_id=user_id, state=state)
    groups = "core_group" if classroom.flavour == "moodle" else "group"
    classroom.lms.faults({"error_next": 99, "only_path": groups})
    with pytest.raises(LmsUnavailable):
        classroom.pull("roster")
    assert db.session.get_one(RosterMember, member, populate_existing=True).status != "active"
    calm(classroom)
    classroom.lms.faults({"forbid_next": 99, "only_path": groups})
    (refusal,) = classroom.pull("roster").errors
    assert refusal["code"]
    assert db.session.get_one(RosterMember, member, populate_existing=True).status == "active"
    calm(classroom)
    classroom.pull("groups")
    assert_agree(classroom)
