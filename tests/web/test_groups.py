"""Groups of a local set, and the people in them: by hand, several at once, by lot; each change pushed on."""

from typing import Any

import pytest

from lti_tool.models import Group


@pytest.fixture
def filled(world: Any) -> Any:
    world.ana, world.bo, world.chi = (world.member(name) for name in ("Ana López", "Bo Ek", "Chi Ho"))
    world.set_id = world.group_set("Projects", {"team-1": [world.ana], "team-2": []})
    world.path = f"group-sets/{world.set_id}"
    return world


def names(world: Any) -> set[str]:
    return {group.name for group in world.stored(Group)}


def test_one_group_or_several_numbered_ones_are_added(filled: Any) -> None:
    teacher = filled.browser()
    page = teacher.follow(f"{filled.path}/groups", name="Spare", count="1")
    assert "One group is added." in page.select_one("#notice").text
    page = teacher.follow(f"{filled.path}/groups", name="Team", count="3")
    assert "3 groups are added." in page.select_one("#notice").text
    assert names(filled) == {"team-1", "team-2", "spare", "team-3", "team-4", "team-5"}


@pytest.mark.parametrize(
    ("sent", "field", "words"),
    [
        ({"name": "", "count": "1"}, "name", "Enter a name."),
        ({"name": "Team 1!", "count": "1"}, "name", "“team-1” is in use"),
        ({"name": "X" * 256, "count": "1"}, "name", "255 characters"),
        ({"name": "Team", "count": "0"}, "count", "from 1 to 200"),
        ({"name": "Team", "count": "201"}, "count", "from 1 to 200"),
        ({"name": "Team", "count": "many"}, "count", "from 1 to 200"),
        ({"name": "Team", "count": ""}, "count", "from 1 to 200"),
        ({"name": "Team"}, "count", "from 1 to 200"),
    ],
)
def test_wrong_groups_are_refused_beside_the_field(filled: Any, sent: dict[str, str], field: str, words: str) -> None:
    page = filled.browser().post(f"{filled.path}/groups", 422, **sent)
    assert words in page.select_one(f"#{field}-error").text
    assert words in page.select_one(f"#error-summary a[href='#{field}']").text
    assert page.select_one("details[open] form")
    assert names(filled) == {"team-1", "team-2"}


def test_a_group_is_renamed_and_described(filled: Any) -> None:
    path = f"{filled.path}/groups/{filled.names['team-1']}/edit"
    teacher = filled.browser()
    teacher.follow(path, name="Owls", description="We meet <b>at night</b>.")
    page = teacher.get(path)
    assert page.select_one("#name")["value"] == "owls"
    assert "<b>at night</b>" in page.select_one("#description").text
    refused = teacher.post(path, 422, name="team 2", description="")
    assert "in use" in refused.select_one("#name-error").text
    assert names(filled) == {"owls", "team-2"}


def test_a_group_is_deleted_after_a_question(filled: Any) -> None:
    path = f"{filled.path}/groups/{filled.names['team-1']}/delete"
    teacher = filled.browser()
    page = teacher.get(path)
    assert "Delete “team-1”?" in page.h1.text
    assert "Canvas" not in page.main.text, "the set is not published"
    assert len(names(filled)) == 2
    teacher.follow(path)
    assert names(filled) == {"team-2"}


def test_one_student_is_added_to_a_group(filled: Any) -> None:
    path = f"{filled.path}/groups/{filled.names['team-2']}/members"
    teacher = filled.browser()
    teacher.follow(path, member_id=str(filled.bo))
    assert filled.people_in("team-2") == {filled.bo}
    for wrong in ("", "x"):
        page = teacher.post(path, 422, member_id=wrong)
        assert "Choose at least one person" in page.select_one("#member_id-error").text


def test_a_person_is_taken_out_and_taking_out_twice_is_no_error(filled: Any) -> None:
    teacher = filled.browser()
    path = f"{filled.path}/groups/{filled.names['team-1']}/members/{filled.ana}/remove"
    for _ in range(2):
        assert "taken out" in teacher.follow(path).select_one("#notice").text
    assert filled.people_in("team-1") == set()


def test_several_people_are_placed_and_moved_at_once(filled: Any) -> None:
    page = filled.browser().follow(
        f"{filled.path}/assign",
        member_ids=[str(filled.ana), str(filled.bo)],
        group_id=str(filled.names["team-2"]),
    )
    assert "2 people are placed." in page.select_one("#notice").text
    assert filled.people_in("team-2") == {filled.ana, filled.bo}
    assert not filled.people_in("team-1")


def test_placing_who_is_there_already_changes_nothing_and_says_so(filled: Any) -> None:
    page = filled.browser().follow(
        f"{filled.path}/assign", member_ids=str(filled.ana), group_id=str(filled.names["team-1"])
    )
    assert "Nothing had to change" in page.select_one("#notice").text


@pytest.mark.parametrize("sent", [{}, {"member_ids": "x"}, {"member_ids": ""}])
def test_placing_nobody_is_refused_in_words(filled: Any, sent: dict[str, str]) -> None:
    page = filled.browser().post(f"{filled.path}/assign", 422, group_id=str(filled.names["team-2"]), **sent)
    assert "Choose at least one person." in page.select_one("#error-summary").text


@pytest.mark.parametrize("group", ["", "x", None])
def test_placing_nowhere_is_refused_in_words(filled: Any, group: str | None) -> None:
    sent = {} if group is None else {"group_id": group}
    filled.browser().post(f"{filled.path}/assign", 422, member_ids=str(filled.bo), **sent)
    assert not filled.people_in("team-2")


def test_who_is_not_active_is_not_placed(filled: Any) -> None:
    late = filled.member("Peter Late", status="incomplete")
    page = filled.browser().post(
        f"{filled.path}/assign", 422, member_ids=str(late), group_id=str(filled.names["team-2"])
    )
    assert "Peter Late is not active in the course" in page.text


@pytest.mark.shows("MODEL-74", "MODEL-75")
def test_staff_who_are_not_active_yet_are_placed_and_staff_who_left_are_not(filled: Any) -> None:
    late = filled.member("Tim Late", status="incomplete", enrollment_type="ta", enrollment_display="Invited")
    gone = filled.member("Tom Gone", status="dropped", enrollment_type="ta")
    teacher, group = filled.browser(), str(filled.names["team-2"])
    page = teacher.follow(f"{filled.path}/assign", member_ids=str(late), group_id=group)
    assert filled.people_in("team-2") == {late}
    assert "Tim Late" in page.main.text
    page = teacher.post(f"{filled.path}/assign", 422, member_ids=str(gone), group_id=group)
    assert "Only active students, and staff who have not left it, can be in groups." in page.text


def test_moving_one_person_asks_where(filled: Any) -> None:
    teacher = filled.browser()
    link = teacher.get(filled.path).select_one('a[aria-label="Move Ana López"]')["href"]
    page = teacher.get(link)
    assert "Ana López" in page.h1.text
    assert [option.text for option in page.select("select[name=group_id] option")] == ["team-2 (0)"]
    part, _ = teacher.fragment(link)
    assert part.form
    assert not part.select("h1")
    form = page.select_one("main form[method=post]")
    teacher.follow(form["action"], member_ids=str(filled.ana), group_id=str(filled.names["team-2"]))
    assert filled.people_in("team-2") == {filled.ana}


def test_every_form_and_button_of_the_set_leads_somewhere(filled: Any, app: Any) -> None:
    page = filled.browser().get(filled.path)
    adapter = app.url_map.bind("127.0.0.1")
    for action in [form["action"] for form in page.select("form[action]")]:
        adapter.match(action, method="POST")
    for button in page.select("button[formaction]"):
        assert page.find("form", id=button["form"])
        assert adapter.match(button["formaction"], method="POST")[0] == "groups.remove_student_from_group"
    for link in page.select("main a[href^='/']"):
        adapter.match(link["href"].split("?")[0], method="GET")


def test_a_draw_is_shown_then_made_exactly_so(filled: Any) -> None:
    teacher = filled.browser()
    shown = teacher.get(teacher.client.get(teacher.address(f"{filled.path}/random")).headers["Location"])
    assert "Nothing is changed yet" in shown.text
    assert not filled.people_in("team-2")
    form = {field["name"]: field["value"] for field in shown.select("main form input[type=hidden]")}
    drawn = {
        card.h3.text.split()[0]: {li.text.strip("+ ") for li in card.select("li")} for card in shown.select(".group")
    }
    page = teacher.follow(f"{filled.path}/random", seed=form["seed"], revision=form["revision"])
    assert "2 people are placed." in page.select_one("#notice").text
    found = {"Bo Ek": filled.bo, "Chi Ho": filled.chi}
    assert filled.people_in("team-1") == {filled.ana} | {found[name] for name in drawn["team-1"]}
    assert filled.people_in("team-2") == {found[name] for name in drawn["team-2"]}
    assert "there is nobody to place" in teacher.get(f"{filled.path}/random?seed=1").text


def test_a_draw_of_a_set_that_changed_meanwhile_is_refused(filled: Any) -> None:
    teacher = filled.browser()
    shown = teacher.get(f"{filled.path}/random?seed=7")
    revision = shown.select_one("input[name=revision]")["value"]
    teacher.post(f"{filled.path}/assign", member_ids=str(filled.bo), group_id=str(filled.names["team-1"]))
    page = teacher.post(f"{filled.path}/random", 409, seed="7", revision=revision)
    assert page.h1.text == "Projects"
    assert "Somebody changed this group set meanwhile" in page.select_one("#error-summary h2").text
    assert "Bo Ek" in page.select_one(".group").text, "the page shows the set as it is now"
    assert filled.people_in("team-2") == set()


def test_a_draw_without_groups_says_what_is_missing(world: Any) -> None:
    world.member("Ana López")
    set_id = world.group_set("Empty")
    assert "Add groups first" in world.browser().get(f"group-sets/{set_id}/random?seed=1", 422).text
