"""What an access may write is known of each: a page offers its viewer what theirs can, and says why not the rest."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy import select

from lti_tool.lms import canvas_oauth
from lti_tool.models import Course, CourseAccess, LmsChange, db
from lti_tool.services import grants, oauth_clients
from lti_tool.services.asked_rights import write_right
from tests.services.connected import in_lms, in_store, open_set
from tests.services.test_consents import Window
from tests.web.conftest import Browser, World

pytestmark = pytest.mark.usefixtures("no_waiting")
TEACHER = 1002  # a user of the demo LMS


@dataclass
class Staff:
    """A teacher with the course open, who may lend the access of a user of the LMS."""

    classroom: Any
    browser: Browser
    viewer: Any
    set_id: UUID

    def lend(self, user: int) -> None:
        tool, hub = self.classroom.tool, self.classroom.lms.hub
        registration_id = db.session.get_one(Course, self.classroom.course_id).registration_id
        client = oauth_clients.open_client(tool.settings, registration_id)
        with hub.lock:
            code = uuid4().hex
            hub.codes[code] = {"user": user, "redirect_uri": "x:", "scope": "", "until": 4_000_000_000}
        grants.lend(tool, client, self.viewer, canvas_oauth.redeem_code(tool.outbound, client, code, "x:"))

    def ask(self) -> None:
        self.browser.get("connection?ask=1")

    @property
    def page(self) -> BeautifulSoup:
        return self.browser.get(f"group-sets/{self.set_id}")

    @property
    def problem(self) -> str | None:
        db.session.rollback()
        return write_right(self.viewer).problem

    def move(self, status: int = 303) -> Any:
        """Put the first who waits into the first group."""
        shown = self.classroom.read_set(self.set_id)
        placing = {"member_ids": shown.unassigned[0].id, "group_id": shown.cards[0].row.id}
        return self.browser.post(f"group-sets/{self.set_id}/assign", status, **placing)


@pytest.fixture
def join(app_on_both: Flask, classroom: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Staff]:
    """Let teachers open a course that has a set of the LMS, pulled by the tool's own access."""
    monkeypatch.setattr(app_on_both, "test_client_class", Window)
    set_id = open_set(classroom)
    registration_id = db.session.scalars(select(Course.registration_id)).one()
    if classroom.flavour == "canvas":
        key = ("demo-canvas-api", "demo-canvas-secret")
        oauth_clients.set_oauth_client(classroom.tool.settings, registration_id, *key)
    db.session.rollback()

    def joined(name: str) -> Staff:
        browser = World(app_on_both, registration_id, classroom.course_id).browser(name=name, manages=True)
        access_id = db.session.scalars(select(CourseAccess.id).where(CourseAccess.name == name)).one()
        db.session.rollback()
        return Staff(classroom, browser, replace(classroom.viewer, access_id=access_id, name=name), set_id)

    return joined


def offers(page: BeautifulSoup) -> bool:
    """Say whether a set's page lets people change its groups."""
    return bool(page.select("form[action$='/groups']") or page.select("form[action$='/assign']"))


def reason(page: BeautifulSoup) -> Any:
    """Give the part of a set's page that says whose the set is, and why it cannot be changed."""
    return next(notice for notice in page.select(".notice") if "This set belongs to" in notice.text)


@pytest.mark.parametrize("flavour", ["canvas"])  # to Moodle nobody lends an access of their own
def test_who_lent_a_lesser_access_is_offered_less_and_told_why(classroom: Any, join: Callable[[str], Staff]) -> None:
    tina, theo = join("Tina"), join("Theo")
    assert offers(tina.page)
    assert offers(theo.page)  # both by the tool's own access
    local = classroom.new_set("Ours")
    classroom.new_groups(local, "Team", 2)
    theo.lend(next(p["id"] for p in classroom.state()["people"] if p["roles"] == ["StudentEnrollment"]))
    tina.lend(TEACHER)
    assert "Nobody has asked Canvas yet whether your access may change its groups" in theo.page.text
    theo.ask()
    tina.ask()
    calls, before = classroom.calls(), in_lms(classroom)
    assert offers(tina.page)
    shown = theo.page
    assert not offers(shown)
    assert "Canvas did not allow it." in reason(shown).text
    assert reason(shown).select_one("a")["href"].endswith("/connection")
    assert "Group sets of Canvas are read-only here" in theo.browser.get("").text
    assert not tina.browser.get("").select("#read-only")
    assert "Directly in Canvas none can be made now" in theo.browser.get("group-sets/new").text
    assert not theo.browser.get(f"group-sets/{local}").select("a[href$='/publish']")
    assert "It cannot be published now" in theo.browser.get(f"group-sets/{local}").text
    assert tina.browser.get(f"group-sets/{local}").select("a[href$='/publish']")
    assert "Nothing can be pushed now" in theo.browser.get("push").text
    theo.move(status=403)
    assert classroom.calls() == calls  # neither pages nor the refusal asked the LMS
    assert in_lms(classroom) == before
    assert "It cannot be published yet" in theo.browser.get(f"group-sets/{local}/publish").text
    tina.move()
    assert in_store(classroom) == in_lms(classroom) != before


@pytest.mark.parametrize("flavour", ["canvas"])
def test_a_refusal_corrects_what_is_known_of_that_access_alone(classroom: Any, join: Callable[[str], Staff]) -> None:
    tina, theo = join("Tina"), join("Theo")
    tina.lend(TEACHER)
    tina.ask()
    assert (tina.problem, theo.problem) == (None, None)
    state = {"user_id": TEACHER, "state": "inactive"}
    classroom.outsider("set_state", **state)
    tina.move()
    assert db.session.scalars(select(LmsChange.error_code)).one() == "right_missing"
    assert (tina.problem, theo.problem) == ("right_missing", None)
    assert not offers(tina.page)
    assert offers(theo.page)
    classroom.outsider("set_state", **state | {"state": "active"})
    tina.browser.post(f"changes/{db.session.scalars(select(LmsChange.id)).one()}/retry")
    assert offers(tina.page)  # what arrives corrects it too


def test_a_refusal_of_one_change_takes_nothing_from_an_access_that_may(
    classroom: Any, join: Callable[[str], Staff]
) -> None:
    tina = join("Tina")
    classroom.lms.faults({"forbid_next": 1})
    tina.move()
    assert db.session.scalars(select(LmsChange.state)).one() == "refused"
    assert tina.problem is None
    assert offers(tina.page)


@pytest.mark.parametrize("flavour", ["moodle"])
def test_moodle_s_refusal_is_known_of_the_tool_s_access_and_so_to_everybody(
    classroom: Any, join: Callable[[str], Staff]
) -> None:
    tina, theo = join("Tina"), join("Theo")
    classroom.lms.faults({"lacks": "moodle/course:managegroups"})
    tina.move()
    assert db.session.scalars(select(LmsChange.error_code)).one() == "right_missing"
    for one in (tina, theo):
        shown = one.page
        assert not offers(shown)
        assert "Moodle did not allow it." in reason(shown).text
        one.move(status=403)
    classroom.lms.faults({"lacks": ""})
    theo.ask()
    assert offers(tina.page)
