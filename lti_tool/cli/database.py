"""Commands for the database: bring it up to date, say where it is."""

import click
import flask_migrate

from lti_tool.cli.context import behind, opened
from lti_tool.services.doctor import database_revision


@click.group()
def db() -> None:
    """Look after the database."""


@db.command()
def upgrade() -> None:
    """Bring the database to the newest revision (it is made if there is none)."""
    with opened(any_revision=True):
        flask_migrate.upgrade()
        present, _ = database_revision()
    click.echo(f"the database is at revision {present}")


@db.command()
def current() -> None:
    """Print the revision that the database has."""
    with opened(any_revision=True):
        present, _ = database_revision()
    click.echo(present or "none: run lti-tool db upgrade")


@db.command()
def check() -> None:
    """Say whether the database is up to date; exit status 1 if it is not."""
    with opened(any_revision=True):
        present, newest = database_revision()
    if present != newest:
        raise click.ClickException(behind(present, newest))
    click.echo(f"the database is up to date ({present})")
