"""Pages: each view parses, is authorised, makes one service call and renders."""

from flask import Flask

from lti_tool.web import access, errors, pages, set_place


def register(app: Flask) -> None:
    """Attach the guards, the error pages and every blueprint to the app."""
    from lti_tool.web import (
        assignments,
        group_sets,
        groups,
        health,
        home,
        imports,
        lti,
        matrix,
        presets,
        publication,
        roster,
        runs,
        selection,
    )

    access.register(app)
    errors.register(app)
    pages.register(app)
    set_place.register(app)
    pages_of_a_course = (
        roster,
        group_sets,
        groups,
        imports,
        publication,
        matrix,
        presets,
        assignments,
        selection,
        runs,
    )
    for module in (health, lti, home, *pages_of_a_course):
        app.register_blueprint(module.blueprint)
