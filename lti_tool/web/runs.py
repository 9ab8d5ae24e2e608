"""Starts jobs against the LMS, shows how they go and what they did."""

from uuid import UUID

from flask import Blueprint, Response, make_response, request

from lti_tool.domain.changes import Changes
from lti_tool.domain.errors import Conflict
from lti_tool.domain.permissions import Permission
from lti_tool.services.refresh import refresh_set
from lti_tool.services.runs import find_open_run, list_runs, queue, see_run
from lti_tool.web.access import requires, tool, viewer
from lti_tool.web.answers import changed
from lti_tool.web.pages import fragment, page, see_other, wants_fragment

MOST_PEOPLE = 1_000_000

blueprint = Blueprint("runs", __name__, url_prefix="/courses/<uuid:course_id>")


@blueprint.post("/sync")
@requires(Permission.SYNC)
def sync_course(course_id: UUID) -> Response:
    """Fetch people, group sets and groups from the LMS, and show how that goes."""
    return start_run(course_id, "pull")


@blueprint.post("/preview")
@requires(Permission.SYNC)
def preview_sync(course_id: UUID) -> Response:
    """Fetch everything from the LMS and show what a sync would change; nothing is stored."""
    return start_run(course_id, "preview")


@blueprint.post("/group-sets/<uuid:set_id>/refresh")
@requires(Permission.SYNC)
def refresh_group_set(course_id: UUID, set_id: UUID) -> Response:
    """Bring one set of the LMS here, and lead on to it; to the run when that has something to say."""
    try:
        done = see_run(course_id, refresh_set(tool(), viewer(), set_id))
    except Conflict:
        return see_open_run(course_id)
    if done.state != "succeeded" or done.row.group_set_id is None or (done.report or {}).get("not_in_roster"):
        return see_other("runs.run", run_id=done.id)
    changes = Changes(group_sets=frozenset({set_id}))
    return changed(changes, "group_sets.group_set", set_id=set_id, notice="set_refreshed")


def start_run(course_id: UUID, kind: str) -> Response:
    """Queue a run, wake the worker and lead on to its page; when another run is at work, to that one's page."""
    try:
        run_id = queue(course_id, kind, requested_by=viewer().access_id, departures_accepted=_departures_accepted())
    except Conflict:
        return see_open_run(course_id)
    tool().ring(run_id)
    return see_other("runs.run", run_id=run_id)


def _departures_accepted() -> int:
    """Return how many students may leave at once, as the person saw it in a preview or in a run that stopped for it."""
    return min(max(request.form.get("departures", 0, type=int), 0), MOST_PEOPLE)


def see_open_run(course_id: UUID) -> Response:
    """Lead on to the run that is at work on the course, or to the list when it ended just now."""
    at_work = find_open_run(course_id)
    if at_work is None:
        return see_other("runs.activity", notice="run_open")
    return see_other("runs.run", run_id=at_work.id, notice="run_open")


@blueprint.get("/runs/<uuid:run_id>")
@requires(Permission.VIEW_RUNS)
def run(course_id: UUID, run_id: UUID) -> Response:
    """Show how a run goes, then its report; htmx asks for the changing part every second while the run is open."""
    found = see_run(course_id, run_id)
    if not wants_fragment():
        return page("runs/run.html", run=found)
    if "from" in request.args and not found.is_open:
        answer = make_response("", 200)
        answer.headers["HX-Refresh"] = "true"
        return answer
    return fragment("runs/run.html", "progress", run=found)


@blueprint.get("/activity")
@requires(Permission.VIEW_RUNS)
def activity(course_id: UUID) -> Response:
    """List the latest runs of the course."""
    return page("runs/activity.html", runs=list_runs(course_id, limit=50))
