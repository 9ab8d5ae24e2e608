"""Commands that work on courses in the foreground: list them, sync, publish, push."""

import json
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

import click

from lti_tool.cli.context import opened
from lti_tool.cli.errors import sentence
from lti_tool.domain.errors import Conflict, LmsError, LmsRefused
from lti_tool.domain.gateway import Step
from lti_tool.domain.sync import Report
from lti_tool.domain.work import timed
from lti_tool.models import SyncRun
from lti_tool.services import courses, publication, pull, push_all, refresh, runs
from lti_tool.services import push as push_service
from lti_tool.services.pull import Wanted
from lti_tool.services.tool import Tool


@click.group()
def course() -> None:
    """Look at the courses that people launched from."""


@course.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List the courses."""
    with opened():
        facts = [
            {
                "id": str(row.id),
                "title": row.title,
                "lms_course_id": row.lms_course_id,
                "registration_id": str(row.registration_id),
                "family": row.registration.family,
            }
            for row in courses.list_courses()
        ]
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    for fact in facts:
        click.echo(f"{fact['id']}  {fact['family']:7}  {fact['title']}")


@click.command()
@click.argument("course_id", type=click.UUID)
@click.option("--roster", is_flag=True, help="Only the people.")
@click.option("--groups", is_flag=True, help="Only the group sets and groups.")
@click.option("--set", "set_id", type=click.UUID, help="Only this group set of the LMS (our id).")
@click.option("--dry-run", is_flag=True, help="Say what would change and store nothing.")
@click.option(
    "--departures",
    type=click.IntRange(min=0),
    default=0,
    help="So many students may leave at once; without it the leaving of most stops the sync.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def sync(
    course_id: UUID,
    *,
    roster: bool,
    groups: bool,
    set_id: UUID | None,
    dry_run: bool,
    departures: int,
    as_json: bool,
) -> None:
    """Bring people, group sets and groups of a course here from its LMS."""
    if set_id and (roster or groups or dry_run or departures):
        raise click.UsageError("--set goes with --json only")
    wanted = Wanted(roster=roster or not groups, groups=groups or not roster)
    with opened() as tool:
        courses.get_course(course_id)
        if set_id:
            report, error = _foreground(tool, refresh.queue_refresh(course_id, set_id), refresh.run_refresh)
        elif dry_run:
            report, error = _preview(tool, course_id, wanted)
        else:
            run_id = runs.queue(course_id, pull.kind_of(wanted), departures_accepted=departures)
            report, error = _foreground(tool, run_id, pull.run_pull)
    _print(report, error, as_json)


@click.command()
@click.argument("group_set_id", type=click.UUID)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def publish(group_set_id: UUID, as_json: bool) -> None:
    """Make a local group set in the LMS, with its groups and people."""
    with opened() as tool:
        report, error = _publish(tool, group_set_id)
    _print(report, error, as_json)


@click.command()
@click.argument("course_id", type=click.UUID)
@click.option("--dry-run", is_flag=True, help="Say what would be sent and send nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def push(course_id: UUID, dry_run: bool, as_json: bool) -> None:
    """Bring all group memberships of a course to the LMS: of published sets, and of its own that may be written."""
    with opened() as tool:
        courses.get_course(course_id)
        if dry_run:
            report, error = _preview_push(tool, course_id)
        else:
            report, error = _foreground(tool, runs.queue(course_id, "push_all"), push_all.run_push_all)
    _print(report, error, as_json)


def _publish(tool: Tool, group_set_id: UUID) -> tuple[Report, LmsError | None]:
    try:
        run_id = publication.queue_publication(tool, group_set_id)
    except LmsError as error:  # the LMS cannot even be asked: nothing was queued
        report = Report()
        runs.note_error(report, error)
        return report, error
    return _foreground(tool, run_id, push_service.run_push)


def _preview_push(tool: Tool, course_id: UUID) -> tuple[Report, LmsError | None]:
    try:
        return push_all.preview_push_all(tool, course_id), None
    except LmsError as error:
        report = Report()
        runs.note_error(report, error)
        return report, error


def _preview(tool: Tool, course_id: UUID, wanted: Wanted) -> tuple[Report, LmsError | None]:
    report = Report()
    try:
        with timed(report):
            pull.preview(tool, course_id, wanted, report, _show_progress)
    except LmsError as error:
        runs.note_error(report, error)
        return report, error
    report.complete = True
    return report, None


def _foreground(tool: Tool, run_id: UUID, runner: Callable[..., None]) -> tuple[Report, LmsError | None]:
    run: SyncRun | None = runs.claim(run_id)
    if run is None:
        raise Conflict("run_open")
    report = Report()
    try:
        runner(tool, run, report, also=_show_progress)
    except LmsError as error:
        return report, error
    if report.not_placed:
        people = [row["person"] for row in report.not_placed]
        return report, LmsRefused("people_not_placed", people=runs.as_text(people[:10]))
    return report, None


def _show_progress(step: Step, done: int, total: int, about: str = "") -> None:
    words = step.replace("_", " ") + (f": {about}" if about else "")
    if sys.stderr.isatty():
        bar = f" {'█' * (20 * done // total):20} {done}/{total}" if total else f" {done or ''}"
        click.echo(f"\r\033[K{words}{bar}", err=True, nl=False)
    elif done in (0, total):
        click.echo(words, err=True)


def _print(report: Report, error: LmsError | None, as_json: bool) -> None:
    if sys.stderr.isatty():
        click.echo("\r\033[K", err=True, nl=False)
    if as_json:
        click.echo(json.dumps(_facts(report), indent=2, ensure_ascii=False))
    else:
        _print_words(report.as_dict())
    if error is not None:
        click.echo(f"lti-tool: {sentence(error)}", err=True)
        sys.exit(1)


def _facts(report: Report) -> dict[str, Any]:
    """Return a report as scripts are promised it; whom the LMS did not take stands among the errors."""
    facts = report.as_dict()
    by_group = ("not_in_roster_by_group", "not_active_by_group", "pushed_groups")
    for part in (*by_group, "reassigned", "roster_conflicts", "exodus", "named"):
        del facts[part]
    del facts["memberships"]["moved"]  # among the added and the removed
    facts["errors"] += [{"code": "people_not_placed", **row} for row in facts.pop("not_placed")]
    return facts


def _print_words(facts: dict[str, Any]) -> None:
    for part in ("roster", "group_sets", "groups", "memberships"):
        counts = ", ".join(f"{count} {what}" for what, count in facts[part].items() if count)
        click.echo(f"{part.replace('_', ' '):12} {counts or 'no change'}")
    for part in ("not_in_roster", "not_active"):
        for group, count in facts[f"{part}_by_group"].items():
            click.echo(f"{group}: {count} {part.replace('_', ' ')}")
    for name in facts["reassigned"]:
        click.echo(f"assignment {name}: its group set is gone, it uses Individual Students")
    if exodus := facts["exodus"]:
        left, students = exodus["left"], exodus["students"]
        click.echo(f"most students leave: {left} of {students} (taken over with --departures {left})")
    for row in facts["roster_conflicts"]:
        click.echo(f"conflict: {row['person']} fits {', '.join(row['members'])} by {row['matched_by']}")
    for row in facts["named"]["people_refused"]:
        click.echo(f"left out: {row['person']} ({row['reason'].replace('_', ' ')})")
    for row in facts["not_placed"]:
        click.echo(f"not placed: {row['person']} in {row['group']}")
    click.echo(f"{facts['calls']} LMS calls, {facts['seconds']} s")
