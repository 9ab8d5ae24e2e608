"""Questions before deletions: what changed since they were asked is told and asked anew, and nothing is deleted."""

from typing import Any

import pytest

from lti_tool.models import Group, GroupSet


@pytest.fixture
def two(world: Any) -> Any:
    """Two local sets of which the second is empty, and a set of the LMS with a copy; two teachers."""
    world.ann, world.bo = world.member("Ann Lee"), world.member("Bo Li")
    world.first = world.group_set("First", {"team": [world.ann]})
    world.second = world.group_set("Second", {"empty": []})
    world.labs = world.group_set("Labs", {"Lab A": [world.ann]}, connection="canvas", lms_group_set_id="s1")
    world.teacher, world.other = world.browser(), world.browser(name="Other")
    return world


def answer(question: Any) -> dict[str, str]:
    """Return what the first form of a question sends."""
    return {f["name"]: f["value"] for f in question.select_one("main form[method=post]").select("input[name]")}


def said(page: Any) -> str:
    return " ".join(page.main.text.split())


def refused(two: Any, path: str, sent: dict[str, str]) -> Any:
    """Answer a question that is out of date, as people and as a program; give the question that is asked anew."""
    headers = {"Accept": "application/json"}
    told = two.teacher.client.post(two.teacher.address(path), data=sent, headers=headers)
    assert (told.status_code, told.json["error"]) == (409, "question_changed")
    page = two.teacher.post(path, 409, fields=sent)
    assert "What this is about has changed meanwhile" in page.select_one("#error-summary").text
    return page


@pytest.mark.shows("MODEL-83", "MODEL-84")
def test_a_group_is_not_deleted_by_a_question_that_said_that_it_stays(two: Any) -> None:
    group = two.names["team"]
    two.other.post(f"group-sets/{two.second}/references", group_ids=str(group))
    path = f"group-sets/{two.first}/groups/{group}/take-out"
    question = two.teacher.get(path)
    assert "The group stays as it is in Second" in said(question)
    two.other.post(f"group-sets/{two.second}/groups/{group}/take-out")
    again = refused(two, path, answer(question))
    assert "No other set holds this group, so it is deleted." in said(again)
    assert "In it now: Ann Lee." in said(again)
    assert two.people_in("team") == {two.ann}
    two.teacher.post(path, fields=answer(again))
    assert not two.stored(Group, id=group)


def test_a_group_that_stays_is_taken_out_whoever_came_into_it(two: Any) -> None:
    group = two.names["team"]
    two.other.post(f"group-sets/{two.second}/references", group_ids=str(group))
    path = f"group-sets/{two.first}/groups/{group}/take-out"
    question = two.teacher.get(path)
    two.other.post(f"group-sets/{two.second}/assign", member_ids=str(two.bo), group_id=str(group))
    two.teacher.post(path, fields=answer(question))
    assert two.people_in("team") == {two.ann, two.bo}


@pytest.mark.parametrize("act", ["person comes", "set shares"])
def test_a_group_is_deleted_as_it_was_shown_only(two: Any, act: str) -> None:
    group, here = two.names["empty"], f"group-sets/{two.second}"
    path = f"{here}/groups/{group}/delete"
    question = two.teacher.get(path)
    assert "Nobody is in it." in said(question)
    if act == "person comes":
        two.other.post(f"{here}/groups/{group}/members", member_id=str(two.bo))
    else:
        two.other.post(f"group-sets/{two.first}/references", group_ids=str(group))
    again = refused(two, path, answer(question))
    assert ("In it now: Bo Li." if act == "person comes" else "holds it, also First.") in said(again)
    assert two.stored(Group, id=group)
    two.teacher.post(path, fields=answer(again))
    assert not two.stored(Group, id=group)


def test_a_group_of_the_lms_is_deleted_there_as_it_was_shown_only(two: Any, lms: Any) -> None:
    two.allow_writing()
    path = f"group-sets/{two.labs}/groups/{two.names['Lab A']}/delete"
    question = two.teacher.get(path)
    two.other.post(f"group-sets/{two.labs}/copy")
    assert "holds it, also Labs (copy)." in said(refused(two, path, answer(question)))
    assert lms.pushes == []


@pytest.mark.shows("MODEL-110")
def test_a_set_of_the_lms_is_removed_with_the_groups_that_were_shown_only(two: Any) -> None:
    two.other.post(f"group-sets/{two.labs}/copy")
    path = f"group-sets/{two.labs}/remove"
    question = two.teacher.get(path)
    assert "1 group stays, because other sets hold it too: Labs (copy)." in said(question)
    two.other.post(f"group-sets/{two.stored(GroupSet, name='Labs (copy)')[0].id}/delete")
    again = refused(two, path, answer(question))
    assert "1 group leaves this tool with it. 1 person is in it." in said(again)
    assert two.people_in("Lab A") == {two.ann}
    two.teacher.post(path, fields=answer(again))
    assert not two.stored(Group, name="Lab A")


@pytest.mark.shows("MODEL-110")
@pytest.mark.parametrize("act", ["person comes", "holder goes", "group comes"])
def test_a_set_is_deleted_with_what_was_shown_only(two: Any, act: str) -> None:
    here = f"group-sets/{two.second}"
    two.other.post(f"{here}/references", group_ids=str(two.names["team"]))
    path = f"{here}/delete"
    question = two.teacher.get(path)
    assert "but for those that another group set holds (1, in First). 0 people are in those that go." in said(question)
    if act == "person comes":
        two.other.post(f"{here}/groups/{two.names['empty']}/members", member_id=str(two.bo))
    elif act == "holder goes":
        two.other.post(f"group-sets/{two.first}/delete")
    else:
        two.other.post(f"{here}/groups", name="new", count="1")
    again = refused(two, path, answer(question))
    people = "0 people are" if act == "group comes" else "1 person is"
    assert f"{people} in those that go." in said(again)
    assert two.stored(GroupSet, id=two.second)
    two.teacher.post(path, fields=answer(again))
    assert not two.stored(GroupSet, id=two.second)


def test_a_set_of_the_lms_is_deleted_there_as_it_was_shown_only(two: Any, lms: Any) -> None:
    two.allow_writing()
    lms.sets["s1"] = "Labs"
    path = f"group-sets/{two.labs}/delete"
    question = two.teacher.get(path)
    two.other.post(f"group-sets/{two.labs}/copy")
    refused(two, path, answer(question))
    assert lms.sets == {"s1": "Labs"}
