"""Publishing, and pushing each later change before the page answers; nothing that has not arrived is silent."""

from typing import Any

import pytest

from lti_tool.domain.errors import LmsChanged, LmsRefused, LmsUnavailable
from lti_tool.domain.remote import RemoteGroup
from lti_tool.models import GroupSet, SyncRun


@pytest.fixture
def filled(world: Any, lms: Any) -> Any:
    world.ana, world.bo = world.member("Ana López"), world.member("Bo Ek")
    world.set_id = world.group_set("Projects", {"Team 1": [world.ana], "Team 2": []})
    world.path = f"group-sets/{world.set_id}"
    return world


@pytest.fixture
def published(filled: Any) -> Any:
    teacher = filled.browser()
    teacher.post(f"{filled.path}/publish")
    filled.app.extensions["lti_tool_doorbell"].work_off()
    return filled


def test_publishing_leads_to_its_run_and_then_the_set_is_in_the_lms(filled: Any, lms: Any) -> None:
    teacher = filled.browser()
    before = teacher.get(filled.path)
    assert "This set is only here." in before.text
    assert before.find("a", string="Publish to Canvas")["href"].endswith(f"{filled.path}/publish")
    run_page = teacher.post(f"{filled.path}/publish")
    assert "Publish" in teacher.get(run_page).h1.text
    filled.app.extensions["lti_tool_doorbell"].work_off()
    page = teacher.get(filled.path)
    assert "Canvas has this set as it is here" in page.text
    assert page.select_one(".badge-good").text == "In Canvas"
    assert lms.members("Team 1") == {"u-Ana López"}
    assert teacher.get(run_page).select_one(".notice-good")


def test_people_without_an_account_in_the_lms_are_named_without_asking_for_another_push(published: Any) -> None:
    teacher = published.browser()
    guest = published.member("Guest", source="local", lms_user_id=None)
    team_2 = published.names["Team 2"]
    teacher.follow(f"{published.path}/groups/{team_2}/members", member_id=str(guest))
    page = teacher.get(published.path)
    said = " ".join(page.main.text.split())
    assert "Canvas has this set, but for 1 person without an account there." in said
    assert "as it is here" not in said
    assert "Guest in “Team 2” has no account in Canvas" in said
    assert not page.find("button", string="Push again")


def test_before_a_group_is_deleted_its_page_says_that_it_is_deleted_in_the_lms_too(published: Any, lms: Any) -> None:
    teacher, path = published.browser(), f"{published.path}/groups/{published.names['Team 1']}/delete"
    assert "The group is deleted in Canvas too" in teacher.get(path).main.text
    teacher.follow(path)
    assert [group.name for held in lms.groups.values() for group in held.values()] == ["Team 2"]


@pytest.mark.shows("PUSH-33", "PUSH-34")
def test_each_change_is_in_the_lms_when_the_page_answers(published: Any, lms: Any) -> None:
    teacher = published.browser()
    team_1, team_2 = published.names["Team 1"], published.names["Team 2"]
    page = teacher.follow(f"{published.path}/groups/{team_2}/members", member_id=str(published.bo))
    assert "Canvas has it too." in page.select_one("#notice").text
    assert lms.members("Team 2") == {"u-Bo Ek"}
    teacher.post(f"{published.path}/groups/{team_1}/members/{published.ana}/remove")
    assert lms.members("Team 1") == set()
    teacher.post(f"{published.path}/assign", member_ids=[str(published.ana), str(published.bo)], group_id=str(team_1))
    assert lms.members("Team 1") == {"u-Ana López", "u-Bo Ek"}
    assert lms.members("Team 2") == set()
    teacher.post(f"{published.path}/groups/{team_2}/edit", name="Owls", description="")
    teacher.post(f"{published.path}/edit", name="Teams")
    assert list(lms.sets.values()) == ["Teams"]
    assert {group.name for held in lms.groups.values() for group in held.values()} == {"Team 1", "owls"}
    teacher.post(f"{published.path}/groups/{team_2}/delete")
    assert {group.name for held in lms.groups.values() for group in held.values()} == {"Team 1"}


@pytest.mark.shows("PUSH-36")
def test_a_draw_is_in_the_lms_when_the_page_answers(published: Any, lms: Any) -> None:
    teacher = published.browser()
    revision = teacher.get(f"{published.path}/random?seed=3").select_one("input[name=revision]")["value"]
    teacher.post(f"{published.path}/random", seed="3", revision=revision)
    assert lms.members("Team 2") == {"u-Bo Ek"}


def test_a_draw_of_many_is_a_job_whose_progress_the_page_of_the_set_shows(published: Any, lms: Any) -> None:
    many = [published.member(f"Student {number}") for number in range(51)]
    teacher = published.browser()
    revision = teacher.get(f"{published.path}/random?seed=3").select_one("input[name=revision]")["value"]
    page = teacher.follow(f"{published.path}/random", seed="3", revision=revision)
    assert published.people_in("Team 1") | published.people_in("Team 2") == {published.ana, published.bo, *many}
    assert "Waiting" in page.select_one(".badges").text
    (run,) = published.stored(SyncRun, state="queued")
    assert str(run.id) in str(page.main)
    assert lms.members("Team 2") == set()
    published.app.extensions["lti_tool_doorbell"].work_off()
    assert len(lms.members("Team 1") | lms.members("Team 2")) == 53
    assert "Canvas has this set as it is here" in teacher.get(published.path).text


@pytest.mark.shows("PUSH-40")
@pytest.mark.parametrize(
    ("error", "state", "word"),
    [
        (LmsUnavailable("lms_timeout", host="lms.example"), "waiting", "Waiting"),
        (LmsRefused("right_missing", call="PUT groups"), "refused", "Refused"),
        (LmsChanged("set_gone"), "refused", "Refused"),
    ],
)
def test_a_change_that_did_not_arrive_is_never_silent(
    published: Any, lms: Any, error: Any, state: str, word: str
) -> None:
    teacher = published.browser()
    lms.error = error
    page = teacher.follow(f"{published.path}/groups/{published.names['Team 2']}/members", member_id=str(published.bo))
    assert published.people_in("Team 2") == {published.bo}, "the change is kept here"
    assert "The reason is below." in page.select_one("#notice").text
    assert page.select_one(f".panel-{state}")
    assert word in page.select_one(".badges").text
    assert "Bo Ek is not yet in “Team 2” in Canvas." in page.select_one(".panel").text
    again = "Publish again" if error.code == "set_gone" else "Push again"
    assert " ".join(page.select_one(".panel .primary").text.split()) == again
    lms.error = None
    if again == "Push again":
        page = teacher.follow(f"{published.path}/push")
        assert page.select_one(".panel-sent")
        assert lms.members("Team 2") == {"u-Bo Ek"}


def test_people_whom_the_lms_does_not_take_are_named(published: Any, lms: Any) -> None:
    lms.refused_people = {"u-Bo Ek"}
    page = published.browser().follow(
        f"{published.path}/groups/{published.names['Team 2']}/members", member_id=str(published.bo)
    )
    told = page.select_one(".panel").text
    assert "Canvas did not put these people into their groups: Bo Ek." in told
    assert "Either the group is full there, or they are not active in the course there." in told
    assert "Make room in the group or refresh people, then try again." in told


def test_all_published_sets_are_pushed_as_one_run(published: Any) -> None:
    teacher = published.browser()
    teacher.post("push")
    assert [run.kind for run in published.stored(SyncRun, state="queued")] == ["push_all"]
    again = teacher.post("push")
    assert "notice=run_open" in again
    assert "already at work" in teacher.get(again).text


def test_pushing_nothing_is_explained(world: Any) -> None:
    assert "Publish a group set first" in world.browser().post("push", 422).text


def test_publishing_while_a_run_is_at_work_leads_to_it(filled: Any) -> None:
    run_id = filled.run("pull", "running")
    assert f"/runs/{run_id}?" in filled.browser().post(f"{filled.path}/publish")
    assert filled.publication(filled.set_id) is None


@pytest.mark.parametrize("groups", [{}, None])
def test_a_set_that_cannot_be_published_says_why(world: Any, lms: Any, groups: Any) -> None:
    ana = world.member("Ana López")
    if groups is None:
        set_id = world.group_set("Twice", {"A": [ana], "B": [ana]}, connection="import")
        words = "In two groups: Ana López."
    else:
        set_id, words = world.group_set("Empty", groups), "Add groups first"
    page = world.browser().post(f"group-sets/{set_id}/publish", 422)
    assert words in page.text
    assert "Back to the group set" in page.text


def test_without_access_publishing_says_what_is_missing(filled: Any, lms: Any) -> None:
    lms.closed = LmsRefused("token_missing")
    assert "no access token for Canvas" in filled.browser().post(f"{filled.path}/publish", 502).text


def test_a_published_set_is_deleted_here_only_or_in_both(published: Any, lms: Any) -> None:
    teacher = published.browser()
    page = teacher.get(f"{published.path}/delete")
    assert [button.text for button in page.select("main button")] == [
        "Remove from this tool",
        "Delete here and in Canvas",
    ]
    teacher.post(f"{published.path}/delete", where="here")
    assert not published.stored(GroupSet)
    assert len(lms.sets) == 1


@pytest.mark.shows("PUSH-29")
def test_deleting_in_both_deletes_in_the_lms_first(published: Any, lms: Any) -> None:
    teacher = published.browser()
    lms.error = LmsUnavailable("lms_unreachable", host="lms.example")
    page = teacher.post(f"{published.path}/delete", 503, where="everywhere")
    assert "cannot be reached" in page.h1.text
    assert len(published.stored(GroupSet)) == 1, "an LMS that is down keeps everything as it was"
    lms.error = None
    teacher.post(f"{published.path}/delete", where="everywhere")
    assert not published.stored(GroupSet)
    assert not lms.sets


@pytest.mark.shows("MODEL-110")
def test_nothing_is_deleted_in_the_lms_before_the_assignments_that_use_the_set_were_shown(
    published: Any, lms: Any
) -> None:
    teacher, set_id = published.browser(), published.stored(GroupSet)[0].id
    teacher.post("assignments/new", name="Essay", kind="all", group_set_id=str(set_id))
    page = teacher.post(f"{published.path}/delete", 409, where="everywhere")
    assert "Assignments use this group set by now" in page.select_one("#error-summary").text
    assert len(lms.sets) == 1
    assert published.stored(GroupSet, id=set_id)
    (everywhere,) = [form for form in page.select("main form") if form.select_one("[value=everywhere]")]
    sent = {field["name"]: field["value"] for field in everywhere.select("input[name]")}
    teacher.post(f"{published.path}/delete", **{**sent, "csrf_token": teacher.token})
    assert not published.stored(GroupSet, id=set_id)
    assert not lms.sets


@pytest.mark.shows("PUSH-29")
@pytest.mark.parametrize(("page", "chosen"), [("delete", "[value=everywhere]"), ("unpublish", "[value=delete]")])
def test_before_a_copy_is_deleted_with_what_others_put_into_it_they_are_named(
    published: Any, lms: Any, page: str, chosen: str
) -> None:
    teacher = published.browser()
    (held,) = lms.groups.values()
    held["theirs"] = RemoteGroup("theirs", "Owls of a colleague", "", ("u-Bo Ek",))
    (field,) = teacher.get(f"{published.path}/{page}").select(f"main form {chosen}")
    asked = teacher.post(f"{published.path}/{page}", 409, **{field["name"]: field["value"]})
    told = asked.select_one("#error-summary").text
    assert "Others put more into this group set in Canvas" in told
    assert "Owls of a colleague, Bo Ek → Owls of a colleague" in told
    assert len(lms.sets) == 1
    (knowingly,) = [form for form in asked.select("main form") if form.select_one(chosen)]
    sent = {one["name"]: one["value"] for one in knowingly.select("input[name]")}
    teacher.post(f"{published.path}/{page}", **{**sent, "csrf_token": teacher.token})
    assert not lms.sets


@pytest.mark.shows("PUSH-40")
def test_a_copy_of_which_nobody_knows_whether_it_was_deleted_is_not_said_to_be_there(
    published: Any, lms: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unanswered(*_: Any) -> None:
        raise LmsUnavailable("lms_unreachable", host="lms.example")

    teacher = published.browser()
    monkeypatch.setattr(lms, "delete_group_set", unanswered)
    teacher.post(f"{published.path}/delete", 503, where="everywhere")
    panel = teacher.get(published.path).select_one(".panel").text
    assert "Nobody knows yet whether Canvas has deleted this group set" in panel
    assert "as it is here" not in panel
