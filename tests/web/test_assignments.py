"""Assignments on their pages: listed, made, changed with questions asked, shown with coverage, and deleted."""

import re
from typing import Any
from uuid import uuid4

import pytest

from lti_tool.domain.system_sets import INDIVIDUALS
from lti_tool.models import Assignment, AssignmentExclusion, GroupSet


def text(part: Any) -> str:
    return re.sub(r"\s+([.,;:])", r"\1", " ".join(part.get_text(" ").split()))


@pytest.fixture
def course(world: Any) -> Any:
    """A course of five students with a set that three of them are in, Ana twice."""
    people = [world.member(name) for name in ("Ana López", "Bo Ek", "Chi Ho", "Dee Dun", "Eve Ek")]
    ana, bo, chi = people[:3]
    world.set_id = world.group_set("Projects", {"Team 1": [ana, bo], "Team 2": [ana], "Lab": [chi], "Team 3": []})
    world.other_id = world.group_set("Labs", {"Lab A": [ana]})
    return world


def make(person: Any, name: str = "Essay", **sent: Any) -> str:
    """Make an assignment by its form; give its id."""
    return str(person.post("assignments/new", name=name, **sent)).split("/")[-1].split("?")[0]


def fields(course: Any, **sent: Any) -> dict[str, Any]:
    return {"name": "Essay", "group_set_id": str(course.set_id), "kind": "all", "revision": "0", **sent}


@pytest.mark.shows("MODEL-3", "MODEL-92", "MODEL-118")
def test_without_a_choice_it_is_for_each_student_alone(course: Any) -> None:
    teacher = course.browser()
    form = teacher.get("assignments/new")
    assert text(form.select_one("#group_set_id option")) == INDIVIDUALS
    assert form.select_one("[name=kind][checked]")["value"] == "all"
    page = teacher.follow("assignments/new", name="  My   essay ", description="Write.")
    assert page.h1.text == "My essay"
    assert "The assignment is made" in page.select_one("#notice").text
    assert "All groups: 5 of 5 groups, 5 people." in text(page.main)
    assert "Every active student is in a selected group." in text(page.main)
    (row,) = course.stored(Assignment)
    assert (row.description, row.pattern) == ("Write.", None)
    assert [s.name for s in course.stored(GroupSet, id=row.group_set_id)] == [INDIVIDUALS]
    assert text(teacher.get("assignments/new").select_one("#group_set_id [selected]")) == INDIVIDUALS
    assert page.select_one("nav [aria-current]").text == "Assignments"


@pytest.mark.shows("MODEL-117")
def test_one_group_of_everybody_is_made_by_ticking_all(course: Any) -> None:
    teacher = course.browser()
    set_page = teacher.follow("group-sets/new", name="Whole class")
    set_at = set_page.select_one("form[action$='/groups']")["action"].removesuffix("/groups")
    set_page = teacher.follow(f"{set_at}/groups", name="Class", count="1")
    assert set_page.select_one("[data-tick-all=unassigned-list]")
    everybody = [box["value"] for box in set_page.select("#unassigned-list input")]
    group_id = set_page.select_one("#place-group option")["value"]
    teacher.post(f"{set_at}/assign", member_ids=everybody, group_id=group_id)
    page = teacher.get(f"assignments/{make(teacher, 'Trip', group_set_id=set_at.split('/')[-1])}")
    assert "All groups: 1 of 1 group, 5 people." in text(page.main)
    assert "Every active student is in a selected group." in text(page.main)


def test_students_of_one_name_in_no_group_are_told_apart_by_their_addresses(course: Any) -> None:
    course.member("Chi Ho", lms_user_id="u-other", email="other@students.example")
    teacher = course.browser()
    page = teacher.get(f"assignments/{make(teacher, **fields(course))}")
    names = [
        text(one).replace("@ ", "@") for one in page.select("section[aria-labelledby=none] li")
    ]  # it may break there
    assert names == ["Chi Ho other@students.example", "Dee Dun", "Eve Ek"]


@pytest.mark.shows("MODEL-85", "MODEL-86", "MODEL-87")
def test_its_page_shows_its_groups_and_who_is_in_none_or_in_several(course: Any) -> None:
    teacher = course.browser()
    sent = fields(course, kind="pattern", pattern="Team *", excluded=str(course.names["Team 3"]))
    page = teacher.get(f"assignments/{make(teacher, **sent)}")
    assert "Groups that fit Team *, 1 left out: 2 of 4 groups, 2 people." in text(page.main)
    sections = {s["aria-labelledby"]: text(s) for s in page.select("section[aria-labelledby]")}
    assert sections["groups"] == "Groups 2 Team 1 2 Team 2 1"
    assert sections["none"] == "Students in no group 3 Chi Ho Dee Dun Eve Ek"
    assert sections["several"] == "In several groups 1 Ana López: Team 1, Team 2"
    assert sections["excluded"] == "Left out 1 Team 3 Empty"
    assert page.select_one(f"a[href$='group-sets/{course.set_id}']")
    (row,) = teacher.get("assignments").select("tbody tr")
    assert text(row) == "Essay Projects 2 2 3 in no group 1 in several"
    assert "1 assignment" in text(teacher.get("").select_one(".figures"))


def test_no_selected_group_is_said(course: Any) -> None:
    teacher = course.browser()
    page = teacher.get(f"assignments/{make(teacher, **fields(course, kind='pattern', pattern='none'))}")
    assert "No group is selected." in page.text
    terms = {"min_size": "2", "max_size": "3", "last_answer_at": "2099-03-01T12:00"}
    page = teacher.get(f"assignments/{make(teacher, 'Formed', formed_by='students', **terms)}")
    assert "Groups of 2 to 3. Invite and answer until 1 Mar 2099, 12:00 UTC." in text(page.main)
    assert "Students form the groups themselves. Nobody has begun one yet." in text(page)
    assert "No group is selected." not in text(page)


@pytest.mark.shows("MODEL-99")
@pytest.mark.parametrize(
    ("sent", "field", "words"),
    [
        ({"name": " "}, "name", "Enter a name."),
        ({"name": "essay"}, "name", "“essay” is in use"),
        ({"name": "x" * 256}, "name", "255 characters"),
        ({"kind": "pattern", "pattern": ""}, "pattern", "Enter a pattern"),
        ({"kind": "pattern", "pattern": "a**"}, "pattern", "one of the two at position 2"),
        ({"kind": "pattern", "pattern": "a[b"}, "pattern", "“[” at position 2 has no “]”"),
        ({"kind": "pattern", "pattern": "x" * 256}, "pattern", "255 characters"),
        ({"description": "x" * 5001}, "description", "5,000 characters"),
    ],
)
def test_a_wrong_field_is_refused_beside_it(course: Any, sent: dict[str, str], field: str, words: str) -> None:
    teacher = course.browser()
    make(teacher, "Essay")
    other = make(teacher, "Other")
    for path in ("assignments/new", f"assignments/{other}/edit"):
        page = teacher.post(path, 422, **fields(course, **{"name": "Fine", **sent}))
        shown = page.find(id=field)
        assert shown["aria-invalid"] == "true"
        assert words in text(page.find(id=shown["aria-describedby"].split()[-1]))
        assert words in text(page.select_one(f"#error-summary a[href='#{field}']"))
    assert {row.name: row.pattern for row in course.stored(Assignment)} == {"Essay": None, "Other": None}


@pytest.mark.shows("MODEL-88")
def test_exclusions_are_ticked_in_the_form_and_kept_by_it(course: Any) -> None:
    teacher = course.browser()
    out = str(course.names["Lab"])
    assignment_id = make(teacher, **fields(course, excluded=[out, str(uuid4()), str(course.names["Lab A"])]))
    form = teacher.get(f"assignments/{assignment_id}/edit")
    assert [box["value"] for box in form.select("[name=excluded][checked]")] == [out]
    assert len(form.select("[name=excluded]")) == 4
    teacher.post(f"assignments/{assignment_id}/edit", **fields(course))
    assert not course.stored(AssignmentExclusion)


@pytest.mark.shows("MODEL-90", "MODEL-91")
def test_another_set_is_a_question_when_exclusions_would_end(course: Any) -> None:
    teacher = course.browser()
    out = [str(course.names[name]) for name in ("Lab", "Team 2")]
    assignment_id = make(teacher, **fields(course, excluded=out))
    path, other = f"assignments/{assignment_id}/edit", str(course.other_id)
    changed = fields(course, name="Report", group_set_id=other, kind="pattern", pattern="L*", excluded=out)
    question = teacher.post(path, 422, **changed)
    assert "Changing group set will remove 2 group exclusions. Continue?" in text(question.main)
    assert question.select_one("main a.button")["href"].endswith(path), "cancel leads back, nothing changed"
    (row,) = course.stored(Assignment)
    assert (row.name, row.group_set_id, row.revision) == ("Essay", course.set_id, 0)
    assert len(course.stored(AssignmentExclusion)) == 2
    sent = {field["name"]: field["value"] for field in question.select("main form input")}
    page = teacher.follow(path, **{**sent, "csrf_token": teacher.token})
    assert page.h1.text == "Report"
    (row,) = course.stored(Assignment)
    assert (row.group_set_id, row.pattern) == (course.other_id, "L*")
    assert not course.stored(AssignmentExclusion)
    back = fields(course, group_set_id=str(course.set_id), revision="1")
    assert teacher.follow(path, **back).h1.text == "Essay", "without exclusions nothing is asked"


@pytest.mark.shows("MODEL-90")
def test_groups_that_are_gone_are_not_counted_among_the_exclusions_that_end(course: Any) -> None:
    teacher, other = course.browser(), str(course.other_id)
    out = [str(course.names[name]) for name in ("Lab", "Team 2")]
    path = f"assignments/{make(teacher, **fields(course, excluded=out))}/edit"
    teacher.post(f"group-sets/{course.set_id}/groups/{course.names['Lab']}/delete")
    shown = teacher.post(path, 422, **fields(course, group_set_id=other, name=""))
    assert "Saving asks first: another group set removes 1 group exclusion." in text(shown.main)
    question = teacher.post(path, 422, **fields(course, group_set_id=other))
    assert "will remove 1 group exclusion. Continue?" in text(question.main)
    teacher.post(f"group-sets/{course.set_id}/groups/{course.names['Team 2']}/delete")
    announced = teacher.post(path, 422, **fields(course, group_set_id=other, name=""))
    assert "Saving asks first" not in text(announced.main)
    teacher.follow(path, **fields(course, group_set_id=other))
    assert course.stored(Assignment)[0].group_set_id == course.other_id, "nothing that anybody sees is lost"
    assert not course.stored(AssignmentExclusion)


@pytest.mark.parametrize("revision", ["0", "", "7", "x", "²"])
def test_a_form_of_an_older_state_changes_nothing(course: Any, revision: str) -> None:
    teacher = course.browser()
    path = f"assignments/{make(teacher, **fields(course))}/edit"
    teacher.post(path, **fields(course, name="First"))
    page = teacher.post(path, 409, **fields(course, name="Second", revision=revision))
    assert "Somebody changed this assignment meanwhile" in page.select_one("#error-summary").text
    assert page.h1.text == "First", "it shows what is stored now"
    assert [row.name for row in course.stored(Assignment)] == ["First"]


def test_it_is_deleted_after_a_question_and_its_set_stays(course: Any) -> None:
    teacher = course.browser()
    assignment_id = make(teacher, **fields(course))
    assert "Delete “Essay”?" in teacher.get(f"assignments/{assignment_id}/delete").h1.text
    page = teacher.follow(f"assignments/{assignment_id}/delete")
    assert "The assignment is deleted" in page.select_one("#notice").text
    assert not course.stored(Assignment)
    assert course.stored(GroupSet, id=course.set_id)
    for path in ("", "/edit", "/delete"):
        teacher.get(f"assignments/{assignment_id}{path}", 404)


@pytest.mark.shows("MODEL-110")
def test_deleting_a_set_says_which_assignments_lose_it(course: Any) -> None:
    teacher = course.browser()
    assignment_id = make(teacher, **fields(course, excluded=str(course.names["Lab"])))
    question = text(teacher.get(f"group-sets/{course.set_id}/delete").main)
    assert "1 assignment uses this group set, and will use Individual Students instead" in question
    assert "Essay" in question
    assert "assignment" not in text(teacher.get(f"group-sets/{course.other_id}/delete").main)
    teacher.post(f"group-sets/{course.set_id}/delete", where="here", seen=assignment_id)
    assert f"Group set: {INDIVIDUALS}" in text(teacher.get(f"assignments/{assignment_id}").main)
    assert not course.stored(AssignmentExclusion)


@pytest.mark.shows("MODEL-110")
@pytest.mark.parametrize(("kind", "path"), [(None, "delete"), ("canvas", "delete"), ("canvas", "remove")])
def test_a_set_goes_only_once_the_assignments_that_use_it_were_shown(
    course: Any, lms: Any, kind: str | None, path: str
) -> None:
    lms.sets["s1"] = "Seminars"
    course.allow_writing()
    set_id = course.group_set("Seminars", {"Lab 1": []}, connection=kind, lms_group_set_id="s1" if kind else None)
    teacher, address = course.browser(), f"group-sets/{set_id}/{path}"
    teacher.get(address)
    first = make(teacher, **fields(course, name="Essay", group_set_id=str(set_id)))
    again = teacher.post(address, 409, where="here", seen="")  # of the question before
    assert "Assignments use this group set by now" in again.select_one("#error-summary").text
    assert "Essay" in text(again.main)
    make(teacher, **fields(course, name="Report", group_set_id=str(set_id)))
    teacher.post(address, 409, where="here", seen=first)
    refused = teacher.client.post(
        teacher.address(address), data={"csrf_token": teacher.token}, headers={"Accept": "application/json"}
    )
    assert (refused.status_code, refused.json["error"]) == (409, "assignments_unseen")
    assert course.stored(GroupSet, id=set_id)
    assert {row.group_set_id for row in course.stored(Assignment)} == {set_id}
    question = teacher.get(address)
    sent = {field["name"]: field["value"] for field in question.select("main form input[name]")}
    teacher.follow(address, **{**sent, "csrf_token": teacher.token})
    assert not course.stored(GroupSet, id=set_id)
    assert {row.group_set_id for row in course.stored(Assignment)} == {course.stored(GroupSet, name=INDIVIDUALS)[0].id}


def test_a_sync_that_took_a_set_away_names_the_assignments(course: Any) -> None:
    report = '{"reassigned": ["Essay"], "calls": 1, "seconds": 0.1, "roster": {"added": 0, "updated": 0, "dropped": 0, "conflicts": 0}, "group_sets": {"created": 0, "renamed": 0, "removed": 1}, "groups": {"created": 0, "renamed": 0, "removed": 0}, "memberships": {"added": 0, "removed": 0}}'  # noqa: E501
    run_id = course.run("pull", report=report)
    page = text(course.browser().get(f"runs/{run_id}").main)
    assert "1 assignment has lost the group set" in page
    assert "Essay" in page


def test_programs_are_told_which_assignment_changed(course: Any) -> None:
    teacher = course.browser()

    def send(path: str, **sent: Any) -> Any:
        data = {"csrf_token": teacher.token, **sent}
        answer = teacher.client.post(teacher.address(path), data=data, headers={"Accept": "application/json"})
        return answer.get_json()

    (assignment_id,) = send("assignments/new", name="Essay")["changed"]["assignments"]
    assert send(f"assignments/{assignment_id}/edit", name="Report", revision="0")["changed"]["assignments"] == [
        assignment_id
    ]
    assert send(f"assignments/{assignment_id}/delete")["deleted"]["assignments"] == [assignment_id]


@pytest.mark.parametrize(("kind", "manages"), [("student", None), ("observer", None), ("ta", None), ("teacher", False)])
def test_only_who_manages_groups_changes_an_assignment(course: Any, kind: str, manages: bool | None) -> None:
    assignment_id = make(course.browser(), **fields(course))
    person = course.browser(kind, manages=manages)
    for path in ("edit", "delete"):
        person.post(f"assignments/{assignment_id}/{path}", 403, **fields(course, name="Mine"))
        person.get(f"assignments/{assignment_id}/{path}", 403)
    assert [row.name for row in course.stored(Assignment)] == ["Essay"]


def test_assignments_and_sets_of_another_course_are_not_found(app: Any, course: Any) -> None:
    elsewhere = type(course)(app).open_course("Chemistry")
    foreign_set = elsewhere.group_set("Theirs", {"Their team": []})
    theirs = make(elsewhere.browser(), group_set_id=str(foreign_set))
    teacher = course.browser()
    for path in ("", "/edit", "/delete"):
        teacher.get(f"assignments/{theirs}{path}", 404)
    for path in ("edit", "delete"):
        teacher.post(f"assignments/{theirs}/{path}", 404, **fields(course))
    mine = make(teacher, **fields(course))
    sent = fields(course, name="New", group_set_id=str(foreign_set))
    for path in ("assignments/new", f"assignments/{mine}/edit", "assignments/preview"):
        teacher.post(path, 404, **sent)
    teacher.post("assignments/preview", 404, **fields(course, assignment_id=theirs))
    teacher.post("filter-by-pattern", 404, pattern="*", set_id=str(foreign_set))


def test_observers_read_but_see_neither_the_roster_nor_a_button(course: Any) -> None:
    teacher = course.browser()
    project, alone = make(teacher, **fields(course)), make(teacher, "Alone")
    observer = course.browser("observer")
    assert [text(row) for row in observer.get("assignments").select("tbody tr")] == [
        "Alone Individual Students 5 5",
        "Essay Projects 4 3",
    ]
    page = observer.get(f"assignments/{project}")
    assert "Team 1" in page.text
    assert "Dee Dun" not in page.text
    page = observer.get(f"assignments/{alone}")
    assert "ana_lopez" not in page.text
    assert not page.select("main form, main button, main .button")


def test_a_student_sees_the_own_group_for_each_assignment(course: Any) -> None:
    teacher = course.browser()
    make(teacher, **fields(course, excluded=str(course.names["Team 2"])))
    make(teacher, "Alone")
    make(teacher, "Labs", group_set_id=str(course.other_id), description="In room 5")
    bo = course.browser("student", name="Bo Ek", member=course.names["Bo Ek"])
    cards = [text(card) for card in bo.get("").select("#own-assignments + ul > li")]
    assert cards == [
        "Alone You work alone.",
        "Essay Your group: Team 1 Ana López Bo Ek You",
        "Labs In room 5 You are in no group for it yet.",
    ]
    bo.get("assignments", 403)
    assert not bo.get("").select("a[href$=assignments]")
    stranger = course.browser("student")
    assert not stranger.get("").select("#own-assignments")


def test_pages_cost_the_same_for_ten_groups_and_for_five_hundred(course: Any, count_queries: Any) -> None:
    teacher, costs = course.browser(), []
    for count in (10, 500):
        set_id = course.group_set(f"Set of {count}", {f"Group {count}-{n}": [] for n in range(count)})
        assignment_id = make(teacher, f"Essay {count}", group_set_id=str(set_id))
        found = []
        for path in ("assignments", f"assignments/{assignment_id}", f"assignments/{assignment_id}/edit"):
            count_queries()
            teacher.get(path)
            found.append(count_queries())
        costs.append(found)
    assert costs[0] == costs[1]
    assert max(costs[0]) <= 10
