"""Strangers: who is in a group of the LMS and not on the roster is counted as soon as any answer shows them."""

from typing import Any
from uuid import UUID

import pytest

from lti_tool.domain.remote import RemoteGroup
from lti_tool.domain.sync import Report
from lti_tool.models import GroupSet, db
from lti_tool.services import groups, publication, runs
from lti_tool.services.set_edits import edits_of
from lti_tool.services.strangers import note_seen
from tests.services import published as local
from tests.services.connected import assert_agree, deliver, open_set

pytestmark = pytest.mark.usefixtures("no_waiting")


def strangers(set_id: UUID) -> int:
    db.session.rollback()
    return db.session.get_one(GroupSet, set_id).strangers


def put_somebody_new(classroom: Any, lms_group_id: Any) -> int:
    """Enrol somebody in the LMS, and put them into a group there."""
    person = int(classroom.outsider("enrol")["user_id"])
    classroom.outsider("add_member", group_id=int(lms_group_id), user_id=person)
    return person


def reported(classroom: Any) -> dict[str, int]:
    report = runs.list_runs(classroom.course_id, 1)[0].report
    assert report is not None
    assert report["not_in_roster"] == sum(report["not_in_roster_by_group"].values())
    return dict(report["not_in_roster_by_group"])


@pytest.mark.shows("PUSH-14")
def test_a_change_of_a_set_of_the_lms_tells_of_strangers_and_a_sync_fetches_them(classroom: Any) -> None:
    set_id = open_set(classroom)
    row = classroom.read_set(set_id).cards[0].row
    person = put_somebody_new(classroom, row.lms_group_id)
    edits = edits_of(classroom.course_id, set_id)
    asked = edits.edit_group(classroom.viewer, set_id, row.id, "Owls", "")
    assert deliver(classroom, asked, set_id) == "sent"
    assert (strangers(set_id), reported(classroom)) == (1, {"Projects / Owls": 1})
    classroom.pull("groups")
    assert (strangers(set_id), reported(classroom)["Projects / Owls"]) == (1, 1)
    classroom.pull()
    assert strangers(set_id) == 0
    (owls,) = (card for card in classroom.read_set(set_id).cards if card.row.name == "Owls")
    assert str(person) in {member.lms_user_id for member in owls.members}
    assert_agree(classroom)


@pytest.mark.shows("MODEL-25", "PUSH-14")
def test_groups_of_one_name_are_told_of_each_by_itself(classroom: Any) -> None:
    set_id, report = open_set(classroom), Report()
    first, second, *_ = (card.row for card in classroom.read_set(set_id).cards)
    first.name = second.name
    db.session.commit()
    for row, people in ((first, ("x1", "x2")), (second, ("x3",)), (first, ("x1", "x2", "x4"))):
        note_seen(classroom.course_id, set_id, [RemoteGroup(str(row.lms_group_id), row.name, "", people)], report)
    alike = [f"Projects / {row.name} (id {row.lms_group_id})" for row in (first, second)]
    assert (report.not_in_roster_by_group, report.not_in_roster) == (dict(zip(alike, (3, 1), strict=True)), 4)


@pytest.mark.shows("PUSH-14")
def test_a_push_tells_of_strangers_in_the_copy_of_a_published_set(classroom: Any) -> None:
    set_id = local.fill(classroom)
    local.publish(classroom, set_id)
    (copy,) = (s for s in classroom.state()["group_sets"] if s["name"] == "Lab teams")
    put_somebody_new(classroom, next(g["id"] for g in copy["groups"] if g["name"] == "crew-1"))
    row = classroom.read_set(set_id).cards[0].row
    groups.edit_group(classroom.viewer, set_id, row.id, "Owls", "")
    publication.push_after_change(classroom.tool, classroom.viewer, set_id)
    assert (strangers(set_id), reported(classroom)) == (1, {"Lab teams / owls": 1})
    classroom.pull()
    shown = publication.read_publication(classroom.course_id, set_id)
    assert (strangers(set_id), shown.drift) == (0, 1)  # somebody on the roster whom others put there
