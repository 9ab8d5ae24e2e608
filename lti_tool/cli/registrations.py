"""Commands for the platforms that may launch the tool, and their access tokens."""

import json
import sys
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import click

from lti_tool.cli import activity
from lti_tool.cli.context import opened
from lti_tool.domain.registration_links import DEFAULT_HOURS
from lti_tool.lti.addresses import tool_addresses
from lti_tool.models import Deployment, Registration
from lti_tool.services import deployments as placements
from lti_tool.services import oauth_clients, registration_links, registrations, revocation, tokens
from lti_tool.services.manual_registration import manual_fields
from lti_tool.services.registration_edits import change_registration
from lti_tool.services.registration_links import ListedLink
from lti_tool.services.tool import Tool

YES_OR_NO = click.Choice(("yes", "no"))


def _yes(word: str | None) -> bool | None:
    return None if word is None else word == "yes"


@click.group()
def registration() -> None:
    """Register platforms (a Canvas or Moodle site) and their deployments."""


def _address_options(command: Any) -> Any:
    for option in reversed(
        (
            click.option("--client-id", help="The client id that the platform gave; without one it is pending."),
            click.option("--auth-login-url", help="OIDC authorization address (default: the family's usual one)."),
            click.option("--auth-token-url", help="Access token address (default: the family's usual one)."),
            click.option("--key-set-url", help="The platform's JWKS (default: the family's usual one)."),
            click.option("--token-audience", help="Audience of token requests, where it is not the token address."),
            click.option("--lms-url", help="Base of the LMS's own API, as https://canvas.example.edu."),
            click.option("--other-hosts", help="More hosts of its services, as the doctor names them (all of them)."),
        )
    ):
        command = option(command)
    return command


@registration.command()
@click.option("--issuer", required=True, help="The platform's issuer, as it stands in its tokens.")
@click.option("--family", type=click.Choice(registrations.FAMILIES), default="other", show_default=True)
@click.option("--name", default="", help="What people call it (default: the issuer's host).")
@click.option("--deployment-id", "deployments", multiple=True, help="A placement that may launch; may be repeated.")
@_address_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def add(issuer: str, family: str, name: str, deployments: tuple[str, ...], as_json: bool, **fields: str | None) -> None:
    """Register a platform and print the addresses to give it."""
    with opened() as tool:
        row = registrations.add_registration(issuer, family, name=name, deployments=deployments, **fields)
        _print_registration(tool, row, as_json)


@registration.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List the registrations."""
    with opened() as tool:
        facts = [_facts(tool, row) for row in registrations.list_registrations()]
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    for fact in facts:
        click.echo(f"{fact['id']}  {fact['status']:8}  {fact['family']:7}  {fact['name']}  {fact['issuer']}")


@registration.command()
@click.argument("registration_id", type=click.UUID)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(registration_id: UUID, as_json: bool) -> None:
    """Show one registration with the addresses to give the platform."""
    with opened() as tool:
        _print_registration(tool, registrations.get_registration(registration_id), as_json)


@registration.command()
@click.argument("registration_id", type=click.UUID)
@click.option("--name")
@click.option("--issuer")
@_address_options
@click.option("--accept-deployments", type=YES_OR_NO, help="Whether placements that launches bring are let in at once.")
@click.option("--manages-all", type=YES_OR_NO, help="Whether its administrators see and change every registration.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def update(
    registration_id: UUID, as_json: bool, accept_deployments: str | None, manages_all: str | None, **fields: str | None
) -> None:
    """Change what is given, for example the client id that Canvas handed out.

    Another host of the LMS's own address makes the tool forget the tokens and keys that were stored for the old one.
    """
    with opened() as tool:
        registrations.set_rules(
            registration_id, accepts_deployments=_yes(accept_deployments), manages_all=_yes(manages_all)
        )
        given = {name: text for name, text in fields.items() if text is not None}
        if change_registration(tool, registration_id, given):
            click.echo("Tokens and keys were stored for the former host and are forgotten: store them again.", err=True)
        _print_registration(tool, registrations.get_registration(registration_id), as_json)


@registration.command()
@click.option("--expires-hours", default=DEFAULT_HOURS, show_default=True, help="How long the link may be used.")
@click.option("--issuer", help="The platform that it is for; that one may launch without a confirmation.")
@click.option("--list", "as_list", is_flag=True, help="List the links that were made instead, without their addresses.")
@click.option("--withdraw", type=click.UUID, metavar="LINK_ID", help="Let a link work no more instead.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def link(expires_hours: int, issuer: str | None, as_list: bool, withdraw: UUID | None, as_json: bool) -> None:
    """Print a one-time address by which a platform registers itself (LTI Dynamic Registration)."""
    if sum((issuer is not None, as_list, withdraw is not None)) > 1:
        raise click.UsageError("--list, --withdraw and --issuer do not go together")
    with opened() as tool:
        if withdraw is not None:
            registration_links.withdraw_registration_link(withdraw)
        if as_list or withdraw is not None:
            _print_links(registration_links.list_registration_links(), as_json, withdraw)
            return
        made = registration_links.create_registration_link(tool.settings, expires_hours, issuer)
    until = made.expires_at.isoformat(timespec="seconds")
    if as_json:
        facts = {"id": str(made.id), "url": made.url, "issuer": made.issuer, "expires_at": until}
        click.echo(json.dumps(facts, indent=2))
        return
    click.echo(made.url)
    # On standard error, so that the address alone can be piped on.
    click.echo(f"Paste it into the LMS before {until}; it works once. It is shown here only.", err=True)


def _print_links(links: Sequence[ListedLink], as_json: bool, only: UUID | None) -> None:
    facts = [
        {
            "id": str(one.id),
            "status": str(one.status),
            "issuer": one.issuer,
            "expires_at": one.expires_at.isoformat(timespec="seconds"),
            "registration_id": str(one.registration_id) if one.registration_id else None,
        }
        for one in links
        if only in (None, one.id)
    ]
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    for fact in facts:
        what = fact["registration_id"] or f"until {fact['expires_at']}"
        click.echo(f"{fact['id']}  {fact['status']:9}  {fact['issuer'] or 'any platform'}  {what}")


@registration.command()
@click.argument("registration_id", type=click.UUID)
def confirm(registration_id: UUID) -> None:
    """Let a platform launch that registered itself by a link that did not name it."""
    with opened():
        row = registration_links.confirm_registration(registration_id)
    click.echo(f"confirmed {row.name} ({row.issuer})")


@registration.command()
@click.argument("registration_id", type=click.UUID)
@click.confirmation_option(prompt="This removes the registration with all its courses and groups. Go on?")
def remove(registration_id: UUID) -> None:
    """Remove a registration with all its courses."""
    with opened() as tool:
        revocation.remove_registration(tool, registration_id)
    click.echo(f"removed {registration_id}")


@registration.group()
def deployment() -> None:
    """Allow placements of a registration."""


@deployment.command("add")
@click.argument("registration_id", type=click.UUID)
@click.argument("deployment_id")
def add_deployment(registration_id: UUID, deployment_id: str) -> None:
    """Allow a placement to launch."""
    with opened():
        registrations.add_deployment(registration_id, deployment_id)
    click.echo(f"allowed {deployment_id}")


@deployment.command("refuse")
@click.argument("registration_id", type=click.UUID)
@click.argument("deployment_id")
def refuse_deployment(registration_id: UUID, deployment_id: str) -> None:
    """Let a placement launch no more; it stays known, so that no launch brings it as a new one."""
    with opened():
        placements.refuse_deployment(registration_id, deployment_id)
    click.echo(f"refused {deployment_id}")


@deployment.command("list")
@click.argument("registration_id", type=click.UUID)
def list_deployments(registration_id: UUID) -> None:
    """List the placements: active ones, refused ones, and waiting ones that a launch brought."""
    with opened():
        for row in registrations.get_registration(registration_id).deployments:
            click.echo(f"{row.lms_deployment_id}  {_state_of(row)}")


for command in (activity.refusals, activity.launches, activity.runs):
    registration.add_command(command)


@click.group()
def token() -> None:
    """Set or remove the access token of an LMS's own API."""


@token.command("set")
@click.argument("registration_id", type=click.UUID)
def set_token(registration_id: UUID) -> None:
    """Store the service token of a registration; it is read from standard input and stored encrypted."""
    with opened() as tool:
        registrations.get_registration(registration_id)
        value = click.prompt("Token", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
        tokens.set_service_token(tool.settings, registration_id, value)
    click.echo("stored")


@token.command("remove")
@click.argument("registration_id", type=click.UUID)
def remove_token(registration_id: UUID) -> None:
    """Forget the service token of a registration; its LMS knows it until it is deleted there."""
    with opened():
        registrations.get_registration(registration_id)
        tokens.remove_service_token(registration_id)
    click.echo("removed; delete it in the LMS too")


def _state_of(row: Deployment) -> str:
    return "active" if row.active else "refused" if row.refused_at else "waiting"


def _facts(tool: Tool, row: Registration) -> dict[str, Any]:
    addresses = tool_addresses(tool.settings, row.id)
    return {
        "id": str(row.id),
        "name": row.name,
        "family": row.family,
        "issuer": row.issuer,
        "client_id": row.client_id,
        "status": _status(row),
        "login_url": addresses.login,
        "launch_url": addresses.launch,
        "jwks_url": addresses.jwks,
        "config_url": addresses.config,
        "lms_url": row.lms_url,
        "other_hosts": (row.other_hosts or "").split(),
        "auth_login_url": row.auth_login_url,
        "auth_token_url": row.auth_token_url,
        "key_set_url": row.key_set_url,
        "accepts_deployments": row.accepts_deployments,
        "manages_all": row.manages_all,
        "deployments": [d.lms_deployment_id for d in row.deployments if d.active],
        **(_developer_key(tool, row) if row.family == "canvas" else {}),
    }


def _status(row: Registration) -> str:
    if not row.confirmed:
        return "unconfirmed"
    return "active" if row.is_active else "pending"


def _developer_key(tool: Tool, row: Registration) -> dict[str, Any]:
    """Return what Canvas's form of an API developer key asks for, and the id of the one that is stored."""
    return {
        "oauth_client_id": oauth_clients.find_client_id(row.id),
        "oauth_redirect_uri": oauth_clients.redirect_uri(tool.settings),
        "oauth_scopes": list(oauth_clients.SCOPES),
    }


def _print_registration(tool: Tool, row: Registration, as_json: bool) -> None:
    """Print what is known of a registration, and for people what the LMS's own form asks for."""
    facts = _facts(tool, row)
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    for key, value in facts.items():
        click.echo(f"{key.replace('_', ' '):18} {_text(key, value) or '—'}")
    click.echo("\nWhere the LMS's own form is filled in by hand:")
    for field in manual_fields(tool.settings, row):
        click.echo(f"  {field.label}: {field.value}")


def _text(key: str, value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ("\n" + " " * 19 if key == "oauth_scopes" else ", ").join(value)
    return value
