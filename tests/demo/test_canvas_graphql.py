"""The small part of Canvas's GraphQL that the demo plays: it shows what the tool would have to bear if it asked."""

import time

import pytest

from lti_tool.demo.model import Token

GROUPS = """query($c: ID!, $a: String) { course(id: $c) { groupSets { _id name selfSignup }
  groupsConnection(first: 1000, after: $a) { pageInfo { hasNextPage endCursor }
    nodes { _id name groupCategory { _id } membersConnection(first: 1000) { nodes { user { _id } } } } } } }"""


@pytest.fixture
def ask(client):
    def call(query, token="demo-canvas-token", **variables):
        body = {"query": query, "variables": variables}
        answer = client.post("/canvas/api/graphql", json=body, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200
        return answer.get_json()

    return call


def test_sets_groups_and_members_are_those_of_rest(ask, rest, lms):
    course = ask(GROUPS, c="101")["data"]["course"]
    sets = [s for s in rest.get("courses/101/group_categories").get_json() if s["role"] is None]
    assert [(s["_id"], s["name"]) for s in course["groupSets"]] == [(str(s["id"]), s["name"]) for s in sets]
    site = lms.hub.sites["canvas"]
    for group in course["groupsConnection"]["nodes"]:
        members = [node["user"]["_id"] for node in group["membersConnection"]["nodes"]]
        assert members == [str(n) for n in site.members(int(group["_id"]))]
        assert [int(group["groupCategory"]["_id"])] == site.groups[int(group["_id"])].sets


def test_a_page_has_a_hundred_at_the_most_however_many_are_asked_for(ask, lms):
    course, seen, cursor = lms.make_big_course("canvas", 250, 230), [], None
    while True:
        page = ask(GROUPS, c=course, a=cursor)["data"]["course"]["groupsConnection"]
        seen += [group["_id"] for group in page["nodes"]]
        assert len(page["nodes"]) <= 100
        if not page["pageInfo"]["hasNextPage"]:
            break
        cursor = page["pageInfo"]["endCursor"]
    assert len(seen) == len(set(seen)) > 200
    users = ask("query($c: ID!) { course(id: $c) { usersConnection { nodes { name } } } }", c=course)
    assert len(users["data"]["course"]["usersConnection"]["nodes"]) == 20


def test_what_is_wrong_comes_with_status_200_and_what_is_forbidden_is_nothing(ask, lms):
    for query in ("{ course(id: 101) { leader } }", "{ course(id: 101) {", "mutation { createGroupSet { _id } }"):
        assert ask(query)["errors"]
    deep = "{ course(id: 101) { groupSetsConnection(first: 10) { nodes { groupsConnection(first: 100) { nodes { "
    deep += "membersConnection(first: 100) { nodes { _id state user { _id } } } } } } } } }"
    assert "complexity" in ask(deep)["errors"][0]["message"]
    student = ask(GROUPS, token="demo-user-1009", c="101")["data"]["course"]
    assert student["groupSets"] == []
    site = lms.hub.sites["canvas"]
    inside = {enrolment.user for enrolment in site.enrolments.values() if enrolment.course == 102}
    stranger = next(person.id for person in site.people.values() if person.id not in inside and not person.admin)
    assert ask(GROUPS, token=f"demo-user-{stranger}", c="102") == {"data": {"course": None}}


def test_a_key_that_enforces_scopes_is_shown_nothing_unless_it_has_that_one(ask, lms):
    for scope, hidden in (("url:GET|/api/v1/groups/:group_id", True), ("url:POST|/api/graphql", False)):
        lms.hub.sites["canvas"].tokens["scoped"] = Token("scoped", "k", scope, time.time() + 60, 1002)
        answer = ask(GROUPS, token="scoped", c="101")
        assert ("hidden due to insufficient scopes" in str(answer.get("errors"))) is hidden
        assert bool(answer["data"]) is not hidden
