"""The page of what others changed in the LMS: every difference in words, with a choice, and nothing done unasked."""

from typing import Any

import pytest

from lti_tool.domain.errors import LmsUnavailable
from lti_tool.domain.gateway import NameClashes
from lti_tool.domain.remote import RemoteGroup
from lti_tool.models import Group, GroupSet, HistoryEntry, Registration, db


@pytest.fixture
def published(world: Any, lms: Any) -> Any:
    world.ana, world.bo = world.member("Ana López"), world.member("Bo O'Hara & Söhne")
    world.set_id = world.group_set("Projects", {"Team 1": [world.ana], "Team 2": [world.bo]})
    world.path = f"group-sets/{world.set_id}"
    world.browser().post(f"{world.path}/publish")
    world.app.extensions["lti_tool_doorbell"].work_off()
    (world.held,) = lms.groups.values()
    return world


def change(world: Any, title: str, **values: Any) -> None:
    """Change a group in the LMS, behind the tool's back."""
    group = next(g for g in world.held.values() if g.name == title)
    known = {"name": group.name, "member_ids": group.member_ids} | values
    text = values.get("description", group.description)
    world.held[group.lms_group_id] = RemoteGroup(group.lms_group_id, known["name"], text, known["member_ids"])


def said(page: Any) -> str:
    return " ".join(page.main.text.split())


def shown(page: Any) -> str:
    return str(page.select_one("input[name=shown]")["value"])


def test_each_difference_is_a_row_with_choices_and_none_is_made_for_the_person(published: Any) -> None:
    change(published, "Team 1", name="Owls <3", member_ids=("u-Ana López", "u-stranger"))
    change(published, "Team 2", member_ids=())
    page = published.browser().get(f"{published.path}/drift")
    words = said(page)
    assert "The group “Team 1” was renamed to “Owls <3”." in words
    assert "Bo O'Hara & Söhne was taken out of “Team 2”." in words
    assert "Somebody (Canvas user u-stranger), who is not active on the roster here, is in “Owls <3”." in words
    rows = page.select("fieldset")
    assert [[radio["value"] for radio in row.select("input")] for row in rows] == [["", "ours", "theirs"]] * 2
    assert all(row.select_one("input[checked]")["value"] == "" for row in rows)
    notice = said(published.browser().get(published.path))
    assert "Changed in Canvas" in notice
    assert "as it is here" not in notice
    assert "2 differences were made in Canvas since the tool last knew it. Look and decide" in notice


def test_a_choice_is_carried_out_on_both_sides_before_the_page_answers(published: Any, lms: Any) -> None:
    teacher = published.browser()
    change(published, "Team 1", name="Owls")
    change(published, "Team 2", member_ids=())
    page = teacher.get(f"{published.path}/drift")
    rename, removal = (row.select_one("input[value=ours]")["name"] for row in page.select("fieldset"))
    done = teacher.follow(f"{published.path}/drift", fields={"shown": shown(page), rename: "theirs", removal: "ours"})
    assert "2 differences are settled. Canvas has it too." in done.select_one("#notice").text
    assert "Owls" in said(done)
    assert lms.members("Team 2") == {"u-Bo O'Hara & Söhne"}
    assert published.people_in("Team 2") == {published.bo}
    assert "Canvas has this set as it is here" in said(done)
    assert [note.action for note in published.stored(HistoryEntry, action="drift_settled")] == ["drift_settled"]


@pytest.mark.parametrize(("choice", "kept"), [("ours", ""), ("theirs", "<p>Meet &amp; <b>greet</b></p>")])
def test_a_description_of_others_is_told_by_its_text_and_taken_as_it_is(published: Any, choice: str, kept: str) -> None:
    teacher = published.browser()
    change(published, "Team 1", description="<p>Meet &amp; <b>greet</b></p>")
    page = teacher.get(f"{published.path}/drift")
    told = "The description of the group “Team 1” was changed to “Meet & greet”. Last sent was “(no description)”."
    assert told in said(page)
    choices = {page.select_one(f"input[value={choice}]")["name"]: choice}
    done = teacher.follow(f"{published.path}/drift", fields={"shown": shown(page)} | choices)
    assert "One difference is settled." in said(done)
    (row,) = published.stored(Group, name="Team 1")
    assert row.description == kept
    assert {group.description for group in published.held.values() if group.name == "Team 1"} == {kept}


@pytest.mark.parametrize(("every", "name"), [("ours", "Team 1"), ("theirs", "Owls")])
def test_one_button_decides_everything(published: Any, every: str, name: str) -> None:
    teacher = published.browser()
    change(published, "Team 1", name="Owls", member_ids=())
    page = teacher.get(f"{published.path}/drift")
    done = teacher.follow(f"{published.path}/drift", shown=shown(page), every=every)
    assert "2 differences are settled" in said(done)
    assert {group.name for group in published.held.values()} == {name, "Team 2"}
    assert published.people_in("Team 1") == ({published.ana} if every == "ours" else set())


def test_choosing_nothing_changes_nothing(published: Any) -> None:
    teacher = published.browser()
    change(published, "Team 1", name="Owls")
    page = teacher.get(f"{published.path}/drift")
    done = teacher.follow(f"{published.path}/drift", shown=shown(page))
    assert "Nothing was chosen, so nothing was changed." in said(done)
    assert "1 difference was made in Canvas since the tool last knew it." in said(done)


def test_a_stale_page_is_answered_409_with_the_present_state(published: Any) -> None:
    teacher = published.browser()
    change(published, "Team 1", name="Owls")
    page = teacher.get(f"{published.path}/drift")
    change(published, "Owls", name="Hawks")
    answer = teacher.post(f"{published.path}/drift", 409, shown=shown(page), every="theirs")
    assert "Nothing was done." in said(answer)
    assert "renamed to “Hawks”" in said(answer)
    assert "Team 1" in said(teacher.get(published.path))
    teacher.follow(f"{published.path}/drift", shown=shown(answer), every="theirs")
    assert "Hawks" in said(teacher.get(published.path))


@pytest.mark.shows("PUSH-40")
def test_a_conflict_stops_the_push_and_leads_to_the_page(published: Any) -> None:
    teacher = published.browser()
    change(published, "Team 1", name="Owls")
    teacher.get(f"{published.path}/drift")
    page = teacher.follow(f"{published.path}/groups/{published.names['Team 1']}/edit", name="Ours", description="")
    assert "Canvas did not take it. The reason is below." in page.select_one("#notice").text
    assert "it would overwrite what somebody changed in Canvas" in said(page)
    assert {group.name for group in published.held.values()} == {"Owls", "Team 2"}
    lead = page.select_one(".panel a.primary")
    assert lead.text.strip() == "Decide about the differences"
    page = teacher.get(lead["href"])
    assert "Changed on both sides. Here it was renamed to “ours”." in said(page)


def test_a_set_that_was_held_back_does_not_claim_where_people_are_and_has_one_way_to_decide(published: Any) -> None:
    teacher = published.browser()
    change(published, "Team 1", member_ids=())
    change(published, "Team 2", member_ids=("u-Bo O'Hara & Söhne", "u-Ana López"))
    teacher.get(f"{published.path}/drift")
    page = teacher.follow(f"{published.path}/groups/{published.names['Team 1']}/members/{published.ana}/remove")
    panel = page.select_one(".panel")
    assert "Nothing was sent: it would overwrite what somebody changed in Canvas." in panel.text
    assert "“Team 1”" not in panel.text
    assert not panel.select("details")
    assert [a.text.strip() for a in panel.select("a[href$='/drift']")] == ["Decide about the differences"]
    assert "Ana López was moved from “Team 1” to “Team 2”." in said(teacher.get(f"{published.path}/drift"))


def test_two_people_of_one_name_are_told_apart_by_their_addresses(published: Any) -> None:
    published.member("Ana López", lms_user_id="u-other", email="other@students.example", status="dropped")
    change(published, "Team 1", member_ids=())
    change(published, "Team 2", member_ids=("u-Bo O'Hara & Söhne", "u-Ana López", "u-other"))
    words = said(published.browser().get(f"{published.path}/drift"))
    assert "Ana López ana@students.example was moved from “Team 1” to “Team 2”." in words
    assert "Ana López other@students.example, who is not active on the roster here, is in “Team 2”." in words
    assert "Bo O'Hara & Söhne" not in words


def test_a_changed_group_that_was_deleted_here_tells_what_others_did_to_it(published: Any) -> None:
    teacher = published.browser()
    zoe = published.member("Zoë <3")
    teacher.follow(f"{published.path}/groups/{published.names['Team 2']}/members", member_id=str(zoe))
    change(published, "Team 1", name="Owls <1>", member_ids=("u-Ana López", "u-Zoë <3"), description="New")
    change(published, "Team 2", member_ids=("u-Bo O'Hara & Söhne",))
    teacher.follow(f"{published.path}/groups/{published.names['Team 1']}/delete")
    words = said(teacher.get(f"{published.path}/drift"))
    told = "The group “Team 1” was changed: it was renamed to “Owls <1>”, its description was changed, "
    assert told + "Zoë <3 was put into it from “Team 2”. It is there with Ana López, Zoë <3." in words
    assert "Changed on both sides. Here it was deleted." in words


def test_ours_is_offered_again_only_where_the_person_was(published: Any) -> None:
    teacher = published.browser()
    change(published, "Team 1", member_ids=())
    change(published, "Team 2", member_ids=("u-Bo O'Hara & Söhne", "u-Ana López"))
    assert "Keep ours: in “Team 1” in Canvas again" in said(teacher.get(f"{published.path}/drift"))
    teacher.follow(f"{published.path}/groups/{published.names['Team 1']}/members/{published.ana}/remove")
    words = said(teacher.get(f"{published.path}/drift"))
    assert "Keep ours: in no group in Canvas too" in words
    assert "in Canvas again" not in words


def test_without_drift_the_page_says_so(published: Any) -> None:
    page = published.browser().get(f"{published.path}/drift")
    assert "Nobody changed this group set in Canvas" in said(page)
    assert not page.select("main form")


def test_a_set_that_is_gone_is_published_again_or_no_more(published: Any, lms: Any) -> None:
    teacher = published.browser()
    lms.sets.clear()
    lms.groups.clear()
    page = teacher.get(f"{published.path}/drift")
    assert "Canvas does not have this group set any more." in said(page)
    assert "Publish to Canvas again" in said(teacher.get(page.find("a", string="Publish again")["href"]))
    teacher.follow(f"{published.path}/unpublish", copy="leave")
    assert published.publication(published.set_id) is None
    assert "This set is only here." in said(teacher.get(published.path))


def test_an_lms_that_is_silent_is_told(published: Any, lms: Any) -> None:
    lms.error = LmsUnavailable("lms_timeout", host="lms.example")
    page = published.browser().get(f"{published.path}/drift", 503)
    assert "Canvas" in page.h1.text


def test_a_run_at_work_is_shown_instead(published: Any) -> None:
    published.run("push", "running")
    answer = published.browser().client.get(published.browser().address(f"{published.path}/drift"))
    assert answer.status_code == 303
    assert "/runs/" in answer.headers["Location"]


@pytest.mark.parametrize("copy", ["leave", "delete"])
def test_publishing_is_stopped_after_a_question(published: Any, lms: Any, copy: str) -> None:
    teacher = published.browser()
    page = teacher.get(f"{published.path}/unpublish")
    assert "The next sync shows it here as Canvas’s own" in said(page)
    assert [button.text for button in page.select("main button")] == [
        "Stop publishing, leave the copy",
        "Stop publishing, delete the copy",
    ]
    done = teacher.follow(f"{published.path}/unpublish", copy=copy)
    assert "is published no more" in done.select_one("#notice").text
    assert len(lms.sets) == (1 if copy == "leave" else 0)
    assert published.publication(published.set_id) is None
    assert published.people_in("Team 1") == {published.ana}


def test_a_preview_says_who_is_told_and_what_stands_in_the_way(world: Any, lms: Any) -> None:
    teacher = world.browser()
    ana, guest = world.member("Ana López"), world.member("Guest", source="local", lms_user_id=None)
    set_id = world.group_set("Projects", {"Team 1": [ana, guest]})
    page = teacher.get(f"group-sets/{set_id}/publish")
    assert "with 1 group and 1 person" in said(page)
    assert "Canvas notifies each of the 1 person" in said(page)
    assert "Guest, in “Team 1”" in said(page)
    assert [button.text for button in page.select("main button")] == ["Publish"]
    assert world.publication(set_id) is None
    lms.clashes = NameClashes(set_name=True, group_names=("Team 1",))
    page = teacher.get(f"group-sets/{set_id}/publish")
    assert "Canvas has a group set called “Projects” already." in said(page)
    assert "Canvas has groups of these names already: “Team 1”." in said(page)
    assert not page.select("main button")
    lms.error = LmsUnavailable("lms_timeout", host="lms.example")
    page = teacher.get(f"group-sets/{set_id}/publish")
    assert "We could not ask Canvas which names are in use there" in said(page)
    assert page.select("main button")


def test_a_preview_names_people_in_two_groups_and_refused_names(world: Any, lms: Any) -> None:
    ana = world.member("Ana López")
    twice = world.group_set("Twice", {"A": [ana], "B": [ana]})
    page = world.browser().get(f"group-sets/{twice}/publish")
    assert "People in two groups: “Ana López”." in said(page)
    assert not page.select("main button")
    world.browser().get(f"group-sets/{world.group_set('Empty')}/publish")
    reserved = world.group_set("Student Groups", {"C": [ana]})
    page = world.browser().get(f"group-sets/{reserved}/publish")
    assert "does not take these names" in said(page)
    assert "Student Groups" in said(world.browser().post(f"group-sets/{reserved}/publish", 422))


def test_on_moodle_nobody_is_notified(world: Any, lms: Any) -> None:
    with world.app.app_context():
        db.session.get_one(Registration, world.registration_id).family = "moodle"
        db.session.commit()
    world.allow_writing()
    set_id = world.group_set("Projects", {"Team 1": [world.member("Ana López")]})
    page = world.browser().get(f"group-sets/{set_id}/publish")
    assert "Nobody: Moodle does not notify people of new groups." in said(page)


def test_a_published_set_has_no_preview(published: Any) -> None:
    page = published.browser().get(f"{published.path}/publish", 422)
    assert "This group set is published already" in page.h1.text


@pytest.mark.shows("PUSH-42")
@pytest.mark.parametrize("kind", ["student", "observer", "ta"])
def test_only_who_manages_groups_sees_these_pages(published: Any, lms: Any, kind: str) -> None:
    person = published.browser(kind, manages=False)
    calls = lms.calls
    for page in ("publish", "unpublish", "drift"):
        person.get(f"{published.path}/{page}", 403)
        person.post(f"{published.path}/{page}", 403, copy="delete", every="ours")
    assert lms.calls == calls
    assert len(published.stored(GroupSet)) == 1
