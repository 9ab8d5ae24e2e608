"""The Moodle-like web service with Moodle's traps."""

import json


def _names(ws, **more):
    return {g["name"] for g in ws("core_group_get_course_groups", courseid=2, **more)}


def test_errors_are_status_200_and_xml_without_the_wish_for_json(client, ws):
    answer = client.post("/moodle/webservice/rest/server.php", data={"wstoken": "x", "wsfunction": "y"})
    assert answer.status_code == 200
    assert "<ERRORCODE>invalidtoken</ERRORCODE>" in answer.get_data(as_text=True)
    assert ws("core_nothing")["errorcode"] == "invalidrecord"
    assert ws("core_group_get_course_groups", courseid=99)["errorcode"] == "errorcoursecontextnotvalid"
    data = {"wstoken": "demo-moodle-token", "wsfunction": "core_group_get_course_groups", "courseid": "2"}
    xml = client.post("/moodle/webservice/rest/server.php", data=data).get_data(as_text=True)
    assert "<MULTIPLE>" in xml


def test_site_info_lists_the_functions(ws):
    names = {f["name"] for f in ws("core_webservice_get_site_info")["functions"]}
    assert {"core_group_assign_grouping", "core_enrol_get_enrolled_users"} <= names
    assert len(names) == 21


def test_names_of_groups_are_escaped_unless_raw(ws):
    assert {"Volunteers &amp; tutors", "score a &lt; b"} <= _names(ws)
    assert {"Volunteers & tutors", "score a < b"} <= _names(ws, moodlewssettingraw="true")


def test_a_grouping_without_groups_has_no_key_for_them(ws):
    rows = ws("core_group_get_course_groupings", courseid=2)
    assert "Excursion & visits" in {r["name"] for r in rows}
    full = ws("core_group_get_groupings", groupingids=[r["id"] for r in rows], returngroups=1)
    by_name = {r["name"]: r for r in full}
    assert "groups" not in by_name["Excursion & visits"]
    shared = {g["id"] for g in by_name["Project teams"]["groups"]} & {
        g["id"] for g in by_name["Lab sessions"]["groups"]
    }
    assert len(shared) == 1


def test_create_groups_needs_a_description_and_unique_good_names(ws):
    def make(**fields):
        return ws("core_group_create_groups", groups=[{"courseid": 2, "name": "New", "description": ""} | fields])

    lacking = ws("core_group_create_groups", groups=[{"courseid": 2, "name": "New"}])
    assert lacking["errorcode"] == "invalidparameter"
    assert make()[0]["name"] == "New"
    assert make()["errorcode"] == "invalidparameter"
    for name in ("<b>x</b>", "I <3 it", "a<b", "  "):
        assert make(name=name)["errorcode"] == "invalidparameter"
    for name in ("c < d", "R&D", "Grüße 😀", "new"):
        assert make(name=name)[0]["name"] == name
    assert make(name="x" * 255)["errorcode"] == "dmlwriteexception"
    assert make(name="Other", idnumber="team-1")["errorcode"] == "idnumbertaken"


def test_groups_that_others_do_not_see_take_no_part(ws):
    def change(**fields):
        answer = ws("core_group_update_groups", groups=[{"id": 61, "name": "Team 1"} | fields])
        return answer or ws("core_group_get_groups", groupids=[61])[0]

    seen = [(change(visibility=n)["visibility"], change()["participation"]) for n in (0, 1, 2, 3)]
    assert seen == [(0, True), (1, True), (2, False), (3, False)]
    assert change(visibility=4)["errorcode"] == "invalidparameter"
    assert ws("core_group_get_groups", groupids=[61, 999])["errorcode"] == "invalidrecord"


def test_the_check_for_twins_comes_before_trimming(ws):
    made = ws("core_group_create_groups", groups=[{"courseid": 2, "name": "Team 1 ", "description": ""}])
    assert made[0]["name"] == "Team 1"


def test_batches_are_atomic(ws):
    groups = [{"courseid": 2, "name": name, "description": ""} for name in ("One", "Team 1")]
    assert ws("core_group_create_groups", groups=groups)["errorcode"] == "invalidparameter"
    assert "One" not in _names(ws)
    members = [{"groupid": 66, "userid": 8}, {"groupid": 66, "userid": 2}]
    assert ws("core_group_add_group_members", members=members)["errorcode"] == "invalidparameter"
    assert ws("core_group_get_group_members", groupids=[66]) == [{"groupid": 66, "userids": []}]


def test_members_come_and_go_without_complaint(ws):
    members = [{"groupid": 66, "userid": 8}]
    for name in ("add", "add", "delete", "delete"):
        assert ws(f"core_group_{name}_group_members", members=members) is None
    assert ws("core_group_add_group_members", members=[{"groupid": 999, "userid": 8}])["errorcode"] == "invalidrecord"
    gone = ws("core_group_delete_group_members", members=[{"groupid": 66, "userid": 999}])
    assert gone["errorcode"] == "invaliduser"


def test_a_membership_of_another_plugin_stays(ws, lms):
    site = lms.hub.sites["moodle"]
    owned = next(m for rows in site.memberships.values() for m in rows.values() if m.component)
    answer = ws("core_group_delete_group_members", members=[{"groupid": owned.group, "userid": owned.user}])
    assert answer["errorcode"] == "errorremovenotpermitted"


def test_fields_beyond_phps_limit_are_lost_in_silence(ws, lms):
    course = int(lms.make_big_course("moodle", 2600, 2))
    group = ws("core_group_create_groups", groups=[{"courseid": course, "name": "All", "description": ""}])[0]["id"]
    users = [p["id"] for p in ws("core_enrol_get_enrolled_users", courseid=course)][:2600]
    # Three fixed fields and two for each member; the 2,499th has no user id any more.
    members = [{"groupid": group, "userid": u} for u in users[:2498]]
    assert ws("core_group_add_group_members", members=members) is None
    cut = [{"groupid": group, "userid": u} for u in users]
    assert ws("core_group_add_group_members", members=cut)["errorcode"] == "invalidparameter"
    odd = ws("core_group_add_group_members", zfill=1, members=cut)
    assert odd is None
    assert len(ws("core_group_get_group_members", groupids=[group])[0]["userids"]) == 2498


def test_groupings_without_idnumber_are_made_and_answered_with_an_error(ws):
    new = {"courseid": 2, "name": "Trips", "description": ""}
    assert ws("core_group_create_groupings", groupings=[new])["errorcode"] == "invalidresponse"
    assert "Trips" in {r["name"] for r in ws("core_group_get_course_groupings", courseid=2)}
    good = new | {"name": "More", "idnumber": ""}
    assert ws("core_group_create_groupings", groupings=[good])[0]["name"] == "More"


def test_update_groupings_wants_everything_and_no_course(ws):
    assert ws("core_group_update_groupings", groupings=[{"id": 31, "name": "X"}])["errorcode"] == "invalidparameter"
    good = {"id": 31, "name": "X", "description": ""}
    assert ws("core_group_update_groupings", groupings=[good]) is None
    assert ws("core_group_update_groupings", groupings=[good | {"courseid": 2}])["errorcode"] == "invalidparameter"


def test_assigning_and_deleting_groupings(ws):
    pair = [{"groupingid": 33, "groupid": 61}]
    for name, field in (("assign", "assignments"), ("assign", "assignments"), ("unassign", "unassignments")):
        assert ws(f"core_group_{name}_grouping", **{field: pair}) is None
    assert ws("core_group_delete_groupings", groupingids=[31, 999]) is None
    assert "Team 1" in _names(ws)
    assert ws("core_group_delete_groups", groupids=[61, 999]) is None
    assert "Team 1" not in _names(ws)
    assert ws("core_group_get_group_members", groupids=[61])["errorcode"] == "invalidrecord"


def test_enrolled_users_and_their_options(ws):
    def ask(**options):
        rows = [{"name": k, "value": v} for k, v in options.items()]
        return ws("core_enrol_get_enrolled_users", courseid=2, options=rows)

    everybody, active, inactive = ask(), ask(onlyactive=1), ask(onlysuspended=1)
    assert (len(everybody), len(active), len(inactive)) == (30, 27, 3)
    assert ask(onlyactive=1, onlysuspended=1)["errorcode"] == "codingerror"
    assert ask(userfields="nonsense")["errorcode"] == "invaliduserfield"
    assert set(ask(userfields="email")[0]) == {"id", "fullname", "email"}
    assert [p["id"] for p in ask(limitfrom=5, limitnumber=3)] == [p["id"] for p in everybody[5:8]]
    managers = ask(withcapability="moodle/course:managegroups")
    assert {r["shortname"] for p in managers for r in p["roles"]} == {"editingteacher", "manager"}
    by_capability = ws(
        "core_enrol_get_enrolled_users_with_capability",
        coursecapabilities=[{"courseid": 2, "capabilities": ["moodle/course:managegroups"]}],
    )
    assert len(by_capability[0]["users"]) == len(managers)


def test_users_by_field_tells_suspended_accounts(ws):
    everybody = [p["id"] for p in ws("core_enrol_get_enrolled_users", courseid=2)]
    found = ws("core_user_get_users_by_field", field="id", values=[*everybody, 999])
    assert len(found) == len(everybody)
    assert len([p for p in found if p["suspended"]]) == 1


def test_courses(ws):
    assert [c["id"] for c in ws("core_course_get_courses_by_field", field="id", value=2)["courses"]] == [2]
    assert len(ws("core_course_get_courses_by_field")["courses"]) == 2
    assert ws("core_course_get_courses", options={"ids": [3]})[0]["shortname"] == "HIST200"


def test_answers_without_result_are_the_text_null(client):
    data = {
        "wstoken": "demo-moodle-token",
        "moodlewsrestformat": "json",
        "wsfunction": "core_group_delete_groups",
        "groupids[0]": "61",
    }
    answer = client.post("/moodle/webservice/rest/server.php", data=data)
    assert answer.get_data(as_text=True) == "null"
    assert json.loads(answer.data) is None


def test_capabilities_that_are_missing_in_silence(ws, lms):
    def people():
        return ws("core_enrol_get_enrolled_users", courseid=2)

    for capability in ("moodle/user:viewdetails", "moodle/site:accessallgroups"):
        lms.faults({"lacks": capability})
        assert people() == []
    lms.faults({"lacks": "moodle/site:viewuseridentity moodle/user:viewalldetails"})
    assert not {"email", "idnumber"} & set(people()[0])
    group = ws("core_group_get_course_groups", courseid=2)[0]
    ws("core_group_update_groups", groups=[{"id": group["id"], "name": group["name"], "visibility": 3}])
    lms.faults({"lacks": "moodle/course:viewhiddengroups"})
    assert group["id"] not in {g["id"] for g in ws("core_group_get_course_groups", courseid=2)}
    member = {"groupid": group["id"], "userid": 8}
    assert ws("core_group_add_group_members", members=[member]) is None
    assert ws("core_group_get_group_members", groupids=[group["id"]])[0]["userids"] == []
    assert ws("core_group_delete_group_members", members=[member]) is None
    lms.faults({"lacks": ""})
    assert 8 in ws("core_group_get_group_members", groupids=[group["id"]])[0]["userids"]


def test_web_services_that_are_off_or_in_maintenance(client, lms):
    for state, status, start in (("off", 403, b""), ("maintenance", 503, b"<html>")):
        lms.faults({"web_services": state})
        answer = client.post("/moodle/webservice/rest/server.php")
        assert (answer.status_code, answer.data[:6]) == (status, start)
