"""Undo and redo of bulk changes in sets of the LMS, through their page: there first, and nothing of what others did."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy import select

from lti_tool.domain.sync import Report
from lti_tool.models import Course, LmsChange, SyncRun, UndoStep, db, transaction
from lti_tool.services import lms_changes, runs
from tests.services.connected import assert_agree, find_set, in_lms, open_set
from tests.services.faulted import at_call, is_change
from tests.web.conftest import Browser, World

pytestmark = pytest.mark.usefixtures("no_waiting")


class Page:
    """A set of the LMS with three full students in each of two groups and nobody in a third, and its teacher."""

    def __init__(self, app: Flask, classroom: Any) -> None:
        self.classroom = classroom
        self.set_id: UUID = open_set(classroom)
        registration_id = db.session.scalars(select(Course.registration_id)).one()
        db.session.rollback()
        self.browser: Browser = World(app, registration_id, classroom.course_id).browser()
        self.path = f"group-sets/{self.set_id}"
        self.lms = classroom.flavour.capitalize()
        self.groups = [card.row.id for card in self.cards()]
        self.lms_ids = [int(card.row.lms_group_id) for card in self.cards()]
        self.first = [(m.id, m.name, int(m.lms_user_id)) for m in self.cards()[0].members]
        self.waiting = [(m.id, m.name, int(m.lms_user_id)) for m in classroom.read_set(self.set_id).unassigned]
        self.before = in_lms(classroom)["Projects"]

    def cards(self) -> Any:
        db.session.rollback()
        return self.classroom.read_set(self.set_id).cards

    def people(self, place: int) -> set[int]:
        """Who is in a group in the LMS, of those whom the roster knows."""
        return {int(one) for one in in_lms(self.classroom)["Projects"][str(self.lms_ids[place])][1]}

    def move(self, people: Any, place: int) -> BeautifulSoup:
        ids = [str(one[0]) for one in people]
        return self.browser.follow(f"{self.path}/assign", member_ids=ids, group_id=str(self.groups[place]))

    def line(self, page: BeautifulSoup | None = None) -> str:
        found = (page or self.browser.get(self.path)).select_one("form#undo")
        return " ".join(found.text.split()) if found else ""

    def press(self, page: BeautifulSoup | None = None, status: int = 303) -> BeautifulSoup:
        form = (page or self.browser.get(self.path)).select_one("form#undo")
        sent = {one["name"]: one["value"] for one in form.select("input") if one["name"] != "csrf_token"}
        answer = self.browser.post(form["action"], status, **sent)
        db.session.rollback()
        return self.browser.get(answer) if status == 303 else answer

    def work_off(self) -> None:
        """Do what is left to the worker, now."""
        with transaction() as session:
            for row in session.scalars(select(LmsChange).where(LmsChange.state == "waiting")):
                row.retry_at = row.created_at
        rung = list(db.session.scalars(select(SyncRun.id).where(SyncRun.state == "queued")))
        db.session.rollback()
        lms_changes.sweep(rung.append)
        for run_id in rung:
            run = runs.claim(run_id)
            assert run is not None
            lms_changes.run_changes(self.classroom.tool, run, Report())


@pytest.fixture
def page(app_on_both: Flask, classroom: Any) -> Iterator[Page]:
    """The page of a set of the LMS."""
    return Page(app_on_both, classroom)


def test_people_moved_at_once_go_back_and_forth_in_the_lms(page: Page) -> None:
    assert page.line() == ""
    people = [*page.first[:2], page.waiting[0]]
    shown = page.move(people, 2)
    after = in_lms(page.classroom)["Projects"]
    assert page.line(shown) == "Last change: 3 people moved by Tina Teacher, just now. Undo the last change"
    shown = page.press(shown)
    assert in_lms(page.classroom)["Projects"] == page.before
    assert_agree(page.classroom)
    assert "The last change is taken back." in shown.select_one("#notice").text
    assert page.line(shown).endswith("Redo the last change")
    shown = page.press(shown)
    assert in_lms(page.classroom)["Projects"] == after
    assert_agree(page.classroom)
    assert page.line(shown).endswith("Undo the last change")
    kinds = [change.act for change in lms_changes.list_latest(page.classroom.course_id)]
    assert kinds == ["redone", "undone", "place"]
    page.move(people[:1], 1)
    assert page.line() == "", "one person moved is no bulk change, and the last one is not the latest any more"


def test_a_draw_is_taken_back(page: Page) -> None:
    shown = page.browser.get(f"{page.path}/random?seed=5").select_one("main form[method=post]")
    sent = {one["name"]: one["value"] for one in shown.select("input") if one["name"] != "csrf_token"}
    page.browser.post(f"{page.path}/random", fields=sent)
    assert in_lms(page.classroom)["Projects"] != page.before
    assert "placed at random" in page.line()
    page.press()
    assert in_lms(page.classroom)["Projects"] == page.before
    assert_agree(page.classroom)


def test_new_groups_by_lot_are_deleted_and_their_people_free_again(page: Page) -> None:
    shown = page.browser.get(page.browser.get(page.path).find("a", string="Groups at random")["href"])
    asked = f"{page.path}/groups/draw?name=Löss&size=4&rule=at_most&seed=3"
    shown = page.browser.get(asked).select_one("main form[method=post]")
    sent = {one["name"]: one["value"] for one in shown.select("input") if one["name"] != "csrf_token"}
    page.browser.post(f"{page.path}/groups/draw", fields=sent)
    page.work_off()
    assert_agree(page.classroom)
    assert len(page.cards()) > 4
    assert page.classroom.read_set(page.set_id).waiting == 0
    assert "in new groups at random" in page.line()
    page.press()
    page.work_off()
    assert in_lms(page.classroom)["Projects"] == page.before
    assert_agree(page.classroom)


@pytest.mark.parametrize("pulled", [False, True])
def test_whom_others_moved_meanwhile_stays_there_and_is_named(page: Page, pulled: bool) -> None:
    (_, name, user), (_, _, other), (_, gone_name, gone) = page.first
    page.move(page.first, 2)
    page.classroom.outsider("move_member", group_id=page.lms_ids[1], user_id=user)
    page.classroom.outsider("remove_member", group_id=page.lms_ids[2], user_id=gone)
    if pulled:
        page.classroom.pull()
    page.press()
    assert (page.people(0), page.people(2)) == ({other}, set())
    assert user in page.people(1)
    assert_agree(page.classroom)
    line = page.line()
    assert name in line
    assert gone_name in line
    page.press()  # redo: the one who went back, and nobody else
    assert page.people(2) == {other}
    assert_agree(page.classroom)


def test_an_undo_that_breaks_off_in_the_middle_is_a_row_that_waits_and_arrives(page: Page) -> None:
    page.move(page.first, 2)
    shown = page.browser.get(page.path)
    changes = 0

    def second_change(number: int, environ: dict[str, Any]) -> bool:
        nonlocal changes
        changes += is_change(number, environ)
        return changes == 2

    with at_call(page.classroom.lms, second_change, lambda: page.classroom.lms.faults({"error_next": 999})):
        shown = page.press(shown)
    assert "data-code" in str(shown.select_one("#notice"))
    open_change = " ".join(shown.select_one(".change").text.split())
    assert "Waiting" in open_change
    assert "Undo: " in open_change
    assert all(f"{name} → Project 1" in open_change for _, name, _ in page.first)
    assert page.line(shown) == "", "what is on its way is not undone at the same time"
    assert in_lms(page.classroom)["Projects"] != page.before
    page.classroom.lms.faults({"error_next": 0})
    page.work_off()
    assert in_lms(page.classroom)["Projects"] == page.before
    assert_agree(page.classroom)
    assert page.line().endswith("Redo the last change")


def test_an_lms_that_does_not_answer_is_told_and_nothing_is_asked_of_it(page: Page) -> None:
    page.move(page.first, 2)
    after = in_lms(page.classroom)["Projects"]
    shown = page.browser.get(page.path)
    page.classroom.lms.faults({"error_next": 999})
    answer = page.press(shown, 503)
    page.classroom.lms.faults({"error_next": 0})
    assert answer.select_one("#error-summary")
    assert in_lms(page.classroom)["Projects"] == after
    assert lms_changes.list_open(page.classroom.course_id) == []
    page.press(answer)
    assert in_lms(page.classroom)["Projects"] == page.before
    page.press(shown, 409)  # the same button a second time


@pytest.mark.parametrize("flavour", ["moodle"])
@pytest.mark.parametrize("shown_here", [True, False])
def test_an_undo_deletes_no_group_that_a_grouping_which_is_not_shown_here_holds(page: Page, shown_here: bool) -> None:
    shown = page.browser.follow(f"{page.path}/groups", name="Late", count=3)
    made = [int(card.row.lms_group_id) for card in page.cards()[3:]]
    other = page.classroom.outsider("create_set", name="Rooms")["set_id"]
    page.classroom.lms.hub.sites["moodle"].groups[made[1]].sets.append(other)
    if shown_here:
        page.classroom.pull()
        page.browser.post(f"group-sets/{find_set('Rooms')}/remove")
    page.press(shown)
    page.work_off()
    left = in_lms(page.classroom)["Projects"]
    assert set(left) - set(page.before) == {str(made[1])}
    assert "Not deleted, because others use or changed them in Moodle since: Late-2." in page.line()


@pytest.mark.parametrize("flavour", ["moodle"])
def test_a_deleted_set_leaves_the_groups_of_a_grouping_that_is_not_shown_here(page: Page) -> None:
    other = page.classroom.outsider("create_set", name="Rooms")["set_id"]
    page.classroom.lms.hub.sites["moodle"].groups[page.lms_ids[0]].sets.append(other)
    page.classroom.pull()
    page.browser.post(f"group-sets/{find_set('Rooms')}/remove")
    page.browser.post(f"{page.path}/delete")
    there = {group["id"] for group in page.classroom.state()["groups"]}
    assert there & set(page.lms_ids) == {page.lms_ids[0]}
    assert "Projects" not in in_lms(page.classroom)


def test_groups_made_at_once_are_deleted_but_for_those_that_others_use(page: Page) -> None:
    shown = page.browser.follow(f"{page.path}/groups", name="Late", count=3)
    assert "Undo deletes these groups" in page.line(shown)
    assert not shown.select("#notice button"), "nowhere without these words"
    made = [(card.row.name, int(card.row.lms_group_id)) for card in page.cards()[3:]]
    _, name, user = page.waiting[0]
    page.classroom.outsider("add_member", group_id=made[1][1], user_id=user)
    page.classroom.outsider("rename_group", group_id=made[2][1], name="Kept by others")
    page.press(shown)
    assert [card.row.name for card in page.cards()[3:]] == [made[1][0], "Kept by others"]
    assert_agree(page.classroom)
    assert name in page.line()
    assert f"Not deleted, because others use or changed them in {page.lms}" in page.line()
    assert f"since: Kept by others, {made[1][0]}." in page.line()
    page.press()
    assert sorted(card.row.name for card in page.cards()[3:]) == sorted([made[0][0], made[1][0], "Kept by others"])
    assert_agree(page.classroom)
    assert page.line().startswith("Last change: 3 groups added")


def test_what_canvas_spread_is_taken_back_and_nobody_else(page: Page) -> None:
    if page.classroom.flavour == "moodle":
        assert "assign-unassigned" not in str(page.browser.get(page.path)), "Moodle does not do that"
        return
    _, _, user = page.waiting[0]
    page.classroom.outsider("add_member", group_id=page.lms_ids[2], user_id=user)
    page.browser.post(f"{page.path}/assign-unassigned")
    page.work_off()
    assert "people placed by Canvas" in page.line()
    page.press()
    page.work_off()
    assert (page.people(0), page.people(2)) == ({one[2] for one in page.first}, {user})
    assert_agree(page.classroom)
    assert db.session.scalars(select(UndoStep.what)).one() == "undone"


def test_a_name_that_was_held_back_is_told_once(page: Page) -> None:
    page.classroom.outsider("rename_group", group_id=page.lms_ids[0], name="Theirs")
    revision = page.classroom.read_set(page.set_id).row.revision
    path = f"{page.path}/groups/{page.groups[0]}/edit"
    answer = page.browser.post(path, 409, name="Ours", description="", revision=revision)
    words = " ".join(answer.select_one("main").text.split())
    assert words.count("so it was not renamed to “Ours”") == 1
    assert "so it was not renamed" in answer.select_one("#error-summary").text
    assert [one.text.split()[0] for one in answer.select(".change .actions > *")] == ["Retry", "Discard"]
    later = page.browser.get(page.path).select_one(".change").text
    assert "so it was not renamed to “Ours”" in " ".join(later.split())
