"""Groups that work on an assignment are not changed past their groupings, and stand under their own assignment."""

from uuid import uuid4

import pytest

from lti_tool.models import (
    Group,
    Grouping,
    GroupingMembership,
    GroupMembership,
    GroupSet,
    HistoryEntry,
    RosterMember,
    transaction,
)
from lti_tool.services.system_sets import ensure_system_group_sets
from tests.web.conftest import PlayedLms, World
from tests.web.forming import Course, words


@pytest.fixture
def course(world: World) -> Course:
    return Course(world, min_size=1, max_size=3)


def formed(course: Course) -> tuple[Grouping, Group]:
    """Let Ana start a group that Bo joins."""
    grouping = course.start(course.ana, "Bo")
    course.post(course.bo, f"groupings/{grouping}/accept")
    (row,) = course.world.stored(Grouping, id=grouping)
    (group,) = course.world.stored(Group, id=row.group_id)
    return row, group


def test_the_set_does_not_change_a_formed_group_past_its_grouping(course: Course) -> None:
    row, group = formed(course)
    here = f"group-sets/{course.set_id}"
    course.teacher.post(f"{here}/groups", name="others", count=1)
    (other,) = course.world.stored(Group, name="others")
    (stored,) = course.world.stored(GroupSet, id=course.set_id)
    for path, data in (
        (f"groups/{group.id}/members", {"member_id": course.ids["Cleo"]}),
        (f"groups/{group.id}/members/{course.ids['Bo']}/remove", {}),
        (f"groups/{other.id}/members", {"member_id": course.ids["Bo"]}),
        (f"groups/{group.id}/delete", {}),
        (f"groups/{group.id}/take-out", {}),
        ("delete", {"revision": stored.revision}),
    ):
        refused = words(course.teacher.post(f"{here}/{path}", 409, **data))
        assert "works on the assignment “A1”" in refused, path
        if path.endswith(("delete", "take-out")):  # nothing is asked that would be refused
            assert "works on the assignment “A1”" in words(course.teacher.get(f"{here}/{path}", 409)), path
    assert course.statuses(row.id) == {"Ana": "inviter", "Bo": "accepted"}
    assert course.people() == {group.name: {"Ana", "Bo"}, "others": set()}
    course.teacher.post(f"{here}/groups/{other.id}/members", member_id=course.ids["Cleo"])  # nobody's assignment
    assert course.people()["others"] == {"Cleo"}
    course.post(course.teacher, f"groupings/{row.id}/end")
    assert course.people() == {"others": {"Cleo"}}


def test_the_sets_page_shows_a_formed_group_read_only_and_leads_to_where_it_is_changed(course: Course) -> None:
    _, group = formed(course)
    here = f"group-sets/{course.set_id}"
    course.teacher.post(f"{here}/groups", name="others", count=1)
    page = course.teacher.get(here)
    card, other = page.select(".card.group")
    assert words(card.h3).startswith(group.name)
    assert not card.select("input, button")
    links = [link["href"].partition("?")[0] for link in card.select("a")]
    assert [link.rpartition("/")[2] for link in links] == ["edit", "groupings"], "its name alone is changed here"
    assert [option.get_text() for option in page.select("#place-group option")] == ["others (0)"]
    assert any(link["href"].partition("?")[0].endswith("/delete") for link in other.select("a"))
    assert not course.teacher.get(f"{here}/groups/{group.id}/edit").select("#member_id")
    course.teacher.get(f"{here}/members/{course.ids['Bo']}", 409)
    observer = course.world.browser("observer")
    assert "Works on A1" in words(observer.get(here))
    drawn = course.teacher.get(f"{here}/random?seed=1")
    assert [words(card.h3) for card in drawn.select(".card.group")] == ["others 3"]
    fields = {field["name"]: field["value"] for field in drawn.select("form input[type=hidden]")}
    course.teacher.post(f"{here}/random", fields=fields)
    assert course.people() == {group.name: {"Ana", "Bo"}, "others": {"Cleo", "Dan", "Eve"}}


def test_a_published_set_with_formed_groups_keeps_its_copy_in_the_lms(course: Course, lms: PlayedLms) -> None:
    _, group = formed(course)
    here = f"group-sets/{course.set_id}"
    course.teacher.post(f"{here}/publish")
    course.world.app.extensions["lti_tool_doorbell"].work_off()
    course.teacher.post(f"{here}/delete", 409, where="everywhere")
    assert lms.members(group.name) == {"u-Ana Berg", "u-Bo Chen"}


def test_an_undo_does_not_take_people_out_of_what_was_formed_since(course: Course) -> None:
    here = f"group-sets/{course.set_id}"
    course.teacher.post(f"{here}/groups", name="others", count=1)
    (group,) = course.world.stored(Group, name="others")
    (stored,) = course.world.stored(GroupSet, id=course.set_id)
    ids = [course.ids["Ana"], course.ids["Bo"]]
    course.teacher.post(f"{here}/assign", member_ids=ids, group_id=group.id, revision=stored.revision)
    assert course.people() == {"others": {"Ana", "Bo"}}
    row = Grouping(
        id=uuid4(), assignment_id=course.id, group_id=group.id, group_name="others", created_at=group.created_at
    )
    course.world._add(row)
    (stored,) = course.world.stored(GroupSet, id=course.set_id)
    refused = words(course.teacher.post(f"{here}/undo", 409, revision=stored.revision))
    assert "works on the assignment “A1”" in refused
    assert course.people() == {"others": {"Ana", "Bo"}}


def test_a_group_of_two_assignments_keeps_whom_the_other_one_holds(course: Course) -> None:
    row, group = formed(course)
    second = course.assignment("A2")
    address = f"assignments/{second}/groupings"
    ids = [course.ids["Ana"], course.ids["Bo"]]
    course.teacher.post(address, member_ids=ids, name=group.name)
    (again,) = course.world.stored(Grouping, assignment_id=second, ended_at=None)
    assert again.group_id == group.id
    course.teacher.post(f"{address}/{again.id}/members/{course.ids['Bo']}/remove")
    assert course.statuses(row.id) == {"Ana": "inviter", "Bo": "accepted"}
    assert course.people() == {group.name: {"Ana", "Bo"}}
    course.teacher.post(f"{address}/{again.id}/end")
    assert course.people() == {group.name: {"Ana", "Bo"}}


@pytest.mark.parametrize("act", ["invite", "accept", "refuse", "leave", "break-up"])
def test_students_reach_a_grouping_under_its_own_assignment_only(course: Course, act: str) -> None:
    grouping = course.start(course.ana, "Bo")
    second = course.assignment("A2")
    who = course.bo if act in ("accept", "refuse", "leave") else course.ana
    course.post(who, f"groupings/{grouping}/{act}", 404, assignment_id=second, member_ids=[course.ids["Cleo"]])
    assert course.statuses(grouping) == {"Ana": "inviter", "Bo": "pending"}


@pytest.mark.parametrize("act", ["members", "approve", "withdraw", "end"])
def test_staff_reach_a_grouping_under_its_own_assignment_only(course: Course, act: str) -> None:
    grouping = course.start(course.ana)
    second = course.assignment("A2")
    member = [course.ids["Cleo"]]
    course.post(course.teacher, f"groupings/{grouping}/{act}", 404, assignment_id=second, member_ids=member)
    assert course.statuses(grouping) == {"Ana": "inviter"}
    assert not any(row.approved for row in course.world.stored(Grouping))
    assert len(list(course.world.stored(GroupingMembership))) == 1


def test_groupings_write_nothing_into_sets_of_the_lms(course: Course) -> None:
    world = course.world
    connected = world.group_set("LMS groups", {"Red": [course.ids["Ana"]]}, connection="canvas")
    (red,) = world.stored(Group, name="Red")
    course.set_id = connected
    assignment = course.assignment("By staff", formed_by="staff")
    address = f"assignments/{assignment}/groupings"
    for name in ("Red", "Blue", ""):
        course.teacher.post(address, 403, member_ids=[course.ids["Bo"]], name=name)
    page = course.teacher.get(address)
    assert "choose a local set" in words(page)
    assert not page.select("form[action$='/groupings'], form[action$='/import']"), "what would be refused"
    assert [row.name for row in world.stored(Group, course_id=world.course_id) if row.origin != "system"] == ["Red"]
    assert [one.member_id for one in world.stored(GroupMembership, group_id=red.id)] == [course.ids["Ana"]]
    assert not list(world.stored(Grouping, assignment_id=assignment))


def test_who_comes_back_to_the_course_is_free_in_the_grouping_as_in_the_group(course: Course) -> None:
    row, group = formed(course)
    course.post(course.cleo, "grouping/alone")
    alone = course.own(course.cleo)
    for status in ("dropped", "active"):
        with course.world.app.app_context(), transaction() as session:
            for name in ("Bo", "Cleo"):
                session.get_one(RosterMember, course.ids[name]).status = status
            session.flush()
            ensure_system_group_sets(course.world.course_id)
    assert course.people() == {group.name: {"Ana"}}
    assert course.statuses(row.id) == {"Ana": "inviter"}
    assert course.statuses(alone) == {}
    course.post(course.bo, "grouping/alone")
    course.post(course.cleo, "grouping/start")


def test_a_student_is_in_one_group_of_the_set_whatever_the_assignments(course: Course) -> None:
    row, group = formed(course)
    second = course.assignment("A2")
    course.post(course.bo, "grouping/start", assignment_id=second)
    mine = {name for name, people in course.people().items() if "Bo" in people}
    assert len(mine) == 1
    assert mine != {group.name}
    (left,) = course.world.stored(HistoryEntry, action="moved_on")
    assert (left.group_id, left.member_id) == (group.id, course.ids["Bo"])
    (renamed,) = course.world.stored(Group, id=group.id)
    assert (group.name, renamed.name) == ("berg-chen", "ana_berg"), "a generated name follows who is left"
    assert course.statuses(row.id) == {"Ana": "inviter", "Bo": "accepted"}  # of the earlier assignment
    here = f"group-sets/{course.set_id}"
    course.teacher.post(f"{here}/groups", name="reds", count=1)
    (other,) = course.world.stored(Group, name="reds")
    course.teacher.post(f"{here}/groups/{other.id}/members", member_id=course.ids["Cleo"])
    assert "reds" in words(course.post(course.cleo, "grouping/start", 422))
    assert course.people()["reds"] == {"Cleo"}
