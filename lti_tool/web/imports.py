"""Group sets from files and as files: upload, preview, confirmation, and the downloads."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request
from werkzeug.datastructures import FileStorage

from lti_tool.domain.errors import Conflict, RuleViolation
from lti_tool.domain.permissions import Permission
from lti_tool.services import set_export, set_import
from lti_tool.services.set_export import Export
from lti_tool.web.access import requires, viewer
from lti_tool.web.answers import changed, prefers_json
from lti_tool.web.downloads import download
from lti_tool.web.errors import status_of
from lti_tool.web.forms import ImportForm, ReimportForm, UploadForm
from lti_tool.web.group_sets import after_change
from lti_tool.web.limits import IMPORT, limited
from lti_tool.web.pages import page, see_other

blueprint = Blueprint("imports", __name__, url_prefix="/courses/<uuid:course_id>/group-sets")
CSV = "text/csv"
EXAMPLE = (
    ("Team 1", "Ada Lovelace", "ada@example.edu"),
    ("Team 1", "Alan Turing", "alan@example.edu"),
    ("Team 2", "Grace Hopper", "grace@example.edu"),
    ("Team 3", "", ""),
)


@blueprint.route("/import", methods=["GET", "POST"])
@requires(Permission.EDIT_GROUPS)
@limited(IMPORT)
def import_group_set(course_id: UUID) -> Response:
    """Take a file whose groups shall become a new set."""
    return _upload(course_id, None)


@blueprint.route("/<uuid:set_id>/import", methods=["GET", "POST"])
@requires(Permission.EDIT_GROUPS)
@limited(IMPORT)
def reimport_group_set(course_id: UUID, set_id: UUID) -> Response:
    """Take a file whose groups shall replace those of an imported set."""
    return _upload(course_id, set_id)


def _upload(course_id: UUID, set_id: UUID | None) -> Response:
    form = UploadForm()
    problems: Any = ()
    if request.method == "POST" and form.validate():
        file: FileStorage = form.file.data
        try:
            draft = set_import.keep_upload(viewer(), file.filename or "", file.read(), set_id)
            if set_id:
                return see_other("imports.confirm_reimport", set_id=set_id, draft_id=draft)
            return see_other("imports.confirm_import", draft_id=draft)
        except RuleViolation as error:
            form.refuse(form.file, error)
            problems = getattr(error, "problems", ())
    row = set_import.get_imported_set(course_id, set_id) if set_id else None
    status = 422 if form.errors else 200
    return page("imports/upload.html", status, form=form, row=row, problems=problems, example=EXAMPLE)


@blueprint.route("/import/<uuid:draft_id>", methods=["GET", "POST"])
@requires(Permission.EDIT_GROUPS)
def confirm_import(course_id: UUID, draft_id: UUID) -> Response:
    """Show the set that a file would make, then make it; shown anew when it would be another by now."""
    form, refused = ImportForm(), None
    if request.method == "POST" and form.validate():
        try:
            made = set_import.import_set(viewer(), draft_id, form.name.data, form.seen.data or "")
            address = {"set_id": made.group_set, "notice": "set_imported", "count": made.count}
            return changed(made, "group_sets.group_set", **address)
        except RuleViolation as error:
            form.refuse(form.name, error)
        except Conflict as error:
            if prefers_json():
                raise
            refused = error
    preview = set_import.preview_import(viewer(), draft_id)
    if request.method == "GET":
        form.name.data = preview.set_name
    status = 409 if refused else 422 if form.errors else 200
    return page("imports/preview.html", status, preview=preview, form=form, refused=refused)


@blueprint.route("/<uuid:set_id>/import/<uuid:draft_id>", methods=["GET", "POST"])
@requires(Permission.EDIT_GROUPS)
def confirm_reimport(course_id: UUID, set_id: UUID, draft_id: UUID) -> Response:
    """Show how a file would change an imported set, then do it; shown anew when the set changed meanwhile."""
    form = ReimportForm()
    refused: Conflict | RuleViolation | None = None
    if request.method == "POST":
        revision = form.revision.data if form.validate() else -1  # of no set: what was shown is not known
        try:
            changes = set_import.reimport_set(viewer(), draft_id, set_id, revision, form.seen.data or "")
            return after_change(set_id, changes, "set_reimported", count=changes.count)
        except (Conflict, RuleViolation) as error:
            if prefers_json():
                raise
            refused = error
    preview = set_import.preview_import(viewer(), draft_id, set_id)
    status = status_of(refused) if refused else 200
    return page("imports/preview.html", status, preview=preview, form=None, refused=refused)


@blueprint.get("/import/groups.csv")
@requires(Permission.EDIT_GROUPS)
def download_template(course_id: UUID) -> Response:
    """Hand out a file of the course's students whose groups are to be filled in."""
    return _file(set_export.export_template(course_id))


@blueprint.get("/<uuid:set_id>/export.csv")
@requires(Permission.VIEW_ROSTER)
def export_group_set(course_id: UUID, set_id: UUID) -> Response:
    """Hand out a set as a file that can be imported again."""
    return _file(set_export.export_set(course_id, set_id))


def _file(export: Export) -> Response:
    return download(export.filename, CSV, export.body)
