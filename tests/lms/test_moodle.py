"""Moodle's traps, met by the adapter: errors with status 200, unique names, protected memberships, hidden people."""

from dataclasses import replace

import pytest

from lti_tool.domain.errors import LmsChanged, LmsRefused, LmsUnavailable
from lti_tool.domain.gateway import Right
from lti_tool.domain.group_push import GroupChange, GroupSetPush, NewGroup
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import MemberStatus
from lti_tool.lms import moodle_names, moodle_people
from lti_tool.lms.moodle_errors import result
from lti_tool.outbound import Answer


def answer(body, status=200):
    return Answer("https://moodle.example/webservice/rest/server.php?x=1", status, {}, body)


@pytest.mark.parametrize(
    ("errorcode", "kind", "code"),
    [
        ("invalidtoken", LmsRefused, "token_rejected"),
        ("accessexception", LmsRefused, "right_missing"),
        ("nopermissions", LmsRefused, "right_missing"),
        ("invalidparameter", LmsRefused, "value_refused"),
        ("wsaccessusersuspended", LmsRefused, "service_user_suspended"),
        ("errorcoursecontextnotvalid", LmsRefused, "course_not_open"),
        ("invalidrecord", LmsChanged, "gone"),
        ("somethingnew", LmsRefused, "lms_refused"),
        ("dmlreadexception", LmsUnavailable, "lms_failed"),
    ],
)
def test_errors_with_status_200_are_read(errorcode, kind, code):
    json = f'{{"exception":"moodle_exception","errorcode":"{errorcode}","message":"Text"}}'.encode()
    xml = f'<?xml version="1.0"?>\n<EXCEPTION class="x">\n<ERRORCODE>{errorcode}</ERRORCODE></EXCEPTION>'.encode()
    for body in (json, xml):
        with pytest.raises(kind, match=code) as caught:
            result(answer(body), "core_group_get_groups")
        assert caught.value.facts["host"] == "moodle.example"


def test_an_error_code_that_is_no_word_is_not_kept():
    with pytest.raises(LmsRefused) as caught:
        result(answer(b'{"exception":"x","errorcode":"User 17 (Ann) \\u0000"}'), "f")
    assert caught.value.facts["errorcode"] == "unknown"


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (403, b"", LmsRefused, "web_services_off"),
        (404, b"<html>", LmsRefused, "lms_refused"),
        (303, b"", LmsRefused, "lms_redirects"),
        (400, b"<!DOCTYPE html>", LmsUnavailable, "lms_not_json"),
    ],
)
def test_other_statuses_are_read(status, body, kind, code):
    with pytest.raises(kind, match=code):
        result(answer(body, status), "f")


def test_nothing_is_a_result():
    assert result(answer(b"null"), "f") is None


def test_who_is_not_active_is_dropped_without_a_reason(moodle):
    people = {p.lms_user_id: p for p in moodle.gateway().pull(roster=True, groups=False).roster.people}
    states = {str(p["id"]): p["states"][0] for p in moodle.state()["people"]}
    assert {n for n, p in people.items() if p.status is MemberStatus.DROPPED} == {
        n for n, state in states.items() if state != "active"
    }
    assert {p.enrollment_display for p in people.values()} == {"Active", "Not active"}


@pytest.mark.shows("MODEL-158")
def test_a_group_may_be_in_two_sets_or_in_none(moodle):
    remote = moodle.gateway().pull(roster=False, groups=True).groups
    ids = {g.name: g.lms_group_id for g in remote.groups}
    held = [s.name for s in remote.group_sets if ids["Volunteers & tutors"] in s.group_ids]
    assert held == ["Lab sessions", "Project teams"]
    assert not any(ids["Everyone with a laptop"] in s.group_ids for s in remote.group_sets)
    assert "score a < b" in ids


def test_only_who_may_manage_groups_is_said_to(moodle):
    people = moodle.gateway().pull(roster=True, groups=False).roster.people
    state = {str(p["id"]): p["roles"][0] for p in moodle.state()["people"]}
    assert {state[p.lms_user_id] for p in people if p.manages_groups} == {"editingteacher", "manager"}


def test_nobody_s_right_is_known_when_moodle_does_not_say(moodle):
    moodle.faults(forbid_next=1, only_path="with_capability")
    people = moodle.gateway().pull(roster=True, groups=False).roster.people
    assert {p.manages_groups for p in people} == {None}


@pytest.mark.shows("MODEL-44")
def test_department_and_institution_come_from_the_profile(moodle):
    people = moodle.gateway().pull(roster=True, groups=False).roster.people
    assert "Études françaises" in {person.department for person in people}
    assert {person.institution for person in people} == {"Demo University", None}


@pytest.mark.shows("MODEL-47")
@pytest.mark.parametrize(
    ("shortname", "expected"),
    [
        ("student", "student"),
        ("teacher", "teacher"),
        ("editingteacher", "teacher"),
        ("manager", "teacher"),
        ("coursecreator", "other"),
    ],
)
def test_each_role_has_its_role_here(shortname, expected):
    user = {"id": 1, "fullname": "A", "roles": [{"shortname": shortname}]}
    assert moodle_people.roster([user], {"1"}, None).people[0].enrollment_type == expected


@pytest.mark.shows("MODEL-70")
@pytest.mark.parametrize(
    ("fields", "label"),
    [
        ({"status": 1, "timestart": 0, "timeend": 0}, "Suspended"),
        ({"status": "0", "timestart": "4000000000", "timeend": "0"}, "Not Yet Started"),
        ({"status": 0, "timestart": 0, "timeend": 1}, "Enrollment Ended"),
        ({"status": 0, "timestart": 0, "timeend": 0}, "Active"),
        ({"status": 0}, "Not active"),
        ({}, "Not active"),
    ],
)
def test_the_fields_of_an_enrolment_tell_more_than_the_list(fields, label):
    user = {"id": 1, "fullname": "A", "roles": [], **fields}
    assert moodle_people.roster([user], set(), None).people[0].enrollment_display == label


def test_roles_of_the_site_s_own_making_are_weighed_last():
    def kind(*shortnames):
        user = {"id": 1, "fullname": "A", "roles": [{"shortname": name} for name in shortnames]}
        return moodle_people.roster([user], {"1"}, None).people[0].enrollment_type

    assert kind("student", "editingteacher") is EnrollmentType.TEACHER
    assert kind("student", "notetaker") is EnrollmentType.STUDENT
    assert kind("notetaker") is EnrollmentType.OTHER
    assert kind() is EnrollmentType.OTHER


def test_a_list_that_a_missing_right_shortened_is_refused(moodle, monkeypatch):
    gateway = moodle.gateway()
    pages = list(gateway.client.get_enrolled_users(moodle.course_id))
    monkeypatch.setattr(gateway.client, "get_enrolled_users", lambda course: iter(()))
    with pytest.raises(LmsRefused, match="people_hidden"):
        gateway.pull(roster=True, groups=False)
    monkeypatch.setattr(gateway.client, "get_enrolled_users", lambda course: iter([pages[0][:2]]))
    with pytest.raises(LmsRefused, match="people_hidden"):
        gateway.pull(roster=True, groups=True)


def test_a_set_without_an_id_number_is_made_once_and_answered(moodle):
    moodle.gateway().create_group_set("New set")
    assert [s["name"] for s in moodle.state()["group_sets"]].count("New set") == 1


def test_renaming_a_set_keeps_its_description(moodle):
    gateway = moodle.gateway()
    set_id = next(str(s["id"]) for s in moodle.state()["group_sets"] if s["name"] == "Lab sessions")
    gateway.edit_group_set(set_id, "Labs")
    found = gateway.client.get_groupings([set_id])[0]
    assert (found["name"], found["description"], found["idnumber"]) == ("Labs", "<p>Weekly <b>labs</b></p>", "LAB")


@pytest.mark.parametrize("name", ["a<b", "<3", "<b>x</b>", "x" * 255])
def test_names_that_moodle_cannot_hold_are_refused_before_the_call(moodle, name):
    gateway = moodle.gateway()
    for work in (
        lambda: gateway.create_group_set(name),
        lambda: gateway.push("1", GroupSetPush(create=(NewGroup(name),))),
    ):
        with pytest.raises(LmsRefused, match="value_refused"):
            work()
    assert moodle.calls() == 0


def test_names_are_trimmed_because_moodle_compares_before_it_trims(moodle):
    gateway = moodle.gateway()
    gateway.create_group_set("Set")
    with pytest.raises(LmsRefused, match="set_name_taken"):
        gateway.create_group_set("  Set ")


def test_a_name_that_another_group_of_the_course_has_is_told_before_anything_is_made(moodle):
    gateway = moodle.gateway()
    set_id = gateway.create_group_set("Set")
    push = GroupSetPush(create=(NewGroup("Team 1"), NewGroup("Free"), NewGroup("Lab A")))
    with pytest.raises(LmsRefused, match="group_names_taken") as caught:
        gateway.push(set_id, push)
    assert caught.value.facts["names"] == ["Lab A", "Team 1"]
    assert moodle.names(set_id) == []
    made = gateway.push(set_id, GroupSetPush(create=(NewGroup("Free"),))).groups[0]
    with pytest.raises(LmsRefused, match="group_names_taken"):
        gateway.push(set_id, GroupSetPush(change=(GroupChange(made.lms_group_id, "Team 1"),)))


def test_groups_that_were_made_but_not_yet_put_into_the_set_are_found_again(moodle):
    gateway = moodle.gateway()
    set_id = gateway.create_group_set("Set")
    push = GroupSetPush(create=(NewGroup("New A"), NewGroup("New B")))
    moodle.faults(cut_after_apply_next=1, only_path="core_group_create_groups")
    with pytest.raises(LmsUnavailable):
        gateway.push(set_id, push)
    assert moodle.names(set_id) == []
    moodle.faults(only_path="")
    gateway.push(set_id, replace(push, replay=True))
    assert sorted(moodle.names(set_id)) == ["New A", "New B"]
    assert [g["name"] for g in moodle.state()["groups"]].count("New A") == 1


def test_a_membership_of_another_plugin_stays_and_is_shown(moodle):
    group = next(g for g in moodle.state()["groups"] if g["name"] == "Everyone with a laptop")
    group_id, members = str(group["id"]), {str(m) for m in group["members"]}
    change = GroupChange(group_id, None, (), tuple(members))
    gateway, told, before = moodle.gateway(), [], moodle.calls()
    (left,) = gateway.push("1", GroupSetPush(change=(change,)), lambda *step: told.append(step)).groups
    assert len(told) >= moodle.calls() - before - 2 > 2, "a worker that halves a batch for long is not silent"
    assert len(left.member_ids) == 1
    assert set(left.member_ids) == moodle.members(group_id)


def test_one_stranger_does_not_cost_the_others_their_places(moodle):
    gateway, students = moodle.gateway(), moodle.students(12)
    set_id = gateway.create_group_set("Set")
    new = NewGroup("G", "", (*students[:6], moodle.stranger(), "999999", *students[6:]))
    (made,) = gateway.push(set_id, GroupSetPush(create=(new,))).groups
    assert set(made.member_ids) == set(students)


def test_functions_that_the_service_lacks_are_told(moodle, monkeypatch):
    gateway = moodle.gateway()
    functions = gateway.client.get_functions() - {"core_group_create_groups"}
    monkeypatch.setattr(gateway.client, "get_functions", lambda: functions)
    found = gateway.capabilities()
    assert found.missing == {Right.WRITE_GROUPS: "function_missing"}
    moodle.faults(forbid_next=1)
    assert set(gateway.capabilities().missing.values()) == {"right_missing"}


def test_an_unknown_course_is_not_open(moodle):
    with pytest.raises(LmsRefused, match="course_not_open"):
        moodle.gateway(lms_course_id="999999").capabilities()


@pytest.mark.parametrize(
    ("current", "wanted"),
    [
        ({"1": "a", "2": "b"}, {"1": "b", "2": "a"}),
        ({"1": "a", "2": "b", "3": "c"}, {"1": "b", "2": "c", "3": "d"}),
        ({"1": "a", "2": "b", "3": "c", "4": "c (2)"}, {"1": "b", "2": "c", "3": "a"}),
        ({"1": "a", "2": "b"}, {"1": "a"}),
    ],
)
def test_renames_are_ordered_so_that_no_step_makes_twins(current, wanted):
    names = dict(current)
    for group_id, name in moodle_names.ordered_renames(current, wanted):
        assert name not in names.values()
        names[group_id] = name
    assert names == current | wanted


def test_renames_that_make_twins_are_refused():
    for current, wanted in (({"1": "a", "2": "b"}, {"1": "b"}), ({"1": "a", "2": "b"}, {"1": "c", "2": "c"})):
        with pytest.raises(LmsRefused, match="group_names_taken"):
            moodle_names.ordered_renames(current, wanted)


@pytest.mark.parametrize("capability", ["moodle/user:viewdetails", "moodle/site:accessallgroups"])
def test_rights_that_empty_the_list_of_people_in_silence_are_told(moodle, capability):
    moodle.faults(lacks=capability)
    with pytest.raises(LmsRefused, match="people_hidden"):
        moodle.gateway().pull(roster=True, groups=True)


def test_a_list_that_is_short_though_not_empty_is_told_by_whom_we_know(moodle):
    people = moodle.gateway().pull(roster=True, groups=False).roster.people
    known = [person.lms_user_id for person in people if person.status is MemberStatus.ACTIVE]
    for shown in (2, len(people) * 2 // 3):  # most are missing; fewer are, but some of them are in groups
        moodle.faults(people_shown=shown)
        with pytest.raises(LmsRefused, match="people_hidden"):
            moodle.gateway().pull(roster=True, groups=True, known_people=known)


def test_people_without_shown_identities_are_people_all_the_same(moodle):
    moodle.faults(lacks="moodle/site:viewuseridentity moodle/user:viewalldetails")
    people = moodle.gateway().pull(roster=True, groups=False).roster.people
    assert len(people) == len(moodle.state()["people"])
    assert {(p.email, p.student_number) for p in people} == {(None, None)}


def test_web_services_that_are_off_are_told_apart_from_a_site_in_maintenance(moodle):
    moodle.faults(web_services="off")
    with pytest.raises(LmsRefused, match="web_services_off"):
        moodle.gateway().capabilities()
    moodle.faults(web_services="maintenance")
    with pytest.raises(LmsUnavailable, match="lms_failed") as caught:
        moodle.gateway().capabilities()
    assert caught.value.retryable


def test_names_come_as_they_are_stored(moodle):
    names = {group.name for group in moodle.gateway().pull(roster=False, groups=True).groups.groups}
    assert {"Volunteers & tutors", "score a < b"} <= names


def hide(moodle, set_name):
    """Hide the first group of a set from whoever may not see hidden groups; return the set's and the group's id."""
    found = next(s for s in moodle.state()["group_sets"] if s["name"] == set_name)
    group = next(g for g in found["groups"] if g["members"])
    entry = {"id": group["id"], "name": group["name"], "visibility": 3}
    moodle.gateway().client.update_groups([entry])
    return str(found["id"]), str(group["id"])


def test_hidden_groups_that_a_missing_right_withholds_are_never_taken_for_deleted(moodle):
    set_id, group_id = hide(moodle, "Lab sessions")
    gateway = moodle.gateway()
    assert group_id in {g.lms_group_id for g in gateway.pull(roster=False, groups=True).groups.groups}
    moodle.faults(lacks="moodle/course:viewhiddengroups")
    with pytest.raises(LmsRefused, match="groups_hidden"):
        gateway.pull(roster=True, groups=True)
    with pytest.raises(LmsRefused, match="groups_hidden"):
        gateway.read_group_set(set_id)


def known_ids(moodle):
    return [group.lms_group_id for group in moodle.gateway().pull(roster=False, groups=True).groups.groups]


def hide_loose(moodle):
    """Hide a group that is in no set from whoever may not see hidden groups; return its id."""
    group = next(g for g in moodle.state()["groups"] if not g["sets"])
    moodle.gateway().client.update_groups([{"id": group["id"], "name": group["name"], "visibility": 3}])
    return str(group["id"])


def test_a_hidden_group_that_is_in_no_set_is_told_apart_from_a_deleted_one(moodle):
    known, loose = known_ids(moodle), hide_loose(moodle)
    moodle.faults(lacks="moodle/course:viewhiddengroups")
    gateway = moodle.gateway()
    assert loose not in {g.lms_group_id for g in gateway.pull(roster=False, groups=True).groups.groups}
    before = gateway.calls
    with pytest.raises(LmsRefused, match="groups_hidden") as caught:
        gateway.pull(roster=False, groups=True, known_ids=known)
    assert caught.value.facts["hidden"] == 1
    assert gateway.calls - before == 4  # the lists of groups, groupings and their groups, and the one question


@pytest.mark.parametrize("hidden", [False, True])
def test_groups_that_were_deleted_beside_a_hidden_one_hide_it_from_nobody(moodle, hidden):
    known = known_ids(moodle)
    loose = hide_loose(moodle)
    gone = [group_id for group_id in known if group_id != loose][:3]
    for group_id in gone:
        moodle.outsider("delete_group", group_id=group_id)
    gateway = moodle.gateway()
    if hidden:
        moodle.faults(lacks="moodle/course:viewhiddengroups")
        with pytest.raises(LmsRefused, match="groups_hidden") as caught:
            gateway.pull(roster=False, groups=True, known_ids=known)
        assert caught.value.facts["hidden"] == 1
        return
    found = gateway.pull(roster=False, groups=True, known_ids=known).groups.groups
    assert {g.lms_group_id for g in found} == set(known) - set(gone)
    assert gateway.calls == 4 + 1 + len(gone)
    before = gateway.calls
    gateway.pull(roster=False, groups=True, known_ids=[g.lms_group_id for g in found])
    assert gateway.calls - before == 4  # nothing is missing, nothing more is asked


def test_only_a_group_that_is_newly_empty_is_looked_at_twice(moodle):
    gateway, students = moodle.gateway(), moodle.students(2)
    set_id = gateway.create_group_set("Set")
    push = GroupSetPush(create=(NewGroup("Full", "", tuple(students)), NewGroup("Empty")))
    ids = {group.name: group.lms_group_id for group in gateway.push(set_id, push).groups}

    def calls_of(known_empty):
        before = gateway.calls
        gateway.read_group_set(set_id, known_empty)
        return gateway.calls - before

    assert (calls_of(()), calls_of({ids["Empty"]})) == (3, 2)
    for student in students:
        moodle.outsider("remove_member", group_id=ids["Full"], user_id=student)
    assert (calls_of({ids["Empty"]}), calls_of(set(ids.values()))) == (3, 2)
    moodle.outsider("add_member", group_id=ids["Full"], user_id=students[0])
    gateway.client.update_groups([{"id": ids["Full"], "name": "Full", "visibility": 3}])
    moodle.faults(lacks="moodle/course:viewhiddengroups")
    with pytest.raises(LmsRefused, match="groups_hidden"):
        gateway.read_group_set(set_id, {ids["Empty"]})


@pytest.mark.parametrize("is_known", [False, True])
def test_a_removal_from_a_hidden_group_that_moodle_does_not_make_is_told(moodle, is_known):
    set_id, group_id = hide(moodle, "Lab sessions")
    before = moodle.members(group_id)
    gateway = moodle.gateway()
    groups = {group.lms_group_id: group for group in gateway.read_group_set(set_id).groups}
    moodle.faults(lacks="moodle/course:viewhiddengroups")
    known = groups[group_id] if is_known else None
    with pytest.raises(LmsRefused, match="groups_hidden"):
        gateway.push(set_id, GroupSetPush(change=(GroupChange(group_id, remove=(min(before),), known=known),)))
    assert moodle.members(group_id) == before
    moodle.faults(lacks="")
    calls = gateway.calls
    (answer,) = gateway.push(
        set_id, GroupSetPush(change=(GroupChange(group_id, remove=(min(before),), known=known),))
    ).groups
    assert set(answer.member_ids) == before - {min(before)} == moodle.members(group_id)
    assert gateway.calls - calls == 2


def test_a_move_out_of_a_hidden_group_is_found_by_the_next_read(moodle):
    set_id, group_id = hide(moodle, "Lab sessions")
    gateway = moodle.gateway()
    groups = {group.lms_group_id: group for group in gateway.read_group_set(set_id).groups}
    other, person = next(i for i in groups if i != group_id), groups[group_id].member_ids[0]
    moodle.faults(lacks="moodle/course:viewhiddengroups")
    move = (
        GroupChange(group_id, remove=(person,), known=groups[group_id]),
        GroupChange(other, add=(person,), known=groups[other]),
    )
    calls = gateway.calls
    assert gateway.push(set_id, GroupSetPush(change=move)).unproven
    assert gateway.calls - calls == 2  # a third, which would prove it, does not fit into what a page may wait for
    assert person in moodle.members(group_id) & moodle.members(other)
    for read in (lambda: gateway.read_group_set(set_id), lambda: gateway.pull(roster=False, groups=True)):
        with pytest.raises(LmsRefused, match="groups_hidden"):
            read()


def test_an_expired_token_is_a_missing_right_once_and_then_unknown(moodle):
    moodle.faults(account="expired")
    for code in ("right_missing", "token_rejected", "token_rejected"):
        with pytest.raises(LmsRefused, match=code):
            moodle.gateway().pull(roster=True, groups=True)


def test_a_token_that_moodle_never_gave_is_rejected(moodle):
    with pytest.raises(LmsRefused, match="token_rejected"):
        moodle.gateway(token="not-a-token").pull(roster=True, groups=True)


@pytest.mark.parametrize(
    ("account", "code"), [("suspended", "service_user_suspended"), ("password", "course_not_open")]
)
def test_a_service_account_that_may_not_work_is_told_at_once(moodle, account, code):
    moodle.faults(account=account)
    gateway = moodle.gateway()
    set_id = str(moodle.state()["group_sets"][0]["id"])
    for work in (
        lambda: gateway.pull(roster=True, groups=True),
        lambda: gateway.push(set_id, GroupSetPush(create=(NewGroup("New"),))),
    ):
        moodle.demo.reset_calls()
        with pytest.raises(LmsRefused, match=code):
            work()
        assert moodle.calls() == 1
    moodle.faults(account="")
    assert gateway.pull(roster=True, groups=True).roster.people


def test_a_group_of_another_course_that_moodle_lets_into_a_grouping_is_not_shown(moodle, make_site):
    other = make_site(
        "moodle", next(str(n) for n in moodle.demo.hub.sites["moodle"].courses if str(n) != moodle.course_id)
    )
    gateway = moodle.gateway()
    foreign = str(
        other.gateway().client.create_groups([{"courseid": other.course_id, "name": "F", "description": ""}])[0]["id"]
    )
    set_id = gateway.create_group_set("Set")
    (own,) = gateway.push(set_id, GroupSetPush(create=(NewGroup("Own"),))).groups
    gateway.client.assign_grouping(set_id, [foreign])
    assert {str(g["id"]) for g in gateway.client.get_groupings([set_id])[0]["groups"]} == {foreign, own.lms_group_id}
    for found in (gateway.pull(roster=False, groups=True).groups, gateway.read_group_set(set_id)):
        assert foreign not in {g.lms_group_id for g in found.groups}
        assert next(s.group_ids for s in found.group_sets if s.lms_group_set_id == set_id) == (own.lms_group_id,)


def test_a_page_of_people_that_rights_shortened_is_not_the_last(moodle, monkeypatch):
    everybody = [p.lms_user_id for p in moodle.gateway().pull(roster=True, groups=False).roster.people]
    monkeypatch.setattr("lti_tool.lms.moodle_client.PEOPLE_PER_PAGE", 7)
    moodle.faults(withhold=2)
    pages = list(moodle.gateway().client.get_enrolled_users(moodle.course_id))
    assert [len(page) for page in pages[:2]] == [5, 5]
    ordered = sorted(map(int, everybody))
    seen = [n for start in range(0, len(ordered), 7) for n in ordered[start + 2 : start + 7]]
    assert [person["id"] for page in pages for person in page] == seen
