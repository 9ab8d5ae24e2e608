"""What a push to Canvas sees before it moves people is heeded, and what it sees of others is taken over or told."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from lti_tool.domain.drift import Choice
from lti_tool.models import RosterMember, db
from lti_tool.services import drift, drift_choices, groups, lms_changes, publication
from lti_tool.services.mirror import find_publication, read_mirror
from lti_tool.services.set_edits import edits_of
from tests.services import published as local
from tests.services.connected import assert_agree, deliver, in_lms, open_set

# Moodle takes nobody out of a group by putting them into another one: its pushes have no export.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
pytestmark = [pytest.mark.usefixtures("no_waiting"), pytest.mark.parametrize("flavour", ["canvas"]), on_sqlite]
WAYS = ("out of a touched group", "between others", "the last one", "in for the first time", "into a new group")


def others_move(classroom: Any, name: str, way: str) -> str:
    """Let others move somebody into a group of which our push knows nothing, and return who it is."""
    found = next(s for s in classroom.state()["group_sets"] if s["name"] == name)
    first, _, third, fourth = found["groups"]
    source = {"between others": third, "the last one": third}.get(way, first)
    people = source["members"]
    if way == "in for the first time":
        placed = {person for group in found["groups"] for person in group["members"]}
        student = next(s.lms_user_id for s in classroom.students() if int(s.lms_user_id) not in placed)
        classroom.outsider("add_member", group_id=fourth["id"], user_id=int(student))
        return str(student)
    if way == "the last one":
        for person in people[1:]:
            classroom.outsider("remove_member", group_id=source["id"], user_id=person)
        classroom.pull()
    target = fourth["id"]
    if way == "into a new group":
        target = classroom.outsider("create_group", set_id=found["id"], name="Of others")["group_id"]
    classroom.outsider("move_member", user_id=people[0], group_id=target, from_group_id=source["id"])
    return str(people[0])


def places(classroom: Any, set_id: UUID, lms_user_id: str) -> list[str]:
    cards = classroom.read_set(set_id).cards
    return [card.row.name for card in cards if lms_user_id in {member.lms_user_id for member in card.members}]


@pytest.mark.shows("PUSH-40", "PUSH-41")
@pytest.mark.parametrize("way", WAYS)
def test_whom_others_moved_is_shown_where_they_are_after_our_move_of_somebody_else(classroom: Any, way: str) -> None:
    set_id = open_set(classroom, 4)
    person = others_move(classroom, "Projects", way)
    cards = classroom.read_set(set_id).cards
    mover = cards[0].members[-1]
    asked = edits_of(classroom.course_id, set_id).assign(classroom.viewer, set_id, {mover.id: cards[1].row.id})
    before = classroom.calls()
    assert deliver(classroom, asked, set_id) == "sent"
    assert classroom.calls() - before == 2
    assert places(classroom, set_id, person) == ["Of others" if way == "into a new group" else "Project 4"]
    assert_agree(classroom)


@pytest.mark.shows("PUSH-40", "PUSH-41")
@pytest.mark.parametrize("choice", ["ours", "theirs"])
@pytest.mark.parametrize("way", ["out of a touched group", "between others", "in for the first time"])
def test_of_a_published_set_it_is_a_difference_that_a_person_decides(classroom: Any, way: str, choice: str) -> None:
    set_id = local.fill(classroom, count=4)
    cards = classroom.read_set(set_id).cards
    groups.remove_member(classroom.viewer, set_id, cards[1].row.id, cards[1].members[-1].id)
    local.publish(classroom, set_id)
    person = others_move(classroom, "Lab teams", way)
    cards, mirror = classroom.read_set(set_id).cards, {s.name: s.member_ids for s in read_mirror(set_id)}
    mover = cards[0].members[-1]
    groups.assign(classroom.viewer, set_id, {mover.id: cards[1].row.id})
    mine, before = local.in_store(classroom, set_id), classroom.calls()
    view = publication.push_after_change(classroom.tool, classroom.viewer, set_id)
    assert classroom.calls() - before == 2
    assert (view.state, view.drift) == ("sent", 1)
    assert local.in_store(classroom, set_id) == mine
    after = {s.name: s.member_ids for s in read_mirror(set_id)}
    assert {name: person in people for name, people in after.items()} == {
        name: person in people for name, people in mirror.items()
    }
    found = drift.check_drift(classroom.tool, classroom.course_id, set_id)
    assert [(item.lms_user_id, item.conflict) for item in found.open_items] == [(person, False)]
    drift_choices.settle_all(classroom.tool, classroom.viewer, set_id, Choice(choice), found.mark)
    assert local.in_lms(classroom, "Lab teams") == local.in_store(classroom, set_id)
    assert (local.in_store(classroom, set_id) == mine) == (choice == "ours")
    assert find_publication(set_id).drift == 0


def assistant(classroom: Any) -> Any:
    """Enrol an assistant, who may be in groups and whom no export of Canvas names, and fetch them."""
    user_id = classroom.outsider("enrol", kind="TaEnrollment", given="Ada", family="Assistant")["user_id"]
    classroom.pull("roster")
    db.session.rollback()
    return db.session.scalars(select(RosterMember).where(RosterMember.lms_user_id == str(user_id))).one()


@pytest.mark.shows("PUSH-40", "PUSH-41")
def test_staff_whom_others_moved_are_not_moved_over_their_heads(classroom: Any) -> None:
    set_id = open_set(classroom)
    person = assistant(classroom)
    first, second, third = (card.row for card in classroom.read_set(set_id).cards)
    user_id = int(person.lms_user_id)
    classroom.outsider("add_member", group_id=int(first.lms_group_id), user_id=user_id)
    classroom.pull()
    move = {"group_id": int(third.lms_group_id), "from_group_id": int(first.lms_group_id)}
    classroom.outsider("move_member", user_id=user_id, **move)
    theirs = in_lms(classroom)
    asked = edits_of(classroom.course_id, set_id).assign(classroom.viewer, set_id, {person.id: second.id})
    assert deliver(classroom, asked, set_id) == "refused"
    (change_id,) = asked.asked
    view = lms_changes.see_change(classroom.course_id, change_id)
    assert (view.error_code, f"{person.name} → {third.name}" in view.error_facts["names"]) == (
        "changed_meanwhile",
        True,
    )
    assert in_lms(classroom) == theirs
    assert_agree(classroom)
    assert lms_changes.retry(classroom.tool, classroom.viewer, change_id).state == "sent"
    assert places(classroom, set_id, person.lms_user_id) == [second.name]
    assert_agree(classroom)


@pytest.mark.shows("PUSH-40", "PUSH-41")
@pytest.mark.parametrize("choice", ["ours", "theirs"])
def test_staff_whom_others_moved_in_a_published_set_are_a_difference_that_a_person_decides(
    classroom: Any, choice: str
) -> None:
    set_id = local.fill(classroom)
    person = assistant(classroom)
    ids = [card.row.id for card in classroom.read_set(set_id).cards]
    groups.assign(classroom.viewer, set_id, {person.id: ids[0]})
    local.publish(classroom, set_id)
    found = next(s for s in classroom.state()["group_sets"] if s["name"] == "Lab teams")["groups"]
    move = {"group_id": found[2]["id"], "from_group_id": found[0]["id"]}
    classroom.outsider("move_member", user_id=int(person.lms_user_id), **move)
    theirs = local.in_lms(classroom, "Lab teams")
    groups.assign(classroom.viewer, set_id, {person.id: ids[1]})
    view = publication.push_after_change(classroom.tool, classroom.viewer, set_id)
    assert (view.state, view.error_code, view.drift) == ("refused", "drifted", 1)
    assert local.in_lms(classroom, "Lab teams") == theirs
    shown = drift.check_drift(classroom.tool, classroom.course_id, set_id)
    assert [(item.lms_user_id, item.conflict) for item in shown.open_items] == [(person.lms_user_id, True)]
    drift_choices.settle_all(classroom.tool, classroom.viewer, set_id, Choice(choice), shown.mark)
    assert local.in_lms(classroom, "Lab teams") == local.in_store(classroom, set_id)
    assert places(classroom, set_id, person.lms_user_id) == [
        card.row.name for card in classroom.read_set(set_id).cards if card.row.id == ids[1 if choice == "ours" else 2]
    ]
