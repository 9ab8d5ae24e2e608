"""The command that checks everything a launch and a sync need."""

import json
import sys
from dataclasses import asdict
from uuid import UUID

import click

from lti_tool.cli.context import opened
from lti_tool.services.doctor import Verdict, examine


@click.command()
@click.option("--registration", "registration_id", type=click.UUID, help="Only this registration.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(registration_id: UUID | None, as_json: bool) -> None:
    """Check what a launch and a sync need, one line each; exit status 1 when a check failed."""
    with opened() as tool:
        findings = list(examine(tool, registration_id))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            advice = f" → {finding.advice}" if finding.advice else ""
            click.echo(f"{finding.verdict:8} {finding.check}: {finding.detail or 'yes'}{advice}")
    if any(finding.verdict is Verdict.FAILED for finding in findings):
        sys.exit(1)
