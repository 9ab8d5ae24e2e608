"""Sets of the LMS removed from this tool, and brought back; and what stale pages are answered."""

from typing import Any

import pytest

from lti_tool.models import Group, GroupSet, LeftOutGroupSet


@pytest.fixture
def labs(world: Any) -> Any:
    world.ana = world.member("Ana López")
    world.set_id = world.group_set("Labs", {"Lab A": [world.ana], "Lab B": []}, connection="canvas")
    world.path = f"group-sets/{world.set_id}"
    return world


@pytest.mark.shows("MODEL-12", "MODEL-110")
def test_a_set_of_the_lms_is_removed_after_a_question_and_can_be_brought_back(labs: Any, lms: Any) -> None:
    teacher = labs.browser()
    own = labs.group_set("Own", {"team": []})
    teacher.post(f"group-sets/{own}/references", group_ids=[str(labs.names["Lab A"])])
    question = teacher.get(f"{labs.path}/remove")
    said = " ".join(question.main.text.split())
    assert "Nothing changes in Canvas." in said
    assert "1 group leaves this tool with it." in said
    assert "1 group stays, because other sets hold it too: Own. Every sync goes on to bring it here" in said
    assert len(labs.stored(GroupSet)) == 2
    page = teacher.follow(f"{labs.path}/remove")
    assert "removed from this tool" in page.select_one("#notice").text
    assert lms.calls == 0
    assert {row.name for row in labs.stored(Group)} == {"team", "Lab A"}
    assert [row.name for row in labs.stored(GroupSet)] == ["Own"]
    assert "Ana López" in teacher.get(f"group-sets/{own}").select_one(".group:last-of-type").text
    assert labs.people_in("Lab A") == {labs.ana}
    (left_out,) = labs.stored(LeftOutGroupSet)
    form = page.select_one("section[aria-labelledby=left-out] form")
    assert form.button.text == "Bring back Labs"
    back = teacher.follow(form["action"], lms_group_set_id=left_out.lms_group_set_id)
    assert "The next sync brings the group set back." in back.select_one("#notice").text
    assert not back.select("section[aria-labelledby=left-out]")
    assert not labs.stored(LeftOutGroupSet)
    teacher.post(form["action"], lms_group_set_id=left_out.lms_group_set_id)


@pytest.mark.shows("MODEL-110")
def test_groups_that_another_set_of_the_lms_holds_stay(app: Any, world: Any) -> None:
    course = type(world)(app).open_course(family="moodle")
    first = course.group_set("First", {"Red": [], "Blue": []}, connection="moodle")
    second = course.group_set("Second", connection="moodle")
    with app.app_context():
        from lti_tool.models import GroupSetEntry, db

        db.session.add(GroupSetEntry(group_set_id=second, group_id=course.names["Red"], position=0))
        db.session.commit()
    teacher = course.browser()
    said = " ".join(teacher.get(f"group-sets/{first}/remove").main.text.split())
    assert "1 group leaves this tool with it." in said
    assert "1 group stays, because other sets hold it too: Second." in said
    teacher.post(f"group-sets/{first}/remove")
    assert [group.name for group in course.stored(Group, course_id=course.course_id)] == ["Red"]


def test_other_sets_are_not_removed_that_way(labs: Any) -> None:
    local = labs.group_set("Projects", {"team": []})
    system = labs.group_set("Staff", {"Staff": []}, connection="system")
    for set_id in (local, system):
        labs.browser().get(f"group-sets/{set_id}/remove", 403)
        labs.browser().post(f"group-sets/{set_id}/remove", 403)
    assert len(labs.stored(GroupSet)) == 3


def test_nothing_is_removed_while_a_sync_is_at_work(labs: Any) -> None:
    labs.run("pull", "running")
    for page in (labs.browser().get(f"{labs.path}/remove", 409), labs.browser().post(f"{labs.path}/remove", 409)):
        assert "A sync is at work on this course" in page.select_one("#error-summary").text
        assert page.h1.text == "Labs"
    assert labs.stored(GroupSet)


def test_who_may_not_edit_removes_and_brings_back_nothing(labs: Any) -> None:
    ta = labs.browser("ta")
    ta.post(f"{labs.path}/remove", 403)
    ta.post("group-sets/left-out", 403, lms_group_set_id="x")
    assert "Remove from this tool" not in ta.get(labs.path).text


@pytest.mark.shows("MODEL-7")
def test_no_change_turns_a_set_into_one_of_another_kind(labs: Any, app: Any) -> None:
    local = labs.group_set("Projects", {"team": []})
    imported = labs.group_set("File", {"row": []}, connection="import")
    kinds = {labs.set_id: "canvas", local: None, imported: "import"}
    teacher = labs.browser()
    for set_id in kinds:
        for extra in ({"connection": "canvas"}, {"connection": "", "lms_group_set_id": "7", "origin": "local"}):
            path = f"group-sets/{set_id}"
            for action in ("edit", "groups", "copy", "assign"):
                teacher.client.post(
                    teacher.address(f"{path}/{action}"),
                    data={"csrf_token": teacher.token, "name": f"x{set_id}", "count": "1", **extra},
                )
    stored = {row.id: row.connection for row in labs.stored(GroupSet)}
    assert {set_id: stored[set_id] for set_id in kinds} == kinds
    assert {row.connection for row in labs.stored(GroupSet) if row.id not in kinds} == {None}, "copies are local"
    assert not [
        rule for rule in app.url_map.iter_rules() if "<uuid:set_id>/connect" in rule.rule or "convert" in rule.rule
    ]


@pytest.mark.parametrize("place", ["edit", "group"])
def test_a_stale_form_answers_409_and_shows_the_present_state(world: Any, place: str) -> None:
    ana = world.member("Ana López")
    set_id = world.group_set("Projects", {"team-1": [], "team-2": []})
    path = f"group-sets/{set_id}/" + ("edit" if place == "edit" else f"groups/{world.names['team-1']}/edit")
    mine, theirs = world.browser(), world.browser(name="Tom Teacher")
    revision = mine.get(path).select_one("input[name=revision]")["value"]
    theirs.post(path, name="Theirs", revision=revision)
    theirs.post(f"group-sets/{set_id}/assign", member_ids=str(ana), group_id=str(world.names["team-2"]))
    page = mine.post(path, 409, name="Mine", revision=revision)
    assert "Somebody changed this group set meanwhile" in page.select_one("#error-summary").text
    assert page.title.text.strip().startswith("Error: ")
    assert ("Theirs" if place == "edit" else "theirs") in page.main.text
    assert "Ana López" in page.select(".group")[1].text
    again = mine.get(path).select_one("input[name=revision]")["value"]
    mine.post(path, name="Mine", revision=again)


def test_a_program_is_told_of_a_conflict_by_its_status(world: Any) -> None:
    set_id = world.group_set("Projects")
    teacher = world.browser()
    response = teacher.client.post(
        teacher.address(f"group-sets/{set_id}/edit"),
        data={"csrf_token": teacher.token, "name": "Mine", "revision": "99"},
        headers={"Accept": "application/json"},
    )
    assert (response.status_code, response.get_json()["error"]) == (409, "set_changed")
    assert world.stored(GroupSet)[0].name == "Projects"


@pytest.mark.parametrize("revision", ["", "x", "-1", "1.5"])
def test_a_revision_that_is_none_is_not_compared(world: Any, revision: str) -> None:
    set_id = world.group_set("Projects")
    world.browser().post(f"group-sets/{set_id}/edit", name="Mine", revision=revision)


@pytest.mark.shows("MODEL-29")
@pytest.mark.parametrize("kind", ["pull", "groups"])
@pytest.mark.parametrize("connection", [None, "import", "canvas"])
def test_during_a_sync_of_groups_no_set_can_be_edited_and_its_page_says_so(
    world: Any, kind: str, connection: str | None
) -> None:
    set_id = world.group_set("Projects", {"team-1": [world.member("Ana")], "team-2": []}, connection=connection)
    team, teacher = world.names["team-1"], world.browser()
    assert teacher.get(f"group-sets/{set_id}").select_one("main .actions a, main .actions button")
    run_id = world.run(kind, "running")
    page = teacher.get(f"group-sets/{set_id}")
    assert page.select_one(f"progress, [hx-get*='{run_id}']")
    assert "can be changed when it has ended" in page.main.text
    assert not page.select("main button:not([hidden])")
    offered = {link.text.split()[0] for link in page.select("main a.button, main .links a")}
    assert not offered & {"Rename", "Delete", "Edit", "Take", "Re-import", "Remove", "Assign"}
    edits = {"edit": {"name": "Mine"}, "groups": {"name": "x", "count": "1"}, f"groups/{team}/delete": {}, "delete": {}}
    if connection != "canvas":
        for path, sent in edits.items():
            refused = teacher.post(f"group-sets/{set_id}/{path}", 409, **sent)
            assert "A sync is at work" in refused.select_one("#error-summary").text
    assert {row.name for row in world.stored(Group)} == {"team-1", "team-2"}
    assert [row.name for row in world.stored(GroupSet)] == ["Projects"]


def test_a_refresh_of_people_keeps_nobody_from_editing(world: Any) -> None:
    set_id = world.group_set("Projects")
    world.run("roster", "running")
    world.browser().post(f"group-sets/{set_id}/edit", name="Mine")


@pytest.mark.shows("MODEL-29")
def test_an_edit_during_a_publication_shows_the_set_and_what_is_at_work(world: Any) -> None:
    set_id = world.group_set("Projects", {"team-1": []})
    world.run("publish", "running", group_set_id=set_id)
    page = world.browser().post(f"group-sets/{set_id}/groups", 409, name="x", count="1")
    assert "This group set is being published" in page.select_one("#error-summary").text
    assert len(world.stored(Group)) == 1


@pytest.mark.shows("MODEL-84", "MODEL-110")
@pytest.mark.parametrize("last", ["delete", "groups/{lab}/take-out"])
def test_a_group_of_a_removed_set_goes_with_the_last_set_that_holds_it(labs: Any, last: str) -> None:
    teacher = labs.browser()
    teacher.post(f"{labs.path}/copy")
    (copy,) = labs.stored(GroupSet, name="Labs (copy)")
    teacher.post(f"{labs.path}/copy")
    (other,) = labs.stored(GroupSet, name="Labs (copy 2)")
    teacher.post(f"{labs.path}/remove")
    path = last.format(lab=labs.names["Lab A"])
    teacher.post(f"group-sets/{other.id}/{path}")
    assert {row.name for row in labs.stored(Group)} == {"Lab A", "Lab B"}, "the copy holds them still"
    if "take-out" in path:
        question = teacher.get(f"group-sets/{copy.id}/{path}")
        assert "No other set holds this group, so it is deleted." in " ".join(question.main.text.split())
    teacher.post(f"group-sets/{copy.id}/{path}")
    assert "Lab A" not in {row.name for row in labs.stored(Group)}
