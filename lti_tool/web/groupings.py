"""The staff's page of an assignment's groupings, and everything that staff do about them."""

from uuid import UUID

from flask import Blueprint, Response, request
from wtforms import SelectField, SelectMultipleField, StringField
from wtforms.validators import DataRequired, Length

from lti_tool.domain.changes import Changes
from lti_tool.domain.errors import Conflict, RuleViolation
from lti_tool.domain.groups import NAME_LENGTH
from lti_tool.domain.permissions import Permission
from lti_tool.services import clone_groupings as clones
from lti_tool.services import grouping_batches, grouping_files, new_groupings
from lti_tool.services import staff_groupings as staff
from lti_tool.services.groupings_page import read_groupings
from lti_tool.services.publication import push_after_change
from lti_tool.services.set_page import read_namesakes
from lti_tool.web.access import requires, tool, viewer
from lti_tool.web.answers import changed
from lti_tool.web.assignment_guard import require_own_grouping
from lti_tool.web.downloads import download
from lti_tool.web.errors import answer_error
from lti_tool.web.forms import Form, UploadedFile, as_uuid
from lti_tool.web.limits import IMPORT, limited
from lti_tool.web.pages import page

blueprint = Blueprint("groupings", __name__, url_prefix="/courses/<uuid:course_id>/assignments/<uuid:assignment_id>")
ONE = "/groupings/<uuid:grouping_id>"


class NewGroupingForm(Form):
    """Students for a new grouping, and its group's name."""

    name = StringField(
        "Name of the group (optional)",
        [Length(max=NAME_LENGTH, message="name_too_long")],
        description="A group of this name is used again; left empty, the group is named after its people.",
    )
    member_ids = SelectMultipleField("Students", coerce=as_uuid, validate_choice=False)


class AddForm(Form):
    """Students for a grouping."""

    member_ids = SelectMultipleField(
        "Students", [DataRequired("people_required")], coerce=as_uuid, validate_choice=False
    )


class MoveForm(Form):
    """The grouping that somebody is moved to."""

    target_id = SelectField("Move to", [DataRequired("group_required")], coerce=as_uuid, validate_choice=False)


class CloneForm(Form):
    """The assignment whose groupings are cloned."""

    source_id = SelectField("From", [DataRequired("source_required")], coerce=as_uuid, validate_choice=False)


class FileForm(Form):
    """A file of groupings."""

    file = UploadedFile("CSV file", [DataRequired("file_required")], render_kw={"accept": ".csv,.txt,text/csv"})


@blueprint.get("/groupings")
@requires(Permission.EDIT_ASSIGNMENTS)
def groupings(course_id: UUID, assignment_id: UUID) -> Response:
    """Show all groupings of an assignment, and who is in none."""
    return _show(course_id, assignment_id)


def _show(course_id: UUID, assignment_id: UUID, status: int = 200, **more: object) -> Response:
    values = {"refusal": None, "file_form": FileForm(), "new_form": NewGroupingForm(), "imported": None, **more}
    shown = read_groupings(course_id, assignment_id, inactive="inactive" in request.args)
    sources = clones.list_sources(course_id, assignment_id)
    return page(
        "groupings/list.html", status, shown=shown, sources=sources, namesakes=read_namesakes(course_id), **values
    )


@blueprint.post("/groupings")
@requires(Permission.EDIT_ASSIGNMENTS)
def create_grouping(course_id: UUID, assignment_id: UUID) -> Response:
    """Make a grouping of ticked students."""
    form = NewGroupingForm()
    if form.validate():
        ids = form.member_ids.data or []
        return _done(
            assignment_id,
            new_groupings.create_grouping(viewer(), assignment_id, form.name.data or "", ids),
            "grouping_made",
        )
    return _show(course_id, assignment_id, 422, new_form=form)


@blueprint.post("/groupings/individual")
@requires(Permission.EDIT_ASSIGNMENTS)
def create_individual_groupings(course_id: UUID, assignment_id: UUID) -> Response:
    """Give every ungrouped student a grouping of their own."""
    return _done(assignment_id, grouping_batches.create_individual(viewer(), assignment_id), "individual_made")


@blueprint.post(f"{ONE}/members")
@requires(Permission.EDIT_ASSIGNMENTS)
def add_to_grouping(course_id: UUID, assignment_id: UUID, grouping_id: UUID) -> Response:
    """Add students to a grouping."""
    form = AddForm()
    if not form.validate():
        raise RuleViolation("people_required")
    return _done(assignment_id, staff.add_members(viewer(), grouping_id, form.member_ids.data), "added_to_grouping")


@blueprint.post(f"{ONE}/members/<uuid:member_id>/remove")
@requires(Permission.EDIT_ASSIGNMENTS)
def remove_from_grouping(course_id: UUID, assignment_id: UUID, grouping_id: UUID, member_id: UUID) -> Response:
    """Take somebody out of a grouping."""
    return _done(assignment_id, staff.remove_member(viewer(), grouping_id, member_id), "removed_from_grouping")


@blueprint.post(f"{ONE}/members/<uuid:member_id>/move")
@requires(Permission.EDIT_ASSIGNMENTS)
def move_to_grouping(course_id: UUID, assignment_id: UUID, grouping_id: UUID, member_id: UUID) -> Response:
    """Move somebody to another grouping of the assignment."""
    form = MoveForm()
    if not form.validate():
        raise RuleViolation("group_required")
    moved = staff.move_member(viewer(), grouping_id, member_id, form.target_id.data)
    return _done(assignment_id, moved, "moved_to_grouping")


@blueprint.post(f"{ONE}/approve")
@requires(Permission.EDIT_ASSIGNMENTS)
def approve_grouping(course_id: UUID, assignment_id: UUID, grouping_id: UUID) -> Response:
    """Make a grouping valid whatever its size."""
    return _done(assignment_id, staff.approve(viewer(), grouping_id, approved=True), "grouping_approved")


@blueprint.post(f"{ONE}/withdraw")
@requires(Permission.EDIT_ASSIGNMENTS)
def withdraw_approval(course_id: UUID, assignment_id: UUID, grouping_id: UUID) -> Response:
    """Let the size decide again whether a grouping is valid."""
    return _done(assignment_id, staff.approve(viewer(), grouping_id, approved=False), "approval_withdrawn")


@blueprint.route(f"{ONE}/end", methods=["GET", "POST"])
@requires(Permission.EDIT_ASSIGNMENTS)
def end_grouping(course_id: UUID, assignment_id: UUID, grouping_id: UUID) -> Response:
    """Ask, then break up a grouping."""
    if request.method == "POST":
        return _done(assignment_id, staff.break_up(viewer(), grouping_id), "grouping_broken_up")
    shown = read_groupings(course_id, assignment_id)
    one = next((one for one in shown.groupings if one.row.id == grouping_id), None)
    if one is None:
        return _show(course_id, assignment_id, 404, refusal=RuleViolation("grouping_not_found"))
    return page("groupings/end.html", shown=shown, one=one)


@blueprint.route("/groupings/clone", methods=["GET", "POST"])
@requires(Permission.EDIT_ASSIGNMENTS)
def clone_groupings(course_id: UUID, assignment_id: UUID) -> Response:
    """Show what cloning another assignment's groupings would make and end, then do exactly that."""
    source_id = request.values.get("source_id", type=UUID)
    if source_id is None:
        raise RuleViolation("source_required")
    if request.method == "POST":
        done = clones.clone_groupings(viewer(), source_id, assignment_id, request.form.get("seen", ""))
        return _done(assignment_id, staff.Done(done), "groupings_cloned", count=done.count)
    shown = clones.preview_clone(course_id, source_id, assignment_id)
    return page("groupings/clone.html", shown=shown)


@blueprint.get("/groupings.csv")
@requires(Permission.EDIT_ASSIGNMENTS)
def export_groupings(course_id: UUID, assignment_id: UUID) -> Response:
    """Answer with the groupings as a CSV file."""
    name = read_groupings(course_id, assignment_id).row.name
    return download(f"{name} groups.csv", "text/csv", grouping_files.export_groupings(course_id, assignment_id))


@blueprint.post("/groupings/import")
@requires(Permission.EDIT_ASSIGNMENTS)
@limited(IMPORT)
def import_groupings(course_id: UUID, assignment_id: UUID) -> Response:
    """Make groupings of a file's lines; those that cannot be made are named with the reason."""
    form = FileForm()
    if form.validate():
        try:
            done = grouping_files.import_groupings(viewer(), assignment_id, form.file.data.read())
        except RuleViolation as error:
            form.refuse(form.file, error)
        else:
            if not done.refused:
                return _done(assignment_id, staff.Done(done.changes), "groupings_imported", count=done.changes.count)
            return _show(course_id, assignment_id, 422, imported=done)
    return _show(course_id, assignment_id, 422, file_form=form)


blueprint.before_request(require_own_grouping)


@blueprint.errorhandler(RuleViolation)
@blueprint.errorhandler(Conflict)
def show_refusal(error: RuleViolation | Conflict) -> Response:
    """Answer a refused act with the present state of the page and the reason in words."""
    if isinstance(error, Conflict) and error.code != "clone_changed":  # a sync is at work: there is nothing to do here
        return answer_error(error)
    values = request.view_args or {}
    status = 409 if isinstance(error, Conflict) else 422
    return _show(values["course_id"], values["assignment_id"], status, refusal=error)


def _done(assignment_id: UUID, done: staff.Done, notice: str, **counts: int) -> Response:
    """Bring a stored change to the LMS when the set is published, and lead back with a word on both."""
    changes: Changes = done.changes
    pushed = [push_after_change(tool(), viewer(), set_id) for set_id in changes.group_sets]
    state = pushed[0].state if pushed and pushed[0] else None
    said = f"{notice}_over_full" if done.over_full else notice
    return changed(changes, "groupings.groupings", assignment_id=assignment_id, notice=said, pushed=state, **counts)
