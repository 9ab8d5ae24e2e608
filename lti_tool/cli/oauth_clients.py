"""Commands for the API developer keys with which instructors lend the tool their own access."""

import sys
from uuid import UUID

import click

from lti_tool.cli.context import opened
from lti_tool.services import oauth_clients, registrations, revocation


@click.group("oauth-client")
def oauth_client() -> None:
    """Set or remove the API developer key of a Canvas, so that each instructor can connect."""


@oauth_client.command("set")
@click.argument("registration_id", type=click.UUID)
@click.option("--client-id", required=True, help="The number in the key's Details column.")
def set_client(registration_id: UUID, client_id: str) -> None:
    """Store the key's id and its secret, which is read from standard input and stored encrypted."""
    with opened() as tool:
        registrations.get_registration(registration_id)
        secret = click.prompt("Secret", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
        oauth_clients.set_oauth_client(tool.settings, registration_id, client_id, secret)
        address = oauth_clients.redirect_uri(tool.settings)
    click.echo(f"stored; the key's redirect URI is {address}")


@oauth_client.command("remove")
@click.argument("registration_id", type=click.UUID)
@click.confirmation_option(prompt="This takes back what everybody lent by the key. Go on?")
def remove_client(registration_id: UUID) -> None:
    """Forget the key, and take back what people lent by it."""
    with opened() as tool:
        registrations.get_registration(registration_id)
        revocation.remove_oauth_client(tool, registration_id)
    click.echo("removed; delete the key in Canvas too")
