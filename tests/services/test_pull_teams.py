"""Pulling as seed 001 asks for it: told step by step, each team by its LMS id, teams made here left alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
import structlog
from sqlalchemy import select
from structlog.testing import capture_logs

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LmsError
from lti_tool.domain.gateway import Step
from lti_tool.domain.group_push import GroupSetPush, NewGroup
from lti_tool.domain.sync import Report
from lti_tool.models import Group, SyncRun, db
from lti_tool.observability import configure
from lti_tool.services import gateways, group_sets, groups, publication, pull, runs
from lti_tool.services.synced import read_last_synced

pytestmark = pytest.mark.usefixtures("no_waiting")


@contextmanager
def logged() -> Iterator[list[Any]]:
    """Take what an installation with the usual level of logs would write."""
    before = structlog.get_config()
    configure("INFO")
    try:
        with capture_logs() as logs:
            yield logs
    finally:
        structlog.configure(**before)


def followed_pull(classroom: Any, kind: str = "pull") -> list[tuple[Any, ...]]:
    """Pull and return everything that was told, each with what the run's row said at that time."""
    told: list[tuple[Any, ...]] = []
    run = runs.claim(runs.queue(classroom.course_id, kind))
    assert run is not None
    pull.run_pull(classroom.tool, run, Report(), also=lambda *step: told.append(step))
    return told


def sets_of(classroom: Any) -> list[dict[str, Any]]:
    return [s for s in classroom.state()["group_sets"] if s["role"] is None]


def teams(classroom: Any) -> dict[str, Group]:
    """The groups of the LMS as they are stored, by their LMS id."""
    db.session.rollback()
    query = select(Group).where(Group.course_id == classroom.course_id, Group.lms_group_id.is_not(None))
    return {str(group.lms_group_id): group for group in db.session.scalars(query)}


def seen_since(classroom: Any, at: datetime) -> set[UUID]:
    """The groups of the LMS that it was last seen to have at that time or later."""
    db.session.rollback()
    return {group_id for group_id, seen in read_last_synced(classroom.course_id).items() if seen >= at}


def empty_the_lms(classroom: Any) -> None:
    """Delete every set and group of the course in the LMS."""
    for group in classroom.state()["groups"]:
        classroom.outsider("delete_group", group_id=group["id"])
    for group_set in sets_of(classroom):
        classroom.outsider("delete_set", set_id=group_set["id"])


def own_set(classroom: Any) -> tuple[Any, Any, Any]:
    """Make a set here with a group and one student in it."""
    set_id = classroom.new_set("Made here")
    (group,) = classroom.new_groups(set_id, "Our team")
    student = classroom.students()[0].id
    groups.assign(classroom.viewer, set_id, {student: group})
    return set_id, group, student


@pytest.mark.shows("PULL-11", "PULL-12", "PULL-13", "PULL-23", "PULL-37", "PULL-38")
def test_a_sync_tells_its_steps_in_order(classroom: Any) -> None:
    classroom.pull()  # the progress of a later sync is the same
    told = followed_pull(classroom)
    sets = sets_of(classroom)
    assert told[0][:2] == (Step.FETCHING_GROUPS, 0)
    fetching = [about for step, _, _, about in told if step == Step.FETCHING_GROUPS and about]
    assert sorted(fetching) == sorted(s["name"] for s in sets)
    saving = [about for step, _, _, about in told if step == Step.SAVING_GROUPS]
    assert sorted(saving) == sorted(str(len(groups)) for groups in classroom.shape().values() if groups)
    order = list(dict.fromkeys(step for step, *_ in told))
    assert [step for step in order if step is not Step.FETCHING_ROSTER] == [
        Step.FETCHING_GROUPS,
        Step.SAVING_ROSTER,
        Step.SYNCING_GROUPS,
        Step.SAVING_GROUPS,
        Step.SYNCING_MEMBERS,
    ]
    assert (Step.SYNCING_GROUPS, 9, 10) in [t[:3] for t in told]
    assert str(len(teams(classroom))) in [about for step, _, _, about in told if step == Step.SYNCING_MEMBERS]


@pytest.mark.shows("PULL-24")
def test_every_fifth_team_is_told_while_memberships_are_synced(classroom: Any) -> None:
    told = [t for t in followed_pull(classroom) if t[0] == Step.SYNCING_MEMBERS]
    count = len(teams(classroom))
    assert count > 10
    assert told[0] == (Step.SYNCING_MEMBERS, 0, 0, str(count))
    assert [(done, total) for _, done, total, _ in told[1:]] == [(i + 1, count) for i in range(5, count, 5)]
    names = [group["name"] for group_set in sets_of(classroom) for group in group_set["groups"]]
    assert {name for *_, name in told[1:]} <= {*names, *(g.name for g in teams(classroom).values())}


@pytest.mark.shows("PULL-24")
def test_all_that_is_told_of_memberships_is_stored(classroom: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "HEARTBEAT_SECONDS", 3600)  # however fast or slow this machine is
    stored: list[tuple[int, int, str]] = []

    def read(*_: Any) -> None:
        db.session.rollback()
        row = db.session.get_one(SyncRun, run_id)
        if row.step == Step.SYNCING_MEMBERS:
            stored.append((row.done, row.total, row.about))

    run_id = runs.queue(classroom.course_id, "pull")
    run, told = runs.claim(run_id), []
    assert run is not None
    pull.run_pull(classroom.tool, run, Report(), also=lambda *step: told.append(step) or read())
    row = classroom.last_run()  # each look is made before its own telling is stored
    assert [*stored, (row.done, row.total, row.about)] == [one[1:] for one in told if one[0] == Step.SYNCING_MEMBERS]


@pytest.mark.shows("PULL-11", "PULL-12")
def test_what_a_sync_does_is_stored_while_it_does_it(classroom: Any) -> None:
    stored: list[tuple[str, str]] = []

    def read(*_: Any) -> None:
        db.session.rollback()
        row = db.session.get_one(SyncRun, run_id)
        stored.append((row.step, row.about))

    run_id = runs.queue(classroom.course_id, "groups")
    run = runs.claim(run_id)
    assert run is not None
    # `also` is told before the row is written: each look sees the step before.
    pull.run_pull(classroom.tool, run, Report(), also=read)
    names = [s["name"] for s in sets_of(classroom)]
    seen = list(dict.fromkeys(stored))
    assert ("fetching_groups", "") in seen
    assert sorted(about for step, about in seen if step == "fetching_groups" and about) == sorted(names)
    assert "syncing_groups" in {step for step, _ in seen}


@pytest.mark.shows("PULL-12")
@pytest.mark.parametrize("flavour", ["canvas"])  # a Moodle demands a name
def test_a_set_without_a_name_has_one_here(classroom: Any) -> None:
    classroom.outsider("rename_set", set_id=sets_of(classroom)[0]["id"], name="")
    told = followed_pull(classroom)
    assert "Unnamed Category" in {about for *_, about in told}
    assert "Unnamed Category" in classroom.shape()


@pytest.mark.shows("PULL-3", "PULL-16", "PULL-17", "PULL-19")
def test_names_and_descriptions_are_stored_as_the_lms_has_them(classroom: Any) -> None:
    name, description = "Équipe “x” & y " + "n" * 230, "About us. " * 80
    gateway = gateways.open_gateway(classroom.tool, classroom.course_id)
    set_id = gateway.create_group_set("Wordy")
    (made,) = gateway.push(set_id, GroupSetPush(create=(NewGroup(name, description.strip()),))).groups
    began = now()
    classroom.pull()
    stored = teams(classroom)
    assert (stored[made.lms_group_id].name, stored[made.lms_group_id].description) == (name, description.strip())
    assert seen_since(classroom, began) == {group.id for group in stored.values()}
    again = now()
    classroom.pull()
    assert seen_since(classroom, again) == {group.id for group in stored.values()}


@pytest.mark.shows("PULL-20", "PULL-34")
def test_new_teams_and_changed_places_are_logged_and_nothing_else_is(classroom: Any) -> None:
    classroom.pull("roster")
    lms = classroom.flavour.capitalize()
    with logged() as logs:
        classroom.pull()
    said = [line["event"] for line in logs]
    made = [line for line in said if line.startswith("Created new team")]
    assert sorted(made) == sorted(
        f"Created new team from {lms} group: {g.name} (ID: {g.lms_group_id})" for g in teams(classroom).values()
    )
    people = {m.lms_user_id: m for m in classroom.students()}
    first, second = [g for g in next(s for s in sets_of(classroom) if len(s["groups"]) > 2)["groups"] if g["members"]][
        :2
    ]
    person = people[str(first["members"][0])]
    new = f"Updated student {person.id} team assignment: None → {first['name']}"
    assert new in said
    assert not [line for line in said for member in people.values() if member.name in line]
    classroom.outsider("move_member", user_id=int(person.lms_user_id), group_id=second["id"])
    with logged() as logs:
        classroom.pull()
    changed = [line["event"] for line in logs if line["event"].startswith(("Created", "Updated"))]
    assert changed == [f"Updated student {person.id} team assignment: {first['name']} → {second['name']}"]
    classroom.outsider("rename_group", group_id=second["id"], name="Renamed")
    with logged() as logs:
        classroom.pull()
    assert not [line for line in logs if line["event"].startswith(("Created", "Updated"))]


@pytest.mark.shows("PULL-26")
def test_a_member_who_is_not_on_the_roster_is_logged_and_the_others_are_placed(classroom: Any) -> None:
    classroom.pull("roster")
    its_set = next(s for s in sets_of(classroom) if s["groups"])
    target = its_set["groups"][0]
    late = classroom.outsider("enrol", given="Late", family="Comer")
    classroom.outsider("add_member", group_id=target["id"], user_id=late["user_id"])
    with logged() as logs:
        report = classroom.pull("groups")
    warned = [line["event"] for line in logs if line["log_level"] == "warning"]
    assert f"Enrollment not found for user ID {late['user_id']} in team {target['name']}" in warned
    assert report.not_in_roster_by_group[f"{its_set['name']} / {target['name']}"] == 1
    members = {str(m) for m in target["members"]} & {m.lms_user_id for m in classroom.students()}
    assert next(g for s in classroom.shape().values() for i, g in s.items() if i == str(target["id"])) >= members


@pytest.mark.shows("PULL-25", "PULL-27")
@pytest.mark.parametrize("flavour", ["canvas"])  # a Moodle has one entry for a person
def test_somebody_in_two_sections_is_one_person_and_found_by_the_user_id(classroom: Any) -> None:
    twice = next(p for p in classroom.state()["people"] if len(p["enrolments"]) == 2)
    held = {str(g["id"]) for s in sets_of(classroom) for g in s["groups"] if twice["id"] in g["members"]}
    assert held
    assert classroom.pull().errors == []
    assert [m.lms_user_id for m in classroom.students()].count(str(twice["id"])) == 1
    shape = classroom.shape()
    assert {g for s in shape.values() for g, members in s.items() if str(twice["id"]) in members} == held


@pytest.mark.shows("PULL-35")
def test_members_that_cannot_be_read_make_the_whole_sync_fail_and_store_nothing(classroom: Any) -> None:
    path = {"canvas": "/users", "moodle": "core_group_get_group_members"}[classroom.flavour]
    classroom.lms.faults({"error_next": 99, "only_path": path})
    with logged() as logs, pytest.raises(LmsError):
        classroom.pull()
    assert (classroom.shape(), classroom.students()) == ({}, [])
    run = classroom.last_run()
    assert (run.state, run.error_code) == ("failed", "lms_failed")
    assert [line["error"] for line in logs if line["event"] == "run ended"] == ["lms_failed"]


@pytest.mark.shows("PULL-36")
def test_who_was_taken_out_in_the_lms_is_in_no_team_after_the_next_sync(classroom: Any) -> None:
    classroom.pull()
    students = {m.lms_user_id for m in classroom.students()}
    group = next(g for s in sets_of(classroom) for g in s["groups"] if {str(m) for m in g["members"]} & students)
    person = next(m for m in group["members"] if str(m) in students)
    assert str(person) in {i for s in classroom.shape().values() for i in s.get(str(group["id"]), ())}
    classroom.outsider("remove_member", group_id=group["id"], user_id=person)
    assert classroom.pull().memberships.removed == 1
    assert str(person) not in {i for s in classroom.shape().values() for i in s.get(str(group["id"]), ())}


@pytest.mark.shows("PULL-22", "PULL-40", "PULL-41")
@pytest.mark.parametrize("empty", [False, True], ids=["with groups", "without groups"])
def test_teams_made_here_and_their_students_are_left_alone(classroom: Any, empty: bool) -> None:
    classroom.pull()
    set_id, group_id, student = own_set(classroom)
    before = db.session.get_one(Group, group_id)
    was = (before.name, before.origin, before.lms_group_id)
    if empty:
        empty_the_lms(classroom)
    classroom.pull()
    after = db.session.get_one(Group, group_id)
    assert (after.name, after.origin, after.lms_group_id) == was
    assert was[1:] == ("local", None)
    assert group_id not in read_last_synced(classroom.course_id)
    assert [[m.id for m in card.members] for card in classroom.read_set(set_id).cards] == [[student]]
    assert {g.origin for g in teams(classroom).values()} == (set() if empty else {"lms"})


@pytest.mark.shows("PULL-42", "PULL-43", "PULL-46")
def test_a_course_without_sets_skips_groups_and_members_and_keeps_teams_of_its_own(classroom: Any) -> None:
    classroom.pull()
    set_id, group_id, student = own_set(classroom)
    connected, known = len(sets_of(classroom)), len(teams(classroom))
    empty_the_lms(classroom)
    classroom.lms.reset_calls()
    told = followed_pull(classroom, "groups")
    assert {step for step, *_ in told} == {Step.FETCHING_GROUPS}
    # Moodle is also asked whether the groups that were known are only hidden: all at once, then one by one.
    asked = 0 if classroom.flavour == "canvas" else 1 + known
    assert classroom.calls() == {"canvas": 2, "moodle": 4}[classroom.flavour] + asked
    report = runs.list_runs(classroom.course_id, 1)[0].report
    assert report is not None
    assert report["group_sets"]["removed"] >= connected
    assert report["groups"]["removed"] > 0
    assert [s.row.id for s in group_sets.list_sets(classroom.course_id) if not s.follows_roster] == [set_id]
    other = classroom.students()[1].id
    groups.assign(classroom.viewer, set_id, {other: group_id})
    assert [{m.id for m in card.members} for card in classroom.read_set(set_id).cards] == [{student, other}]
    assert publication.read_publication(classroom.course_id, set_id) is None


@pytest.mark.parametrize("flavour", ["moodle"])  # a Canvas shows all groups to whoever may read them
def test_groups_that_become_hidden_are_kept_whether_they_are_in_a_set_or_not(classroom: Any) -> None:
    classroom.pull()
    before = classroom.shape()
    site = classroom.lms.hub.sites["moodle"]
    loose = next(g for g in classroom.state()["groups"] if not g["sets"])
    held = next(g for g in classroom.state()["groups"] if g["sets"])
    classroom.lms.faults({"lacks": "moodle/course:viewhiddengroups"})
    for group in (loose, held):
        site.groups[group["id"]].visibility = 3
        with pytest.raises(LmsError, match="groups_hidden"):
            classroom.pull("groups")
        assert (classroom.shape(), classroom.last_run().error_code) == (before, "groups_hidden")
        site.groups[group["id"]].visibility = 0
    classroom.outsider("delete_group", group_id=loose["id"])
    assert classroom.pull("groups").groups.removed == 1  # this one is gone indeed


@pytest.mark.shows("PULL-21")
def test_a_sync_goes_by_the_ids_of_all_groups_that_the_lms_has(classroom: Any) -> None:
    classroom.pull()
    in_sets = {str(g["id"]) for s in sets_of(classroom) for g in s["groups"]}
    loose = {str(g["id"]) for g in classroom.state()["groups"] if not g["sets"]}
    assert set(teams(classroom)) == in_sets | loose
