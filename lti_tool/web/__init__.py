"""Pages: each view parses, is authorised, makes one service call and renders."""

from flask import Flask

from lti_tool.web import access, errors, pages, set_place


def register(app: Flask) -> None:
    """Attach the guards, the error pages and every blueprint to the app."""
    from lti_tool.web import (
        assignments,
        doors,
        formation,
        group_sets,
        groupings,
        groups,
        health,
        home,
        imports,
        lti,
        matrix,
        members,
        own_groups,
        presets,
        publication,
        references,
        roster,
        roster_files,
        runs,
        selection,
        space,
    )

    access.register(app)
    errors.register(app)
    pages.register(app)
    set_place.register(app)
    of_people = (roster, members, roster_files)
    of_sets = (group_sets, groups, references, imports, presets, publication, matrix)
    for module in (
        health,
        lti,
        home,
        *of_people,
        *of_sets,
        assignments,
        selection,
        formation,
        groupings,
        own_groups,
        doors,
        space,
        runs,
    ):
        app.register_blueprint(module.blueprint)
