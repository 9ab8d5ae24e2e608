"""Adds, changes and deletes single people of the roster."""

from uuid import UUID

from flask import Blueprint, Response, request

from lti_tool.domain.belonging import belongs_in_groups
from lti_tool.domain.errors import Conflict, RuleViolation
from lti_tool.domain.members import MemberValues
from lti_tool.domain.permissions import Permission
from lti_tool.services import members
from lti_tool.services.members import MemberPage
from lti_tool.web.access import requires, viewer
from lti_tool.web.answers import changed, prefers_json
from lti_tool.web.member_forms import EditMemberForm, GitUsernameForm, MemberForm
from lti_tool.web.pages import page

blueprint = Blueprint("members", __name__, url_prefix="/courses/<uuid:course_id>/roster/members")


@blueprint.route("/new", methods=["GET", "POST"])
@requires(Permission.EDIT_ROSTER)
def add_member(course_id: UUID) -> Response:
    """Add a student whom the LMS does not list."""
    form = MemberForm()
    if request.method == "POST" and (values := form.values(MemberValues(""))):
        try:
            return changed(members.add_member(viewer(), values), "roster.roster", notice="member_added")
        except RuleViolation as error:
            form.refuse_by(error)
    return page("roster/new.html", 422 if form.errors else 200, form=form)


@blueprint.route("/<uuid:member_id>/edit", methods=["GET", "POST"])
@requires(Permission.EDIT_ROSTER)
def edit_member(course_id: UUID, member_id: UUID) -> Response:
    """Change a person; who is to leave groups that will not take them back by themselves is asked about first."""
    shown = members.read_member(course_id, member_id)
    before = members.values_of(shown.row)
    form = (EditMemberForm if shown.is_local else GitUsernameForm)(**vars(before), seen=shown.seen)
    warned, conflict = False, None
    if request.method == "POST" and (values := form.values(before)):
        warned = _leaves_groups(shown, values) and not form.confirmed.data
        if not warned:
            try:
                done = members.edit_member(viewer(), member_id, values, form.seen.data)
                return changed(done, "roster.roster", notice="member_saved")
            except RuleViolation as error:
                form.refuse_by(error)
                shown = members.read_member(course_id, member_id)  # a refused change forgets what was read before
            except Conflict as error:
                if prefers_json():
                    raise
                conflict, shown = error, members.read_member(course_id, member_id)
                if error.code == "member_changed":  # else what was typed can be sent again
                    form.process(data={**vars(members.values_of(shown.row)), "seen": shown.seen})
    status = 409 if conflict else 422 if form.errors or warned else 200
    return page("roster/edit.html", status, form=form, shown=shown, warned=warned, conflict=conflict)


def _leaves_groups(shown: MemberPage, values: MemberValues) -> bool:
    return bool(shown.own_groups) and not belongs_in_groups(shown.row.enrollment_type, values.status)


@blueprint.route("/<uuid:member_id>/delete", methods=["GET", "POST"])
@requires(Permission.EDIT_ROSTER)
def delete_member(course_id: UUID, member_id: UUID) -> Response:
    """Ask, then delete a person for good; whom the LMS lists, it says why not."""
    if request.method == "POST":
        return changed(members.delete_member(viewer(), member_id), "roster.roster", notice="member_deleted")
    return page("roster/delete.html", shown=members.read_member(course_id, member_id))
