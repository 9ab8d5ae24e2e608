"""Groups that handed in work in Canvas: staff are warned before they move people, in published sets too."""

from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import event, select

from lti_tool.domain.sync import Report
from lti_tool.models import Course, Group, db
from lti_tool.services import runs
from lti_tool.services.refresh import run_refresh
from tests.services import published as local
from tests.services.connected import open_set
from tests.services.test_consents import Window
from tests.web.conftest import World

pytestmark = [pytest.mark.usefixtures("no_waiting"), pytest.mark.parametrize("flavour", ["canvas"])]


def marked(set_id: UUID, classroom: Any) -> set[str]:
    db.session.rollback()
    return {card.row.name for card in classroom.read_set(set_id).cards if card.row.has_submission}


def test_a_set_says_which_groups_handed_in_work_as_long_as_they_have(
    app_on_both: Flask, classroom: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_on_both, "test_client_class", Window)
    set_id = open_set(classroom)
    group = classroom.read_set(set_id).cards[0].row
    name, lms_group_id = group.name, int(group.lms_group_id)
    registration_id = db.session.scalars(select(Course.registration_id)).one()
    browser = World(app_on_both, registration_id, classroom.course_id).browser(manages=True)
    assert browser.get(f"group-sets/{set_id}").select_one("#handed-in") is None
    classroom.outsider("hand_in", group_id=lms_group_id)
    classroom.pull()
    assert marked(set_id, classroom) == {name}
    page = browser.get(f"group-sets/{set_id}")
    assert "1 group has handed in work in Canvas." in page.select_one("#handed-in").text
    assert [badge.find_parent("section").h3.contents[0].strip() for badge in page.select(".group .badge-warn")] == [
        name
    ]
    classroom.outsider("hand_in", group_id=lms_group_id, done=False)
    run = runs.claim(runs.queue(classroom.course_id, "refresh", group_set_id=set_id))
    assert run is not None
    run_refresh(classroom.tool, run, Report())
    assert marked(set_id, classroom) == set()


def test_the_copy_of_a_published_group_tells_it_of_ours(classroom: Any) -> None:
    set_id = local.fill(classroom)
    local.publish(classroom, set_id)
    (copy,) = (one for one in classroom.state()["group_sets"] if one["name"] == "Lab teams")
    classroom.outsider("hand_in", group_id=next(group["id"] for group in copy["groups"] if group["name"] == "crew-2"))
    classroom.pull()
    assert marked(set_id, classroom) == {"crew-2"}
    written: list[str] = []

    def note(*call: Any) -> None:
        written.append(call[2])

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        classroom.pull()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert written
    assert not [statement for statement in written if statement.startswith('UPDATE "group"')]
    assert db.session.query(Group).filter_by(has_submission=True).count() == 1
