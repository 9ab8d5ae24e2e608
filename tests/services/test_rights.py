"""What the access may is asked at every pull of groups: without reading it ends, without writing it goes on."""

from typing import Any

import pytest

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LmsError
from lti_tool.domain.gateway import Capabilities, Right
from lti_tool.domain.sync import Report
from lti_tool.lms.canvas import CanvasGateway
from lti_tool.lms.moodle import MoodleGateway
from lti_tool.models import Course, Registration, ServiceToken, db, transaction
from lti_tool.services import pull, rights, runs, tokens
from lti_tool.services.asked_rights import right_of

pytestmark = pytest.mark.usefixtures("no_waiting")


def asked(classroom: Any) -> tuple[Any, str | None]:
    db.session.rollback()
    said = right_of(classroom.course_id, None)
    return said.asked_at, said.problem


def narrow(monkeypatch: pytest.MonkeyPatch, missing: dict[Right, str]) -> None:
    """Let both LMSs say that these rights are missing, after they were asked."""
    for gateway in (CanvasGateway, MoodleGateway):
        ask = gateway.capabilities

        def narrowed(self: Any, ask: Any = ask) -> Capabilities:
            ask(self)
            return Capabilities(frozenset(Right) - missing.keys(), missing)

        monkeypatch.setattr(gateway, "capabilities", narrowed)


def test_a_pull_of_groups_asks_and_keeps_that_groups_may_be_written(classroom: Any) -> None:
    began = now()
    classroom.pull("groups")
    at, problem = asked(classroom)
    assert at >= began
    assert problem is None


def test_without_the_right_to_write_everything_is_read_and_the_reason_is_kept(
    classroom: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow(monkeypatch, {Right.WRITE_GROUPS: "right_missing"})
    report = classroom.pull()
    assert report.complete
    assert classroom.shape()
    assert asked(classroom)[1] == "right_missing"
    monkeypatch.undo()
    classroom.pull("groups")
    assert asked(classroom)[1] is None


@pytest.mark.parametrize("right", [Right.READ_GROUPS, Right.READ_ROSTER])
def test_without_a_right_to_read_the_pull_ends_with_the_reason_and_the_store_stays(
    classroom: Any, monkeypatch: pytest.MonkeyPatch, right: Right
) -> None:
    classroom.pull()
    before = classroom.shape()
    narrow(monkeypatch, {right: "function_missing"})
    with pytest.raises(LmsError, match="function_missing"):
        classroom.pull()
    assert classroom.shape() == before
    run = classroom.last_run()
    assert (run.state, run.error_code) == ("failed", "function_missing")


@pytest.mark.parametrize("flavour", ["canvas"])  # a Moodle's token of a student has no web services at all
def test_a_token_that_may_nothing_any_more_ends_the_pull(classroom: Any) -> None:
    classroom.pull()
    before, student = classroom.shape(), classroom.students()[0].lms_user_id
    registration = db.session.get_one(Course, classroom.course_id).registration_id
    tokens.set_service_token(classroom.tool.settings, registration, f"demo-user-{student}")
    with pytest.raises(LmsError, match="right_missing"):
        classroom.pull()
    assert classroom.shape() == before
    assert asked(classroom)[1] == "right_missing"


def test_a_dead_token_is_kept_as_the_reason(classroom: Any) -> None:
    classroom.pull()
    classroom.lms.faults({"revoke_token": True})
    with pytest.raises(LmsError, match="token_rejected"):
        classroom.pull()
    assert asked(classroom)[1] == "token_rejected"


def test_a_preview_keeps_nothing_of_what_it_asked(classroom: Any) -> None:
    classroom.pull()
    before = asked(classroom)
    run = runs.claim(runs.queue(classroom.course_id, "preview"))
    assert run is not None
    pull.run_preview(classroom.tool, run, Report())
    assert asked(classroom) == before


@pytest.mark.parametrize("flavour", ["canvas"])
def test_a_course_with_lti_services_only_can_have_its_people_and_no_groups(classroom: Any) -> None:
    with transaction() as session:
        course = session.get_one(Course, classroom.course_id)
        session.get_one(Registration, course.registration_id).family = "other"
        session.delete(session.get_one(ServiceToken, course.registration_id))
        course.memberships_url = "https://lms.example/nrps"
    found = rights.read_capabilities(classroom.tool, classroom.course_id)
    assert found.rights == {Right.READ_ROSTER}
    assert found.missing == dict.fromkeys((Right.READ_GROUPS, Right.WRITE_GROUPS), "groups_unsupported")
    with transaction() as session:
        session.get_one(Course, classroom.course_id).memberships_url = None
    without = rights.read_capabilities(classroom.tool, classroom.course_id)
    assert without.missing[Right.READ_ROSTER] == "roster_service_off"
