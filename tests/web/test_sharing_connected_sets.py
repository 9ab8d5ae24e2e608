"""Groups that two groupings of a Moodle hold: an edit through one of them is an edit of the other one too."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from lti_tool.domain.errors import LmsUnavailable
from lti_tool.models import GroupSet, GroupSetEntry, LmsChange, SyncRun, UndoStep, db
from lti_tool.services import turns
from tests.web.conftest import PlayedLms, World
from tests.web.connected import open_labs


@pytest.fixture
def shared(world: World, lms: PlayedLms, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Labs has Anna in “One” and nobody in “Two”; the grouping Rooms holds “One” too."""
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.0)
    course: Any = world
    course.labs = open_labs(world, lms, "moodle")
    course.rooms = world.group_set("Rooms", connection="moodle", lms_group_set_id="s2")
    world._add(GroupSetEntry(group_set_id=course.rooms, group_id=world.names["One"], position=0))
    lms.sets["s2"], lms.groups["s2"] = "Rooms", {"g1": lms.groups["s1"]["g1"]}
    course.lms, course.teacher = lms, world.browser()
    course.path, course.one = f"group-sets/{course.labs}", f"group-sets/{course.labs}/groups/{world.names['One']}"
    return course


def edits(course: Any) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return, by its name, each edit through Labs of the group that Rooms holds too."""
    names, one, two = course.names, str(course.names["One"]), str(course.names["Two"])
    anna, bela = str(names["Anna A"]), str(names["Bela B"])
    (step,) = course.stored(UndoStep) or [None]
    return {
        "rename": (f"{course.one}/edit", {"name": "Uno", "description": ""}),
        "describe": (f"{course.one}/edit", {"name": "One", "description": "Upstairs"}),
        "delete": (f"{course.one}/delete", {}),
        "add": (f"{course.one}/members", {"member_id": bela}),
        "move": (f"{course.path}/groups/{two}/members", {"member_id": anna}),
        "take out": (f"{course.one}/members/{anna}/remove", {}),
        "batch": (f"{course.path}/assign", {"member_ids": [bela, str(names["Cleo C"])], "group_id": one}),
        "of people": (f"{course.path}/groups/new", {"name": "New", "member_ids": [anna]}),
        "undo": (f"{course.path}/undo", {"revision": str(step.revision if step else 0)}),
    }


EDITS = ("rename", "describe", "delete", "add", "move", "take out", "batch", "of people", "undo")


def _fill(course: Any) -> None:
    """Make a bulk change that can be taken back."""
    both = [str(course.names[one]) for one in ("Bela B", "Cleo C")]
    course.teacher.post(f"{course.path}/assign", fields={"member_ids": both, "group_id": str(course.names["One"])})


def end(course: Any, run_id: UUID) -> None:
    with course.app.app_context():
        db.session.execute(update(SyncRun).where(SyncRun.id == run_id).values(state="succeeded"))
        db.session.commit()


@pytest.mark.shows("MODEL-29")
@pytest.mark.parametrize("edit", EDITS)
def test_a_refresh_of_one_set_keeps_from_editing_its_groups_through_another(shared: Any, edit: str) -> None:
    if edit == "undo":
        _fill(shared)
    before = len(shared.stored(LmsChange))
    shared.run("refresh", "running", group_set_id=shared.rooms)
    path, fields = edits(shared)[edit]
    page = shared.teacher.post(path, 409, fields=fields)
    assert "A sync is at work on this course" in page.select_one("#error-summary").text
    assert len(shared.stored(LmsChange)) == before


def test_a_refresh_of_another_set_holds_up_no_edit_of_what_it_does_not_hold(shared: Any) -> None:
    shared.run("refresh", "running", group_set_id=shared.rooms)
    shared.teacher.post(f"{shared.path}/groups/{shared.names['Two']}/members", member_id=str(shared.names["Bela B"]))
    shared.teacher.post(f"{shared.path}/groups", name="Three", count=1)
    assert [row.state for row in shared.stored(LmsChange)] == ["waiting", "waiting"]


@pytest.mark.shows("MODEL-29")
def test_nobody_retries_a_change_of_a_group_while_a_set_that_holds_it_is_refreshed(shared: Any) -> None:
    shared.lms.error = LmsUnavailable("lms_failed", host="lms.example", status=500)
    shared.teacher.post(f"{shared.one}/members", member_id=str(shared.names["Bela B"]))
    (row,) = shared.stored(LmsChange)
    for set_id in (shared.labs, shared.rooms):
        run_id = shared.run("refresh", "running", group_set_id=set_id)
        shared.teacher.post(f"changes/{row.id}/retry", 409)
        end(shared, run_id)
    shared.lms.error = None
    shared.teacher.post(f"changes/{row.id}/retry")
    assert "u-Bela B" in shared.lms.members("One")


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_through_one_set_makes_the_other_sets_pages_stale(shared: Any, edit: str) -> None:
    if edit == "undo":
        _fill(shared)
    (before,) = shared.stored(GroupSet, id=shared.rooms)
    shared.lms.error = LmsUnavailable("lms_failed", host="lms.example", status=500) if edit != "undo" else None
    path, fields = edits(shared)[edit]
    shared.teacher.post(path, fields=fields)
    assert shared.stored(GroupSet, id=shared.rooms)[0].revision > before.revision, "as soon as it is asked"


def test_a_deleted_set_asks_the_sets_of_our_own_that_hold_its_groups(shared: Any) -> None:
    mixed = shared.group_set("Mixed")
    shared._add(GroupSetEntry(group_set_id=mixed, group_id=shared.names["Two"], position=0))
    run_id = shared.run("publish", "running", group_set_id=mixed)
    page = shared.teacher.post(f"{shared.path}/delete", 409)
    assert "This group set is being published" in page.select_one("#error-summary").text
    assert shared.stored(LmsChange) == []
    end(shared, run_id)
    shared.teacher.post(f"{shared.path}/delete")
    assert [row.state for row in shared.stored(LmsChange)] == ["sent"]
