"""Single people of the roster: added, changed and deleted by staff, and what the LMS owns left alone."""

from typing import Any

import pytest

from lti_tool.models import Group, HistoryEntry, RosterMember

PATHS = ("roster/members/new", "roster/members/{}/edit", "roster/members/{}/delete")


def stored(world: Any, name: str) -> Any:
    (row,) = world.stored(RosterMember, name=name)
    return row


def error_of(page: Any, field: str) -> str:
    return str(page.select_one(f"#{field}-error").get_text(" ", strip=True))


@pytest.mark.shows("MODEL-66", "MODEL-76")
def test_a_student_is_added_by_hand_beside_those_of_the_lms(world: Any) -> None:
    world.member("Ana López")
    teacher = world.browser()
    page = teacher.follow(
        "roster/members/new", name=" Nora  New ", email="nora@x.example", student_number="77", git_username="@octo-cat"
    )
    assert "The student is added" in page.text
    row = stored(world, "Nora New")
    assert (row.status, row.enrollment_type, row.source, row.enrollment_display) == ("active", "student", "local", None)
    assert (row.email, row.student_number, row.git_username) == ("nora@x.example", "77", "octo-cat")
    assert row.git_username_status == "unknown"
    assert {group.name for group in world.stored(Group, origin="system")} >= {"nora_new"}
    assert world.stored(HistoryEntry, action="member_added")


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"name": " "}, "name", "Enter a name"),
        ({"name": "x" * 256}, "name", "255 characters"),
        ({"email": "no address"}, "email", "like name@example.edu"),
        ({"email": "ANA@students.example"}, "email", "Ana López has this e-mail"),
        ({"student_number": "s0000"}, "student_number", "Ana López has this student number"),
        ({"git_username": "y" * 256}, "git_username", "Shorten"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(world: Any, typed: dict[str, str], field: str, said: str) -> None:
    world.member("Ana López")
    page = world.browser().post("roster/members/new", 422, **{"name": "Nora", **typed})
    assert said in error_of(page, field)
    assert len(world.stored(RosterMember)) == 1


@pytest.mark.shows("MODEL-53", "MODEL-66")
def test_everything_of_a_local_student_can_be_changed(world: Any) -> None:
    nora = world.member("Nora", source="local", email=None, student_number=None)
    page = world.browser().follow(
        f"roster/members/{nora}/edit",
        name="Nora New",
        email="",
        student_number="9",
        git_username="octocat",
        git_username_status="valid",
        fields={"status": "incomplete"},
    )
    assert "is saved" in page.text
    row = stored(world, "Nora New")
    assert (row.id, row.email, row.student_number, row.status, row.source) == (nora, None, "9", "incomplete", "local")
    # A status speaks of one name: the new name's was chosen by hand, so it stands.
    assert (row.git_username, row.git_username_status) == ("octocat", "valid")


def test_own_values_are_no_duplicates_of_themselves(world: Any) -> None:
    nora = world.member("Nora", source="local", email="n@x.example", student_number="9")
    world.browser().follow(
        f"roster/members/{nora}/edit",
        name="Nora",
        email="n@x.example",
        student_number="9",
        git_username="",
        git_username_status="unknown",
        fields={"status": "active"},
    )


@pytest.mark.shows("MODEL-53", "MODEL-62")
def test_of_the_lms_s_people_only_the_git_user_name_is_ours(world: Any) -> None:
    ana = world.member("Ana López", department="Mathematics", institution="Demo University")
    teacher = world.browser()
    page = teacher.get(f"roster/members/{ana}/edit")
    assert not page.select("#name, #email, #student_number, #status")
    assert "Mathematics" in page.text
    assert "Demo University" in page.text
    assert "These come from Canvas" in page.text
    teacher.follow(
        f"roster/members/{ana}/edit",
        name="Hacked",
        fields={"status": "dropped"},
        git_username="octo--cat",
        git_username_status="valid",
    )
    row = stored(world, "Ana López")
    assert (row.status, row.git_username, row.git_username_status) == ("active", "octo--cat", "invalid")


def test_a_choice_that_is_none_is_refused(world: Any) -> None:
    nora = world.member("Nora", source="local")
    page = world.browser().post(
        f"roster/members/{nora}/edit", 422, name="Nora", git_username_status="unknown", fields={"status": "enrolled"}
    )
    assert "Choose a status" in error_of(page, "status")


@pytest.mark.shows("MODEL-77", "MODEL-72")
def test_who_is_to_leave_groups_is_warned_about_first(world: Any) -> None:
    nora = world.member("Nora", source="local")
    world.group_set("Projects", {"Team 1": [nora]})
    teacher = world.browser()
    typed = {"name": "Nora", "git_username_status": "unknown", "status": "dropped"}
    page = teacher.post(f"roster/members/{nora}/edit", 422, fields=typed)
    assert "Nora leaves 1 group" in page.text
    assert "Team 1" in page.text
    assert "do not come back" in " ".join(page.text.split())
    assert world.people_in("Team 1") == {nora}
    assert page.select_one("#status option[selected]")["value"] == "dropped"
    teacher.follow(f"roster/members/{nora}/edit", fields=typed, confirmed="yes")
    assert world.people_in("Team 1") == set()
    assert stored(world, "Nora").status == "dropped"
    assert world.stored(Group, name="Team 1")


@pytest.mark.shows("MODEL-64", "MODEL-78")
@pytest.mark.parametrize(
    "values", [{"source": "local"}, {"status": "dropped"}, {"status": "dropped", "enrollment_type": "ta"}]
)
def test_a_person_is_deleted_out_of_every_group_and_the_groups_stay(world: Any, values: dict[str, str]) -> None:
    gone = world.member("Gone", **values)
    world.group_set("Own", {"Team 1": [gone]})
    world.group_set("Theirs", {"Lab 1": [gone]}, connection="canvas")
    world.group_set("Imported", {"Desk 1": [gone]}, connection="import")
    teacher = world.browser()
    page = teacher.get(f"roster/members/{gone}/delete")
    assert "cannot be undone" in page.text
    assert "is deleted" in teacher.follow(f"roster/members/{gone}/delete").text
    assert not world.stored(RosterMember, name="Gone")
    for name in ("Team 1", "Lab 1", "Desk 1"):
        assert world.people_in(name) == set()
        assert world.stored(Group, name=name)


def test_whom_the_lms_lists_cannot_be_deleted_and_why_is_said(world: Any) -> None:
    ana = world.member("Ana López")
    teacher = world.browser()
    assert "next refresh would bring them back" in teacher.get(f"roster/members/{ana}/edit").text
    page = teacher.get(f"roster/members/{ana}/delete")
    assert "still lists" in page.text
    assert not page.select("main form")
    teacher.post(f"roster/members/{ana}/delete", 422)
    assert stored(world, "Ana López")


def test_while_a_run_is_at_work_nothing_is_changed(world: Any) -> None:
    nora = world.member("Nora", source="local")
    world.run("pull", "running")
    teacher = world.browser()
    for path in PATHS:
        page = teacher.post(
            path.format(nora), 409, name="Other", git_username_status="unknown", fields={"status": "active"}
        )
        assert "A sync is at work" in page.main.text
    assert [row.name for row in world.stored(RosterMember)] == ["Nora"]


def test_a_stale_form_answers_409_and_shows_the_present_person(world: Any) -> None:
    nora = world.member("Nora", source="local")
    path = f"roster/members/{nora}/edit"
    teacher = world.browser()
    seen = teacher.get(path).select_one("input[name=seen]")["value"]
    sent = {"git_username_status": "unknown", "status": "active", "seen": seen}
    teacher.post(path, fields={**sent, "name": "Theirs"})
    page = teacher.post(path, 409, fields={**sent, "name": "Mine"})
    assert "Somebody changed this person meanwhile" in page.select_one("#error-summary").text
    assert page.select_one("input[name=name]")["value"] == "Theirs"
    again = page.select_one("input[name=seen]")["value"]
    assert (again != seen, [row.name for row in world.stored(RosterMember)]) == (True, ["Theirs"])
    teacher.post(path, fields={**sent, "name": "Mine", "seen": again})
    assert [row.name for row in world.stored(RosterMember)] == ["Mine"]


def test_a_person_of_the_lms_is_stale_only_in_what_is_ours(world: Any) -> None:
    ana, teacher = world.member("Ana"), world.browser()
    path = f"roster/members/{ana}/edit"
    seen = teacher.get(path).select_one("input[name=seen]")["value"]
    sent = {"git_username": "octocat", "git_username_status": "unknown", "seen": seen}
    teacher.post(path, fields=sent)
    teacher.post(path, 409, fields=sent)


def test_who_launched_as_a_deleted_member_keeps_the_course(world: Any) -> None:
    nora = world.member("Nora", source="local")
    student = world.browser("student", member=nora)
    world.browser().follow(f"roster/members/{nora}/delete")
    student.get("")


def test_a_published_set_is_marked_for_the_worker(world: Any, lms: Any) -> None:
    nora = world.member("Nora", source="local", lms_user_id="77")
    ana = world.member("Ana")
    set_id = world.group_set("Projects", {"Team 1": [nora, ana]})
    teacher = world.browser()
    teacher.post(f"group-sets/{set_id}/publish")
    world.app.extensions["lti_tool_doorbell"].work_off()
    assert world.publication(set_id).state == "sent"
    teacher.follow(f"roster/members/{nora}/delete")
    assert world.publication(set_id).state == "waiting"
