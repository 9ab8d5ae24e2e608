"""Sync, publish and push in the foreground: one JSON document, honest exit statuses, an untouched store on failure."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from lti_tool.cli.context import opened
from lti_tool.demo.outsider import act
from lti_tool.domain.clock import now
from lti_tool.models import Group, GroupMembership, GroupSet, GroupSetEntry, RosterMember, SyncRun, db, transaction
from lti_tool.services import runs

NOBODY = "00000000-0000-0000-0000-000000000001"
REPORT = {
    "complete": None,
    "calls": None,
    "seconds": None,
    "roster": {"added", "updated", "dropped", "conflicts"},
    "group_sets": {"created", "renamed", "removed"},
    "groups": {"created", "renamed", "removed"},
    "memberships": {"added", "removed"},
    "not_in_roster": None,
    "not_active": None,
    "errors": None,
}


def check_report(ran: Any) -> dict[str, Any]:
    """Hold standard output to the promised keys, and to nothing else."""
    report: dict[str, Any] = ran.json
    assert {key: set(part) if isinstance(part, dict) else None for key, part in report.items()} == REPORT
    return report


def nothing_changed(report: dict[str, Any]) -> bool:
    return not any(any(report[part].values()) for part in ("roster", "group_sets", "groups", "memberships"))


@pytest.fixture
def local_set() -> Callable[[Any], UUID]:
    """Make a set of our own with one group of two active students."""

    def make(taught: Any) -> UUID:
        set_id, group_id = uuid4(), uuid4()
        with opened(), transaction() as session:
            people = session.scalars(
                select(RosterMember.id)
                .where(RosterMember.enrollment_type == "student", RosterMember.status == "active")
                .order_by(RosterMember.id)
                .limit(2)
            ).all()
            session.add_all(
                [
                    GroupSet(
                        id=set_id,
                        course_id=taught.course_id,
                        name="Our own set",
                        connection=None,
                        position=99,
                        created_at=now(),
                    ),
                    Group(id=group_id, course_id=taught.course_id, name="Team one", origin="local", created_at=now()),
                ]
            )
            session.flush()
            session.add(GroupSetEntry(group_set_id=set_id, group_id=group_id, position=0))
            session.add_all(
                GroupMembership(group_id=group_id, member_id=person, position=place)
                for place, person in enumerate(people)
            )
        return set_id

    return make


def lms_team(taught: Any) -> dict[str, Any] | None:
    """Return our group as the LMS has it."""
    return next((group for group in taught.state()["groups"] if group["name"] == "Team one"), None)


def test_courses_are_listed_with_the_promised_keys(taught: Any) -> None:
    rows = taught.tool.ok("course", "list", "--json").json
    assert rows == [
        {
            "id": str(taught.course_id),
            "title": "Course",
            "lms_course_id": taught.lms_course_id,
            "registration_id": taught.registration_id,
            "family": taught.family,
        }
    ]
    assert str(taught.course_id) in taught.tool.ok("course", "list").out


def test_a_sync_brings_everything_and_a_second_one_nothing(taught: Any) -> None:
    ran = taught.tool.ok("sync", taught.course_id, "--json")
    report = check_report(ran)
    assert (report["complete"], report["errors"]) == (True, [])
    assert report["calls"] == taught.lms.calls()[taught.family]["total"]
    assert taught.counts()[0] == report["roster"]["added"] > 0
    assert report["groups"]["created"] > 0
    assert "saving groups" in ran.err
    assert nothing_changed(check_report(taught.tool.ok("sync", taught.course_id, "--json")))


def test_a_dry_run_says_the_same_and_stores_nothing(taught: Any) -> None:
    dry = check_report(taught.tool.ok("sync", taught.course_id, "--dry-run", "--json"))
    assert dry["complete"] is True
    assert taught.counts() == (0, 0, 0)
    real = check_report(taught.tool.ok("sync", taught.course_id, "--roster", "--json"))
    assert real["roster"] == dry["roster"]
    assert real["groups"]["created"] == 0
    again = check_report(taught.tool.ok("sync", taught.course_id, "--groups", "--dry-run", "--json"))
    assert again["groups"] == dry["groups"]
    assert again["memberships"]["added"] > 0
    assert taught.counts()[1:] == (0, 0)


def test_words_say_what_the_json_says(canvas: Any) -> None:
    said = canvas.tool.ok("sync", canvas.course_id).out
    assert "added" in said
    assert "LMS calls" in said
    assert "no change" in canvas.tool.ok("sync", canvas.course_id, "--roster").out


def test_publish_and_push_bring_our_groups_to_the_lms(taught: Any, local_set: Callable[[Any], UUID]) -> None:
    taught.tool.ok("sync", taught.course_id, "--json")
    set_id = local_set(taught)
    report = check_report(taught.tool.ok("publish", set_id, "--json"))
    assert (report["complete"], report["groups"]["created"], report["memberships"]["added"]) == (True, 1, 2)
    team = lms_team(taught)
    assert team is not None
    assert len(team["members"]) == 2

    with opened(), transaction() as session:
        session.delete(session.scalars(select(GroupMembership).join(Group).where(Group.name == "Team one")).first())
    dry = check_report(taught.tool.ok("push", taught.course_id, "--dry-run", "--json"))
    assert dry["memberships"] == {"added": 0, "removed": 1}
    team = lms_team(taught)
    assert team is not None
    assert len(team["members"]) == 2
    sent = check_report(taught.tool.ok("push", taught.course_id, "--json"))
    assert sent["memberships"] == {"added": 0, "removed": 1}
    team = lms_team(taught)
    assert team is not None
    assert len(team["members"]) == 1
    assert nothing_changed(check_report(taught.tool.ok("push", taught.course_id, "--json")))


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"throttle": "429"}, "lms_throttled"),
        ({"error_next": 99}, "lms_failed"),
        ({"html_error_next": 99}, "lms_failed"),
        ({"revoke_token": True}, "token_rejected"),
    ],
    ids=["throttled", "failing", "proxy", "refused"],
)
@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["sync", "dry-run"])
def test_an_lms_that_fails_is_one_line_and_leaves_the_store_alone(
    taught: Any, fault: dict[str, Any], code: str, more: tuple[str, ...]
) -> None:
    taught.tool.ok("sync", taught.course_id, "--json")
    before = taught.counts()
    target = next(s for s in taught.state()["group_sets"] if s["role"] is None and s["groups"])
    with taught.lms.hub.lock, taught.lms.app.app_context():
        site = taught.lms.hub.sites[taught.family]
        act(site, "delete_group", {"course_id": taught.lms_course_id, "group_id": target["groups"][0]["id"]})
    taught.lms.faults(fault)
    ran = taught.tool.run("sync", taught.course_id, "--json", *more)
    assert ran.status == 1
    report = check_report(ran)
    assert report["complete"] is False
    assert [error["code"] for error in report["errors"]] == [code]
    assert [line for line in ran.lines if line.startswith("lti-tool: ")] == [ran.lines[-1]]
    assert f"({code})" in ran.lines[-1]
    assert taught.counts() == before


@pytest.mark.usefixtures("no_waiting")
def test_an_lms_that_is_down_is_one_line(taught: Any, free_port: Callable[[], int]) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    said = taught.tool.ok("registration", "update", taught.registration_id, "--lms-url", nowhere)
    assert "stored for the former host and are forgotten" in said.err
    taught.tool.ok("token", "set", taught.registration_id, stdin="another token\n")
    ran = taught.tool.run("sync", taught.course_id, "--json")
    assert ran.status == 1
    assert check_report(ran)["errors"][0]["code"] == "lms_unreachable"
    assert "(lms_unreachable)" in ran.lines[-1]
    assert taught.counts() == (0, 0, 0)


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("command", ["publish", "push"])
def test_a_push_that_fails_is_reported_and_kept_for_later(
    taught: Any, local_set: Callable[[Any], UUID], command: str
) -> None:
    taught.tool.ok("sync", taught.course_id, "--json")
    set_id = local_set(taught)
    if command == "push":
        taught.lms.faults({"error_next": 99})
        taught.tool.run("publish", set_id, "--json")
    taught.lms.faults({"throttle": "429"})
    ran = taught.tool.run(command, set_id if command == "publish" else taught.course_id, "--json")
    assert ran.status == 1
    assert check_report(ran)["errors"][0]["code"] == "lms_throttled"
    assert lms_team(taught) is None
    taught.lms.faults({})
    taught.tool.ok("push", taught.course_id, "--json")
    assert lms_team(taught) is not None


def test_a_set_that_cannot_be_sent_fills_the_report_too(teach: Any, local_set: Callable[[Any], UUID]) -> None:
    taught = teach("moodle")
    taught.tool.ok("sync", taught.course_id, "--json")
    set_id = local_set(taught)
    with opened(), transaction() as session:
        session.execute(db.text("DELETE FROM service_token"))
    ran = taught.tool.run("publish", set_id, "--json")
    assert ran.status == 1
    assert check_report(ran)["errors"][0]["code"] == "token_missing"
    assert "(token_missing)" in ran.lines[-1]


def test_a_course_at_work_is_not_synced_twice_at_once(canvas: Any) -> None:
    canvas.queue(ring=False)
    ran = canvas.tool.run("sync", canvas.course_id, "--json")
    assert (ran.status, len(ran.lines)) == (1, 1)
    assert "(run_open)" in ran.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("sync", NOBODY), "course_not_found"),
        (("sync", NOBODY, "--dry-run"), "course_not_found"),
        (("push", NOBODY), "course_not_found"),
        (("push", NOBODY, "--dry-run"), "course_not_found"),
        (("publish", NOBODY), "group_set_not_found"),
    ],
    ids=lambda value: " ".join(value[::2]) if isinstance(value, tuple) else value,
)
def test_an_unknown_id_is_one_line(tool: Any, arguments: tuple[str, ...], code: str) -> None:
    ran = tool.run(*arguments)
    assert (ran.status, ran.out, len(ran.lines)) == (1, "", 1)
    assert f"({code})" in ran.err


def test_a_sync_that_is_stopped_ends_its_run(canvas: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lti_tool.services.pull.fetch", stop)
    ran = canvas.tool.run("sync", canvas.course_id)
    assert (ran.status, ran.lines[-1]) == (130, "lti-tool: stopped")
    with opened():
        assert db.session.scalars(select(SyncRun.state)).all() == ["failed"]
        assert runs.find_open_run(canvas.course_id) is None


def test_a_single_set_can_be_synced(taught: Any) -> None:
    taught.tool.ok("sync", taught.course_id, "--json")
    with opened():
        set_id = db.session.scalars(
            select(GroupSet.id).where(GroupSet.lms_group_set_id.regexp_match("^[0-9]+$"))
        ).first()
    report = check_report(taught.tool.ok("sync", taught.course_id, "--set", set_id, "--json"))
    assert report["complete"] is True
    assert nothing_changed(report)
    assert "(group_set_not_found)" in taught.tool.run("sync", taught.course_id, "--set", NOBODY).lines[-1]
    assert taught.tool.run("sync", taught.course_id, "--set", set_id, "--roster").status != 0
