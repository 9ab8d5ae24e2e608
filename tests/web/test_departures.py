"""Who leaves the course leaves no group without somebody to invite, to answer and to break up."""

import json
from collections.abc import Callable

import pytest
from flask import Flask

from lti_tool.models import (
    Group,
    Grouping,
    GroupMembership,
    HistoryEntry,
    JoinRequest,
    Notice,
    RosterMember,
    transaction,
)
from lti_tool.services.system_sets import ensure_system_group_sets
from tests.web.conftest import World
from tests.web.forming import Course, words
from tests.web.teamwork import Team


@pytest.fixture
def course(world: World) -> Course:
    return Course(world, min_size=2, max_size=4)


@pytest.fixture
def on_both(app_on_both: Flask) -> Course:
    return Course(World(app_on_both).open_course(), min_size=2, max_size=4)


def drop(world: World, *member_ids: object) -> None:
    """Let people drop out, as a refresh of the roster finds it."""
    with world.app.app_context(), transaction() as session:
        for member_id in member_ids:
            session.get_one(RosterMember, member_id).status = "dropped"
        session.flush()
        ensure_system_group_sets(world.course_id)


def delete(course: Course, name: str) -> None:
    """Let the teacher delete somebody whom staff had added."""
    with course.world.app.app_context(), transaction() as session:
        session.get_one(RosterMember, course.ids[name]).source = "local"
    course.teacher.post(f"roster/members/{course.ids[name]}/delete")


WAYS = (lambda course: drop(course.world, course.ids["Ana"]), lambda course: delete(course, "Ana"))


def told(course: Course, name: str) -> dict[str, dict[str, str]]:
    """What somebody was told about the groups, by kind."""
    rows = course.world.stored(Notice, member_id=course.ids[name])
    return {row.kind: json.loads(row.facts) for row in rows if row.kind not in ("invited", "joined")}


@pytest.mark.shows("FORM-48")
@pytest.mark.parametrize("leave", WAYS, ids=["dropped", "deleted"])
def test_the_first_who_accepted_follows_an_inviter_who_leaves_the_course(
    on_both: Course, leave: Callable[[Course], None]
) -> None:
    course = on_both
    grouping = course.start(course.ana, "Bo", "Cleo", "Dan")
    for name in ("Bo", "Cleo"):
        course.post(course.browsers[name], f"groupings/{grouping}/accept")
    leave(course)
    assert course.statuses(grouping) == {"Bo": "inviter", "Cleo": "accepted", "Dan": "pending"}
    (row,) = course.world.stored(Grouping, id=grouping)
    roles = {one.member_id: one.role for one in course.world.stored(GroupMembership, group_id=row.group_id)}
    assert roles == {course.ids["Bo"]: "creator", course.ids["Cleo"]: "member"}
    assert told(course, "Bo").keys() == {"left_course", "became_inviter"}
    assert told(course, "Bo")["became_inviter"]["person"] == "Ana Berg"
    assert told(course, "Cleo").keys() == {"left_course"}
    assert not told(course, "Dan")
    (left,) = course.world.stored(HistoryEntry, action="left_course")
    assert (left.actor_id, left.group_id, left.subject) == (None, row.group_id, "Ana Berg")
    (heir,) = course.world.stored(HistoryEntry, action="became_inviter")
    assert heir.member_id == course.ids["Bo"]
    assert "made Bo Chen the one who invites" in words(course.bo.get(f"groups/{row.group_id}/history"))
    assert "it is yours now" in words(course.bo.get("notices"))
    course.post(course.bo, f"groupings/{grouping}/invite", member_ids=[course.ids["Eve"]])


def test_an_admin_follows_before_who_accepted_first_and_a_group_that_lacks_people_is_told(course: Course) -> None:
    course.id = course.assignment("A0", min_size=3)
    grouping = course.start(course.ana, "Bo", "Cleo")
    for name in ("Bo", "Cleo"):
        course.post(course.browsers[name], f"groupings/{grouping}/accept")
    (row,) = course.world.stored(Grouping, id=grouping)
    course.ana.post(f"groups/{row.group_id}/permissions", fields={f"role-{course.ids['Cleo']}": "admin"})
    drop(course.world, course.ids["Ana"])
    assert course.statuses(grouping) == {"Cleo": "inviter", "Bo": "accepted"}
    assert told(course, "Bo")["invalid"]["missing"] == "1"
    drop(course.world, course.ids["Bo"])
    assert course.statuses(grouping) == {"Cleo": "inviter"}


@pytest.mark.parametrize("leave", WAYS, ids=["dropped", "deleted"])
def test_what_nobody_is_left_in_ends_and_who_was_invited_is_free(
    on_both: Course, leave: Callable[[Course], None]
) -> None:
    course = on_both
    grouping = course.start(course.ana, "Bo")
    (row,) = course.world.stored(Grouping, id=grouping)
    leave(course)
    assert course.statuses(grouping) == {}
    (ended,) = course.world.stored(Grouping, id=grouping)
    assert ended.ended_at is not None
    assert not course.world.stored(Group, id=row.group_id)
    assert course.world.stored(HistoryEntry, action="nobody_left", subject_id=grouping)
    assert told(course, "Bo").keys() == {"nobody_left"}
    assert not course.page(course.bo).select("form[action$='/accept']")
    course.post(course.bo, "grouping/start")


@pytest.mark.shows("FORM-6", "FORM-53")
def test_who_dropped_out_stays_recorded_in_the_group_they_were_in(course: Course) -> None:
    grouping = course.start(course.ana, "Bo", "Cleo", "Dan")
    for name in ("Bo", "Cleo", "Dan"):
        course.post(course.browsers[name], f"groupings/{grouping}/accept")
    course.post(course.teacher, f"groupings/{grouping}/members/{course.ids['Dan']}/remove")
    drop(course.world, course.ids["Bo"], course.ids["Dan"])
    here = f"assignments/{course.id}/groupings"
    assert "Bo Chen" not in words(course.teacher.get(here))
    page = course.teacher.get(f"{here}?inactive=1")
    card = words(page.select_one(f"#grouping-{grouping}"))
    assert "Bo Chen Dropped was in it until leaving the course" in card
    assert "Dan Eder" not in card  # whom staff had taken out before
    assert page.select_one("#groupings")["hx-get"].endswith("inactive=1")
    assert "was in it" in course.teacher.client.get(f"{course.teacher.address(here)}?inactive=1&seen=x").text


def test_a_group_that_staff_formed_stays_for_staff_to_fill(course: Course) -> None:
    course.id = course.assignment("A0", formed_by="staff")
    course.post(course.teacher, "groupings", member_ids=[course.ids["Ana"]], name="k")
    (row,) = course.world.stored(Grouping, group_name="k")
    drop(course.world, course.ids["Ana"])
    assert course.people() == {"k": set()}
    (kept,) = course.world.stored(Grouping, id=row.id)
    assert kept.ended_at is None
    course.post(course.teacher, f"groupings/{row.id}/members", member_ids=[course.ids["Bo"]])
    assert course.statuses(row.id) == {"Bo": "inviter"}


def test_a_group_of_students_own_goes_to_its_admin(world: World) -> None:
    team = Team(world)
    drop(world, team.ids["Cara"])
    assert team.roles == {"Adam": "creator", "Edi": "editor", "Mia": "member"}
    assert [row.subject for row in world.stored(HistoryEntry, action="became_creator")] == ["Adam Doe"]
    assert [row.kind for row in world.stored(Notice, member_id=team.ids["Adam"])] == ["became_inviter"]
    drop(world, team.ids["Edi"], team.ids["Mia"])
    assert team.roles == {"Adam": "creator"}
    drop(world, team.ids["Adam"])
    assert team.roles == {}


def test_a_request_ends_with_who_asked_and_is_refused_in_peace(world: World) -> None:
    team = Team(world)
    team.change(needs_approval=True)
    for who in (team.otto, team.fritz):
        who.post(team.path("join"))
    (asked,) = world.stored(JoinRequest, member_id=team.ids["Fritz"])
    with world.app.app_context(), transaction() as session:  # while nothing looked at the roster
        session.get_one(RosterMember, team.ids["Fritz"]).status = "dropped"
    team.cara.post(team.path(f"requests/{asked.id}/accept"), 422)
    team.cara.post(team.path(f"requests/{asked.id}/refuse"))
    drop(world, team.ids["Otto"])
    assert "asks to join" not in words(team.cara.get(team.path()))
    assert {row.state for row in world.stored(JoinRequest)} == {"refused", "withdrawn"}


def test_many_who_leave_cost_as_many_queries_as_one(course: Course, count_queries: Callable[[], int]) -> None:
    def leave(size: int) -> int:
        inviters = [course.world.member(f"Inviter{size}{n} Berg") for n in range(size)]
        others = [course.world.member(f"Other{size}{n} Chen") for n in range(size)]
        course.id = course.assignment(f"Of {size}", formed_by="staff")
        for pair in zip(inviters, others, strict=True):
            course.post(course.teacher, "groupings", member_ids=list(pair))
        drop(course.world)
        count_queries()
        drop(course.world, *inviters)
        return count_queries() - 2 * size  # each is read and written by the test itself

    assert leave(1) == leave(4)
