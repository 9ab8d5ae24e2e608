"""Answers while somebody chooses groups by a pattern: what a selection comes to, and which names a pattern fits."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, get_template_attribute, jsonify, request

from lti_tool.domain.errors import NotFound, RuleViolation
from lti_tool.domain.globs import matching
from lti_tool.domain.groups import Connection
from lti_tool.domain.permissions import Permission
from lti_tool.domain.selection import Preview, Selection
from lti_tool.services import assignment_pages as pages
from lti_tool.services.set_page import CARDS
from lti_tool.web.access import requires, viewer
from lti_tool.web.answers import prefers_json
from lti_tool.web.assignment_forms import AssignmentForm
from lti_tool.web.assignments import form_values
from lti_tool.web.pages import can, fragment, page, wants_fragment

blueprint = Blueprint("selection", __name__, url_prefix="/courses/<uuid:course_id>")


@blueprint.post("/assignments/preview")
@requires(Permission.EDIT_ASSIGNMENTS)
def preview_group_selection(course_id: UUID) -> Response:
    """Say what the selection in the form comes to; nothing is stored.

    As JSON, as the part of the form's page that follows its fields, or as that page.
    """
    form = AssignmentForm()
    values = form_values(course_id, form, request.form.get("assignment_id", type=UUID))
    if prefers_json():
        return jsonify(_plain(values["shown"].preview if values["shown"] else Preview()))
    if wants_fragment():
        return fragment("assignments/edit.html", "selection", 200, **values)
    return page("assignments/edit.html", 200, **values)


@blueprint.post("/filter-by-pattern")
@requires(Permission.VIEW_GROUP_SETS)
def filter_by_pattern(course_id: UUID) -> Response:
    """Say which groups of a set, or which of the names that were sent, a pattern fits.

    The set's groups as a part of its page, as a page or as JSON; names as JSON.
    """
    pattern = request.form.get("pattern", "")
    set_id = request.form.get("set_id", type=UUID)
    if set_id is None:
        return jsonify(_filtered_names(pattern, request.form.getlist("names")))
    found = pages.preview_selection(course_id, set_id, Selection(pattern))
    if found.group_set.connection == Connection.SYSTEM and not can(Permission.VIEW_ROSTER):
        raise NotFound("group_set_not_found")
    ids = frozenset(found.preview.group_ids)
    chosen = [group for group in found.groups if group.id in ids]
    if prefers_json():
        return jsonify(_plain(found.preview) | {"names": [group.name for group in chosen]})
    blocks = {group.id: number // CARDS + 1 for number, group in enumerate(found.groups)}
    values = {"found": found, "chosen": chosen, "pattern": pattern, "blocks": blocks}
    if wants_fragment():
        return fragment("group_sets/filter.html", "found", 200, **values)
    return page("group_sets/filter.html", 200, **values)


def _filtered_names(pattern: str, names: list[str]) -> dict[str, Any]:
    try:
        found = matching(pattern, names)
    except RuleViolation as error:
        return {**_error(error), "names": [], "total": len(names), "matched": 0}
    return {**_error(None), "names": found, "total": len(names), "matched": len(found)}


def _plain(preview: Preview) -> dict[str, Any]:
    """Return a preview for programs; `matched` counts groups before exclusions."""
    return {
        **_error(preview.error),
        "group_ids": list(preview.group_ids),
        "total": preview.total,
        "matched": len(preview.matched_ids),
        "member_counts": {str(group_id): count for group_id, count in preview.member_counts.items()},
        "empty_group_ids": list(preview.empty_group_ids),
    }


def _error(error: RuleViolation | None) -> dict[str, Any]:
    """Return whether a pattern is good, and if not the sentence that says why."""
    if error is None:
        return {"valid": True, "error": None}
    sentence = get_template_attribute("messages.html", "error_text")
    return {"valid": False, "error": str(sentence(error.code, error.facts, viewer().course.lms_name))}
