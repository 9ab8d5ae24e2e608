"""Answers to changes for programs: JSON on request, with the sets and groups that changed or are gone."""

from typing import Any
from uuid import UUID

import pytest

from lti_tool.models import Group, GroupSet, RosterMember

JSON = {"Accept": "application/json"}


def post(browser: Any, path: str, values: dict[str, Any]) -> Any:
    return browser.client.post(browser.address(path), data={"csrf_token": browser.token, **values}, headers=JSON)


def send(browser: Any, path: str, status: int = 200, **data: Any) -> Any:
    """Send a form as a program does; give what it is answered."""
    response = post(browser, path, data)
    assert response.status_code == status, response.text[:500]
    return response.get_json()


@pytest.mark.shows("MODEL-161")
def test_every_change_names_what_it_changed_and_what_is_gone(world: Any) -> None:
    ana, teacher = world.member("Ana López"), world.browser()
    answer = send(teacher, "group-sets/new", name="Projects")
    (set_id,) = answer["changed"]["group_sets"]
    assert answer == {"changed": {"group_sets": [set_id], "groups": []}, "deleted": {"group_sets": [], "groups": []}}
    path = f"group-sets/{set_id}"
    answer = send(teacher, f"{path}/groups", name="Team", count="2")
    assert answer["changed"]["group_sets"] == [set_id]
    ids = sorted(str(group.id) for group in world.stored(Group))
    assert answer["changed"]["groups"] == ids
    assert send(teacher, f"{path}/assign", member_ids=str(ana), group_id=ids[0])["changed"]["groups"] == [ids[0]]
    both = send(teacher, f"{path}/assign", member_ids=str(ana), group_id=ids[1])
    assert both["changed"] == {"group_sets": [], "groups": ids}
    assert send(teacher, f"{path}/groups/{ids[1]}/members/{ana}/remove")["changed"]["groups"] == [ids[1]]
    renamed = send(teacher, f"{path}/groups/{ids[1]}/edit", name="Owls")
    assert renamed["changed"] == {"group_sets": [], "groups": [ids[1]]}
    assert send(teacher, f"{path}/edit", name="Teams")["changed"] == {"group_sets": [set_id], "groups": []}
    (copy_id,) = send(teacher, f"{path}/copy")["changed"]["group_sets"]
    gone = send(teacher, f"{path}/groups/{ids[1]}/delete")
    assert gone["deleted"] == {"group_sets": [], "groups": [ids[1]]}
    assert gone["changed"]["group_sets"] == sorted([set_id, copy_id])
    assert send(teacher, f"{path}/delete", where="here")["deleted"] == {"group_sets": [set_id], "groups": []}
    assert send(teacher, f"group-sets/{copy_id}/delete", where="here")["deleted"] == {
        "group_sets": [copy_id],
        "groups": [ids[0]],
    }
    assert not world.stored(GroupSet)


@pytest.mark.shows("MODEL-161")
def test_a_change_of_the_roster_names_the_groups_that_came_and_went(world: Any) -> None:
    teacher = world.browser()
    made = send(teacher, "roster/members/new", name="Ana López")["changed"]
    assert {row.id for row in world.stored(GroupSet)} == set(map(UUID, made["group_sets"]))
    assert {row.id for row in world.stored(Group)} == set(map(UUID, made["groups"]))
    (ana,) = (row.id for row in world.stored(RosterMember))
    own = next(str(row.id) for row in world.stored(Group) if row.name == "ana_lopez")
    individuals = next(str(row.id) for row in world.stored(GroupSet) if row.name == "Individual Students")
    (copy_id,) = send(teacher, f"group-sets/{individuals}/copy")["changed"]["group_sets"]
    world.group_set("Projects", {"team": [ana]})
    team = str(world.names["team"])
    values = {"name": "Ana Diaz", "status": "active", "git_username_status": "unknown"}
    renamed = post(teacher, f"roster/members/{ana}/edit", values).get_json()
    assert renamed["changed"] == {"group_sets": [], "groups": [own]}
    gone = send(teacher, f"roster/members/{ana}/delete")
    assert gone["deleted"] == {"group_sets": [], "groups": [own]}
    assert gone["changed"] == {"group_sets": sorted([individuals, copy_id]), "groups": [team]}


@pytest.mark.parametrize("accept", ["*/*", "text/html,application/json;q=0.9", ""])
def test_a_browser_is_led_on_to_a_page(world: Any, accept: str) -> None:
    teacher = world.browser()
    assert "/group-sets/" in teacher.post("group-sets/new", headers={"Accept": accept}, name="Projects")
