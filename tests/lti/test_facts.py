"""What is read out of a verified launch."""

import pytest

from lti_tool.lti.claims import clean, custom, email, identifier, locale, web_address
from lti_tool.lti.launch import verify
from lti_tool.lti.platform import find_registration
from lti_tool.services.tool import Tool

C = "https://purl.imsglobal.org/spec/lti/claim/"
NRPS = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
PLACEMENT = "https://www.instructure.com/placement"
ALL_OF_GROUPS = "manage_groups_add,manage_groups_manage,manage_groups_delete"


@pytest.fixture
def facts(app, settings, context):
    def read(school, **changes):
        hop = school.login(school.client())
        secret = hop.answer.headers["Set-Cookie"].split(";")[0].split("=", 1)[1]
        form = {"state": hop.state, "id_token": school.sign(school.claims(hop) | changes), "bind": secret}
        tool: Tool = app.extensions["lti_tool"]
        return verify(settings, tool.platform_keys, find_registration(school.registration_id), form, {})

    return read


def test_canvas(facts, school):
    found = facts(
        school,
        **{
            f"{C}custom": {
                "canvas_user_id": 12,
                "canvas_course_id": "7",
                "canvas_api_base": "https://school.example",
                "canvas_section_ids": "$Canvas.course.sectionIds",
                "canvas_permissions": "manage_groups_add,manage_groups_manage,manage_groups_delete",
                "student_view": True,
            },
            PLACEMENT: "course_navigation",
            f"{C}lis": {"person_sourcedid": " 1234 "},
            f"{C}launch_presentation": {"locale": "de-AT", "return_url": "https://school.example/r"},
            NRPS: {"context_memberships_url": "https://school.example/nrps", "service_versions": ["2.0"]},
        },
    )
    assert (found.lms_user_id, found.lms_course_id) == ("12", "7")
    assert found.may_manage_groups is True
    assert found.is_test_user
    assert "canvas_section_ids" not in found.custom
    assert found.student_number == "1234"
    assert found.locale == "de-AT"
    assert found.memberships_url == "https://school.example/nrps"
    assert found.resource_link_id == "rl-1"
    assert (found.context.lti_context_id, found.context.title, found.context.label) == ("course-1", "Intro", "CS1")
    assert (found.name, found.email) == ("Ada Lovelace", "ada@example.org")
    assert "https://school.example" in found.platform_origins
    assert found.target_path == f"{school.path}/launch"


@pytest.mark.parametrize(
    "told",
    [
        {NRPS: {"context_memberships_url": "https://school.example/api/lti/courses/102/names_and_roles"}},
        {f"{C}launch_presentation": {"return_url": "https://school.example/courses/102/external_content/success"}},
    ],
    ids=["people", "return"],
)
def test_the_word_of_canvas_on_its_course_wins_over_a_links_own_parameter(facts, school, told):
    found = facts(school, **told, **{f"{C}custom": {"canvas_course_id": "101"}})
    assert found.lms_course_id == "102"


@pytest.mark.parametrize("family", ["moodle", "other"])
def test_parameters_of_canvas_mean_nothing_elsewhere(facts, make_school, family):
    forged = {
        "canvas_permissions": "manage_groups_manage",
        "canvas_course_id": "101",
        "canvas_user_id": "1",
        "canvas_api_base": "https://evil.example",
        "student_view": "true",
    }
    found = facts(make_school(family=family), **{f"{C}custom": forged})
    assert found.may_manage_groups is None
    assert not found.is_test_user
    assert "https://evil.example" not in found.platform_origins
    assert "101" not in (found.lms_course_id, found.lms_user_id)


def test_moodle_ids_are_those_of_the_launch(facts, make_school):
    found = facts(make_school(family="moodle"))
    assert (found.lms_user_id, found.lms_course_id) == ("u1", "course-1")
    assert found.may_manage_groups is None


@pytest.mark.parametrize(
    ("permissions", "expected", "by_link"),
    [
        ("", False, False),
        ("manage_groups_add,manage_groups_delete", False, False),
        ("manage_groups_manage", False, False),
        (ALL_OF_GROUPS, True, None),
        ("manage_groups", True, None),
        ("$Canvas.x", None, None),
    ],
)
def test_who_lacks_one_right_of_canvas_has_none_and_a_links_own_parameter_gives_none(
    facts, school, permissions, expected, by_link
):
    custom = {f"{C}custom": {"canvas_permissions": permissions}}
    assert facts(school, **custom, **{PLACEMENT: "course_navigation"}).may_manage_groups is expected
    for placement in ({PLACEMENT: "link_selection"}, {}):
        assert facts(school, **custom, **placement).may_manage_groups is by_link


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Ada", "Ada"),
        ("  Ada\n\tLove ", "Ada Love"),
        ("A\u0308da", "Äda"),
        ("a\0b\u202ec\ud800d", "abcd"),
        ("क्\u200dष", "क्\u200dष"),
        ("x" * 300, "x" * 255),
        (None, ""),
        ({}, ""),
    ],
)
def test_names_are_cleaned(value, expected):
    assert clean(value) == expected


def test_values_of_wrong_kinds_are_absent():
    assert [identifier(value) for value in (1, "", "a\0", "x" * 256, None, "ok")] == [None] * 5 + ["ok"]
    assert [email(value) for value in ("a@b", "ab", "@b", "a b@c", 5, "a@" + "b" * 400)] == ["a@b", *[None] * 5]
    assert [web_address(value) for value in ("ftp://x", "https://", "https://x y", "https://[", 1)] == [None] * 5
    assert [locale(value) for value in ("en", "pt_BR", "x" * 40, "<b>", None)] == ["en", "pt_BR", None, None, None]
    assert custom({"a": "$X", "b": 1, "c": 1.5, "d": "x" * 5000, "\0": "x", "e": ""}) == {"b": "1", "e": ""}


GROUPS = "https://purl.imsglobal.org/spec/lti-gs/claim/groupsservice"


def test_the_course_groups_service_is_read(facts, make_school):
    urls = {"context_groups_url": "https://school.example/g", "context_group_sets_url": "https://school.example/s"}
    found = facts(make_school(family="other"), **{GROUPS: urls | {"service_versions": ["1.0"]}})
    assert (found.groups_url, found.group_sets_url) == ("https://school.example/g", "https://school.example/s")
    assert (found.lms_user_id, found.lms_course_id) == (found.lti_user_id, "course-1")


@pytest.mark.parametrize("claim", [{"context_groups_url": "file:///etc/passwd"}, "text", {"context_groups_url": 7}])
def test_a_groups_service_of_another_shape_is_none(facts, school, claim):
    found = facts(school, **{GROUPS: claim})
    assert (found.groups_url, found.group_sets_url) == (None, None)
