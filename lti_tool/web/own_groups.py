"""A group's own page and what its people do there by their roles: edit, leave, delete, give roles, take members out."""

from uuid import UUID

import structlog
from flask import Blueprint, Response, g, request
from werkzeug.datastructures import MultiDict

from lti_tool.domain.changes import Changes
from lti_tool.domain.errors import Conflict, Forbidden, NotFound, RuleViolation, ToolError
from lti_tool.domain.group_rights import GIVEN_ROLES, GroupPermission, GroupRole
from lti_tool.domain.permissions import Permission
from lti_tool.services import group_names, group_roles, own_groups
from lti_tool.services.group_access import GroupAccess, read_group_access
from lti_tool.services.group_sets import get_set
from lti_tool.services.own_group_pages import read_group_view
from lti_tool.services.publication import push_after_change
from lti_tool.web.access import requires, tool, viewer
from lti_tool.web.answers import changed, prefers_json
from lti_tool.web.errors import answer_error, status_of
from lti_tool.web.forms import NameForm
from lti_tool.web.group_access import group_access, requires_in_group
from lti_tool.web.home import show_home
from lti_tool.web.own_group_forms import (
    EditGroupForm,
    GroupDoorsForm,
    MembersForm,
    NewGroupForm,
    RolesForm,
    TransferForm,
    roles_form,
)
from lti_tool.web.pages import can, fragment, page

blueprint = Blueprint("own_groups", __name__, url_prefix="/courses/<uuid:course_id>/groups")
log = structlog.get_logger(__name__)


@blueprint.get("/<uuid:group_id>")
@requires(Permission.VIEW_COURSE)
@requires_in_group(GroupPermission.VIEW)
def group(course_id: UUID, group_id: UUID) -> Response:
    """Show a group to its people: who is in it, and what one may do."""
    return page("own_groups/show.html", shown=read_group_view(group_access()), refusal=None)


@blueprint.route("/new/<uuid:set_id>", methods=["GET", "POST"])
@requires(Permission.FORM_GROUPS)
def create_own_group(course_id: UUID, set_id: UUID) -> Response:
    """Make a group of one's own in a set that lets students."""
    form = NewGroupForm()
    if request.method == "POST" and form.validate():
        try:
            values = form.name.data or "", form.description.data or "", form.privacy.data
            made = own_groups.create_own_group(viewer(), set_id, *values)
            (group_id,) = made.groups
            return done(made, "own_group_made", group_id=group_id)
        except RuleViolation as error:
            if not error.code.startswith("name"):
                raise
            form.refuse(form.name, error)
    return page("own_groups/new.html", 422 if form.errors else 200, form=form, row=get_set(course_id, set_id))


@blueprint.post("/new/<uuid:set_id>/name")
@requires(Permission.FORM_GROUPS)
def preview_new_name(course_id: UUID, set_id: UUID) -> Response:
    """Say what the name that is being typed for a new group will be stored as."""
    me = viewer().actor.member_id
    name = _typed_name()
    preview = group_names.preview_new_name(viewer(), set_id, name, 1, [me] if me else [])
    return fragment("groups/name.html", "preview", preview=preview, typed=name, follows=not name.strip())


@blueprint.post("/<uuid:group_id>/name")
@requires(Permission.VIEW_COURSE)
@requires_in_group(GroupPermission.EDIT_INFO)
def preview_name(course_id: UUID, group_id: UUID) -> Response:
    """Say what the name that is being typed will be stored as."""
    name = _typed_name()
    preview = group_names.preview_edited_name(viewer(), group_access().sets[0].id, group_id, name)
    return fragment("groups/name.html", "preview", preview=preview, typed=name, follows=False)


def _typed_name() -> str:
    form = NameForm()
    form.validate()
    return form.name.data or ""


@blueprint.route("/<uuid:group_id>/edit", methods=["GET", "POST"])
@requires(Permission.VIEW_COURSE)
@requires_in_group(GroupPermission.EDIT_INFO)
def edit_group(course_id: UUID, group_id: UUID) -> Response:
    """Change a group's name and description; creator, admins and staff also how it lets people in (ruling C13)."""
    access = group_access()
    row = access.row
    all_of_it = access.may(GroupPermission.TOGGLE_CODE)
    values = {"name": row.name, "description": row.description}
    doors = ("is_invite_active", "privacy", "needs_approval", "max_members")
    form = GroupDoorsForm(**values, **{f: getattr(row, f) for f in doors}) if all_of_it else EditGroupForm(**values)
    if request.method == "POST" and form.validate():
        try:
            given = form.doors if isinstance(form, GroupDoorsForm) else None
            text = form.description.data or ""
            saved = own_groups.edit_own_group(viewer(), group_id, form.name.data, text, given)
            return done(saved, "own_group_saved", group_id=group_id)
        except RuleViolation as error:
            if not error.code.startswith("name"):
                raise
            form.refuse(form.name, error)
            access = read_group_access(viewer(), group_id)  # a refused change forgets what was read before
    return page("own_groups/edit.html", 422 if form.errors else 200, form=form, row=access.row, all_of_it=all_of_it)


@blueprint.route("/<uuid:group_id>/delete", methods=["GET", "POST"])
@requires(Permission.VIEW_COURSE)
@requires_in_group(GroupPermission.DELETE)
def delete_group(course_id: UUID, group_id: UUID) -> Response:
    """Ask, then delete a group for everybody."""
    if request.method == "GET":
        own_groups.require_deletion(viewer(), group_access())
        return page("own_groups/delete.html", row=group_access().row)
    return done(own_groups.delete_own_group(viewer(), group_id), "own_group_deleted")


@blueprint.route("/<uuid:group_id>/leave", methods=["GET", "POST"])
@requires(Permission.VIEW_COURSE)
@requires_in_group(GroupPermission.LEAVE)
def leave_group(course_id: UUID, group_id: UUID) -> Response:
    """Ask, then leave a group."""
    if request.method == "GET":
        group_roles.require_leaving(viewer(), group_access())
        return page("own_groups/leave.html", row=group_access().row)
    return done(group_roles.leave_group(viewer(), group_id), "own_group_left")


@blueprint.route("/<uuid:group_id>/permissions", methods=["GET", "POST"])
@requires(Permission.VIEW_COURSE)
@requires_in_group(GroupPermission.MANAGE_ROLES)
def manage_permissions(course_id: UUID, group_id: UUID) -> Response:
    """Show the members with their roles, and give them others."""
    form = roles_form()
    if request.method == "POST" and form.validate():
        saved = group_roles.set_roles(viewer(), group_id, form.roles)
        return done(saved, "roles_saved", "own_groups.manage_permissions", group_id=group_id)
    return _show_members(form, MembersForm(MultiDict()))


def _show_members(roles: RolesForm, ticked: MembersForm) -> Response:
    status = 422 if roles.errors or ticked.errors else 200
    values = {"shown": read_group_view(group_access()), "form": roles, "ticked": ticked, "roles": GIVEN_ROLES}
    return page("own_groups/permissions.html", status, **values)


@blueprint.route("/<uuid:group_id>/remove/<uuid:member_id>", methods=["GET", "POST"])
@requires(Permission.VIEW_COURSE)
@requires_in_group(GroupPermission.REMOVE_MEMBER)
def remove_member(course_id: UUID, group_id: UUID, member_id: UUID) -> Response:
    """Ask, then take one member out of the group."""
    return _remove(group_id, [member_id])


@blueprint.route("/<uuid:group_id>/remove", methods=["GET", "POST"])
@requires(Permission.VIEW_COURSE)
@requires_in_group(GroupPermission.REMOVE_MEMBER)
def remove_members(course_id: UUID, group_id: UUID) -> Response:
    """Ask, then take all ticked members out of the group."""
    form = MembersForm(request.values)
    if not form.validate():
        return _show_members(roles_form(), form)
    return _remove(group_id, form.member_ids.data)


def _remove(group_id: UUID, member_ids: list[UUID]) -> Response:
    if request.method == "POST":
        gone = group_roles.remove_members(viewer(), group_id, member_ids)
        return done(gone, "members_removed", "own_groups.manage_permissions", group_id=group_id, count=gone.count)
    group_roles.require_removing(viewer(), group_access())
    shown = read_group_view(group_access())
    leaving = [member for member in shown.members if member.row.id in member_ids]
    if not leaving:
        raise RuleViolation("people_required")
    with_creator = any(member.role is GroupRole.CREATOR for member in leaving)
    if with_creator and not shown.may(GroupPermission.REMOVE_CREATOR):
        raise RuleViolation("creator_not_removable")
    return page("own_groups/remove.html", shown=shown, leaving=leaving)


@blueprint.route("/<uuid:group_id>/transfer", methods=["GET", "POST"])
@requires(Permission.VIEW_COURSE)
@requires_in_group(GroupPermission.TRANSFER)
def transfer_group(course_id: UUID, group_id: UUID) -> Response:
    """Ask to whom, then hand the group on."""
    form = TransferForm()
    if request.method == "POST" and form.validate():
        try:
            handed_on = group_roles.transfer(viewer(), group_id, form.member_id.data)
            return done(handed_on, "group_handed_on", group_id=group_id)
        except RuleViolation as error:
            form.refuse(form.member_id, error)
    return page(
        "own_groups/transfer.html", 422 if form.errors else 200, shown=read_group_view(group_access()), form=form
    )


def done(changes: Changes, notice: str, endpoint: str = "own_groups.group", **values: object) -> Response:
    """Bring a stored change to the LMS when a set of its is published, and lead on with a word on both.

    Without a group to show it leads to the list of groups.
    """
    pushed = [push_after_change(tool(), viewer(), set_id) for set_id in sorted(changes.group_sets)]
    states = [one.shown_state for one in pushed if one]
    state = next((s for s in ("refused", "waiting", "unproven", "sent") if s in states), None)
    to = endpoint if "group_id" in values else "home.home"
    return changed(changes, to, notice=notice, pushed=state, **values)


@blueprint.errorhandler(Forbidden)
@blueprint.errorhandler(RuleViolation)
@blueprint.errorhandler(Conflict)
def show_refusal(error: ToolError) -> Response:
    """Answer a refused act with the reason and the group's page, for whoever may see it; else with one's own groups.

    The page that seed 002 goes back to is the answer itself, under the status of the refusal (TEAM-14, TEAM-58): a
    redirect is what an act that was done is answered, and programs could not tell the two apart.
    """
    if prefers_json():
        return answer_error(error)
    log.info("refused", code=error.code, status=status_of(error), endpoint=request.endpoint)
    shown = _visible_group()
    if shown is not None:
        return page("own_groups/show.html", status_of(error), shown=read_group_view(shown), refusal=error)
    if isinstance(error, Forbidden) or not can(Permission.FORM_GROUPS):
        return answer_error(error)
    return show_home(status_of(error), refusal=error)


def _visible_group() -> GroupAccess | None:
    """Return the group of the URL if there is one that the person may see."""
    group_id = (request.view_args or {}).get("group_id")
    if group_id is None or "viewer" not in g:
        return None
    try:
        found = read_group_access(viewer(), group_id)
    except NotFound:
        return None
    return found if found.may(GroupPermission.VIEW) else None
