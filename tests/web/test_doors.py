"""Coming into groups: codes, links inside and outside a launch, the list, requests, and what the rules refuse."""

import secrets
from datetime import timedelta
from uuid import uuid4

import pytest
from bs4 import BeautifulSoup

from lti_tool.domain.clock import now
from lti_tool.models import (
    Assignment,
    Course,
    Group,
    GroupInvite,
    GroupMembership,
    GroupSet,
    HistoryEntry,
    InviteUse,
    JoinRequest,
    Notice,
    Registration,
    Section,
    SectionMembership,
    db,
)
from tests.web.conftest import PlayedLms, World
from tests.web.forming import Course as FormingCourse
from tests.web.forming import words
from tests.web.teamwork import Team


@pytest.fixture
def team(world: World) -> Team:
    return Team(world)


@pytest.mark.shows("TEAM-42", "TEAM-43", "TEAM-44", "TEAM-80")
def test_each_wrong_code_is_told_in_its_own_words(team: Team) -> None:
    other = World(team.world.app).open_course("Chemistry")
    other.group_set("Labs", {"lab": []}, signup="join")
    (foreign,) = team.world.stored(Group, id=other.names["lab"])
    team.world.group_set("From Canvas", {"canvas-team": []}, connection="canvas")
    (lms,) = team.world.stored(Group, id=team.world.names["canvas-team"])
    code = team.row.invite_code
    wrongs = {
        "ABC": "exactly 12 characters",
        code + "0": "exactly 12 characters",
        "abcdefghijk1": "case counts",
        "Z" * 12: "typing errors",
        foreign.invite_code: "typing errors",  # nobody learns here that another course has it
        lms.invite_code: "come from Canvas",
    }
    for typed, said in wrongs.items():
        assert said in words(team.otto.post("join", 422, code=typed)), typed
    team.change(is_invite_active=False)
    assert "switched it off" in words(team.otto.post("join", 422, code=code))
    assert "Otto" not in team.roles
    assert not team.world.stored(InviteUse)


@pytest.mark.shows("TEAM-38")
def test_a_code_that_another_group_has_is_drawn_again(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """A random source that gives the same again: in a group of students, and in those that the tool makes itself."""
    drawn: list[str] = []

    def choice(letters: str) -> str:
        drawn.append("drawn")
        return "A" if len(drawn) <= 3 * 12 else secrets.SystemRandom().choice(letters)

    monkeypatch.setattr("lti_tool.domain.invites.secrets.choice", choice)
    team.fritz.post(f"groups/new/{team.set_id}", name="foxes")
    team.otto.post(f"groups/new/{team.set_id}", name="owls")
    codes = {row.name: row.invite_code for row in team.world.stored(Group)}
    assert codes["foxes"] == "A" * 12
    assert len(codes["owls"]) == 12
    assert len(drawn) == 4 * 12
    drawn.clear()
    team.teacher.post("roster/members/new", name="Nia Doe", git_username_status="unknown")
    codes = {row.name: row.invite_code for row in team.world.stored(Group)}
    assert "nia_doe" in codes
    assert len(set(codes.values())) == len(codes)


@pytest.mark.shows("TEAM-43")
def test_the_server_compares_codes_exactly(team: Team) -> None:
    team.change(invite_code="ABC123XYZ789")
    assert "case counts" in words(team.otto.post("join", 422, code="abc123xyz789"))
    assert "exactly 12" in words(team.otto.post("join", 422, code="ABC1-23XY-Z789"))
    field = team.otto.get("join").select_one("#code")
    assert field.has_attr("data-code")  # the script makes capitals of what is typed and drops blanks and hyphens
    team.otto.post("join", code=" ABC123XYZ789 ")
    assert "Otto" in team.roles


def test_a_pasted_link_or_its_code_leads_to_the_invite(team: Team) -> None:
    link = team.invite()
    to = team.otto.post("join", code=f"http://127.0.0.1:8000/invite/{link.invite_token}")
    assert "Join “team”?" in words(team.otto.get(to))
    outside = team.world.app.test_client().get(f"/invite/{link.invite_token}").text
    code = BeautifulSoup(outside, "html.parser").select_one("#code")["value"]
    assert "Join “team”?" in words(team.otto.get(team.otto.post("join", code=code)))
    nowhere = team.otto.post("join", code=f"/invite/{uuid4()}")
    assert "no longer valid" in words(team.otto.get(nowhere, 422))


@pytest.mark.parametrize("family", ["canvas", "moodle", "other"])
def test_a_link_outside_the_lms_says_how_to_open_the_tool_and_nothing_of_the_group(team: Team, family: str) -> None:
    link = team.invite()
    with team.world.app.app_context():
        row = db.session.get_one(Registration, team.world.registration_id)
        row.family, row.lms_url = family, "https://lms.example/"
        db.session.get_one(Course, team.world.course_id).lms_course_id = "42"
        db.session.commit()
    answer = team.world.app.test_client().get(f"/invite/{link.invite_token}")
    page = team.otto._checked(answer, 200, "invite")
    shown = str(page)
    assert "Biology 101" in shown
    assert f"http://127.0.0.1:8000/invite/{link.invite_token}" in shown
    for hidden in ("Cara", "Doe", "team", team.row.invite_code):
        assert hidden not in page.main.get_text()
    links = {tag["href"] for tag in page.main.select("a")}
    straight = (
        "https://lms.example/courses/42/external_tools/retrieve?display=borderless&url=http%3A%2F%2F127.0.0.1%3A8000"
        f"%2Finvite%2F{link.invite_token}"
    )
    assert (
        links
        == {
            "canvas": {"https://lms.example/courses/42", straight},
            "moodle": {"https://lms.example/course/view.php?id=42"},
            "other": set(),
        }[family]
    )
    assert not team.world.stored(InviteUse)


def test_a_link_that_works_no_more_says_so_to_anybody(team: Team) -> None:
    link = team.invite()
    team.cara.post(team.path(f"invites/{link.id}/deactivate"))
    for client in (team.world.app.test_client(), team.otto.client):
        for token in (link.invite_token, uuid4()):
            answer = client.get(f"/invite/{token}")
            page = team.otto._checked(answer, 410, "invite")
            assert "This invite link is no longer valid." in words(page)
    assert f"/courses/{team.world.course_id}/" in str(page)


def test_staff_who_open_a_link_see_the_group(team: Team) -> None:
    link = team.invite()
    answer = team.teacher.client.get(f"/invite/{link.invite_token}")
    assert answer.headers["Location"].endswith(team.path())


def test_a_group_of_the_lms_is_seen_by_its_people_and_has_no_doors(team: Team) -> None:
    team.world.group_set("Labs", {"lab": [team.ids["Otto"]]}, connection="canvas")
    group = team.world.names["lab"]
    assert "Otto Doe" in words(team.otto.get(team.path("", group)))
    team.mia.get(team.path("", group), 403)
    for what in ("edit", "invites", "permissions", "delete"):
        assert "not ours to change" in words(team.teacher.get(team.path(what, group), 403))
    assert "not ours to change" in words(team.otto.post(team.path("leave", group), 403))


def test_a_group_of_the_roster_has_no_page(team: Team) -> None:
    team.world.group_set("Individual Students", {"otto": [team.ids["Otto"]]}, connection="system")
    team.otto.get(team.path("", team.world.names["otto"]), 404)


@pytest.mark.shows("TEAM-76")
def test_the_buttons_add_up_by_role(team: Team) -> None:
    def buttons(who) -> list[str]:
        return [tag.get_text(strip=True) for tag in who.get(team.path()).select("main .actions a.button")]

    member, editor, admin = ["Leave Group"], ["Edit Group"], ["Manage Permissions", "Invites"]
    assert set(buttons(team.mia)) - {"Open Chat"} == set(member)
    assert set(buttons(team.edi)) - {"Open Chat"} == {*member, *editor}
    assert set(buttons(team.adam)) - {"Open Chat"} == {*member, *editor, *admin}
    assert set(buttons(team.cara)) - {"Open Chat"} == {*editor, *admin, "Hand on", "Delete Group"}
    assert not [name for name in buttons(team.observer) if name != "Open Chat"]


def test_listed_groups_are_joined_from_ones_own_page(team: Team) -> None:
    home = words(team.otto.get(""))
    assert "Teams: groups you can join" in home
    assert "rivals 1 in it" in home
    team.change(team.rivals, privacy="unlisted")
    assert "rivals" not in words(team.otto.get(""))
    assert "not in the list" in words(team.otto.post(team.path("join", team.rivals), 422))
    team.change(privacy="closed")
    assert "closed" in words(team.otto.post(team.path("join"), 422))
    assert "closed" in words(team.otto.post("join", 422, code=team.row.invite_code))
    team.change(privacy="listed", max_members=5)
    assert "team 4 of 5" in words(team.otto.get(""))
    team.otto.post(team.path("join"))
    assert team.roles["Otto"] == "member"
    assert "groups you can join" not in words(team.otto.get(""))  # one group of a set
    team.change(team.rivals, privacy="listed")
    assert "You are in “team”" in words(team.otto.post(team.path("join", team.rivals), 422))
    refused = words(team.fritz.post(team.path("join"), 422))
    assert "The group is full “team”: All places are taken meanwhile." in refused
    assert "team 5" not in words(team.fritz.get(""))
    told = {row.member_id for row in team.world.stored(Notice, kind="joined")}
    assert told == {team.ids[name] for name in ("Cara", "Adam", "Edi", "Mia")}


@pytest.mark.shows("TEAM-54", "TEAM-56")
def test_who_is_let_in_counts_at_the_door_where_they_asked(team: Team) -> None:
    team.change(needs_approval=True)
    link = team.invite(max_uses="1")
    names = ("Otto", "Fritz", "Gina", "Hans")
    browsers = {name: team.newcomer(name) if name in "Gina Hans" else getattr(team, name.lower()) for name in names}
    for name in ("Otto", "Fritz"):
        browsers[name].post(f"invite/{link.invite_token}")
    browsers["Gina"].post("join", code=team.row.invite_code)
    browsers["Hans"].post(team.path("join"))
    requests = {row.member_id: row.id for row in team.world.stored(JoinRequest)}

    def let_in(name: str, status: int = 303) -> str:
        return str(team.adam.post(team.path(f"requests/{requests[team.ids[name]]}/accept"), status))

    team.cara.post(team.path(f"invites/{link.id}/deactivate"))  # Otto asked while it worked
    let_in("Otto")
    assert "as many people as it may" in let_in("Fritz", 422)
    assert "Fritz" not in team.roles
    browsers["Fritz"].post("join", code=team.row.invite_code)  # the same request, now by the code
    for name in ("Fritz", "Gina", "Hans"):
        let_in(name)
    page = team.cara.get(team.path("invites"))
    assert "Used 1 / 1" in words(page)
    by_code, by_link = (words(page.select_one(f"[aria-labelledby={one}]")) for one in ("code-title", "link-title-1"))
    assert "Otto Doe" in by_link
    assert "Otto Doe" not in by_code
    assert all(name in by_code and name not in by_link for name in ("Fritz Doe", "Gina Doe"))
    assert "Hans Doe" not in words(page)


def test_a_request_waits_for_an_answer_and_counts_no_use(team: Team) -> None:
    team.change(needs_approval=True)
    link = team.invite(max_uses="1")
    assert "are asked" in words(team.otto.follow(f"invite/{link.invite_token}"))
    team.otto.post("join", code=team.row.invite_code)  # asking twice asks once
    team.fritz.post(team.path("join"))
    assert set(team.roles) == {"Cara", "Adam", "Edi", "Mia"}
    assert team.world.stored(GroupInvite)[0].uses_count == 0
    assert "You asked" in words(team.otto.get(""))
    assert "Want to join" not in words(team.mia.get(team.path()))
    page = words(team.adam.get(team.path()))
    assert "Otto Doe" in page
    assert "Fritz Doe" in page
    requests = {row.member_id: row.id for row in team.world.stored(JoinRequest)}
    assert len(requests) == 2
    yes, no = requests[team.ids["Otto"]], requests[team.ids["Fritz"]]
    team.olga.post(team.path(f"requests/{yes}/accept", team.rivals), 404)
    team.adam.post(team.path(f"requests/{yes}/accept"))
    team.cara.post(team.path(f"requests/{no}/refuse"))
    team.cara.post(team.path(f"requests/{yes}/accept"), 404)
    assert team.roles["Otto"] == "member"
    assert "Fritz" not in team.roles
    assert len(team.world.stored(Notice, kind="join_answered")) == 2
    team.fritz.post(team.path("join"))
    assert "taken back" in words(team.fritz.follow(team.path("request/withdraw")))
    states = sorted(row.state for row in team.world.stored(JoinRequest))
    assert states == ["accepted", "refused", "withdrawn"]


def test_what_is_full_meanwhile_lets_nobody_in_who_asked(team: Team) -> None:
    team.change(needs_approval=True)
    team.otto.post(team.path("join"))
    team.change(max_members=4)
    (asked,) = team.world.stored(JoinRequest)
    assert "full" in words(team.adam.post(team.path(f"requests/{asked.id}/accept"), 422))
    assert team.world.stored(JoinRequest)[0].state == "waiting"


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"signup": "closed"}, "Your teachers fill these groups"),
        ({"signup_until": now() - timedelta(minutes=1)}, "time for this is over"),
        ({"group_limit": 4}, "The group is full"),
    ],
)
def test_a_set_says_until_when_and_how_many(world: World, rules: dict, said: str) -> None:
    team = Team(world, **rules)
    assert said in words(team.otto.post("join", 422, code=team.row.invite_code))
    link = team.invite()
    assert said in words(team.otto.post(f"invite/{link.invite_token}", 422))
    assert world.stored(GroupInvite)[0].uses_count == 0
    if "group_limit" not in rules:
        assert said in words(team.mia.post(team.path("leave"), 422))
        assert said in words(team.adam.post(team.path(f"remove/{team.ids['Mia']}"), 422))
        assert said in words(team.otto.post(f"groups/new/{team.set_id}", 422, name="mine"))
    assert len(team.roles) == 4
    team.teacher.post(team.path(f"remove/{team.ids['Mia']}"))  # staff may, whatever the date (C8)
    assert len(team.roles) == 3


def test_a_set_may_keep_its_groups_within_one_section(world: World) -> None:
    team = Team(world, same_section=True)
    first, second = uuid4(), uuid4()
    fixed = {"course_id": world.course_id}
    world._add(
        Section(id=first, name="A", lms_section_id="1", **fixed),
        Section(id=second, name="B", lms_section_id="2", **fixed),
        SectionMembership(section_id=first, member_id=team.ids["Cara"]),
        SectionMembership(section_id=first, member_id=team.ids["Otto"]),
        SectionMembership(section_id=second, member_id=team.ids["Fritz"]),
    )
    assert "Another section" in words(team.fritz.post("join", 422, code=team.row.invite_code))
    team.otto.post("join", code=team.row.invite_code)
    assert "Otto" in team.roles


def test_students_make_groups_only_where_the_set_lets_them(world: World) -> None:
    team = Team(world, signup="join")
    assert "New group" not in words(team.otto.get(""))
    assert "No new groups here" in words(team.otto.post(f"groups/new/{team.set_id}", 422, name="mine"))
    team.teacher.post(
        f"group-sets/{team.set_id}/edit", name="Teams", signup="create", group_limit="3", same_section="y"
    )
    (row,) = world.stored(GroupSet, id=team.set_id)
    assert (row.signup, row.group_limit, row.same_section, row.signup_until) == ("create", 3, True, None)
    assert "New group" in words(team.otto.get(""))
    part = team.otto.part(f"groups/new/{team.set_id}/name", name="Night Owls")
    assert "night-owls" in words(part)
    assert "in use" in words(team.otto.post(f"groups/new/{team.set_id}", 422, name="Rivals"))
    team.otto.post(f"groups/new/{team.set_id}")  # named after its people
    assert [g.name for g in world.stored(Group) if g.name_generated] == ["otto_doe"]
    assert "You are in “otto_doe”" in words(team.otto.post(f"groups/new/{team.set_id}", 422, name="another"))
    team.teacher.post(f"group-sets/{team.set_id}/edit", 422, name="Teams", signup="sometimes")


def test_the_group_is_handed_on_and_its_creator_stays_as_admin(team: Team) -> None:
    path = team.path("transfer")
    assert "Hand on" in team.cara.get(path).h1.text
    team.cara.post(path, 404, member_id=str(team.ids["Otto"]))
    team.cara.post(path, 422, member_id=str(team.ids["Cara"]))
    team.cara.post(path, member_id=str(team.ids["Mia"]))
    assert team.roles == {"Cara": "admin", "Adam": "admin", "Edi": "editor", "Mia": "creator"}
    team.cara.post(team.path("delete"), 403)
    team.cara.post(team.path("leave"))
    actions = {row.action for row in team.world.stored(HistoryEntry, group_id=team.id)}
    assert {"ownership_transferred", "left"} <= actions


def test_several_members_are_removed_at_once(team: Team) -> None:
    ticked = [str(team.ids[name]) for name in ("Edi", "Mia")]
    asked = team.adam.get(team.path("remove?" + "&".join(f"member_ids={key}" for key in ticked)))
    assert "Remove 2 members from the group?" in words(asked)
    assert "2 members are removed" in words(team.adam.follow(team.path("remove"), member_ids=ticked))
    assert set(team.roles) == {"Cara", "Adam"}
    team.adam.post(team.path("remove"), 422)
    team.adam.post(team.path("remove"), 404, member_ids=[str(team.ids["Mia"])])
    assert "choose “Leave Group”" in words(team.adam.post(team.path(f"remove/{team.ids['Adam']}"), 422))


def test_staff_who_remove_the_creator_leave_the_group_to_the_first_admin_else_member(team: Team) -> None:
    path = team.path(f"remove/{team.ids['Cara']}")
    assert "becomes the creator" in words(team.teacher.get(path))
    team.teacher.post(path)
    assert team.roles == {"Adam": "creator", "Edi": "editor", "Mia": "member"}
    team.teacher.post(team.path(f"remove/{team.ids['Adam']}"))
    assert team.roles == {"Edi": "creator", "Mia": "member"}
    done = [row for row in team.world.stored(HistoryEntry, group_id=team.id) if row.action == "removed_from_group"]
    assert len(done) == 2  # each is logged (C8)


# On an assignment the group follows seed 004


def owner(course: FormingCourse) -> tuple[str, Group]:
    """Let Ana start a group on the assignment; give its address and its row."""
    course.start(course.ana)
    (row,) = [g for g in course.world.stored(Group) if g.origin == "local"]
    return f"groups/{row.id}", row


def test_a_code_lets_into_the_grouping_at_once_and_refuses_other_invitations(world: World) -> None:
    course = FormingCourse(world, max_size=2)
    _, row = owner(course)
    other = course.start(course.cleo, "Bo")
    course.bo.post("join", code=row.invite_code)
    assert course.statuses(course.own(course.ana)) == {"Ana": "inviter", "Bo": "accepted"}
    assert course.statuses(other) == {"Cleo": "inviter", "Bo": "rejected"}
    refused = words(course.dan.post("join", 422, code=row.invite_code).select_one("#error-summary"))
    assert refused == "The group is full “berg-chen”: All places are taken meanwhile."
    assert "in a group for this assignment" in words(course.cleo.post("join", 422, code=row.invite_code))


def test_the_dates_of_the_assignment_hold_at_the_doors_too(world: World) -> None:
    course = FormingCourse(world)
    path, row = owner(course)
    course.bo.post("join", code=row.invite_code)
    with world.app.app_context():
        db.session.get_one(Assignment, course.id).last_answer_at = now() - timedelta(minutes=1)
        db.session.commit()
    for refused in (
        course.dan.post("join", 422, code=row.invite_code),
        course.bo.post(f"{path}/leave", 422),
        course.ana.post(f"{path}/remove/{course.ids['Bo']}", 422),
        course.ana.post(f"{path}/delete", 422),
        # Nothing is asked that would be refused.
        course.bo.get(f"{path}/leave", 422),
        course.ana.get(f"{path}/remove/{course.ids['Bo']}", 422),
        course.ana.get(f"{path}/delete", 422),
    ):
        assert "time for this is over" in words(refused)
    assert [len(people) for people in course.people().values()] == [2]


def test_leaving_and_removing_end_the_seat_and_a_valid_group_stays(world: World) -> None:
    course = FormingCourse(world)
    path, row = owner(course)
    grouping = course.own(course.ana)
    for who in (course.bo, course.dan, course.eve):
        who.post("join", code=row.invite_code)
    assert "valid group stays" in words(course.ana.post(f"{path}/delete", 422))
    assert "valid group stays" in words(course.ana.get(f"{path}/delete", 422))
    course.bo.post(f"{path}/leave")
    course.ana.post(f"{path}/remove/{course.ids['Dan']}")
    assert course.statuses(grouping) == {"Ana": "inviter", "Eve": "accepted"}
    course.ana.post(f"{path}/transfer", member_id=str(course.ids["Eve"]))
    assert course.statuses(grouping) == {"Ana": "accepted", "Eve": "inviter"}
    course.ana.post(f"{path}/leave")
    course.eve.post(f"{path}/delete")
    assert course.statuses(grouping) == {}
    assert not course.people()
    course.bo.post("join", 422, code=row.invite_code)


def test_staff_take_out_and_delete_whatever_the_date_and_the_place_goes_on(world: World) -> None:
    course = FormingCourse(world)
    path, row = owner(course)
    grouping = course.own(course.ana)
    for who in (course.bo, course.dan):
        who.post("join", code=row.invite_code)
    course.teacher.post(f"{path}/remove/{course.ids['Ana']}")
    assert course.statuses(grouping) == {"Bo": "inviter", "Dan": "accepted"}
    roles = {m.member_id: m.role for m in world.stored(GroupMembership, group_id=row.id)}
    assert roles == {course.ids["Bo"]: "creator", course.ids["Dan"]: "member"}
    course.teacher.post(f"{path}/delete")
    assert course.statuses(grouping) == {}


def test_where_staff_form_the_groups_no_door_is_open(world: World) -> None:
    course = FormingCourse(world)
    _, row = owner(course)
    with world.app.app_context():
        db.session.get_one(Assignment, course.id).formed_by = "staff"
        db.session.commit()
    assert "Your teachers form the groups" in words(course.bo.post("join", 422, code=row.invite_code))


def test_a_published_set_follows_who_comes_and_goes(team: Team, lms: PlayedLms) -> None:
    team.teacher.post(f"group-sets/{team.set_id}/publish")
    team.world.app.extensions["lti_tool_doorbell"].work_off()
    assert lms.members("team") == {f"u-{name} Doe" for name in ("Cara", "Adam", "Edi", "Mia")}
    shown = team.otto.follow("join", code=team.row.invite_code)
    assert "Canvas has it too" in words(shown)
    assert "u-Otto Doe" in lms.members("team")
    team.mia.post(team.path("leave"))
    team.cara.post(team.path(f"remove/{team.ids['Edi']}"))
    team.cara.post(team.path("edit"), name="owls", privacy="listed")
    assert lms.members("owls") == {f"u-{name} Doe" for name in ("Cara", "Adam", "Otto")}
    team.fritz.post(f"groups/new/{team.set_id}", name="foxes")
    assert lms.members("foxes") == {"u-Fritz Doe"}
    (foxes,) = team.world.stored(Group, name="foxes")
    team.fritz.post(team.path("delete", foxes.id))
    assert lms.members("foxes") == set()


def test_a_refused_role_or_removal_stands_where_it_was_chosen(team: Team) -> None:
    mia, edi = (str(team.ids[name]) for name in ("Mia", "Edi"))
    page = team.adam.post(team.path("permissions"), 422, fields={f"role-{mia}": "creator", f"role-{edi}": "member"})
    select = page.select_one(f"#role-{mia}")
    assert "A creator is made by handing the group on" in words(page.find(id=select["aria-describedby"]))
    assert page.select_one(f"#role-{edi} [selected]")["value"] == "member"  # what was chosen is not lost
    assert team.roles["Edi"] == "editor"
    nobody = team.adam.get(team.path("remove"), 422)
    assert "Choose at least one person" in words(nobody.select_one("#member_ids"))
