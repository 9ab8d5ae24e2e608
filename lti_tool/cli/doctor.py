"""The command that checks everything a launch and a sync need."""

import json
import sys
from uuid import UUID

import click

from lti_tool.cli.context import opened
from lti_tool.cli.errors import sentence
from lti_tool.services.doctor import examine
from lti_tool.services.findings import Finding, Verdict


@click.command()
@click.option("--registration", "registration_id", type=click.UUID, help="Only this registration.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(registration_id: UUID | None, as_json: bool) -> None:
    """Check what a launch and a sync need, one line each; exit status 1 when a check failed."""
    with opened(any_revision=True) as tool:
        findings = list(examine(tool, registration_id))
    if as_json:
        click.echo(json.dumps([_facts(finding) for finding in findings], indent=2, ensure_ascii=False))
    else:
        for finding in findings:
            facts = _facts(finding)
            advice = f" → {facts['advice']}" if facts["advice"] else ""
            click.echo(f"{facts['verdict']:8} {facts['check']}: {facts['detail'] or 'yes'}{advice}")
    if any(finding.verdict is Verdict.FAILED for finding in findings):
        sys.exit(1)


def _facts(finding: Finding) -> dict[str, str]:
    said = (sentence(finding.error) if finding.error else "", finding.detail)
    return {
        "check": f"{finding.about}: {finding.check}" if finding.about else finding.check,
        "verdict": str(finding.verdict),
        "detail": ": ".join(part for part in said if part),
        "advice": finding.advice,
    }
