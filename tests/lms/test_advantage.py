"""The roster by Names and Role Provisioning: tokens, pages, and what each platform makes of a member."""

import jwt
import pytest

from lti_tool.demo import ToolLink
from lti_tool.domain.errors import LmsRefused, LmsUnavailable
from lti_tool.domain.platform_hosts import own_hosts
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import MemberStatus
from lti_tool.lms.advantage import Advantage
from lti_tool.lms.advantage_people import roster
from tests.lms.conftest import TOKEN_PATHS

LEARNER = "http://purl.imsglobal.org/vocab/lis/v2/membership#Learner"
TEST_USER = "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"


@pytest.fixture
def reach(demo, base, outbound, tool_key, jwks_url):
    """Return the advantage services of a site, and the address of its small course's members."""

    def make(flavour, *, keys=jwks_url, client_id="client"):
        demo.install_tool(flavour, ToolLink("client", "1", "http://t/login", "http://t/launch", keys))
        course = next(iter(demo.hub.sites[flavour].courses.values()))
        token_url = f"{base}/{flavour}{TOKEN_PATHS[flavour]}"
        advantage = Advantage(
            outbound,
            token_url=token_url,
            client_id=client_id,
            audience=token_url,
            sign_assertion=lambda claims: jwt.encode(claims, tool_key, "RS256", headers={"kid": "k1"}),
            hosts=own_hosts([token_url], None, None),
            sleep=lambda seconds: None,
        )
        path = {
            "canvas": f"/canvas/api/lti/courses/{course.id}/names_and_roles",
            "moodle": f"/moodle/mod/lti/services.php/CourseSection/{course.id}/bindings/1/memberships",
        }[flavour]
        return advantage, base + path, course

    return make


def test_canvas_tells_its_own_ids_when_the_link_is_named(reach, canvas):
    advantage, url, course = reach("canvas")
    found = advantage.fetch_roster(url, resource_link_id=course.lti_id, family="canvas")
    state = {p["lti_id"]: p for p in canvas.state()["people"]}
    assert found.people
    for person in found.people:
        assert person.lms_user_id == str(state[person.lti_user_id]["id"])
        assert person.name == state[person.lti_user_id]["name"]
    assert not any(p.name == "Test Student" for p in found.people)
    assert (found.lists_inactive, found.types_are_hints) == (False, False)
    assert {p.enrollment_type for p in found.people} == set(EnrollmentType) - {EnrollmentType.OTHER}


def test_a_link_that_the_platform_does_not_know_is_left_out(reach):
    advantage, url, _ = reach("canvas")
    found = advantage.fetch_roster(url, resource_link_id="unknown", family="canvas")
    assert found.people
    assert {p.lms_user_id for p in found.people} == {None}


def test_moodle_s_ids_are_its_own_and_names_lose_their_escapes(reach, moodle):
    advantage, url, _ = reach("moodle")
    found = advantage.fetch_roster(url, resource_link_id="1", family="moodle")
    state = {str(p["id"]): p for p in moodle.state()["people"] if p["states"] == ["active"]}
    assert {p.lms_user_id: p.name for p in found.people} == {n: p["name"] for n, p in state.items()}
    assert any("&" in p.name for p in found.people)
    assert (found.lists_inactive, found.types_are_hints) == (False, True)


def test_all_pages_of_a_big_course_arrive(reach, demo, base):
    advantage, _, _ = reach("canvas")
    course_id = demo.make_big_course("canvas", 170, 2)
    url = f"{base}/canvas/api/lti/courses/{course_id}/names_and_roles"
    found = advantage.fetch_roster(url, resource_link_id=None, family="canvas")
    assert len(found.people) == 171
    assert advantage.calls == 1 + 4


def test_half_a_roster_is_an_error(reach, demo, base):
    advantage, _, _ = reach("canvas")
    course_id = demo.make_big_course("canvas", 170, 2)
    demo.faults({"truncate_page": 3})
    with pytest.raises(LmsUnavailable):
        advantage.fetch_roster(
            f"{base}/canvas/api/lti/courses/{course_id}/names_and_roles", resource_link_id=None, family="canvas"
        )


@pytest.mark.parametrize("flavour", ["canvas", "moodle"])
def test_a_token_is_kept_and_replaced_when_the_platform_ends_it(reach, demo, flavour):
    advantage, url, _ = reach(flavour)
    advantage.fetch_roster(url, resource_link_id=None, family=flavour)
    before = advantage.calls
    advantage.fetch_roster(url, resource_link_id=None, family=flavour)
    assert advantage.calls == before + 1
    demo.hub.sites[flavour].tokens.clear()
    advantage.fetch_roster(url, resource_link_id=None, family=flavour)
    assert advantage.calls == before + 4
    demo.faults({"revoke_token": True})
    with pytest.raises(LmsRefused, match="token_rejected"):
        advantage.fetch_roster(url, resource_link_id=None, family=flavour)


@pytest.mark.parametrize("flavour", ["canvas", "moodle"])
def test_a_client_that_the_platform_does_not_know_is_told(reach, flavour):
    advantage, url, _ = reach(flavour, client_id="somebody else")
    with pytest.raises(LmsRefused, match="tool_key_refused") as caught:
        advantage.fetch_roster(url, resource_link_id=None, family=flavour)
    assert caught.value.facts["reason"] == "invalid_client"


def test_moodle_that_cannot_reach_the_tool_s_keys_is_told_apart(reach):
    advantage, url, _ = reach("moodle", keys="http://127.0.0.1:9/jwks")
    with pytest.raises(LmsRefused, match="tool_keys_unreachable"):
        advantage.fetch_roster(url, resource_link_id=None, family="moodle")


def test_a_service_that_is_off_is_told(reach):
    advantage, url, _ = reach("canvas")
    with pytest.raises(LmsRefused, match="roster_service_off"):
        advantage.fetch_roster(url.replace("/101/", "/999/"), resource_link_id=None, family="canvas")


def one(family="other", **member):
    people = roster([{"user_id": "0123456789", "roles": [LEARNER]} | member], family).people
    return people[0] if people else None


def test_what_is_not_told_is_none_and_nothing_is_invented():
    person = one(email="", lis_person_sourcedid="$Person.sourcedId")
    assert (person.name, person.email, person.student_number) == ("User 01234567", None, None)
    assert (person.lms_user_id, person.lti_user_id) == ("0123456789", "0123456789")
    assert one(given_name="Ann", family_name="Lee").name == "Ann Lee"
    assert one(given_name="Ann").name == "Ann"


def test_states_and_roles_are_read():
    assert one().status is MemberStatus.ACTIVE
    assert (one(status="Inactive").status, one(status="Inactive").enrollment_display) == (
        MemberStatus.DROPPED,
        "Inactive",
    )
    assert one(status="Deleted").status is MemberStatus.DROPPED
    assert one(roles=[]).enrollment_type is EnrollmentType.OTHER
    assert one(roles=[LEARNER, TEST_USER]) is None


def test_variables_that_canvas_did_not_fill_in_are_absent():
    claim = "https://purl.imsglobal.org/spec/lti/claim/custom"
    assert one("canvas", message=[{claim: {"canvas_user_id": "$Canvas.user.id"}}]).lms_user_id is None
    assert one("canvas", message=[{"custom": {"canvas_user_id": 17}}]).lms_user_id == "17"
    assert one("canvas", message=[{claim: {"student_view": "true"}}]) is None
    assert one("other", message=[{claim: {"canvas_user_id": "5"}}]).lms_user_id == "0123456789"


def test_an_answer_of_another_shape_is_no_empty_roster(scripted, outbound):
    advantage = Advantage(
        outbound,
        token_url=scripted.url + "/token",
        client_id="c",
        audience="a",
        sign_assertion=lambda claims: "signed",
        hosts=own_hosts([scripted.url], None, None),
        sleep=lambda seconds: None,
    )
    scripted.answers["/token"] = (200, {"Content-Type": "text/html"}, b'{"access_token":"t","expires_in":60}')
    for body in (b'{"errors":"x"}', b"[]", b'{"members":[{"roles":[]}]}'):
        scripted.answers["/members?a=B&limit=500"] = (200, {}, body)
        with pytest.raises(LmsUnavailable, match="lms_not_json"):
            advantage.fetch_roster(scripted.url + "/members?a=B", resource_link_id=None, family="other")
    # A token that lives for a minute only is not kept.
    assert scripted.asked.count("/token") == 3
    scripted.answers["/token"] = (200, {}, b'{"token":"?"}')
    with pytest.raises(LmsUnavailable, match="lms_not_json"):
        advantage.fetch_roster(scripted.url + "/members", resource_link_id=None, family="other")
