"""A run that another worker took over, because it was thought dead, stores nothing of what it still hears."""

from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from lti_tool.domain import work
from lti_tool.domain.clock import now
from lti_tool.domain.drift import Choice
from lti_tool.domain.errors import Conflict, LmsError
from lti_tool.domain.sync import Report
from lti_tool.lms.canvas import CanvasGateway
from lti_tool.lms.moodle import MoodleGateway
from lti_tool.models import GroupSet, LmsChange, SyncRun, db, transaction
from lti_tool.services import connected_groups, drift, drift_choices, proof, publication, push_all, refresh, runs
from lti_tool.services.mirror import find_publication
from tests.services.connected import deliver, in_store, open_set
from tests.services.published import fill, publish

pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call it to have the run taken over while it waits for the answer to its next reading of a set."""

    def read_late(read: Any) -> Any:
        def reading(*args: Any) -> Any:
            found = read(*args)
            with transaction() as session:
                session.scalars(select(SyncRun).where(SyncRun.state == "running")).one().attempts += 1
            return found

        return reading

    def arm() -> None:
        for gateway in (CanvasGateway, MoodleGateway):
            monkeypatch.setattr(gateway, "read_group_set", read_late(gateway.read_group_set))

    return arm


def claimed(classroom: Any, kind: str, set_id: UUID | None = None) -> SyncRun:
    run = runs.claim(runs.queue(classroom.course_id, kind, group_set_id=set_id))
    assert run is not None
    return run


def meddle(classroom: Any, name: str) -> None:
    target = next(s for s in classroom.state()["group_sets"] if s["name"] == name)
    first, second = [group for group in target["groups"] if group["members"]][:2]
    person = first["members"][0]
    classroom.outsider("move_member", user_id=person, group_id=second["id"], from_group_id=first["id"])


@pytest.mark.shows("PUSH-40")
@pytest.mark.parametrize("kind", ["refresh", "push_all", "proof"])
def test_a_late_answer_about_a_set_of_the_lms_overwrites_nothing(classroom: Any, late: Any, kind: str) -> None:
    set_id = open_set(classroom)
    card = next(card for card in classroom.read_set(set_id).cards if card.members)
    asked = connected_groups.remove_member(classroom.viewer, set_id, card.row.id, card.members[0].id)
    assert deliver(classroom, asked, set_id) in ("sent", "unproven")
    if kind == "proof":
        with transaction() as session:
            session.get_one(LmsChange, *asked.asked).state = "unproven"
    meddle(classroom, "Projects")
    before, revision = in_store(classroom), db.session.get_one(GroupSet, set_id).revision
    jobs = {"refresh": refresh.run_refresh, "push_all": push_all.run_push_all, "proof": proof.run_proof}
    late()
    run = claimed(classroom, kind, set_id if kind == "refresh" else None)
    with pytest.raises(Conflict, match="run_taken_over"):
        jobs[kind](classroom.tool, run, Report())
    db.session.rollback()
    assert (in_store(classroom), db.session.get_one(GroupSet, set_id).revision) == (before, revision)
    if kind == "proof":
        assert db.session.get_one(LmsChange, *asked.asked).state == "unproven"


@pytest.mark.shows("PUSH-40")
@pytest.mark.parametrize("kind", ["proof", "decision", "deletion"])
def test_a_late_answer_about_a_copy_overwrites_nothing(classroom: Any, late: Any, kind: str) -> None:
    set_id = fill(classroom)
    publish(classroom, set_id)
    meddle(classroom, "Lab teams")
    shown = drift.check_drift(classroom.tool, classroom.course_id, set_id, classroom.viewer.access_id)
    with transaction():
        row = find_publication(set_id)
        assert row
        row.proof_due_at, row.drift = now(), 0
    before = classroom.read_set(set_id).cards
    late()
    tool, viewer = classroom.tool, classroom.viewer
    doings = {
        "proof": lambda: proof.run_proof(tool, claimed(classroom, "proof"), Report()),
        "decision": lambda: drift_choices.settle_all(tool, viewer, set_id, Choice.THEIRS, shown.mark),
        "deletion": lambda: publication.delete_mirror(tool, viewer, set_id),
    }
    with pytest.raises(Conflict, match="run_taken_over"):
        doings[kind]()
    db.session.rollback()
    row = find_publication(set_id)
    assert row
    assert (row.state, row.drift, row.proof_due_at is None) == ("sent", 0, False)
    assert [c.members for c in classroom.read_set(set_id).cards] == [c.members for c in before]


@pytest.mark.parametrize("throttle", ["429", ""])
def test_a_run_that_waits_for_its_lms_is_not_taken_for_dead(
    classroom: Any, monkeypatch: pytest.MonkeyPatch, throttle: str
) -> None:
    set_id = open_set(classroom)
    monkeypatch.setattr(work, "SILENT_SECONDS", 0.0)
    taken: list[int] = []

    def reading_long(read: Any) -> Any:
        def reading(*args: Any) -> Any:
            with transaction() as session:
                run = session.scalars(select(SyncRun).where(SyncRun.state == "running")).one()
                run.heartbeat_at = now() - 2 * runs.STALE_AFTER
            try:
                return read(*args)
            finally:
                taken.append(runs.sweep(lambda _: None))

        return reading

    for gateway in (CanvasGateway, MoodleGateway):
        monkeypatch.setattr(gateway, "read_group_set", reading_long(gateway.read_group_set))
    classroom.lms.faults({"throttle": throttle} if throttle else {})
    run = claimed(classroom, "refresh", set_id)
    with suppress(LmsError):
        refresh.run_refresh(classroom.tool, run, Report())
    assert taken == [0]
