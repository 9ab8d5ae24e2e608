"""Launches: what the tool gets, and what both sites refuse."""

import json
import time

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
NRPS = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
MEMBER = "http://purl.imsglobal.org/vocab/lis/v2/membership"


def _person(lms, flavour, kind, course_id):
    rows = lms.hub.sites[flavour].course_enrolments(course_id)
    return next(e.user for e in rows if e.kind == kind and e.state == "active")


def test_canvas_login_start_carries_platform_storage_and_both_deployment_names(launch):
    launch("canvas", 101, 1002)
    login = launch.login
    assert login["iss"] == "http://localhost:8001/canvas"
    assert login["lti_storage_target"] == "post_message_forwarding"
    assert login["lti_deployment_id"] == login["deployment_id"] == "1"
    assert len(login["lti_message_hint"]) > 150


def test_canvas_token_has_the_shape_of_canvas(launch, claims, lms):
    found = claims("canvas", launch("canvas", 101, 1002)["id_token"], "10001")
    course, person = lms.hub.sites["canvas"].courses[101], lms.hub.sites["canvas"].people[1002]
    assert found["azp"] == "10001"
    assert found["exp"] - found["iat"] == 3600
    assert found["sub"] == person.lti_id
    assert found["nonce"] == "n0nce"
    assert found[CLAIM + "context"]["id"] == course.lti_id
    custom = found[CLAIM + "custom"]
    assert custom["canvas_user_id"] == 1002
    assert custom["canvas_course_id"] == 101
    assert custom["canvas_api_base"] == "http://localhost:8001/canvas"
    assert custom["canvas_permissions"] == "manage_groups_add,manage_groups_manage,manage_groups_delete"
    assert custom["student_view"] is False
    assert found[NRPS]["context_memberships_url"].endswith("/api/lti/courses/101/names_and_roles")
    assert found["https://www.instructure.com/placement"] == "course_navigation"


def test_canvas_roles(launch, claims, lms):
    def roles(kind):
        user = _person(lms, "canvas", kind, 101)
        return claims("canvas", launch("canvas", 101, user)["id_token"], "10001")[CLAIM + "roles"]

    assert {f"{MEMBER}/Instructor#TeachingAssistant", f"{MEMBER}#Instructor"} <= set(roles("TaEnrollment"))
    assert f"{MEMBER}#ContentDeveloper" in roles("DesignerEnrollment")
    assert f"{MEMBER}#Mentor" in roles("ObserverEnrollment")
    test_student = roles("StudentViewEnrollment")
    assert "http://purl.imsglobal.org/vocab/lti/system/person#TestUser" in test_student
    assert f"{MEMBER}#Learner" in test_student


def test_canvas_admin_without_enrolment_has_no_course_role(launch, claims):
    found = claims("canvas", launch("canvas", 101, 1001)["id_token"], "10001")
    assert not [r for r in found[CLAIM + "roles"] if "membership" in r]
    assert "http://purl.imsglobal.org/vocab/lis/v2/institution/person#Administrator" in found[CLAIM + "roles"]


def test_unknown_variables_arrive_literally(launch, claims, lms):
    from dataclasses import replace

    lms.install_tool("canvas", replace(lms.hub.tools["canvas"], custom={"x": "$Canvas.xyz", "y": "plain"}))
    found = claims("canvas", launch("canvas", 101, 1002)["id_token"], "10001")
    assert found[CLAIM + "custom"] == {"x": "$Canvas.xyz", "y": "plain"}


def test_canvas_hint_is_good_once(launch, client, form_of):
    assert "id_token" in launch("canvas", 101, 1002)
    again = client.get("/canvas/api/lti/authorize_redirect", query_string=launch.query)
    assert form_of(again)[1] == {
        "error": "launch_no_longer_valid",
        "error_description": "The launch has either expired or already been consumed",
        "state": "st4te",
    }


def test_canvas_refusals(launch):
    assert launch("canvas", 101, 1002, scope="email")["error"] == "invalid_request_object"
    assert launch("canvas", 101, 1002, nonce=None)["error"] == "invalid_request_object"
    assert launch("canvas", 101, 1002, login_hint="somebody")["error"] == "login_required"
    assert launch("canvas", 101, 1002, redirect_uri="http://evil.example/") == {}
    assert launch.answer.status_code == 400
    assert launch("canvas", 101, 1002, client_id="x") == {}
    assert launch.answer.status_code == 400


def test_canvas_opens_a_page_of_the_tool_by_its_address(client, form_of, claims):
    address = "/canvas/courses/101/external_tools/retrieve"
    invite = "http://127.0.0.1:9/invite/17"

    def ask(url, **more):
        return client.get(address, query_string={"url": url, "display": "borderless", **more})

    assert ask("http://elsewhere.example/invite/17", **{"as": 1002}).status_code == 404
    assert "Log in" in ask(invite).get_data(as_text=True)
    client.get("/canvas/courses/101?as=1002")  # who was seen there last is signed in
    framed = client.get(address, query_string={"url": invite}).get_data(as_text=True)
    assert "display=borderless" in framed.split('class="tool" src="')[1].split('"')[0]
    _, login = form_of(ask(invite))
    assert login["target_link_uri"] == invite
    query = {"scope": "openid", "response_type": "id_token", "response_mode": "form_post", "prompt": "none"}
    query |= {"client_id": "10001", "redirect_uri": "http://127.0.0.1:9/launch", "state": "s", "nonce": "n"}
    query |= {name: login[name] for name in ("login_hint", "lti_message_hint")}
    _, sent = form_of(client.get("/canvas/api/lti/authorize_redirect", query_string=query))
    assert claims("canvas", sent["id_token"], "10001")[CLAIM + "target_link_uri"] == invite


def test_moodle_login_start(launch):
    launch("moodle", 2, 3)
    hint = json.loads(launch.login["lti_message_hint"])
    assert hint["cmid"] == 3
    assert hint["launchid"].startswith("ltilaunch3_")
    assert launch.login["login_hint"] == "3"
    assert "lti_storage_target" not in launch.login


def test_moodle_token_has_the_shape_of_moodle(launch, claims):
    found = claims("moodle", launch("moodle", 2, 3)["id_token"], "mclient")
    assert found["exp"] - found["iat"] == 60
    assert abs(found["iat"] - time.time()) < 5
    assert "azp" not in found
    assert found["sub"] == "3"
    assert found[CLAIM + "context"] == {
        "id": "2",
        "label": "CS101",
        "title": "CS101 Introduction to Programming",
        "type": ["CourseSection"],
    }
    assert found[CLAIM + "tool_platform"]["product_family_code"] == "moodle"
    assert found[NRPS]["context_memberships_url"].endswith("/CourseSection/2/bindings/1/memberships")


def test_moodle_roles_and_raw_names(launch, claims, lms):
    user = _person(lms, "moodle", "teacher", 2)
    found = claims("moodle", launch("moodle", 2, user)["id_token"], "mclient")
    assert found[CLAIM + "roles"] == [f"{MEMBER}#Instructor"]
    assert found["family_name"] == "D'Angelo & Söhne"
    admin = claims("moodle", launch("moodle", 2, 2)["id_token"], "mclient")[CLAIM + "roles"]
    assert f"{MEMBER}#Instructor" in admin
    assert "http://purl.imsglobal.org/vocab/lis/v2/system/person#Administrator" in admin


def test_moodle_refusals(launch, client):
    assert launch("moodle", 2, 3, scope="openid profile") == {}
    assert launch.answer.status_code == 404
    assert launch("moodle", 2, 3, redirect_uri="http://evil.example/") == {}
    assert launch("moodle", 2, 3, client_id="x")["error"] == "unauthorized_client"
    assert launch("moodle", 2, 3, login_hint="4")["error"] == "access_denied"
    assert launch("moodle", 2, 3, response_mode="query")["error"] == "invalid_request"
    assert "id_token" in launch("moodle", 2, 3)
    assert client.get("/moodle/mod/lti/auth.php", query_string=launch.query).status_code == 404


def test_course_pages_hold_the_frame_and_the_storage_frame(client):
    canvas = client.get("/canvas/courses/101/external_tools/1?as=1002").get_data(as_text=True)
    assert '<iframe title="LTI Groups"' in canvas
    assert 'name="post_message_forwarding"' in canvas
    moodle = client.get("/moodle/mod/lti/view.php?id=3&as=3").get_data(as_text=True)
    assert 'id="contentframe"' in moodle
    assert "post_message_forwarding" not in moodle
    for page in (canvas, moodle):
        assert "Simulator." in page
