"""Pages: each view parses, is authorised, makes one service call and renders."""

from flask import Flask

from lti_tool.settings import Settings
from lti_tool.web import access, errors, limits, pages, set_place


def register(app: Flask, settings: Settings) -> None:
    """Attach the guards, the error pages and every blueprint to the app."""
    from lti_tool.web import (
        assignments,
        changes,
        connection,
        doors,
        drift,
        formation,
        group_draws,
        group_sets,
        groupings,
        groups,
        health,
        history,
        home,
        imports,
        links,
        lms_oauth,
        lti,
        matrix,
        members,
        notices,
        own_groups,
        placing,
        presets,
        publication,
        references,
        registering,
        roster,
        roster_files,
        runs,
        selection,
        sign_in,
        space,
        undo,
    )

    access.register(app)
    health.register(app)
    errors.register(app)
    pages.register(app)
    set_place.register(app)
    of_people = (roster, members, roster_files)
    of_sets = (group_sets, groups, group_draws, references, imports, presets, publication, drift, matrix, undo)
    of_assignments = (assignments, selection, formation, groupings, placing, links)
    of_students = (own_groups, doors, space, notices, history)
    of_the_lms = (runs, changes, connection, lms_oauth)
    of_entering = (health, lti, sign_in, registering, home)
    for module in (*of_entering, *of_people, *of_sets, *of_assignments, *of_the_lms, *of_students):
        app.register_blueprint(module.blueprint)
    _register_admin_pages(app)
    limits.register(app, settings)


def _register_admin_pages(app: Flask) -> None:
    from lti_tool.web import admin, admin_access, admin_activity

    for module in (admin, admin_access, admin_activity):
        app.register_blueprint(module.blueprint)
