"""Answers with files of a group set for other tools; says first what a file would lack."""

from uuid import UUID

from flask import Blueprint, Response, abort, request

from lti_tool.domain.permissions import Permission
from lti_tool.services.presets import PRESETS, build_preset, presets_for
from lti_tool.web.access import requires, viewer
from lti_tool.web.downloads import download
from lti_tool.web.pages import page

blueprint = Blueprint("presets", __name__, url_prefix="/courses/<uuid:course_id>/group-sets/<uuid:set_id>")


@blueprint.get(f"/export/<any({','.join(PRESETS)}):key>")
@requires(Permission.VIEW_ROSTER)
def export_preset(course_id: UUID, set_id: UUID, key: str) -> Response:
    """Answer with the file; when it would lack people or groups, name them and ask first."""
    if key not in presets_for(viewer().course.family):
        abort(404)
    name, file = build_preset(course_id, set_id, key)
    if file.left_out and not request.args.get("partly"):
        return page("group_sets/preset.html", key=key, set_id=set_id, name=name, left_out=file.left_out)
    preset = PRESETS[key]
    return download(f"{name} - {preset.filename}", preset.mimetype, file.body)
