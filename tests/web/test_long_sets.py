"""Long sets: groups in blocks, people in part, links and forms that lead back to where they were, few queries."""

from typing import Any
from uuid import uuid4

import pytest

from lti_tool.domain.clock import now
from lti_tool.models import MirroredGroup, MirroredMembership, Publication

GROUPS, BLOCK = 400, 60


@pytest.fixture
def long(world: Any) -> Any:
    """A set of 400 groups with somebody in every tenth."""
    world.people = [world.member(f"Person {n:03}") for n in range(40)]
    held = {f"Team {n}": [world.people[n // 10]] if n % 10 == 0 else [] for n in range(GROUPS)}
    world.set_id = world.group_set("Teams", held)
    world.path = f"group-sets/{world.set_id}"
    return world


def titles(page: Any) -> list[str]:
    return [heading.contents[0].strip() for heading in page.select(".group h3")]


def link(page: Any, text: str) -> str:
    (found,) = [link for link in page.select("main a, a.button") if " ".join(link.text.split()) == text]
    return found["href"]


def query(address: str) -> str:
    return address.partition("?")[2]


@pytest.mark.shows("PULL-50")
def test_pages_of_a_set_cost_the_same_for_few_and_many(world: Any, count_queries: Any) -> None:
    teacher = world.browser()

    def costs(groups: int) -> list[int]:
        people = [world.member(f"Person {groups} {n}") for n in range(groups)]
        held = {f"G{groups} {n}": [person] for n, person in enumerate(people)}
        set_id = world.group_set(f"Set of {groups}", held)
        found = []
        for path in (
            "",
            "?upto=9",
            "?all=1",
            "/more?page=1",
            f"/members/{people[0]}",
            f"/groups/{world.names[f'G{groups} 0']}/edit",
            "/delete",
            "/export/teammates?partly=1",
        ):
            count_queries()
            assert teacher.client.get(teacher.address(f"group-sets/{set_id}{path}")).status_code == 200
            found.append(count_queries())
        return found

    few = costs(10)
    assert costs(400) == few
    assert max(few) <= 10


def test_a_long_set_shows_its_first_groups_and_a_link_to_the_next(long: Any) -> None:
    teacher = long.browser()
    page = teacher.get(long.path)
    assert titles(page) == [f"Team {n}" for n in range(BLOCK)]
    assert "400 groups · 40 people" in " ".join(page.main.text.split())
    assert len(page.select("#place-group option")) == GROUPS
    assert len(str(page.main)) < 200_000
    page = teacher.get(f"{long.path}{link(page, 'Show more groups')[len(teacher.address(long.path)) :]}")
    assert titles(page) == [f"Team {n}" for n in range(BLOCK, 2 * BLOCK)]
    assert query(link(page, "Previous groups")) == "page=1"
    for last in ("7", "99"):
        page = teacher.get(f"{long.path}?page={last}")
        assert titles(page) == [f"Team {n}" for n in range(6 * BLOCK, GROUPS)]
        assert not page.select("#more")
    for odd in ("page=0", "page=-3", "page=x", "upto=x", "upto=-1"):
        assert len(titles(teacher.get(f"{long.path}?{odd}"))) == BLOCK


def test_the_next_groups_come_alone_to_a_page_that_has_the_first(long: Any) -> None:
    teacher = long.browser()
    more = teacher.get(long.path).select_one("#more a")
    assert more["hx-trigger"] == "revealed"
    part, _ = teacher.fragment(more["hx-get"])
    assert titles(part) == [f"Team {n}" for n in range(BLOCK, 2 * BLOCK)]
    assert part.select_one("input[name=upto][form=place]")["value"] == "2"
    assert {query(a["href"]) for a in part.select(".group .links a")} == {"upto=2"}
    assert {query(a["hx-get"]) for a in part.select(".people .links a")} == {"upto=2"}
    assert {query(b["formaction"]) for b in part.select("button[formaction]")} == {"upto=2"}
    part, _ = teacher.fragment(f"{long.path}/more?page=2&upto=7")
    assert len(titles(part)) == GROUPS - 6 * BLOCK
    assert not part.select("#more")
    _, answer = teacher.fragment(f"{long.path}/more?upto=8")
    assert answer.text == ""
    assert teacher.get(f"{long.path}/more?upto=2").h1.text == "Teams"


@pytest.mark.parametrize("where", ["page=3", "upto=3", "page=2&upto=5&all=1"])
def test_whatever_is_done_further_down_leads_back_there(long: Any, where: str) -> None:
    teacher = long.browser()
    page = teacher.get(f"{long.path}?{where}")
    last = f"Team {int(where.partition('=')[2][0]) * BLOCK - 1}" if where.startswith("page=3") else "Team 170"
    card = next(card for card in page.select(".group") if card.h3.contents[0].strip() == last)
    block = int(last.split()[1]) // BLOCK + 1
    here = {"page=3": "page=3", "upto=3": "upto=3", "page=2&upto=5&all=1": "page=2&upto=3&all=1"}[where]
    assert block == 3
    edit, gone = (a["href"] for a in card.select(".links a")[:2])
    assert query(edit) == query(gone) == here
    form = teacher.get(edit).select_one("main form[action]")
    saved = teacher.post(form["action"], name=f"{last} renamed", description="")
    assert f"{last} renamed".lower().replace(" ", "-") in titles(teacher.get(saved))
    assert sorted(query(saved).split("&")) == sorted([*here.split("&"), "notice=group_saved"])
    assert query(teacher.get(gone).select_one("main a.button")["href"]) == here
    assert set(here.split("&")) <= set(query(teacher.post(gone)).split("&"))
    move = page.select_one("#place")["action"]
    assert query(move) == where
    refused = teacher.post(move, 422, group_id=str(long.names["Team 1"]))
    assert titles(refused)
    assert "Team 0" not in titles(refused) or where == "upto=3"
    moved = teacher.post(move, member_ids=str(long.people[0]), group_id=str(long.names["Team 1"]))
    assert set(where.split("&")) <= set(query(moved).split("&"))


def test_the_blocks_that_were_fetched_stay_after_a_move(long: Any) -> None:
    teacher = long.browser()
    moved = teacher.post(
        f"{long.path}/assign", member_ids=str(long.people[0]), group_id=str(long.names["Team 150"]), upto=["2", "3"]
    )
    assert "upto=3" in query(moved)
    assert titles(teacher.get(moved)) == [f"Team {n}" for n in range(3 * BLOCK)]
    assert long.people_in("Team 150") == {long.people[15], long.people[0]}


def test_one_person_is_moved_from_a_later_page_to_any_group(long: Any) -> None:
    teacher = long.browser()
    page = teacher.get(f"{long.path}?page=7")
    question = teacher.get(page.select_one(".people .links a")["href"])
    assert len(question.select("select option")) == GROUPS - 1
    form = question.select_one("main form[method=post]")
    assert query(form["action"]) == "page=7"
    done = teacher.post(form["action"], member_ids=str(long.people[36]), group_id=str(long.names["Team 1"]))
    assert "page=7" in query(done)
    assert long.people_in("Team 1") == {long.people[36]}


def test_who_is_gone_or_never_could_be_there_is_not_moved(long: Any) -> None:
    teacher = long.browser()
    tim = long.member("Tim Aide", enrollment_type="ta")
    late = long.member("Late", status="incomplete")
    for member in (tim, late, "00000000-0000-4000-8000-000000000000"):
        teacher.get(f"{long.path}/members/{member}", 404)
    waiting = long.member("Waiting")
    assert len(teacher.get(f"{long.path}/members/{waiting}").select("select option")) == GROUPS


def test_many_who_wait_are_shown_in_part_until_all_are_asked_for(world: Any) -> None:
    people = [world.member(f"Person {n:03}") for n in range(130)]
    set_id = world.group_set("Teams", {"Team 1": people[:5]})
    teacher = world.browser()
    page = teacher.get(f"group-sets/{set_id}")
    assert page.select_one("#unassigned .count").text == "125"
    assert len(page.select("#unassigned-list li")) == 100
    assert page.select_one("[data-tick-all]").text == "Tick these 100"
    page = teacher.get(link(page, "Show all 125"))
    assert len(page.select("#unassigned-list li")) == 125
    assert page.select_one("[data-tick-all]").text == "Tick all"
    moved = teacher.post(
        page.select_one("#place")["action"], member_ids=str(people[129]), group_id=str(world.names["Team 1"])
    )
    assert len(teacher.get(moved).select("#unassigned-list li")) == 124


def test_a_long_set_of_the_roster_comes_in_blocks_too(world: Any) -> None:
    people = [world.member(f"Person {n:03}") for n in range(250)]
    held = {f"person_{n:03}": [person] for n, person in enumerate(people)}
    set_id = world.group_set("Individual Students", held, connection="system")
    teacher = world.browser()
    page = teacher.get(f"group-sets/{set_id}")
    assert len(page.select("main ul.people li")) == 241, "240 people, and the link to the others"
    assert "250 groups · 250 people" in " ".join(page.main.text.split())
    part, _ = teacher.fragment(page.select_one("#more a")["hx-get"])
    assert [" ".join(li.text.split()) for li in part.select("li")][::9] == [
        "Person 240 person_240",
        "Person 249 person_249",
    ]
    assert not part.select("input, #more")
    observer = world.browser("observer")
    answer = observer.client.get(observer.address(f"group-sets/{set_id}/more?upto=2"), headers={"HX-Request": "true"})
    assert answer.status_code == 404


@pytest.mark.parametrize("kind", ["observer", "ta"])
def test_who_only_looks_gets_the_next_groups_without_controls(long: Any, kind: str) -> None:
    part, _ = long.browser(kind, manages=False).fragment(f"{long.path}/more?upto=2")
    assert len(titles(part)) == BLOCK
    assert not part.select(".group a, button, input[type=checkbox]")


@pytest.mark.shows("MODEL-52")
def test_groups_that_are_not_ours_and_staff_are_marked(world: Any) -> None:
    ana, tim = world.member("Ana López"), world.member("Tim Aide", enrollment_type="ta")
    source = world.group_set("Labs", {"Lab A": [ana, tim]}, connection="canvas")
    teacher = world.browser()
    page = teacher.get(f"group-sets/{source}")
    assert not page.select(".group .badge-lms"), "all of the set is Canvas's, and its page says so once"
    assert [badge.text for badge in page.select(".people .badge")] == ["Staff"]
    copy = teacher.post(f"group-sets/{source}/copy").split("?")[0]
    teacher.post(f"{copy}/groups", name="Own", count="1")
    page = teacher.get(copy)
    found = {
        card.h3.contents[0].strip(): [badge.text for badge in card.h3.select(".badge")]
        for card in page.select(".group")
    }
    assert found == {"Lab A": ["Canvas"], "own": []}
    assert "2 groups · 2 people" in " ".join(page.main.text.split())


@pytest.mark.shows("PULL-50")
def test_differences_with_the_lms_cost_the_same_for_few_and_many(world: Any, count_queries: Any) -> None:
    teacher = world.browser()

    def cost(people: int) -> int:
        set_id = world.group_set(f"Set of {people}", {f"Team {people}": []})
        publication, mirrored = uuid4(), uuid4()
        world._add(
            Publication(
                id=publication,
                group_set_id=set_id,
                lms_group_set_id=str(people),
                name=f"Set of {people}",
                state="waiting",
                created_at=now(),
            ),
            MirroredGroup(
                id=mirrored,
                publication_id=publication,
                group_id=world.names[f"Team {people}"],
                lms_group_id=str(people),
                name=f"Team {people}",
            ),
        )
        for n in range(people):
            world.member(f"Extra {people} {n}")
            world._add(MirroredMembership(mirrored_group_id=mirrored, lms_user_id=f"u-Extra {people} {n}"))
        count_queries()
        page = teacher.get(f"group-sets/{set_id}")
        assert f"Extra {people} 0 is still in" in page.text
        return int(count_queries())

    assert cost(1) == cost(30)
