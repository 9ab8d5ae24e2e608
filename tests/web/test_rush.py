"""Many at once through real requests: limits hold on both databases, no error page, and the truth for everybody."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from flask import Flask

from lti_tool.models import Group, GroupInvite, GroupMembership, InviteUse, db
from tests.web.conftest import Browser, World

WORKERS = 10


@pytest.fixture
def rush(app_on_both: Flask) -> World:
    return World(app_on_both).open_course()


def at_once(people: Sequence[Browser], act: Callable[[Browser], int]) -> list[int]:
    """Let everybody act at the same moment, some in each of a few threads as a server has them; give the answers."""
    start, answers = threading.Barrier(WORKERS), []

    def run(some: Sequence[Browser]) -> None:
        start.wait()
        for person in some:
            answers.append(act(person))

    db.session.rollback()
    threads = [threading.Thread(target=run, args=(people[number::WORKERS],)) for number in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def students(world: World, count: int) -> list[Browser]:
    return [world.browser("student", name=f"S{n}", member=world.member(f"S{n} Doe")) for n in range(count)]


@pytest.mark.shows("TEAM-54", "TEAM-56")
def test_the_last_use_of_a_link_is_taken_by_exactly_one_of_fifty(rush: World) -> None:
    rush.group_set("Teams", {"team": []}, signup="join")
    group_id = rush.names["team"]
    rush.browser().post(f"groups/{group_id}/invites/create", max_uses="1")
    (link,) = rush.stored(GroupInvite)
    people = students(rush, 50)
    path = f"/courses/{rush.course_id}/invite/{link.invite_token}"
    told = []

    def join(person: Browser) -> int:
        answer = person.client.post(path, data={"csrf_token": person.token})
        told.append((answer.status_code, "no longer valid" in answer.text))
        return answer.status_code

    assert Counter(at_once(people, join)) == {303: 1, 422: 49}
    assert set(told) == {(303, False), (422, True)}
    (row,) = rush.stored(GroupInvite)
    assert row.uses_count == 1
    assert len(rush.stored(GroupMembership, group_id=group_id)) == len(rush.stored(InviteUse)) == 1


def test_of_250_people_at_once_nobody_is_the_sixteenth(rush: World) -> None:
    names = [f"team-{number}" for number in range(10)]
    rush.group_set("Teams", {name: [] for name in names}, signup="join", group_limit=15)
    codes = {row.id: row.invite_code for row in rush.stored(Group)}
    people = students(rush, 250)
    wanted = {person.token: list(codes.values())[number % 10] for number, person in enumerate(people)}
    said: dict[str, tuple[int, bool]] = {}

    def join(person: Browser) -> int:
        path, data = f"/courses/{rush.course_id}/join", {"csrf_token": person.token, "code": wanted[person.token]}
        answer = person.client.post(path, data=data)
        said[person.token] = answer.status_code, "The group is full" in answer.text
        return answer.status_code

    answers = Counter(at_once(people, join))
    assert answers == {303: 150, 422: 100}
    assert set(said.values()) == {(303, False), (422, True)}
    rows = rush.stored(GroupMembership)
    sizes = Counter(row.group_id for row in rows)
    assert sizes == dict.fromkeys(codes, 15)
    assert len({row.member_id for row in rows}) == 150  # one group for each


def test_one_person_in_two_tabs_comes_into_one_group_of_the_set(rush: World) -> None:
    rush.group_set("Teams", {f"team-{number}": [] for number in range(10)}, signup="join")
    codes = [row.invite_code for row in rush.stored(Group)]
    member = rush.member("Ana Doe")
    tabs = [rush.browser("student", name="Ana", member=member) for _ in range(10)]
    wanted = {tab.token: code for tab, code in zip(tabs, codes, strict=True)}

    def join(tab: Browser) -> int:
        data = {"csrf_token": tab.token, "code": wanted[tab.token]}
        return tab.client.post(f"/courses/{rush.course_id}/join", data=data).status_code

    assert Counter(at_once(tabs, join)) == {303: 1, 422: 9}
    assert len(rush.stored(GroupMembership)) == 1
