"""The group's own space by its page: messages for the people in the group, and for nobody else."""

import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete

from lti_tool.models import Group, GroupMembership, GroupMessage, HistoryEntry, Notice, RosterMember, db
from tests.web.conftest import World
from tests.web.group_space import NOBODY, Space, bodies


@pytest.fixture
def space(world: World) -> Space:
    return Space(world)


@pytest.mark.shows("TEAM-5")
def test_a_member_writes_reads_and_shares_files_but_runs_nothing(space: Space) -> None:
    space.say(space.ana, "Shall we meet on Monday?")
    document = space.upload(space.bo, "plan.pdf", b"a plan")
    page = space.bo.get(space.at)
    assert bodies(page) == ["Shall we meet on Monday?"]
    assert "Ana Berg" in page.select_one(".message").text
    assert space.download(space.ana, document).data == b"a plan"
    group = f"groups/{space.group_id}"
    for act in ("edit", "permissions", "invites", "invites/create", f"remove/{space.ids['Ana']}", "delete"):
        assert space.bo.client.get(space.bo.address(f"{group}/{act}")).status_code == 403, act


@pytest.mark.shows("TEAM-76")
def test_every_member_finds_the_chat_on_the_groups_page_and_at_home(space: Space) -> None:
    for path in (f"groups/{space.group_id}", ""):
        links = [a["href"] for a in space.ana.get(path).select("main a") if a.text.startswith("Open Chat")]
        assert links == [f"/courses/{space.world.course_id}/{space.at}"], path


@pytest.mark.parametrize("who", NOBODY)
def test_nobody_else_reads_or_writes(space: Space, who: str) -> None:
    space.say(space.ana, "secret plan")
    document = space.upload(space.ana)
    rows = space.everything()
    person, status = space.other(who), NOBODY[who]
    for method, path in space.routes(document):
        answer = person.client.open(
            person.address(path),
            method=method,
            data={"csrf_token": person.token, "body": "Hi"} if method == "POST" else None,
        )
        assert answer.status_code == status, (method, path)
        assert "secret" not in answer.text
        assert "plan.pdf" not in answer.text
    assert space.everything() == rows


def test_who_left_is_out_at_once(space: Space) -> None:
    space.say(space.bo, "still here")
    document = space.upload(space.bo)
    with space.world.app.app_context():
        db.session.execute(delete(GroupMembership).where(GroupMembership.member_id == space.ids["Bo"]))
        db.session.commit()
    for path in (space.at, f"{space.at}/documents/{document}", f"{space.at}/documents/{document}/delete"):
        space.bo.get(path, 403)
    space.bo.post(f"{space.at}/messages", 403, body="and again")
    space.bo.post(f"{space.at}/documents/{document}/delete", 403)
    assert bodies(space.ana.get(space.at)) == ["still here"]
    assert "plan.pdf" in space.ana.get(space.at).text


def test_a_group_of_the_lms_has_a_space_and_one_of_the_roster_has_none(world: World) -> None:
    ana = world.member("Ana Berg")
    world.group_set("Labs", {"Lab 1": [ana]}, connection="canvas")
    world.group_set("Individual Students", {"Ana's own": [ana]}, connection="system")
    browser = world.browser("student", name="Ana Berg", member=ana)
    browser.post(f"groups/{world.names['Lab 1']}/space/messages", body="Hello, Lab 1")
    assert bodies(browser.get(f"groups/{world.names['Lab 1']}/space")) == ["Hello, Lab 1"]
    browser.get(f"groups/{world.names['Ana' + chr(39) + 's own']}/space", 404)


def test_staff_may_read_and_write_and_it_is_written_down(space: Space) -> None:
    space.say(space.ana, "hello")
    for _ in range(3):
        assert bodies(space.teacher.get(space.at)) == ["hello"]
    visits = space.world.stored(HistoryEntry, action="space_visited")
    assert [(row.group_id, row.subject) for row in visits] == [(space.group_id, "Owls")]
    space.say(space.teacher, "Do not forget the deadline.")
    last = space.ana.get(space.at).select(".message")[-1]
    assert last.select_one(".badge").text == "Staff"
    space.ana.get(space.at)
    assert len(space.world.stored(HistoryEntry, action="space_visited")) == 1, "members are nobody's visitors"


@pytest.mark.parametrize("text", ["", "   \n\t ", "\u200b\u202e", "\u200d"])
def test_an_empty_message_is_refused_beside_its_field(space: Space, text: str) -> None:
    page = space.ana.post(f"{space.at}/messages", 422, body=text)
    assert page.select_one("#body-error")
    assert not space.world.stored(GroupMessage)


def test_a_message_has_at_most_5000_characters_and_a_longer_one_is_not_lost(space: Space) -> None:
    page = space.ana.post(f"{space.at}/messages", 422, body="x" * 5001)
    assert "5000" in page.select_one("#body-error").text
    assert page.select_one("#body").text.strip() == "x" * 5001
    space.say(space.ana, "x" * 5000)
    assert len(bodies(space.ana.get(space.at))[0]) == 5000


def test_what_is_kept_of_a_message_is_what_people_see(space: Space) -> None:
    space.say(space.ana, "  one\r\ntwo\u202e\u0007 \u2066three  ")
    (row,) = space.world.stored(GroupMessage)
    assert row.body == "one\ntwo three"


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</p></li></ol><h1>Mine</h1>",
        "{{ 7 * 7 }} {% raw %} ${7*7}",
        "javascript:alert(1) http://evil.example <a href='//evil.example'>x</a>",
        '<div hx-get="/x" hx-trigger="load">',
    ],
)
def test_a_message_is_text_and_nothing_else(space: Space, text: str) -> None:
    space.say(space.ana, text)
    page = space.bo.get(space.at)  # which checks that there is one h1, no inline script and no handler
    assert bodies(page) == [text]
    assert not page.select(".message a, .message img, .message script, .message [hx-get]")
    part, _ = space.bo.fragment(f"{space.at}/messages?after=")
    assert bodies(part) == [text]


def test_long_talks_come_in_blocks_of_fifty(space: Space, count_queries: Any) -> None:
    space.fill(120)
    count_queries()
    newest = space.ana.get(space.at)
    few = count_queries()
    assert bodies(newest) == [f"message {n}" for n in range(70, 120)]
    link = newest.select_one(".earlier a")
    middle, _ = space.ana.fragment(link["hx-get"])
    assert bodies(middle) == [f"message {n}" for n in range(20, 70)]
    oldest, _ = space.ana.fragment(middle.select_one(".earlier a")["hx-get"])
    assert bodies(oldest) == [f"message {n}" for n in range(20)]
    assert not oldest.select(".earlier")
    # Without a script the same by whole pages, and back.
    page = space.ana.get(link["href"])
    assert bodies(page) == bodies(middle)
    assert not page.select(".follow")
    assert page.find("a", string="Newest messages")["href"].endswith("/space")
    space.fill(200, first=120)
    count_queries()
    space.ana.get(space.at)
    assert count_queries() == few


def test_the_page_follows_what_others_write(space: Space) -> None:
    space.say(space.ana, "one")
    follow = space.bo.get(space.at).select_one(".follow")
    assert follow["hx-trigger"] == "every 4s"
    assert space.bo.client.get(follow["hx-get"], headers={"HX-Request": "true"}).status_code == 204
    space.say(space.ana, "two")
    space.say(space.ana, "three")
    part, _ = space.bo.fragment(follow["hx-get"])
    assert bodies(part) == ["two", "three"]
    again = part.select(".follow")
    assert len(again) == 1
    assert space.bo.client.get(again[0]["hx-get"], headers={"HX-Request": "true"}).status_code == 204


def test_an_empty_page_follows_too(space: Space) -> None:
    follow = space.bo.get(space.at).select_one(".follow")
    space.say(space.ana, "first")
    part, _ = space.bo.fragment(follow["hx-get"])
    assert bodies(part) == ["first"]


@pytest.mark.parametrize("cursor", ["x", "0" * 5000, "00000000-0000-4000-8000-000000000000", "%00"])
def test_a_forged_cursor_shows_nothing(space: Space, cursor: str) -> None:
    space.say(space.ana, "one")
    for name in ("before", "after"):
        answer = space.ana.client.get(
            space.ana.address(f"{space.at}/messages?{name}={cursor}"), headers={"HX-Request": "true"}
        )
        assert answer.status_code in (200, 204, 400)
        assert "one" not in re.sub(r"<[^>]*>", "", answer.text).split()


def test_a_cursor_of_another_group_opens_no_window(space: Space) -> None:
    space.fill(3)
    ours = space.world.stored(GroupMessage)[0].id
    theirs = f"groups/{space.world.names['Foxes']}/space"
    space.cleo.post(f"{theirs}/messages", body="a fox's word")
    part, _ = space.cleo.fragment(f"{theirs}/messages?before={ours}")
    assert bodies(part) == []


def test_a_form_sent_twice_is_one_message_and_a_new_text_another(space: Space) -> None:
    key = space.ana.get(space.at).select_one("#message-key")["value"]
    for _ in range(2):
        space.ana.post(f"{space.at}/messages", body="once", key=key)
    space.ana.post(f"{space.at}/messages", body="twice", key=key)
    space.bo.post(f"{space.at}/messages", body="once", key=key)
    assert bodies(space.ana.get(space.at)) == ["once", "twice", "once"]


def test_a_form_whose_key_is_nonsense_still_sends(space: Space) -> None:
    for _ in range(2):
        space.ana.post(f"{space.at}/messages", body="hello", key="nonsense")
    assert len(space.world.stored(GroupMessage)) == 2


def test_the_others_are_told_once_until_they_have_looked(space: Space) -> None:
    def told() -> list[tuple[Any, bool]]:
        rows = space.world.stored(Notice, kind="message", group_id=space.group_id)
        return sorted((row.member_id, row.read_at is None) for row in rows)

    bo, ana = space.ids["Bo"], space.ids["Ana"]
    space.say(space.ana, "one")
    space.say(space.ana, "two")
    assert told() == [(bo, True)]
    page = space.bo.get(space.at)
    assert told() == [(bo, True)], "looking alone changes nothing: the page sends a POST"
    read = page.select_one("form[hx-trigger^=load]")["hx-post"]
    assert not space.bo.part(read).text.strip()  # the badge, without a number
    assert told() == [(bo, False)]
    assert not space.bo.get(space.at).select("form[hx-trigger^=load]")
    space.say(space.ana, "three")
    assert told() == sorted([(bo, False), (bo, True)])
    part, _ = space.bo.fragment(page.select_one(".follow")["hx-get"])
    space.bo.post(part.select_one("form[hx-trigger^=load]")["action"])
    assert told() == [(bo, False)] * 2
    space.say(space.teacher, "four")
    assert told() == sorted([(ana, True), (bo, False), (bo, False), (bo, True)])
    space.say(space.bo, "five")  # whoever writes has read
    assert told() == sorted([(ana, True), *[(bo, False)] * 3])


def test_who_dropped_the_course_is_told_nothing(space: Space) -> None:
    with space.world.app.app_context():
        db.session.get_one(RosterMember, space.ids["Bo"]).status = "dropped"
        db.session.commit()
    space.say(space.ana, "one")
    assert not space.world.stored(Notice)


def test_what_somebody_wrote_stays_with_their_name(space: Space) -> None:
    space.say(space.bo, "I go")
    with space.world.app.app_context():
        db.session.execute(delete(RosterMember).where(RosterMember.id == space.ids["Bo"]))
        db.session.commit()
    assert "Bo Berg" in space.ana.get(space.at).select_one(".message").text


@pytest.mark.shows("TEAM-17")
@pytest.mark.parametrize("way", ["its creator", "staff on the set's page"])
def test_the_messages_go_with_the_group(space: Space, lms: Any, way: str) -> None:
    space.say(space.ana, "one")
    space.say(space.teacher, "two")
    space.cleo.post(f"groups/{space.world.names['Foxes']}/space/messages", body="a fox's word")
    space.delete_group(way)
    assert not space.world.stored(Group, id=space.group_id)
    assert [row.body for row in space.world.stored(GroupMessage)] == ["a fox's word"]
    space.ana.get(space.at, 404)


def test_a_course_of_another_platform_sees_no_group_of_this_one(app: Flask, space: Space) -> None:
    other = World(app).open_course("Chemistry")
    stranger = other.browser()
    stranger.get(space.at, 404)
    stranger.get(f"/courses/{space.world.course_id}/{space.at}", 404)
