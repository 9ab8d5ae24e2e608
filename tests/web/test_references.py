"""References: existing groups put into local sets and taken out again, and what happens to a group of no set."""

from typing import Any

import pytest

from lti_tool.models import Group, GroupSet, GroupSetEntry


@pytest.fixture
def shared(world: Any) -> Any:
    """A set of the LMS, one of the roster, a local one with a group, and an empty one to put groups into."""
    world.ana, world.bo = world.member("Ana López"), world.member("Bo Ek")
    world.lms_set = world.group_set("Labs", {"Lab A": [world.ana], "Lab B": []}, connection="canvas")
    world.group_set("Individual Students", {"bo_ek": [world.bo]}, connection="system")
    world.local = world.group_set("Projects", {"team-1": [world.bo]})
    world.set_id = world.group_set("Mixed", {"own": []})
    world.path = f"group-sets/{world.set_id}"
    return world


def held(world: Any, set_id: Any = None) -> list[str]:
    """Return the names of a set's groups in the order of its page."""
    page = world.browser().get(f"group-sets/{set_id or world.set_id}")
    return [heading.contents[0].strip() for heading in page.select(".group h3")]


def add(world: Any, *names: str, status: int = 303) -> Any:
    ids = [str(world.names[name]) for name in names]
    return world.browser().post(f"{world.path}/references", status, group_ids=ids)


@pytest.mark.shows("MODEL-2", "MODEL-14", "MODEL-15", "MODEL-38")
def test_a_local_set_takes_groups_of_every_origin_at_its_end(shared: Any) -> None:
    page = shared.browser().get(f"{shared.path}/references")
    labels = [" ".join(label.text.split()) for label in page.select("#group_ids label")]
    assert labels == ["Lab A 1", "Lab B 0", "team-1 1", "bo_ek 1"], "those of the roster come last"
    add(shared, "team-1", "Lab A", "bo_ek")
    assert held(shared) == ["own", "team-1", "Lab A", "bo_ek"]
    add(shared, "Lab A", "Lab B")
    assert held(shared) == ["own", "team-1", "Lab A", "bo_ek", "Lab B"], "what is there stays where it is"
    page = shared.browser().get(shared.path)
    links = {h.text.split()[0] + h.text.split()[1][:1]: h for h in page.select(".group h3")}
    assert len(links) == 5
    for name in ("Lab A", "bo_ek"):
        path = f"{shared.path}/groups/{shared.names[name]}"
        shared.browser().post(f"{path}/edit", 403, name="Mine")
        shared.browser().post(f"{path}/delete", 403)
    shared.browser().post(f"{shared.path}/groups/{shared.names['team-1']}/edit", name="Owls")
    assert held(shared, shared.local) == ["owls"], "one group, whichever set shows it"
    assert held(shared, shared.lms_set) == ["Lab A", "Lab B"]


@pytest.mark.shows("MODEL-15", "MODEL-105", "MODEL-106")
def test_people_of_groups_of_others_come_into_own_ones_besides(shared: Any) -> None:
    add(shared, "Lab A", "bo_ek")
    teacher = shared.browser()
    boxes = {
        box.find_parent("section").h3.contents[0].strip(): box for box in teacher.get(shared.path).select(".tick input")
    }
    assert boxes.keys() == {"Lab A", "bo_ek"}
    page = teacher.follow(
        f"{shared.path}/assign", member_ids=[box["value"] for box in boxes.values()], group_id=str(shared.names["own"])
    )
    assert "2 people" in page.select_one("#notice").text
    assert "In more than one group: Ana López, Bo Ek." in " ".join(page.main.text.split())
    own, lab, roster = (shared.people_in(name) for name in ("own", "Lab A", "bo_ek"))
    assert (own, lab, roster) == ({shared.ana, shared.bo}, {shared.ana}, {shared.bo})
    people = [str(shared.ana), str(shared.bo)]
    teacher.post(f"{shared.path}/groups/new", name="Pair", member_ids=people)
    shared.names["pair"] = shared.stored(Group, name="pair")[0].id
    own, lab, pair = (shared.people_in(name) for name in ("own", "Lab A", "pair"))
    assert (own, lab, pair) == (set(), {shared.ana}, {shared.ana, shared.bo}), "one of ours for each"
    for name in ("Lab A", "bo_ek"):
        teacher.post(f"{shared.path}/assign", 403, member_ids=people, group_id=str(shared.names[name]))


@pytest.mark.shows("MODEL-146")
def test_what_cannot_be_added_is_refused_in_words(shared: Any) -> None:
    assert "Choose at least one group." in add(shared, status=422).select_one("#error-summary").text
    shared.group_set("Other", {"OWN": []})
    assert (
        "would be called “OWN” like another one"
        in add(shared, "team-1", "OWN", status=422).select_one("#error-summary").text
    )
    assert held(shared) == ["own"], "all or nothing"
    for set_id in (shared.lms_set, shared.stored(GroupSet, name="Individual Students")[0].id):
        shared.path = f"group-sets/{set_id}"
        add(shared, "team-1", status=403)
        shared.browser().get(f"{shared.path}/references", 403)
    shared.path = f"group-sets/{shared.set_id}"
    elsewhere = type(shared)(shared.app).open_course("Chemistry")
    shared.names["foreign"] = elsewhere.names.get("x") or _group_of(elsewhere)
    add(shared, "foreign", status=404)


def _group_of(course: Any) -> Any:
    course.group_set("Theirs", {"theirs": []})
    return course.names["theirs"]


def test_a_published_set_takes_only_what_its_mirror_can_show(shared: Any, lms: Any) -> None:
    shared.browser().post(f"{shared.path}/publish")
    shared.app.extensions["lti_tool_doorbell"].work_off()
    page = add(shared, "Lab A", status=422)
    assert "Lab A" in page.select_one("#error-summary").text
    shared.browser().post(f"{shared.path}/assign", member_ids=str(shared.bo), group_id=str(shared.names["own"]))
    assert "Bo Ek" in add(shared, "team-1", status=422).select_one("#error-summary").text
    assert held(shared) == ["own"]


@pytest.mark.shows("MODEL-14", "MODEL-40", "MODEL-81")
def test_a_group_is_taken_out_and_lives_on_where_others_hold_it(shared: Any) -> None:
    add(shared, "Lab A", "Lab B", "team-1")
    teacher = shared.browser()
    links = teacher.get(shared.path).select(".group a[href$='/take-out']")
    assert [link.text for link in links] == ["Take out Lab A", "Take out Lab B", "Take out team-1"]
    for name, home in (("Lab A", "Labs"), ("Lab B", "Labs"), ("team-1", "Projects")):
        path = f"{shared.path}/groups/{shared.names[name]}/take-out"
        assert f"The group stays as it is in {home}" in teacher.get(path).text
        page = teacher.follow(path)
        assert "The group is taken out of this set." in page.select_one("#notice").text
        teacher.post(path, 404)
    assert held(shared) == ["own"]
    assert held(shared, shared.lms_set) == ["Lab A", "Lab B"], "an empty group of the LMS stays too"
    assert held(shared, shared.local) == ["team-1"]
    assert shared.people_in("Lab A") == {shared.ana}
    assert shared.stored(Group, name="Lab A")[0].origin == "lms"


@pytest.mark.shows("MODEL-42", "MODEL-83", "MODEL-84")
def test_a_local_group_of_no_set_is_deleted_and_the_page_says_so_before(shared: Any) -> None:
    add(shared, "team-1")
    teacher = shared.browser()
    first = f"group-sets/{shared.local}/groups/{shared.names['team-1']}/take-out"
    assert "deleted" not in teacher.get(first).main.text
    teacher.post(first)
    last = f"{shared.path}/groups/{shared.names['team-1']}/take-out"
    question = teacher.get(last)
    assert "No other set holds this group, so it is deleted." in question.text
    assert "Take out and delete" in question.text
    assert shared.stored(Group, name="team-1")
    teacher.post(last)
    assert not shared.stored(Group, name="team-1")
    assert shared.stored(Group, name="own"), "an empty group that a set holds stays"
    assert len(shared.stored(GroupSetEntry, group_set_id=shared.set_id)) == 1


@pytest.mark.shows("MODEL-12")
def test_nothing_is_taken_out_of_a_set_of_the_lms(shared: Any) -> None:
    path = f"group-sets/{shared.lms_set}/groups/{shared.names['Lab A']}/take-out"
    shared.browser().get(path, 403)
    shared.browser().post(path, 403)
    assert held(shared, shared.lms_set) == ["Lab A", "Lab B"]


def test_the_page_of_groups_to_add_costs_the_same_for_few_and_many(shared: Any, count_queries: Any) -> None:
    teacher = shared.browser()
    count_queries()
    teacher.get(f"{shared.path}/references")
    few = count_queries()
    for n in range(5):
        shared.group_set(f"More {n}", {f"group {n} {m}": [] for m in range(20)})
    count_queries()
    page = teacher.get(f"{shared.path}/references")
    assert count_queries() == few <= 7
    assert len(page.select("#group_ids input[type=checkbox]")) == 104


def test_without_other_groups_the_page_says_so(world: Any) -> None:
    set_id = world.group_set("Alone", {"own": []})
    assert "have no groups" in world.browser().get(f"group-sets/{set_id}/references").text


def undo(world: Any, status: int = 303) -> Any:
    (row,) = world.stored(GroupSet, id=world.set_id)
    return world.browser().post(f"{world.path}/undo", status, revision=row.revision)


@pytest.mark.parametrize("redone", [False, True])
@pytest.mark.parametrize("source", ["of the LMS", "local"])
def test_an_undo_ends_no_group_that_the_change_only_brought(shared: Any, source: str, redone: bool) -> None:
    names = ["Lab A", "Lab B"] if source == "of the LMS" else ["team-1", "team-2"]
    if source == "local":
        shared.browser().post(f"group-sets/{shared.local}/groups", name="team-2", count=1)
        shared.names["team-2"] = shared.stored(Group, name="team-2")[0].id
    add(shared, *names)
    for _ in range(2 if redone else 0):
        undo(shared)
    if source == "of the LMS":
        shared.browser().post(f"group-sets/{shared.lms_set}/remove")
    else:
        shared.browser().post(f"group-sets/{shared.local}/delete", where="here")
    page = undo(shared, 422)
    assert f"No other group set holds these groups any more: {names[0]}, {names[1]}." in page.main.text
    assert held(shared) == ["own", *names]
    shared.browser().post(f"{shared.path}/groups/{shared.names[names[0]]}/take-out")
    assert held(shared) == ["own", names[1]], "by hand, and asked before"


def test_an_undo_takes_a_group_out_that_another_set_holds(shared: Any) -> None:
    copy = shared.group_set("Copy")
    shared._add(*(GroupSetEntry(group_set_id=copy, group_id=shared.names[n], position=0) for n in ("Lab A", "Lab B")))
    add(shared, "Lab A", "Lab B")
    shared.browser().post(f"group-sets/{shared.lms_set}/remove")
    undo(shared)
    assert held(shared) == ["own"]
    assert sorted(held(shared, copy)) == ["Lab A", "Lab B"]


def test_an_undo_still_ends_the_groups_that_the_change_made(shared: Any) -> None:
    shared.browser().post(f"{shared.path}/groups", name="new", count=2)
    undo(shared)
    assert held(shared) == ["own"]
    assert shared.stored(Group, name="new-1") == []
    undo(shared)
    undo(shared)
    assert held(shared) == ["own"]
