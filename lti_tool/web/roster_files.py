"""Takes the roster out as a file, and files of students or git user names in: chosen, previewed, confirmed."""

from uuid import UUID

from flask import Blueprint, Response, request
from werkzeug.datastructures import FileStorage

from lti_tool.domain.errors import Conflict, RuleViolation
from lti_tool.domain.permissions import Permission
from lti_tool.services import roster_file
from lti_tool.web.access import requires, viewer
from lti_tool.web.answers import changed, prefers_json
from lti_tool.web.downloads import download
from lti_tool.web.forms import UploadForm
from lti_tool.web.limits import IMPORT, limited
from lti_tool.web.pages import page, see_other

blueprint = Blueprint("roster_files", __name__, url_prefix="/courses/<uuid:course_id>/roster")
KIND = "<any(roster, git_usernames):kind>"


@blueprint.get("/export.csv")
@requires(Permission.VIEW_ROSTER)
def export_roster(course_id: UUID) -> Response:
    """Answer with everybody of the course as a CSV file."""
    return download(f"{viewer().course.title} people.csv", "text/csv", roster_file.export_roster(course_id))


@blueprint.route(f"/import/{KIND}", methods=["GET", "POST"])
@requires(Permission.EDIT_ROSTER)
@limited(IMPORT)
def upload(course_id: UUID, kind: str) -> Response:
    """Take a file and show what it would change; nothing is stored in the roster yet."""
    form = UploadForm()
    if request.method == "POST" and form.validate():
        file: FileStorage = form.file.data
        try:
            draft_id = roster_file.keep_upload(viewer(), kind, file.filename or "", file.read())
            return see_other("roster_files.confirm", kind=kind, draft_id=draft_id)
        except RuleViolation as error:
            form.refuse(form.file, error)
    return page("roster/import.html", 422 if form.errors else 200, form=form, kind=kind)


@blueprint.route(f"/import/{KIND}/<uuid:draft_id>", methods=["GET", "POST"])
@requires(Permission.EDIT_ROSTER)
def confirm(course_id: UUID, kind: str, draft_id: UUID) -> Response:
    """Show what a file would change, line by line; then store exactly that. When it is something else by now: 409."""
    conflict = None
    if request.method == "POST":
        try:
            done = roster_file.apply_import(viewer(), draft_id, kind, request.form.get("seen", ""))
            return changed(done, "roster.roster", notice="roster_imported")
        except Conflict as error:
            if prefers_json():
                raise
            conflict = error
    shown = roster_file.preview_import(viewer(), draft_id, kind)
    values = {"shown": shown, "kind": kind, "draft_id": draft_id, "conflict": conflict}
    return page("roster/preview.html", 409 if conflict else 200, **values)
