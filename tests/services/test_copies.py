"""Copies of sets: the same groups in a set of one's own, still whoever's they were."""

from typing import Any

import pytest

from lti_tool.domain.errors import Forbidden, NotFound, RuleViolation
from lti_tool.domain.sync import Report
from lti_tool.models import SyncRun, db
from lti_tool.services import copies, group_sets, groups, publication, push, removal, runs

flavours = pytest.mark.parametrize("flavour", ["canvas"])  # rules of our own: one LMS is enough


def source_of(classroom: Any, kind: str) -> Any:
    """Return the id of a set of that kind that has groups."""
    classroom.pull()
    if kind == "local":
        set_id = classroom.new_set("Mine")
        classroom.new_groups(set_id, "Team", 3)
        return set_id
    return next(s.row.id for s in group_sets.list_sets(classroom.course_id) if s.groups and s.row.connection == kind)


def group_ids(classroom: Any, set_id: Any) -> list[Any]:
    db.session.rollback()
    return [card.row.id for card in classroom.read_set(set_id).cards]


@flavours
@pytest.mark.shows("MODEL-103", "MODEL-109")
@pytest.mark.parametrize("kind", ["canvas", "system", "local"])
def test_a_copy_is_a_local_set_of_the_same_groups_in_the_same_order(classroom: Any, kind: str) -> None:
    set_id = source_of(classroom, kind)
    name = group_sets.get_set(classroom.course_id, set_id).name
    made = [copies.copy_set(classroom.viewer, set_id).group_set for _ in range(2)]
    rows = [group_sets.get_set(classroom.course_id, copy_id) for copy_id in made]
    assert [(row.name, row.connection, row.lms_group_set_id) for row in rows] == [
        (f"{name} (copy)", None, None),
        (f"{name} (copy 2)", None, None),
    ]
    assert group_ids(classroom, made[0]) == group_ids(classroom, made[1]) == group_ids(classroom, set_id) != []


@flavours
@pytest.mark.shows("MODEL-14", "MODEL-15", "MODEL-105", "MODEL-106")
@pytest.mark.parametrize("kind", ["canvas", "system"])
def test_groups_of_others_stay_theirs_in_a_copy_and_own_ones_can_be_added(classroom: Any, kind: str) -> None:
    viewer, copy_id = classroom.viewer, copies.copy_set(classroom.viewer, source_of(classroom, kind)).group_set
    before = [[m.id for m in card.members] for card in classroom.read_set(copy_id).cards]
    foreign = next(c for c in classroom.read_set(copy_id).cards if c.members)
    inside, group_id = foreign.members[0].id, foreign.row.id
    (own,) = groups.create_groups(viewer, copy_id, "Own").groups
    for change in (
        lambda: groups.edit_group(viewer, copy_id, group_id, "x", ""),
        lambda: groups.delete_group(viewer, copy_id, group_id),
        lambda: groups.remove_member(viewer, copy_id, group_id, inside),
        lambda: groups.assign(viewer, copy_id, {classroom.students()[-1].id: group_id}),
    ):
        with pytest.raises(Forbidden, match="group_not_editable"):
            change()
    groups.edit_group(viewer, copy_id, own, "Our own", "")
    groups.assign(viewer, copy_id, {inside: own})
    page = classroom.read_set(copy_id)
    assert [[m.id for m in card.members] for card in page.cards] == [*before, [inside]], "nobody leaves a foreign group"
    assert [member.id for member in page.in_several] == [inside]
    assert (page.cards[-1].row.name, page.has_foreign_groups) == ("our-own", True)


@flavours
@pytest.mark.shows("MODEL-27", "MODEL-28", "MODEL-104", "MODEL-107", "MODEL-108")
def test_a_copy_shows_what_the_lms_changes_but_takes_no_new_groups(classroom: Any) -> None:
    classroom.pull()
    target = next(s for s in classroom.state()["group_sets"] if s["role"] is None and len(s["groups"]) > 2)
    row = next(s.row for s in group_sets.list_sets(classroom.course_id) if s.row.lms_group_set_id == str(target["id"]))
    set_id, copy_id = row.id, copies.copy_set(classroom.viewer, row.id).group_set
    before = group_ids(classroom, copy_id)
    (own,) = groups.create_groups(classroom.viewer, copy_id, "Own").groups
    classroom.outsider("rename_group", group_id=target["groups"][0]["id"], name="Renamed by an outsider")
    classroom.outsider("delete_group", group_id=target["groups"][1]["id"])
    classroom.pull()
    assert group_ids(classroom, set_id) == [before[0], *before[2:]]
    assert group_ids(classroom, copy_id) == [before[0], *before[2:], own]
    cards = classroom.read_set(copy_id).cards
    assert cards[0].row.name == "Renamed by an outsider"


@pytest.mark.shows("MODEL-27", "MODEL-108", "MODEL-110")
def test_a_copy_follows_the_lms_though_the_copied_set_was_removed_here(classroom: Any) -> None:
    classroom.pull()
    target = next(s for s in classroom.state()["group_sets"] if s["role"] is None and len(s["groups"]) > 2)
    row = next(s.row for s in group_sets.list_sets(classroom.course_id) if s.row.lms_group_set_id == str(target["id"]))
    lms_set_id, copy_id = row.lms_group_set_id, copies.copy_set(classroom.viewer, row.id).group_set
    before = group_ids(classroom, copy_id)
    removal.remove_connected_set(classroom.viewer, row.id)
    report = classroom.pull()
    assert (report.groups.created, report.groups.removed, report.memberships.removed) == (0, 0, 0)
    assert group_ids(classroom, copy_id) == before
    moved = classroom.read_set(copy_id).cards[2].members[0]
    to = target["groups"][0]["id"]
    classroom.outsider("rename_group", group_id=to, name="Renamed by an outsider")
    classroom.outsider("move_member", user_id=int(moved.lms_user_id), group_id=to)
    classroom.outsider("delete_group", group_id=target["groups"][1]["id"])
    classroom.pull()
    assert group_ids(classroom, copy_id) == [before[0], *before[2:]]
    cards = classroom.read_set(copy_id).cards
    assert cards[0].row.name == "Renamed by an outsider"
    assert moved.id in {member.id for member in cards[0].members}
    assert moved.id not in {member.id for member in cards[1].members}
    removal.bring_back(classroom.viewer, lms_set_id)
    report = classroom.pull()
    assert (report.groups.created, report.groups.removed) == (0, 0), "it comes back with the groups that are here"
    removal.delete_set(classroom.viewer, copy_id)
    assert {g.id for g in group_sets.read_groups(_connected(classroom, lms_set_id))} == {before[0], *before[2:]}


def _connected(classroom: Any, lms_set_id: str) -> Any:
    sets = group_sets.list_sets(classroom.course_id)
    return next(s.row.id for s in sets if s.row.lms_group_set_id == lms_set_id)


@flavours
@pytest.mark.shows("MODEL-110")
@pytest.mark.parametrize("kind", ["canvas", "system", "local"])
def test_deleting_a_copy_keeps_what_its_source_holds(classroom: Any, kind: str) -> None:
    set_id = source_of(classroom, kind)
    copy_id = copies.copy_set(classroom.viewer, set_id).group_set
    (own,) = groups.create_groups(classroom.viewer, copy_id, "Own").groups
    before = group_ids(classroom, set_id)
    removal.delete_set(classroom.viewer, copy_id)
    assert group_ids(classroom, set_id) == before
    with pytest.raises(NotFound):
        groups.get_group(copy_id, own)


@flavours
@pytest.mark.shows("MODEL-109")
def test_a_copy_of_a_local_set_shares_its_groups_and_says_so(classroom: Any) -> None:
    viewer, set_id = classroom.viewer, source_of(classroom, "local")
    copy_id = copies.copy_set(viewer, set_id).group_set
    first, second, _ = group_ids(classroom, set_id)
    groups.create_groups(viewer, copy_id, "Extra")
    groups.edit_group(viewer, copy_id, first, "Renamed in the copy", "")
    assert classroom.read_set(set_id).cards[0].row.name == "renamed-in-the-copy"
    assert classroom.read_set(set_id).shared_with == ["Mine (copy)"]
    assert classroom.read_set(copy_id).shared_with == ["Mine"]
    with pytest.raises(RuleViolation, match="name_taken"):
        groups.edit_group(viewer, set_id, second, "extra", "")  # the copy has it
    removal.delete_set(viewer, set_id)
    assert group_ids(classroom, copy_id)[:2] == [first, second]


@flavours
def test_a_draw_leaves_out_who_is_in_a_group_of_others(classroom: Any) -> None:
    copy_id = copies.copy_set(classroom.viewer, source_of(classroom, "canvas")).group_set
    groups.create_groups(classroom.viewer, copy_id, "Own", 2)
    waiting = {student.id for student in classroom.read_set(copy_id).unassigned}
    shown = groups.draw(classroom.course_id, copy_id, seed=7)
    assert {member.id for group in shown.groups for member in group.incoming} == waiting
    assert groups.apply_draw(classroom.viewer, copy_id, 7, shown.revision).count == len(waiting)


@pytest.mark.parametrize("kind", ["lms", "system"])
def test_groups_of_others_are_not_published(classroom: Any, kind: str) -> None:
    copy_id = copies.copy_set(
        classroom.viewer, source_of(classroom, classroom.flavour if kind == "lms" else "system")
    ).group_set
    calls = classroom.calls()
    with pytest.raises(RuleViolation, match="set_has_foreign_groups"):
        publication.queue_publication(classroom.tool, copy_id)
    assert classroom.calls() == calls
    assert publication.read_publication(classroom.course_id, copy_id) is None


@flavours
@pytest.mark.parametrize("change", ["rename", "delete"])
def test_a_published_set_follows_what_its_copy_changes(classroom: Any, change: str) -> None:
    viewer, set_id = classroom.viewer, source_of(classroom, "local")
    run = runs.claim(publication.queue_publication(classroom.tool, set_id))
    assert run is not None
    push.run_push(classroom.tool, run, Report())
    copy_id = copies.copy_set(viewer, set_id).group_set
    first = group_ids(classroom, copy_id)[0]
    if change == "rename":
        groups.edit_group(viewer, copy_id, first, "Renamed", "")
    else:
        groups.delete_group(viewer, copy_id, first)
    assert publication.push_after_change(classroom.tool, viewer, copy_id) is None
    assert publication.read_publication(classroom.course_id, set_id).state == "waiting"
    rung: list[Any] = []
    assert publication.sweep(rung.append) == 1
    run = runs.claim(rung[0])
    assert isinstance(run, SyncRun)
    push.run_push(classroom.tool, run, Report())
    after = publication.read_publication(classroom.course_id, set_id)
    assert (after.state, after.differences) == ("sent", [])
    names = {g["name"] for s in classroom.state()["group_sets"] if s["name"] == "Mine" for g in s["groups"]}
    assert names == ({"renamed", "team-2", "team-3"} if change == "rename" else {"team-2", "team-3"})
