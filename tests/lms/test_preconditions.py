"""What each LMS has to give, asked one by one: what is missing is named, also where the LMS says nothing."""

from typing import Any

import pytest

from lti_tool.lms import canvas_oauth
from lti_tool.lms.canvas_oauth import SCOPES, OauthClient


@pytest.fixture
def canvas(make_site: Any) -> Any:
    return make_site("canvas")


@pytest.fixture
def moodle(make_site: Any) -> Any:
    return make_site("moodle")


def missing(gateway: Any, **known: Any) -> dict[str, str]:
    return {found.name: found.error.code for found in gateway.preconditions(**known) if found.error}


def test_canvas_names_what_it_leaves_out_without_a_word(canvas: Any) -> None:
    assert missing(canvas.gateway()) == {}
    canvas.faults(strip_includes=True)
    assert missing(canvas.gateway()) == {"Allow Include Parameters": "include_parameters_off"}


@pytest.mark.parametrize(
    ("lacks", "name", "code"),
    [
        ("moodle/user:viewdetails", "moodle/user:viewdetails, moodle/site:accessallgroups", "people_hidden"),
        ("moodle/site:accessallgroups", "moodle/user:viewdetails, moodle/site:accessallgroups", "people_hidden"),
        ("moodle/site:viewuseridentity", "moodle/site:viewuseridentity", "emails_hidden"),
        ("moodle/user:viewalldetails", "moodle/user:viewalldetails", "numbers_hidden"),
        ("moodle/role:review", "moodle/role:review", "managers_hidden"),
        ("moodle/course:managegroups", "moodle/course:managegroups", "right_missing"),
    ],
)
def test_moodle_names_each_right_that_fails_silently(moodle: Any, lacks: str, name: str, code: str) -> None:
    assert missing(moodle.gateway()) == {}
    moodle.faults(lacks=lacks)
    assert missing(moodle.gateway()) == {name: code}


def test_moodle_names_groups_that_it_hides(moodle: Any) -> None:
    group = next(g for s in moodle.state()["group_sets"] for g in s["groups"] if g["members"])
    moodle.gateway().client.update_groups([{"id": group["id"], "name": group["name"], "visibility": 3}])
    moodle.faults(lacks="moodle/course:viewhiddengroups")
    assert missing(moodle.gateway()) == {"moodle/course:viewhiddengroups": "groups_hidden"}


def test_what_a_missing_right_hides_is_not_said_to_be_given(moodle: Any) -> None:
    moodle.faults(lacks="moodle/course:managegroups")
    unseen = {found.name for found in moodle.gateway().preconditions() if not found.seen}
    assert unseen == {"moodle/course:viewhiddengroups"}, "no group could be read"
    moodle.faults(lacks="moodle/user:viewdetails")
    unseen = {found.name for found in moodle.gateway().preconditions() if not found.seen}
    assert unseen == {"moodle/site:viewuseridentity", "moodle/user:viewalldetails", "moodle/role:review"}


def test_moodle_names_what_it_hides_of_what_is_known(moodle: Any) -> None:
    """A hidden group in no grouping, and people of a course without groups, are missed by who knew them only."""
    client = moodle.gateway().client
    (group,) = client.create_groups([{"courseid": "2", "name": "Hidden one", "description": "", "visibility": 3}])
    moodle.faults(lacks="moodle/course:viewhiddengroups")
    assert missing(moodle.gateway()) == {}
    known = {"known_ids": {str(group["id"])}}
    assert missing(moodle.gateway(), **known) == {"moodle/course:viewhiddengroups": "groups_hidden"}
    shown = moodle.gateway().pull(roster=True, groups=False).roster.people[0].lms_user_id
    some = {"known_people": {shown, "90001", "90002", "90003", "90004"}}
    assert missing(moodle.gateway(), **some) == {
        "moodle/user:viewdetails, moodle/site:accessallgroups": "people_hidden"
    }
    assert missing(moodle.gateway(), known_people={shown, "90001"}) == {}, "some may have left since"


def test_moodle_names_each_function_that_the_service_lacks(moodle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = moodle.gateway()
    held = gateway.client.get_functions() - {"core_group_delete_groups", "core_group_get_groupings"}
    monkeypatch.setattr(gateway.client, "get_functions", lambda: held)
    assert set(missing(gateway)) == {"core_group_delete_groups", "core_group_get_groupings"}


def test_canvas_tells_which_scopes_a_developer_key_lacks_before_anybody_signs_in(canvas: Any) -> None:
    client = OauthClient(f"{canvas.base}/canvas", "demo-canvas-api", "demo-canvas-secret")
    address = "http://127.0.0.1:8000/lms/oauth/callback"
    assert canvas_oauth.missing_scopes(canvas.outbound, client, address) == ()
    canvas.faults(key_lacks=f"{SCOPES[3]} {SCOPES[7]}")
    assert canvas_oauth.missing_scopes(canvas.outbound, client, address) == (SCOPES[3], SCOPES[7])
