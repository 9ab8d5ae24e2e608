"""Faults, counters, the outsider, the big course, the state file, the command."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
import requests

from lti_tool.demo import LmsConfig, create_lms


def test_calls_are_counted_by_path_and_function(client, rest, ws):
    rest.get("groups/402/users")
    rest.get("groups/403/users")
    ws("core_webservice_get_site_info")
    counts = client.get("/control/calls").get_json()
    assert counts["canvas"] == {"total": 2, "by_path": {"GET /api/v1/groups/:id/users": 2}, "most_at_once": 1}
    assert counts["moodle"] == {"total": 1, "by_path": {"core_webservice_get_site_info": 1}, "most_at_once": 1}
    client.post("/control/calls/reset")
    assert client.get("/control/calls").get_json()["canvas"]["total"] == 0


def test_throttling_comes_in_both_forms_and_ends(client, rest):
    client.post("/control/faults", json={"throttle": "403", "throttle_next": 1})
    refused = rest.get("users/self")
    assert (refused.status_code, refused.mimetype) == (403, "text/plain")
    assert refused.get_data(as_text=True) == "403 Forbidden (Rate Limit Exceeded)\n"
    assert refused.headers["X-Rate-Limit-Remaining"] == "0.0"
    assert "X-Request-Cost" not in refused.headers
    assert rest.get("users/self").status_code == 200
    client.post("/control/faults", json={"throttle": "429"})
    assert [rest.get("users/self").status_code for _ in range(3)] == [429] * 3
    client.post("/control/faults/reset")
    assert rest.get("users/self").status_code == 200


def test_errors_of_several_kinds(rest, lms):
    lms.faults({"error_next": 1})
    assert rest.get("users/self").get_json()["error_report_id"]
    lms.faults({"html_error_next": 1})
    assert (rest.get("users/self").status_code, rest.get("users/self").status_code) == (502, 200)
    lms.faults({"error_every": 2})
    assert sorted(rest.get("users/self").status_code for _ in range(4)) == [200, 200, 500, 500]
    lms.faults({"error_every": 0, "revoke_token": True})
    assert rest.get("users/self").status_code == 401
    lms.faults({"revoke_token": False, "forbid_next": 1})
    assert rest.get("users/self").get_json()["status"] == "unauthorized"
    lms.faults({"scope_next": 1})
    lacking = rest.get("users/self")
    assert lacking.get_json()["errors"][0]["message"] == "Insufficient scopes on access token."
    assert "WWW-Authenticate" not in lacking.headers


def test_faults_of_one_path_only(rest, lms):
    lms.faults({"error_next": 5, "only_path": "/groups"})
    assert rest.get("users/self").status_code == 200
    assert rest.get("courses/101/groups").status_code == 500


def test_half_a_list_and_stripped_includes(rest, lms):
    lms.faults({"truncate_page": True, "strip_includes": True})
    assert rest.get("courses/101/users", page=1).status_code == 200
    assert rest.get("courses/101/users", page=2).status_code == 500
    assert "group_ids" not in rest.get("courses/101/users", include__="group_ids").get_json()[0]


def test_unknown_faults_are_refused_and_change_nothing(client):
    answer = client.post("/control/faults", json={"latency_ms": 5, "nonsense": 1})
    assert answer.status_code == 400
    assert client.get("/control/faults").get_json()["latency_ms"] == 0


def test_a_lost_answer_is_applied_and_the_connection_closed(live):
    lms, base, _ = live
    lms.faults({"cut_after_apply_next": 1})
    headers = {"Authorization": "Bearer demo-canvas-token"}
    url = f"{base}/canvas/api/v1/groups/402"
    assert requests.get(url, headers=headers, timeout=5).status_code == 200
    with pytest.raises(requests.ConnectionError):
        requests.put(url, headers=headers, json={"name": "Lost"}, timeout=5)
    assert requests.get(url, headers=headers, timeout=5).json()["name"] == "Lost"


def test_latency_does_not_hold_others_up(live):
    lms, base, _ = live
    lms.faults({"hang_ms": 2000, "only_path": "/groups"})
    headers = {"Authorization": "Bearer demo-canvas-token"}
    with pytest.raises(requests.Timeout):
        requests.get(f"{base}/canvas/api/v1/courses/101/groups", headers=headers, timeout=0.2)
    begun = time.monotonic()
    assert requests.get(f"{base}/canvas/api/v1/users/self", headers=headers, timeout=5).ok
    assert time.monotonic() - begun < 1


def test_the_outsider_and_the_state(client):
    def act(action, flavour="canvas", **ids):
        return client.post("/control/outsider", json={"flavour": flavour, "action": action} | ids)

    def groups(flavour="canvas", course=101):
        state = client.get(f"/control/state/{flavour}/{course}").get_json()
        return {g["id"]: g for g in state["groups"]}

    assert act("rename_group", group_id=402, name="Other").get_json()["ok"]
    user = groups()[403]["members"][0]
    act("move_member", user_id=user, group_id=402)
    assert (groups()[402]["name"], user in groups()[402]["members"]) == ("Other", True)
    assert user not in groups()[403]["members"]
    new = act("create_group", set_id=22, name="New", members=[user]).get_json()["group_id"]
    assert groups()[new]["members"] == [user]
    act("unenrol", user_id=user, course_id=101)
    assert groups()[new]["members"] == []
    act("delete_set", set_id=22)
    assert 402 not in groups()
    act("delete_group", flavour="moodle", group_id=61)
    assert 61 not in groups("moodle", 2)
    made = act("enrol", flavour="moodle", course_id=2, given="Nova", family="Ny").get_json()["user_id"]
    state = client.get("/control/state/moodle/2").get_json()
    assert {"Nova Ny"} == {p["name"] for p in state["people"] if p["id"] == made}
    assert act("nonsense").status_code == 400
    assert act("rename_group", group_id=99999, name="x").status_code == 400
    assert client.get("/control/state/canvas/999").status_code == 404


@pytest.mark.parametrize("flavour", ["canvas", "moodle"])
def test_the_big_course_is_made_once(client, lms, flavour):
    first = client.post(f"/control/big-course/{flavour}", json={"students": 60, "groups": 12}).get_json()["course_id"]
    assert lms.make_big_course(flavour, 60, 12) == first
    state = client.get(f"/control/state/{flavour}/{first}").get_json()
    assert [(s["name"], len(s["groups"])) for s in state["group_sets"]] == [("Project teams", 12), ("Labs", 12)]
    assert {len(g["members"]) for g in state["group_sets"][0]["groups"]} == {5}
    assert len(state["people"]) == 61


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/control/",
        "/control/outsider",
        "/control/outsider?flavour=moodle&course_id=3",
        "/canvas/courses/101?as=1002",
        "/canvas/courses/101/users?as=1002",
        "/canvas/courses/101/groups?as=1002",
        "/moodle/course/view.php?id=2&as=3",
        "/moodle/user/index.php?id=2&as=3",
        "/moodle/group/index.php?id=2&as=3",
    ],
)
def test_every_page_says_that_it_is_a_simulator(client, path):
    page = client.get(path)
    assert page.status_code == 200
    assert "Simulator." in page.get_data(as_text=True)


def test_pages_show_groups_and_escape_names(client):
    page = client.get("/moodle/group/index.php?id=2&as=3").get_data(as_text=True)
    assert "score a &lt; b" in page
    assert "Everyone with a laptop" in page
    assert client.get("/canvas/courses/999").status_code == 404


def test_forms_of_the_control_pages(client, lms):
    form = {"flavour": "canvas", "course_id": "101", "action": "rename_group", "group_id": "402", "name": "By form"}
    assert "Done: rename_group." in client.post("/control/outsider", data=form).get_data(as_text=True)
    assert lms.hub.sites["canvas"].groups[402].name == "By form"
    assert client.post("/control/faults", data={"latency_ms": "7", "strip_includes": "on"}).status_code == 302
    assert (lms.faults().latency_ms, lms.faults().strip_includes) == (7, True)
    assert client.post("/control/reset", data={"reset": "1"}).status_code == 302
    assert lms.hub.sites["canvas"].groups[402].name == "Project team 1"
    assert lms.faults().latency_ms == 0


def test_state_survives_a_restart(tmp_path):
    config = LmsConfig("http://localhost:8001", state_file=tmp_path / "state.json")
    first = create_lms(config)
    first.app.test_client().post(
        "/control/outsider",
        json={"flavour": "moodle", "action": "rename_group", "group_id": 61, "name": "Kept"},
    )
    first.close()
    assert (tmp_path / "state.json").stat().st_mode & 0o077 == 0
    second = create_lms(config)
    assert second.hub.sites["moodle"].groups[61].name == "Kept"
    assert second.hub.pems == first.hub.pems
    assert second.hub.sites["canvas"].rows() == first.hub.sites["canvas"].rows()
    second.close()


def test_a_broken_state_file_is_put_aside(tmp_path):
    path = tmp_path / "state.json"
    path.write_text("{half")
    lms = create_lms(LmsConfig("http://localhost:8001", state_file=path))
    assert lms.hub.sites["canvas"].courses[101]
    assert path.with_name("state.json.broken").exists()
    lms.close()


def test_the_command_serves_saves_and_stops_on_sigterm(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base, config = f"http://127.0.0.1:{port}", tmp_path / "demo.json"
    config.write_text(json.dumps({"base_url": base, "state_file": str(tmp_path / "state.json")}))
    command = [sys.executable, "-m", "lti_tool.demo", "--config", str(config)]
    with subprocess.Popen(command, env=os.environ, stderr=subprocess.PIPE, text=True) as process:
        assert "serving" in process.stderr.readline()
        change = {"flavour": "canvas", "action": "rename_group", "group_id": 402, "name": "Saved"}
        requests.post(f"{base}/control/outsider", json=change, timeout=5).raise_for_status()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert "Saved" in (tmp_path / "state.json").read_text()
