"""How often one person may: the next time is refused in words, other people go on, and time opens it again."""

import threading
from datetime import timedelta
from typing import Any

import pytest

from lti_tool.domain.clock import now
from lti_tool.models import ImportDraft
from lti_tool.web import limits
from lti_tool.web.limits import ProcessWindows

RATES = {
    "lti.launch": "launch",
    "registering.register": "register",
    "doors.join_via_code": "code",
    "doors.join_via_invite_link": "join",
    "doors.join_listed": "join",
    "doors.create_invite_link": "invite",
    "formation.start_grouping": "invite",
    "formation.invite_classmates": "invite",
    "imports.import_group_set": "import",
    "imports.reimport_group_set": "import",
    "roster_files.upload": "import",
    "groupings.import_groupings": "import",
    "space.post_message": "message",
    "space.upload_document": "document",
    "admin_activity.doctor": "doctor",
    "connection.connection": "ask",
}


def test_what_others_pay_for_is_limited(app: Any) -> None:
    declared = {name: view.rate.scope for name, view in app.view_functions.items() if hasattr(view, "rate")}
    assert RATES.items() <= declared.items()


def test_codes_cannot_be_guessed_one_after_the_other(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ana, ben = world.member("Ana López"), world.member("Ben Ng")
    guesser, other = world.browser("student", member=ana), world.browser("student", member=ben)
    for number in range(10):
        guesser.post("join", 422, code=f"GUESS{number}")
    page = guesser.post("join", 429, code="GUESS10")
    assert page.h1.text == "That was a little too often"
    assert "Wait 1 min" in page.main.text
    answer = guesser.client.post(guesser.address("join"), data={"csrf_token": guesser.token, "code": "GUESS10"})
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert "https://lms.example" in answer.headers["Content-Security-Policy"]
    guesser.get("join")  # looking at the page guesses nothing
    other.post("join", 422, code="GUESS10")
    later = now() + timedelta(seconds=61)
    monkeypatch.setattr(limits, "now", lambda: later)
    guesser.post("join", 422, code="GUESS10")


def test_programs_are_told_too(world: Any) -> None:
    guesser = world.browser("student", member=world.member("Ana López"))
    data = {"csrf_token": guesser.token, "code": "GUESS"}
    for _ in range(11):
        answer = guesser.client.post(guesser.address("join"), data=data, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["error"]) == (429, "too_often")


def test_each_route_that_takes_a_file_takes_no_more_than_its_share(world: Any, app: Any) -> None:
    set_id = world.group_set("Projects", {"Team 1": []})
    teacher = world.browser()
    made = teacher.post("assignments/new", name="Essay", group_set_id=str(set_id)).partition("?")[0]
    known = {"course_id": world.course_id, "set_id": set_id, "kind": "roster", "assignment_id": made.rpartition("/")[2]}
    endpoints = [name for name, scope in RATES.items() if scope == "import"]
    assert len(endpoints) >= 4
    for endpoint in endpoints:
        with app.test_request_context():
            address = app.url_for(endpoint, **known)
        kind = "multipart/form-data; boundary=x"
        answer = teacher.client.post(address, data=b"--x\r\n" * 1_400_000, content_type=kind)
        assert (address, answer.status_code) == (address, 413)
        assert "frame-ancestors 'self' https://lms.example" in answer.headers["Content-Security-Policy"]
    assert not world.stored(ImportDraft)


def test_counts_are_exact_however_many_count_at_once() -> None:
    windows, gate = ProcessWindows(), threading.Barrier(8)

    def count() -> None:
        gate.wait()
        for _ in range(200):
            windows.incr("k", 60)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert windows.get("k") == 1600


def test_counts_of_keys_that_somebody_invents_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_WINDOWS", 10)
    windows = ProcessWindows()
    for number in range(1000):
        windows.incr(f"k{number}", 60)
        assert windows.get(f"k{number}") == 1
    assert windows.reset() <= 10
