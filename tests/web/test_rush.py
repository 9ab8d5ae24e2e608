"""Many at once through real requests: limits hold on both databases, no error page, and the truth for everybody."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from uuid import uuid4

import pytest
from flask import Flask

from lti_tool.domain.clock import now
from lti_tool.models import Assignment, Group, Grouping, GroupInvite, GroupMembership, InviteUse, db
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


def test_clones_that_cross_each_other_wait_and_none_works_on_what_changed(rush: World) -> None:
    ids = [rush.member(f"S{n} Doe", email=f"s{n}@x.example") for n in range(4)]
    works = {name: uuid4() for name in "AB"}
    for key, name in zip(works.values(), works, strict=True):
        row = {"id": key, "course_id": rush.course_id, "name": name, "created_at": now(), "formed_by": "staff"}
        rush._add(Assignment(**row, min_size=1, group_set_id=rush.group_set(f"Set {name}")))
    teacher, both = rush.browser(), list(works.values())
    for number, member_id in enumerate(ids):
        path = f"assignments/{both[number % 2]}/groupings"
        teacher.post(path, name=f"g{number}", member_ids=member_id)
    wanted = {}
    staff = [rush.browser() for _ in range(WORKERS)]
    for number, person in enumerate(staff):
        target, source = both[:: 1 if number % 2 else -1]
        page = person.get(f"assignments/{target}/groupings/clone?source_id={source}")
        wanted[person.token] = target, {"source_id": str(source), "seen": page.select_one("input[name=seen]")["value"]}

    def clone(person: Browser) -> int:
        target, sent = wanted[person.token]
        path = f"/courses/{rush.course_id}/assignments/{target}/groupings/clone"
        return person.client.post(path, data={"csrf_token": person.token, **sent}).status_code

    answers = Counter(at_once(staff, clone))
    assert answers.keys() == {303, 409}
    assert answers[303] == 1, "whoever came first; what the others had been shown is no more"
    live = rush.stored(Grouping, ended_at=None)
    assert len(live) == 4
    assert len({row.group_id for row in live}) == 2, "both assignments have the same groups now"
