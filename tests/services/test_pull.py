"""Pulling: everything of the LMS arrives, in few calls, all or nothing."""

import threading
from typing import Any

import pytest
from flask import Flask

from lti_tool.domain.errors import Conflict, LmsError
from lti_tool.domain.sync import UNGROUPED_SET_NAME, Report
from lti_tool.models import Course, db
from lti_tool.services import group_sets, groups, pull, roster, runs, tokens

pytestmark = pytest.mark.usefixtures("no_waiting")


def lms_shape(state: dict[str, Any]) -> dict[str, dict[str, set[str]]]:
    """Return the LMS's sets → groups → members who count (active students and staff), as the store should have it."""
    active = {str(p["id"]) for p in state["people"] if "active" in p["states"] and not p["suspended"]}
    shape = {
        s["name"]: {str(g["id"]): {str(m) for m in g["members"]} & active for g in s["groups"]}
        for s in state["group_sets"]
        if s["role"] is None
    }
    loose = [g for g in state["groups"] if not g["sets"]]
    if loose:
        shape[UNGROUPED_SET_NAME] = {str(g["id"]): {str(m) for m in g["members"]} & active for g in loose}
    return shape


@pytest.mark.shows("PULL-10", "PULL-15", "MODEL-24", "MODEL-72")
def test_a_pull_brings_every_set_group_and_membership(classroom: Any) -> None:
    report = classroom.pull()
    assert report.complete
    assert report.errors == []
    assert classroom.shape() == lms_shape(classroom.state())
    assert report.groups.created == len({g for groups in classroom.shape().values() for g in groups})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_list_of_people_that_is_cut_short_takes_nobody_out_of_a_set_of_ours(classroom: Any) -> None:
    if classroom.flavour == "canvas":  # its sections tell, also where there are no groups
        for group in classroom.state()["groups"]:
            classroom.outsider("delete_group", group_id=group["id"])
    classroom.pull()
    set_id = classroom.new_set("Ours")
    (group_id,) = classroom.new_groups(set_id, "Crew")
    groups.assign(classroom.viewer, set_id, {student.id: group_id for student in classroom.students()})
    before, people = classroom.shape(), classroom.state()["people"]
    if classroom.flavour == "canvas":
        bound = [p for p in people if p["roles"] == ["TeacherEnrollment"]][1]["id"]
        course = db.session.get_one(Course, classroom.course_id)
        tokens.set_service_token(classroom.tool.settings, course.registration_id, f"demo-user-{bound}")
    else:
        classroom.lms.faults({"people_shown": len(people) * 2 // 3})
    with pytest.raises(LmsError, match="people_hidden"):
        classroom.pull()
    assert (classroom.shape(), classroom.last_run().error_code) == (before, "people_hidden")


@pytest.mark.shows("PULL-33")
def test_a_second_pull_changes_nothing(classroom: Any) -> None:
    classroom.pull()
    before = classroom.shape()
    again = classroom.pull()
    assert classroom.shape() == before
    changed = again.as_dict()
    for part in ("roster", "group_sets", "groups", "memberships"):
        assert set(changed[part].values()) == {0}, part


@pytest.mark.shows("MODEL-44", "MODEL-48", "MODEL-49")
def test_a_pull_brings_students_and_staff_with_their_states(classroom: Any) -> None:
    classroom.pull("roster")
    page = roster.read_roster(classroom.course_id)
    statuses = {member.status for member in page.students}
    assert statuses == ({"active", "incomplete", "dropped"} if classroom.flavour == "canvas" else {"active", "dropped"})
    assert {member.enrollment_type for member in page.staff} >= {"teacher"}
    assert all(member.lms_user_id for member in (*page.students, *page.staff))


@pytest.mark.shows("MODEL-8", "MODEL-21", "MODEL-23")
def test_what_changed_in_the_lms_changes_here_and_ids_stay(classroom: Any) -> None:
    classroom.pull()
    ids = {s.row.lms_group_set_id: s.row.id for s in group_sets.list_sets(classroom.course_id)}
    target = next(s for s in classroom.state()["group_sets"] if s["role"] is None and len(s["groups"]) > 2)
    classroom.outsider("rename_group", group_id=target["groups"][0]["id"], name="Renamed by an outsider")
    classroom.outsider("delete_group", group_id=target["groups"][1]["id"])
    report = classroom.pull()
    assert (report.groups.renamed, report.groups.removed) == (1, 1)
    assert classroom.shape() == lms_shape(classroom.state())
    assert {s.row.lms_group_set_id: s.row.id for s in group_sets.list_sets(classroom.course_id)} == ids


@pytest.mark.shows("MODEL-33")
@pytest.mark.parametrize(
    "fault",
    [{"throttle": "429"}, {"error_next": 99}, {"html_error_next": 99}, {"revoke_token": True}],
    ids=lambda fault: next(iter(fault)),
)
def test_an_lms_that_fails_leaves_the_store_as_it_was(classroom: Any, fault: dict[str, Any]) -> None:
    classroom.pull()
    before = classroom.shape()
    target = next(s for s in classroom.state()["group_sets"] if s["role"] is None and s["groups"])
    classroom.outsider("delete_group", group_id=target["groups"][0]["id"])
    classroom.lms.faults(fault)
    with pytest.raises(LmsError):
        classroom.pull()
    assert classroom.shape() == before
    run = classroom.last_run()
    assert (run.state, run.error_code is not None) == ("failed", True)


def test_a_course_of_2000_students_is_pulled_in_few_calls(big_classroom: Any) -> None:
    report = big_classroom.pull()
    assert report.calls == big_classroom.calls()
    assert report.calls <= (26 if big_classroom.flavour == "canvas" else 12)
    assert len(big_classroom.students()) == 2000
    sizes = {name: len(groups) for name, groups in big_classroom.shape().items()}
    assert sizes["Project teams"] == 400
    assert big_classroom.shape() == lms_shape(big_classroom.state())


@pytest.mark.shows("PULL-35")
@pytest.mark.parametrize("flavour", ["canvas"])  # only Canvas includes on request
def test_includes_that_a_key_strips_are_an_error_and_change_nothing(classroom: Any) -> None:
    classroom.pull()
    before, people = classroom.shape(), {m.id: m.email for m in classroom.students()}
    classroom.lms.faults({"strip_includes": True})
    with pytest.raises(LmsError, match="include_parameters_off"):
        classroom.pull()
    assert classroom.shape() == before
    assert {m.id: m.email for m in classroom.students()} == people
    assert classroom.last_run().error_code == "include_parameters_off"


@pytest.mark.shows("PULL-35")
@pytest.mark.parametrize("calls_before", [0, 1, 2])
def test_an_lms_that_fails_in_the_middle_leaves_the_store_as_it_was(classroom: Any, calls_before: int) -> None:
    classroom.pull()
    before = classroom.shape()
    target = next(s for s in classroom.state()["group_sets"] if s["role"] is None and s["groups"])
    classroom.outsider("delete_group", group_id=target["groups"][0]["id"])

    def fail_later(step: Any, *_: Any) -> None:
        if classroom.calls() - began > calls_before:
            classroom.lms.faults({"error_next": 99})

    run = runs.claim(runs.queue(classroom.course_id, "pull"))
    assert run is not None
    began = classroom.calls()
    with pytest.raises(LmsError):
        pull.run_pull(classroom.tool, run, Report(), also=fail_later)
    assert classroom.shape() == before
    assert classroom.last_run().error_code is not None


def test_of_two_staff_who_sync_at_once_one_does_it(app_on_both: Flask, classroom: Any) -> None:
    start, outcomes = threading.Barrier(2), []

    def sync() -> None:
        with app_on_both.app_context():
            start.wait()
            try:
                run = runs.claim(runs.queue(classroom.course_id, "pull"))
                assert run is not None
                pull.run_pull(classroom.tool, run, Report())
                outcomes.append("done")
            except Conflict as error:
                outcomes.append(error.code)
            finally:
                db.session.remove()

    db.session.rollback()
    threads = [threading.Thread(target=sync) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Whoever comes after the other has ended does it again, and makes nothing twice.
    assert outcomes.count("done") + outcomes.count("run_open") == 2
    assert "done" in outcomes
    assert classroom.shape() == lms_shape(classroom.state())


@pytest.mark.shows("MODEL-33")
@pytest.mark.parametrize("flavour", ["canvas"])  # a Moodle answers a list whole
def test_half_a_list_is_an_error_and_changes_nothing(big_classroom: Any) -> None:
    big_classroom.lms.faults({"truncate_page": 3})
    with pytest.raises(LmsError):
        big_classroom.pull()
    assert big_classroom.shape() == {}
    assert big_classroom.students() == []
