"""Background work: the rows are the truth, so neither a lost doorbell nor a killed worker loses a run."""

import signal
import sqlite3
from typing import Any

import pytest

from lti_tool import create_app, settings
from lti_tool.cli.context import opened
from lti_tool.models import db
from lti_tool.services import runs


def test_a_lost_doorbell_is_found_by_the_sweep(canvas: Any) -> None:
    run_id = canvas.queue(ring=False)
    canvas.age(run_id)
    app = create_app(settings.load())
    doorbell = app.extensions["lti_tool_doorbell"]
    assert doorbell.work_off() == 0
    with app.app_context():
        assert runs.sweep(doorbell.ring) == 1
    assert doorbell.work_off() == 1
    assert canvas.state_of(run_id) == ("succeeded", 1)
    assert canvas.counts()[0] > 0
    with app.app_context():
        assert runs.sweep(doorbell.ring) == 0
        db.engine.dispose()


def test_a_queue_that_fails_does_not_fail_the_page(canvas: Any) -> None:
    run_id = canvas.queue(ring=False)
    with sqlite3.connect(canvas.tool.data / "queue.db") as queue:
        queue.execute("DROP TABLE task")
    queue.close()
    with opened() as tool:
        tool.ring(run_id)  # the row is stored: the sweep finds it
    assert canvas.state_of(run_id) == ("queued", 0)


def test_a_run_that_fails_each_time_is_given_up(canvas: Any) -> None:
    run_id = canvas.queue(ring=False)
    rung: list[Any] = []
    for _ in range(runs.MAX_ATTEMPTS):
        with opened():
            assert runs.claim(run_id) is not None
        canvas.age(run_id)
        with opened():
            runs.sweep(rung.append)
    assert canvas.state_of(run_id) == ("failed", runs.MAX_ATTEMPTS)
    assert len(rung) == runs.MAX_ATTEMPTS - 1


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT], ids=lambda stop: stop.name)
def test_a_worker_does_what_is_rung_and_ends_when_told(canvas: Any, until: Any, stop: signal.Signals) -> None:
    run_id = canvas.queue()
    worker = canvas.tool.start("worker", "--workers", 1)
    until(lambda: canvas.state_of(run_id)[0] == "succeeded", "the run")
    worker.send_signal(stop)
    worker.wait(timeout=10)
    assert canvas.counts()[0] > 0


def test_a_killed_workers_run_is_done_again(canvas: Any, until: Any) -> None:
    canvas.lms.faults({"latency_ms": 5000})
    run_id = canvas.queue()
    worker = canvas.tool.start("worker", "--workers", 1)
    until(lambda: canvas.state_of(run_id) == ("running", 1), "the run to begin")
    worker.kill()
    worker.wait()
    assert canvas.counts() == (0, 0, 0)
    canvas.lms.faults({})
    canvas.age(run_id)  # as two minutes without a sign of life would
    canvas.tool.start("worker", "--workers", 1)
    until(lambda: canvas.state_of(run_id) == ("succeeded", 2), "the run to be done again")
    people = canvas.counts()
    report = canvas.tool.ok("sync", canvas.course_id, "--json").json
    assert not any(any(report[part].values()) for part in ("roster", "group_sets", "groups", "memberships"))
    assert canvas.counts() == people
