"""Runs one CSV import of a Canvas group set, or another job of Canvas, to its end (canvas.md 5.2, 5.3)."""

from collections.abc import Iterator
from itertools import chain, repeat

from lti_tool.domain.errors import LmsChanged, LmsUnavailable
from lti_tool.domain.gateway import Progress, Step
from lti_tool.lms.canvas_client import CanvasClient, Json

LONGEST_WAIT = 600.0


def run_import(client: CanvasClient, set_id: str, csv_file: bytes, progress: Progress) -> None:
    """Send the file and wait until Canvas has worked it off.

    Raise LmsUnavailable("import_failed"), LmsUnavailable("import_not_finished", seconds=…) after ten minutes;
    Canvas reports nothing about single rows, so the caller re-reads the set.
    """
    try:
        job = client.import_group_category(set_id, csv_file)
    except LmsChanged:
        raise LmsChanged("set_gone", lms_group_set_id=set_id) from None
    wait_for(client, job, progress)


def wait_for(client: CanvasClient, job: Json, progress: Progress) -> None:
    """Wait until a job of Canvas (a Progress, canvas.md 5.3) is done.

    Raise LmsUnavailable("import_failed"), LmsUnavailable("import_not_finished", seconds=…) after ten minutes.
    """
    progress(Step.PUSHING_GROUPS, 0, 100)
    for pause in _pauses():
        if job.get("workflow_state") == "completed":
            progress(Step.PUSHING_GROUPS, 100, 100)
            return
        if job.get("workflow_state") == "failed":
            raise LmsUnavailable("import_failed")
        client.http.pause(pause)
        job = client.get_progress(str(job["id"]))
        progress(Step.PUSHING_GROUPS, int(float(job.get("completion") or 0)), 100)
    raise LmsUnavailable("import_not_finished", seconds=LONGEST_WAIT)


def _pauses() -> Iterator[float]:
    """Yield the seconds between two looks: small classes are done at once, big ones need no hurry."""
    waited = 0.0
    for pause in chain((0.4, 1.0, 2.0, 4.0), repeat(5.0)):
        if waited >= LONGEST_WAIT:
            return
        waited += pause
        yield pause
