"""Commands for the signing keys."""

import click

from lti_tool import settings
from lti_tool.lti.keys import list_keys, new_key, retire_key


@click.group()
def keys() -> None:
    """Look after the keys that the tool signs with; every key in the folder is published, the newest signs."""


@keys.command("new")
def new() -> None:
    """Make a signing key (RSA). Platforms learn it from the tool's key set; retire the old one a day later."""
    click.echo(new_key(settings.load().keys_dir))


@keys.command("list")
def list_() -> None:
    """List the keys, the signing one first."""
    for key in list_keys(settings.load().keys_dir):
        click.echo(f"{key.kid}  {key.created_at:%Y-%m-%d %H:%M} UTC")


@keys.command()
@click.argument("kid")
def retire(kid: str) -> None:
    """Remove an old key; the newest one cannot be retired."""
    retire_key(settings.load().keys_dir, kid)
    click.echo(f"retired {kid}")
