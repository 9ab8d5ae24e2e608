"""What load balancers and Prometheus ask: ready only with database and queue, and numbers without people."""

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from lti_tool.domain.errors import LaunchError
from lti_tool.observability import AnswerCounts
from lti_tool.services import registrations
from lti_tool.services.refusals import note_refusal

TOKEN = "sixteen characters at least"


@pytest.fixture
def equipped(app_on_both: Flask, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Change parts of the tool, for one test."""
    extensions = app_on_both.extensions

    def change(**parts: Any) -> None:
        monkeypatch.setitem(extensions, "lti_tool", replace(extensions["lti_tool"], **parts))

    return change


def numbers(app: Flask, **headers: str) -> dict[tuple[str, ...], float]:
    answer = app.test_client().get("/metrics", headers=headers)
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def test_it_is_ready_with_a_database_and_a_queue(app_on_both: Flask, equipped: Any) -> None:
    client = app_on_both.test_client()
    assert client.get("/readyz").text == "ok\n"

    def refuse() -> int:
        raise ConnectionError

    equipped(count_queued=refuse)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "the queue does not answer\n")
    assert client.get("/healthz").status_code == 200


def test_metrics_count_what_happens(app_on_both: Flask, equipped: Any) -> None:
    settings = app_on_both.extensions["lti_tool"].settings
    equipped(settings=replace(settings, metrics_token=TOKEN), count_queued=lambda: 7)
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    before = numbers(app_on_both, **bearer)
    made = registrations.add_registration("https://m.example", "moodle", client_id="c")
    note_refusal(made.id, LaunchError("token_expired"), "0a1b2c3d")
    client = app_on_both.test_client()
    assert client.post(f"/lti/{made.id}/launch").status_code == 400
    client.get("/healthz")
    after = numbers(app_on_both, **bearer)

    def more(*name: str) -> float:
        return after[name] - before.get(name, 0)

    assert more("lti_tool_answers_total", "launch", "4xx") == 1
    assert more("lti_tool_answers_total", "other", "2xx") == 2  # the earlier reading, and /healthz
    assert more("lti_tool_refusals_day", "token_expired") == 1
    assert after["lti_tool_queue_length",] == 7
    assert after["lti_tool_launched_day",] == 0
    registrations.remove_registration(made.id)


def test_metrics_are_for_who_has_the_token(app_on_both: Flask, equipped: Any) -> None:
    client = app_on_both.test_client()
    settings = replace(app_on_both.extensions["lti_tool"].settings, base_url="https://tool.example", metrics_token="")
    equipped(settings=settings)
    assert client.get("/metrics").status_code == 404, "off, unless the tool is this machine's own"
    equipped(settings=replace(settings, base_url="http://127.0.0.1:8000"))
    assert client.get("/metrics").status_code == 200
    equipped(settings=replace(settings, metrics_token=TOKEN))
    for sent in ({}, {"Authorization": "Bearer "}, {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": "é"}):
        assert client.get("/metrics", headers=sent).status_code == 404
    assert client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_the_counts_of_all_processes_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = AnswerCounts()
    for process in (4000, 4001, 4001):
        monkeypatch.setattr("lti_tool.observability.os.getpid", lambda process=process: process)
        counts.note("launch", 303)
    assert {key: count for key, count in counts.read().items() if count} == {("launch", "3xx"): 3}
