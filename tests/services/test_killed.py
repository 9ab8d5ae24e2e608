"""A process that is killed (SIGKILL) at any point of a long work loses nothing and doubles nothing."""

import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from lti_tool.domain.clock import now
from lti_tool.models import GroupSet, db
from lti_tool.services import groups, publication, runs
from lti_tool.services.set_edits import edits_of
from tests.services.conftest import open_classroom
from tests.services.connected import allow_writing, find_set
from tests.services.faulted import Findings, compare, settle

pytestmark = [
    pytest.mark.usefixtures("no_waiting"),
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]
STUDENTS, GROUPS = 400, 400
POINTS = 10
ROOT = Path(__file__).parents[2]


@pytest.fixture
def classroom(app_on_both: Flask, demo: Any, flavour: Any) -> Any:
    """A course with as many people as groups."""
    lms, url = demo
    lms_course_id = lms.make_big_course(flavour, STUDENTS, 60)
    found = open_classroom(app_on_both.extensions["lti_tool"], lms, url, flavour, lms_course_id)
    found.pull()
    return found


class Killer:
    """Stands before the LMS, counts the calls, and kills a process at one of them: before or after it is done."""

    def __init__(self, lms: Any) -> None:
        self.inner = lms.app.wsgi_app
        self.lock = threading.Lock()
        self.calls = 0
        self.at, self.is_done_first = 0, False
        self.process: subprocess.Popen[bytes] | None = None
        lms.app.wsgi_app = self

    def arm(self, at: int, *, is_done_first: bool) -> None:
        self.calls, self.at, self.is_done_first, self.process = 0, at, is_done_first, None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        with self.lock:
            self.calls += 1
            is_time = self.calls == self.at
        if not is_time:
            return self.inner(environ, start_response)
        answer = self.inner(environ, start_response) if self.is_done_first else None
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        if answer is None:  # the process that asked is gone, and so is its call
            start_response("503 Nobody Asks", [])
            answer = [b""]
        return answer


def start(classroom: Any, *arguments: object) -> subprocess.Popen[bytes]:
    """Start a command of the tool on the test's own installation."""
    settings = classroom.tool.settings
    named = {
        "base_url": settings.base_url,
        "data_dir": settings.data_dir,
        "keys_dir": settings.keys_dir,
        "database_url": settings.database_url,
        "secret_key": settings.secret_key,
        "allowed_private_hosts": ",".join(settings.allowed_private_hosts),
        "log_level": "ERROR",
    }
    plain = {key: value for key, value in os.environ.items() if not key.startswith("LTI_TOOL_")}
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *map(str, arguments)],
        env={
            **plain,
            "PYTHONPATH": str(ROOT),
            **{f"LTI_TOOL_{key.upper()}": str(value) for key, value in named.items()},
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


# What a worker does when the doorbell rings, in a process of its own.
RUN = """
import sys, uuid
from lti_tool import create_app, settings
from lti_tool.worker import do_run
app = create_app(settings.load())
with app.app_context():
    do_run(app.extensions["lti_tool"], uuid.UUID(sys.argv[1]))
"""


@pytest.fixture
def killer(classroom: Any) -> Iterator[Killer]:
    """The killer of this test's LMS."""
    found = Killer(classroom.lms)
    yield found
    classroom.lms.app.wsgi_app = found.inner


def let_it_die(classroom: Any, killer: Killer, run_id: UUID, at: int, *, is_done_first: bool) -> int:
    """Have a process do a run and kill it at that call; return how many calls it made."""
    db.session.rollback()
    killer.arm(at, is_done_first=is_done_first)
    killer.process = start(classroom, run_id)
    _, said = killer.process.communicate(timeout=60)
    status = killer.process.returncode
    assert status == (-9 if at else 0), (status, said.decode()[-2000:])
    calls = killer.calls
    killer.arm(0, is_done_first=False)
    db.session.rollback()
    return calls


def recover(classroom: Any) -> Findings:
    """Let the worker take up what died, and compare."""
    settle(classroom)
    return compare(classroom)


@pytest.fixture
def findings(record_property: Callable[[str, object], None]) -> Iterator[list[Findings]]:
    """What a test found, for the table of `tests/bench/faults.py`."""
    found: list[Findings] = []
    yield found
    total = sum(found, Findings())
    for name in ("lost", "doubled", "shown"):
        record_property(name, getattr(total, name))
    assert total == Findings(), found


def new_publication(classroom: Any, n: int) -> UUID:
    """Make a local set of 400 groups of one, queue its publication and return the run."""
    set_id = classroom.new_set(f"Crews {n}")
    ids = [one for half in "ab" for one in classroom.new_groups(set_id, f"Crew {n}{half}", GROUPS // 2)]
    people = [student.id for student in classroom.students()]
    groups.assign(classroom.viewer, set_id, dict(zip(people, ids, strict=False)))
    run_id: UUID = publication.queue_publication(classroom.tool, set_id)
    return run_id


def test_killed_at_ten_points_of_a_push_of_400_groups(classroom: Any, killer: Killer, findings: list[Findings]) -> None:
    chance = random.Random(f"kill {classroom.flavour}")
    calls = let_it_die(classroom, killer, new_publication(classroom, 0), 0, is_done_first=False)  # lives on
    findings.append(recover(classroom))
    clear_away(classroom)
    for n in range(1, POINTS + 1):
        at, is_done_first = chance.randint(1, calls), chance.random() < 0.5
        run_id = new_publication(classroom, n)
        let_it_die(classroom, killer, run_id, at, is_done_first=is_done_first)
        found = recover(classroom)
        findings.append(found)
        assert found == Findings(), (at, is_done_first, calls)
        clear_away(classroom)


def clear_away(classroom: Any) -> None:
    """Delete the published set here and in the LMS, so that the next comparison has one to look at."""
    for row in db.session.scalars(select(GroupSet).where(GroupSet.name.startswith("Crews"))).all():
        publication.delete_everywhere(classroom.tool, classroom.viewer, row.id)


@pytest.mark.parametrize("flavour", ["canvas"])
@pytest.mark.parametrize("is_done_first", [False, True], ids=["before a poll", "after a poll"])
def test_killed_while_canvas_works_an_import_off(
    classroom: Any, killer: Killer, findings: list[Findings], is_done_first: bool
) -> None:
    run_id = new_publication(classroom, 0)
    classroom.lms.faults({"import_delay_ms": 800})
    # A set, its groups, where people are, its options, the file: the sixth call asks how far it is.
    let_it_die(classroom, killer, run_id, 6, is_done_first=is_done_first)
    assert classroom.lms.calls()["canvas"]["by_path"]["POST /api/v1/group_categories/:id/import"] == 1
    findings.append(recover(classroom))


def test_killed_at_three_points_of_a_large_change_of_a_set_of_the_lms(
    classroom: Any, killer: Killer, findings: list[Findings]
) -> None:
    chance = random.Random(f"change {classroom.flavour}")
    allow_writing(classroom)
    set_id = find_set("Project teams")
    edits, viewer = edits_of(classroom.course_id, set_id), classroom.viewer
    calls = 6
    for n in range(4):  # first a whole one, which is counted
        began = now()
        edits.create_groups(viewer, set_id, f"Late {n}", 60)
        cards = classroom.read_set(set_id).cards
        full = [card for card in cards if card.members]
        movers = {card.members[0].id: full[(i + 1) % len(full)].row.id for i, card in enumerate(full)}
        edits.assign(viewer, set_id, movers)
        run_id = runs.queue(classroom.course_id, "change", requested_by=viewer.access_id, group_set_id=set_id)
        at = chance.randint(1, calls) if n else 0
        made = let_it_die(classroom, killer, run_id, at, is_done_first=chance.random() < 0.5)
        calls = made if n == 0 else calls
        settle(classroom)
        found = compare(classroom, began)
        findings.append(found)
        assert found == Findings(), (at, calls)
