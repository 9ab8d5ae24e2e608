"""Opens the application for a command: settings from the environment, logs kept to warnings."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import cast

from lti_tool import settings as settings_module
from lti_tool.app import create_app
from lti_tool.services.tool import Tool


@contextmanager
def opened() -> Iterator[Tool]:
    """Give the tool's collaborators inside the application's context; raise SettingsError naming what is missing."""
    settings = settings_module.load()
    # A command's own words go to the terminal; the log of its inner steps would drown them.
    level = "WARNING" if settings.log_level == "INFO" else settings.log_level
    app = create_app(replace(settings, log_level=level))
    with app.app_context():
        yield cast("Tool", app.extensions["lti_tool"])
