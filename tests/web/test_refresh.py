"""Refreshing one set from its page, and what the pages say when groups may only be read."""

from typing import Any

import pytest

from lti_tool.domain.errors import LmsChanged, LmsUnavailable
from lti_tool.models import GroupSet


@pytest.fixture
def connected(world: Any, lms: Any) -> Any:
    """A set of Canvas that Canvas has."""
    lms.sets["7"], lms.groups["7"] = "Labs", {}
    return world.group_set("Labs", {}, connection="canvas", lms_group_set_id="7")


def test_a_set_is_refreshed_before_the_page_answers(world: Any, lms: Any, connected: Any) -> None:
    teacher = world.browser()
    page = teacher.get(f"group-sets/{connected}")
    assert "Refresh from Canvas" in [button.text for button in page.select("main button")]
    page = teacher.follow(f"group-sets/{connected}/refresh")
    assert page.h1.text == "Labs"
    assert page.select_one("#notice")["data-code"] == "set_refreshed"
    assert "Last synced" in page.text
    assert lms.calls == 2  # what the access may is asked once
    assert "what you change here is changed in Canvas at once" in page.text
    teacher.follow(f"group-sets/{connected}/refresh")
    assert lms.calls == 3


def test_a_set_that_is_gone_leads_to_the_run_that_names_it(
    world: Any, lms: Any, connected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(lms_group_set_id: str, known_empty: Any = ()) -> Any:
        raise LmsChanged("set_gone", lms_group_set_id=lms_group_set_id)

    monkeypatch.setattr(lms, "read_group_set", gone)
    page = world.browser().follow(f"group-sets/{connected}/refresh")
    assert page.h1.text == "Refresh"
    assert "Removed group sets" in page.text
    assert "Labs" in page.text
    assert world.stored(GroupSet, id=connected) == []


def test_a_refresh_that_fails_shows_its_run(world: Any, lms: Any, connected: Any) -> None:
    lms.error = LmsUnavailable("lms_timeout", host="lms.example")
    page = world.browser().follow(f"group-sets/{connected}/refresh")
    assert page.select_one(".notice-bad h2").text.strip()
    assert "Everything here is as it was before." in page.text


def test_while_something_is_at_work_a_refresh_shows_that(world: Any, lms: Any, connected: Any) -> None:
    run_id = world.run("push", "running", step="pushing_groups")
    assert str(run_id) in world.browser().post(f"group-sets/{connected}/refresh")
    assert lms.calls == 0


@pytest.mark.parametrize(
    ("family", "place"),
    [("canvas", "Admin → Permissions"), ("moodle", "moodle/course:managegroups")],
)
def test_the_home_page_says_that_groups_are_read_only_and_where_the_right_is_given(
    app: Any, world: Any, lms: Any, family: str, place: str
) -> None:
    course = type(world)(app).open_course(family=family)
    course.store_token()
    assert not course.browser().get("").select("#read-only")
    course.allow_writing("right_missing")
    page = course.browser().get("")
    assert "read-only" in page.select_one("#read-only").text
    assert place in page.text
