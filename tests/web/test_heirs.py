"""Every group has one creator and every grouping one inviter, whoever is taken out and on how many assignments."""

from uuid import UUID

import pytest

from lti_tool.models import Assignment, Group, Grouping, GroupMembership, HistoryEntry, Notice, transaction
from tests.web.conftest import World
from tests.web.forming import Course
from tests.web.teamwork import ROLES, Team


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


def second(course: Course, group: Group, *names: str) -> tuple[UUID, UUID]:
    """Let staff put a group to work on another assignment, by these people; give the assignment and the grouping."""
    key = course.assignment(f"A{len(course.world.stored(Assignment)) + 1}", max_size=5)
    ids = [course.ids[name] for name in names]
    course.teacher.post(f"assignments/{key}/groupings", member_ids=ids, name=group.name)
    return key, course.own(course.browsers[names[0]], key)


@pytest.mark.shows("TEAM-2")
def test_a_groups_creator_stays_whoever_invites_for_another_assignment(course: Course) -> None:
    grouping, group = formed(course, "Bo")
    other, again = second(course, group, "Bo", "Ana")
    assert roles(course, group) == {"Ana": "creator", "Bo": "admin"}
    assert course.statuses(grouping) == {"Ana": "inviter", "Bo": "accepted"}
    assert course.statuses(again) == {"Bo": "inviter", "Ana": "accepted"}
    course.teacher.post(f"assignments/{other}/groupings/{again}/members/{course.ids['Bo']}/remove")
    assert course.statuses(again) == {"Ana": "inviter"}
    assert roles(course, group) == {"Ana": "creator", "Bo": "admin"}


def test_an_inviter_whom_the_creator_takes_out_is_followed_by_the_creator(course: Course) -> None:
    _, group = formed(course, "Cleo", "Bo")
    _, again = second(course, group, "Bo", "Cleo", "Ana")
    course.ana.post(f"groups/{group.id}/remove/{course.ids['Bo']}")
    assert course.statuses(again) == {"Cleo": "accepted", "Ana": "inviter"}
    assert roles(course, group) == {"Cleo": "member", "Ana": "creator"}


LOSSES = {
    "one assignment's is broken up": lambda c, at, g: c.post(c.teacher, f"groupings/{g}/end", assignment_id=at),
    "taken out of one": lambda c, at, g: c.post(
        c.teacher, f"groupings/{g}/members/{c.ids['Ana']}/remove", assignment_id=at
    ),
    "leaves one": lambda c, at, g: c.post(c.ana, f"groupings/{g}/leave", assignment_id=at),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_creator_who_is_in_the_group_no_more_is_followed_by_who_invites(course: Course, loss: str) -> None:
    """Ana is in it by one assignment only, as one who accepted; Bo invites for both."""
    grouping, group = formed(course, "Bo", "Cleo")
    course.teacher.post(f"groups/{group.id}/transfer", member_id=course.ids["Bo"])
    first, again = course.id, second(course, group, "Bo", "Cleo")[1]
    give(course, group, Ana="creator", Bo="admin")
    LOSSES[loss](course, first, grouping)
    assert course.statuses(again) == {"Bo": "inviter", "Cleo": "accepted"}
    assert roles(course, group) == {"Bo": "creator", "Cleo": "member"}
    assert course.world.stored(HistoryEntry, action="became_creator", member_id=course.ids["Bo"])


def give(course: Course, group: Group, **wanted: str) -> None:
    with course.world.app.app_context(), transaction() as session:
        for name, role in wanted.items():
            session.get_one(GroupMembership, (group.id, course.ids[name])).role = role


def test_roles_stay_when_a_set_is_filled_again_and_a_creators_place_goes_on(world: World) -> None:
    team = Team(world)
    here = f"group-sets/{team.set_id}"
    team.teacher.post(f"{here}/assign", member_ids=[team.ids["Cara"]], group_id=team.id)
    assert team.roles == dict(ROLES), "she was there already"
    team.teacher.post(f"{here}/groups/{team.id}/members/{team.ids['Cara']}/remove")
    assert team.roles == {"Adam": "creator", "Edi": "editor", "Mia": "member"}
    assert [row.kind for row in world.stored(Notice, member_id=team.ids["Adam"])] == ["became_inviter"]
    team.teacher.post(f"{here}/assign", member_ids=[team.ids["Adam"], team.ids["Mia"]], group_id=team.rivals)
    assert team.roles == {"Edi": "creator"}
    revision = team.teacher.get(here).select_one("form#undo input[name=revision]")["value"]
    team.teacher.post(f"{here}/undo", revision=revision)
    assert team.roles == {"Edi": "creator", "Adam": "member", "Mia": "member"}


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
