"""Pages: each view parses, is authorised, makes one service call and renders."""

from flask import Flask

from lti_tool.web import access, errors, pages


def register(app: Flask) -> None:
    """Attach the guards, the error pages and every blueprint to the app."""
    from lti_tool.web import group_sets, groups, health, home, lti, publication, references, roster, runs

    access.register(app)
    errors.register(app)
    pages.register(app)
    for module in (health, lti, home, roster, group_sets, groups, references, publication, runs):
        app.register_blueprint(module.blueprint)
