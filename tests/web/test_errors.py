"""Errors are pages in plain words with a reference, and never a trace."""

from typing import Any

import pytest

from lti_tool.services import roster_page


def test_a_page_that_does_not_exist_is_a_page(world: Any) -> None:
    page = world.browser().get("/nowhere", 404)
    assert page.h1.text == "There is no such page"
    assert page.code.text


@pytest.mark.parametrize("path", ["group-sets/x", "sync/x", "runs/1"])
def test_an_id_that_is_none_is_not_found(world: Any, path: str) -> None:
    world.browser().get(path, 404)


def test_a_wrong_method_says_so_and_what_is_allowed(world: Any) -> None:
    teacher = world.browser()
    response = teacher.client.get(teacher.address("sync"))
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]


def test_a_mistake_of_ours_shows_no_trace_and_a_reference(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("lti_tool.web.roster.list_students", broken)
    page = world.browser().get("roster", 500)
    assert "Something went wrong on our side" in page.h1.text
    assert "secret" not in page.text
    assert "Traceback" not in page.text
    assert len(page.code.text) == 8
    assert roster_page.list_students is not broken


def test_too_large_a_form_is_refused(world: Any) -> None:
    world.browser().post("group-sets/new", 413, name="x" * (7 * 1024 * 1024))


def test_the_frame_of_the_lms_is_allowed_and_no_other(world: Any) -> None:
    teacher = world.browser()
    for path, status in (("activity", 200), ("nowhere", 404)):
        response = teacher.client.get(teacher.address(path))
        assert response.status_code == status
        policy = response.headers["Content-Security-Policy"]
        if status == 200:
            assert "frame-ancestors 'self' https://lms.example" in policy
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_an_error_that_htmx_meets_brings_no_second_frame(world: Any) -> None:
    set_id = world.group_set("Projects", {"Team 1": []})
    part, _ = world.browser().fragment(f"group-sets/{set_id}/groups/{set_id}/edit", 404)
    assert part.h1.text == "This group is not here"
    assert not part.select("header, nav.tabs")


def test_an_lms_of_another_kind_is_named_plainly(app: Any, world: Any, lms: Any) -> None:
    course = type(world)(app).open_course(family="other")
    set_id = course.group_set("Projects", {"Team 1": []})
    page = course.browser().get(f"group-sets/{set_id}")
    assert "Not in the LMS" in page.select_one(".badges").text
    assert page.select_one("#in-lms").text == "The LMS"
