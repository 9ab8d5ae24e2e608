"""The Canvas-like REST API: group sets, groups, memberships, CSV, with Canvas's traps."""

import csv
import io


def _members(rest, group_id):
    return sorted(p["id"] for p in rest.get(f"groups/{group_id}/users", per_page=100).get_json())


def test_sets_include_the_protected_one(rest):
    sets = rest.get("courses/101/group_categories").get_json()
    assert [(s["name"], s["role"]) for s in sets] == [
        ("Student Groups", "student_organized"),
        ("Project teams", None),
        ("Lab sessions", None),
    ]
    assert sets[0]["protected"]
    counted = rest.get("courses/101/group_categories", includes__="groups_count").get_json()
    assert counted[1]["groups_count"] == 6
    assert rest.send("DELETE", f"group_categories/{sets[0]['id']}").status_code == 401


def test_students_cannot_list_sets(rest_as):
    assert rest_as(1009).get("courses/101/group_categories").status_code == 403


def test_names_of_sets_are_unique_and_some_reserved(rest):
    for name, message in (
        ("Project teams", "Project teams is already in use."),
        ("Student Groups", "Student Groups is a reserved name."),
        ("", "Name is required"),
    ):
        answer = rest.send("POST", "courses/101/group_categories", {"name": name})
        assert answer.status_code == 400
        assert answer.get_json()["errors"]["name"][0]["message"] == message


def test_putting_a_set_resets_what_it_does_not_name(rest):
    assert rest.get("group_categories/22").get_json()["group_limit"] == 5
    body = rest.send("PUT", "group_categories/22", {"name": "Renamed"}).get_json()
    assert body["group_limit"] is None
    groups = rest.get("group_categories/22/groups").get_json()
    assert {g["max_membership"] for g in groups} == {None}


def test_create_group_count_fills_unless_assigned_later(rest):
    made = rest.send("POST", "courses/101/group_categories", {"name": "Tasks", "create_group_count": 3}).get_json()
    assert made["unassigned_users_count"] == 0
    names = [g["name"] for g in rest.get(f"group_categories/{made['id']}/groups").get_json()]
    assert names == ["Task 1", "Task 2", "Task 3"]
    body = {"name": "Empty", "create_group_count": 300, "assign_async": True}
    later = rest.send("POST", "courses/101/group_categories", body).get_json()
    assert (later["groups_count"], later["unassigned_users_count"] > 0) == (200, True)


def test_deleting_a_set_deletes_its_groups(rest):
    assert rest.send("DELETE", "group_categories/22").status_code == 200
    assert rest.get("group_categories/22").get_json() == {"status": "not found"}
    assert rest.get("groups/402").status_code == 404


def test_group_names_may_repeat_and_include_is_ignored_in_a_set(rest):
    groups = rest.get("group_categories/23/groups", include__="users").get_json()
    assert [g["name"] for g in groups].count("Monday") == 2
    assert "users" not in groups[0]
    assert "users" in rest.get("courses/101/groups", include__="users").get_json()[0]


def test_put_members_ignores_strangers_and_drops_whom_it_has_no_room_for(rest):
    students = [p["id"] for p in rest.get("courses/101/users", per_page=100, enrollment_type__="student").get_json()]
    asked = [*students[:7], 424242]
    answer = rest.send("PUT", "groups/407", {"members": asked})
    assert answer.status_code == 200
    got = [p["id"] for p in answer.get_json()["users"]]
    assert len(got) == 5
    assert set(got) < set(asked)


def test_put_members_removes_before_it_adds_and_leaves_the_siblings(rest):
    before = _members(rest, 402)
    taken = _members(rest, 403)[0]
    rest.send("PUT", "groups/402", {"members": [*before, taken]})
    assert taken in _members(rest, 402)
    assert taken not in _members(rest, 403)
    # A full group: one goes, one comes.
    full = rest.send("PUT", "groups/402", {"members": _members(rest, 402) + _members(rest, 404)[:1]})
    swapped = [p["id"] for p in full.get_json()["users"]][1:] + _members(rest, 405)[:1]
    answer = rest.send("PUT", "groups/402", {"members": swapped})
    assert sorted(p["id"] for p in answer.get_json()["users"]) == sorted(swapped)


def test_put_members_of_a_form_and_of_nobody(rest):
    answer = rest.call("PUT", "groups/402", data={"members[]": ["1007", "1008"]})
    assert {p["id"] for p in answer.get_json()["users"]} == {1007, 1008}
    assert rest.call("PUT", "groups/402", data={"members[]": ""}).get_json()["users"] == []
    assert _members(rest, 403)
    rest.send("PUT", "groups/403", {"name": "Only renamed"})
    assert _members(rest, 403)


def test_a_wrong_attribute_answers_400_though_the_members_are_set(rest):
    answer = rest.send("PUT", "groups/402", {"members": [], "max_membership": 1})
    assert answer.status_code == 400
    assert _members(rest, 402) == []


def test_a_leader_who_leaves_is_leader_no_more(rest):
    leader = rest.get("groups/402").get_json()["leader"]["id"]
    rest.send("DELETE", f"groups/402/users/{leader}")
    assert rest.get("groups/402").get_json()["leader"] is None
    assert rest.send("PUT", "groups/402", {"leader": {"id": leader}}).status_code == 400


def test_post_membership_moves_and_repeats_and_tells_when_full(rest):
    moved = _members(rest, 403)[0]
    first = rest.send("POST", "groups/402/memberships", {"user_id": moved}).get_json()
    assert first["just_created"] is True
    again = rest.send("POST", "groups/402/memberships", {"user_id": moved}).get_json()
    assert (again["id"], again["just_created"]) == (first["id"], False)
    assert moved not in _members(rest, 403)
    rest.send("POST", "groups/402/memberships", {"user_id": _members(rest, 404)[0]})
    full = rest.send("POST", "groups/402/memberships", {"user_id": _members(rest, 405)[0]})
    assert full.status_code == 400
    assert full.get_json()["errors"]["group_id"][0]["message"] == "The group is full."


def test_post_membership_refuses_the_test_student_and_lists(rest, lms):
    fake = next(p.id for p in lms.hub.sites["canvas"].people.values() if p.name == "Test Student")
    assert rest.send("POST", "groups/402/memberships", {"user_id": fake}).status_code == 401
    answer = rest.send("POST", "groups/402/memberships", {"members": [1007]})
    assert (answer.status_code, answer.data) == (400, b"")
    assert "users" in rest.send("PUT", "groups/402", {"members": [fake]}).get_json()
    assert _members(rest, 402) == [fake]


def test_deleting_memberships(rest):
    user = _members(rest, 402)[0]
    assert rest.send("DELETE", f"groups/402/users/{user}").get_json() == {"ok": True}
    assert rest.send("DELETE", f"groups/402/users/{user}").status_code == 404


def test_students_organise_themselves_in_several_groups(rest):
    other = rest.send("POST", "group_categories/21/groups", {"name": "Chess"}).get_json()["id"]
    user = _members(rest, 401)[0]
    rest.send("POST", f"groups/{other}/memberships", {"user_id": user})
    assert user in _members(rest, 401)


def test_export_lists_active_students_and_their_groups(rest):
    answer = rest.get("group_categories/22/export")
    assert answer.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True))))
    assert list(rows[0]) == (
        ["name", "canvas_user_id", "user_id", "login_id", "sections", "group_name", "canvas_group_id", "group_id"]
    )
    assert len(rows) == 20
    assert [r["group_name"] for r in rows].count("") == 5
    assert " and " in rows[0]["sections"]
    new = rest.send("POST", "courses/101/group_categories", {"name": "Bare"}).get_json()["id"]
    assert "canvas_group_id" not in rest.get(f"group_categories/{new}/export").get_data(as_text=True)


def _import(rest, lms, text, set_id=22):
    lms.faults({"import_delay_ms": 0})
    answer = rest.call("POST", f"group_categories/{set_id}/import", data=text, content_type="text/csv")
    return rest.get(f"progress/{answer.get_json()['id']}").get_json()


def test_import_moves_creates_revives_and_ignores_limits(rest, lms):
    moved = _members(rest, 403)
    rest.send("DELETE", "groups/404")
    lines = ["canvas_user_id,group_name,canvas_group_id"]
    lines += [f"{u},,402" for u in moved] + [f"{moved[0]},,404", "1019,Brand new,", "1020,,404", "99999,,402"]
    before = len(_members(rest, 402))
    done = _import(rest, lms, "\n".join(lines))
    assert (done["workflow_state"], done["completion"], done["tag"]) == ("completed", 100, "course_group_import")
    assert len(_members(rest, 402)) == before + len(moved) > 5
    assert 1020 in _members(rest, 404)
    groups = {g["name"]: g["id"] for g in rest.get("group_categories/22/groups").get_json()}
    assert _members(rest, groups["Brand new"]) == [1019]


def test_import_is_queued_first_and_may_fail(rest, lms):
    lms.faults({"import_delay_ms": 60_000})
    answer = rest.call(
        "POST",
        "group_categories/22/import",
        data={"attachment": (io.BytesIO(b"canvas_user_id,canvas_group_id\n1007,403\n"), "a.csv")},
    )
    assert answer.get_json()["workflow_state"] == "queued"
    assert 1007 not in _members(rest, 403)
    bad = _import(rest, lms, b"canvas_user_id\n\xff\xfe")
    assert (bad["workflow_state"], bad["message"]) == ("failed", "Invalid UTF-8")


def test_assigning_the_unassigned(rest):
    assert len(rest.get("group_categories/22/users", unassigned="true").get_json()) == 6
    answer = rest.send("POST", "group_categories/22/assign_unassigned_members", {"sync": True})
    assert sum(len(g["new_members"]) for g in answer.get_json()) == 6
    assert rest.get("group_categories/22/users", unassigned="true").get_json() == []


def test_invitations_and_self_signup(rest, rest_as):
    email = rest.get("courses/101/users", user_ids__=1019, include__="email").get_json()[0]["email"]
    assert rest.send("POST", "groups/402/invite", {"invitees": [email]}).get_json()[0]["user_id"] == 1019
    assert rest_as(1019).send("POST", "groups/409/memberships", {"user_id": "self"}).status_code == 200
    assert rest_as(1019).send("POST", "groups/403/memberships", {"user_id": "self"}).status_code == 401
