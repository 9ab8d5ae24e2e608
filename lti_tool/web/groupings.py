"""The staff's page of an assignment's groupings, and everything that staff do about them."""

from uuid import UUID

import structlog
from flask import Blueprint, Response, request

from lti_tool.domain.errors import Conflict, NotFound, RuleViolation
from lti_tool.domain.permissions import Permission
from lti_tool.services import clone_groupings as clones
from lti_tool.services import grouping_batches, grouping_files, new_groupings
from lti_tool.services import staff_groupings as staff
from lti_tool.services.groupings_page import GroupingsPage, StaffGrouping, read_groupings
from lti_tool.services.namesakes import read_namesakes
from lti_tool.services.publication import push_changes
from lti_tool.web.access import requires, tool, viewer
from lti_tool.web.answers import changed_and_pushed
from lti_tool.web.assignment_guard import require_own_grouping
from lti_tool.web.downloads import download
from lti_tool.web.errors import answer_error, status_of
from lti_tool.web.grouping_forms import AddForm, CloneForm, FileForm, MoveForm, NewGroupingForm
from lti_tool.web.limits import IMPORT, limited
from lti_tool.web.live import answer_asking, mark_of
from lti_tool.web.pages import fragment, page, wants_fragment

log = structlog.get_logger(__name__)
blueprint = Blueprint("groupings", __name__, url_prefix="/courses/<uuid:course_id>/assignments/<uuid:assignment_id>")
ONE = "/groupings/<uuid:grouping_id>"


@blueprint.get("/groupings")
@requires(Permission.EDIT_ASSIGNMENTS)
def groupings(course_id: UUID, assignment_id: UUID) -> Response:
    """Show all groupings of an assignment, and who is in none.

    The page asks for what students change every few seconds, and is sent it only when something changed.
    """
    return _show(course_id, assignment_id)


def _show(course_id: UUID, assignment_id: UUID, status: int = 200, **more: object) -> Response:
    forms = {"file_form": FileForm(), "new_form": NewGroupingForm(), "clone_form": CloneForm()}
    shown = read_groupings(course_id, assignment_id, inactive="inactive" in request.args)
    live = {"shown": shown, "namesakes": read_namesakes(course_id), **forms}
    seen = _mark(shown)
    if status == 200 and (part := answer_asking("groupings/list.html", "state", seen, **live)):
        return part
    sources = [(row.id, row.name) for row in clones.list_sources(course_id, assignment_id)]
    values = {"refusal": None, "imported": None, "pushed": None, "sources": sources, "seen": seen, **live, **more}
    return page("groupings/list.html", status, **values)


def _mark(shown: GroupingsPage) -> str:
    """Return what differs when anything did that the page shows of groups and students."""
    groups = [
        (
            one.row.id,
            one.name,
            one.row.approved,
            one.validity,
            [(s.member.id, s.status, s.member.status) for s in one.seats],
        )
        for one in shown.groupings
    ]
    return mark_of(groups, [member.id for member in shown.ungrouped], shown.rules)


@blueprint.post("/groupings")
@requires(Permission.EDIT_ASSIGNMENTS)
def create_grouping(course_id: UUID, assignment_id: UUID) -> Response:
    """Make a grouping of ticked students."""
    form = NewGroupingForm()
    if form.validate():
        try:
            made = new_groupings.create_grouping(
                viewer(), assignment_id, form.name.data or "", form.member_ids.data or []
            )
            return _done(assignment_id, made, "grouping_made")
        except RuleViolation as error:
            form.refuse(form.name if error.code.startswith("name") else form.member_ids, error)
    return _show(course_id, assignment_id, 422, new_form=form)


@blueprint.post("/groupings/individual")
@requires(Permission.EDIT_ASSIGNMENTS)
def create_individual_groupings(course_id: UUID, assignment_id: UUID) -> Response:
    """Give every ungrouped student a grouping of their own."""
    return _done(assignment_id, grouping_batches.create_individual(viewer(), assignment_id), "individual_made")


@blueprint.post(f"{ONE}/members")
@requires(Permission.EDIT_ASSIGNMENTS)
def add_to_grouping(course_id: UUID, assignment_id: UUID, grouping_id: UUID) -> Response:
    """Add the ticked students to a grouping."""
    form = AddForm()
    if form.validate():
        try:
            added = staff.add_members(viewer(), grouping_id, form.member_ids.data)
            return _done(assignment_id, added, "added_to_grouping")
        except RuleViolation as error:
            form.refuse(form.member_ids, error)
    return _show(course_id, assignment_id, 422, new_form=form)


@blueprint.post(f"{ONE}/members/<uuid:member_id>/remove")
@requires(Permission.EDIT_ASSIGNMENTS)
def remove_from_grouping(course_id: UUID, assignment_id: UUID, grouping_id: UUID, member_id: UUID) -> Response:
    """Take somebody out of a grouping."""
    return _done(assignment_id, staff.remove_member(viewer(), grouping_id, member_id), "removed_from_grouping")


@blueprint.route(f"{ONE}/members/<uuid:member_id>/move", methods=["GET", "POST"])
@requires(Permission.EDIT_ASSIGNMENTS)
def move_to_grouping(course_id: UUID, assignment_id: UUID, grouping_id: UUID, member_id: UUID) -> Response:
    """Ask to which grouping of the assignment somebody shall go, then move them; the page asks in place."""
    form = MoveForm()
    if request.method == "POST" and form.validate():
        try:
            moved = staff.move_member(viewer(), grouping_id, member_id, form.target_id.data)
            return _done(assignment_id, moved, "moved_to_grouping")
        except RuleViolation as error:
            form.refuse(form.target_id, error)
    shown, one = _find(course_id, assignment_id, grouping_id)
    found = next((seat for seat in one.seats if seat.member.id == member_id), None)
    if found is None:
        raise NotFound("member_not_found")
    values = {"shown": shown, "one": one, "seat": found, "form": form}
    if wants_fragment():
        return fragment("groupings/move.html", "question", **values)
    return page("groupings/move.html", 422 if form.errors else 200, **values)


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
    shown, one = _find(course_id, assignment_id, grouping_id)
    return page("groupings/end.html", shown=shown, one=one)


def _find(course_id: UUID, assignment_id: UUID, grouping_id: UUID) -> tuple[GroupingsPage, StaffGrouping]:
    shown = read_groupings(course_id, assignment_id)
    one = next((one for one in shown.groupings if one.row.id == grouping_id), None)
    if one is None:
        raise NotFound("grouping_not_found")  # it ended meanwhile
    return shown, one


@blueprint.route("/groupings/clone", methods=["GET", "POST"])
@requires(Permission.EDIT_ASSIGNMENTS)
def clone_groupings(course_id: UUID, assignment_id: UUID) -> Response:
    """Show what cloning another assignment's groupings would make and end, then do exactly that."""
    form = CloneForm(request.values)
    if not form.validate():
        return _show(course_id, assignment_id, 422, clone_form=form)
    try:
        if request.method == "POST":
            done = clones.clone_groupings(viewer(), form.source_id.data, assignment_id, form.seen.data or "")
            return _done(assignment_id, staff.Done(done), "groupings_cloned", count=done.count)
        shown = clones.preview_clone(course_id, form.source_id.data, assignment_id)
    except RuleViolation as error:
        form.refuse(form.source_id, error)
        return _show(course_id, assignment_id, 422, clone_form=form)
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
            pushed = push_changes(tool(), viewer(), done.changes.group_sets) if done.changes.count else None
            return _show(course_id, assignment_id, 422, imported=done, pushed=pushed)
    return _show(course_id, assignment_id, 422, file_form=form)


blueprint.before_request(require_own_grouping)


@blueprint.errorhandler(RuleViolation)
@blueprint.errorhandler(Conflict)
@blueprint.errorhandler(NotFound)
def show_refusal(error: RuleViolation | Conflict | NotFound) -> Response:
    """Answer a refused act with the present state of the page and the reason in words.

    Where there is nothing to do or to see here – a sync is at work, no such assignment – the reason is all.
    """
    values = request.view_args or {}
    log.info("refused", code=error.code, endpoint=request.endpoint)
    gone_meanwhile = error.code in ("grouping_not_found", "member_not_found")
    if error.code == "clone_changed" or isinstance(error, RuleViolation) or gone_meanwhile:
        try:
            return _show(values["course_id"], values["assignment_id"], status_of(error), refusal=error)
        except NotFound:
            pass
    return answer_error(error)


def _done(assignment_id: UUID, done: staff.Done, notice: str, **counts: int) -> Response:
    """Bring a stored change to the LMS when the set is published, and lead back with a word on both."""
    said = f"{notice}_over_full" if done.over_full else notice
    to = "groupings.groupings"
    return changed_and_pushed(done.changes, to, assignment_id=assignment_id, notice=said, **counts)
