"""Tells a load balancer whether the process lives and whether it can work, and operators how much there is to do."""

import hmac
from collections.abc import Iterator, Mapping

from flask import Blueprint, Flask, Response, abort, current_app, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from lti_tool.observability import AnswerCounts
from lti_tool.services.doctor import database_answers, queue_length
from lti_tool.services.metrics import Numbers, read_numbers
from lti_tool.web.access import public, tool

blueprint = Blueprint("health", __name__)

COUNTS = "lti_tool_answers"
LAUNCH = "lti.launch"


@blueprint.get("/healthz")
@public
def healthz() -> tuple[str, int]:
    """Answer that the process runs."""
    return "ok\n", 200


@blueprint.get("/readyz")
@public
def readyz() -> tuple[str, int]:
    """Answer whether database and queue can be reached (503 if not); whether a worker lives the doctor tells."""
    if not database_answers():
        return "the database does not answer\n", 503
    return ("the queue does not answer\n", 503) if queue_length(tool()) is None else ("ok\n", 200)


@blueprint.get("/metrics")
@public
def metrics() -> Response:
    """Answer the numbers in Prometheus's text format to who has the token; without one set, to this machine's own tool.

    Whether a request comes from this machine cannot be told behind a proxy, so the setting alone decides.
    """
    _require_token()
    registry = CollectorRegistry()
    registry.register(_Collected(read_numbers(tool()), current_app.extensions[COUNTS].read()))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _require_token() -> None:
    settings = tool().settings
    if not settings.metrics_token:
        if not settings.is_local:
            abort(404)
        return
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(sent.encode(), settings.metrics_token.encode()):
        abort(404)


class _Collected:
    """The numbers as Prometheus names them."""

    def __init__(self, numbers: Numbers, answers: Mapping[tuple[str, str], int]) -> None:
        self._numbers, self._answers = numbers, answers

    def collect(self) -> Iterator[Metric]:
        """Give every metric."""
        answers = CounterMetricFamily(
            "lti_tool_answers", "Requests answered since the start.", labels=("about", "status")
        )
        for labels, count in self._answers.items():
            answers.add_metric(labels, count)
        yield answers
        yield _gauges("lti_tool_runs", "Syncs, publications and pushes.", "state", self._numbers.runs)
        yield _gauges("lti_tool_changes", "Changes that go to an LMS.", "state", self._numbers.changes)
        refused = "Launches refused within a day, as far as they are kept."
        yield _gauges("lti_tool_refusals_day", refused, "reason", self._numbers.refusals)
        yield _gauge("lti_tool_launched_day", "People who launched a course within a day.", self._numbers.launched)
        yield _gauge("lti_tool_queue_length", "Tasks that no worker has taken.", self._numbers.queued)
        silent = "Seconds since the last sign of life of a worker."
        yield _gauge("lti_tool_worker_silent_seconds", silent, self._numbers.worker_silent_seconds)


def _gauges(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for key, value in sorted(values.items()):
        family.add_metric((key,), value)
    return family


def _gauge(name: str, text: str, value: float | None) -> Metric:
    """Return one number; what nobody knows has no line."""
    family = GaugeMetricFamily(name, text)
    if value is not None:
        family.add_metric((), value)
    return family


def register(app: Flask) -> None:
    """Count every answer of the application."""
    counts = app.extensions[COUNTS] = AnswerCounts()

    def note(response: Response) -> Response:
        counts.note("launch" if request.endpoint == LAUNCH else "other", response.status_code)
        return response

    app.after_request(note)
