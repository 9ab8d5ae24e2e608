"""Most students leave at once, as when a course has ended: nothing is taken over until a person has said so."""

from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy import select

from lti_tool.domain.errors import LmsError
from lti_tool.domain.sync import Report
from lti_tool.models import Course, RosterMember, SyncRun, db
from lti_tool.services import pull, runs
from tests.services.connected import open_set
from tests.services.test_consents import Window
from tests.web.conftest import Browser, World

pytestmark = pytest.mark.usefixtures("no_waiting")


def end(classroom: Any, keep: int = 0) -> int:
    """Let all active students but `keep` have ended the course in the LMS; give how many that are."""
    state = "completed" if classroom.flavour == "canvas" else "suspended"
    leaving = classroom.students()[keep:]
    for student in leaving:
        classroom.outsider("set_state", user_id=int(student.lms_user_id), state=state)
    return len(leaving)


def do(classroom: Any, run_id: Any) -> None:
    """Do a queued run as a worker does."""
    run = runs.claim(run_id)
    assert run is not None
    (pull.run_preview if run.kind == "preview" else pull.run_pull)(classroom.tool, run, Report())


def follow(browser: Browser, classroom: Any, form: Any) -> BeautifulSoup:
    """Send a form that starts a run, do the run, and open its page."""
    fields = {one["name"]: one["value"] for one in form.select("input[name]")}
    where = browser.post(form["action"], fields=fields)
    db.session.rollback()
    do(classroom, db.session.scalars(select(SyncRun.id).where(SyncRun.state == "queued")).one())
    return browser.get(where)


def test_a_course_that_has_ended_keeps_its_groups_until_a_person_says_otherwise(
    app_on_both: Flask, classroom: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_on_both, "test_client_class", Window)
    open_set(classroom)
    before, calls = classroom.shape(), classroom.calls()
    left = end(classroom)
    with pytest.raises(LmsError, match="most_students_left"):
        classroom.pull()
    assert classroom.calls() > calls
    assert classroom.shape() == before
    assert len(classroom.students()) == left
    registration_id = db.session.scalars(select(Course.registration_id)).one()
    browser = World(app_on_both, registration_id, classroom.course_id).browser(manages=True)
    stopped = browser.get(f"runs/{classroom.last_run().id}")
    assert f"{left} of the {left} active students are not active there any more" in stopped.text
    assert "Everything here is as it was before." in stopped.text
    preview = follow(browser, classroom, stopped.select_one("form[action$='/preview']"))
    assert "Nothing has been changed yet" in preview.text
    assert f"{left} of the {left} active students are not active there any more" in preview.text
    assert [button.text for button in preview.select("main form[action$='/sync'] button")] == [
        f"Sync, and take {left} students off the roster"
    ]
    assert classroom.shape() == before
    done = follow(browser, classroom, preview.select_one("main form[action$='/sync']"))
    assert "Sync: done." in done.text
    assert classroom.students() == []
    assert not any(classroom.shape()["Projects"].values())


@pytest.mark.parametrize("flavour", ["moodle"])
def test_a_list_that_is_cut_short_empties_no_course_that_has_no_groups(classroom: Any) -> None:
    for group_id in {group["id"] for one in classroom.state()["group_sets"] for group in one["groups"]}:
        classroom.outsider("delete_group", group_id=group_id)
    classroom.pull()
    before = [student.id for student in classroom.students()]
    classroom.lms.faults({"people_shown": 2})  # Moodle shortens its lists for who lacks a right, without a word
    with pytest.raises(LmsError):
        classroom.pull()
    assert [student.id for student in classroom.students()] == before


@pytest.mark.parametrize("flavour", ["canvas"])
def test_what_a_person_accepted_is_no_leave_for_more(classroom: Any) -> None:
    classroom.pull("roster")
    left = end(classroom)
    run_id = runs.queue(classroom.course_id, "roster", departures_accepted=left - 1)
    with pytest.raises(LmsError, match="most_students_left"):
        do(classroom, run_id)
    assert len(classroom.students()) == left


@pytest.mark.parametrize("flavour", ["canvas"])
def test_less_than_most_leave_without_a_question(classroom: Any) -> None:
    classroom.pull("roster")
    everybody = len(classroom.students())
    staying = everybody - everybody // 2
    end(classroom, keep=staying)
    assert classroom.pull("roster").exodus == {}
    assert len(classroom.students()) == staying
    statuses = set(db.session.scalars(select(RosterMember.enrollment_display).where(RosterMember.status == "dropped")))
    assert "Completed" in statuses
