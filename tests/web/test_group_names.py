"""Names of groups on their pages: normalised when typed, shown while typed, made after people until edited by hand."""

from typing import Any
from uuid import UUID

import pytest
from bs4 import BeautifulSoup

from lti_tool.models import Group, GroupSet


@pytest.fixture
def filled(world: Any) -> Any:
    world.ana, world.bo, world.chi, world.dan, world.li = (
        world.member(name) for name in ("Ana López", "Bo Ek", "Chi O'Hara", "Dan Ek", "李明")
    )
    world.set_id = world.group_set("Projects", {"Team Ä 1": [], "team-1": []}, connection="import")
    world.path = f"group-sets/{world.set_id}"
    return world


def preview(world: Any, place: str = "groups/name", status: int = 200, **data: Any) -> str:
    """Ask what a name would be stored as, as the page does while somebody types."""
    teacher = world.browser()
    response = teacher.client.post(
        teacher.address(f"{world.path}/{place}"),
        data={"csrf_token": teacher.token, **data},
        headers={"HX-Request": "true"},
    )
    assert response.status_code == status
    assert "<html" not in response.text
    return " ".join(BeautifulSoup(response.text, "html.parser").get_text(" ").split())


def make(world: Any, *people: UUID, name: str = "") -> UUID:
    """Make a group of people; give its id."""
    before = {group.id for group in world.stored(Group)}
    world.browser().post(f"{world.path}/groups/new", name=name, member_ids=[str(person) for person in people])
    (new,) = {group.id for group in world.stored(Group)} - before
    return new


def name_of(world: Any, group_id: UUID) -> str:
    return str(world.stored(Group, id=group_id)[0].name)


@pytest.mark.shows("MODEL-152", "MODEL-154")
def test_a_typed_name_is_stored_normalised(filled: Any) -> None:
    teacher = filled.browser()
    teacher.follow(f"{filled.path}/groups", name="  Équipe  Ño ", count="1")
    teacher.follow(f"{filled.path}/groups", name="Team", count="3")
    assert {group.name for group in filled.stored(Group)} == {
        "Team Ä 1",
        "team-1",
        "equipe-no",
        "team-2",
        "team-3",
        "team-4",
    }
    teacher.follow("group-sets/new", name="Équipes Ño")
    assert filled.stored(GroupSet, name="Équipes Ño"), "a set's name is no slug"


@pytest.mark.shows("MODEL-150", "MODEL-152", "MODEL-154", "MODEL-157")
def test_an_imported_name_stays_until_it_is_edited(filled: Any) -> None:
    path = f"{filled.path}/groups/{filled.names['Team Ä 1']}/edit"
    teacher = filled.browser()
    teacher.follow(path, name="Team Ä 1", description="New words only")
    assert name_of(filled, filled.names["Team Ä 1"]) == "Team Ä 1"
    teacher.follow(path, name="Team Ä 2", description="")
    assert name_of(filled, filled.names["Team Ä 1"]) == "team-a-2"


@pytest.mark.shows("MODEL-155")
def test_a_typed_name_that_is_taken_once_normalised_is_refused(filled: Any) -> None:
    teacher = filled.browser()
    for path in ("groups", "groups/new", f"groups/{filled.names['Team Ä 1']}/edit"):
        page = teacher.post(f"{filled.path}/{path}", 422, name="TEAM 1!", count="1")
        assert "“team-1” is in use already" in page.select_one("#name-error").text, path
    assert {group.name for group in filled.stored(Group)} == {"Team Ä 1", "team-1"}


@pytest.mark.shows("MODEL-153")
def test_the_stored_name_is_shown_while_a_name_is_typed(filled: Any) -> None:
    edit = f"groups/{filled.names['Team Ä 1']}/name"
    assert preview(filled, name="Team Alpha", count="1") == "Will be stored as team-alpha"
    assert preview(filled, name="Crew", count="2") == "Will be stored as crew-1 and crew-2"
    assert preview(filled, name="Team", count="3") == "Will be stored as team-2 to team-4"
    assert preview(filled, name="Team", count="many") == "Will be stored as team"
    assert "“team-1” is in use already" in preview(filled, name="Team 1", count="1")
    assert preview(filled, name=" ", count="1") == ""
    assert "255 characters" in preview(filled, name="x" * 256, count="1")
    assert preview(filled, edit, name="Team Ä 1") == "Will be stored as Team Ä 1"
    assert preview(filled, edit, name="Team Ä") == "Will be stored as team-a"
    assert "“team-1” is in use already" in preview(filled, edit, name="Team 1")
    assert preview(filled, edit, name="") == ""
    assert {group.name for group in filled.stored(Group)} == {"Team Ä 1", "team-1"}, "nothing is stored"


def test_the_line_stands_under_the_field_and_asks_by_the_form(filled: Any, app: Any) -> None:
    adapter = app.url_map.bind("127.0.0.1")
    for path in ("", "/groups/new", f"/groups/{filled.names['team-1']}/edit"):
        page = filled.browser().get(f"{filled.path}{path}")
        form = page.select_one("form[hx-post]")
        assert adapter.match(form["hx-post"], method="POST")[0] == "groups.normalize_group_name"
        assert form["hx-target"] == "#stored-name"
        line = page.select_one("#stored-name")
        assert line["role"] == "status"
        assert line.find_previous("input", id="name")


def test_a_preview_is_for_own_sets_and_for_who_may_edit(filled: Any) -> None:
    filled.path = f"group-sets/{filled.group_set('Labs', {'Lab': []}, connection='canvas')}"
    assert "It comes from Canvas" in preview(filled, status=403, name="x")
    ta = filled.browser("ta")
    ta.post(f"{filled.path}/groups/name", 403, name="x")


@pytest.mark.shows("MODEL-135", "MODEL-138", "MODEL-140", "MODEL-141")
def test_a_group_of_people_is_named_after_them(filled: Any) -> None:
    people = [str(filled.bo), str(filled.chi)]
    assert preview(filled, name="", member_ids=people) == "Named after its people: ek-ohara"
    assert preview(filled, name="Owls", member_ids=people) == "Will be stored as owls", "the person may override"
    group = filled.stored(Group, id=make(filled, filled.bo, filled.chi))[0]
    assert (group.name, group.name_generated, group.origin, group.lms_group_id) == ("ek-ohara", True, "local", None)
    filled.names["ek-ohara"] = group.id
    assert filled.people_in("ek-ohara") == {filled.bo, filled.chi}
    assert name_of(filled, make(filled, filled.ana)) == "ana_lopez"
    assert name_of(filled, make(filled, filled.li)) == "unnamed"
    owls = filled.stored(Group, id=make(filled, filled.dan, name="Night Owls"))[0]
    assert (owls.name, owls.name_generated) == ("night-owls", False)


@pytest.mark.shows("MODEL-138", "MODEL-140")
def test_made_names_are_told_apart_by_a_number(filled: Any) -> None:
    zoe, mia = filled.member("Zoe Ek"), filled.member("Mia O'Hara")
    first, second = make(filled, filled.bo, filled.chi), make(filled, zoe, mia)
    assert (name_of(filled, first), name_of(filled, second)) == ("ek-ohara", "ek-ohara-2")
    wang = filled.member("王芳")
    assert [name_of(filled, make(filled, person)) for person in (filled.li, wang)] == ["unnamed", "unnamed-2"]


@pytest.mark.shows("MODEL-149")
def test_a_group_of_nobody_needs_a_name(filled: Any) -> None:
    page = filled.browser().post(f"{filled.path}/groups/new", 422, name=" ")
    assert "Enter a name, or choose people to name the group after." in page.select_one("#name-error").text
    assert len(filled.stored(Group)) == 2
    assert preview(filled, name="") == ""
    assert name_of(filled, make(filled, name="Spare")) == "spare"


@pytest.mark.shows("MODEL-150", "MODEL-151")
def test_a_made_name_follows_the_people_until_it_is_edited(filled: Any) -> None:
    group_id, teacher = make(filled, filled.bo, filled.chi), filled.browser()
    member_at = f"{filled.path}/groups/{group_id}/members"
    teacher.post(member_at, member_id=str(filled.ana))
    assert name_of(filled, group_id) == "ek-ohara-lopez"
    teacher.post(f"{member_at}/{filled.bo}/remove")
    assert name_of(filled, group_id) == "ohara-lopez"
    teacher.post(f"{filled.path}/assign", member_ids=str(filled.chi), group_id=str(filled.names["team-1"]))
    assert name_of(filled, group_id) == "ana_lopez", "one person gives first and last name"
    assert name_of(filled, filled.names["team-1"]) == "team-1", "a name that was typed follows nobody"
    teacher.post(f"{member_at}/{filled.ana}/remove")
    assert name_of(filled, group_id) == "ana_lopez", "a group without people keeps its name"
    page = teacher.get(f"{filled.path}/groups/{group_id}/edit")
    assert "This name follows the people in the group." in page.text
    teacher.post(f"{filled.path}/groups/{group_id}/edit", name="ana_lopez", description="Words only")
    teacher.post(member_at, member_id=str(filled.dan))
    assert name_of(filled, group_id) == "dan_ek", "saving an unchanged name is no edit of it"
    teacher.post(f"{filled.path}/groups/{group_id}/edit", name="Owls", description="")
    teacher.post(member_at, member_id=str(filled.bo))
    assert name_of(filled, group_id) == "owls"
    assert "follows the people" not in teacher.get(f"{filled.path}/groups/{group_id}/edit").text


@pytest.mark.shows("MODEL-43", "MODEL-140")
def test_names_that_follow_stay_unique_and_stay_when_nothing_changes(filled: Any) -> None:
    zoe = filled.member("Zoe Ek")
    one, two = make(filled, filled.bo), make(filled, filled.dan)
    teacher = filled.browser()
    teacher.post(f"{filled.path}/assign", member_ids=[str(filled.chi)], group_id=str(one))
    teacher.post(f"{filled.path}/assign", member_ids=[str(filled.ana)], group_id=str(two))
    assert (name_of(filled, one), name_of(filled, two)) == ("ek-ohara", "ek-lopez")
    teacher.post(f"{filled.path}/groups/{two}/members/{filled.ana}/remove")
    teacher.post(f"{filled.path}/groups/{one}/members/{filled.chi}/remove")
    teacher.post(f"{filled.path}/assign", member_ids=[str(zoe)], group_id=str(two))
    assert (name_of(filled, one), name_of(filled, two)) == ("bo_ek", "ek-ek")
    teacher.post(f"{filled.path}/assign", member_ids=[str(zoe)], group_id=str(two))
    assert name_of(filled, two) == "ek-ek"


@pytest.mark.shows("MODEL-157")
def test_a_name_after_six_people_keeps_its_plus_sign(filled: Any) -> None:
    people = [filled.member(f"P {name}") for name in ("Smith", "Jones", "Lee", "Patel", "Chen", "Kim")]
    group_id = make(filled, *people)
    assert name_of(filled, group_id) == "smith-jones-lee-patel-chen-+1"
    path = f"{filled.path}/groups/{group_id}/edit"
    filled.browser().post(path, name="smith-jones-lee-patel-chen-+1", description="")
    assert name_of(filled, group_id) == "smith-jones-lee-patel-chen-+1"
    filled.browser().post(path, name="smith-jones-lee-patel-chen-+1 ?", description="")
    assert name_of(filled, group_id) == "smith-jones-lee-patel-chen-1"


def test_following_names_costs_the_same_for_few_and_many(filled: Any, count_queries: Any) -> None:
    def draw_into(groups: int) -> int:
        set_id = filled.group_set(f"Of {groups}")
        filled.path = f"group-sets/{set_id}"
        for n in range(groups):
            make(filled, filled.member(f"First{n} Last{n}of{groups}"))
        teacher = filled.browser()
        revision = filled.stored(GroupSet, id=set_id)[0].revision
        count_queries()
        teacher.post(f"{filled.path}/random", seed="1", revision=str(revision))
        return int(count_queries())

    assert draw_into(2) == draw_into(9)
