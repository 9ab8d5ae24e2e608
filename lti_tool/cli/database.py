"""Commands for the database: bring it up to date, say where it is."""

import sys

import click
import flask_migrate

from lti_tool.cli.context import opened
from lti_tool.services.doctor import database_revision


@click.group()
def db() -> None:
    """Look after the database."""


@db.command()
def upgrade() -> None:
    """Bring the database to the newest revision (it is made if there is none)."""
    with opened():
        flask_migrate.upgrade()
        present, _ = database_revision()
    click.echo(f"the database is at revision {present}")


@db.command()
def current() -> None:
    """Print the revision that the database has."""
    with opened():
        present, _ = database_revision()
    click.echo(present or "none: run lti-tool db upgrade")


@db.command()
def check() -> None:
    """Say whether the database is up to date; exit status 1 if it is not."""
    with opened():
        present, newest = database_revision()
    if present != newest:
        click.echo(
            f"the database is at {present or 'nothing'}, the newest is {newest}: run lti-tool db upgrade", err=True
        )
        sys.exit(1)
    click.echo(f"the database is up to date ({present})")
