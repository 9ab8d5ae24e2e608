"""Seconds to preview, import, import again and export a file of 10,000 rows: 2,000 students, an SQLite file."""

import json
import tempfile
import time
from pathlib import Path
from uuid import uuid4

from sqlalchemy import insert

from lti_tool import create_app
from lti_tool.domain.clock import now
from lti_tool.domain.permissions import Actor
from lti_tool.domain.roles import EnrollmentType
from lti_tool.lti.keys import new_key
from lti_tool.models import Course, CourseAccess, Registration, RosterMember, db, transaction
from lti_tool.services import set_export, set_import
from lti_tool.services.access import CourseFacts, Viewer
from lti_tool.settings import Settings

OUTPUT = Path(__file__).parent.parent.parent / "var" / "bench" / "imports.json"
STUDENTS, GROUPS, ROWS = 2000, 2500, 10_000


def open_course():
    """Store a course with its students, and return its teacher."""
    registration_id, course_id, access_id = uuid4(), uuid4(), uuid4()
    with transaction() as session:
        session.add(
            Registration(id=registration_id, name="B", family="canvas", issuer="https://lms.example", created_at=now())
        )
        session.flush()
        session.add(
            Course(
                id=course_id,
                registration_id=registration_id,
                lti_context_id="c",
                title="Big",
                label="B",
                created_at=now(),
            )
        )
        session.flush()
        session.add(
            CourseAccess(
                id=access_id,
                course_id=course_id,
                lti_user_id="t",
                name="T",
                enrollment_type="teacher",
                is_administrator=False,
                launched_at=now(),
            )
        )
        fixed = {"status": "active", "enrollment_type": "student", "source": "lms", "created_at": now()}
        session.execute(
            insert(RosterMember),
            [
                {"id": uuid4(), "course_id": course_id, "name": f"Student {n}", "email": f"s{n}@x.example", **fixed}
                for n in range(STUDENTS)
            ],
        )
    return Viewer(access_id, "T", CourseFacts(course_id, "Big", "B", "canvas"), Actor(EnrollmentType.TEACHER, True))


def table(shift):
    """Return a file in which each student is in several groups; `shift` moves everybody."""
    rows = [f"Group {n // 4},s{(n + shift * (n // 4)) % STUDENTS}@x.example" for n in range(ROWS)]
    return "\n".join(["group_name,email", *rows]).encode()


def timed(found, name, act):
    db.session.remove()  # as each request begins
    began = time.perf_counter()
    result = act()
    found[name] = round(time.perf_counter() - began, 3)
    return result


def measure(viewer):
    """Return the seconds of each step."""
    found = {}
    draft = timed(found, "upload", lambda: set_import.keep_upload(viewer, "big.csv", table(0)))
    seen = timed(found, "preview", lambda: set_import.preview_import(viewer, draft)).seen
    set_id = timed(found, "import", lambda: set_import.import_set(viewer, draft, "Big", seen)).group_set
    draft = timed(found, "second upload", lambda: set_import.keep_upload(viewer, "big.csv", table(1), set_id))
    shown = timed(found, "second preview", lambda: set_import.preview_import(viewer, draft, set_id))
    known = (shown.row.revision, shown.seen)
    timed(found, "import again", lambda: set_import.reimport_set(viewer, draft, set_id, *known))
    timed(found, "export", lambda: set_export.export_set(viewer.course.id, set_id))
    return found


def main():
    """Measure, print the table and write the JSON."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        new_key(folder / "keys")
        app = create_app(
            Settings(
                base_url="http://127.0.0.1:8000",
                data_dir=folder,
                keys_dir=folder / "keys",
                database_url=f"sqlite:///{folder / 'tool.db'}",
                queue_url="",
                secret_key="b" * 40,
                log_level="ERROR",
            )
        )
        with app.app_context():
            db.create_all()
            found = measure(open_course())
    print(f"{ROWS:,} rows, {GROUPS:,} groups, {STUDENTS:,} students")
    for step, seconds in found.items():
        print(f"{step:<16}{seconds:>8.3f} s")
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps({"rows": ROWS, "seconds": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
