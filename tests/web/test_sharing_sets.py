"""Groups that two sets of our own hold: whichever set an edit comes through, both stay right and know of it."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask

from lti_tool.domain.clock import now
from lti_tool.models import GroupSet, GroupSetEntry, Publication
from tests.web.conftest import Browser, World
from tests.web.test_rush import at_once


@pytest.fixture
def shared(world: Any) -> Any:
    """Ann is in “a” of the first set; the second holds “b” of it, and nothing else of it."""
    return share(world)


def share(world: World) -> Any:
    course: Any = world
    course.ann, course.bo, course.cy = (world.member(name) for name in ("Ann", "Bo", "Cy"))
    course.first = world.group_set("First", {"a": [course.ann], "b": []})
    course.second = holding(course, "Second", "b")
    course.teacher = world.browser()
    return course


def holding(course: Any, name: str, *groups: str) -> UUID:
    """Make a set that holds groups of the first one too."""
    set_id = course.group_set(name)
    entries = enumerate(groups)
    course._add(*(GroupSetEntry(group_set_id=set_id, group_id=course.names[g], position=n) for n, g in entries))
    return set_id


def publish(course: Any, set_id: UUID) -> None:
    row = {"group_set_id": set_id, "name": "First", "lms_group_set_id": "m1", "state": "sent"}
    course._add(Publication(id=uuid4(), **row, created_at=now()))


def put(course: Any, set_id: UUID, group: str, *people: UUID, status: int = 303, who: Browser | None = None) -> Any:
    sent = {"member_ids": [str(one) for one in people], "group_id": str(course.names[group])}
    return (who or course.teacher).post(f"group-sets/{set_id}/assign", status, fields=sent)


def told(page: Any) -> str:
    return " ".join(page.main.text.split())


def test_one_group_for_each_in_a_published_set_holds_through_every_set(shared: Any) -> None:
    publish(shared, shared.first)
    page = put(shared, shared.second, "b", shared.bo, shared.ann, status=422)
    assert "Some people are in two groups" in told(page)
    assert "Ann (First)" in told(page)
    assert "Bo (" not in told(page)
    shared.teacher.post(
        f"group-sets/{shared.second}/groups/{shared.names['b']}/members", 422, member_id=str(shared.ann)
    )
    assert (shared.people_in("a"), shared.people_in("b")) == ({shared.ann}, set())
    put(shared, shared.second, "b", shared.bo)
    put(shared, shared.first, "b", shared.ann)
    assert (shared.people_in("a"), shared.people_in("b")) == (set(), {shared.ann, shared.bo})


@pytest.mark.parametrize("kind", ["publish", "refresh"])
def test_the_page_of_a_set_offers_nothing_while_a_set_that_shares_its_groups_is_at_work(
    shared: Any, kind: str, count_queries: Any
) -> None:
    apart = shared.group_set("Apart", {"x": []})
    count_queries()
    assert shared.teacher.get(f"group-sets/{shared.second}").select("#place")
    asked = count_queries()
    run = shared.run(kind, "running", group_set_id=shared.first)
    count_queries()
    page = shared.teacher.get(f"group-sets/{shared.second}")
    assert count_queries() == asked
    banner = told(page)
    assert "is at work on “First”, which shares groups with this one: this group set can be changed when" in banner
    assert page.select(f"[hx-get*='{run}']")
    for offered in ("#place", "a[href*='/edit']", "a[href$='/delete']", "form[action$='/members']", "form#groups"):
        assert not page.select(offered), offered
    put(shared, shared.second, "b", shared.bo, status=409)
    assert shared.teacher.get(f"group-sets/{apart}").select("#place")
    own = told(shared.teacher.get(f"group-sets/{shared.first}"))
    assert "is at work: this group set can be changed when it has ended" in own


def test_a_push_of_another_set_stops_no_edit_of_the_groups_that_it_shares(shared: Any) -> None:
    shared.run("push", "running", group_set_id=shared.first)
    assert shared.teacher.get(f"group-sets/{shared.second}").select("#place")
    put(shared, shared.second, "b", shared.bo)


def test_a_set_that_is_not_published_may_have_somebody_in_two_groups(shared: Any) -> None:
    put(shared, shared.second, "b", shared.ann)
    assert shared.people_in("a") == shared.people_in("b") == {shared.ann}


def test_an_undo_through_another_set_puts_nobody_into_two_groups_of_a_published_one(shared: Any) -> None:
    other = shared.group_set("Third", {"c": []})
    shared._add(GroupSetEntry(group_set_id=other, group_id=shared.names["b"], position=1))
    put(shared, other, "b", shared.bo, shared.cy)
    put(shared, other, "c", shared.bo, shared.cy)
    put(shared, shared.first, "a", shared.bo)
    publish(shared, shared.first)
    (row,) = shared.stored(GroupSet, id=other)
    page = shared.teacher.post(f"group-sets/{other}/undo", 422, revision=row.revision)
    assert "Bo (First)" in told(page)
    assert shared.people_in("c") == {shared.bo, shared.cy}


@pytest.mark.parametrize("edit", ["rename", "place", "take out", "delete", "undo"])
def test_an_edit_through_one_set_makes_the_other_sets_pages_stale(shared: Any, edit: str) -> None:
    put(shared, shared.second, "b", shared.bo, shared.cy)
    form = shared.teacher.get(f"group-sets/{shared.first}/groups/{shared.names['a']}/edit")
    shown = form.select_one("input[name=revision]")["value"]
    group, (second,) = f"group-sets/{shared.second}/groups/{shared.names['b']}", shared.stored(GroupSet, name="Second")
    if edit == "rename":
        shared.teacher.post(f"{group}/edit", name="b2", description="")
    elif edit == "place":
        put(shared, shared.second, "b", shared.ann)
    elif edit == "take out":
        shared.teacher.post(f"{group}/members/{shared.bo}/remove")
    elif edit == "delete":
        shared.teacher.post(f"{group}/delete")
    else:
        shared.teacher.post(f"group-sets/{shared.second}/undo", revision=second.revision)
    sent = {"name": "mine", "description": "", "revision": shown}
    page = shared.teacher.post(f"group-sets/{shared.first}/groups/{shared.names['a']}/edit", 409, fields=sent)
    assert "Somebody changed this group set meanwhile" in told(page)
    assert [row.name for row in shared.stored(GroupSet, id=shared.first)] == ["First"]


def test_an_edit_of_what_a_set_does_not_hold_leaves_its_pages_as_they_are(shared: Any) -> None:
    before = shared.stored(GroupSet, id=shared.second)[0].revision
    put(shared, shared.first, "a", shared.bo)
    assert shared.stored(GroupSet, id=shared.second)[0].revision == before


def test_a_stale_page_shows_the_group_as_it_is_now(shared: Any) -> None:
    address = f"groups/{shared.names['b']}/edit"
    form = shared.teacher.get(f"group-sets/{shared.first}/{address}")
    shown = form.select_one("input[name=revision]")["value"]
    shared.teacher.post(f"group-sets/{shared.second}/{address}", name="theirs", description="from the second")
    sent = {"name": "mine", "description": "", "revision": shown}
    page = shared.teacher.post(f"group-sets/{shared.first}/{address}", 409, fields=sent)
    assert "theirs" in page.main.text


def test_what_came_through_another_set_since_hinders_no_undo(shared: Any) -> None:
    put(shared, shared.first, "b", shared.bo, shared.cy)
    before = shared.stored(GroupSet, id=shared.first)[0].revision
    shared.teacher.post(
        f"group-sets/{shared.second}/groups/{shared.names['b']}/edit", name="b2", description="kept by the undo"
    )
    shared.teacher.post(f"group-sets/{shared.first}/undo", 409, revision=before)
    offer = shared.teacher.get(f"group-sets/{shared.first}").select_one("form[action$='/undo'] input[name=revision]")
    shared.teacher.post(f"group-sets/{shared.first}/undo", revision=offer["value"])
    assert shared.people_in("b") == set()


def test_two_sets_that_place_at_once_put_nobody_into_two_groups_of_a_published_one(app_on_both: Flask) -> None:
    course = share(World(app_on_both).open_course())
    third = holding(course, "Third", "a", "b")
    fourth = holding(course, "Fourth", "a")
    publish(course, course.first)
    browsers = [course.browser() for _ in range(3)]
    ways = [(course.second, "b"), (fourth, "a"), (third, "b")]
    for _ in range(4):
        people = {browser.token: way for browser, way in zip(browsers, ways, strict=True)}

        def place(browser: Browser, people: dict[str, tuple[UUID, str]] = people) -> int:
            set_id, group = people[browser.token]
            sent = {"csrf_token": browser.token, "member_ids": str(course.bo), "group_id": str(course.names[group])}
            return browser.client.post(browser.address(f"group-sets/{set_id}/assign"), data=sent).status_code

        assert set(at_once(browsers, place)) <= {303, 422}
        assert (course.bo in course.people_in("a")) + (course.bo in course.people_in("b")) == 1
        ways.append(ways.pop(0))
