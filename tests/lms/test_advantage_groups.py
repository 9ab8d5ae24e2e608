"""Groups of any LTI platform: who is in them, in how few calls, and what is told when the service is off."""

import json

import pytest

from lti_tool.domain.errors import LmsRefused, LmsUnavailable
from lti_tool.domain.gateway import Right
from lti_tool.domain.platform_hosts import own_hosts
from lti_tool.lms.advantage import Advantage
from lti_tool.lms.advantage_groups import GROUPS_SCOPE, AdvantageGateway


def held(state):
    return {str(g["id"]): (g["name"], set(g["members"])) for g in state["groups"]}


def found(remote):
    return {g.lms_group_id: (g.name, set(g.member_ids)) for g in remote.groups}


@pytest.mark.parametrize("flavour", ["canvas", "moodle"])
def test_people_who_tell_their_groups_spare_a_call_for_each(make_lti_site, flavour):
    site = make_lti_site(flavour)
    gateway = site.gateway()
    remote = gateway.pull(roster=True, groups=True)
    assert found(remote.groups) == held(site.state())
    assert {p.lms_user_id for p in remote.roster.people} >= {m for g in remote.groups.groups for m in g.member_ids}
    assert gateway.calls == 2 + 3  # two tokens, and sets, groups and people in a page each


@pytest.mark.parametrize("flavour", ["canvas", "moodle"])
def test_a_platform_whose_people_tell_nothing_is_asked_for_each_of_them(make_lti_site, flavour):
    site = make_lti_site(flavour, enrollments=False)
    gateway = site.gateway()
    remote = gateway.pull(roster=True, groups=True)
    assert found(remote.groups) == held(site.state())
    assert gateway.calls == 2 + 3 + len(remote.roster.people)
    assert site.demo.calls()[flavour]["most_at_once"] <= 4


def test_a_big_course_takes_few_calls(make_lti_site):
    site = make_lti_site("canvas")
    site.course_id = site.demo.make_big_course("canvas", 500, 100)
    gateway = site.gateway()
    assert found(gateway.pull(roster=True, groups=True).groups) == held(site.state())
    assert gateway.calls <= 2 + 1 + 4 + 11  # tokens, sets, groups and people in pages of fifty


def test_only_reading_is_possible(make_lti_site):
    gateway = make_lti_site("canvas").gateway()
    rights = gateway.capabilities()
    assert rights.rights == {Right.READ_ROSTER, Right.READ_GROUPS}
    assert rights.missing == {Right.WRITE_GROUPS: "groups_read_only"}
    assert gateway.calls == 2
    assert gateway.read_managers() is None


def test_without_a_roster_nobody_s_groups_are_known(make_lti_site):
    gateway = make_lti_site("canvas").gateway(memberships_url=None)
    assert gateway.capabilities().missing[Right.READ_GROUPS] == "roster_service_off"
    with pytest.raises(LmsRefused, match="roster_service_off"):
        gateway.pull(roster=False, groups=True)


def test_a_platform_that_does_not_give_the_scope_is_told(make_lti_site):
    site = make_lti_site("canvas")
    gateway = site.gateway()
    with site.demo.hub.lock:
        site.demo.hub.tools["canvas"] = site.demo.hub.tools["moodle"] = type(site.demo.hub.tools["canvas"])(
            "client", "1", "http://t/login", "http://t/launch", site.jwks_url
        )
    assert gateway.capabilities().missing[Right.READ_GROUPS] == "groups_service_off"
    with pytest.raises(LmsRefused, match="groups_service_off"):
        gateway.pull(roster=False, groups=True)


def test_a_token_of_the_other_service_opens_nothing(make_lti_site, demo):
    site = make_lti_site("canvas")
    gateway = site.gateway()
    gateway.pull(roster=False, groups=True)
    for token in demo.hub.sites["canvas"].tokens.values():
        token.scope = token.scope.replace(GROUPS_SCOPE, "another")
    with pytest.raises(LmsRefused, match="groups_service_off"):
        gateway.pull(roster=False, groups=True)


def test_a_token_that_the_platform_ends_early_is_replaced(make_lti_site, demo):
    gateway = make_lti_site("canvas").gateway()
    before = found(gateway.pull(roster=False, groups=True).groups)
    demo.hub.sites["canvas"].tokens.clear()
    assert found(gateway.pull(roster=False, groups=True).groups) == before


@pytest.mark.parametrize("page", ["context_groups", "context_group_sets", "names_and_roles"])
def test_half_a_list_is_an_error(make_lti_site, demo, page):
    site = make_lti_site("canvas")
    for number in range(60):
        set_id = site.outsider("create_set", name=f"Set {number}")["set_id"]
        site.outsider("create_group", set_id=set_id, name=f"G {number}")
        site.outsider("enrol")
    demo.faults({"truncate_page": 2, "only_path": page})
    with pytest.raises(LmsUnavailable):
        site.gateway().pull(roster=True, groups=True)


@pytest.fixture
def platform(scripted, outbound):
    """A platform that answers as a test says, and its gateway."""
    scripted.answers["/token"] = (200, {}, b'{"access_token":"t","expires_in":3600}')
    advantage = Advantage(
        outbound,
        token_url=scripted.url + "/token",
        client_id="c",
        audience="a",
        sign_assertion=lambda claims: "signed",
        hosts=own_hosts([scripted.url], None, None),
        sleep=lambda seconds: None,
    )

    def say(groups, members, sets=None):
        answers = {"groups": groups, "sets": sets, "members": members}
        for key, entries in answers.items():
            tail = "&groups=true" if key == "members" else ""
            scripted.answers[f"/{key}?limit=500{tail}"] = (200, {}, json.dumps({key: entries}).encode())
        return AdvantageGateway(
            advantage,
            memberships_url=scripted.url + "/members",
            groups_url=scripted.url + "/groups",
            group_sets_url=None if sets is None else scripted.url + "/sets",
        )

    return say


def test_sets_that_only_the_groups_name_are_sets_too(platform):
    members = [{"user_id": "u", "roles": [], "group_enrollments": [{"group_id": 1}, {"group_id": "gone"}, "?"]}]
    groups = [{"id": 1, "name": "One", "set_id": 7}, {"id": 2}]
    remote = platform(groups, members).pull(roster=False, groups=True).groups
    assert [(s.lms_group_set_id, s.name, s.group_ids) for s in remote.group_sets] == [("7", "Group set 7", ("1",))]
    assert [(g.lms_group_id, g.name, g.member_ids) for g in remote.groups] == [
        ("1", "One", ("u",)),
        ("2", "Unnamed group", ()),
    ]


def test_a_course_without_groups_asks_for_nobody(platform, scripted):
    remote = platform([], [], sets=[{"id": "s", "name": "Empty"}]).pull(roster=False, groups=True).groups
    assert [(s.name, s.group_ids) for s in remote.group_sets] == [("Empty", ())]
    assert not any("members" in path for path in scripted.asked)


def test_test_users_are_in_no_group(platform):
    test_user = "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"
    members = [{"user_id": "t", "roles": [test_user], "group_enrollments": [{"group_id": "1"}]}]
    remote = platform([{"id": "1", "name": "One"}], members).pull(roster=False, groups=True).groups
    assert remote.groups[0].member_ids == ()


def test_an_answer_of_another_shape_is_no_empty_course(platform):
    for groups in ([{"name": "No id"}], None, {"id": "1"}):
        with pytest.raises(LmsUnavailable, match="lms_not_json"):
            platform(groups, []).pull(roster=False, groups=True)
