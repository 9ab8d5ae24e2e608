"""Makes groups of a set, ours or the LMS's, and fills them: by hand, several people at once, or by lot."""

import secrets
from uuid import UUID

from flask import Blueprint, Response, request

from lti_tool.domain.changes import Changes
from lti_tool.domain.errors import Conflict, RuleViolation
from lti_tool.domain.permissions import Permission
from lti_tool.services import group_names, group_sets, groups
from lti_tool.services.mirror import is_mirrored
from lti_tool.services.namesakes import read_namesakes
from lti_tool.services.set_edits import edits_of
from lti_tool.services.set_page import read_group_page, read_move, read_shown_set
from lti_tool.web.access import requires, viewer
from lti_tool.web.forms import (
    AddGroupsForm,
    AddStudentForm,
    DrawForm,
    EditGroupForm,
    GroupOfPeopleForm,
    NameForm,
    PlaceForm,
    places_shown,
)
from lti_tool.web.group_sets import after_change, asked_anew, show_conflict, show_set
from lti_tool.web.pages import fragment, page, see_other, wants_fragment

blueprint = Blueprint("groups", __name__, url_prefix="/courses/<uuid:course_id>/group-sets/<uuid:set_id>")
blueprint.register_error_handler(Conflict, show_conflict)
SEEDS = 1_000_000


@blueprint.post("/groups")
@requires(Permission.EDIT_GROUPS)
def create_group(course_id: UUID, set_id: UUID) -> Response:
    """Add one group, or several numbered ones."""
    form = AddGroupsForm()
    if form.validate():
        try:
            made = edits_of(course_id, set_id).create_groups(viewer(), set_id, form.name.data, form.count.data)
            return after_change(set_id, made, "groups_created", count=made.count)
        except RuleViolation as error:
            form.refuse(form.name, error)
    return show_set(course_id, set_id, 422, groups_form=form)


@blueprint.route("/groups/new", methods=["GET", "POST"])
@requires(Permission.EDIT_GROUPS)
def create_group_of_people(course_id: UUID, set_id: UUID) -> Response:
    """Make one group of certain people, named after them unless a name is typed."""
    form = GroupOfPeopleForm()
    group_sets.get_set_to_edit(viewer(), set_id)
    if request.method == "POST" and form.validate():
        try:
            name, people = form.name.data or "", form.member_ids.data or []
            made = edits_of(course_id, set_id).create_group_of(
                viewer(), set_id, name, people, places_shown(form.member_ids)
            )
            return after_change(set_id, made, "group_created")
        except RuleViolation as error:
            form.refuse(form.name, error)
    shown = read_shown_set(viewer(), set_id, everybody=True)
    return page("groups/new.html", 422 if form.errors else 200, shown=shown, form=form)


@blueprint.post("/groups/name", defaults={"group_id": None})
@blueprint.post("/groups/<uuid:group_id>/name")
@requires(Permission.EDIT_GROUPS)
def normalize_group_name(course_id: UUID, set_id: UUID, group_id: UUID | None) -> Response:
    """Say what the name that is being typed will be stored as (seed 003, "Manual override")."""
    form = NameForm()
    form.validate()
    name, people = form.name.data or "", form.member_ids.data or []
    if group_id:
        preview = group_names.preview_edited_name(viewer(), set_id, group_id, name)
    else:
        count = min(max(form.count.data or 1, 1), groups.MOST_AT_ONCE)
        preview = group_names.preview_new_name(viewer(), set_id, name, count, people)
    return fragment("groups/name.html", "preview", preview=preview, typed=name, follows=not name.strip())


@blueprint.route("/groups/<uuid:group_id>/edit", methods=["GET", "POST"])
@requires(Permission.EDIT_GROUPS)
def edit_group(course_id: UUID, set_id: UUID, group_id: UUID) -> Response:
    """Rename and describe a group."""
    revision = group_sets.get_set_to_edit(viewer(), set_id).revision
    row = groups.get_group(set_id, group_id)
    form = EditGroupForm(name=row.name, description=row.description, revision=revision)
    if request.method == "POST" and form.validate():
        try:
            name, description = form.name.data, form.description.data or ""
            edit_group = edits_of(course_id, set_id).edit_group
            saved = edit_group(viewer(), set_id, group_id, name, description, revision=form.revision.data)
            return after_change(set_id, saved, "group_saved")
        except RuleViolation as error:
            form.refuse(form.name, error)
    return _group_page(course_id, set_id, group_id, form)


def _group_page(course_id: UUID, set_id: UUID, group_id: UUID, form: EditGroupForm, refused: bool = False) -> Response:
    shown = read_group_page(viewer(), set_id, group_id)
    status = 422 if form.errors or refused else 200
    return page("groups/edit.html", status, shown=shown, card=shown.card, form=form, refused=refused)


@blueprint.route("/groups/<uuid:group_id>/delete", methods=["GET", "POST"])
@requires(Permission.EDIT_GROUPS)
def delete_group(course_id: UUID, set_id: UUID, group_id: UUID) -> Response:
    """Ask, then delete a group; its people are in no group of the set afterwards."""
    conflict = None
    if request.method == "POST":
        try:
            gone = edits_of(course_id, set_id).delete_group(viewer(), set_id, group_id, request.form.get("mark"))
            return after_change(set_id, gone, "group_deleted")
        except Conflict as error:
            conflict = asked_anew(error)
    values = {"group_set": group_sets.get_set_to_edit(viewer(), set_id), "in_lms": is_mirrored(group_id)}
    leaving = groups.read_deletable(course_id, set_id, group_id)
    return page("groups/delete.html", 409 if conflict else 200, leaving=leaving, conflict=conflict, **values)


@blueprint.post("/groups/<uuid:group_id>/members")
@requires(Permission.EDIT_GROUPS)
def add_student_to_group(course_id: UUID, set_id: UUID, group_id: UUID) -> Response:
    """Put one student into a group."""
    form = AddStudentForm()
    if not form.validate():
        row = groups.read_group(course_id, set_id, group_id)
        return _group_page(course_id, set_id, group_id, EditGroupForm(name=row.name), refused=True)
    placements, shown = {form.member_id.data: group_id}, places_shown(form.member_id)
    placed = edits_of(course_id, set_id).assign(viewer(), set_id, placements, shown=shown)
    return _after_placing(set_id, placed)


@blueprint.post("/groups/<uuid:group_id>/members/<uuid:member_id>/remove")
@requires(Permission.EDIT_GROUPS)
def remove_student_from_group(course_id: UUID, set_id: UUID, group_id: UUID, member_id: UUID) -> Response:
    """Take a person out of a group."""
    gone = edits_of(course_id, set_id).remove_member(viewer(), set_id, group_id, member_id)
    return after_change(set_id, gone, "removed")


@blueprint.get("/members/<uuid:member_id>")
@requires(Permission.EDIT_GROUPS)
def move_member(course_id: UUID, set_id: UUID, member_id: UUID) -> Response:
    """Ask where a person shall go; htmx asks for the question alone."""
    shown = read_move(viewer(), set_id, member_id)
    if wants_fragment():
        return fragment("groups/move.html", "question", shown=shown)
    return page("groups/move.html", shown=shown)


@blueprint.post("/assign")
@requires(Permission.EDIT_GROUPS)
def batch_assign_students(course_id: UUID, set_id: UUID) -> Response:
    """Put the chosen people into the chosen group, and out of the set's others."""
    form = PlaceForm()
    if not form.validate():
        return show_set(course_id, set_id, 422, place_form=form)
    placements = dict.fromkeys(form.member_ids.data, form.group_id.data)
    placed = edits_of(course_id, set_id).assign(viewer(), set_id, placements, shown=places_shown(form.member_ids))
    return _after_placing(set_id, placed)


def _after_placing(set_id: UUID, placed: Changes) -> Response:
    if not placed.count:
        return after_change(set_id, placed, "unchanged")
    return after_change(set_id, placed, "placed", count=placed.count)


@blueprint.route("/random", methods=["GET", "POST"])
@requires(Permission.EDIT_GROUPS)
def random_assign_students(course_id: UUID, set_id: UUID) -> Response:
    """Show where chance would put the students without a group, then do exactly that."""
    form = DrawForm()
    if request.method == "POST" and form.validate():
        shown = (form.seed.data, form.revision.data, form.people_mark.data or None)
        placed = edits_of(course_id, set_id).apply_draw(viewer(), set_id, *shown)
        return _after_placing(set_id, placed)
    seed = request.args.get("seed", type=int)
    if seed is None:
        return see_other("groups.random_assign_students", set_id=set_id, seed=secrets.randbelow(SEEDS))
    drawn = edits_of(course_id, set_id).draw(course_id, set_id, seed)
    again = secrets.randbelow(SEEDS)
    return page(
        "groups/random.html",
        drawn=drawn,
        again=again,
        namesakes=read_namesakes(course_id),
        group_set=group_sets.get_set(course_id, set_id),
    )
