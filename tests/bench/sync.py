"""Calls, seconds and written rows of the big jobs: 2,000 students, 400 groups, an LMS 100 ms away, an SQLite file."""

import json
import logging
import multiprocessing
import re
import socket
import statistics
import tempfile
import time
import urllib.request
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import seeds_way
from sqlalchemy import event
from werkzeug.serving import make_server

from lti_tool import create_app
from lti_tool.cli.serve import settle
from lti_tool.demo import LmsConfig, create_lms
from lti_tool.domain.clock import now
from lti_tool.domain.permissions import Actor
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.sync import Report
from lti_tool.lti.keys import new_key
from lti_tool.lti.session import SESSION_COOKIE
from lti_tool.lti.state import digest
from lti_tool.models import BrowserSession, Course, CourseAccess, db, transaction
from lti_tool.services import (
    group_sets,
    groups,
    lms_changes,
    publication,
    pull,
    push,
    refresh,
    registrations,
    runs,
    tokens,
)
from lti_tool.services.access import CourseFacts, Viewer
from lti_tool.services.mirror import find_publication
from lti_tool.services.set_page import read_shown_set
from lti_tool.settings import Settings

OUTPUT = Path(__file__).parent.parent.parent / "var" / "bench" / "sync.json"
STUDENTS, GROUPS, LATENCY_MS = 2000, 400, 100
GOALS = {
    "full pull": "26 / 12 calls, 4 s",
    "pull, nothing changed": "the same, 0 rows",
    "refresh of one set": "3 calls (Canvas)",
    f"publish {GROUPS} new groups": "15 and polls / 25 calls",
    "move one, published set": "2 calls, 0.6 s",
    "move one, set of the LMS": "2 calls, 0.6 s",
}
WRITE = re.compile(r'(?:INSERT INTO|UPDATE|DELETE FROM)\s+"?(\w+)"?', re.IGNORECASE)
OWN = ("sync_run", "course")  # how a run goes, and when the course was read


def serve(port, courses):
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    lms = create_lms(LmsConfig(base_url=f"http://127.0.0.1:{port}"))
    for flavour in ("canvas", "moodle"):
        courses[flavour] = lms.make_big_course(flavour, STUDENTS, GROUPS)
    lms.faults({"latency_ms": LATENCY_MS})
    make_server("127.0.0.1", port, lms.app, threaded=True).serve_forever()


@contextmanager
def demo_lms():
    """Run the demo LMS in a process of its own; give its address and the ids of its big courses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with multiprocessing.Manager() as manager:
        courses = manager.dict()
        process = multiprocessing.Process(target=serve, args=(port, courses), daemon=True)
        process.start()
        url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{url}/control/calls", timeout=5).read()
                break
            except OSError:
                time.sleep(0.05)
        yield url, dict(courses)
        process.terminate()
        process.join()


def open_course(tool, url, flavour, lms_course_id):
    """Store a course as its teacher's launch would, and return the teacher and the registration's id."""
    row = registrations.add_registration(f"{url}/{flavour}", flavour, client_id="c", deployments=("1",))
    tokens.set_service_token(tool.settings, row.id, f"demo-{flavour}-token")
    with transaction() as session:
        course = Course(
            id=uuid4(),
            registration_id=row.id,
            lti_context_id="c",
            lms_course_id=lms_course_id,
            title="Big",
            label="B",
            created_at=now(),
        )
        access = CourseAccess(
            id=uuid4(),
            course_id=course.id,
            lti_user_id="t",
            name="T",
            enrollment_type="teacher",
            may_manage_groups=True,
            is_administrator=False,
            launched_at=now(),
        )
        session.add(course)
        session.flush()
        session.add(access)
    facts = CourseFacts(course.id, "Big", "B", flavour)
    return Viewer(access.id, "T", facts, Actor(EnrollmentType.TEACHER, True)), row.id


def run_of(tool, run_id, runner):
    """Do a run; return its calls and seconds, and the rows that it wrote of people, sets, groups and memberships."""
    report = Report()
    with written() as rows:
        runner(tool, runs.claim(run_id), report)
    return {"calls": report.calls, "seconds": round(report.seconds, 2), "rows": sum(rows.values())}


@contextmanager
def written():
    """Count the rows that the database says it wrote, by table; the run's own and the course's times are left out."""
    rows = Counter()

    def note(_connection, cursor, statement, *_):
        found = WRITE.match(statement.strip())
        if found and cursor.rowcount > 0 and found[1] not in OWN:
            rows[found[1]] += cursor.rowcount

    event.listen(db.engine, "after_cursor_execute", note)
    yield rows
    event.remove(db.engine, "after_cursor_execute", note)


def calls_of(url, flavour):
    """Return how many calls the LMS has got, and how many of them asked how far a job is."""
    by_path = json.load(urllib.request.urlopen(f"{url}/control/calls", timeout=5))[flavour]["by_path"]
    return sum(by_path.values()), sum(count for path, count in by_path.items() if "/progress/" in path)


def latency(url, milliseconds):
    """Put the LMS so far away."""
    body = json.dumps({"latency_ms": milliseconds}).encode()
    headers = {"Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(f"{url}/control/faults", body, headers), timeout=5).read()


class Page:
    """The teacher's browser."""

    def __init__(self, app, viewer, registration_id):
        self.client, secret = app.test_client(), uuid4().hex
        with transaction() as session:
            session.add(
                BrowserSession(
                    token_hash=digest(secret),
                    nonce_hash=digest(secret[::-1]),
                    registration_id=registration_id,
                    lti_user_id="t",
                    frame_origins="https://lms.example",
                    created_at=now(),
                    expires_at=now() + timedelta(hours=1),
                )
            )
        self.client.set_cookie(SESSION_COOKIE, secret)
        self.viewer = viewer
        self.course = f"/courses/{viewer.course.id}"
        form = self.client.get(f"{self.course}/assignments/new").get_data(as_text=True)
        self.token = re.search('name="csrf_token"[^>]*value="([^"]+)"', form).group(1)

    def moves(self, url, flavour, set_id):
        """Move a student five times; return the most calls and the median of the seconds."""
        found = [self.move(url, flavour, set_id) for _ in range(5)]
        seconds = statistics.median(one["seconds"] for one in found)
        return {"calls": max(one["calls"] for one in found), "seconds": seconds}

    def move(self, url, flavour, set_id):
        """Move a student to another group by the page; return the calls and the seconds until it answers."""
        cards = read_shown_set(self.viewer, set_id, last=10**6).cards
        person, group = next(card for card in cards if card.members).members[0].id, cards[-1].row.id
        db.session.remove()
        before = calls_of(url, flavour)[0]
        began = time.perf_counter()
        form = {"member_ids": str(person), "group_id": str(group), "csrf_token": self.token}
        answer = self.client.post(f"{self.course}/group-sets/{set_id}/assign", data=form)
        seconds = time.perf_counter() - began
        calls = calls_of(url, flavour)[0] - before
        db.session.remove()
        now_in = {
            card.row.id
            for card in read_shown_set(self.viewer, set_id, last=10**6).cards
            if person in {member.id for member in card.members}
        }
        mirror = find_publication(set_id)
        is_there = not lms_changes.list_open(UUID(self.course[9:])) and (mirror is None or mirror.state == "sent")
        if answer.status_code != 303 or now_in != {group} or not is_there:
            raise SystemExit(f"the move did not arrive: {answer.status}, {answer.headers.get('Location')}")
        return {"calls": calls, "seconds": round(seconds, 2)}


def measure(app, url, viewer, registration_id):
    """Return what each job took on one LMS."""
    tool, course_id, flavour = app.extensions["lti_tool"], viewer.course.id, viewer.course.family
    found = {"full pull": run_of(tool, runs.queue(course_id, "pull"), pull.run_pull)}
    found["pull, nothing changed"] = run_of(tool, runs.queue(course_id, "pull"), pull.run_pull)
    connected = next(s.row.id for s in group_sets.list_sets(course_id) if s.row.name == "Project teams")
    found["refresh of one set"] = run_of(tool, refresh.queue_refresh(course_id, connected), refresh.run_refresh)
    set_id = group_sets.create_set(viewer, "Bench teams").group_set
    ids = [g for _ in range(2) for g in groups.create_groups(viewer, set_id, "Bench", GROUPS // 2).groups]
    students = group_sets.active_students(course_id)
    teams = {f"Seed {n}": [s.lms_user_id for s in students[n::GROUPS]] for n in range(GROUPS)}
    groups.assign(viewer, set_id, {student.id: ids[n % GROUPS] for n, student in enumerate(students)})
    polls = calls_of(url, flavour)[1]
    job = run_of(tool, publication.queue_publication(tool, set_id), push.run_push)
    job["polls"] = calls_of(url, flavour)[1] - polls
    found[f"publish {GROUPS} new groups"] = job | {"calls": job["calls"] - job["polls"]}
    settle()  # as every served process does: what the jobs before left is no garbage of a page
    page = Page(app, viewer, registration_id)
    found["move one, published set"] = page.moves(url, flavour, set_id)
    found["move one, set of the LMS"] = page.moves(url, flavour, connected)
    latency(url, 0)  # only its calls are counted: at 100 ms each they would take minutes
    found["the seeds' way: full pull"] = {"calls": seeds_way.pull(tool, course_id)}
    found[f"the seeds' way: publish {GROUPS}"] = {"calls": seeds_way.publish(tool, course_id, "Seeds' way", teams)}
    latency(url, LATENCY_MS)
    return found


def told(job):
    """Return what a job took in words."""
    words = [f"{job['calls']} calls"]
    if job.get("polls"):
        words[0] += f" + {job['polls']} polls"
    if "seconds" in job:
        words.append(f"{job['seconds']:.2f} s")
    if not job.get("rows", 1):
        words.append("0 rows")
    return ", ".join(words)


def main():
    """Measure both LMSs, print the table and write the JSON."""
    results = {}
    with tempfile.TemporaryDirectory() as name, demo_lms() as (url, courses):
        folder = Path(name)
        new_key(folder / "keys")
        settings = Settings(
            base_url="http://127.0.0.1:8000",
            data_dir=folder,
            keys_dir=folder / "keys",
            database_url=f"sqlite:///{folder / 'tool.db'}",
            queue_url="",
            secret_key="b" * 40,
            log_level="ERROR",
            allowed_private_hosts=frozenset({"127.0.0.1"}),
        )
        app = create_app(settings)
        with app.app_context():
            db.create_all()
            tool = app.extensions["lti_tool"]
            for flavour, lms_course_id in courses.items():
                viewer, registration_id = open_course(tool, url, flavour, lms_course_id)
                results[flavour] = measure(app, url, viewer, registration_id)
    print(f"{STUDENTS} students, {GROUPS} groups and 20 more in two sets, {LATENCY_MS} ms for each LMS call")
    print(f"{'':30}{'goal':>26}{'Canvas':>34}{'Moodle':>26}")
    for job in results["canvas"]:
        cells = [told(results[flavour][job]) for flavour in ("canvas", "moodle")]
        print(f"{job:30}{GOALS.get(job, ''):>26}{cells[0]:>34}{cells[1]:>26}")
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps({"students": STUDENTS, "latency_ms": LATENCY_MS, "results": results}, indent=2))


if __name__ == "__main__":
    main()
