"""Opens the application for a command: settings from the environment, logs kept to warnings."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import cast

import click
from flask import Flask

from lti_tool import settings as settings_module
from lti_tool.app import create_app
from lti_tool.models import db
from lti_tool.services.doctor import database_revision
from lti_tool.services.tool import Tool


@contextmanager
def opened(*, any_revision: bool = False) -> Iterator[Tool]:
    """Give the tool's collaborators inside the application's context.

    Raise SettingsError naming what is missing, ClickException when the database is behind the program (unless the
    command works at `any_revision`).
    """
    settings = settings_module.load()
    # A command's own words go to the terminal; the log of its inner steps would drown them.
    level = "WARNING" if settings.log_level == "INFO" else settings.log_level
    app = create_app(replace(settings, log_level=level))
    with app.app_context():
        try:
            if not any_revision:
                require_current_database(app)
            yield cast("Tool", app.extensions["lti_tool"])
        finally:
            db.session.remove()
            db.engine.dispose()


def require_current_database(app: Flask) -> None:
    """Stop with one line when the database is behind the program; no connection is left open."""
    with app.app_context():
        present, newest = database_revision()
        # A server forks after this, and a connection must not be shared between processes.
        db.engine.dispose()
    if present != newest:
        raise click.ClickException(behind(present, newest))


def behind(present: str | None, newest: str | None) -> str:
    """Say that the database is not at the newest revision, and what to do."""
    return f"the database is at {present or 'nothing'}, not {newest}: run lti-tool db upgrade"
