"""A Canvas group that others deleted meanwhile is never taken for one that its last people just left."""

from typing import Any
from uuid import UUID

import pytest

from lti_tool.models import LmsChange, db
from lti_tool.services import groups, lms_changes, publication
from lti_tool.services.set_edits import edits_of
from tests.services import published as local
from tests.services.connected import assert_agree, open_set

# Moodle answers a change of a deleted group with an error.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
pytestmark = [pytest.mark.usefixtures("no_waiting"), pytest.mark.parametrize("flavour", ["canvas"]), on_sqlite]


def leave_one(classroom: Any, set_id: UUID, set_name: str) -> None:
    """Leave one person in the first group of a set and of its copy in Canvas."""
    card = classroom.read_set(set_id).cards[0]
    there = next(s for s in classroom.state()["group_sets"] if s["name"] == set_name)
    group = next(g for g in there["groups"] if g["name"] == card.row.name)
    for person in group["members"][1:]:
        classroom.outsider("remove_member", group_id=group["id"], user_id=person)


def delete_first(classroom: Any, set_name: str) -> None:
    there = next(s for s in classroom.state()["group_sets"] if s["name"] == set_name)
    classroom.outsider("delete_group", group_id=next(g for g in there["groups"] if g["members"])["id"])


@pytest.mark.shows("PUSH-40", "PUSH-41")
@pytest.mark.parametrize("alone", [False, True])
def test_a_deleted_group_out_of_which_somebody_is_moved(classroom: Any, alone: bool) -> None:
    set_id = open_set(classroom)
    if alone:
        leave_one(classroom, set_id, "Projects")
        classroom.pull()
    cards = classroom.read_set(set_id).cards
    delete_first(classroom, "Projects")
    edits = edits_of(classroom.course_id, set_id)
    (asked,) = edits.assign(classroom.viewer, set_id, {cards[0].members[0].id: cards[1].row.id}).asked
    lms_changes.deliver(classroom.tool, classroom.viewer, set_id)
    db.session.rollback()
    row = db.session.get_one(LmsChange, asked)
    assert (row.state, row.error_code) == ("refused", "group_gone")
    assert_agree(classroom)


@pytest.mark.shows("PUSH-40", "PUSH-41")
@pytest.mark.parametrize("alone", [False, True])
def test_a_deleted_group_of_a_published_set(classroom: Any, alone: bool) -> None:
    set_id = local.fill(classroom)
    if alone:
        cards = classroom.read_set(set_id).cards
        groups.assign(classroom.viewer, set_id, {member.id: cards[1].row.id for member in cards[0].members[1:]})
    local.publish(classroom, set_id)
    delete_first(classroom, "Lab teams")
    cards = classroom.read_set(set_id).cards
    groups.assign(classroom.viewer, set_id, {cards[0].members[0].id: cards[1].row.id})
    shown = publication.push_after_change(classroom.tool, classroom.viewer, set_id)
    assert (shown.state, shown.error_code, shown.drift) == ("refused", "group_gone", 1)
