"""Puts existing groups into a local set, and takes groups out of it."""

from uuid import UUID

from flask import Blueprint, Response, request

from lti_tool.domain.errors import Conflict, RuleViolation
from lti_tool.domain.permissions import Permission
from lti_tool.services import group_sets, references
from lti_tool.web.access import requires, viewer
from lti_tool.web.forms import ReferencesForm
from lti_tool.web.group_sets import after_change, asked_anew, show_conflict
from lti_tool.web.pages import page

blueprint = Blueprint("references", __name__, url_prefix="/courses/<uuid:course_id>/group-sets/<uuid:set_id>")
blueprint.register_error_handler(Conflict, show_conflict)


@blueprint.route("/references", methods=["GET", "POST"])
@requires(Permission.EDIT_GROUPS)
def add_references(course_id: UUID, set_id: UUID) -> Response:
    """Show the groups of the course that the set does not hold, and put the chosen ones into it."""
    form = ReferencesForm()
    if request.method == "POST" and form.validate():
        try:
            added = references.add_references(viewer(), set_id, form.group_ids.data)
            return after_change(set_id, added, "groups_added", count=added.count)
        except RuleViolation as error:
            form.refuse(form.group_ids, error)
    sources = references.list_sources(course_id, set_id)
    row = group_sets.get_set(course_id, set_id)
    return page("groups/references.html", 422 if form.errors else 200, row=row, sources=sources, form=form)


@blueprint.route("/groups/<uuid:group_id>/take-out", methods=["GET", "POST"])
@requires(Permission.EDIT_GROUPS)
def take_out_group(course_id: UUID, set_id: UUID, group_id: UUID) -> Response:
    """Ask, then take a group out of a local set; what no set holds any more is deleted, and the question says so."""
    conflict = None
    if request.method == "POST":
        try:
            taken = references.take_out(viewer(), set_id, group_id, request.form.get("mark"))
            return after_change(set_id, taken, "group_taken_out")
        except Conflict as error:
            conflict = asked_anew(error)
    leaving = references.read_taking_out(course_id, set_id, group_id)
    group_set = group_sets.get_set(course_id, set_id)
    status = 409 if conflict else 200
    return page("groups/take_out.html", status, leaving=leaving, group_set=group_set, conflict=conflict)
