"""Tokens and rosters over a real socket, OAuth2 of the Canvas-like site."""

import re
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from lti_tool.demo.model import Token

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"


@pytest.fixture
def bearer(live):
    """Get a token for a site; the answer is the header."""
    _, base, tool = live

    def get(flavour):
        path = {"canvas": "/canvas/login/oauth2/token", "moodle": "/moodle/mod/lti/token.php"}[flavour]
        client_id = {"canvas": "10001", "moodle": "mclient"}[flavour]
        answer = requests.post(base + path, data=tool.token_form(client_id, base + path), timeout=5)
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    return get


def test_canvas_token_checks_the_assertion(live):
    _, base, tool = live
    url = base + "/canvas/login/oauth2/token"
    good = requests.post(url, data=tool.token_form("10001", url), timeout=5)
    assert good.json()["expires_in"] == 3600
    for form in (
        tool.token_form("10001", "https://elsewhere.example"),
        tool.token_form("10001", url, scope="nonsense"),
        tool.token_form("10001", url, client_assertion=tool.assertion("10001", url, exp=1)),
        tool.token_form("10001", url, grant_type="password"),
    ):
        assert requests.post(url, data=form, timeout=5).status_code == 400
    wrong = requests.post(url, data=tool.token_form("someone", url), timeout=5)
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")


def test_a_new_key_of_the_tool_is_fetched(live):
    _, base, tool = live
    url = base + "/canvas/login/oauth2/token"
    requests.post(url, data=tool.token_form("10001", url), timeout=5)
    requests.post(url, data=tool.token_form("10001", url), timeout=5)
    assert tool.fetches == 1
    tool.kid = "rotated"
    assert requests.post(url, data=tool.token_form("10001", url), timeout=5).status_code == 200
    assert tool.fetches == 2


def test_moodle_token_is_labelled_html_and_has_odd_errors(live):
    _, base, tool = live
    url = base + "/moodle/mod/lti/token.php"
    good = requests.post(url, data=tool.token_form("mclient", "anything"), timeout=5)
    assert good.headers["Content-Type"].startswith("text/html")
    assert good.json()["token_type"] == "Bearer"
    published, tool.kid = tool.kid, "other"
    form = tool.token_form("mclient", url)
    tool.kid = published
    stale = requests.post(url, data=form, timeout=5)
    assert (stale.status_code, '""kid" invalid' in stale.text) == (400, True)


def test_moodle_token_without_a_reachable_key_set_is_a_page(live):
    lms, base, tool = live
    form = tool.token_form("mclient", "x")
    tool.url = "http://127.0.0.1:9"
    lms.install_tool("moodle", tool.link("mclient"))
    answer = requests.post(base + "/moodle/mod/lti/token.php", data=form, timeout=5)
    assert (answer.status_code, answer.text.startswith("<html>")) == (404, True)


def _pages(url, headers):
    while url:
        answer = requests.get(url, headers=headers, timeout=5)
        yield answer
        match = re.search(r'<([^>]*)>; rel="next"', answer.headers.get("Link", ""))
        url = match[1] if match else None


def test_canvas_nrps_pages_of_fifty_with_opaque_cursors(live, bearer):
    lms, base, _ = live
    course = lms.make_big_course("canvas", 120, 4)
    url = f"{base}/canvas/api/lti/courses/{course}/names_and_roles?limit=1000"
    pages = list(_pages(url, bearer("canvas")))
    assert [len(p.json()["members"]) for p in pages] == [50, 50, 21]
    assert re.search(r"page=Bookmark:\S*[A-Z]", pages[0].headers["Link"])
    people = {m["user_id"] for p in pages for m in p.json()["members"]}
    assert len(people) == 121


def test_canvas_nrps_shows_active_people_and_expands_custom_fields(live, bearer):
    lms, base, _ = live
    headers, site = bearer("canvas"), lms.hub.sites["canvas"]
    url = f"{base}/canvas/api/lti/courses/101/names_and_roles"
    plain = requests.get(url, headers=headers, timeout=5).json()["members"]
    assert len(plain) == 26
    assert "message" not in plain[0]
    full = requests.get(url, headers=headers, params={"rlid": site.courses[101].lti_id}, timeout=5).json()
    for member in full["members"]:
        custom = member["message"][0][CLAIM + "custom"]
        assert site.people[custom["canvas_user_id"]].lti_id == member["user_id"]
    assert requests.get(url, headers=headers, params={"rlid": "foreign"}, timeout=5).status_code == 400
    learners = requests.get(url, headers=headers, params={"role": "Learner"}, timeout=5).json()["members"]
    assert 0 < len(learners) < 26
    assert requests.get(url, timeout=5).status_code == 401


def test_canvas_nrps_of_a_group_names_its_members_and_its_leader(live, bearer):
    lms, base, _ = live
    headers, site = bearer("canvas"), lms.hub.sites["canvas"]
    group = next(g for g in site.groups.values() if g.leader and len(site.members(g.id)) > 1)
    url = f"{base}/canvas/api/lti/groups/{group.id}/names_and_roles"
    found = requests.get(url, headers=headers, timeout=5).json()
    assert found["context"]["title"] == group.name
    assert [m["user_id"] for m in found["members"]] == [site.people[n].lti_id for n in sorted(site.members(group.id))]
    leaders = [m["user_id"] for m in found["members"] if any(role.endswith("#Manager") for role in m["roles"])]
    assert leaders == [site.people[group.leader].lti_id]
    assert [len(p.json()["members"]) for p in _pages(url + "?limit=1", headers)] == [1] * len(found["members"])
    managers = requests.get(url, headers=headers, params={"role": "Manager"}, timeout=5).json()["members"]
    assert [m["user_id"] for m in managers] == leaders
    assert requests.get(url, timeout=5).status_code == 401
    group.deleted = True
    assert requests.get(url, headers=headers, timeout=5).status_code == 404


def test_moodle_nrps(live, bearer):
    _, base, _ = live
    headers = bearer("moodle")
    url = f"{base}/moodle/mod/lti/services.php/CourseSection/2/bindings/1/memberships"
    members = requests.get(url, headers=headers, timeout=5).json()["members"]
    assert len(members) == 27
    assistant = next(m for m in members if m["given_name"] == "Marco")
    assert assistant["roles"] == ["Learner"]
    assert assistant["family_name"] == "D'Angelo &amp; Söhne"
    page = requests.get(url, headers=headers, params={"limit": 10, "role": "Learner"}, timeout=5)
    assert len(page.json()["members"]) == 10
    assert page.headers["Link"].startswith(f"<{url}?limit=10&from=10>")


def _code(client, user):
    form = {"as": user, "redirect_uri": "http://tool.example/cb", "state": "s", "answer": "allow"}
    answer = client.post("/canvas/login/oauth2/confirm", data=form)
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query["state"] == ["s"]
    return query["code"][0]


def _ask(client, **form):
    keys = {"client_id": "demo-canvas-api", "client_secret": "demo-canvas-secret"}
    return client.post("/canvas/login/oauth2/token", data=keys | form)


def test_oauth_code_once_refresh_and_revocation(client):
    code = _code(client, 1002)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "http://tool.example/cb"}
    first = _ask(client, **form).get_json()
    assert first["user"]["id"] == 1002
    assert _ask(client, **form).get_json()["error"] == "invalid_grant"
    refresh = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = _ask(client, **refresh).get_json()
    assert "refresh_token" not in second

    def self_id(token):
        answer = client.get("/canvas/api/v1/users/self", headers={"Authorization": f"Bearer {token}"})
        return answer.get_json().get("id")

    assert self_id(second["access_token"]) == 1002
    assert self_id(first["access_token"]) is None
    header = {"Authorization": f"Bearer {second['access_token']}"}
    assert client.delete("/canvas/login/oauth2/token", headers=header).get_json() == {}
    assert _ask(client, **refresh).status_code == 400


def test_a_code_is_good_for_ten_minutes_and_a_token_for_an_hour(client, lms):
    form = {"grant_type": "authorization_code", "redirect_uri": "http://tool.example/cb"}
    late = _code(client, 1002)
    assert 590 < lms.hub.codes[late]["until"] - time.time() <= 600
    lms.hub.codes[late]["until"] = time.time() - 1
    assert _ask(client, code=late, **form).get_json()["error"] == "invalid_grant"
    answer = _ask(client, code=_code(client, 1002), **form).get_json()
    row = lms.hub.sites["canvas"].tokens[answer["access_token"]]
    assert answer["expires_in"] == 3600
    row.expires = time.time() - 1
    gone = client.get("/canvas/api/v1/users/self", headers={"Authorization": f"Bearer {row.value}"})
    assert gone.get_json() == {"errors": [{"message": "Invalid access token."}]}


def test_scopes_are_kept_by_verb_and_path_and_an_unknown_one_spoils_all(client, lms):
    query = {"client_id": "demo-canvas-api", "redirect_uri": "http://tool.example/cb", "response_type": "code"}
    good = "url:GET|/api/v1/groups/:group_id url:GET|/api/v1/courses/:course_id/users"
    for scope, refused in ((good, False), (good + " url:GET|/api/v1/nothing/:id", True)):
        answer = client.get("/canvas/login/oauth2/auth", query_string=query | {"scope": scope})
        assert ("error=invalid_scope" in answer.headers.get("Location", "")) is refused
    lms.hub.sites["canvas"].tokens["scoped"] = Token("scoped", "k", good, time.time() + 60, 1002)
    header = {"Authorization": "Bearer scoped"}
    for method, path, allowed in (
        ("GET", "groups/402", True),
        ("HEAD", "groups/402", True),
        ("PUT", "groups/402", False),
        ("GET", "groups/402/users", False),
        ("GET", "courses/101/users", True),
    ):
        answer = client.open(f"/canvas/api/v1/{path}", method=method, headers=header)
        assert answer.status_code == (200 if allowed else 401), path
        assert "WWW-Authenticate" not in answer.headers
    assert answer.status_code == 200


def test_oauth_refusals(client):
    query = {"client_id": "demo-canvas-api", "redirect_uri": "http://tool.example/cb", "response_type": "code"}
    assert client.get("/canvas/login/oauth2/auth", query_string=query).status_code == 200
    assert client.get("/canvas/login/oauth2/auth", query_string=query | {"client_id": "x"}).status_code == 401
    form = {"redirect_uri": "http://tool.example/cb", "answer": "deny"}
    answer = client.post("/canvas/login/oauth2/confirm", data=form)
    assert "error=access_denied" in answer.headers["Location"]
    bad = client.post("/canvas/login/oauth2/token", data={"grant_type": "refresh_token", "client_id": "x"})
    assert bad.headers["WWW-Authenticate"] == "Canvas OAuth 2.0"
