"""What staff do about the groups of an assignment, on the page that shows them all."""

from datetime import timedelta
from io import BytesIO
from uuid import UUID

import pytest

from lti_tool.domain.clock import now
from lti_tool.models import Assignment, Group, Grouping, HistoryEntry, Notice, RosterMember, db
from tests.web.conftest import World
from tests.web.forming import Course, words


@pytest.fixture
def course(world: World) -> Course:
    return Course(world, min_size=2, max_size=3)


def act(course: Course, what: str, status: int = 303, assignment_id: UUID | None = None, **data: object):
    return course.teacher.post(f"assignments/{assignment_id or course.id}/groupings{what}", status, **data)


def make(course: Course, *names: str, assignment_id: UUID | None = None, name: str = "") -> UUID:
    """Let the teacher make a grouping of these students; give its id."""
    ids = [course.ids[first] for first in names]
    act(course, "", assignment_id=assignment_id, member_ids=ids, name=name)
    (row,) = [
        row
        for row in course.world.stored(Grouping, assignment_id=assignment_id or course.id, ended_at=None)
        if set(course.statuses(row.id)) == set(names)
    ]
    return row.id


@pytest.mark.shows("FORM-10", "FORM-49")
def test_staff_add_anybody_free_whatever_the_size(course: Course) -> None:
    grouping = make(course, "Ana", "Bo", "Cleo")
    assert course.statuses(grouping) == {"Ana": "inviter", "Bo": "accepted", "Cleo": "accepted"}
    address = act(course, f"/{grouping}/members", member_ids=[course.ids["Dan"]])
    assert "over_full" in address
    assert "more people now than the assignment foresees" in words(course.teacher.get(address))
    refused = words(act(course, f"/{grouping}/members", 422, member_ids=[course.ids["Ana"]]))
    assert "In a group for this assignment already: Ana Berg" in refused
    with course.world.app.app_context():
        row = db.session.get_one(Assignment, course.id)
        row.last_invitation_at = row.last_answer_at = now() - timedelta(minutes=1)
        db.session.commit()
    act(course, f"/{grouping}/members/{course.ids['Dan']}/remove")  # whatever the date
    act(course, f"/{grouping}/members", member_ids=[course.ids["Dan"]])
    assert course.people() == {"berg-chen-diaz-eder": {"Ana", "Bo", "Cleo", "Dan"}}
    added = list(course.world.stored(HistoryEntry, action="added_by_staff"))
    assert {row.member_id for row in added} == {course.ids[name] for name in ("Ana", "Bo", "Cleo", "Dan")}


@pytest.mark.shows("FORM-35", "FORM-36")
def test_an_approval_makes_valid_stays_and_is_withdrawn(course: Course) -> None:
    grouping = course.start(course.ana)
    assert "1 more needed" in words(course.teacher.get(f"assignments/{course.id}/groupings"))
    act(course, f"/{grouping}/approve")
    assert "Valid: approved" in words(course.page(course.ana))
    course.post(course.ana, f"groupings/{grouping}/invite", member_ids=[course.ids["Bo"]])
    course.post(course.bo, f"groupings/{grouping}/refuse")
    assert "Valid: approved" in words(course.page(course.ana))
    act(course, f"/{grouping}/withdraw")
    assert "Not valid: 1 more needed" in words(course.page(course.ana))


@pytest.mark.shows("FORM-48")
def test_the_first_who_accepted_follows_an_inviter_whom_staff_take_out(course: Course) -> None:
    grouping = make(course, "Ana", "Bo", "Cleo")
    act(course, f"/{grouping}/members/{course.ids['Ana']}/remove")
    assert course.statuses(grouping) == {"Bo": "inviter", "Cleo": "accepted"}
    for name in ("Bo", "Cleo"):
        act(course, f"/{grouping}/members/{course.ids[name]}/remove")
    assert course.statuses(grouping) == {}
    page = words(course.teacher.get(f"assignments/{course.id}/groupings"))
    assert "Nobody" in page
    assert "2 more needed" in page


def test_whoever_comes_first_into_a_group_that_staff_emptied_is_its_inviter(course: Course) -> None:
    grouping = course.start(course.ana, "Bo", "Cleo")
    act(course, f"/{grouping}/members/{course.ids['Ana']}/remove")
    for name in ("Bo", "Cleo"):
        course.post(course.browsers[name], f"groupings/{grouping}/accept")
    assert course.statuses(grouping) == {"Bo": "inviter", "Cleo": "accepted"}


@pytest.mark.shows("FORM-7")
def test_moving_somebody_leaves_earlier_assignments_alone(course: Course) -> None:
    first = make(course, "Ana", "Bo", name="k")
    other = make(course, "Cleo", "Dan", name="l")
    later = course.assignment("A2")
    act(course, "/clone", assignment_id=later, source_id=course.id, seen=seen(course, later))
    rows = {row.group_name: row.id for row in course.world.stored(Grouping, assignment_id=later, ended_at=None)}
    act(
        course,
        f"/{rows['k']}/members/{course.ids['Ana']}/move",
        assignment_id=later,
        target_id=rows["l"],
    )
    assert course.statuses(rows["l"]) == {"Cleo": "inviter", "Dan": "accepted", "Ana": "accepted"}
    assert course.statuses(rows["k"]) == {"Bo": "inviter"}
    assert course.statuses(first) == {"Ana": "inviter", "Bo": "accepted"}
    assert course.statuses(other) == {"Cleo": "inviter", "Dan": "accepted"}
    shown = {name: own_work(course, name) for name in ("Ana", "Bo", "Cleo")}
    assert shown == {
        "Ana": {"A1": "k: Ana Berg You, Bo Chen", "A2": "l: Ana Berg You, Cleo Diaz, Dan Eder"},
        "Bo": {"A1": "k: Ana Berg, Bo Chen You", "A2": "k: Bo Chen You"},
        "Cleo": {"A1": "l: Cleo Diaz You, Dan Eder", "A2": "l: Ana Berg, Cleo Diaz You, Dan Eder"},
    }
    for key, sizes in ((course.id, "k 2 l 2"), (later, "k 1 l 3")):
        assert f"Groups 2 {sizes}" in words(course.teacher.get(f"assignments/{key}").main)


def own_work(course: Course, name: str) -> dict[str, str]:
    """Whom somebody's first page names for each assignment: the group, and the people in it."""
    cards = course.browsers[name].get("").select("[aria-labelledby=own-assignments] .card")
    return {
        words(card.h3): f"{words(card.strong)}: {', '.join(words(li) for li in card.select('.people li'))}"
        for card in cards
        if card.strong
    }


def seen(course: Course, target: UUID, source: UUID | None = None) -> str:
    page = course.teacher.get(f"assignments/{target}/groupings/clone?source_id={source or course.id}")
    return page.select_one("input[name=seen]")["value"]


@pytest.mark.shows("FORM-2", "FORM-3", "FORM-4", "FORM-5", "FORM-6", "FORM-51")
def test_groups_are_cloned_forward_without_who_dropped_out(course: Course) -> None:
    first = make(course, "Ana", "Bo", "Cleo", name="team-a")
    alone = make(course, "Dan", "Eve", name="team-b")
    pending = course.statuses(first)
    with course.world.app.app_context():
        for name in ("Cleo", "Dan", "Eve"):
            db.session.get_one(RosterMember, course.ids[name]).status = "dropped"
        db.session.commit()
    later = course.assignment("A2", formed_by="staff")
    page = words(course.teacher.get(f"assignments/{later}/groupings/clone?source_id={course.id}"))
    assert "team-a : Ana Berg, Bo Chen" in page
    assert "Nobody of team-b is active any more" in page
    act(course, "/clone", assignment_id=later, source_id=course.id, seen=seen(course, later))
    (row,) = course.world.stored(Grouping, assignment_id=later)
    assert course.statuses(row.id) == {"Ana": "inviter", "Bo": "accepted"}
    assert course.statuses(first) == pending
    assert course.statuses(alone) == {"Dan": "inviter", "Eve": "accepted"}
    (group,) = [g for g in course.world.stored(Group) if g.name == "team-a"]
    assert {g.group_id for g in course.world.stored(Grouping, group_name="team-a")} == {group.id}
    (target,) = course.world.stored(Assignment, id=later)
    assert (target.min_size, target.max_size, target.formed_by) == (2, 3, "students")


def test_a_clone_says_what_it_ends_and_refuses_what_changed_meanwhile(course: Course) -> None:
    make(course, "Ana", "Bo", name="team-a")
    later = course.assignment("A2")
    lost = make(course, "Ana", "Cleo", assignment_id=later, name="team-c")
    page = words(course.teacher.get(f"assignments/{later}/groupings/clone?source_id={course.id}"))
    assert "would end first" in page
    assert "team-c" in page
    old = seen(course, later)
    make(course, "Dan", "Eve", name="team-d")
    assert "Something changed meanwhile" in words(
        act(course, "/clone", 409, assignment_id=later, source_id=course.id, seen=old)
    )
    assert course.statuses(lost) == {"Ana": "inviter", "Cleo": "accepted"}
    act(course, "/clone", assignment_id=later, source_id=course.id, seen=seen(course, later))
    assert course.statuses(lost) == {}
    assert {row.group_name for row in course.world.stored(Grouping, assignment_id=later, ended_at=None)} == {
        "team-a",
        "team-d",
    }


@pytest.mark.shows("FORM-52")
def test_everybody_without_a_group_can_be_given_one_alone(world: World) -> None:
    course = Course(world)
    make(course, "Ana", "Bo")
    act(course, "/individual")
    rows = world.stored(Grouping, assignment_id=course.id, alone=True)
    assert {tuple(course.statuses(row.id).items()) for row in rows} == {
        (("Cleo", "inviter"),),
        (("Dan", "inviter"),),
        (("Eve", "inviter"),),
    }
    act(course, "/individual")
    assert len(world.stored(Grouping, assignment_id=course.id)) == 4


def test_an_assignment_whose_groups_staff_form_shows_these_and_not_its_set(course: Course) -> None:
    """The own groups of who works alone are the roster's and not in the set, which has others."""
    world = course.world
    other = course.assignment("A2", formed_by="staff")
    make(course, "Ana", "Bo", name="k")
    assert "You are in no group for it yet" in words(course.cleo.get(""))
    act(course, "/individual", assignment_id=other)
    assert "You are in no group for it yet" not in words(course.cleo.get(""))
    assert "You work alone" in words(course.cleo.get(""))
    page = words(course.teacher.get(f"assignments/{other}").main)
    assert "Formed for this assignment: 5 groups, 5 people" in page
    assert "Students in no group 0" in page
    assert "cleo_diaz" in page
    listed = words(course.teacher.get("assignments").main)
    assert "A2 A1 groups 5 5 Everyone once" in listed
    observed = words(world.browser("observer").get(f"assignments/{other}").main)
    assert "5 groups, 5 people" in observed
    assert "cleo_diaz" not in observed


@pytest.mark.shows("FORM-53")
def test_the_page_lists_who_is_in_none_the_invalid_first_and_the_inactive_on_request(course: Course) -> None:
    course.world.member("Gus Hahn", status="dropped")
    make(course, "Ana", "Bo")
    course.start(course.cleo)
    page = course.teacher.get(f"assignments/{course.id}/groupings")
    assert [h.get_text() for h in page.select(".cards h2")] == ["cleo_diaz", "berg-chen"]
    ungrouped = page.select_one("[aria-labelledby=ungrouped]")
    assert words(ungrouped).startswith("In no group 2 Find a student Dan Eder Eve Fox")
    assert "Gus Hahn" not in words(page)
    assert "Gus Hahn Dropped" in words(course.teacher.get(f"assignments/{course.id}/groupings?inactive=1"))


@pytest.mark.shows("FORM-54")
def test_groups_come_from_a_file_and_a_wrong_line_spoils_only_itself(course: Course) -> None:
    text = "Team One,ana@students.example,Bo Chen\nTeam Two,cleo@students.example,nobody@x.example\nTeam Three,s0003\n"
    page = words(act(course, "/import", 422, file=(BytesIO(text.encode()), "groups.csv")))
    assert "Line 2, Team Two, nobody@x.example: No student of the course has this e-mail address." in page
    assert "2 groups are made" in page
    assert course.people() == {"team-one": {"Ana", "Bo"}, "team-three": {"Dan"}}
    again = words(act(course, "/import", 422, file=(BytesIO(b"Other,ana@students.example"), "groups.csv")))
    assert "Ana Berg" in again
    assert "There is a problem" in words(act(course, "/import", 422, file=(BytesIO(b"\n"), "groups.csv")))
    grouping = make(course, "Cleo", name="=team")
    course.post(course.cleo, f"groupings/{grouping}/invite", member_ids=[course.ids["Eve"]])
    sheet = course.teacher.client.get(f"/courses/{course.world.course_id}/assignments/{course.id}/groupings.csv")
    assert sheet.mimetype == "text/csv"
    lines = sheet.data.decode("utf-8-sig").splitlines()
    assert "team-one,ana@students.example,bo@students.example" in lines
    assert not any("eve@" in line for line in lines)


def test_a_break_up_by_staff_is_asked_and_frees_everybody(course: Course) -> None:
    grouping = make(course, "Ana", "Bo")
    assert "Break up “berg-chen”?" in words(course.teacher.get(f"assignments/{course.id}/groupings/{grouping}/end"))
    act(course, f"/{grouping}/end")
    assert course.statuses(grouping) == {}
    assert course.people() == {}
    (row,) = course.world.stored(Grouping, id=grouping)
    assert row.ended_at is not None
    assert row.ended_at <= now()
    assert row.group_name == "berg-chen"


def test_a_grouping_is_called_as_its_group_was_at_its_end(course: Course) -> None:
    """Whoever renames the group: notices, history and the row itself say the present name (ruling C15)."""
    world = course.world
    grouping = course.start(course.ana)
    (row,) = world.stored(Grouping, id=grouping)

    def told(name: str) -> str:
        course.post(course.ana, f"groupings/{grouping}/invite", member_ids=[course.ids[name]])
        return words(course.browsers[name].get("notices").main)

    course.ana.post(f"groups/{row.group_id}/edit", name="owls", description="", privacy="listed")
    assert "invites you to the group “owls”" in told("Bo")
    course.teacher.post(f"group-sets/{course.set_id}/groups/{row.group_id}/edit", name="larks")
    assert "invites you to the group “larks”" in told("Cleo")
    course.post(course.bo, f"groupings/{grouping}/accept")
    act(course, f"/{grouping}/approve")
    assert [line.subject for line in world.stored(HistoryEntry, action="grouping_approved")] == ["larks"]
    act(course, f"/{grouping}/end")
    make(course, "Ana", name="larks")
    (row,) = world.stored(Grouping, group_name="larks", ended_at=None)
    course.teacher.post(f"group-sets/{course.set_id}/groups/{row.group_id}/edit", name="terns")
    follows = make(course, "Dan")
    act(course, f"/{follows}/members", member_ids=[course.ids["Eve"]])
    names = {one.id: one.group_name for one in world.stored(Grouping)}
    assert names == {grouping: "larks", row.id: "terns", follows: "eder-fox"}


@pytest.mark.shows("FORM-8")
def test_a_group_that_is_used_again_holds_nobody_without_a_seat(course: Course) -> None:
    here = f"group-sets/{course.set_id}/groups"
    course.teacher.post(here, name="reds", count=1)
    (reds,) = course.world.stored(Group, name="reds")
    for name in ("Dan", "Cleo"):
        course.teacher.post(f"{here}/{reds.id}/members", member_id=course.ids[name])
    assert "There are people in “reds”: choose those" in words(act(course, "", 422, name="reds"))
    grouping = make(course, "Cleo", name="reds")
    assert course.people() == {"reds": {"Cleo"}}
    assert "took you out of" in words(course.dan.get("notices").main)
    course.dan.post("join", code=reds.invite_code)
    assert course.statuses(grouping) == {"Cleo": "inviter", "Dan": "accepted"}
    make(course, "Eve", assignment_id=course.assignment("A2"), name="reds")
    assert course.people() == {"reds": {"Cleo", "Dan", "Eve"}}, "the other assignment's stay"
    assert own_work(course, "Eve")["A2"] == "reds: Eve Fox You"
    assert own_work(course, "Dan")["A1"] == "reds: Cleo Diaz, Dan Eder You"


@pytest.mark.shows("FORM-3", "FORM-8")
def test_a_student_uses_the_own_group_again_by_its_name_and_nobody_elses(world: World) -> None:
    course = Course(world, names_chosen=True)
    first = course.start(course.ana, "Bo", name="owls")
    course.post(course.bo, f"groupings/{first}/accept")
    later = course.assignment("A2", names_chosen=True)
    for who in (course.bo, course.cleo):
        course.post(who, "grouping/start", 422, assignment_id=later, name="owls")
    again = course.start(course.ana, "Bo", assignment_id=later, name="owls")
    assert {row.id for row in world.stored(Grouping, group_name="owls")} == {first, again}
    assert course.people() == {"owls": {"Ana", "Bo"}}
    assert course.statuses(again) == {"Ana": "inviter", "Bo": "pending"}
    course.post(course.ana, "grouping/start", 422, name="owls")


@pytest.mark.parametrize("role", ["student", "ta", "observer"])
def test_only_who_manages_groups_has_this_page(course: Course, role: str) -> None:
    grouping = make(course, "Ana", "Bo")
    who = course.world.browser(role, member=course.ids["Ana"] if role == "student" else None)
    who.get(f"assignments/{course.id}/groupings", 403)
    for what in ("", "/individual", f"/{grouping}/approve", f"/{grouping}/end", f"/{grouping}/members"):
        who.post(f"assignments/{course.id}/groupings{what}", 403)
    assert course.statuses(grouping) == {"Ana": "inviter", "Bo": "accepted"}


def test_the_page_reads_as_much_for_many_groups_as_for_one(course: Course, count_queries) -> None:
    make(course, "Ana", "Bo")
    count_queries()
    course.teacher.get(f"assignments/{course.id}/groupings")
    one = count_queries()
    make(course, "Cleo", "Dan")
    count_queries()
    course.teacher.get(f"assignments/{course.id}/groupings")
    assert count_queries() == one


def test_the_page_follows_the_students_and_knows_each_line_again(course: Course) -> None:
    """What is ticked, open or typed is kept by the ids of its fields (app.js; the browser's test shows it)."""

    def ids(part) -> set[str]:
        fields = part.select("details, input:not([type=hidden]), select, textarea, .scroll")
        assert not [field for field in fields if not field.get("id")]
        return {field["id"] for field in part.select("[id]")}

    course.start(course.ana)
    live = course.teacher.get(f"assignments/{course.id}/groupings").select_one("#groupings[data-live]")
    assert live["hx-trigger"] == "every 4s"
    assert live["hx-swap"] == "outerMorph show:none"
    unchanged = course.teacher.client.get(live["hx-get"], headers={"HX-Request": "true"})
    assert (unchanged.status_code, unchanged.text) == (204, "")
    bo, cleo = (course.ids[name] for name in ("Bo", "Cleo"))
    grouping = course.start(course.bo, "Cleo")
    part, _ = course.teacher.fragment(live["hx-get"])
    assert "2 groups" in words(part)
    assert ids(live) - ids(part) == {f"u-{bo}", f"t-{bo}"}
    assert f"d-{grouping}-{cleo}" in ids(part)
    course.post(course.cleo, f"groupings/{grouping}/refuse")
    part, _ = course.teacher.fragment(part.select_one("#groupings")["hx-get"])
    assert "Refused" in words(part.select_one(f"#s-{grouping}-{cleo}"))


def test_every_refusal_of_staff_stands_at_its_field_and_loses_nothing(course: Course) -> None:
    grouping, other = make(course, "Ana", "Bo"), make(course, "Cleo", name="team-c")
    nobody = act(course, f"/{grouping}/members", 422, name="half typed")
    assert "Tick the students first" in words(nobody.select_one("#member_ids"))
    assert nobody.select_one("#name")["value"] == "half typed"
    taken = act(course, "", 422, member_ids=[course.ids["Ana"], course.ids["Dan"]])
    assert "Ana Berg" in words(taken.select_one("#member_ids"))
    assert [box["id"] for box in taken.select("#ungrouped-list [checked]")] == [f"t-{course.ids['Dan']}"]
    move = f"assignments/{course.id}/groupings/{grouping}/members/{course.ids['Ana']}/move"
    part, _ = course.teacher.fragment(move)
    assert [option["value"] for option in part.select("option")] == [str(other)]
    assert "Choose a group" in words(course.teacher.post(move, 422, target_id="").select_one("#target_id"))
    course.assignment("A2")
    clone = course.teacher.get(f"assignments/{course.id}/groupings/clone?source_id=nonsense", 422)
    assert "Choose the assignment" in words(clone.select_one(".summary"))
    act(course, f"/{grouping}/end")
    gone = act(course, f"/{grouping}/approve", 404)
    assert "team-c" in words(gone)  # the page as it is now


@pytest.mark.shows("FORM-48")
def test_what_already_holds_is_refused_in_words_and_hands_nothing_on(course: Course) -> None:
    grouping = make(course, "Ana", "Bo", name="owls")
    before = len(course.world.stored(HistoryEntry)), len(course.world.stored(Notice))
    here = f"/{grouping}/members"
    refused = words(act(course, f"{here}/{course.ids['Ana']}/move", 422, target_id=str(grouping)))
    assert "Nobody is moved from a group into the same one." in refused
    act(course, here, 422, member_ids=[course.ids["Ana"], course.ids["Bo"]])
    act(course, "", 422, member_ids=[course.ids["Ana"]], name="owls")
    file = (BytesIO(b"owls,Ana Berg,Bo Chen"), "groups.csv")
    assert "In a group for this assignment already" in words(act(course, "/import", 422, file=file))
    assert course.statuses(grouping) == {"Ana": "inviter", "Bo": "accepted"}
    assert (len(course.world.stored(HistoryEntry)), len(course.world.stored(Notice))) == before
