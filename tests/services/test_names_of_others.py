"""A new group whose name others gave to one of theirs in the LMS is refused, and theirs stays as it is (C18)."""

from typing import Any
from uuid import UUID

import pytest

from lti_tool.models import LmsChange, db
from lti_tool.services import groups, lms_changes, publication
from lti_tool.services.mirror import get_publication
from lti_tool.services.set_edits import edits_of
from tests.services import published as local
from tests.services.connected import assert_agree, open_set

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
pytestmark = [pytest.mark.usefixtures("no_waiting"), on_sqlite]


def make_owls(classroom: Any, set_name: str, name: str = "Owls") -> tuple[str, str]:
    """Let others make a group with somebody in it; return its id and that person's."""
    there = next(s for s in classroom.state()["group_sets"] if s["name"] == set_name)
    person = str(there["groups"][1]["members"][0])
    made = str(classroom.outsider("create_group", set_id=there["id"], name=name)["group_id"])
    classroom.outsider("add_member", group_id=made, user_id=int(person))
    return made, person


def owls(classroom: Any, set_name: str, name: str = "Owls") -> list[tuple[str, set[str]]]:
    there = next(s for s in classroom.state()["group_sets"] if s["name"] == set_name)
    return [(str(g["id"]), {str(m) for m in g["members"]}) for g in there["groups"] if g["name"] == name]


def first_person(classroom: Any, set_id: UUID) -> UUID:
    found: UUID = classroom.read_set(set_id).cards[0].members[0].id
    return found


@pytest.mark.shows("PUSH-40", "PUSH-41")
def test_a_new_group_of_a_set_of_the_lms(classroom: Any) -> None:
    set_id = open_set(classroom)
    theirs, person = make_owls(classroom, "Projects")
    edits = edits_of(classroom.course_id, set_id)
    (asked,) = edits.create_group_of(classroom.viewer, set_id, "Owls", [first_person(classroom, set_id)]).asked
    lms_changes.deliver(classroom.tool, classroom.viewer, set_id)
    for _ in range(2):  # a person who tries again replays nothing
        db.session.rollback()
        row = db.session.get_one(LmsChange, asked)
        assert (row.state, row.error_code, '"Owls"' in row.error_facts) == ("refused", "group_names_taken", True)
        assert owls(classroom, "Projects") == [(theirs, {person})]
        assert_agree(classroom)
        lms_changes.retry(classroom.tool, classroom.viewer, asked)
    classroom.outsider("rename_group", group_id=int(theirs), name="Theirs")
    assert lms_changes.retry(classroom.tool, classroom.viewer, asked).state == "sent"


@pytest.mark.shows("PUSH-40", "PUSH-41")
def test_a_new_group_of_a_published_set(classroom: Any) -> None:
    set_id = local.fill(classroom)
    local.publish(classroom, set_id)
    (ours,) = classroom.new_groups(set_id, "Owls")
    groups.assign(classroom.viewer, set_id, {first_person(classroom, set_id): ours})
    name = next(card.row.name for card in classroom.read_set(set_id).cards if card.row.id == ours)
    theirs, person = make_owls(classroom, "Lab teams", name)
    before = local.in_lms(classroom, "Lab teams")
    for _ in range(2):
        shown = publication.push_after_change(classroom.tool, classroom.viewer, set_id)
        assert shown is not None
        assert (shown.state, shown.error_code) == ("refused", "group_names_taken")
        assert local.in_lms(classroom, "Lab teams") == before
        assert owls(classroom, "Lab teams", name) == [(theirs, {person})]
    classroom.outsider("delete_group", group_id=int(theirs))
    publication.push_after_change(classroom.tool, classroom.viewer, set_id)
    assert [people for _, people in owls(classroom, "Lab teams", name)] == [local.in_store(classroom, set_id)[name]]
    assert (get_publication(set_id).state, get_publication(set_id).attempts) == ("sent", 0)
