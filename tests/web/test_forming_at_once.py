"""People who form groups at the same moment, by real requests on both databases: one by one, and the truth for each."""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import delete, update

from lti_tool.models import Assignment, Group, Grouping, GroupingMembership, GroupMembership, RosterMember, db
from lti_tool.services import groupings
from tests.web.conftest import Browser, World
from tests.web.forming import Course
from tests.web.test_rush import WORKERS, at_once


@pytest.fixture
def course(app_on_both: Flask) -> Course:
    return Course(World(app_on_both).open_course(), max_size=4)


def tabs(course: Course, name: str, count: int = WORKERS) -> list[Browser]:
    full = next(one for one in course.names if one.startswith(name))
    return [course.world.browser("student", name=full, member=course.ids[name]) for _ in range(count)]


def sending(course: Course, paths: dict[str, str], **data: object) -> Callable[[Browser], int]:
    """Return what sends each browser's own form, by its token, to a page of the assignment."""

    def send(person: Browser) -> int:
        path = f"/courses/{course.world.course_id}/assignments/{course.id}/{paths[person.token]}"
        return person.client.post(path, data={"csrf_token": person.token, **data}).status_code

    return send


def seats(course: Course, name: str) -> list[GroupingMembership]:
    rows = course.world.stored(GroupingMembership, member_id=course.ids[name], ended_at=None)
    return [row for row in rows if row.status in ("inviter", "accepted")]


@pytest.mark.shows("FORM-37")
@pytest.mark.parametrize("what", ["alone", "start"])
def test_a_double_click_begins_once(course: Course, what: str) -> None:
    ana = tabs(course, "Ana")
    answers = at_once(ana, sending(course, {tab.token: f"grouping/{what}" for tab in ana}))
    assert Counter(answers) == {303: 1, 422: WORKERS - 1}
    assert len(seats(course, "Ana")) == len(course.world.stored(Grouping, ended_at=None)) == 1
    assert len([row for row in course.world.stored(Group) if row.origin == "local"]) == (what == "start")


@pytest.mark.shows("FORM-37", "FORM-43")
def test_who_accepts_two_invitations_at_once_is_in_one_group(course: Course) -> None:
    first, second = course.start(course.ana, "Cleo"), course.start(course.bo, "Cleo")
    cleo = tabs(course, "Cleo")
    paths = {tab.token: f"groupings/{(first, second)[n % 2]}/accept" for n, tab in enumerate(cleo)}
    assert Counter(at_once(cleo, sending(course, paths))) == {303: 1, 422: WORKERS - 1}
    (seat,) = seats(course, "Cleo")
    other = second if seat.grouping_id == first else first
    assert course.statuses(other)["Cleo"] == "rejected"
    assert sorted(len(people) for people in course.people().values()) == [1, 2]


@pytest.mark.shows("FORM-44")
def test_the_last_seat_is_taken_by_one_of_those_who_were_invited(course: Course) -> None:
    grouping = course.start(course.ana, "Bo", "Cleo", "Dan")
    with course.world.app.app_context():
        db.session.execute(update(Group).values(max_members=2))
        db.session.commit()
    people = [tab for name in ("Bo", "Cleo", "Dan") for tab in tabs(course, name, 4)]
    answers = at_once(people, sending(course, {tab.token: f"groupings/{grouping}/accept" for tab in people}))
    assert Counter(answers) == {303: 1, 422: 11}
    assert Counter(course.statuses(grouping).values()) == {"inviter": 1, "accepted": 1, "pending": 2}
    assert [len(people) for people in course.people().values()] == [2]


@pytest.mark.shows("FORM-40")
def test_no_more_are_invited_at_once_than_there_is_room_for(course: Course) -> None:
    grouping = course.start(course.ana)
    ana = tabs(course, "Ana")
    wanted = {tab.token: course.ids[("Bo", "Cleo", "Dan", "Eve")[n % 4]] for n, tab in enumerate(ana)}
    path = f"/courses/{course.world.course_id}/assignments/{course.id}/groupings/{grouping}/invite"

    def invite(tab: Browser) -> int:
        data = {"csrf_token": tab.token, "member_ids": wanted[tab.token]}
        return tab.client.post(path, data=data).status_code

    assert Counter(at_once(ana, invite)) == {303: 3, 422: WORKERS - 3}
    assert Counter(course.statuses(grouping).values()) == {"inviter": 1, "pending": 3}


@pytest.mark.parametrize("what", ["grouping/start", "groupings/{grouping}/invite"])
def test_what_is_deleted_while_somebody_waits_for_it_is_not_found(
    course: Course, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    grouping = course.start(course.ana)
    locked = groupings.lock_sets

    def lock(*args: Any) -> None:
        locked(*args)
        db.session.execute(delete(Assignment).where(Assignment.id == course.id))  # by who had the lock before

    monkeypatch.setattr(groupings, "lock_sets", lock)
    who = course.ana if "invite" in what else course.bo
    course.post(who, what.format(grouping=grouping), 404, member_ids=[course.ids["Bo"]])


@pytest.mark.shows("FORM-48")
def test_an_inviter_drops_out_while_those_who_were_invited_accept(course: Course) -> None:
    grouping = course.start(course.ana, "Bo", "Cleo")
    (row,) = course.world.stored(Grouping, id=grouping)
    with course.world.app.app_context():
        db.session.execute(update(RosterMember).where(RosterMember.id == course.ids["Ana"]).values(source="local"))
        db.session.commit()
    gone = f"/courses/{course.world.course_id}/roster/members/{course.ids['Ana']}/delete"
    accept = sending(course, {one.token: f"groupings/{grouping}/accept" for one in (course.bo, course.cleo)})
    people = [course.teacher, *[course.bo] * 6, *[course.cleo] * 6]

    def act(person: Browser) -> int:
        if person is course.teacher:
            return -person.client.post(gone, data={"csrf_token": person.token}).status_code
        return accept(person)

    answers = Counter(at_once(people, act))
    left = course.statuses(grouping)
    assert answers.keys() <= {-303, 303, 404, 422}
    (over,) = [one.ended_at for one in course.world.stored(Grouping, id=grouping)]
    if answers[303]:  # somebody was faster, and has the group now
        assert over is None
        assert list(left.values()).count("inviter") == 1
        roles = [one.role for one in course.world.stored(GroupMembership, group_id=row.group_id)]
        assert sorted(roles) == ["creator", "member"][: answers[303]]
    else:
        assert over is not None
        assert not left
        assert not course.world.stored(Group, id=row.group_id)


@pytest.mark.shows("FORM-8")
def test_a_name_that_many_staff_give_at_once_is_one_group(course: Course) -> None:
    staff = [course.world.browser() for _ in range(WORKERS)]
    paths = {person.token: "groupings" for person in staff}
    assert Counter(at_once(staff, sending(course, paths, name="owls"))) == {303: 1, 422: WORKERS - 1}
    assert list(course.people()) == ["owls"]


@pytest.mark.shows("FORM-44")
def test_who_leaves_one_group_and_joins_another_at_once_is_in_one(course: Course) -> None:
    first, second = course.start(course.ana, "Cleo"), course.start(course.bo)
    course.post(course.cleo, f"groupings/{first}/accept")
    (group,) = [row for row in course.world.stored(Group) if row.name.startswith("bo")]
    both = tabs(course, "Cleo", 2)
    leave = sending(course, {both[0].token: f"groupings/{first}/leave"})

    def act(tab: Browser) -> int:
        if tab is both[0]:
            return leave(tab)
        data = {"csrf_token": tab.token, "code": group.invite_code}
        return tab.client.post(f"/courses/{course.world.course_id}/join", data=data).status_code

    assert Counter(at_once(both, act)) in (Counter({303: 2}), Counter({303: 1, 422: 1}))
    mine: list[UUID] = [seat.grouping_id for seat in seats(course, "Cleo")]
    assert mine in ([], [second])
    assert sum("Cleo" in people for people in course.people().values()) == len(mine)


def shared(course: Course) -> tuple[UUID, UUID, UUID]:
    """Put Ana's group to work on a second assignment with a set of its own, and ask everybody to join it there.

    Give that assignment and the groupings on both.
    """
    with course.world.app.app_context():
        db.session.execute(update(Assignment).values(max_size=5))
        db.session.commit()
    first, source = course.start(course.ana), course.id
    course.set_id = course.world.group_set("A2 groups")
    second = course.assignment("A2")
    page = course.teacher.get(f"assignments/{second}/groupings/clone?source_id={source}")
    seen = page.select_one("input[name=seen]")["value"]
    course.teacher.post(f"assignments/{second}/groupings/clone", source_id=source, seen=seen)
    again = course.own(course.ana, second)
    for at, grouping in ((source, first), (second, again)):
        ids = [course.ids[name] for name in ("Bo", "Cleo", "Dan", "Eve")]
        course.post(course.ana, f"groupings/{grouping}/invite", assignment_id=at, member_ids=ids)
    return second, first, again


@pytest.mark.parametrize("what", ["accept", "leave", "break-up"])
def test_a_group_of_two_assignments_holds_whom_either_holds_whatever_is_done_at_once(course: Course, what: str) -> None:
    """The two assignments have sets of their own, so who acts on one does not wait for who acts on the other there."""
    second, first, again = shared(course)
    names = ("Bo", "Cleo", "Dan", "Eve")
    if what == "leave":
        for name in names:
            course.post(course.browsers[name], f"groupings/{first}/accept")
    there = {}
    people: list[Browser] = []
    for name in names:
        one, other = tabs(course, name, 2)
        there[one.token] = f"assignments/{course.id}/groupings/{first}/{'accept' if what == 'break-up' else what}"
        there[other.token] = f"assignments/{second}/groupings/{again}/accept"
        people += [one, other]
    if what == "break-up":
        (ana,) = tabs(course, "Ana", 1)
        there[ana.token] = f"assignments/{course.id}/groupings/{first}/break-up"
        people.insert(0, ana)

    def act(tab: Browser) -> int:
        path = f"/courses/{course.world.course_id}/{there[tab.token]}"
        return tab.client.post(path, data={"csrf_token": tab.token}).status_code

    answers = Counter(at_once(people, act))
    assert answers.keys() <= {303, 404, 422}
    assert set(course.statuses(again).values()) == {"inviter", "accepted"}
    (row,) = course.world.stored(Grouping, id=again)
    holds = {one.member_id: one.role for one in course.world.stored(GroupMembership, group_id=row.group_id)}
    assert holds.keys() == {course.ids[name] for name in (*names, "Ana")}
    assert sorted(holds.values()) == ["creator", *["member"] * 4]


@pytest.mark.shows("FORM-37", "FORM-44", "FORM-48")
@pytest.mark.parametrize("seed", range(2))
def test_whatever_people_do_at_once_groups_and_groupings_agree(course: Course, seed: int) -> None:
    """Two tabs of each, staff and a date that changes: no error page, and every rule holds afterwards."""
    first = course.start(course.ana, "Bo", "Cleo", "Dan")
    second = course.start(course.eve, "Cleo", "Dan")
    for name in ("Bo", "Dan"):
        course.post(course.browsers[name], f"groupings/{first}/accept")
    (group,) = [row for row in course.world.stored(Group) if row.name.startswith("berg-")]
    (other,) = [row for row in course.world.stored(Group) if row.name.startswith("eve")]
    at, ids = f"assignments/{course.id}", course.ids
    over = "2026-01-01T00:00" if seed % 2 else ""
    edit = {"name": "A1", "kind": "all", "formed_by": "students", "group_set_id": course.set_id, "revision": "0"}
    acts: list[tuple[str, str, dict[str, object]]] = [
        ("Ana", f"groups/{group.id}/transfer", {"member_id": ids["Bo"]}),
        ("Ana", f"groups/{group.id}/transfer", {"member_id": ids["Dan"]}),
        ("Ana", f"groups/{group.id}/remove/{ids['Dan']}", {}),
        ("Ana", f"{at}/groupings/{first}/invite", {"member_ids": [ids["Cleo"], ids["Eve"]]}),
        ("Bo", f"{at}/groupings/{first}/leave", {}),
        ("Bo", f"groups/{group.id}/leave", {}),
        ("Bo", f"{at}/groupings/{first}/break-up", {}),
        ("Bo", "join", {"code": other.invite_code}),
        ("Cleo", f"{at}/groupings/{first}/accept", {}),
        ("Cleo", f"{at}/groupings/{second}/accept", {}),
        ("Cleo", f"{at}/grouping/start", {}),
        ("Dan", f"groups/{group.id}/leave", {}),
        ("Dan", f"{at}/groupings/{second}/accept", {}),
        ("Eve", f"{at}/groupings/{second}/break-up", {}),
        ("Eve", f"groups/{other.id}/delete", {}),
        ("", f"{at}/groupings/{first}/members/{ids['Ana']}/remove", {}),
        ("", f"{at}/groupings/{first}/members/{ids['Dan']}/move", {"target_id": second}),
        ("", f"{at}/edit", {**edit, "min_size": "2", "max_size": "3", "last_answer_at": over}),
    ]
    tasks = [(course.world.browser() if not who else tabs(course, who, 1)[0], path, data) for who, path, data in acts]
    Random(seed).shuffle(tasks)
    todo = {tab.token: (path, data) for tab, path, data in tasks}

    def act(tab: Browser) -> int:
        path, data = todo[tab.token]
        return tab.client.post(tab.address(path), data={"csrf_token": tab.token, **data}).status_code

    answers = at_once([tab for tab, _, _ in tasks], act)
    assert set(answers) <= {303, 403, 404, 409, 422}
    holds: dict[UUID, dict[UUID, str]] = {}
    for one in course.world.stored(GroupMembership):
        holds.setdefault(one.group_id, {})[one.member_id] = one.role
    for row in course.world.stored(Grouping, ended_at=None):
        inside = course.statuses(row.id)
        committed = {name: status for name, status in inside.items() if status in ("inviter", "accepted")}
        people = holds.pop(row.group_id, {})
        assert people.keys() == {ids[name] for name in committed}
        if not committed:  # staff took the last one out
            continue
        assert list(committed.values()).count("inviter") == 1
        assert list(people.values()).count("creator") == 1
        assert people[next(ids[name] for name, status in committed.items() if status == "inviter")] == "creator"
    assert not {key for key in holds if key in (group.id, other.id)}, "a group without a grouping holds nobody"
    for name in ids:
        assert len(seats(course, name)) <= 1
