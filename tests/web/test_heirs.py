"""Every group has one creator and every grouping one inviter, whoever is taken out and on how many assignments."""

from uuid import UUID

import pytest

from lti_tool.models import Group, Grouping, GroupMembership, HistoryEntry, Notice
from tests.web.conftest import World
from tests.web.forming import Course
from tests.web.teamwork import Team


@pytest.fixture
def course(world: World) -> Course:
    return Course(world, min_size=2, max_size=5)


def formed(course: Course, *others: str) -> tuple[UUID, Group]:
    """Let Ana start a group that others join; give the grouping's id and the group."""
    grouping = course.start(course.ana, *others)
    for name in others:
        course.post(course.browsers[name], f"groupings/{grouping}/accept")
    (row,) = course.world.stored(Grouping, id=grouping)
    (group,) = course.world.stored(Group, id=row.group_id)
    return grouping, group


def roles(course: Course, group: Group) -> dict[str, str]:
    names = {member_id: name for name, member_id in course.ids.items()}
    return {names[row.member_id]: row.role for row in course.world.stored(GroupMembership, group_id=group.id)}


@pytest.mark.shows("FORM-48")
def test_the_inviter_and_the_first_who_accepted_are_taken_out_together(course: Course) -> None:
    grouping, group = formed(course, "Bo", "Cleo", "Dan")
    course.teacher.post(f"groups/{group.id}/remove", member_ids=[course.ids[name] for name in ("Ana", "Bo", "Dan")])
    assert course.statuses(grouping) == {"Cleo": "inviter"}
    assert roles(course, group) == {"Cleo": "creator"}
    told = [row.kind for row in course.world.stored(Notice, member_id=course.ids["Cleo"])]
    assert (told.count("became_inviter"), told.count("invalid")) == (1, 1)
    assert "became_inviter" not in [row.kind for row in course.world.stored(Notice, member_id=course.ids["Bo"])]


def test_the_creator_and_the_admin_are_taken_out_together(world: World) -> None:
    team = Team(world)
    team.teacher.post(team.path("remove"), member_ids=[team.ids["Cara"], team.ids["Adam"]])
    assert team.roles == {"Edi": "creator", "Mia": "member"}


def test_a_group_of_two_assignments_has_one_creator_and_two_inviters(course: Course) -> None:
    grouping, group = formed(course, "Bo")
    second = course.assignment("A2", max_size=5)
    both = [course.ids["Bo"], course.ids["Ana"]]
    course.teacher.post(f"assignments/{second}/groupings", member_ids=both, name=group.name)
    again = course.own(course.bo, second)
    assert roles(course, group) == {"Ana": "admin", "Bo": "creator"}
    assert course.statuses(grouping) == {"Ana": "inviter", "Bo": "accepted"}
    course.teacher.post(f"assignments/{second}/groupings/{again}/members/{course.ids['Bo']}/remove")
    assert course.statuses(again) == {"Ana": "inviter"}
    assert roles(course, group) == {"Ana": "creator", "Bo": "admin"}


def test_an_inviter_whom_the_creator_takes_out_is_followed_by_the_creator(course: Course) -> None:
    grouping, group = formed(course, "Cleo", "Bo")
    second = course.assignment("A2", max_size=5)
    both = [course.ids["Bo"], course.ids["Ana"]]
    course.teacher.post(f"assignments/{second}/groupings", member_ids=both, name=group.name)
    course.bo.post(f"groups/{group.id}/remove/{course.ids['Ana']}")
    assert course.statuses(grouping) == {"Cleo": "accepted", "Bo": "inviter"}
    assert roles(course, group) == {"Cleo": "member", "Bo": "creator"}


def test_a_creator_who_moves_on_to_another_assignment_has_an_heir(course: Course) -> None:
    grouping, group = formed(course, "Bo", "Cleo")
    course.start(course.ana, assignment_id=course.assignment("A2"))
    assert roles(course, group) == {"Bo": "creator", "Cleo": "member"}
    assert course.statuses(grouping) == {"Ana": "inviter", "Bo": "accepted", "Cleo": "accepted"}
    course.bo.get(f"groups/{group.id}/permissions")
    assert "became_inviter" in [row.kind for row in course.world.stored(Notice, member_id=course.ids["Bo"])]
    (line,) = course.world.stored(HistoryEntry, action="became_creator")
    assert (line.group_id, line.member_id) == (group.id, course.ids["Bo"])
    own = f"groups/{group.id}"
    assert [who for who in ("Ana", "Bo") if course.page(course.browsers[who]).select(f"a[href$='{own}']")] == ["Bo"]


def test_a_creator_whose_other_assignment_is_over_leaves_the_group_to_an_heir(course: Course) -> None:
    _, group = formed(course, "Bo", "Cleo")
    second = course.assignment("A2", max_size=5)
    for first in ("Dan", "Bo"):  # is in by the second assignment alone, and by both
        people = [course.ids[first], course.ids["Ana"]]
        (group,) = course.world.stored(Group, id=group.id)  # its name follows its people
        course.teacher.post(f"assignments/{second}/groupings", member_ids=people, name=group.name)
        again = course.own(course.browsers[first], second)
        assert roles(course, group)[first] == "creator"
        course.teacher.post(f"assignments/{second}/groupings/{again}/end")
        assert list(roles(course, group).values()).count("creator") == 1
    course.post(course.bo, f"groupings/{course.own(course.bo)}/leave")
    assert roles(course, group)["Ana"] == "creator"
