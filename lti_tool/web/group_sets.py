"""Lists group sets, shows and copies one, and makes, renames and deletes the tool's own."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request

from lti_tool.domain.changes import Changes
from lti_tool.domain.errors import Conflict, Forbidden, NotFound, RuleViolation
from lti_tool.domain.groups import LMS_CONNECTIONS, Connection, Editor
from lti_tool.domain.permissions import Permission
from lti_tool.services import connected_sets, copies, lms_changes, publication, removal
from lti_tool.services import group_sets as sets
from lti_tool.services.asked_rights import write_right
from lti_tool.services.assignment_sets import assignments_of
from lti_tool.services.ledger_page import Pending, count_pending
from lti_tool.services.own_groups import set_signup
from lti_tool.services.presets import presets_for
from lti_tool.services.refresh import may_refresh
from lti_tool.services.set_page import ShownSet, read_shown_set
from lti_tool.services.synced import last_synced
from lti_tool.web.access import requires, tool, viewer
from lti_tool.web.answers import changed, prefers_json
from lti_tool.web.errors import answer_error, status_of
from lti_tool.web.forms import AddGroupsForm
from lti_tool.web.own_group_forms import SetSignupForm
from lti_tool.web.pages import can, fragment, page, wants_fragment
from lti_tool.web.set_options import NewSetForm, SetOptionsForm
from lti_tool.web.set_place import blocks_shown, everybody_shown, next_query, place_queries

blueprint = Blueprint("group_sets", __name__, url_prefix="/courses/<uuid:course_id>/group-sets")


@blueprint.get("")
@requires(Permission.VIEW_GROUP_SETS)
def group_sets(course_id: UUID) -> Response:
    """List the group sets of the course."""
    return page(
        "group_sets/list.html",
        sets=visible_sets(course_id),
        left_out=removal.list_left_out(course_id),
        pending=pending(course_id),
    )


def pending(course_id: UUID) -> Pending:
    """Return how much of the course waits for the LMS or for a decision, for who may see what that is."""
    return count_pending(course_id) if can(Permission.VIEW_CHANGES) else Pending()


def visible_sets(course_id: UUID) -> list[sets.SetSummary]:
    """Return the sets that the person may see: those of the roster only with the roster."""
    return [s for s in sets.list_sets(course_id) if can(Permission.VIEW_ROSTER) or not s.follows_roster]


@blueprint.route("/new", methods=["GET", "POST"])
@requires(Permission.EDIT_GROUPS)
def create_group_set(course_id: UUID) -> Response:
    """Make a local group set, or one in the LMS."""
    form, status = NewSetForm(), 422
    if request.method == "POST" and form.validate():
        try:
            if form.where.data == "lms":
                return _create_in_lms(connected_sets.create_connected_set(viewer(), form.name.data, form.options()))
            made = sets.create_set(viewer(), form.name.data)
            return changed(made, "group_sets.group_set", set_id=made.group_set, notice="set_created")
        except (RuleViolation, Forbidden) as error:  # forbidden: the LMS lets nobody make sets; here is another place
            form.refuse(form.name, error)
            status = status_of(error)
    locked = write_right(viewer()).problem
    return page("group_sets/new.html", status if form.errors else 200, form=form, locked=locked)


def _create_in_lms(asked: Changes) -> Response:
    """Lead on to the set that the LMS made, or to the list of changes when it has not been made yet."""
    state = _delivered(None, asked)
    (change_id,) = asked.asked
    set_id = lms_changes.see_change(viewer().course.id, change_id).set_id
    if set_id is None:
        return changed(asked, "changes.changes", notice="asked", pushed=state)
    made = Changes(group_sets=frozenset({set_id}), count=1)
    return changed(made, "group_sets.group_set", set_id=set_id, notice="set_created", pushed=state)


@blueprint.get("/<uuid:set_id>")
@requires(Permission.VIEW_GROUP_SETS)
def group_set(course_id: UUID, set_id: UUID) -> Response:
    """Show a set: who is in no group yet, its groups, and how it stands in the LMS."""
    return show_set(course_id, set_id)


def show_set(course_id: UUID, set_id: UUID, status: int = 200, **forms: Any) -> Response:
    """Render a set's page, with a form that was refused in its place; sets of the roster only with the roster."""
    everybody = everybody_shown()
    shown = _read_set(course_id, set_id, *blocks_shown(), everybody=everybody)
    return page(
        "group_sets/show.html",
        status,
        shown=shown,
        at=place_queries(shown.first, shown.last, everybody),
        ahead=next_query(shown.first, shown.last, everybody),
        presets=presets_for(viewer().course.family),
        mirror=publication.read_publication(course_id, set_id),
        refreshable=may_refresh(shown.row),
        synced_at=last_synced(viewer().course.groups_synced_at, shown.row.last_updated),
        changes=lms_changes.list_of_set(set_id) if shown.is_connected else [],
        groups_form=forms.get("groups_form") or AddGroupsForm(),
        place_form=forms.get("place_form"),
        conflict=forms.get("conflict"),
    )


@blueprint.get("/<uuid:set_id>/more")
@requires(Permission.VIEW_GROUP_SETS)
def more_groups(course_id: UUID, set_id: UUID) -> Response:
    """Answer with one block of groups for a page that shows the blocks before it; else with the whole page."""
    if not wants_fragment():
        return show_set(course_id, set_id)
    first, block = blocks_shown()
    everybody = everybody_shown()
    shown = _read_set(course_id, set_id, block, block)
    if shown.first != block:  # groups were deleted meanwhile: the browser shows all there are
        return Response("")
    at, ahead = place_queries(first, block, everybody), next_query(first, block, everybody)
    return fragment("group_sets/show.html", "some_groups", shown=shown, at=at, ahead=ahead, follows=True)


def _read_set(course_id: UUID, set_id: UUID, first: int, last: int, *, everybody: bool = False) -> ShownSet:
    """Return a set's page; a set of the roster only for who may see the roster."""
    shown = read_shown_set(viewer(), set_id, first, last, everybody=everybody)
    if shown.row.connection == Connection.SYSTEM and not can(Permission.VIEW_ROSTER):
        raise NotFound("group_set_not_found")
    return shown


@blueprint.errorhandler(Conflict)
def show_conflict(error: Conflict) -> Response:
    """Answer 409 with the present state of the set that somebody else changed, and the words of the conflict."""
    values = request.view_args or {}
    if "set_id" not in values or prefers_json():
        return answer_error(error)
    answer = show_set(values["course_id"], values["set_id"], 409, conflict=error)
    if wants_fragment():  # whatever small part of the page was asked for
        answer.headers["HX-Retarget"] = "#main"
    return answer


@blueprint.post("/<uuid:set_id>/copy")
@requires(Permission.EDIT_GROUPS)
def copy_group_set(course_id: UUID, set_id: UUID) -> Response:
    """Make a local set with the same groups, whoever's set it is."""
    made = copies.copy_set(viewer(), set_id)
    return changed(made, "group_sets.group_set", set_id=made.group_set, notice="set_copied")


@blueprint.route("/<uuid:set_id>/edit", methods=["GET", "POST"])
@requires(Permission.EDIT_GROUPS)
def edit_group_set(course_id: UUID, set_id: UUID) -> Response:
    """Rename a group set, in the LMS too when it is published; one of the LMS there only, with its options."""
    row = sets.get_set_to_edit(viewer(), set_id)
    of_lms = row.connection in LMS_CONNECTIONS
    form = SetOptionsForm(name=row.name, revision=row.revision) if of_lms else _own_set_form(row)
    if request.method == "POST" and form.validate():
        try:
            if isinstance(form, SetOptionsForm):
                values = (form.name.data, form.options(), form.revision.data)
                saved = connected_sets.edit_connected_set(viewer(), set_id, *values)
            else:
                saved = sets.rename_set(viewer(), set_id, form.name.data, form.revision.data)
                set_signup(viewer(), set_id, form.rules)
            return after_change(set_id, saved, "set_saved")
        except RuleViolation as error:
            form.refuse(form.name, error)
    row = sets.get_set(course_id, set_id)  # read anew: a refused change forgets what was read before
    return page("group_sets/edit.html", 422 if form.errors else 200, form=form, row=row)


@blueprint.route("/<uuid:set_id>/delete", methods=["GET", "POST"])
@requires(Permission.EDIT_GROUPS)
def delete_group_set(course_id: UUID, set_id: UUID) -> Response:
    """Ask, then delete a local set here; its mirror in the LMS too when that was chosen (ruling C29)."""
    if request.method == "GET":
        sets.get_set_to_edit(viewer(), set_id)
        removal.require_none_formed(set_id)
        return _ask_to_delete(course_id, set_id)
    try:
        if sets.get_set(course_id, set_id).connection in LMS_CONNECTIONS:
            return _delete_in_lms(set_id)
        if request.form.get("where") == "everywhere":
            gone = publication.delete_everywhere(tool(), viewer(), set_id, *_told())
        else:
            gone = removal.delete_set(viewer(), set_id, *_told())
    except Conflict as conflict:
        return _ask_to_delete(course_id, set_id, asked_anew(conflict))
    return changed(gone, "group_sets.group_sets", notice="set_deleted")


def _ask_to_delete(course_id: UUID, set_id: UUID, conflict: Conflict | None = None) -> Response:
    values = {"shown": sets.summarise_set(course_id, set_id), "assignments": assignments_of(set_id)}
    leaving = removal.read_removal(course_id, set_id)
    return page("group_sets/delete.html", 409 if conflict else 200, conflict=conflict, leaving=leaving, **values)


def shown_in_question() -> list[str]:
    """Return what the question named: assignments, which lose the set knowingly, and what others put into its copy."""
    return request.form.get("seen", "").split()


def _told() -> tuple[list[str], str | None]:
    """Return what the question named, and the mark of what else it told."""
    return shown_in_question(), request.form.get("mark")


def asked_anew(conflict: Conflict) -> Conflict:
    """Return what the question is asked anew for; raise any other conflict, and for programs this one too."""
    if conflict.code not in ("assignments_unseen", "question_changed", "copy_filled") or prefers_json():
        raise conflict
    return conflict


def _delete_in_lms(set_id: UUID) -> Response:
    asked = connected_sets.delete_connected_set(viewer(), set_id, *_told())
    state = _delivered(set_id, asked)
    if state != "sent":
        return changed(asked, "group_sets.group_set", set_id=set_id, notice="asked", pushed=state)
    return changed(Changes(deleted_group_sets=asked.group_sets), "group_sets.group_sets", notice="set_deleted")


def _delivered(set_id: UUID | None, asked: Changes) -> str | None:
    lms_changes.deliver(tool(), viewer(), set_id)
    return lms_changes.state_of(viewer().course.id, asked.asked)


@blueprint.route("/<uuid:set_id>/assign-unassigned", methods=["GET", "POST"])
@requires(Permission.EDIT_GROUPS)
def assign_unassigned(course_id: UUID, set_id: UUID) -> Response:
    """Ask, then let Canvas itself spread the students without a group (ruling C30)."""
    if request.method == "GET":
        sets.get_set_to_edit(viewer(), set_id, (Editor.LMS,))
        shown = read_shown_set(viewer(), set_id)
        if shown.row.connection != Connection.CANVAS:
            raise RuleViolation("unsupported_here")
        return page("group_sets/assign_unassigned.html", shown=shown)
    return after_change(set_id, connected_sets.assign_unassigned(viewer(), set_id), "unassigned_spread")


@blueprint.route("/<uuid:set_id>/remove", methods=["GET", "POST"])
@requires(Permission.EDIT_GROUPS)
def remove_group_set(course_id: UUID, set_id: UUID) -> Response:
    """Ask, then remove a set of the LMS from this tool; the LMS keeps it (ruling C29)."""
    if request.method == "GET":
        removal.get_removable_set(course_id, set_id)
        return _ask_to_remove(course_id, set_id)
    try:
        gone = removal.remove_connected_set(viewer(), set_id, *_told())
    except Conflict as conflict:
        return _ask_to_remove(course_id, set_id, asked_anew(conflict))
    return changed(gone, "group_sets.group_sets", notice="set_removed")


def _ask_to_remove(course_id: UUID, set_id: UUID, conflict: Conflict | None = None) -> Response:
    values = {"leaving": removal.read_removal(course_id, set_id), "assignments": assignments_of(set_id)}
    return page("group_sets/remove.html", 409 if conflict else 200, conflict=conflict, **values)


@blueprint.post("/left-out")
@requires(Permission.EDIT_GROUPS)
def bring_back_group_set(course_id: UUID) -> Response:
    """Let the next sync fetch a removed set of the LMS again."""
    back = removal.bring_back(viewer(), request.form.get("lms_group_set_id", ""))
    return changed(back, "group_sets.group_sets", notice="set_wanted_back")


def _own_set_form(row: Any) -> SetSignupForm:
    return SetSignupForm(
        name=row.name,
        revision=row.revision,
        signup=row.signup,
        signup_until=row.signup_until,
        group_limit=row.group_limit,
        same_section=row.same_section,
    )


def after_change(set_id: UUID, changes: Changes, notice: str, **counts: int) -> Response:
    """Bring a change to the LMS, and lead on to the set with a word on both.

    A change that was asked of the LMS is delivered; one that was stored is pushed when the set is published. Raise
    Conflict("renamed_meanwhile") when it would have overwritten a name that nobody here has seen.
    """
    if changes.asked:
        state = _delivered(set_id, changes)
        lms_changes.require_unrenamed(viewer().course.id, changes.asked)
        notice = notice if state in ("sent", "unproven") else "asked"
    else:
        pushed = publication.push_after_change(tool(), viewer(), set_id)
        state = pushed.shown_state if pushed else None
    return changed(changes, "group_sets.group_set", set_id=set_id, notice=notice, pushed=state, **counts)
