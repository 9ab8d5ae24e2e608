"""The page of changes: what has not reached the LMS and why, what was sent, and a person's retry and discard."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LmsRefused, LmsUnavailable
from lti_tool.domain.lms_changes import CreateSet, to_json
from lti_tool.models import Course, GroupSet, LmsChange, Publication, db
from tests.web.conftest import Browser, PlayedLms, World
from tests.web.connected import open_labs

DOWN = LmsUnavailable("lms_failed", host="lms.example", status=500)
NO_RIGHT = LmsRefused("lms_forbidden", host="lms.example", status=403)


@pytest.fixture
def labs(world: World, lms: PlayedLms) -> UUID:
    """A set of the LMS that may be changed."""
    return open_labs(world, lms)


def change(world: World, about: str, state: str, **values: Any) -> UUID:
    """Store a change, as one that was asked for in this state."""
    row = LmsChange(
        **{
            "id": uuid4(),
            "course_id": world.course_id,
            "group_set_id": None,
            "kind": "create_set",
            "about": about,
            "intent": to_json(CreateSet(about)),
            "state": state,
            "created_at": now(),
            **values,
        }
    )
    key = row.id
    with world.app.app_context():
        db.session.add(row)
        db.session.commit()
    return key


def place(browser: Browser, world: World, set_id: UUID, person: str, group: str) -> str:
    ids = {"member_ids": [world.names[person]], "group_id": world.names[group]}
    return str(browser.post(f"group-sets/{set_id}/assign", **ids))


def words(part: Any) -> str:
    return " ".join(part.get_text(" ").split())


def said(page: Any, about: str) -> str:
    """Return the words of the one open change about something."""
    (line,) = [one for one in page.select("li.change") if about in one.text]
    return words(line)


@pytest.mark.shows("PUSH-40")
def test_each_state_says_what_happens_next(world: World, labs: UUID) -> None:
    later = now() + timedelta(minutes=12, seconds=30)
    broken = {"error_code": "lms_failed", "error_facts": '{"host": "lms.example", "status": "500"}', "attempts": 3}
    change(world, "Bela B → Two", "waiting", retry_at=later, group_set_id=labs, **broken)
    change(world, "Seminars", "refused", error_code="lms_forbidden", attempts=1)
    change(world, "Tutorials", "sending", attempts=1)
    change(world, "Courses", "waiting", retry_at=now())
    change(world, "Choirs", "sent", finished_at=now())
    change(world, "Clubs", "discarded", finished_at=now())
    page = world.browser().get("changes")
    waiting = said(page, "Bela B")
    assert waiting.startswith("Waiting")
    assert "In Labs" in waiting
    assert "tried 3 times" in waiting
    assert "Nothing is lost: we try again by ourselves in 12 minutes" in waiting
    refused = said(page, "Seminars")
    assert refused.startswith("Refused")
    assert "It is not sent again by itself" in refused
    assert said(page, "Tutorials").startswith("On its way")
    assert "It is being sent now" in said(page, "Tutorials")
    assert "It is sent when its turn comes" in said(page, "Courses")
    # What is being sent has no buttons: nobody knows yet what of it arrives.
    with_buttons = [one for one in page.select("li.change") if one.select_one("form[action$=retry]")]
    assert len(page.select("li.change")) == 4
    assert len(with_buttons) == 3
    sent, discarded = sorted(words(row) for row in page.select("tbody tr"))
    assert "Choirs" in sent
    assert "In Canvas" in sent
    assert "Clubs" in discarded
    assert "Discarded" in discarded


@pytest.mark.shows("PUSH-40")
def test_a_published_set_that_is_behind_is_listed_and_can_be_pushed(world: World, lms: PlayedLms) -> None:
    ana = world.member("Ana López")
    set_id = world.group_set("Projects", {"Team 1": [ana]})
    lms.groups["set-7"] = {}
    with world.app.app_context():
        db.session.add(
            Publication(
                group_set_id=set_id, name="Projects", lms_group_set_id="set-7", state="waiting",
                error_code="lms_failed", error_facts='{"host": "lms.example", "status": "500"}',
                retry_at=now() + timedelta(hours=1, minutes=1), created_at=now(),
            )
        )  # fmt: skip
        db.session.commit()
    browser = world.browser()
    behind = said(browser.get("changes"), "Projects")
    assert behind.startswith("Waiting")
    assert "1 group differs" in behind
    assert "we push it again by ourselves in 1 hour" in behind
    assert "1 change is not yet in Canvas" in words(browser.get(""))
    browser.post(f"group-sets/{set_id}/push")
    assert lms.members("Team 1") == {"u-Ana López"}
    assert "Nothing waits" in words(browser.get("changes"))


def test_what_others_changed_in_published_sets_waits_for_a_decision_on_home_and_here(
    world: World, lms: PlayedLms
) -> None:
    with world.app.app_context():
        for name, drift in (("Projects", 2), ("Labs", 1), ("Same", 0)):
            values = {"lms_group_set_id": name, "state": "sent", "drift": drift, "created_at": now()}
            db.session.add(Publication(group_set_id=world.group_set(name, {}), name=name, **values))
            db.session.commit()
    for path in ("", "group-sets"):
        told = world.browser().get(path).select_one("main .notice-warn")
        assert "3 differences wait for your decision" in words(told)
        assert "not yet in Canvas" not in words(told)
    page = world.browser().get(told.a["href"])
    assert "3 differences wait for your decision" in words(page.select_one("#decide"))
    assert [words(one) for one in page.select("section[aria-labelledby=decide] .change-head")] == [
        "Projects 2 differences",
        "Labs 1 difference",
    ]
    assert "Nothing waits" not in words(page)
    assert len(page.select("a[href$=drift]")) == 2
    assert not world.browser("ta", manages=False).get("changes").select("a[href$=drift]"), "who may not decide"
    assert lms.calls == 0


def test_a_push_that_was_held_back_waits_for_the_decision_and_is_not_offered_again(
    world: World, lms: PlayedLms
) -> None:
    with world.app.app_context():
        values = {"state": "refused", "error_code": "drifted", "drift": 2, "created_at": now()}
        set_id = world.group_set("Projects", {"Team 1": []})
        db.session.add(Publication(group_set_id=set_id, name="Projects", lms_group_set_id="set-7", **values))
        db.session.commit()
    page = world.browser().get("changes")
    (line,) = page.select("li.change")
    assert "Projects 2 differences Nothing was sent: it would overwrite what somebody changed in Canvas." in words(line)
    assert len(page.select(f"a[href$='{set_id}/drift']")) == 1
    assert not page.select("form[action$='/push']")
    assert "Nothing waits" not in words(page)


def test_a_course_without_changes_says_so(world: World) -> None:
    page = world.browser().get("changes")
    assert "Nothing waits: Canvas has every change that was made here" in words(page)
    assert "Nobody has changed a group set of Canvas from here yet" in words(page)


@pytest.mark.shows("PUSH-40")
@pytest.mark.parametrize("back", ["", "set"])
def test_retry_brings_a_change_and_leads_back(world: World, lms: PlayedLms, labs: UUID, back: str) -> None:
    browser = world.browser()
    lms.error = DOWN
    assert "pushed=waiting" in place(browser, world, labs, "Bela B", "Two")
    (row,) = world.stored(LmsChange)
    assert "pushed=waiting" in browser.post(f"changes/{row.id}/retry")  # still down
    lms.error = None
    where = browser.post(f"changes/{row.id}/retry", back=back)
    assert "pushed=sent" in where
    assert (f"group-sets/{labs}" if back else "/changes?") in where
    assert lms.members("Two") == {"u-Bela B"}
    assert world.people_in("Two") == {world.names["Bela B"]}
    assert not browser.get(where).select("li.change")
    browser.post(f"changes/{row.id}/retry", 409)
    browser.post(f"changes/{row.id}/discard", 409)


@pytest.mark.shows("PUSH-40")
def test_discarding_says_first_what_is_lost(world: World, lms: PlayedLms, labs: UUID) -> None:
    browser = world.browser()
    lms.error = NO_RIGHT
    assert "pushed=refused" in place(browser, world, labs, "Bela B", "Two")
    (row,) = world.stored(LmsChange)
    asked = browser.get(f"changes/{row.id}/discard?back=set")
    assert "The people stay in the groups that they have in Canvas, or without one." in words(asked)
    assert "part of it may have arrived" in words(asked)
    assert world.stored(LmsChange)[0].state == "refused"
    lms.error = None
    lms.groups["s1"]["g2"] = lms.groups["s1"]["g2"].__class__(
        "g2", "Two", "", ("u-Bela B",)
    )  # it had arrived after all
    where = browser.post(f"changes/{row.id}/discard", back="set")
    assert f"group-sets/{labs}" in where
    page = browser.get(where)
    assert not page.select("li.change")
    assert world.people_in("Two") == {world.names["Bela B"]}  # what the LMS has, as the second look showed
    assert {one.state for one in world.stored(LmsChange, kind="change_groups")} == {"discarded"}
    ended = browser.get(f"changes/{row.id}/discard")
    assert "It cannot be discarded now" in words(ended)
    assert not ended.select("main form")


@pytest.mark.shows("PUSH-42")
def test_a_change_of_another_course_is_not_found(app: Flask, world: World, lms: PlayedLms) -> None:
    other = World(app, registration_id=world.registration_id)
    with app.app_context():
        db.session.add(
            Course(id=other.course_id, registration_id=world.registration_id, lti_context_id=uuid4().hex, title="Other",
                   label="O", created_at=now())
        )  # fmt: skip
        db.session.commit()
    forged = change(other, "Seminars", "waiting", retry_at=now())
    browser = world.browser()
    browser.get(f"changes/{forged}/discard", 404)
    browser.post(f"changes/{forged}/discard", 404)
    browser.post(f"changes/{forged}/retry", 404)
    browser.post(f"changes/{uuid4()}/retry", 404)
    assert [row.state for row in other.stored(LmsChange)] == ["waiting"]
    assert lms.calls == 0


@pytest.mark.shows("PUSH-42")
@pytest.mark.parametrize(("role", "status"), [("student", 403), ("observer", 403), ("ta", 200), (None, 403)])
def test_only_who_manages_groups_retries_or_discards(
    world: World, lms: PlayedLms, labs: UUID, role: str | None, status: int
) -> None:
    asked = change(world, "Bela B → Two", "refused", group_set_id=labs, error_code="lms_forbidden")
    person = world.browser(role, manages=False, member=world.names["Cleo C"])
    page = person.get("changes", status)
    assert not page.select("form[action*=changes], a[href*=discard]")
    person.post(f"changes/{asked}/retry", 403)
    person.get(f"changes/{asked}/discard", 403)
    person.post(f"changes/{asked}/discard", 403)
    assert lms.calls == 0
    assert [row.state for row in world.stored(LmsChange)] == ["refused"]


def test_the_page_asks_the_database_as_often_for_fifty_changes(
    world: World, labs: UUID, count_queries: Callable[[], int]
) -> None:
    browser = world.browser()
    found = []
    for count in (1, 49):
        for n in range(count):
            change(world, f"Place {n}", "refused", group_set_id=labs, error_code="lms_forbidden")
            change(world, f"Sent {n}", "sent", group_set_id=labs, finished_at=now())
            published = world.group_set(f"Published {count} {n}", {f"G {count} {n}": []})
            with world.app.app_context():
                db.session.add(
                    Publication(group_set_id=published, name="P", lms_group_set_id=uuid4().hex, state="waiting",
                                created_at=now())
                )  # fmt: skip
                db.session.commit()
        count_queries()
        page = browser.get("changes")
        found.append(count_queries())
    assert len(page.select("li.change")) == 100
    assert found[0] == found[1]
    assert found[0] <= 12


def test_a_set_that_could_not_be_made_waits_on_the_page_of_changes(world: World, lms: PlayedLms, labs: UUID) -> None:
    browser = world.browser()
    lms.error = DOWN
    where = browser.post("group-sets/new", name="Seminars", where="lms")
    page = browser.get(where)
    assert "Make the group set “Seminars”" in said(page, "Seminars")
    assert world.stored(GroupSet, name="Seminars") == []
    lms.error = None
    browser.post(f"changes/{world.stored(LmsChange)[0].id}/retry")
    (made,) = world.stored(GroupSet, name="Seminars")
    assert lms.sets[made.lms_group_set_id] == "Seminars"
