"""How students form their groups for an assignment, each in their own browser (seed 004)."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import update

from lti_tool import observability
from lti_tool.domain.clock import now
from lti_tool.models import (
    Assignment,
    Group,
    Grouping,
    GroupingMembership,
    HistoryEntry,
    Notice,
    RosterMember,
    Section,
    SectionMembership,
    db,
    transaction,
)
from tests.web.conftest import PlayedLms, World
from tests.web.forming import Course, words


@pytest.fixture
def course(world: World) -> Course:
    return Course(world)


def end(course: Course, date: str) -> None:
    """Let a date of the assignment be over."""
    with course.world.app.app_context():
        setattr(db.session.get_one(Assignment, course.id), date, now() - timedelta(minutes=1))
        db.session.commit()


@pytest.mark.shows("FORM-12", "FORM-13", "FORM-14", "FORM-15", "FORM-16", "FORM-8")
def test_working_alone_uses_the_students_own_group_again_and_again(course: Course) -> None:
    assert "Do you work alone or in a group?" in words(course.page(course.ana))
    course.post(course.ana, "grouping/alone")
    page = words(course.page(course.ana))
    assert "You work alone" in page
    assert "Valid" in page
    assert "Invite classmates" not in page
    second = course.assignment("A2")
    course.post(course.ana, "grouping/alone", assignment_id=second)
    groups = [group for group in course.world.stored(Group) if group.name == "ana_berg"]
    assert len(groups) == 1
    assert groups[0].origin == "system"
    refused = course.post(course.ana, f"groupings/{course.own(course.ana)}/invite", 422, member_ids=[course.ids["Bo"]])
    assert "works alone" in words(refused)
    assert course.statuses(course.own(course.ana)) == {"Ana": "inviter"}


@pytest.mark.shows("FORM-1", "FORM-17", "FORM-18", "FORM-19", "FORM-20", "FORM-21", "FORM-22", "FORM-24", "FORM-25")
def test_the_story_of_an_optional_group(course: Course) -> None:
    grouping = course.start(course.ana, "Bo", "Cleo")
    assert course.statuses(grouping) == {"Ana": "inviter", "Bo": "pending", "Cleo": "pending"}
    assert "Valid" in words(course.page(course.ana))
    assert "Ana Berg invites you" in words(course.page(course.bo))
    course.post(course.bo, f"groupings/{grouping}/accept")
    course.post(course.cleo, f"groupings/{grouping}/refuse")
    assert course.statuses(grouping) == {"Ana": "inviter", "Bo": "accepted", "Cleo": "rejected"}
    seen = words(course.page(course.ana))
    assert "Bo Chen" in seen
    assert "Cleo Diaz Refused" in seen
    other = course.start(course.cleo, "Dan")
    assert course.statuses(other) == {"Cleo": "inviter", "Dan": "pending"}
    third = course.start(course.eve, "Dan")
    assert words(course.page(course.dan)).count("invites you") == 2
    course.post(course.dan, f"groupings/{other}/refuse")
    course.post(course.dan, f"groupings/{third}/accept")
    assert course.statuses(third) == {"Eve": "inviter", "Dan": "accepted"}


@pytest.mark.shows("FORM-23")
def test_who_accepted_is_told_of_no_answer_of_others_not_even_in_the_source(course: Course) -> None:
    grouping = course.start(course.ana, "Bo", "Cleo", "Dan")
    course.post(course.bo, f"groupings/{grouping}/accept")
    course.post(course.cleo, f"groupings/{grouping}/refuse")
    source = str(course.page(course.bo))
    assert "Ana Berg" in source
    for hidden in ("Cleo", "Dan", str(course.ids["Cleo"]), str(course.ids["Dan"])):
        assert hidden not in source
    part, _ = course.bo.fragment(f"assignments/{course.id}/grouping?seen=older")
    assert "Cleo" not in str(part)


@pytest.mark.shows("FORM-26", "FORM-27", "FORM-28", "FORM-30", "FORM-31", "FORM-32", "FORM-33", "FORM-34")
def test_the_story_of_a_mandatory_group(world: World) -> None:
    course = Course(world, min_size=3)
    assert "Work alone" not in words(course.page(course.ana))
    assert "Nobody works alone" in words(course.post(course.ana, "grouping/alone", 422))
    grouping = course.start(course.ana)
    assert "Not valid: 2 more needed" in words(course.page(course.ana))
    assert "Not valid: 2 more needed" in words(course.ana.get(""))
    course.post(course.ana, f"groupings/{grouping}/invite", member_ids=[course.ids["Bo"], course.ids["Cleo"]])
    assert "Not valid" not in words(course.page(course.ana))
    course.post(course.bo, f"groupings/{grouping}/accept")
    course.post(course.cleo, f"groupings/{grouping}/refuse")
    assert "Not valid: 1 more needed" in words(course.page(course.bo))
    assert "You can read but not hand in yet" in words(course.page(course.bo))
    assert "Not valid: 1 more needed" in words(course.bo.get(""))
    course.post(course.ana, f"groupings/{grouping}/invite", member_ids=[course.ids["Dan"]])
    assert "Not valid" not in words(course.page(course.ana))
    assert "Not valid" not in words(course.bo.get(""))
    course.post(course.dan, f"groupings/{grouping}/refuse")
    assert "Only who started" in words(course.post(course.bo, f"groupings/{grouping}/break-up", 403))
    course.post(course.ana, f"groupings/{grouping}/break-up")
    assert course.statuses(grouping) == {}
    assert course.people() == {}
    assert "Form your group" in words(course.page(course.bo))
    assert course.statuses(course.start(course.bo, "Ana")) == {"Bo": "inviter", "Ana": "pending"}


@pytest.mark.parametrize("by_group", [False, True], ids=["break-up", "delete"])
def test_everybody_reads_that_their_group_ended_by_whatever_page(world: World, by_group: bool) -> None:
    course = Course(world, min_size=4)
    grouping = course.start(course.ana, "Bo", "Cleo", "Dan")
    course.post(course.bo, f"groupings/{grouping}/accept")
    course.post(course.dan, f"groupings/{grouping}/refuse")
    (row,) = world.stored(Grouping, id=grouping)
    if by_group:
        course.ana.post(f"groups/{row.group_id}/delete")
    else:
        course.post(course.ana, f"groupings/{grouping}/break-up")
    assert "broke up the group, and Bo Chen is free again" in words(course.bo.get("history/own"))
    assert "broke up the group, and so ended the invitation of Cleo Diaz" in words(course.cleo.get("history/own"))
    told = {row.member_id for row in world.stored(Notice, kind="broken_up")}
    assert told == {course.ids["Bo"], course.ids["Cleo"]}  # and not who had refused


@pytest.mark.shows("FORM-29")
def test_only_who_accepted_comes_into_the_group(course: Course) -> None:
    grouping = course.start(course.ana, "Bo", "Cleo")
    assert list(course.people().values()) == [{"Ana"}]
    course.post(course.bo, f"groupings/{grouping}/accept")
    assert course.people() == {"berg-chen": {"Ana", "Bo"}}


def test_the_home_page_tells_a_started_group_from_work_alone(course: Course) -> None:
    course.start(course.ana, "Bo")
    course.post(course.cleo, "grouping/alone")
    assert "Your group: ana_berg" in words(course.ana.get(""))
    assert "You work alone" not in words(course.ana.get(""))
    assert "Answer 1 invitation" in words(course.bo.get(""))
    assert "You work alone" in words(course.cleo.get(""))


@pytest.mark.shows("FORM-11")
def test_where_staff_form_the_groups_students_cannot(world: World) -> None:
    course = Course(world, formed_by="staff")
    page = course.page(course.ana)
    assert "Your teachers form the groups" in words(page) or "Ask them if you want" in words(page)
    assert not page.select("form[action*=grouping]")
    for what in ("grouping/alone", "grouping/start"):
        assert "Your teachers form the groups" in words(course.post(course.ana, what, 422))
    assert course.people() == {}
    course.post(course.teacher, "groupings", member_ids=[course.ids["Ana"], course.ids["Bo"]], name="k")
    grouping = course.own(course.ana)
    for who, what in ((course.bo, "leave"), (course.ana, "break-up"), (course.ana, "invite")):
        data = {"member_ids": [course.ids["Cleo"]]} if what == "invite" else {}
        refused = course.post(who, f"groupings/{grouping}/{what}", 422, **data)
        assert "Your teachers form the groups" in words(refused)
        assert not course.page(who).select(f"[href*='/{what}'], form[action*='/{what}']")
    assert course.statuses(grouping) == {"Ana": "inviter", "Bo": "accepted"}


@pytest.mark.shows("FORM-11")
def test_nobody_joins_by_an_old_invitation_where_staff_form_the_groups_now(course: Course) -> None:
    grouping = course.start(course.ana, "Bo", "Cleo")
    course.post(course.cleo, f"groupings/{grouping}/refuse")
    with course.world.app.app_context():
        db.session.get_one(Assignment, course.id).formed_by = "staff"
        db.session.commit()
    assert not course.page(course.ana).select("form[action*='/invitations/']")
    for what in (f"{course.ids['Bo']}/cancel", f"{course.ids['Cleo']}/clear"):
        refused = course.post(course.ana, f"groupings/{grouping}/invitations/{what}", 422)
        assert "Your teachers form the groups" in words(refused)
    page = course.page(course.bo)
    assert "Your teachers form the groups now" in words(page)
    assert not page.select("form[action$='/accept']")
    course.post(course.bo, f"groupings/{grouping}/accept", 422)
    assert course.statuses(grouping) == {"Ana": "inviter", "Bo": "pending", "Cleo": "rejected"}
    course.post(course.bo, f"groupings/{grouping}/refuse")


def test_a_groups_own_limit_holds_for_who_was_invited_too(course: Course) -> None:
    grouping = course.start(course.ana, "Bo", "Cleo")
    course.post(course.bo, f"groupings/{grouping}/accept")
    with course.world.app.app_context():
        db.session.execute(update(Group).values(max_members=2))
        db.session.commit()
    (group,) = (row for row in course.world.stored(Group) if row.origin == "local")
    refused = course.post(course.cleo, f"groupings/{grouping}/accept", 422).select_one("#error-summary")
    assert words(refused) == f"The group is full “{group.name}”: All places are taken meanwhile."
    assert course.statuses(grouping) == {"Ana": "inviter", "Bo": "accepted", "Cleo": "pending"}
    uninvited = course.post(course.dan, f"groupings/{grouping}/accept", 422).select_one("#error-summary")
    assert group.name not in words(uninvited)


def test_a_closed_group_takes_nobody_in_not_even_who_was_invited(course: Course) -> None:
    grouping = course.start(course.ana, "Bo")
    (row,) = course.world.stored(Grouping, id=grouping)
    course.ana.post(f"groups/{row.group_id}/edit", name=row.group_name, privacy="closed")
    assert "This group is closed" in words(course.post(course.bo, f"groupings/{grouping}/accept", 422))
    asked = course.post(course.ana, f"groupings/{grouping}/invite", 422, member_ids=[course.ids["Cleo"]])
    assert "This group is closed" in words(asked)
    assert course.statuses(grouping) == {"Ana": "inviter", "Bo": "pending"}
    course.ana.post(f"groups/{row.group_id}/edit", name=row.group_name, privacy="unlisted")
    course.post(course.bo, f"groupings/{grouping}/accept")


@pytest.mark.shows("FORM-38")
def test_starting_refuses_the_own_invitations_and_is_said_before(course: Course) -> None:
    grouping = course.start(course.ana, "Bo")
    assert "refuses the invitation above" in words(course.page(course.bo))
    course.start(course.bo)
    assert course.statuses(grouping) == {"Ana": "inviter", "Bo": "rejected"}
    assert "Leave it first" in words(course.post(course.bo, "grouping/start", 422))


@pytest.mark.shows("FORM-39", "FORM-40", "FORM-41")
def test_the_right_ones_are_invited_and_the_others_named_with_the_reason(world: World) -> None:
    course = Course(world, max_size=3)
    gone = world.member("Gus Hahn", status="dropped")
    world.member("Ida Jo", email="ida.one@x.example")
    world.member("Ida Jo", email="ida.two@x.example", lms_user_id="u-other Ida Jo")
    course.start(course.eve)
    grouping = course.start(course.ana)
    typed = "BO@students.example, Bo Chen\nana berg; nobody@x.example, No One, Gus Hahn, Ida Jo, Eve Fox"
    page = words(course.post(course.ana, f"groupings/{grouping}/invite", 422, typed=typed))
    assert "Invited: Bo Chen." in page
    for said in (
        "Ana Berg: You are in the group already.",
        "nobody@x.example: No student of the course has this e-mail address.",
        "No One: No student of the course has this name",
        "Gus Hahn: Whoever is not active",
        "Ida Jo: Type the e-mail address instead.",
        "Eve Fox: This person is in a group",
    ):
        assert said in page
    assert course.statuses(grouping) == {"Ana": "inviter", "Bo": "pending"}
    assert [notice.kind for notice in world.stored(Notice, member_id=course.ids["Bo"])] == ["invited"]
    assert "Tick a classmate" in words(course.post(course.ana, f"groupings/{grouping}/invite", 422))
    both = course.post(
        course.ana, f"groupings/{grouping}/invite", 422, member_ids=[course.ids["Cleo"], course.ids["Dan"], gone]
    )
    assert "Dan Eder: There is no room" in words(both)
    assert not both.select("a[href='#typed']"), "there is no such field any more"


@pytest.mark.shows("FORM-40")
def test_a_full_group_has_no_form_to_invite_by_and_says_what_makes_room(world: World) -> None:
    course = Course(world, max_size=3)
    grouping = course.start(course.ana, "Bo", "Cleo")
    path = f"groupings/{grouping}/invite"
    course.post(course.bo, f"groupings/{grouping}/accept")
    page = course.page(course.ana)
    assert "The group is full: it has room for 3 people, and nobody more can be invited." in words(page)
    assert "Take an invitation back to invite somebody else." in words(page)
    assert not page.select("form[action$='/invite']")
    course.post(course.cleo, f"groupings/{grouping}/accept")
    page = course.page(course.ana)
    assert "The group is full" in words(page)
    assert "Take an invitation back" not in words(page)
    for data in ({"member_ids": [course.ids["Dan"]]}, {}):
        refused = words(course.post(course.ana, path, 422, **data))
        assert "There is no room for more people." in refused
        assert "Take an invitation back" not in refused
    assert "The group is full" not in words(course.page(course.bo)), "who invites nobody"
    assert set(course.statuses(grouping).values()) == {"inviter", "accepted"}


@pytest.mark.shows("FORM-23", "FORM-27")
def test_a_valid_group_says_how_many_answers_it_waits_for_to_its_inviter_alone(world: World) -> None:
    course = Course(world, min_size=2)
    grouping = course.start(course.ana, "Bo", "Cleo")
    assert words(course.page(course.ana).select_one(".badges")) == "Valid Waits for 2 answers"
    course.post(course.bo, f"groupings/{grouping}/accept")
    assert words(course.page(course.ana).select_one(".badges")) == "Valid Waits for 1 answer"
    assert words(course.page(course.bo).select_one(".badges")) == "Valid"
    course.post(course.cleo, f"groupings/{grouping}/refuse")
    assert words(course.page(course.ana).select_one(".badges")) == "Valid"


@pytest.mark.shows("FORM-39")
def test_names_of_every_script_and_numbers_between_blanks_find_their_people(world: World) -> None:
    course = Course(world)
    names = ("Hans Groß", "Γιώργος Παππάς", "Zoe\u0308 Müller")
    for name in names:
        world.member(name)
    for number in ("n0002", "n0003"):
        world.member(f"Number {number}", student_number=number)
    grouping = course.start(course.ana)
    typed = "Hans Groß, Γιώργος Παππάς\nZoë  Müller\nN0002 n0003, bo@students.example Cleo Diaz"
    course.post(course.ana, f"groupings/{grouping}/invite", typed=typed)
    page = words(course.page(course.ana))
    for name in (*names, "Number n0002", "Number n0003", "Bo Chen", "Cleo Diaz"):
        assert f"{name} Invited" in page


@pytest.mark.shows("FORM-42")
def test_who_refused_can_be_asked_again_in_the_same_row(course: Course) -> None:
    grouping = course.start(course.ana, "Bo")
    course.post(course.bo, f"groupings/{grouping}/refuse")
    course.post(course.ana, f"groupings/{grouping}/invite", member_ids=[course.ids["Bo"]])
    assert course.statuses(grouping) == {"Ana": "inviter", "Bo": "pending"}
    assert len(course.world.stored(GroupingMembership, grouping_id=grouping)) == 2


@pytest.mark.shows("FORM-43", "FORM-37")
def test_joining_refuses_the_other_invitations_and_nobody_is_in_two(course: Course) -> None:
    first, second = course.start(course.ana, "Cleo"), course.start(course.bo, "Cleo")
    course.post(course.cleo, f"groupings/{first}/accept")
    assert course.statuses(second) == {"Bo": "inviter", "Cleo": "rejected"}
    assert "No invitation waits" in words(course.post(course.cleo, f"groupings/{second}/accept", 422))
    course.post(course.bo, f"groupings/{second}/invite", 422, member_ids=[course.ids["Cleo"]])
    assert course.statuses(second) == {"Bo": "inviter", "Cleo": "rejected"}


@pytest.mark.shows("FORM-43", "FORM-30")
@pytest.mark.parametrize("way", ["accepts", "starts", "alone", "code", "staff"])
def test_an_invitation_that_a_seat_elsewhere_ends_is_told_and_written_down(world: World, way: str) -> None:
    course = Course(world, min_size=1 if way == "alone" else 2)
    grouping, other = course.start(course.ana, "Cleo"), course.start(course.bo, "Cleo")
    code = course.world.stored(Group, name="bo_chen")[0].invite_code
    {
        "accepts": lambda: course.post(course.cleo, f"groupings/{other}/accept"),
        "starts": lambda: course.post(course.cleo, "grouping/start"),
        "alone": lambda: course.post(course.cleo, "grouping/alone"),
        "code": lambda: course.cleo.post("join", code=code),
        "staff": lambda: course.post(course.teacher, f"groupings/{other}/members", member_ids=[course.ids["Cleo"]]),
    }[way]()
    told = words(course.ana.get("notices").main)
    assert "Cleo Diaz refused your invitation to the group “ana_berg”" in told
    assert ("“ana_berg” for “A1” is not valid any more: 1 more needed" in told) == (way != "alone")
    group = course.world.stored(Group, name="ana_berg")[0].id
    line = "The tool ended the invitation of Cleo Diaz" if way == "staff" else "Cleo Diaz refused the invitation"
    assert line in words(course.teacher.get(f"groups/{group}/history"))
    assert course.statuses(grouping) == {"Ana": "inviter", "Cleo": "rejected"}


@pytest.mark.shows("FORM-44")
def test_joining_after_the_last_answer_is_refused_on_the_server(course: Course) -> None:
    grouping = course.start(course.ana, "Bo")
    end(course, "last_answer_at")
    assert "The time to join is over" in words(course.page(course.bo))
    assert "The time for this is over" in words(course.post(course.bo, f"groupings/{grouping}/accept", 422))
    assert course.statuses(grouping) == {"Ana": "inviter", "Bo": "pending"}


@pytest.mark.shows("FORM-38")
@pytest.mark.parametrize("date", ["last_invitation_at", "last_answer_at"])
def test_after_the_only_date_nothing_is_begun_and_nobody_is_asked(course: Course, date: str) -> None:
    grouping = course.start(course.ana, "Cleo")
    course.post(course.dan, "grouping/alone")
    end(course, date)
    assert "Work alone" not in words(course.bo.get(""))
    assert "the time to form one is over" in words(course.bo.get(""))
    for who, what in (
        (course.bo, "grouping/start"),
        (course.bo, "grouping/alone"),
        (course.ana, f"groupings/{grouping}/invite"),
    ):
        assert "The time for this is over" in words(course.post(who, what, 422, member_ids=[course.ids["Bo"]]))
    assert course.statuses(grouping) == {"Ana": "inviter", "Cleo": "pending"}
    assert len(course.people()) == 1
    assert "Work with others instead" not in words(course.page(course.dan))  # nowhere to go from there
    course.post(course.dan, f"groupings/{course.own(course.dan)}/break-up", 422)
    assert ("Answer 1 invitation" in words(course.cleo.get(""))) == (date == "last_invitation_at")
    if date == "last_answer_at":
        course.post(course.cleo, f"groupings/{grouping}/accept", 422)
        return
    asked = words(course.ana.get(f"assignments/{course.id}/groupings/{grouping}/break-up"))
    assert "can start a group" not in asked
    course.post(course.cleo, f"groupings/{grouping}/accept")  # the last answer may come later


@pytest.mark.shows("FORM-44")
def test_a_group_that_is_full_or_over_meanwhile_is_joined_by_nobody(world: World) -> None:
    course = Course(world, max_size=2)
    full = course.start(course.ana, "Bo")
    course.post(course.teacher, f"groupings/{full}/members", member_ids=[course.ids["Dan"]])
    (row,) = course.world.stored(Grouping, id=full)
    refused = course.post(course.bo, f"groupings/{full}/accept", 422).select_one("#error-summary")
    assert words(refused) == f"The group is full “{row.group_name}”: All places are taken meanwhile."
    assert course.statuses(full) == {"Ana": "inviter", "Bo": "pending", "Dan": "accepted"}
    over = course.start(course.cleo, "Bo")
    course.post(course.cleo, f"groupings/{over}/break-up")
    page = course.post(course.bo, f"groupings/{over}/accept", 404)
    assert "Ana Berg invites you" in words(page), "the page as it is now"
    assert course.statuses(over) == {}


@pytest.mark.shows("FORM-45")
def test_the_inviter_takes_back_and_clears_and_nobody_else(course: Course) -> None:
    grouping = course.start(course.ana, "Bo", "Cleo", "Dan")
    course.post(course.bo, f"groupings/{grouping}/accept")
    course.post(course.cleo, f"groupings/{grouping}/refuse")
    at = f"groupings/{grouping}/invitations"
    assert "Only who started" in words(course.post(course.bo, f"{at}/{course.ids['Dan']}/cancel", 403))
    assert "answered already" in words(course.post(course.ana, f"{at}/{course.ids['Bo']}/cancel", 422))
    course.post(course.ana, f"{at}/{course.ids['Dan']}/cancel")
    course.post(course.ana, f"{at}/{course.ids['Cleo']}/clear")
    assert course.statuses(grouping) == {"Ana": "inviter", "Bo": "accepted"}


@pytest.mark.shows("FORM-46")
def test_who_accepted_cannot_invite(course: Course) -> None:
    grouping = course.start(course.ana, "Bo")
    course.post(course.bo, f"groupings/{grouping}/accept")
    assert "Invite classmates" not in words(course.page(course.bo))
    refused = course.post(course.bo, f"groupings/{grouping}/invite", 403, member_ids=[course.ids["Cleo"]])
    assert "Only who started" in words(refused)


@pytest.mark.shows("FORM-47")
def test_a_valid_group_of_several_is_not_broken_up_and_one_alone_is(course: Course) -> None:
    grouping = course.start(course.ana, "Bo")
    course.post(course.bo, f"groupings/{grouping}/accept")
    assert "cannot be broken up" in words(course.post(course.ana, f"groupings/{grouping}/break-up", 422))
    course.post(course.bo, f"groupings/{grouping}/leave")
    assert "Break up" in words(course.page(course.ana))
    course.post(course.ana, f"groupings/{grouping}/break-up")
    assert course.people() == {}


def test_who_leaves_is_free_again_and_the_others_are_told(course: Course) -> None:
    grouping = course.start(course.ana, "Bo")
    course.post(course.bo, f"groupings/{grouping}/accept")
    assert "Leave “" in words(course.bo.get(f"assignments/{course.id}/groupings/{grouping}/leave"))
    course.post(course.bo, f"groupings/{grouping}/leave")
    assert course.statuses(grouping) == {"Ana": "inviter"}
    assert course.people() == {"ana_berg": {"Ana"}}
    assert "left" in {notice.kind for notice in course.world.stored(Notice, member_id=course.ids["Ana"])}
    course.start(course.bo)


@pytest.mark.shows("FORM-50")
def test_sizes_are_whole_numbers_that_fit_and_count_at_once(course: Course) -> None:
    grouping = course.start(course.ana, "Bo")
    fields = {"name": "A1", "group_set_id": course.set_id, "kind": "all", "formed_by": "students", "revision": 0}
    edit = f"assignments/{course.id}/edit"
    for sizes, said in (
        ({"min_size": "0"}, "at least 1 person"),
        ({"min_size": "3", "max_size": "2"}, "at least the minimum"),
        ({"min_size": "two"}, "whole number"),
        (
            {"min_size": "1", "last_invitation_at": "2026-05-02T10:00", "last_answer_at": "2026-05-01T10:00"},
            "last answer",
        ),
    ):
        assert said in words(course.teacher.post(edit, 422, fields=fields | sizes))
    course.teacher.post(edit, fields=fields | {"min_size": "3", "max_size": "4"})
    assert "Not valid: 1 more needed" in words(course.page(course.ana))
    assert course.statuses(grouping) == {"Ana": "inviter", "Bo": "pending"}


@pytest.mark.shows("FORM-9")
def test_the_assignment_says_who_forms_and_makes_its_own_set(course: Course) -> None:
    fields = {"name": "Essay", "kind": "all", "formed_by": "students", "min_size": "2"}
    course.teacher.post("assignments/new", fields=fields)
    (row,) = course.world.stored(Assignment, name="Essay")
    assert (row.formed_by, row.min_size) == ("students", 2)
    page = course.teacher.get(f"group-sets/{row.group_set_id}")
    assert page.h1.get_text() == "Essay"
    assert "Essay" in words(course.ana.get(""))


def test_only_within_one_section_when_it_is_asked_for(world: World) -> None:
    course = Course(world, same_section=True)
    keys = {name: uuid4() for name in ("one", "two")}
    world._add(
        *(Section(id=key, course_id=world.course_id, lms_section_id=name, name=name) for name, key in keys.items()),
        SectionMembership(section_id=keys["one"], member_id=course.ids["Ana"]),
        SectionMembership(section_id=keys["one"], member_id=course.ids["Bo"]),
        SectionMembership(section_id=keys["two"], member_id=course.ids["Cleo"]),
    )
    course.id = course.assignment("A2")
    grouping = course.start(course.ana, "Bo", "Cleo")
    with world.app.app_context(), transaction() as session:  # staff ask for one section since then
        session.get_one(Assignment, course.id).same_section = True
    assert "formed within one section" in words(course.post(course.cleo, f"groupings/{grouping}/accept", 422))
    course.post(course.bo, f"groupings/{grouping}/accept")
    course.id = course.assignment("A3", same_section=True)
    grouping = course.start(course.ana)
    picks = [box["value"] for box in course.page(course.ana).select("input[name=member_ids]")]
    assert picks == [str(course.ids["Bo"])]
    refused = course.post(course.ana, f"groupings/{grouping}/invite", 422, member_ids=[course.ids["Cleo"]])
    assert "within one section" in words(refused)


def test_chosen_names_are_normalised_and_free_and_others_are_refused(world: World) -> None:
    course = Course(world, names_chosen=True)
    course.start(course.ana, name="Team Ä One")
    assert "team-a-one" in course.people()
    assert "in use already" in words(course.post(course.bo, "grouping/start", 422, name="team a ONE"))
    plain = course.assignment("Plain")
    assert "named after their people" in words(course.post(course.bo, "grouping/start", 422, plain, name="Mine"))
    (row,) = course.world.stored(Grouping, id=course.start(course.bo, assignment_id=plain))
    edit = f"groups/{row.group_id}/edit"
    assert "named after their people" in words(
        course.bo.post(edit, 422, name="Mine", privacy="listed").select_one(".card")
    )
    assert course.bo.get(edit).select_one("#name").has_attr("readonly")
    course.bo.post(edit, name=row.group_name, description="New", privacy="listed")
    assert set(course.people()) == {"team-a-one", row.group_name}
    course.teacher.post(edit, name="Named by staff", privacy="listed")
    assert "named-by-staff" in course.people()


def test_the_page_is_sent_anew_only_when_something_changed(course: Course) -> None:
    grouping = course.start(course.ana, "Bo")
    address = course.page(course.ana).select_one("#formation")["hx-get"]
    same = course.ana.client.get(address, headers={"HX-Request": "true"})
    assert same.status_code == 204
    course.post(course.bo, f"groupings/{grouping}/accept")
    part, _ = course.ana.fragment(address)
    assert "Bo Chen" in words(part)
    assert "Invited" not in words(part)


def test_an_accepted_member_is_in_the_lms_before_the_page_answers(course: Course, lms: PlayedLms) -> None:
    grouping = course.start(course.ana, "Bo")
    course.teacher.post(f"group-sets/{course.set_id}/publish")
    course.world.app.extensions["lti_tool_doorbell"].work_off()
    assert lms.members("ana_berg") == {"u-Ana Berg"}
    address = course.post(course.bo, f"groupings/{grouping}/accept")
    assert "pushed=sent" in address
    assert lms.members("berg-chen") == {"u-Ana Berg", "u-Bo Chen"}


@pytest.mark.parametrize("role", ["teacher", "ta", "observer"])
def test_only_students_have_this_page(course: Course, role: str) -> None:
    who = course.world.browser(role)
    who.get(f"assignments/{course.id}/grouping", 403)
    course.post(who, "grouping/start", 403)


def test_forged_ids_of_another_course_are_not_found(course: Course, world: World) -> None:
    grouping = course.start(course.ana, "Bo")
    other = World(world.app).open_course("Chemistry")
    stranger = other.browser("student", member=other.member("Sam Stone"))
    for what in ("accept", "refuse", "invite", "leave", "break-up"):
        stranger.post(f"assignments/{course.id}/groupings/{grouping}/{what}", 404)
    assert course.statuses(grouping) == {"Ana": "inviter", "Bo": "pending"}


def test_what_is_refused_is_logged_by_its_code_and_names_nobody(
    course: Course, capsys: pytest.CaptureFixture[str]
) -> None:
    grouping = course.start(course.ana, "Bo")
    observability.configure("INFO")  # a command that another test called may have wanted less
    capsys.readouterr()
    course.post(course.eve, f"groupings/{grouping}/accept", 422)
    course.post(course.eve, f"groupings/{uuid4()}/accept", 404)
    course.eve.post("join", 422, code="ABCDEFGHJKLM")
    course.post(course.teacher, f"groupings/{grouping}/members/{course.ids['Eve']}/remove", 404)
    course.post(course.eve, f"groupings/{grouping}/end", 403)
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    codes = [line["code"] for line in said if line["event"] == "refused"]
    assert codes == ["not_invited", "grouping_not_found", "code_unknown", "member_not_found", "forbidden"]
    assert not [word for word in ("Eve", "Fox", "ABCDEFGHJKLM") if word in repr(said)]


def test_what_was_done_stands_in_the_history_of_the_group(course: Course) -> None:
    grouping = course.start(course.ana, "Bo")
    course.post(course.bo, f"groupings/{grouping}/accept")
    rows = [row for row in course.world.stored(HistoryEntry) if row.group_id]
    assert {row.action for row in rows} == {"grouping_started", "invited", "joined", "group_name_followed"}
    assert {row.member_id for row in rows if row.member_id} == {course.ids["Ana"], course.ids["Bo"]}
    assert course.world.stored(RosterMember, id=course.ids["Bo"])


def test_namesakes_are_told_apart_by_their_sections_and_never_by_an_address(course: Course) -> None:
    world = course.world
    twin = world.member("Bo Chen", email="twin@students.example", lms_user_id="u-twin")
    grouping = course.start(course.ana)
    page = course.page(course.ana)
    assert "Bo Chen Several have this name" in words(page)
    assert not page.select(f"#t-{twin}, #t-{course.ids['Bo']}")
    assert "students.example" not in str(page)
    first = uuid4()
    world._add(
        Section(id=first, course_id=world.course_id, name="Morning", lms_section_id="1"),
        SectionMembership(section_id=first, member_id=twin),
    )
    page = course.page(course.ana)
    said = {words(item) for item in page.select("#classmates li") if "Bo Chen" in words(item)}
    assert said == {"Bo Chen Morning", "Bo Chen in no section"}
    assert page.select_one(f"#t-{twin}").find_parent("li").small.text == "Morning"
    course.post(course.ana, f"groupings/{grouping}/invite", member_ids=[twin])
    assert "Bo Chen Morning Invited" in words(course.page(course.ana))
    course.post(course.ana, f"groupings/{grouping}/invitations/{twin}/cancel")
    course.post(course.ana, f"groupings/{grouping}/invite", typed="twin@students.example")
    assert "Bo Chen Morning Invited" in words(course.page(course.ana))


def test_a_page_has_one_first_button(course: Course) -> None:
    def first(page) -> list[str]:
        return [words(button) for button in page.select("main .primary")]

    other = course.assignment("A2", min_size=2)
    assert first(course.bo.get("")) == ["Work alone or form a group : A1"]
    assert "Form a group : A2" in words(course.bo.get(""))
    assert first(course.page(course.bo)) == ["Start a group"]
    course.start(course.ana, "Bo")
    assert first(course.page(course.bo)) == ["Join ana_berg"]
    assert first(course.bo.get("")) == ["Answer 1 invitation : A1"]
    course.start(course.cleo, "Bo")
    assert first(course.page(course.bo)) == []  # two invitations are alike
    assert first(course.page(course.ana)) == ["Invite"]
    course.start(course.ana, assignment_id=other)
    assert first(course.ana.get("")) == []
