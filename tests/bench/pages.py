"""Seconds, queries and bytes of the pages of a big course: 2,000 students, 400 groups, the app in this process."""

import json
import re
import statistics
import tempfile
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

from sqlalchemy import event, insert

from lti_tool import create_app
from lti_tool.domain.clock import now
from lti_tool.domain.permissions import Actor
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.sync import MirroredState
from lti_tool.lti.keys import new_key
from lti_tool.lti.session import SESSION_COOKIE
from lti_tool.lti.state import digest
from lti_tool.models import (
    BrowserSession,
    Course,
    CourseAccess,
    GroupSet,
    Publication,
    Registration,
    RosterMember,
    db,
    transaction,
)
from lti_tool.services import assignments, group_sets, groups
from lti_tool.services.access import CourseFacts, Viewer
from lti_tool.services.assignments import Draft
from lti_tool.services.memberships import append_members, read_members
from lti_tool.services.mirror import store_mirror
from lti_tool.services.system_sets import ensure_system_group_sets
from lti_tool.settings import Settings

OUTPUT = Path(__file__).parent.parent.parent / "var" / "bench" / "pages.json"
STUDENTS, GROUPS, REQUESTS, GOAL_MS = 2000, 400, 20, 300
FIRST = ("Ana", "Bo", "Chi", "Dora", "Emre", "Fatima", "Łukasz", "María José", "Wei", "Zoë")
# What is measured: a name, and the address below the course; {…} are the ids that `store` gives.
PAGES = (
    ("staff home", ""),
    ("roster, first page", "roster"),
    ("group sets", "group-sets"),
    (f"set of {GROUPS} groups", "group-sets/{teams}"),
    ("the same, its last page", "group-sets/{teams}?page=7"),
    ("the same, all groups at once", "group-sets/{teams}?upto=7"),
    ("the next groups alone", "group-sets/{teams}/more?page=2&upto=2"),
    (f"set with {STUDENTS} people waiting", "group-sets/{empty}"),
    ("the same, everybody shown", "group-sets/{empty}?all=1"),
    ("Individual Students", "group-sets/{individuals}"),
    (f"published set of {GROUPS} groups", "group-sets/{published}"),
    ("where to move one person", "group-sets/{teams}/members/{member}"),
    ("one group", "group-sets/{teams}/groups/{group}/edit"),
    ("deleting a set", "group-sets/{teams}/delete"),
    ("assignments", "assignments"),
    ("new assignment with its preview", "assignments/new"),
    (f"new assignment, a set of {GROUPS} groups", "assignments/new?set={teams}"),
    (f"assignment of {GROUPS} groups", "assignments/{labs}"),
    (f"assignment, {STUDENTS} people in none", "assignments/{nobody}"),
    (f"assignment, {STUDENTS} people in several", "assignments/{doubled}"),
    ("editing an assignment", "assignments/{labs}/edit"),
    ("matrix", "matrix"),
    ("matrix, without a group", "matrix?without={empty}"),
    ("matrix as a workbook", "matrix.xlsx"),
)
# What is asked while somebody types, sent as htmx does: a name, the address, and the form.
ASKED = (
    ("preview of Individual Students", "assignments/preview", {"group_set_id": "{individuals}"}),
    (
        "preview of a pattern over them",
        "assignments/preview",
        {"group_set_id": "{individuals}", "kind": "pattern", "pattern": "*a*"},
    ),
    ("filter of Individual Students", "filter-by-pattern", {"set_id": "{individuals}", "pattern": "*a*"}),
)


def store():
    """Store a big course and a signed-in teacher; return the values of the addresses and the session's secret."""
    registration_id, course_id, access_id, secret = uuid4(), uuid4(), uuid4(), uuid4().hex
    with transaction() as session:
        session.add(
            Registration(id=registration_id, name="B", family="canvas", issuer="https://lms.example", created_at=now())
        )
        session.flush()
        course = {"lti_context_id": "c", "title": "Big", "label": "B", "created_at": now(), "lms_course_id": "1"}
        session.add(Course(id=course_id, registration_id=registration_id, **course))
        session.flush()
        session.add(
            CourseAccess(
                id=access_id,
                course_id=course_id,
                lti_user_id="t",
                name="T",
                enrollment_type="teacher",
                may_manage_groups=True,
                is_administrator=False,
                launched_at=now(),
            )
        )
        session.add(
            BrowserSession(
                token_hash=digest(secret),
                nonce_hash=digest("nonce"),
                registration_id=registration_id,
                lti_user_id="t",
                frame_origins="https://lms.example",
                created_at=now(),
                expires_at=now() + timedelta(hours=1),
            )
        )
        students = [uuid4() for _ in range(STUDENTS)]
        fixed = {"course_id": course_id, "status": "active", "enrollment_type": "student", "source": "lms"}
        session.execute(
            insert(RosterMember),
            [
                {
                    "id": student,
                    "name": f"{FIRST[n % len(FIRST)]} Studentsdóttir {n:04}",
                    "email": f"student{n}@students.example",
                    "student_number": f"s{n:05}",
                    "lms_user_id": str(n),
                    "created_at": now(),
                    **fixed,
                }
                for n, student in enumerate(students)
            ],
        )
        ensure_system_group_sets(course_id)
    facts = CourseFacts(course_id, "Big", "B", "canvas")
    viewer = Viewer(access_id, "T", facts, Actor(EnrollmentType.TEACHER, True))
    teams, published = fill(viewer, "Teams", students), fill(viewer, "Published", students)
    publish(published)
    empty = fill(viewer, "Nobody yet", [])
    individuals = set_named("Individual Students")
    last = group_sets.read_groups(teams)[-1].id
    everybody_twice = fill(viewer, "Two groups each", students)
    put_into_second_groups(everybody_twice, students)
    used = {"labs": teams, "nobody": empty, "doubled": everybody_twice}
    made = {name: assignments.create_assignment(viewer, Draft(name, group_set_id=used[name])) for name in used}
    found = {
        **{name: changes.assignment for name, changes in made.items()},
        "teams": teams,
        "published": published,
        "empty": empty,
        "individuals": individuals,
    }
    return course_id, {**found, "member": students[7], "group": last}, secret


def set_named(name):
    return db.session.query(GroupSet.id).filter_by(name=name).scalar()


def fill(viewer, name, students):
    """Make a set and put the students into its groups in turn; return its id."""
    group_sets.create_set(viewer, name)
    set_id = set_named(name)
    for _ in range(2):
        groups.create_groups(viewer, set_id, "Team", GROUPS // 2)
    ids = [group.id for group in group_sets.read_groups(set_id)]
    if students:
        groups.assign(viewer, set_id, {student: ids[n % GROUPS] for n, student in enumerate(students)})
    return set_id


def put_into_second_groups(set_id, students):
    """Put everybody into the next group too, as an LMS's set may have them."""
    ids = [group.id for group in group_sets.read_groups(set_id)]
    with transaction():
        append_members([(ids[(n + 1) % GROUPS], student) for n, student in enumerate(students)])


def publish(set_id):
    """Store a set as one that the LMS has as it is here."""
    with transaction() as session:
        row = Publication(
            id=uuid4(), group_set_id=set_id, lms_group_set_id="1", name="P", state="sent", created_at=now()
        )
        session.add(row)
    rows = group_sets.read_groups(set_id)
    members = read_members([group.id for group in rows])
    states = [
        MirroredState(group.id, str(n), group.name, frozenset(str(m.lms_user_id) for m in members[group.id]))
        for n, group in enumerate(rows)
    ]
    with transaction():
        store_mirror(set_id, states)


def measure(statements, address, ask):
    """Return the median of milliseconds, the queries of one request and the bytes of its answer."""
    times = []
    for _ in range(REQUESTS):
        statements.clear()
        began = time.perf_counter()
        answer = ask(address)
        times.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise SystemExit(f"{address}: {answer.status_code}")
    return {"ms": round(statistics.median(times), 1), "queries": len(statements), "bytes": len(answer.data)}


def sent_token(client, course_id):
    """Return the token that every form of the session carries."""
    form = client.get(f"/courses/{course_id}/assignments/new").get_data(as_text=True)
    return re.search('name="csrf_token"[^>]*value="([^"]+)"', form).group(1)


def main():
    """Measure every page, print the table and write the JSON."""
    statements, results = [], {}
    with tempfile.TemporaryDirectory() as name:
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
        )
        app = create_app(settings)
        with app.app_context():
            db.create_all()
            course_id, ids, secret = store()
            event.listen(db.engine, "before_cursor_execute", lambda *values: statements.append(values[2]))
        client = app.test_client()
        client.set_cookie(SESSION_COOKIE, secret)
        for title, path in PAGES:
            results[title] = measure(statements, f"/courses/{course_id}/{path.format(**ids)}", client.get)
        token = sent_token(client, course_id)
        for title, path, form in ASKED:
            data = {name: value.format(**ids) for name, value in form.items()}
            ask = partial(client.post, data={**data, "csrf_token": token}, headers={"HX-Request": "true"})
            results[title] = measure(statements, f"/courses/{course_id}/{path}", ask)
    print(f"{STUDENTS} students, {GROUPS} groups; median of {REQUESTS} requests, goal {GOAL_MS} ms")
    print(f"{'':40}{'ms':>9}{'queries':>9}{'bytes':>12}")
    for title, found in results.items():
        late = "  over the goal" if found["ms"] > GOAL_MS else ""
        print(f"{title:40}{found['ms']:>9.1f}{found['queries']:>9}{found['bytes']:>12,}{late}")
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps({"students": STUDENTS, "groups": GROUPS, "results": results}, indent=2))


if __name__ == "__main__":
    main()
