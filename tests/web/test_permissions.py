"""Who may see and do what: asked of every address, and of what belongs to another course."""

from typing import Any
from uuid import uuid4

import pytest

from lti_tool.domain.permissions import Permission
from lti_tool.models import GroupSet, SyncRun

NO_ID = "00000000-0000-4000-8000-000000000000"


def changing_paths(set_id: Any, group_id: Any, member_id: Any) -> list[str]:
    one = f"group-sets/{set_id}"
    return [
        "sync",
        "roster/refresh",
        "roster/members/new",
        "roster/import/roster",
        "push",
        "group-sets/new",
        "assignments/new",
        "assignments/preview",
        f"roster/members/{member_id}/edit",
        f"roster/members/{member_id}/delete",
        f"roster/import/roster/{member_id}",
        f"{one}/copy",
        f"{one}/edit",
        f"{one}/delete",
        f"{one}/publish",
        f"{one}/unpublish",
        f"{one}/drift",
        f"{one}/push",
        f"{one}/groups",
        f"{one}/assign",
        f"{one}/random",
        f"{one}/groups/draw",
        f"{one}/undo",
        f"{one}/groups/{group_id}/edit",
        f"{one}/groups/{group_id}/delete",
        f"{one}/groups/{group_id}/members",
        f"{one}/groups/{group_id}/members/{member_id}/remove",
    ]


@pytest.fixture
def filled(world: Any) -> Any:
    world.ana = world.member("Ana López")
    world.set_id = world.group_set("Projects", {"Team 1": [world.ana]})
    return world


@pytest.mark.shows("PUSH-42")
@pytest.mark.parametrize(
    ("kind", "manages"),
    [("student", None), ("observer", None), ("designer", None), ("ta", None), ("teacher", False), ("other", True)],
)
def test_only_who_manages_groups_changes_anything(filled: Any, lms: Any, kind: str, manages: bool | None) -> None:
    person = filled.browser(kind, manages=manages)
    for path in changing_paths(filled.set_id, filled.names["Team 1"], filled.ana):
        page = person.post(path, 403, name="Mine", group_id=str(filled.names["Team 1"]))
        assert "You may not do this here" in page.h1.text
    assert filled.people_in("Team 1") == {filled.ana}
    assert not filled.stored(SyncRun)
    assert len(filled.stored(GroupSet)) == 1
    assert lms.calls == 0


@pytest.mark.parametrize(("kind", "manages"), [("ta", True), ("designer", True), ("teacher", None)])
def test_who_manages_groups_in_the_lms_may_change_them(filled: Any, kind: str, manages: bool | None) -> None:
    filled.browser(kind, manages=manages).post(f"group-sets/{filled.set_id}/groups", name="Team 2", count="1")


def test_staff_without_the_right_see_everything_and_no_button(filled: Any, lms: Any) -> None:
    helper = filled.browser("ta", manages=False)
    for path in ("", "roster", "group-sets", f"group-sets/{filled.set_id}", "assignments", "activity"):
        page = helper.get(path)
        assert not page.select("form[method=post]:not([role=search], .sign-out)"), path
        assert not page.select("main button:not(.filter button)"), path


@pytest.mark.parametrize(
    ("kind", "seen", "refused"),
    [
        ("student", [""], ["roster", "group-sets", "assignments", "activity"]),
        ("observer", ["", "group-sets", "assignments"], ["roster", "assignments/new", "activity"]),
        ("designer", ["", "group-sets", "roster", "assignments", "activity"], []),
        (None, [], ["", "roster", "group-sets", "assignments", "activity"]),
    ],
)
def test_each_role_sees_its_pages(world: Any, lms: Any, kind: str | None, seen: list[str], refused: list[str]) -> None:
    person = world.browser(kind)
    for path in seen:
        links = {link["href"] for link in person.get(path).select("nav.tabs a")}
        assert not [path for path in refused if f"/courses/{world.course_id}/{path}" in links]
    for path in refused:
        person.get(path, 403)


def test_a_person_without_a_role_is_told_so(world: Any) -> None:
    page = world.browser(None).get("", 403)
    assert "You have no part in this course" in page.h1.text
    assert not page.select("nav")


def test_a_student_finds_no_way_to_a_set_by_its_address(filled: Any) -> None:
    filled.browser("student", member=filled.ana).get(f"group-sets/{filled.set_id}", 403)


def test_a_course_that_one_never_opened_is_not_found(world: Any) -> None:
    stranger = world.browser("teacher", launched=False)
    assert "not open to you" in stranger.get("", 404).h1.text


def test_ids_of_another_course_are_not_found(filled: Any, lms: Any) -> None:
    here = type(filled)(filled.app, registration_id=filled.registration_id)
    here.course_id = uuid4()
    from lti_tool.domain.clock import now
    from lti_tool.models import Course

    here._add(
        Course(
            id=here.course_id,
            registration_id=here.registration_id,
            lti_context_id="other",
            title="Chemistry",
            label="C",
            created_at=now(),
        )
    )
    own_set = here.group_set("Own", {"Own team": []})
    run_id = filled.run("pull")
    teacher = here.browser("teacher")
    team, own_team = filled.names["Team 1"], here.names["Own team"]
    for path in (
        f"group-sets/{filled.set_id}",
        f"group-sets/{own_set}/groups/{team}/edit",
        f"group-sets/{filled.set_id}/groups/{team}/edit",
        f"group-sets/{own_set}/members/{filled.ana}",
        f"runs/{run_id}",
    ):
        teacher.get(path, 404)
    for path in changing_paths(filled.set_id, team, filled.ana)[8:]:
        teacher.post(
            path,
            404,
            name="X",
            count="1",
            member_ids=str(filled.ana),
            member_id=str(filled.ana),
            group_id=str(team),
            git_username_status="unknown",
            seed="1",
            revision="0",
        )
    teacher.post(f"group-sets/{own_set}/assign", 404, member_ids=str(filled.ana), group_id=str(own_team))
    teacher.post(f"group-sets/{own_set}/assign", 404, member_ids=str(filled.ana), group_id=str(team))
    assert filled.people_in("Team 1") == {filled.ana}
    assert not here.people_in("Own team")


def test_without_a_session_one_is_sent_to_the_course(world: Any) -> None:
    person = world.browser()
    person.client.delete_cookie("__Host-lti-session")
    assert "open LTI Groups from your course" in person.get("", 401).h1.text
    person.post("sync", 401)


@pytest.mark.parametrize(
    ("token", "headers"),
    [
        ("", {}),
        ("0" * 64, {}),
        ("ünlikely", {}),
        (None, {"Origin": "https://evil.example"}),
        (None, {"Origin": "null"}),
        (None, {"Sec-Fetch-Site": "cross-site"}),
        (None, {"Sec-Fetch-Site": "same-site"}),
    ],
)
def test_a_form_of_a_foreign_page_changes_nothing(filled: Any, token: str | None, headers: dict[str, str]) -> None:
    teacher = filled.browser()
    if token is not None:
        teacher.token = token
    for path in changing_paths(filled.set_id, filled.names["Team 1"], filled.ana):
        page = teacher.post(path, 403, headers=headers, name="Evil", count="1", where="here")
        assert "did not come from our own page" in page.h1.text
    assert not filled.stored(SyncRun)
    assert filled.people_in("Team 1") == {filled.ana}


def test_the_token_of_another_session_is_refused(filled: Any) -> None:
    teacher, other = filled.browser(), filled.browser()
    teacher.token = other.token
    teacher.post("group-sets/new", 403, name="Evil")


def test_our_own_origin_is_welcome(filled: Any) -> None:
    filled.browser().post(
        "group-sets/new", headers={"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}, name="Good"
    )


def test_every_view_declares_what_it_needs(app: Any) -> None:
    for endpoint, view in app.view_functions.items():
        if endpoint != "static":
            assert hasattr(view, "permission"), f"{endpoint}: write @requires(Permission.…) or @public above the view"
    courses = [rule for rule in app.url_map.iter_rules() if "course_id" in rule.arguments]
    assert courses
    for rule in courses:
        assert isinstance(app.view_functions[rule.endpoint].permission, Permission), f"{rule.endpoint} is public"
