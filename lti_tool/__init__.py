"""LTI Groups: rosters, group sets and groups in step with the LMS."""

from typing import TYPE_CHECKING

from lti_tool.version import __version__ as __version__

if TYPE_CHECKING:
    from flask import Flask

    from lti_tool.settings import Settings


def create_app(settings: "Settings") -> "Flask":
    """Build the web application for these settings (the parts are imported when they are first needed)."""
    from lti_tool.app import create_app as build

    return build(settings)
