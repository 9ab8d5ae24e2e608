"""Lists assignments, shows one with its groups and its coverage, and makes, changes and deletes them."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request

from lti_tool.domain.errors import Conflict, RuleViolation
from lti_tool.domain.groups import Connection
from lti_tool.domain.permissions import Permission
from lti_tool.domain.selection import SelectableGroup
from lti_tool.domain.system_sets import INDIVIDUALS
from lti_tool.services import assignment_pages as pages
from lti_tool.services import assignments as service
from lti_tool.services.group_sets import list_sets
from lti_tool.services.links import has_connected
from lti_tool.services.namesakes import read_namesakes
from lti_tool.web.access import requires, viewer
from lti_tool.web.answers import changed, prefers_json
from lti_tool.web.assignment_forms import AssignmentForm
from lti_tool.web.errors import answer_error
from lti_tool.web.pages import can, page

blueprint = Blueprint("assignments", __name__, url_prefix="/courses/<uuid:course_id>/assignments")
LISTED = 400  # groups that a form lists; a set with more is searched by name


@dataclass(frozen=True)
class Stored:
    """The assignment that a form changes: what its address, its title and its question need."""

    id: UUID
    name: str
    group_set_id: UUID
    exclusions: int


@dataclass(frozen=True)
class Offer:
    """The groups that a form offers to leave out, and how many there are in all."""

    groups: list[SelectableGroup]
    total: int

    @property
    def is_searched(self) -> bool:
        """Say whether there are too many to list them all."""
        return self.total > LISTED


@blueprint.get("")
@requires(Permission.VIEW_ASSIGNMENTS)
def assignments(course_id: UUID) -> Response:
    """List the assignments of the course, each with its set and its coverage in short."""
    links = can(Permission.EDIT_ASSIGNMENTS) and has_connected(course_id)
    return page("assignments/list.html", assignments=pages.list_assignments(course_id), links=links)


@blueprint.get("/<uuid:assignment_id>")
@requires(Permission.VIEW_ASSIGNMENTS)
def assignment(course_id: UUID, assignment_id: UUID) -> Response:
    """Show an assignment: its groups, who is in none or several of them, and what is left out."""
    return _show(course_id, assignment_id)


def _show(course_id: UUID, assignment_id: UUID, conflict: Conflict | None = None) -> Response:
    shown = pages.read_assignment(course_id, assignment_id)
    namesakes = read_namesakes(course_id)
    return page("assignments/show.html", 409 if conflict else 200, shown=shown, namesakes=namesakes, conflict=conflict)


@blueprint.errorhandler(Conflict)
def show_conflict(error: Conflict) -> Response:
    """Answer 409 with the present state of the assignment that somebody else changed, and the words of the conflict."""
    values = request.view_args or {}
    if "assignment_id" not in values or prefers_json():
        return answer_error(error)
    return _show(values["course_id"], values["assignment_id"], error)


@blueprint.route("/new", methods=["GET", "POST"])
@requires(Permission.EDIT_ASSIGNMENTS)
def create_assignment(course_id: UUID) -> Response:
    """Make an assignment."""
    form = AssignmentForm(group_set_id=request.args.get("set", type=UUID))
    if request.method == "POST" and form.validate():
        try:
            made = service.create_assignment(viewer(), form.draft)
            return changed(made, "assignments.assignment", assignment_id=made.assignment, notice="assignment_created")
        except RuleViolation as error:
            form.refuse(form.name, error)
    return form_page(course_id, form)


@blueprint.route("/<uuid:assignment_id>/edit", methods=["GET", "POST"])
@requires(Permission.EDIT_ASSIGNMENTS)
def edit_assignment(course_id: UUID, assignment_id: UUID) -> Response:
    """Change an assignment; another set ends its exclusions, which is asked first."""
    row = service.get_assignment(course_id, assignment_id)
    form = AssignmentForm(
        name=row.name,
        description=row.description,
        group_set_id=row.group_set_id,
        kind="all" if row.pattern is None else "pattern",
        pattern=row.pattern,
        excluded=service.read_exclusions(assignment_id),
        formed_by=row.formed_by,
        min_size=row.min_size,
        max_size=row.max_size,
        last_invitation_at=row.last_invitation_at,
        last_answer_at=row.last_answer_at,
        same_section=row.same_section,
        names_chosen=row.names_chosen,
        revision=row.revision,
    )
    if request.method == "POST" and form.validate():
        try:
            done = service.edit_assignment(
                viewer(), assignment_id, form.seen_revision, form.draft, confirmed=request.form.get("confirmed") == "1"
            )
            return changed(done, "assignments.assignment", assignment_id=assignment_id, notice="assignment_saved")
        except RuleViolation as error:
            if error.code == "exclusions_end":
                return page("assignments/confirm.html", 422, form=form, count=error.facts["count"], id=assignment_id)
            form.refuse(form.name, error)
    return form_page(course_id, form, assignment_id)


@blueprint.route("/<uuid:assignment_id>/delete", methods=["GET", "POST"])
@requires(Permission.EDIT_ASSIGNMENTS)
def delete_assignment(course_id: UUID, assignment_id: UUID) -> Response:
    """Ask, then delete an assignment; its group set stays."""
    if request.method == "GET":
        row = service.get_assignment(course_id, assignment_id)
        return page("assignments/delete.html", row=row, at_work=service.count_groupings(assignment_id))
    gone = service.delete_assignment(viewer(), assignment_id)
    return changed(gone, "assignments.assignments", notice="assignment_deleted")


def form_page(course_id: UUID, form: AssignmentForm, assignment_id: UUID | None = None) -> Response:
    """Render the form with what its selection comes to."""
    return page("assignments/edit.html", 422 if form.errors else 200, **form_values(course_id, form, assignment_id))


def form_values(course_id: UUID, form: AssignmentForm, assignment_id: UUID | None) -> dict[str, Any]:
    """Return what the form's page shows, for it and for the part of it that follows the fields."""
    stored = None
    if assignment_id is not None:
        row = service.get_assignment(course_id, assignment_id)
        stored = Stored(row.id, row.name, row.group_set_id, exclusions=len(service.read_ending(row)))
    choices = _set_choices(course_id)
    set_id = form.group_set_id.data or choices[0][0]
    shown = pages.preview_selection(course_id, set_id, form.selection) if set_id else None
    return {
        "form": form,
        "stored": stored,
        "choices": choices,
        "set_id": set_id,
        "shown": shown,
        "offer": _offer(shown, form) if shown else None,
        "ending": stored.exclusions if stored and set_id != stored.group_set_id else 0,
    }


def _set_choices(course_id: UUID) -> list[tuple[UUID | None, str]]:
    """Return the sets to choose from, Individual Students first (made on saving when it is not there yet)."""
    rows = [summary.row for summary in list_sets(course_id)]
    first = [row for row in rows if row.connection == Connection.SYSTEM and row.name == INDIVIDUALS]
    choices: list[tuple[UUID | None, str]] = [(row.id, row.name) for row in first] or [(None, INDIVIDUALS)]
    return [*choices, *((row.id, row.name) for row in rows if row not in first)]


def _offer(shown: pages.SelectionPage, form: AssignmentForm) -> Offer:
    """Offer the groups that the mode selects and those left out already; of very many only what is sought."""
    excluded, matched = form.selection.excluded, frozenset(shown.preview.matched_ids)
    groups = [group for group in shown.groups if group.id in matched or group.id in excluded]
    if len(groups) <= LISTED:
        return Offer(groups, len(groups))
    words = (form.find.data or "").strip().casefold()
    sought = [group for group in groups if group.id not in excluded and words and words in group.name.casefold()]
    return Offer([*(group for group in groups if group.id in excluded), *sought[:LISTED]], len(groups))
