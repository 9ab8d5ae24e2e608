"""Canvas's traps, met by the adapter: silent drops, reset fields, stripped includes, rights, CSV."""

import inspect
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import pytest

from lti_tool.demo import canvas_api, canvas_groups, canvas_json
from lti_tool.demo.model import Token
from lti_tool.domain.errors import LmsChanged, LmsRefused, LmsUnavailable
from lti_tool.domain.gateway import Right
from lti_tool.domain.group_push import GroupChange, GroupSetPush, NewGroup
from lti_tool.domain.remote import SetOptions
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import MemberStatus
from lti_tool.lms import canvas_csv, canvas_import, canvas_oauth, canvas_people, canvas_sets
from lti_tool.lms.canvas_client import CanvasClient
from lti_tool.lms.canvas_csv import Placement
from lti_tool.lms.canvas_errors import refusal
from lti_tool.lms.http import LmsHttp, Repeat
from lti_tool.outbound import Answer


@pytest.fixture
def client(canvas):
    return canvas.gateway().client


def the_set(canvas, set_id):
    return next(s for s in canvas.state()["group_sets"] if s["id"] == set_id)


@pytest.mark.shows("PUSH-1", "PUSH-2", "PUSH-9", "PUSH-11", "PUSH-13", "PUSH-43")
def test_the_recipe_of_the_seed_runs(canvas, client):
    category = client.create_group_category(canvas.course_id, "Test Category", self_signup="enabled", group_limit=4)
    group = client.create_group(category["id"], "Test Group", "Test group created via API")
    answer = client.set_group_members(group["id"], canvas.students(2))
    assert {str(user["id"]) for user in answer["users"]} == set(canvas.students(2))
    assert canvas.members(str(group["id"])) == set(canvas.students(2))
    found = the_set(canvas, category["id"])
    assert (found["name"], found["self_signup"], found["group_limit"]) == ("Test Category", "enabled", 4)


@pytest.mark.shows("PUSH-3", "PUSH-4", "PUSH-5")
@pytest.mark.parametrize(
    "options",
    [
        {"self_signup": "yes"},
        {"auto_leader": "best"},
        {"group_limit": 1},
        {"group_limit": 0},
        {"group_limit": -3},
        {"group_limit": "4"},
        {"group_limit": True},
    ],
)
def test_values_that_canvas_drops_silently_are_refused_before_the_call(canvas, client, options):
    with pytest.raises(LmsRefused, match="value_refused") as caught:
        client.create_group_category(canvas.course_id, "Set", **options)
    assert caught.value.facts["fields"] == list(options)
    assert canvas.calls() == 0


@pytest.mark.parametrize("name", ["", "Student Groups", "Imported Groups", "x" * 251])
def test_names_that_canvas_reserves_are_refused_before_the_call(canvas, client, name):
    with pytest.raises(LmsRefused, match="value_refused"):
        client.create_group_category(canvas.course_id, name)
    assert canvas.calls() == 0


@pytest.mark.shows("PUSH-6")
def test_options_that_are_none_are_not_sent(canvas, client):
    category = client.create_group_category(canvas.course_id, "Bare")
    found = the_set(canvas, category["id"])
    assert (found["self_signup"], found["group_limit"]) == (None, None)


@pytest.mark.shows("PUSH-7", "PUSH-8")
def test_renaming_a_set_keeps_all_its_other_settings(canvas, client):
    category = client.create_group_category(canvas.course_id, "Old", "restricted", "first", 4)
    group = client.create_group(category["id"], "Own limit")
    canvas.outsider("set_limit", group_id=group["id"], limit=7)
    canvas.gateway().edit_group_set(str(category["id"]), "New")
    now = client.get_group_category(category["id"])
    assert (now["name"], now["self_signup"], now["auto_leader"], now["group_limit"]) == (
        "New",
        "restricted",
        "first",
        4,
    )
    assert client.get_group(group["id"])["max_membership"] == 7
    client.update_group_category(category["id"], group_limit=5)
    now = client.get_group_category(category["id"])
    assert (now["name"], now["self_signup"], now["auto_leader"], now["group_limit"]) == (
        "New",
        "restricted",
        "first",
        5,
    )


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_set_without_a_name_is_given_one_before_anything_else_of_it_changes(canvas, nothing):
    gateway, limit = canvas.gateway(), SetOptions(group_limit=3)
    set_id = gateway.create_group_set("Set")
    row = canvas.demo.hub.sites["canvas"].sets[int(set_id)]
    row.name = nothing
    with pytest.raises(LmsRefused, match="set_unnamed"):  # Canvas would say "Name is required" of the name unsent
        gateway.edit_group_set(set_id, None, limit)
    assert (row.name, row.group_limit) == (nothing, None)
    assert not gateway.find_clashes("None", [])
    gateway.edit_group_set(set_id, "Named", limit, "Unnamed Category")
    assert (row.name, row.group_limit) == ("Named", 3)


@pytest.mark.shows("PUSH-10", "PUSH-12", "PUSH-15", "PULL-52")
def test_members_are_left_replaced_or_emptied(canvas, client):
    category = client.create_group_category(canvas.course_id, "Set")
    group, (one, two, three) = client.create_group(category["id"], "G"), canvas.students(3)
    client.update_group(group["id"], members=[one, two, one])
    client.update_group(group["id"], name="H", description="about")
    assert canvas.members(str(group["id"])) == {one, two}
    client.update_group(group["id"], members=[three])
    assert canvas.members(str(group["id"])) == {three}
    assert client.update_group(group["id"], members=[])["users"] == []
    assert canvas.members(str(group["id"])) == set()


@pytest.mark.shows("PUSH-22")
def test_what_is_gone_counts_as_deleted(canvas, client):
    category = client.create_group_category(canvas.course_id, "Set")
    group = client.create_group(category["id"], "G")
    for _ in range(2):
        client.delete_group(group["id"])
    for _ in range(2):
        client.delete_group_category(category["id"])


@pytest.mark.shows("PULL-7", "PULL-8", "PULL-9", "PULL-10")
def test_every_list_is_read_to_its_end(canvas, client):
    for number in range(101):
        canvas.outsider("create_set", name=f"Set {number}")
    set_id = canvas.outsider("create_set", name="Full")["set_id"]
    groups = [canvas.outsider("create_group", set_id=set_id, name=f"G {n}")["group_id"] for n in range(250)]
    for _ in range(130):
        user_id = canvas.outsider("enrol")["user_id"]
        canvas.outsider("add_member", group_id=groups[0], user_id=user_id)
    assert len(client.get_group_categories(canvas.course_id)) == len(canvas.state()["group_sets"]) > 101
    assert len(client.get_groups(set_id)) == 250
    assert len(client.get_group_members(groups[0])) == 130


@pytest.mark.shows("PULL-51", "PULL-53", "PULL-56")
def test_inviting_and_letting_canvas_spread(canvas, client):
    category = client.create_group_category(canvas.course_id, "Set")
    group = client.create_group(category["id"], "G")
    someone = next(p for p in canvas.state()["people"] if str(p["id"]) == canvas.students(1)[0])
    assert client.invite_user_to_group(group["id"], [someone["email"]])[0]["user_id"] == someone["id"]
    assert canvas.members(str(group["id"])) == {str(someone["id"])}  # in at once: there is no answer to wait for
    (gained,) = client.assign_unassigned(category["id"])
    assert gained["id"] == group["id"]
    assert client.assign_unassigned(category["id"], sync=False)["workflow_state"] in ("queued", "running")


@pytest.mark.parametrize("status", [401, 403])
def test_a_missing_right_is_told_apart_from_a_dead_token(canvas, status):
    canvas.faults(forbidden_status=status, forbid_next=1)
    with pytest.raises(LmsRefused, match="right_missing") as caught:
        canvas.gateway().create_group_set("Set")
    assert caught.value.facts["call"] == "POST /courses/:course_id/group_categories"


def test_a_student_s_token_may_not_write(canvas):
    found = canvas.gateway(token=f"demo-user-{canvas.students(1)[0]}").capabilities()
    assert not found.allows(Right.WRITE_GROUPS)
    assert found.missing[Right.WRITE_GROUPS] == "right_missing"


def test_an_unknown_course_is_gone(canvas):
    with pytest.raises(LmsChanged, match="gone"):
        canvas.gateway(lms_course_id="999999").capabilities()


def test_a_key_without_includes_is_told_and_never_looks_like_an_empty_course(canvas):
    canvas.faults(strip_includes=True)
    for halves in ({"roster": True, "groups": False}, {"roster": False, "groups": True}):
        with pytest.raises(LmsRefused, match="include_parameters_off"):
            canvas.gateway().pull(**halves)


def test_a_push_needs_no_includes(canvas):
    canvas.faults(strip_includes=True)
    gateway, (one, two) = canvas.gateway(), canvas.students(2)
    set_id = gateway.create_group_set("Set")
    made = gateway.push(set_id, GroupSetPush(create=(NewGroup("G", "", (one,)),))).groups[0]
    answer = gateway.push(set_id, GroupSetPush(change=(GroupChange(made.lms_group_id, None, (two,)),)))
    assert set(answer.groups[0].member_ids) == {one, two}


def test_the_roster_has_every_state_and_leaves_the_test_student_out(canvas):
    people = {p.name: p for p in canvas.gateway().pull(roster=True, groups=False).roster.people}
    assert not any("Test Student" in name for name in people)
    shown = {(p.enrollment_display, p.status) for p in people.values()}
    assert shown >= {
        ("Active", MemberStatus.ACTIVE),
        ("Invited", MemberStatus.INCOMPLETE),
        ("Pending", MemberStatus.INCOMPLETE),
        ("Inactive", MemberStatus.DROPPED),
        ("Completed", MemberStatus.DROPPED),
    }
    types = {p.enrollment_type for p in people.values()}
    assert types == set(EnrollmentType) - {EnrollmentType.OTHER}
    anna = next(p for p in people.values() if p.name == "Wei Zhang")
    assert anna.email
    assert anna.student_number
    assert anna.manages_groups is None
    assert any(p.student_number is None for p in people.values())


@pytest.mark.shows("MODEL-46")
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("StudentEnrollment", ["student"]),
        ("TeacherEnrollment", ["teacher"]),
        ("TaEnrollment", ["ta"]),
        ("DesignerEnrollment", ["designer"]),
        ("ObserverEnrollment", ["observer"]),
        ("SomethingElse", ["other"]),
        ("StudentViewEnrollment", []),
    ],
)
def test_each_kind_of_enrolment_has_its_role(kind, expected):
    user = {"id": 7, "name": "A", "enrollments": [{"type": kind, "enrollment_state": "active"}]}
    assert [person.enrollment_type for person in canvas_people.roster([user]).people] == expected


def test_sections_come_with_the_people(canvas):
    sections = {s.name: s for s in canvas.gateway().pull(roster=True, groups=False).roster.sections}
    assert set(sections) == {"CS101 Morning", "CS101 Afternoon", "CS101 Évening"}
    people = {str(p["id"]): p for p in canvas.state()["people"]}
    assert all(section.member_ids <= set(people) for section in sections.values())
    both = sections["CS101 Morning"].member_ids & sections["CS101 Afternoon"].member_ids
    assert len(both) == 1  # one student has two enrolments


def test_an_enrolment_that_ended_puts_nobody_into_its_section():
    user = {"id": 7, "name": "A"}
    user["enrollments"] = [
        {"type": "StudentEnrollment", "enrollment_state": "completed", "course_section_id": 1},
        {"type": "StudentEnrollment", "enrollment_state": "active", "course_section_id": 2},
        {"type": "StudentViewEnrollment", "enrollment_state": "active", "course_section_id": 1},
    ]
    sections = canvas_people.roster([user], [{"id": 1, "name": "One"}, {"id": 2, "name": "Two"}]).sections
    assert [(s.name, s.member_ids) for s in sections] == [("One", frozenset()), ("Two", {"7"})]


def test_a_key_that_may_not_read_sections_still_reads_people(canvas):
    canvas.faults(forbid_next=1, only_path="/sections")
    roster = canvas.gateway().pull(roster=True, groups=False).roster
    assert roster.people
    assert roster.sections is None


@pytest.mark.shows("MODEL-54")
def test_several_enrolments_make_one_person_and_the_strongest_counts():
    user = {"id": 7, "name": "A", "group_ids": [], "email": None, "sis_user_id": ""}
    user["enrollments"] = [
        {"type": "StudentEnrollment", "enrollment_state": "completed"},
        {"type": "TaEnrollment", "enrollment_state": "active"},
        {"type": "StudentViewEnrollment", "enrollment_state": "active"},
    ]
    (person,) = canvas_people.roster([user, user]).people
    assert (person.enrollment_type, person.status, person.enrollment_display) == (
        EnrollmentType.TA,
        MemberStatus.ACTIVE,
        "Active",
    )
    assert (person.email, person.student_number, person.lms_user_id) == (None, None, "7")


def test_two_groups_of_one_name_stay_two(canvas):
    remote = canvas.gateway().pull(roster=False, groups=True).groups
    mondays = [g for g in remote.groups if g.name == "Monday"]
    assert len({g.lms_group_id for g in mondays}) == 2


def test_tags_are_no_group_sets_though_people_have_them(canvas):
    before = canvas.gateway().pull(roster=True, groups=True)
    tag = canvas.outsider("create_set", name="Needs more time", is_tag=True)["set_id"]
    group_id = canvas.outsider("create_group", set_id=tag, name="Double time")["group_id"]
    canvas.demo.hub.sites["canvas"].add_member(group_id, int(canvas.students(1)[0]))
    after = canvas.gateway().pull(roster=True, groups=True)
    assert after == before


def test_deleted_groups_are_not_in_a_pull_though_people_still_name_them(canvas):
    group_id = str(canvas.gateway().pull(roster=False, groups=True).groups.groups[0].lms_group_id)
    canvas.outsider("delete_group", group_id=group_id)
    remote = canvas.gateway().pull(roster=False, groups=True).groups
    assert group_id not in {g.lms_group_id for g in remote.groups}
    assert all(group_id not in s.group_ids for s in remote.group_sets)


def test_a_re_read_knows_staff_and_inactive_members_whom_the_export_lacks(canvas):
    state = next(s for s in canvas.state()["group_sets"] if s["name"] == "Lab sessions")
    found = canvas.gateway().read_group_set(str(state["id"]))
    assert {g.lms_group_id: set(g.member_ids) for g in found.groups} == {
        str(g["id"]): {str(m) for m in g["members"]} for g in state["groups"]
    }


def test_a_full_group_takes_a_swap_and_leaves_out_who_is_too_much(canvas):
    gateway, students = canvas.gateway(), canvas.students(5)
    set_id = gateway.create_group_set("Set")
    push = GroupSetPush(create=(NewGroup("A", "", tuple(students[:2])), NewGroup("B", "", tuple(students[2:4]))))
    one, two = (g.lms_group_id for g in gateway.push(set_id, push).groups)
    for group_id in (one, two):
        canvas.outsider("set_limit", group_id=group_id, limit=2)
    swap = (
        GroupChange(one, None, (students[2],), (students[0],)),
        GroupChange(two, None, (students[0],), (students[2],)),
    )
    answer = {g.lms_group_id: set(g.member_ids) for g in gateway.push(set_id, GroupSetPush(change=swap)).groups}
    assert answer == {one: {students[2], students[1]}, two: {students[0], students[3]}}
    extra = GroupSetPush(change=(GroupChange(one, None, (students[4],)),))
    answer = gateway.push(set_id, extra)
    assert set(answer.groups[0].member_ids) == {students[2], students[1]}


def many_groups(canvas, gateway, **options):
    """Make a set with so many empty groups that a push to all of them would be an import."""
    set_id = gateway.create_group_set("Set", **options)
    made = gateway.push(set_id, GroupSetPush(create=tuple(NewGroup(f"G {n}") for n in range(17)))).groups
    students = canvas.students(17)
    changes = [GroupChange(g.lms_group_id, None, (s,)) for g, s in zip(made, students, strict=True)]
    return set_id, made, changes


def test_a_group_that_was_deleted_meanwhile_is_not_brought_back_by_an_import(canvas):
    gateway = canvas.gateway()
    set_id, made, changes = many_groups(canvas, gateway)
    canvas.outsider("delete_group", group_id=made[3].lms_group_id)
    with pytest.raises(LmsChanged, match="group_gone") as caught:
        gateway.push(set_id, GroupSetPush(change=tuple(changes)))
    assert caught.value.facts["lms_group_id"] == made[3].lms_group_id
    assert made[3].lms_group_id not in {g.lms_group_id for g in gateway.read_group_set(set_id).groups}


@pytest.mark.parametrize("limit", ["of the set", "of a group"])
def test_no_import_fills_a_group_over_its_limit(canvas, limit):
    gateway = canvas.gateway()
    options = {"options": SetOptions(group_limit=2)} if limit == "of the set" else {}
    set_id, made, changes = many_groups(canvas, gateway, **options)
    full = made[0].lms_group_id
    if limit == "of a group":
        canvas.outsider("set_limit", group_id=full, limit=2)
    changes[0] = replace(changes[0], add=tuple(canvas.students(22)[17:]) + changes[0].add)
    answer = {g.lms_group_id: g for g in gateway.push(set_id, GroupSetPush(change=tuple(changes))).groups}
    assert len(answer[full].member_ids) == len(canvas.members(full)) == 2
    assert all(len(answer[change.lms_group_id].member_ids) == 1 for change in changes[1:])


def test_somebody_whom_the_import_passes_over_is_tried_by_hand(canvas):
    gateway, students = canvas.gateway(), canvas.students(14)
    teacher = next(str(p["id"]) for p in canvas.state()["people"] if p["roles"] == ["TeacherEnrollment"])
    set_id = gateway.create_group_set("Set")
    new = tuple(NewGroup(f"G {n}", "", tuple(students[n * 2 : n * 2 + 2])) for n in range(7))
    push = GroupSetPush(create=(*new[1:], NewGroup("G 0", "", (*students[:2], teacher, canvas.stranger()))))
    found = {g.name: set(g.member_ids) for g in gateway.push(set_id, push).groups}
    assert found["G 0"] == {*students[:2], teacher}


def test_an_import_that_never_ends_or_fails_is_told(canvas, monkeypatch):
    gateway, students = canvas.gateway(), canvas.students(12)
    set_id = gateway.create_group_set("Set")
    push = GroupSetPush(create=tuple(NewGroup(f"G {n}", "", (students[n],)) for n in range(8)))
    canvas.faults(import_delay_ms=600_000)
    with pytest.raises(LmsUnavailable, match="import_not_finished"):
        gateway.push(set_id, push)
    assert 600 <= sum(canvas.naps) <= 610
    canvas.faults(import_delay_ms=0)
    monkeypatch.setattr(canvas_csv, "write", lambda placements: b'canvas_user_id,group_name\n1,"open')
    with pytest.raises(LmsUnavailable, match="import_failed"):
        gateway.push(set_id, push)


def test_a_repeated_big_push_sends_nobody_again(canvas):
    gateway, students = canvas.gateway(), canvas.students(17)
    set_id = gateway.create_group_set("Set")
    push = GroupSetPush(create=tuple(NewGroup(f"G {n}", "", (students[n],)) for n in range(17)))
    gateway.push(set_id, push)
    canvas.demo.reset_calls()
    assert len(gateway.push(set_id, replace(push, replay=True)).groups) == 17
    assert not any("import" in path or path.startswith("PUT") for path in canvas.by_path())


def test_a_low_rate_makes_the_next_call_wait(canvas):
    canvas.faults(rate_remaining=120)
    canvas.gateway().read_group_set(str(canvas.state()["group_sets"][1]["id"]))
    assert canvas.naps
    assert set(canvas.naps) == {3.0}


def test_the_base_may_come_with_the_api_path(canvas):
    gateway = canvas.gateway(base_url=f"{canvas.base}/canvas/api/v1/")
    assert gateway.capabilities().rights


def test_an_export_is_read_with_any_delimiter_and_mark():
    text = '\ufeffname;canvas_user_id;group_name;canvas_group_id\n"B; A";5;"Gr;1";9\nC;6;;\n'
    assert canvas_csv.read(text) == canvas_csv.Exported({"9": ["5"]}, {"9": "Gr;1"}, {"5", "6"})
    assert canvas_csv.read("name,canvas_user_id,group_name\nA,5,\n").members == {}
    with pytest.raises(LmsUnavailable, match="export_not_understood"):
        canvas_csv.read("<html>")


def test_an_import_leaves_empty_cells_empty():
    rows = [Placement("5", group_id="9"), Placement("6", group_name='A "b", c')]
    assert canvas_csv.write(rows) == b'canvas_user_id,canvas_group_id,group_name\n5,9,\n6,,"A ""b"", c"\n'


@pytest.mark.parametrize("halves", [(True, True), (True, False), (False, True)])
def test_a_token_that_sees_one_section_only_is_told_instead_of_dropping_the_others(canvas, halves):
    bound = [str(p["id"]) for p in canvas.state()["people"] if p["roles"] == ["TeacherEnrollment"]][1]
    site, (roster, groups) = canvas.demo.hub.sites["canvas"], halves

    def pull():
        return canvas.gateway(token=f"demo-user-{bound}").pull(roster=roster, groups=groups)

    with pytest.raises(LmsRefused, match="people_hidden"):
        pull()
    rows = [e for e in site.course_enrolments(int(canvas.course_id)) if e.section]
    first, own, third = sorted({e.section for e in rows})
    for row in rows:
        row.section = own if row.section == first else row.section
    with pytest.raises(LmsRefused, match="people_hidden"):
        pull()  # most people are shown now
    for row in rows:
        row.section = own if row.section == third else row.section
    assert pull() == canvas.gateway().pull(roster=roster, groups=groups)  # she is bound, and all are shown to her


@pytest.fixture
def hidden(canvas):
    """A set of 12 groups, each with somebody inactive of another section than the one whose teacher reads it."""
    site = canvas.demo.hub.sites["canvas"]
    bound = [str(p["id"]) for p in canvas.state()["people"] if p["roles"] == ["TeacherEnrollment"]][1]
    set_id = canvas.outsider("create_set", name="Old")["set_id"]
    ids = [str(canvas.outsider("create_group", set_id=set_id, name=f"G {n}")["group_id"]) for n in range(12)]
    section = min(e.section for e in site.course_enrolments(int(canvas.course_id)) if e.section)
    held = {}
    for group_id in ids:
        person = canvas.outsider("enrol")["user_id"]
        canvas.outsider("add_member", group_id=group_id, user_id=person)
        canvas.outsider("set_state", user_id=person, state="inactive")
        (row,) = site.enrolments_of(int(canvas.course_id), person)
        row.section, held[group_id] = section, str(person)
    return canvas.gateway(token=f"demo-user-{bound}"), str(set_id), held


def test_members_whom_a_bound_token_s_list_lacks_are_neither_lost_here_nor_in_canvas(canvas, hidden, monkeypatch):
    gateway, set_id, held = hidden
    found = {group.lms_group_id: group.member_ids for group in gateway.read_group_set(set_id).groups}
    assert found == {group_id: (person,) for group_id, person in held.items()}
    students = canvas.students(12)
    change = tuple(GroupChange(g, None, (one,)) for g, one in zip(held, students, strict=True))
    gateway.push(set_id, GroupSetPush(change=change))
    wanted = {g: {held[g], one} for g, one in zip(held, students, strict=True)}
    assert {g: canvas.members(g) for g in held} == wanted
    monkeypatch.setattr(canvas_sets, "MOST_HIDDEN", 11)
    with pytest.raises(LmsRefused, match="people_hidden"):
        gateway.read_group_set(set_id)


def test_a_group_of_which_canvas_shows_fewer_than_it_counts_is_not_written_anew(canvas, hidden, monkeypatch):
    gateway, set_id, held = hidden
    monkeypatch.setattr(canvas_json, "member_people", lambda group: [])
    monkeypatch.setattr(canvas_groups, "member_people", lambda group: [])
    students = canvas.students(12)
    for groups in (list(held)[:1], list(held)):  # read one by one, and with the whole set
        people = students if len(groups) == 1 else students[:1]
        with pytest.raises(LmsRefused, match="people_hidden"):
            gateway.push(set_id, GroupSetPush(change=tuple(GroupChange(g, None, tuple(people)) for g in groups)))
    assert [canvas.members(g) for g in held] == [{one} for one in held.values()]


def test_taking_many_out_of_many_groups_reads_the_set_once(canvas):
    gateway, students = canvas.gateway(), canvas.students(18)
    set_id = gateway.create_group_set("Set")
    new = tuple(NewGroup(f"G {n}", "", tuple(students[n * 2 : n * 2 + 2])) for n in range(9))
    made = gateway.push(set_id, GroupSetPush(create=new)).groups
    canvas.demo.reset_calls()
    out = tuple(GroupChange(g.lms_group_id, None, (), g.member_ids) for g in made)
    answer = gateway.push(set_id, GroupSetPush(change=out))
    assert [g.member_ids for g in answer.groups] == [()] * 9
    assert canvas.by_path()["PUT /api/v1/groups/:id"] == 9
    assert canvas.calls() == 9 + 2 + 1  # a call for each, the set, and where everybody is before


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "code"),
    [
        (401, {"WWW-Authenticate": "Bearer"}, b"{}", LmsRefused, "token_rejected"),
        (401, {}, b'{"errors":[{"message":"Revoked access token."}]}', LmsRefused, "token_rejected"),
        (401, {}, b'{"errors":[{"message":"Insufficient scopes on access token."}]}', LmsRefused, "scope_missing"),
        (401, {}, b'{"status":"unauthorized"}', LmsRefused, "right_missing"),
        (403, {}, b'{"error":"user not authorized to perform that action"}', LmsRefused, "right_missing"),
        (404, {}, b'{"status":"not found"}', LmsChanged, "gone"),
        (404, {}, b"<!DOCTYPE html>", LmsUnavailable, "lms_not_json"),
        (400, {}, b'{"errors":{"name":[{"attribute":"name"}]}}', LmsRefused, "value_refused"),
        (400, {}, b'{"errors":[{"field":"name"}]}', LmsRefused, "value_refused"),
        (400, {}, b"", LmsRefused, "value_refused"),
        (302, {}, b"", LmsRefused, "lms_redirects"),
        (409, {}, b"", LmsRefused, "lms_refused"),
    ],
)
def test_refusals_are_read_by_header_and_words(status, headers, body, kind, code):
    answer = Answer("https://canvas.example/api/v1/courses/3/users?x=1", status, headers, body)
    error = refusal(answer, "GET /courses/:course_id/users")
    assert (type(error), error.code) == (kind, code)
    assert error.facts["host"] == "canvas.example"
    if code == "scope_missing":
        assert error.facts["scope"] == "url:GET|/api/v1/courses/:course_id/users"
    if b"name" in body:
        assert error.facts["fields"] == ["name"]


@pytest.mark.shows("PULL-18")
def test_null_for_a_name_or_a_description_stops_nothing():
    found = canvas_sets.remote_group({"id": 1, "name": None, "description": None}, ["2", "2"])
    assert (found.name, found.description, found.member_ids) == ("Unnamed group", "", ("2",))


def test_a_set_full_of_people_whom_the_export_lacks_is_still_read_exactly(canvas):
    teacher = next(str(p["id"]) for p in canvas.state()["people"] if p["roles"] == ["TeacherEnrollment"])
    set_id = canvas.outsider("create_set", name="Staffed")["set_id"]
    site = canvas.demo.hub.sites["canvas"]
    ids = [canvas.outsider("create_group", set_id=set_id, name=f"G {n}")["group_id"] for n in range(12)]
    for group_id in ids:
        site.add_member(group_id, int(teacher))
    found = canvas.gateway().read_group_set(str(set_id))
    assert {g.lms_group_id: g.member_ids for g in found.groups} == {str(i): (teacher,) for i in ids}
    # One reading of the set, one of the course: not one for each group.
    assert canvas.calls() <= 5


def test_the_test_student_is_nobody_even_when_canvas_lists_them():
    student_view = {"type": "StudentViewEnrollment", "enrollment_state": "active"}
    user = {"id": 8, "name": "Test Student", "enrollments": [student_view], "group_ids": [3]}
    assert canvas_people.roster([user]).people == ()
    assert canvas_sets.members_by_group([user]) == {}


def test_a_token_that_may_not_place_people_is_told_apart_from_a_stranger(canvas):
    teams = next(s for s in canvas.state()["group_sets"] if s["name"] == "Project teams")
    gateway, group = canvas.gateway(token=f"demo-user-{canvas.students(8)[7]}"), teams["groups"][0]
    join = GroupChange(str(group["id"]), None, (canvas.students(9)[8],))
    with pytest.raises(LmsRefused, match="right_missing"):
        gateway.push(str(teams["id"]), GroupSetPush(change=(join,)))
    with pytest.raises(LmsRefused, match="right_missing"):
        gateway.create_group_set("Mine")
    assert canvas.members(str(group["id"])) == {str(member) for member in group["members"]}


def test_a_group_that_vanished_is_told_when_whole_groups_are_rewritten(canvas):
    gateway, students = canvas.gateway(), canvas.students(8)
    set_id = gateway.create_group_set("Set")
    group_id = gateway.push(set_id, GroupSetPush(create=(NewGroup("G"),))).groups[0].lms_group_id
    canvas.outsider("delete_group", group_id=group_id)
    with pytest.raises(LmsChanged, match="group_gone"):
        gateway.push(set_id, GroupSetPush(change=(GroupChange(group_id, None, tuple(students)),)))


def test_a_replay_of_many_empty_groups_reads_the_set_once(canvas):
    gateway = canvas.gateway()
    set_id = gateway.create_group_set("Set")
    push = GroupSetPush(create=tuple(NewGroup(f"G {n}") for n in range(12)))
    gateway.push(set_id, push)
    canvas.demo.reset_calls()
    assert len(gateway.push(set_id, replace(push, replay=True)).groups) == 12
    assert canvas.calls() <= 4


def test_the_test_student_is_put_into_no_group(canvas):
    fake = next(str(p["id"]) for p in canvas.state()["people"] if "StudentViewEnrollment" in p["roles"])
    gateway, (one, *_) = canvas.gateway(), canvas.students(1)
    set_id = gateway.create_group_set("Set")
    made = gateway.push(set_id, GroupSetPush(create=(NewGroup("G", "", (one,)),))).groups[0]
    answer = gateway.push(set_id, GroupSetPush(change=(GroupChange(made.lms_group_id, None, (fake,)),)))
    assert answer.groups[0].member_ids == (one,)


def test_a_member_who_is_gone_already_counts_as_taken_out(canvas, client):
    group = client.create_group(client.create_group_category(canvas.course_id, "Set")["id"], "G")
    (one,) = canvas.students(1)
    assert client.add_group_member(group["id"], one)["just_created"]
    assert not client.add_group_member(group["id"], one)["just_created"]
    for _ in range(2):
        client.remove_group_member(group["id"], one)
    assert canvas.members(str(group["id"])) == set()


def test_a_role_of_the_school_s_own_making_counts_as_what_it_rests_on(canvas):
    tutor = next(str(p["id"]) for p in canvas.state()["people"] if p["roles"] == ["TaEnrollment"])
    people = {p.lms_user_id: p for p in canvas.gateway().pull(roster=True, groups=False).roster.people}
    assert people[tutor].enrollment_type is EnrollmentType.TA


SEEDS = {
    "create_group_category": "course_id, name, self_signup=None, auto_leader=None, group_limit=None",
    "update_group_category": "category_id, name=None, self_signup=None, auto_leader=None, group_limit=None",
    "delete_group_category": "category_id",
    "create_group": "category_id, name, description=None",
    "update_group": "group_id, name=None, description=None, members=None",
    "delete_group": "group_id",
    "set_group_members": "group_id, user_ids",
    "get_groups": "category_id",
    "get_group_members": "group_id",
    "invite_user_to_group": "group_id, user_ids",
    "assign_unassigned": "category_id, sync=True",
}


@pytest.mark.shows("PUSH-1", "PUSH-7", "PUSH-9", "PUSH-10", "PUSH-13", "PULL-51", "PULL-53")
@pytest.mark.parametrize(("name", "parameters"), SEEDS.items())
def test_the_client_has_the_seeds_methods(name, parameters):
    given = list(inspect.signature(getattr(CanvasClient, name)).parameters.values())[1:]
    # The seeds' own come first and in their order; what this client adds is named by its callers.
    theirs = [p for p in given if p.kind is not p.KEYWORD_ONLY]
    assert all(p.default is not p.empty for p in given if p.kind is p.KEYWORD_ONLY)
    assert ", ".join(str(p.replace(annotation=p.empty)) for p in theirs).replace(" = ", "=") == parameters


def test_a_proxys_page_does_not_tell_that_something_is_gone(scripted, outbound):
    client = CanvasClient(LmsHttp(outbound, access="t"), scripted.url)
    scripted.answers["/api/v1/groups/1"] = (404, {"Content-Type": "text/html"}, b"<html>Unknown site</html>")
    with pytest.raises(LmsUnavailable, match="lms_not_json"):
        client.delete_group(1)
    scripted.answers["/api/v1/groups/1"] = (404, {}, b'{"errors":[{"message":"not found"}]}')
    client.delete_group(1)


@pytest.mark.shows("PULL-7", "PULL-8", "PULL-9", "PULL-51", "PULL-52")
def test_the_client_calls_the_seeds_addresses(scripted, outbound):
    client = CanvasClient(LmsHttp(outbound, access="t"), scripted.url)
    lists = ("courses/7/group_categories", "group_categories/8/groups", "groups/9/users")
    pages = [f"/api/v1/{path}?per_page=100" for path in lists]
    scripted.answers |= {page: (200, {}, b"[]") for page in pages} | {
        "/api/v1/groups/9": (200, {}, b"{}"),
        "/api/v1/groups/9/invite": (200, {}, b"[]"),
    }
    client.get_group_categories("7")
    client.get_groups("8")
    client.get_group_members("9")
    client.set_group_members("9", ["1", "2", "1"])
    client.set_group_members("9", [])
    client.invite_user_to_group("9", ["3", "4"])
    assert scripted.asked[:3] == pages
    bodies = [unquote(body.decode()) for body in scripted.bodies[3:]]
    assert bodies == ["members[]=1&members[]=2", "members[]=", "invitees[]=3&invitees[]=4"]


@pytest.mark.parametrize("form", ["", "semicolon", "bom", "german", "semicolon bom german"])
@pytest.mark.parametrize("may_read_sis", [True, False])
def test_an_export_tells_the_same_in_every_form_that_settings_and_rights_give_it(
    canvas, monkeypatch, form, may_read_sis
):
    may = canvas_api.may
    monkeypatch.setattr(
        canvas_api, "may", lambda course, right: (right != "read_sis" or may_read_sis) and may(course, right)
    )
    client, group_set = canvas.gateway().client, canvas.state()["group_sets"][1]
    canvas.faults(export_form=form)
    text = client.export_group_category(str(group_set["id"]))
    header = text.partition("\n")[0]
    assert ("\ufeff" in header, ";" in header, "Abschnitte" in header) == (
        "bom" in form,
        "semicolon" in form,
        "german" in form,
    )
    assert ("group_id" in header.replace("canvas_group_id", ""), "user_id" in header.replace("canvas_user_id", "")) == (
        may_read_sis,
        may_read_sis,
    )
    found = canvas.gateway().read_group_set(str(group_set["id"])).groups
    assert any(group["members"] for group in group_set["groups"])
    assert {g.lms_group_id: set(g.member_ids) for g in found} == {
        str(g["id"]): canvas.members(str(g["id"])) for g in group_set["groups"]
    }


def test_nobody_is_in_an_import_twice_for_only_the_first_row_counts(canvas, client, monkeypatch):
    gateway, students = canvas.gateway(), canvas.students(18)
    set_id = gateway.create_group_set("Set")
    write, files = canvas_csv.write, []
    monkeypatch.setattr(canvas_csv, "write", lambda rows: files.append(write(rows)) or files[-1])
    # Each is named twice by the change: a group may be given a person again, and a move out comes along with it.
    new = tuple(NewGroup(f"G {n}", "", (students[n], students[n])) for n in range(18))
    made = gateway.push(set_id, GroupSetPush(create=new)).groups
    ids = [g.lms_group_id for g in sorted(made, key=lambda g: int(g.name[2:]))]
    change = tuple(GroupChange(ids[n], None, (students[n - 1],) * 2, (students[n],)) for n in range(18))
    gateway.push(set_id, GroupSetPush(change=change))
    assert len(files) == 2
    for file in files:
        people = [line.split(",")[0] for line in file.decode().splitlines()[1:]]
        assert sorted(people) == sorted(students)
    assert [canvas.members(group_id) for group_id in ids] == [{students[n - 1]} for n in range(18)]
    # The trap itself, as the demo plays it.
    twice = write([Placement(students[0], group_id=ids[5]), Placement(students[0], group_id=ids[6])])
    canvas_import.run_import(client, set_id, twice, lambda *_: None)
    assert students[0] in canvas.members(ids[5]) - canvas.members(ids[6])


def test_a_leader_who_is_moved_away_leads_no_more_and_the_move_arrives(canvas):
    gateway, (one, two, three) = canvas.gateway(), canvas.students(3)
    set_id = gateway.create_group_set("Led", SetOptions(auto_leader="first"))
    push = GroupSetPush(create=(NewGroup("A", "", (one, two)), NewGroup("B", "", (three,))))
    first, second = (g.lms_group_id for g in sorted(gateway.push(set_id, push).groups, key=lambda g: g.name))
    site = canvas.demo.hub.sites["canvas"]
    leader = str(site.groups[int(first)].leader)
    assert leader in (one, two)
    move = (GroupChange(first, None, (), (leader,)), GroupChange(second, None, (leader,)))
    gateway.push(set_id, GroupSetPush(change=move))
    assert canvas.members(first) == {one, two} - {leader}
    assert canvas.members(second) == {three, leader}
    assert {str(site.groups[int(first)].leader)} == canvas.members(first)
    gateway.push(set_id, GroupSetPush(change=(GroupChange(first, None, (), tuple(canvas.members(first))),)))
    assert canvas.members(first) == set()


def test_groups_that_canvas_makes_with_a_set_are_seen_by_the_next_read(canvas):
    # The tool itself never sends create_group_count, for Canvas would fill the groups at random; a teacher may.
    gateway = canvas.gateway()
    sent = gateway.client.http.send(
        "POST",
        f"{canvas.base}/canvas/api/v1/courses/{canvas.course_id}/group_categories",
        repeat=Repeat.UNSAFE,
        data=[("name", "Made by Canvas"), ("create_group_count", "3")],
    )
    set_id = str(sent.json()["id"])
    found = gateway.read_group_set(set_id).groups
    assert len(found) == 3
    assert {g.lms_group_id: set(g.member_ids) for g in found} == {
        g.lms_group_id: canvas.members(g.lms_group_id) for g in found
    }
    assert any(g.member_ids for g in found)


def test_a_person_is_put_in_by_a_call_of_their_own_and_never_by_a_list(canvas, client):
    # On an ordinary group Canvas refuses memberships that are posted as `members[]`: that is for tags only.
    category = client.create_group_category(canvas.course_id, "Set")
    group_id, (one, two) = str(client.create_group(category["id"], "G")["id"]), canvas.students(2)
    answer = canvas.gateway().push(str(category["id"]), GroupSetPush(change=(GroupChange(group_id, None, (one, two)),)))
    assert set(answer.groups[0].member_ids) == canvas.members(group_id) == {one, two}
    assert canvas.by_path()["POST /api/v1/groups/:id/memberships"] == 2
    refused = client.http.send(
        "POST",
        f"{canvas.base}/canvas/api/v1/groups/{group_id}/memberships",
        repeat=Repeat.SAFE,
        data=[("members[]", one)],
    )
    assert (refused.status, refused.body) == (400, b"")
    assert isinstance(refusal(refused, "POST /groups/:group_id/memberships"), LmsRefused)


def scoped(canvas, scopes):
    """Return a gateway with the token of an API key that enforces these scopes."""
    site = canvas.demo.hub.sites["canvas"]
    admin = next(person.id for person in site.people.values() if person.admin)
    site.tokens["scoped"] = Token("scoped", "key", " ".join(scopes), time.time() + 60, admin)
    return canvas.gateway(token="scoped")


def test_the_scopes_that_are_asked_for_are_enough_for_all_that_the_tool_does(canvas):
    gateway, students = scoped(canvas, canvas_oauth.SCOPES), canvas.students(18)
    assert gateway.capabilities().allows(Right.WRITE_GROUPS)
    assert gateway.pull(roster=True, groups=True).roster.sections
    set_id = gateway.create_group_set("Set")
    gateway.edit_group_set(set_id, "Renamed")
    new = tuple(NewGroup(f"G {n}", "", (students[n],)) for n in range(17))
    made = {g.name: g.lms_group_id for g in gateway.push(set_id, GroupSetPush(create=(*new, NewGroup("Empty")))).groups}
    one, two = made["G 0"], made["G 1"]
    move = (GroupChange(one, None, (), (students[0],)), GroupChange(two, "Other", (students[17],)))
    assert len(gateway.push(set_id, GroupSetPush(change=move, delete=(made["G 2"],))).groups) == 2
    assert gateway.assign_unassigned(set_id).groups
    gateway.delete_group_set(set_id, ())


def test_a_scope_that_a_key_lacks_is_named(canvas):
    lacking = [scope for scope in canvas_oauth.SCOPES if not scope.endswith("/export")]
    gateway = scoped(canvas, lacking)
    with pytest.raises(LmsRefused, match="scope_missing") as caught:
        gateway.read_group_set(str(canvas.state()["group_sets"][1]["id"]))
    assert caught.value.facts["scope"] == "url:GET|/api/v1/group_categories/:group_category_id/export"


def test_a_group_of_more_than_a_thousand_is_not_cut_off(canvas):
    canvas.course_id = canvas.demo.make_big_course("canvas", 1010, 2)
    gateway, students = canvas.gateway(), canvas.students(1010)
    set_id = gateway.create_group_set("Set")
    push = GroupSetPush(create=(NewGroup("All", "", tuple(students[:1005])),))
    (made,) = gateway.push(set_id, push).groups
    assert len(made.member_ids) == 1005
    more = GroupSetPush(change=(GroupChange(made.lms_group_id, None, (students[1009],)),))
    assert len(gateway.push(set_id, more).groups[0].member_ids) == 1006


def test_who_shares_no_section_is_left_out_of_a_restricted_set(canvas, client):
    gateway = canvas.gateway()
    sections = {s.name: s.member_ids for s in gateway.pull(roster=True, groups=False).roster.sections}
    students = set(canvas.students(99))
    one, other = (
        sorted(students & sections[name] - sections[not_in])
        for name, not_in in (("CS101 Morning", "CS101 Afternoon"), ("CS101 Afternoon", "CS101 Morning"))
    )
    set_id = gateway.create_group_set("Set", SetOptions("restricted"))
    group_id = gateway.push(set_id, GroupSetPush(create=(NewGroup("G", "", (one[0],)),))).groups[0].lms_group_id
    for people in ((one[1], other[0]), (*one[2:5], *other[:4])):  # told for each, and dropped without a word
        (answer,) = gateway.push(set_id, GroupSetPush(change=(GroupChange(group_id, None, people),))).groups
        assert set(answer.member_ids) == canvas.members(group_id)
        assert not set(other) & set(answer.member_ids)
        assert set(people) & set(one) <= set(answer.member_ids)
    canvas.outsider("add_member", group_id=group_id, user_id=other[0])
    gateway.edit_group_set(set_id, None, SetOptions(off=("self_signup",)))
    with pytest.raises(LmsRefused, match="value_refused") as caught:
        gateway.edit_group_set(set_id, None, SetOptions("restricted"))
    assert caught.value.facts["fields"] == ["restrict_self_signup"]


def test_no_list_of_groups_includes_their_people_for_that_takes_a_query_each(canvas, monkeypatch):
    slept = []
    monkeypatch.setattr(canvas_groups, "time", SimpleNamespace(sleep=slept.append))
    canvas.faults(group_users_ms=500)
    gateway, students = canvas.gateway(), canvas.students(12)
    gateway.pull(roster=True, groups=True)
    set_id = gateway.create_group_set("Set")
    push = GroupSetPush(create=tuple(NewGroup(f"G {n}", "", (student,)) for n, student in enumerate(students)))
    assert len(gateway.push(set_id, push).groups) == 12
    gateway.read_group_set(set_id)
    assert slept == []
    # The trap itself, as the demo plays it.
    listed = gateway.client.http.send(
        "GET",
        f"{canvas.base}/canvas/api/v1/courses/{canvas.course_id}/groups",
        repeat=Repeat.SAFE,
        params=[("include[]", "users")],
    )
    assert slept == [0.5 * len(listed.json())]


def test_graphql_is_never_asked(canvas):
    # Keys that enforce scopes are shown nothing there (canvas.md 6.3), and REST needs as few calls.
    gateway = canvas.gateway()
    gateway.pull(roster=True, groups=True)
    gateway.read_group_set(str(canvas.state()["group_sets"][1]["id"]))
    assert canvas.by_path()
    assert not [path for path in canvas.by_path() if "graphql" in path]
    assert not [scope for scope in canvas_oauth.SCOPES if "graphql" in scope]
    sources = [path.read_text().casefold() for path in Path(inspect.getfile(canvas_sets)).parent.glob("*.py")]
    assert sources
    assert not [text for text in sources if "graphql" in text]


def test_somebody_of_another_shard_is_placed_under_their_long_id_and_nobody_in_their_stead(canvas, client):
    far = canvas.outsider("enrol", shard=2)["user_id"]
    assert far > 2 * 10**13
    gateway, (near,) = canvas.gateway(), canvas.students(1)
    people = gateway.pull(roster=True, groups=False).roster.people
    assert str(far) in {person.lms_user_id for person in people}
    set_id = gateway.create_group_set("Set")
    made = gateway.push(set_id, GroupSetPush(create=(NewGroup("G", "", (near, str(far))),))).groups[0]
    assert set(made.member_ids) == canvas.members(made.lms_group_id) == {near, str(far)}
    assert set(gateway.read_group_set(set_id).groups[0].member_ids) == {near, str(far)}
    short = f"2~{far - 2 * 10**13}"
    client.remove_group_member(made.lms_group_id, short)  # an address takes the short form
    assert canvas.members(made.lms_group_id) == {near}
    client.set_group_members(made.lms_group_id, [short])  # a list would read it as user 2
    assert canvas.members(made.lms_group_id) == {str(far)}
    with pytest.raises(LmsRefused, match="value_refused"):
        client.set_group_members(made.lms_group_id, ["sis_user_id:7"])
    assert canvas.members(made.lms_group_id) == {str(far)}


@pytest.mark.parametrize(("letters", "left"), [(1000, "last"), (2500, "next"), (7000, "")])
def test_a_list_whose_links_were_too_long_for_canvas_is_whole_or_refused(canvas, client, letters, left):
    for _ in range(300 - len(canvas.state()["people"])):
        canvas.outsider("enrol")
    answers = []
    send = client.http.send
    client.http.send = lambda *args, **options: answers.append(send(*args, **options)) or answers[-1]
    path, call = f"/courses/{canvas.course_id}/users", "GET /courses/:course_id/users"
    padding = [("padding", "x" * letters)]
    if left:
        assert len(everybody := client._list(path, call)) > 200
        answers.clear()
        assert client._list(path, call, padding) == everybody
        assert left in answers[0].headers["Link"]
    else:
        with pytest.raises(LmsUnavailable, match="list_incomplete"):
            client._list(path, call, padding)
        assert "Link" not in answers[0].headers
    assert len(answers[0].headers.get("Link", "")) <= 6 * 1024


def test_a_course_that_has_ended_is_told_apart_from_a_missing_right(canvas):
    teacher = next(p for p in canvas.state()["people"] if "TeacherEnrollment" in p["roles"])
    gateway = canvas.gateway(token=f"demo-user-{teacher['id']}")
    set_id = gateway.create_group_set("Set")
    made = gateway.push(set_id, GroupSetPush(create=(NewGroup("G"),))).groups[0]
    assert gateway.capabilities().allows(Right.WRITE_GROUPS)
    canvas.outsider("conclude_course")
    found = gateway.capabilities()
    assert found.allows(Right.READ_ROSTER)
    assert found.missing == dict.fromkeys((Right.READ_GROUPS, Right.WRITE_GROUPS), "course_concluded")
    change = GroupChange(made.lms_group_id, None, tuple(canvas.students(1)))
    for status in (401, 403):
        canvas.faults(forbidden_status=status)
        with pytest.raises(LmsRefused, match="right_missing"):
            gateway.push(set_id, GroupSetPush(change=(change,)))
    assert canvas.members(made.lms_group_id) == set()


@pytest.fixture
def trio(canvas):
    """A set of three groups, the first with two people, the second with one, as they are known."""
    gateway, people = canvas.gateway(), canvas.students(3)
    set_id = gateway.create_group_set("Trio")
    new = (NewGroup("A", "", tuple(people[:2])), NewGroup("B", "About B", (people[2],)), NewGroup("C"))
    gateway.push(set_id, GroupSetPush(create=new))
    return gateway, set_id, {group.name: group for group in gateway.read_group_set(set_id).groups}, people


def moving(known, person, source="A", target="B"):
    out = GroupChange(known[source].lms_group_id, None, (), (person,), known[source])
    return GroupSetPush(change=(out, GroupChange(known[target].lms_group_id, None, (person,), (), known[target])))


@pytest.mark.shows("PUSH-40")
@pytest.mark.parametrize("how", ["moved", "taken out", "moved, of many"])
def test_whom_others_moved_is_not_moved_over_their_heads(canvas, trio, how):
    gateway, set_id, known, people = trio
    first = known["A"].lms_group_id
    canvas.outsider("remove_member", group_id=int(first), user_id=int(people[0]))
    if how != "taken out":
        canvas.outsider("add_member", group_id=int(known["C"].lms_group_id), user_id=int(people[0]))
    push = moving(known, people[0])
    if how == "moved, of many":
        push = replace(push, create=(NewGroup("D", "", tuple(canvas.students(9)[3:])),))
    push = replace(push, change=(*push.change, GroupChange(known["C"].lms_group_id, "Renamed", known=known["C"])))
    theirs = canvas.state()["group_sets"]
    before = gateway.calls
    with pytest.raises(LmsChanged, match="moved_meanwhile") as caught:
        gateway.push(set_id, push)
    assert caught.value.facts["places"] == {people[0]: ("C",) if how != "taken out" else ()}
    assert gateway.calls - before == (1 if how != "moved, of many" else 2)  # names of new groups are looked up too
    assert canvas.state()["group_sets"] == theirs
    gateway.push(set_id, replace(push, replay=True))  # whoever sends it again has looked
    assert canvas.members(known["B"].lms_group_id) == {people[0], people[2]}


@pytest.mark.shows("PUSH-40")
@pytest.mark.parametrize("joins", [False, True])
def test_whom_others_moved_is_not_taken_for_one_who_left(canvas, trio, joins):
    gateway, set_id, known, people = trio
    first, second = (known[name].lms_group_id for name in ("A", "B"))
    canvas.outsider("remove_member", group_id=int(first), user_id=int(people[0]))
    canvas.outsider("add_member", group_id=int(second), user_id=int(people[0]))
    push = GroupSetPush(change=(GroupChange(first, None, (), (people[0],), known["A"]),))
    if joins:
        new = canvas.students(4)[3]
        push = replace(push, change=(*push.change, GroupChange(second, None, (new,), (), known["B"])))
    if not joins:
        with pytest.raises(LmsChanged, match="moved_meanwhile") as caught:
            gateway.push(set_id, push)
        assert caught.value.facts["places"] == {people[0]: ("B",)}
    answer = gateway.push(set_id, replace(push, seen=True))
    assert {g.lms_group_id: set(g.member_ids) for g in answer.groups} == {
        change.lms_group_id: canvas.members(change.lms_group_id) for change in push.change
    }
    assert people[0] in canvas.members(second)


@pytest.mark.shows("PUSH-40")
def test_whom_a_deleted_group_held_nobody_took_out(canvas, trio):
    gateway, set_id, known, people = trio
    canvas.outsider("delete_group", group_id=int(known["B"].lms_group_id))
    with pytest.raises(LmsChanged, match="group_gone") as caught:
        gateway.push(set_id, moving(known, people[2], "B", "A"))
    assert caught.value.facts["lms_group_id"] == known["B"].lms_group_id
    assert canvas.members(known["A"].lms_group_id) == set(people[:2])


KINDS = {
    "staff": ("TaEnrollment", "active"),
    "invited": ("StudentEnrollment", "invited"),
    "inactive": ("StudentEnrollment", "inactive"),
}


@pytest.mark.shows("PUSH-40")
@pytest.mark.parametrize("how", ["moved", "taken out", "led away", "none of it"])
@pytest.mark.parametrize("kind", KINDS)
def test_whom_the_export_does_not_name_is_not_moved_over_others_heads_either(canvas, trio, kind, how):
    gateway, set_id, known, _ = trio
    role, state = KINDS[kind]
    person = str(canvas.outsider("enrol", kind=role)["user_id"])
    canvas.outsider("set_state", user_id=int(person), state=state)
    first, second, third = (int(known[name].lms_group_id) for name in ("A", "B", "C"))
    canvas.outsider("add_member", group_id=first, user_id=int(person))
    known = {group.name: group for group in gateway.read_group_set(set_id).groups}
    assert person in known["A"].member_ids
    assert person not in canvas_csv.read(gateway.client.export_group_category(set_id)).people
    if how != "none of it":
        canvas.outsider("remove_member", group_id=first, user_id=int(person))
    if how in ("moved", "led away"):
        canvas.outsider("add_member", group_id=third, user_id=int(person))
    push = moving(known, person)
    if how == "led away":
        push = replace(push, change=push.change[:1])
    if how != "none of it":
        theirs = canvas.state()["group_sets"]
        with pytest.raises(LmsChanged, match="moved_meanwhile") as caught:
            gateway.push(set_id, push)
        assert caught.value.facts["places"] == {person: () if how == "taken out" else ("C",)}
        assert canvas.state()["group_sets"] == theirs
        return
    answer = gateway.push(set_id, push)
    assert {g.lms_group_id: set(g.member_ids) for g in answer.groups} == {
        str(one): canvas.members(str(one)) for one in (first, second)
    }
    assert person in canvas.members(str(second))


def test_the_answers_prove_what_the_export_showed_and_two_calls_are_enough(canvas, trio):
    gateway, set_id, known, people = trio
    stranger = canvas.students(4)[3]
    canvas.outsider("add_member", group_id=int(known["B"].lms_group_id), user_id=int(stranger))
    for push in (
        moving(known, people[0]),
        moving(known, people[1], "A", "C"),  # the last one of A, into an empty group
        GroupSetPush(change=(GroupChange(known["B"].lms_group_id, None, (), (people[2],), known["B"]),)),
    ):
        before = gateway.calls
        answer = gateway.push(set_id, push)
        assert gateway.calls - before == 2
        there = {g.lms_group_id: g for g in gateway.read_group_set(set_id).groups}
        assert {g.lms_group_id: (g.name, g.description, set(g.member_ids)) for g in answer.groups} == {
            c.lms_group_id: (
                there[c.lms_group_id].name,
                there[c.lms_group_id].description,
                canvas.members(c.lms_group_id),
            )
            for c in push.change
        }
        known = {group.name: group for group in there.values()}


def test_an_answer_that_does_not_tell_that_somebody_is_in_proves_nothing(canvas, trio, monkeypatch):
    gateway, set_id, known, people = trio
    monkeypatch.setattr(CanvasClient, "add_group_member", lambda *_: {"id": 1, "workflow_state": "requested"})
    answer = gateway.push(set_id, moving(known, people[0]))
    assert {g.name: set(g.member_ids) for g in answer.groups} == {"A": set(people[:2]), "B": {people[2]}}


def test_a_group_that_is_renamed_while_people_join_keeps_its_new_name(canvas, trio):
    gateway, set_id, known, people = trio
    push = moving(known, people[0])
    renamed = replace(push.change[1], name="Bees", description="About bees")
    (answered,) = (
        g for g in gateway.push(set_id, GroupSetPush(change=(push.change[0], renamed))).groups if g.name != "A"
    )
    assert (answered.name, answered.description) == ("Bees", "About bees")
    assert set(answered.member_ids) == canvas.members(answered.lms_group_id) == {people[0], people[2]}
