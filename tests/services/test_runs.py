"""Jobs: one at a time per course, followed as rows, and found again when a worker or a doorbell was lost."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from lti_tool.domain.clock import now
from lti_tool.domain.errors import Conflict, NotFound
from lti_tool.domain.gateway import Step
from lti_tool.domain.sync import Report
from lti_tool.models import SyncRun, db, transaction
from lti_tool.services import publication, push, runs
from tests.services import published as local

flavours = pytest.mark.parametrize("flavour", ["canvas"])


@flavours
@pytest.mark.shows("MODEL-29")
def test_a_second_run_of_a_course_is_refused_while_one_is_open(classroom: Any) -> None:
    first = runs.queue(classroom.course_id, "pull")
    with pytest.raises(Conflict, match="run_open"):
        runs.queue(classroom.course_id, "roster")
    assert runs.claim(first) is not None
    with pytest.raises(Conflict, match="run_open"):
        runs.queue(classroom.course_id, "pull")
    with runs.followed(first, Report()):
        pass
    runs.queue(classroom.course_id, "pull")


@flavours
def test_a_run_is_claimed_once(classroom: Any) -> None:
    run_id = runs.queue(classroom.course_id, "pull")
    assert runs.claim(run_id) is not None
    assert runs.claim(run_id) is None


@flavours
@pytest.mark.shows("PULL-11", "PULL-14")
def test_progress_is_stored_while_the_run_works(classroom: Any) -> None:
    run_id = runs.queue(classroom.course_id, "pull")
    runs.claim(run_id)
    told: list[Step] = []
    with runs.followed(run_id, Report(), also=lambda step, *_: told.append(step)) as progress:
        progress(Step.FETCHING_GROUPS, 3, 12)
        seen = runs.see_run(classroom.course_id, run_id)
        assert (seen.state, seen.step, seen.percent) == ("running", "fetching_groups", 25)
    assert told == [Step.FETCHING_GROUPS]
    assert runs.see_run(classroom.course_id, run_id).state == "succeeded"


@flavours
def test_an_unexpected_error_ends_the_run_and_tells_nothing_of_itself(classroom: Any) -> None:
    run_id = runs.queue(classroom.course_id, "pull")
    runs.claim(run_id)
    with pytest.raises(ZeroDivisionError), runs.followed(run_id, Report()):
        raise ZeroDivisionError("a secret")
    seen = runs.see_run(classroom.course_id, run_id)
    assert (seen.state, seen.error_code, seen.error_facts) == ("failed", "unexpected", {})


@flavours
def test_a_run_of_another_course_is_not_found(classroom: Any) -> None:
    run_id = runs.queue(classroom.course_id, "pull")
    with pytest.raises(NotFound):
        runs.see_run(run_id, run_id)


def age(run_id: UUID, **values: Any) -> None:
    with transaction() as session:
        run = session.get_one(SyncRun, run_id)
        run.heartbeat_at = now() - timedelta(minutes=5)
        for name, value in values.items():
            setattr(run, name, value)


@flavours
@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_run_that_fell_silent_is_queued_again_and_rung_for(classroom: Any, state: str) -> None:
    run_id = runs.queue(classroom.course_id, "pull")
    rung: list[UUID] = []
    assert runs.sweep(rung.append) == 0
    age(run_id, state=state, attempts=1)
    assert runs.sweep(rung.append) == 1
    assert rung == [run_id]
    assert runs.claim(run_id) is not None


@flavours
def test_a_run_that_falls_silent_for_the_third_time_is_given_up_and_said(classroom: Any) -> None:
    run_id = runs.queue(classroom.course_id, "pull")
    age(run_id, state="running", attempts=runs.MAX_ATTEMPTS)
    rung: list[UUID] = []
    runs.sweep(rung.append)
    seen = runs.see_run(classroom.course_id, run_id)
    assert (rung, seen.state, seen.error_code) == ([], "failed", "run_interrupted")


@flavours
def test_the_worker_does_what_was_rung_for(app_on_both: Flask, classroom: Any) -> None:
    doorbell = app_on_both.extensions["lti_tool_doorbell"]
    run_id = runs.queue(classroom.course_id, "pull")
    doorbell.ring(run_id)
    assert doorbell.work_off() == 1
    db.session.rollback()
    assert runs.see_run(classroom.course_id, run_id).state == "succeeded"
    assert classroom.shape()


@pytest.mark.shows("PUSH-40")
def test_a_worker_that_was_taken_for_dead_ends_and_writes_nothing_of_its_run(classroom: Any) -> None:
    set_id = local.fill(classroom)
    run_id = publication.queue_publication(classroom.tool, set_id)
    run = runs.claim(run_id)
    assert run is not None
    seconds: list[SyncRun | None] = []

    def fall_silent(*_: object) -> None:
        if not seconds:
            age(run_id, state="running")
            runs.sweep(lambda _: seconds.append(runs.claim(run_id)))

    with pytest.raises(Conflict, match="run_taken_over"):
        push.run_push(classroom.tool, run, Report(), also=fall_silent)
    seen = runs.see_run(classroom.course_id, run_id)
    assert (seen.state, seen.row.attempts, local.state_of(set_id)) == ("running", 2, "waiting")
    (second,) = seconds
    assert second is not None
    push.run_push(classroom.tool, second, Report())
    assert (runs.see_run(classroom.course_id, run_id).state, local.state_of(set_id)) == ("succeeded", "sent")
    assert local.in_lms(classroom, "Lab teams") == local.in_store(classroom, set_id)
