"""LMS calls and seconds of the big jobs: 2,000 students, 400 groups, the demo LMS 100 ms away, an SQLite file."""

import json
import logging
import multiprocessing
import socket
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from werkzeug.serving import make_server

from lti_tool import create_app
from lti_tool.demo import LmsConfig, create_lms
from lti_tool.domain.clock import now
from lti_tool.domain.permissions import Actor
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.sync import Report
from lti_tool.lti.keys import new_key
from lti_tool.models import Course, CourseAccess, db, transaction
from lti_tool.services import group_sets, groups, publication, pull, push, registrations, runs, tokens
from lti_tool.services.access import CourseFacts, Viewer
from lti_tool.settings import Settings

OUTPUT = Path(__file__).parent.parent.parent / "var" / "bench" / "sync.json"
STUDENTS, GROUPS, LATENCY_MS = 2000, 400, 100


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
    """Store a course as its teacher's launch would, and return the teacher."""
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
    return Viewer(access.id, "T", facts, Actor(EnrollmentType.TEACHER, True))


def run_of(tool, run_id, runner):
    report = Report()
    runner(tool, runs.claim(run_id), report)
    return report.calls, report.seconds


def measure(tool, viewer):
    """Return (calls, seconds) of each job on one LMS."""
    course_id = viewer.course.id
    found = {"full pull": run_of(tool, runs.queue(course_id, "pull"), pull.run_pull)}
    found["full pull, nothing changed"] = run_of(tool, runs.queue(course_id, "pull"), pull.run_pull)
    set_id = group_sets.create_set(viewer, "Bench teams").group_set
    ids = [g for _ in range(2) for g in groups.create_groups(viewer, set_id, "Bench", GROUPS // 2).groups]
    students = [student.id for student in group_sets.active_students(course_id)]
    groups.assign(viewer, set_id, {student: ids[n % GROUPS] for n, student in enumerate(students)})
    found[f"publish {GROUPS} groups"] = run_of(tool, publication.queue_publication(tool, set_id), push.run_push)
    groups.assign(viewer, set_id, {students[0]: ids[-1]})
    began = time.perf_counter()
    view = publication.push_after_change(tool, viewer, set_id)
    seconds = time.perf_counter() - began
    if view.state != "sent":
        raise SystemExit(f"the move did not arrive: {view.error_code}")
    found["move one student"] = runs.list_runs(course_id, 1)[0].report["calls"], seconds
    return found


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
                results[flavour] = measure(tool, open_course(tool, url, flavour, lms_course_id))
    print(f"{STUDENTS} students, {GROUPS} groups and 20 more in two sets, {LATENCY_MS} ms for each LMS call")
    print(f"{'':30}{'Canvas':>22}{'Moodle':>22}")
    for job in results["canvas"]:
        cells = [f"{calls} calls, {seconds:.1f} s" for calls, seconds in (results[f][job] for f in results)]
        print(f"{job:30}" + "".join(f"{cell:>22}" for cell in cells))
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps({"students": STUDENTS, "latency_ms": LATENCY_MS, "results": results}, indent=2))


if __name__ == "__main__":
    main()
