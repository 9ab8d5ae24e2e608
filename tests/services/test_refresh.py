"""Refreshing one set of the LMS: in few calls, that set only, and honest when it is gone."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from lti_tool.domain.errors import Conflict, Forbidden
from lti_tool.domain.sync import UNGROUPED_SET_ID, Report
from lti_tool.models import Group, GroupSet, db
from lti_tool.services import copies, refresh, runs

pytestmark = pytest.mark.usefixtures("no_waiting")

CALLS = {"canvas": 3, "moodle": 2}


def set_of(classroom: Any, lms_id: Any) -> UUID:
    db.session.rollback()
    of_lms = (GroupSet.course_id == classroom.course_id, GroupSet.lms_group_set_id == str(lms_id))
    return db.session.scalars(select(GroupSet.id).where(*of_lms)).one()


def target_of(classroom: Any) -> dict[str, Any]:
    """A set of the LMS with several groups, two of them with members."""
    sets = [s for s in classroom.state()["group_sets"] if s["role"] is None]
    return max(sets, key=lambda s: len([g for g in s["groups"] if g["members"]]))


def refreshed(classroom: Any, set_id: UUID) -> runs.RunView:
    run_id = refresh.refresh_set(classroom.tool, classroom.viewer, set_id)
    db.session.rollback()
    return runs.see_run(classroom.course_id, run_id)


def stored_group(lms_id: Any) -> Group | None:
    db.session.rollback()
    return db.session.scalar(select(Group).where(Group.lms_group_id == str(lms_id)))


@pytest.mark.shows("PULL-15", "PULL-36")
def test_a_refresh_brings_the_changes_of_its_set_only_in_few_calls(classroom: Any) -> None:
    classroom.pull()
    target = target_of(classroom)
    first, second = [g for g in target["groups"] if g["members"]][:2]
    active = {m.lms_user_id for m in classroom.students()}
    person = next(m for m in first["members"] if str(m) in active)
    other = next(s for s in classroom.state()["group_sets"] if s["role"] is None and s["id"] != target["id"])
    classroom.outsider("move_member", user_id=person, group_id=second["id"], from_group_id=first["id"])
    classroom.outsider("rename_set", set_id=target["id"], name="Renamed set")
    classroom.outsider("rename_set", set_id=other["id"], name="Not looked at")
    before = classroom.calls()
    run = refreshed(classroom, set_of(classroom, target["id"]))
    assert run.state == "succeeded"
    assert run.report is not None
    assert run.report["calls"] == classroom.calls() - before <= CALLS[classroom.flavour] + 1
    assert (run.report["memberships"]["moved"], run.report["group_sets"]["renamed"]) == (1, 1)
    assert run.report["named"]["sets_renamed"] == [[target["name"], "Renamed set"]]
    shape = classroom.shape()
    assert str(person) in shape["Renamed set"][str(second["id"])]
    assert str(person) not in shape["Renamed set"][str(first["id"])]
    assert "Not looked at" not in shape


def test_a_set_of_400_groups_takes_as_few_calls(big_classroom: Any) -> None:
    big_classroom.pull()
    target = next(s for s in big_classroom.state()["group_sets"] if s["name"] == "Project teams")
    run = refreshed(big_classroom, set_of(big_classroom, target["id"]))
    assert run.report is not None
    assert run.report["calls"] <= CALLS[big_classroom.flavour]
    assert run.report["memberships"] == {"added": 0, "removed": 0, "moved": 0}


@pytest.mark.shows("PULL-39")
def test_a_set_that_is_gone_is_removed_and_named(classroom: Any) -> None:
    classroom.pull()
    target = target_of(classroom)
    set_id = set_of(classroom, target["id"])
    sets = set(classroom.shape())
    classroom.outsider("delete_set", set_id=target["id"])
    run = refreshed(classroom, set_id)
    assert run.state == "succeeded"
    assert run.row.group_set_id is None
    assert run.report is not None
    assert run.report["named"]["sets_removed"] == [target["name"]]
    assert set(classroom.shape()) == sets - {target["name"]}
    report = classroom.pull()
    assert report.group_sets.removed == 0


@pytest.mark.parametrize("flavour", ["moodle"])
def test_a_group_that_left_one_grouping_is_only_taken_out_of_it(classroom: Any) -> None:
    classroom.pull()
    first, second = [s for s in classroom.state()["group_sets"] if s["groups"]][:2]
    shared = first["groups"][0]
    there = classroom.lms.hub.sites["moodle"].groups[shared["id"]]
    with classroom.lms.hub.lock:
        there.sets.append(second["id"])
    classroom.pull()
    ours = stored_group(shared["id"])
    assert ours is not None
    with classroom.lms.hub.lock:
        there.sets.remove(first["id"])
    set_id = set_of(classroom, first["id"])
    copy = copies.copy_set(classroom.viewer, set_id).group_set
    assert refreshed(classroom, set_id).state == "succeeded"
    again = stored_group(shared["id"])
    assert again is not None
    assert again.id == ours.id
    assert ours.id not in {card.row.id for card in classroom.read_set(set_id).cards}
    assert ours.id in {card.row.id for card in classroom.read_set(copy).cards}


@pytest.mark.shows("PULL-39")
def test_a_group_that_was_deleted_leaves_with_the_refresh_or_the_next_pull(classroom: Any) -> None:
    classroom.pull()
    target = target_of(classroom)
    gone = target["groups"][0]
    set_id = set_of(classroom, target["id"])
    classroom.outsider("delete_group", group_id=gone["id"])
    refreshed(classroom, set_id)
    assert str(gone["id"]) not in {card.row.lms_group_id for card in classroom.read_set(set_id).cards}
    if classroom.flavour == "canvas":
        assert stored_group(gone["id"]) is None
    classroom.pull()  # on Moodle a group may have left the grouping only: the course's list tells (ruling C14)
    assert stored_group(gone["id"]) is None


@pytest.mark.parametrize(
    "fault", [{"revoke_token": True}, {"error_next": 99}, {"html_error_next": 99}], ids=lambda fault: next(iter(fault))
)
def test_a_refresh_that_fails_changes_nothing_and_says_why(classroom: Any, fault: dict[str, Any]) -> None:
    classroom.pull()
    target = target_of(classroom)
    before = classroom.shape()
    classroom.outsider("rename_group", group_id=target["groups"][0]["id"], name="Renamed")
    classroom.lms.faults(fault)
    run = refreshed(classroom, set_of(classroom, target["id"]))
    assert (run.state, run.error_code is not None) == ("failed", True)
    assert classroom.shape() == before


@pytest.mark.parametrize("flavour", ["moodle"])
def test_what_the_lms_has_not_as_a_set_is_refused(classroom: Any) -> None:
    classroom.pull()
    for set_id in (set_of(classroom, UNGROUPED_SET_ID), classroom.new_set("Ours")):
        with pytest.raises(Forbidden, match="set_not_refreshable"):
            refresh.refresh_set(classroom.tool, classroom.viewer, set_id)


def test_a_refresh_waits_for_its_turn(classroom: Any) -> None:
    classroom.pull()
    set_id = set_of(classroom, target_of(classroom)["id"])
    runs.queue(classroom.course_id, "pull")
    with pytest.raises(Conflict, match="run_open"):
        refresh.refresh_set(classroom.tool, classroom.viewer, set_id)


def test_a_refresh_that_is_repeated_after_the_set_is_gone_has_nothing_to_do(classroom: Any) -> None:
    classroom.pull()
    target = target_of(classroom)
    set_id = set_of(classroom, target["id"])
    classroom.outsider("delete_set", set_id=target["id"])
    run = refreshed(classroom, set_id)
    before = classroom.calls()
    refresh.run_refresh(classroom.tool, run.row, Report())
    assert classroom.calls() == before
