"""Sets are deleted in the LMS: what others put into them is asked about, and a lost answer is never silent."""

import json
from typing import Any
from uuid import UUID

import pytest

from lti_tool.domain.errors import Conflict, LmsError
from lti_tool.lms.canvas import CanvasGateway
from lti_tool.lms.moodle import MoodleGateway
from lti_tool.models import LmsChange, db
from lti_tool.services import connected_sets, lms_changes, publication
from lti_tool.services.mirror import find_publication
from tests.services.connected import deliver, find_set, in_store, open_set
from tests.services.faulted import Findings, at_call, calm, compare, is_change, settle
from tests.services.published import fill, in_lms, publish, state_of

pytestmark = pytest.mark.usefixtures("no_waiting")
HOWS = [publication.delete_everywhere, publication.delete_mirror]
COLLEAGUES = "Added by a colleague"


class Killed(BaseException):
    """Ends a process in the middle, as far as what it has stored tells."""


def published(classroom: Any) -> UUID:
    classroom.pull()
    set_id = fill(classroom)
    publish(classroom, set_id)
    return set_id


def told(classroom: Any, set_id: UUID) -> bool:
    view = publication.read_publication(classroom.course_id, set_id)
    assert view
    return view.state == "refused" or view.drift > 0


@pytest.mark.shows("PUSH-29", "PUSH-40")
@pytest.mark.parametrize("flavour", ["moodle"])  # a Canvas that is asked again says that the set is gone
@pytest.mark.parametrize("how", HOWS)
def test_a_deletion_whose_answer_is_lost_is_told_before_and_after_the_worker_looked(classroom: Any, how: Any) -> None:
    set_id = published(classroom)
    cut = {"cut_after_apply_next": 99}
    with at_call(classroom.lms, is_change, lambda: classroom.lms.faults(cut)), pytest.raises(LmsError):
        how(classroom.tool, classroom.viewer, set_id)
    calm(classroom)
    view = publication.read_publication(classroom.course_id, set_id)
    assert view
    assert (view.state, view.error_code) == ("refused", "deletion_unanswered")
    settle(classroom)
    assert told(classroom, set_id)
    assert compare(classroom).lost == 0
    how(classroom.tool, classroom.viewer, set_id)  # again, which ends it
    assert find_publication(set_id) is None
    assert in_lms(classroom, "Lab teams") is None


def test_a_push_looks_first_whether_the_copy_is_there(classroom: Any) -> None:
    set_id = published(classroom)
    with pytest.raises(Killed):
        _killed_after(publication.delete_mirror, classroom, set_id)
    publication.push_after_change(classroom.tool, classroom.viewer, set_id)
    assert told(classroom, set_id)
    assert in_lms(classroom, "Lab teams") is None


def _killed_after(how: Any, classroom: Any, set_id: UUID) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for gateway in (CanvasGateway, MoodleGateway):
            patch.setattr(gateway, "delete_group_set", _then_killed(gateway.delete_group_set))
        how(classroom.tool, classroom.viewer, set_id)


def _then_killed(delete: Any) -> Any:
    def deleted(*args: Any) -> None:
        delete(*args)
        raise Killed

    return deleted


@pytest.mark.parametrize("how", HOWS)
def test_who_dies_after_the_deletion_leaves_a_doubt_that_the_worker_resolves(classroom: Any, how: Any) -> None:
    set_id = published(classroom)
    with pytest.raises(Killed):
        _killed_after(how, classroom, set_id)
    settle(classroom)
    assert find_publication(set_id).error_code == "set_gone"  # type: ignore[union-attr]
    assert compare(classroom).lost == 0


def test_a_deletion_that_the_lms_refused_leaves_no_doubt_after_the_look(classroom: Any) -> None:
    set_id = published(classroom)
    with (
        at_call(classroom.lms, is_change, lambda: classroom.lms.faults({"error_next": 99})),
        pytest.raises(LmsError),
    ):
        publication.delete_mirror(classroom.tool, classroom.viewer, set_id)
    calm(classroom)
    assert told(classroom, set_id)
    settle(classroom)
    assert state_of(set_id) == "sent"
    assert compare(classroom) == Findings()


@pytest.mark.shows("PUSH-29")
@pytest.mark.parametrize("how", HOWS)
def test_what_others_put_into_a_copy_is_shown_before_it_is_deleted(classroom: Any, how: Any) -> None:
    set_id = published(classroom)
    target = next(s for s in classroom.state()["group_sets"] if s["name"] == "Lab teams")
    first, second = target["groups"][:2]
    person = first["members"][0]
    classroom.outsider("create_group", set_id=target["id"], name=COLLEAGUES)
    classroom.outsider("move_member", user_id=person, group_id=second["id"], from_group_id=first["id"])
    with pytest.raises(Conflict, match="copy_filled") as asked:
        how(classroom.tool, classroom.viewer, set_id)
    names = " ".join(asked.value.facts["names"])  # type: ignore[arg-type]
    assert f"→ {second['name']}" in names
    assert (COLLEAGUES in names) is (classroom.flavour == "canvas")
    assert in_lms(classroom, "Lab teams") is not None
    assert publication.read_publication(classroom.course_id, set_id).drift > 0  # type: ignore[union-attr]
    found = asked.value.facts["found"]
    assert isinstance(found, list)
    with pytest.raises(Conflict, match="copy_filled"):
        how(classroom.tool, classroom.viewer, set_id, found[:-1])
    how(classroom.tool, classroom.viewer, set_id, found)
    assert in_lms(classroom, "Lab teams") is None
    left = {group["name"] for group in classroom.state()["groups"]}
    assert (COLLEAGUES in left) is (classroom.flavour == "moodle")  # a Moodle keeps what was not named


@pytest.mark.shows("PUSH-29")
def test_what_others_put_into_a_set_of_the_lms_is_shown_before_it_is_deleted(classroom: Any) -> None:
    set_id = open_set(classroom)
    target = next(s for s in classroom.state()["group_sets"] if s["name"] == "Projects")
    first = target["groups"][0]
    spare = classroom.read_set(set_id).unassigned[-1]
    made = classroom.outsider("create_group", set_id=target["id"], name=COLLEAGUES)["group_id"]
    asked = connected_sets.delete_connected_set(classroom.viewer, set_id)
    joined = made if classroom.flavour == "canvas" else first["id"]
    classroom.outsider("add_member", group_id=joined, user_id=int(spare.lms_user_id))
    classroom.pull()  # what a sync brings after somebody asked is as unseen
    assert deliver(classroom, asked, set_id) == "refused"
    (change_id,) = asked.asked
    row = db.session.get_one(LmsChange, change_id)
    assert row.error_code == "set_filled"
    assert f"{spare.name} → " in json.loads(row.error_facts)["names"]
    assert find_set("Projects") == set_id
    assert lms_changes.retry(classroom.tool, classroom.viewer, change_id).state == "sent"
    assert "Projects" not in in_store(classroom)
    left = {group["name"] for group in classroom.state()["groups"]}
    assert (COLLEAGUES in left) is (classroom.flavour == "moodle")
