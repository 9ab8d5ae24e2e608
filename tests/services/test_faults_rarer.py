"""Faults of an LMS against rarer ways of working: deletions, a refresh, an undo, and decisions about differences."""

import itertools
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from lti_tool.domain.drift import Choice
from lti_tool.domain.errors import LmsError
from lti_tool.services import (
    connected_groups,
    connected_sets,
    connected_undo,
    drift,
    drift_choices,
    lms_changes,
    publication,
    refresh,
)
from lti_tool.worker import do_run
from tests.services.connected import open_set
from tests.services.faulted import at_call, calm, compare, is_change, press_again, settle
from tests.services.test_faults import SWITCHES, crews

pytestmark = [
    pytest.mark.usefixtures("no_waiting"),
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]
Do = Callable[[], object]


def published(classroom: Any) -> Any:
    classroom.pull()
    set_id = crews(classroom, "Crews")
    do_run(classroom.tool, publication.queue_publication(classroom.tool, set_id))
    return set_id


def target(classroom: Any, name: str) -> dict[str, Any]:
    return next(s for s in classroom.state()["group_sets"] if s["name"] == name)


def move_somebody(classroom: Any, name: str) -> None:
    first, second = [group for group in target(classroom, name)["groups"] if group["members"]][:2]
    person = first["members"][0]
    classroom.outsider("move_member", user_id=person, group_id=second["id"], from_group_id=first["id"])


def deletion(classroom: Any) -> Do:
    set_id = published(classroom)
    return lambda: publication.delete_mirror(classroom.tool, classroom.viewer, set_id)


def deletion_of_a_set_of_the_lms(classroom: Any) -> Do:
    set_id = open_set(classroom)

    def do() -> None:
        connected_sets.delete_connected_set(classroom.viewer, set_id)
        lms_changes.deliver(classroom.tool, classroom.viewer, set_id)

    return do


def refreshing(classroom: Any) -> Do:
    set_id = open_set(classroom)
    move_somebody(classroom, "Projects")
    return lambda: refresh.refresh_set(classroom.tool, classroom.viewer, set_id)


def undo(classroom: Any) -> Do:
    set_id = open_set(classroom, 4)
    cards = classroom.read_set(set_id).cards
    people = {member.id: cards[3].row.id for member in cards[0].members}
    connected_groups.assign(classroom.viewer, set_id, people)
    lms_changes.deliver(classroom.tool, classroom.viewer, set_id)
    settle(classroom)
    revision = classroom.read_set(set_id).last_change.revision
    return lambda: connected_undo.take_back(classroom.tool, classroom.viewer, set_id, revision)


def decision(classroom: Any, side: Choice) -> Do:
    set_id = published(classroom)
    move_somebody(classroom, "Crews")
    shown = drift.check_drift(classroom.tool, classroom.course_id, set_id, classroom.viewer.access_id)
    return lambda: drift_choices.settle_all(classroom.tool, classroom.viewer, set_id, side, shown.mark)


WORKS: dict[str, Callable[[Any], Do]] = {
    "deletion": deletion,
    "deletion of a set of the LMS": deletion_of_a_set_of_the_lms,
    "refresh": refreshing,
    "undo": undo,
    "ours": lambda classroom: decision(classroom, Choice.OURS),
    "theirs": lambda classroom: decision(classroom, Choice.THEIRS),
}


def from_change(number: int) -> Callable[[int, dict[str, Any]], bool]:
    count = itertools.count(1)
    return lambda n, environ: is_change(n, environ) and next(count) == number


@pytest.mark.shows("PUSH-29", "PUSH-40")
@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize(("name", "change"), [("cut after it was applied", 1), ("token revoked", 2)])
def test_a_fault_of_the_lms(classroom: Any, work: str, name: str, change: int) -> None:
    do = WORKS[work](classroom)
    wanted = from_change(change) if work != "refresh" else lambda number, _: number == change
    switches = SWITCHES[name][classroom.flavour]
    with at_call(classroom.lms, wanted, lambda: classroom.lms.faults(switches)), suppress(LmsError):
        do()
    calm(classroom)
    settle(classroom)
    found = compare(classroom)
    assert (found.lost, found.doubled) == (0, 0)
    press_again(classroom)
    classroom.pull()
    settle(classroom)
    found = compare(classroom)
    assert (found.lost, found.doubled) == (0, 0)
