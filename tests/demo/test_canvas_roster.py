"""The Canvas-like REST API: callers, paging, rosters."""

import re


def _links(answer):
    return {rel: url for url, rel in re.findall(r'<([^>]*)>; rel="(\w+)"', answer.headers["Link"])}


def test_paging_defaults_to_ten_and_is_cut_at_a_hundred(rest, lms):
    course = lms.make_big_course("canvas", 230, 4)
    first = rest.get(f"courses/{course}/users")
    assert len(first.get_json()) == 10
    big = rest.get(f"courses/{course}/users", per_page=1000)
    assert len(big.get_json()) == 100
    assert "per_page=100" in _links(big)["next"]
    assert set(_links(big)) == {"current", "next", "first", "last"}
    assert ",<" in big.headers["Link"]


def test_next_links_lead_to_everybody_and_then_stop(rest, lms, client):
    course = lms.make_big_course("canvas", 230, 4)
    answer = rest.get(f"courses/{course}/users", per_page=100, enrollment_type__="student")
    seen = [p["id"] for p in answer.get_json()]
    while "next" in _links(answer):
        path = _links(answer)["next"].removeprefix("http://localhost:8001")
        assert "enrollment_type" in path
        answer = client.get(path, headers=rest.headers)
        seen += [p["id"] for p in answer.get_json()]
    assert len(seen) == len(set(seen)) == 230


def test_a_page_beyond_the_end_is_empty(rest):
    answer = rest.get("courses/101/sections", page=9)
    assert (answer.status_code, answer.get_json()) == (200, [])


def test_errors_of_authentication(client, lms):
    none = client.get("/canvas/api/v1/users/self")
    assert none.status_code == 401
    assert none.get_json()["status"] == "unauthenticated"
    assert none.headers["WWW-Authenticate"] == 'Bearer realm="canvas-lms"'
    bad = client.get("/canvas/api/v1/users/self", headers={"Authorization": "Bearer nonsense"})
    assert bad.get_json() == {"errors": [{"message": "Invalid access token."}]}
    assert "WWW-Authenticate" in bad.headers


def test_missing_rights_have_no_www_authenticate_and_either_status(rest_as, lms):
    student = rest_as(1009)
    answer = student.get("courses/101/enrollments")
    assert answer.status_code == 200  # students see the roster
    answer = student.send("PUT", "groups/402", {"name": "Mine"})
    assert answer.status_code == 401
    assert answer.get_json()["status"] == "unauthorized"
    assert "WWW-Authenticate" not in answer.headers
    lms.faults({"forbidden_status": 403})
    assert student.send("PUT", "groups/402", {"name": "Mine"}).status_code == 403


def test_ids_of_lti_work_in_paths(rest, lms):
    site = lms.hub.sites["canvas"]
    assert rest.get(f"courses/lti_context_id:{site.courses[101].lti_id}").get_json()["id"] == 101
    assert rest.get(f"users/lti_1_3_id:{site.people[1003].lti_id}").get_json()["id"] == 1003
    assert rest.get("courses/999").status_code == 404


def test_every_state_of_enrolment(rest):
    everything = ["active", "invited", "creation_pending", "inactive", "completed", "deleted"]
    rows = rest.get("courses/101/enrollments", per_page=100, state__=everything).get_json()
    assert {r["enrollment_state"] for r in rows} == set(everything)
    assert {r["type"] for r in rows} >= {"StudentViewEnrollment", "ObserverEnrollment", "DesignerEnrollment"}
    default = rest.get("courses/101/enrollments", per_page=100).get_json()
    assert {r["enrollment_state"] for r in default} == {"active", "invited"}
    twice = [r["user_id"] for r in default if r["type"] == "StudentEnrollment"]
    assert len(twice) == len(set(twice)) + 1


def test_default_roster_shows_the_inactive_to_staff_and_hides_the_test_student(rest, rest_as):
    staff = rest.get("courses/101/users", per_page=100).get_json()
    assert not [p for p in staff if p["name"] == "Test Student"]
    with_test = rest.get("courses/101/users", per_page=100, include__="test_student").get_json()
    assert len(with_test) == len(staff) + 1
    student = rest_as(1009).get("courses/101/users", per_page=100).get_json()
    assert len(student) == len(staff) - 1
    assert "sis_user_id" not in student[0]


def test_the_test_student_leaves_a_short_page(rest):
    whole = rest.get("courses/101/users", per_page=100, include__="test_student").get_json()
    place = [p["name"] for p in whole].index("Test Student")
    page = rest.get("courses/101/users", per_page=5, page=place // 5 + 1)
    assert len(page.get_json()) == 4


def test_group_ids_also_name_deleted_groups(rest):
    before = rest.get("groups/402/users").get_json()[0]["id"]
    rest.send("DELETE", "groups/402")
    people = rest.get("courses/101/users", per_page=100, include__="group_ids").get_json()
    assert 402 in next(p for p in people if p["id"] == before)["group_ids"]
    assert "group_ids" not in rest.get("courses/101/users").get_json()[0]


def test_a_teacher_bound_to_a_section_sees_that_section(rest, rest_as):
    everybody = rest.get("courses/101/users", per_page=100, enrollment_type__="student").get_json()
    some = rest_as(1003).get("courses/101/users", per_page=100, enrollment_type__="student").get_json()
    assert 0 < len(some) < len(everybody)


def test_sections_permissions_and_own_groups(rest, rest_as):
    assert len(rest.get("courses/101/sections", include__="total_students").get_json()) == 3
    asked = ["manage_groups_manage", "read_roster"]
    assert rest_as(1009).get("courses/101/permissions", permissions__=asked).get_json() == {
        "manage_groups_manage": False,
        "read_roster": True,
    }
    own = rest_as(1007).get("users/self/groups", per_page=1)
    assert "last" not in _links(own)
    assert "bookmark:" in _links(own)["next"]


def test_short_search_terms_are_refused(rest):
    assert rest.get("courses/101/users", search_term="ab").status_code == 400
    found = rest.get("courses/101/users", search_term="müller").get_json()
    assert [p["name"] for p in found] == ["Anna Müller", "Anna Müller"]


def test_rate_limit_headers(rest):
    answer = rest.get("users/self")
    assert float(answer.headers["X-Rate-Limit-Remaining"]) > 0
    assert float(answer.headers["X-Request-Cost"]) > 0
