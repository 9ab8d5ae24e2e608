"""Commands that show what lately happened with a platform, also while nobody can open the admin pages."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import click

from lti_tool.cli.context import opened
from lti_tool.cli.errors import refusal_reason
from lti_tool.services import admin_activity
from lti_tool.services import refusals as kept_refusals
from lti_tool.services.registrations import get_registration

limited = click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="How many.")
as_json_too = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@click.argument("registration_id", type=click.UUID, required=False)
@click.option("--reference", help="Only the launch of this reference, which the person was shown.")
@limited
@as_json_too
def refusals(registration_id: UUID | None, reference: str | None, limit: int, as_json: bool) -> None:
    """List refused launches with the reason, newest first: of a registration, or of a reference at any."""
    with opened():
        if registration_id is not None:
            get_registration(registration_id)
        if reference:
            found = kept_refusals.find_refusals(reference, None if registration_id is None else (registration_id,))
        elif registration_id is not None:
            found = kept_refusals.list_refusals(registration_id, limit)
        else:
            raise click.UsageError("name a registration, or a --reference")
    facts = [
        {
            "at": _when(one.created_at),
            "registration_id": str(one.registration_id),
            "reference": one.reference,
            "code": one.code,
            "reason": refusal_reason(one.code),
            **one.facts,
        }
        for one in found
    ]
    _print(facts, as_json, "no refused launch is kept", _refusal_line)


def _refusal_line(fact: dict[str, Any]) -> str:
    placement = f" deployment {fact['deployment']}" if "deployment" in fact else ""
    return f"{fact['at']}  {fact['reference']}  {fact['reason']} ({fact['code']}){placement}"


@click.command()
@click.argument("registration_id", type=click.UUID)
@limited
@as_json_too
def launches(registration_id: UUID, limit: int, as_json: bool) -> None:
    """List the latest launches of a registration without who; the last one of each person and course counts."""
    with opened():
        get_registration(registration_id)
        found = admin_activity.list_launches(registration_id, limit)
    facts = [
        {
            "at": _when(one.launched_at),
            "as": one.enrollment_type,
            "administrator": one.is_administrator,
            "course": one.course_title,
        }
        for one in found
    ]
    _print(facts, as_json, "nobody has launched a course yet", _launch_line)


def _launch_line(fact: dict[str, Any]) -> str:
    role = f"{fact['as'] or 'without a role'}{', administrator' if fact['administrator'] else ''}"
    return f"{fact['at']}  {role:10}  {fact['course']}"


@click.command()
@click.argument("registration_id", type=click.UUID)
@limited
@as_json_too
def runs(registration_id: UUID, limit: int, as_json: bool) -> None:
    """List the latest syncs, publications and pushes over all courses of a registration."""
    with opened():
        get_registration(registration_id)
        found = admin_activity.list_registration_runs(registration_id, limit)
    facts = [
        {
            "at": _when(one.created_at),
            "kind": one.kind,
            "state": one.state,
            "course": one.course_title,
            "error": one.error_code,
            "seconds": one.seconds,
            "calls": one.calls,
        }
        for one in found
    ]
    _print(facts, as_json, "nothing has run yet", _run_line)


def _run_line(fact: dict[str, Any]) -> str:
    error = f"  ({fact['error']})" if fact["error"] else ""
    return f"{fact['at']}  {fact['kind']:10}  {fact['state']:9}  {fact['course']}{error}"


def _when(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _print(facts: Sequence[dict[str, Any]], as_json: bool, none: str, line: Callable[[dict[str, Any]], str]) -> None:
    if as_json:
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    for fact in facts:
        click.echo(line(fact))
    if not facts:
        click.echo(none, err=True)
