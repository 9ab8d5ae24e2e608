"""Groups that work on two assignments, each in a set of its own: limits and one group for each person hold in both."""

from collections import Counter
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import update

from lti_tool.models import Group, Grouping, GroupSet, db
from tests.web.conftest import Browser, World
from tests.web.forming import Course, words
from tests.web.test_rush import at_once


class Shared(Course):
    """Groups of A1 that staff made, cloned into A2, which has another set; the groupings of both, by name."""

    def __init__(self, world: World, **teams: tuple[str, ...]) -> None:
        super().__init__(world, names_chosen=True)
        for name, people in teams.items():
            ids = [self.ids[first] for first in people]
            self.teacher.post(f"assignments/{self.id}/groupings", name=name, member_ids=ids)
        self.first = {row.group_name: row.id for row in world.stored(Grouping, assignment_id=self.id)}
        self.later = self.assignment("A2", group_set_id=world.group_set("A2 groups"))
        self.second = self.clone(self.later)

    def invite(self, who: Browser, grouping: UUID, name: str) -> None:
        """Invite a classmate into a grouping of whichever assignment."""
        self.post(who, f"groupings/{grouping}/invite", assignment_id=self._of(grouping), member_ids=[self.ids[name]])

    def accept(self, who: Browser, grouping: UUID, status: int = 303):
        """Accept an invitation to a grouping of whichever assignment."""
        return self.post(who, f"groupings/{grouping}/accept", status, assignment_id=self._of(grouping))

    def _of(self, grouping: UUID) -> UUID:
        return self.id if grouping in self.first.values() else self.later


def test_nobody_is_in_two_groups_of_a_set_by_an_assignment_of_another(world: World) -> None:
    course = Shared(world, k=("Ana",))
    course.teacher.post(f"group-sets/{course.set_id}/groups", name="others", count=1)
    (others,) = world.stored(Group, name="others")
    course.teacher.post(f"group-sets/{course.set_id}/groups/{others.id}/members", member_id=course.ids["Bo"])
    course.invite(course.ana, course.second["k"], "Bo")
    refused = words(course.accept(course.bo, course.second["k"], 422))
    assert "You are in “others” of “A1 groups”" in refused
    assert course.people() == {"k": {"Ana"}, "others": {"Bo"}}
    m = course.start(course.cleo, name="m")
    course.invite(course.ana, course.second["k"], "Cleo")
    course.accept(course.cleo, course.second["k"])
    assert course.people() == {"k": {"Ana", "Cleo"}, "others": {"Bo"}, "m": set()}
    assert course.statuses(m) == {"Cleo": "inviter"}, "what an assignment formed is left, and stays as its grouping"


def test_who_is_in_the_group_by_one_assignment_comes_into_the_other_by_its_code(world: World) -> None:
    course = Shared(world, k=("Ana", "Bo"))
    (group,) = world.stored(Group, name="k")
    course.post(course.bo, f"groupings/{course.second['k']}/leave", assignment_id=course.later)
    course.bo.post("join", code=group.invite_code)
    assert course.statuses(course.second["k"]) == {"Ana": "inviter", "Bo": "accepted"}
    assert course.statuses(course.first["k"]) == {"Ana": "inviter", "Bo": "accepted"}
    assert "already_member" in course.bo.post("join", code=group.invite_code)
    assert course.people() == {"k": {"Ana", "Bo"}}


def test_a_clone_leaves_in_the_group_whom_another_assignment_holds_there(world: World) -> None:
    course = Shared(world, k=("Ana",))
    course.invite(course.ana, course.second["k"], "Bo")
    course.accept(course.bo, course.second["k"])
    third = course.assignment("A3", group_set_id=world.group_set("A3 groups"))
    cloned = course.clone(third)
    assert course.statuses(cloned["k"]) == course.statuses(course.first["k"]) == {"Ana": "inviter"}
    assert course.statuses(course.second["k"]) == {"Ana": "inviter", "Bo": "accepted"}
    assert course.people() == {"k": {"Ana", "Bo"}}


def test_a_groups_limit_counts_those_whom_another_assignment_let_in(world: World) -> None:
    course = Shared(world, k=("Ana",))
    limit(course, 2)
    for grouping, name in ((course.first["k"], "Bo"), (course.second["k"], "Bo"), (course.second["k"], "Cleo")):
        course.invite(course.ana, grouping, name)
    course.accept(course.bo, course.first["k"])
    assert "full" in words(course.accept(course.cleo, course.second["k"], 422))
    course.accept(course.bo, course.second["k"])  # is in the group already, and no more than before
    assert course.people() == {"k": {"Ana", "Bo"}}


def test_a_groups_last_place_is_taken_by_one_of_two_assignments(app_on_both: Flask) -> None:
    course = Shared(World(app_on_both).open_course(), k=("Ana",))
    limit(course, 2)
    course.invite(course.ana, course.first["k"], "Bo")
    course.invite(course.ana, course.second["k"], "Cleo")
    paths = {
        course.bo.token: f"assignments/{course.id}/groupings/{course.first['k']}/accept",
        course.cleo.token: f"assignments/{course.later}/groupings/{course.second['k']}/accept",
    }

    def accept(person: Browser) -> int:
        path = f"/courses/{course.world.course_id}/{paths[person.token]}"
        return person.client.post(path, data={"csrf_token": person.token}).status_code

    assert Counter(at_once([course.bo, course.cleo] * 5, accept)) == {303: 1, 422: 9}
    assert len(course.people()["k"]) == 2


def limit(course: Course, count: int) -> None:
    """Write down how many a group takes."""
    with course.world.app.app_context():
        db.session.execute(update(Group).values(max_members=count))
        db.session.commit()


@pytest.mark.shows("MODEL-29")
def test_staff_change_no_group_of_a_set_that_is_being_published_through_another_assignment(world: World) -> None:
    course = Shared(world, k=("Ana", "Bo"), m=("Cleo",))
    world.run("publish", "running", group_set_id=course.set_id)
    groupings, before = f"assignments/{course.later}/groupings", course.people()
    own, bo = course.second["k"], course.ids["Bo"]
    for path, sent in (
        (f"{groupings}/{own}/end", {}),
        (f"{groupings}/{own}/members/{bo}/remove", {}),
        (f"{groupings}/{own}/members/{bo}/move", {"target_id": str(course.second["m"])}),
    ):
        page = course.teacher.post(path, 409, fields=sent)
        assert "This group set is being published" in words(page), path
    assert course.people() == before
    assert course.statuses(own) == {"Ana": "inviter", "Bo": "accepted"}


def test_who_comes_or_goes_by_one_assignment_makes_the_pages_of_the_other_set_stale(world: World) -> None:
    course = Shared(world, k=("Ana",))

    def revision() -> int:
        return int(world.stored(GroupSet, id=course.set_id)[0].revision)

    course.invite(course.ana, course.second["k"], "Bo")
    seen = revision()
    course.accept(course.bo, course.second["k"])
    came = revision()
    assert came > seen
    course.post(course.bo, f"groupings/{course.second['k']}/leave", assignment_id=course.later)
    assert revision() > came
