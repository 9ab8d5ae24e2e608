"""The command for the secrets in the database: encrypting them anew when the key has been changed."""

import click

from lti_tool.cli.context import opened
from lti_tool.services.rotation import rotate_secrets

KINDS = {"service_token": "service tokens", "oauth_client": "developer keys", "lms_grant": "lent accesses (two each)"}


@click.group("secrets")
def secrets() -> None:
    """Look after the secrets that are kept encrypted."""


@secrets.command("rotate")
def rotate() -> None:
    """Encrypt all secrets with LTI_TOOL_SECRET_KEY that LTI_TOOL_OLD_SECRET_KEY still reads; all of them or none."""
    with opened() as tool:
        done = rotate_secrets(tool.settings)
    for kind, words in KINDS.items():
        click.echo(f"{done.rotated.get(kind, 0)} {words} encrypted anew")
    click.echo(f"{done.already} were encrypted with the present key already")
    if done.unreadable:
        raise click.ClickException(f"{done.unreadable} can be read with neither key: store them again")
