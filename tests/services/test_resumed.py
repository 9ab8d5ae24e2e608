"""A first publication that broke off is resumed without undoing what others did in the LMS meanwhile."""

import itertools
from contextlib import suppress
from typing import Any

import pytest

from lti_tool.domain.drift import Choice
from lti_tool.domain.errors import LmsError
from lti_tool.services import drift, drift_choices, publication
from lti_tool.services.mirror import find_publication
from tests.services.faulted import at_call, calm, is_change
from tests.services.faulted import settle as work_off
from tests.services.published import fill, in_lms, in_store, publish

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
pytestmark = [pytest.mark.usefixtures("no_waiting"), on_sqlite]
NAME = "Lab teams"
# Canvas: the set, three groups, the people of the first group, and then no more. Moodle: the set, its groups, and the
# people, of whom no answer tells.
BREAKS = {"canvas": (6, {"error_next": 999}), "moodle": (4, {"cut_after_apply_next": 999})}


@pytest.fixture
def half(classroom: Any) -> Any:
    """A course with a local set whose first publication broke off after some people were in the LMS."""
    classroom.set_id = fill(classroom)
    number, switches = BREAKS[classroom.flavour]
    changes = itertools.count(1)

    def is_time(_: int, environ: dict[str, Any]) -> bool:
        return is_change(0, environ) and next(changes) >= number

    with at_call(classroom.lms, is_time, lambda: classroom.lms.faults(switches)), suppress(LmsError):
        publish(classroom, classroom.set_id)
    calm(classroom)
    row = find_publication(classroom.set_id)
    assert (row.state, row.attempts > 0) == ("waiting", True)
    assert any((in_lms(classroom, NAME) or {}).values())
    return classroom


def groups_of(classroom: Any) -> list[dict[str, Any]]:
    found = next(s for s in classroom.state()["group_sets"] if s["name"] == NAME)["groups"]
    return sorted(found, key=lambda group: str(group["name"]))


def resume(classroom: Any) -> Any:
    publication.push_after_change(classroom.tool, classroom.viewer, classroom.set_id)
    return publication.read_publication(classroom.course_id, classroom.set_id)


def move_into_ours(c: Any) -> str:
    first, _, third = groups_of(c)
    person = first["members"][0]
    c.outsider("move_member", user_id=person, group_id=third["id"], from_group_id=first["id"])
    return str(person)


def move_into_a_new_group(c: Any) -> str:
    first, person = groups_of(c)[0], groups_of(c)[0]["members"][0]
    set_id = next(s["id"] for s in c.state()["group_sets"] if s["name"] == NAME)
    made = c.outsider("create_group", set_id=set_id, name="Of others")["group_id"]
    c.outsider("move_member", user_id=person, group_id=made, from_group_id=first["id"])
    return str(person)


def place_elsewhere(c: Any) -> str:
    """Move somebody whom the push that broke off has not placed in Canvas, and has placed in Moodle."""
    _, second, third = groups_of(c)
    person = next(iter(in_store(c, c.set_id)["crew-2"]))
    c.outsider("move_member", user_id=int(person), group_id=third["id"], from_group_id=second["id"])
    return person


@pytest.mark.shows("PUSH-40")
@pytest.mark.parametrize("choice", ["ours", "theirs"])
@pytest.mark.parametrize("others", [move_into_ours, move_into_a_new_group, place_elsewhere])
def test_whom_others_moved_meanwhile_is_a_difference_that_a_person_decides(half: Any, others: Any, choice: str) -> None:
    person = others(half)
    theirs, mine = half.state()["group_sets"], in_store(half, half.set_id)
    view = resume(half)
    assert (view.state, view.error_code, view.drift) == ("refused", "drifted", 1)
    assert half.state()["group_sets"] == theirs
    work_off(half)  # the worker does not send it either
    assert half.state()["group_sets"] == theirs
    found = drift.check_drift(half.tool, half.course_id, half.set_id)
    assert [(person in (i.lms_user_id, *i.people), i.conflict) for i in found.open_items] == [(True, True)]
    drift_choices.settle_all(half.tool, half.viewer, half.set_id, Choice(choice), found.mark)
    require_equal(half)
    assert (in_store(half, half.set_id) == mine) == (choice == "ours")


@pytest.mark.shows("PUSH-40")
def test_what_our_own_try_did_is_ours_and_the_rest_is_placed_without_a_question(half: Any) -> None:
    mine = in_store(half, half.set_id)
    assert in_lms(half, NAME) != mine or half.flavour == "moodle"
    assert resume(half).state == "sent"
    require_equal(half)
    assert in_store(half, half.set_id) == mine
    assert drift.check_drift(half.tool, half.course_id, half.set_id).items == ()


def require_equal(classroom: Any) -> None:
    assert in_lms(classroom, NAME) == in_store(classroom, classroom.set_id)
    view = publication.read_publication(classroom.course_id, classroom.set_id)
    assert (view.state, view.differences, view.drift) == ("sent", [], 0)
