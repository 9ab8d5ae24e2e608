"""Opens placed links on exactly their page, and lets staff connect those that came with a copied course."""

from uuid import UUID

from flask import Blueprint, Response, request

from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.permissions import Permission
from lti_tool.services import links as service
from lti_tool.services.assignment_pages import list_own_assignments
from lti_tool.services.groups import list_own_groups
from lti_tool.services.own_group_pages import list_open_sets
from lti_tool.web.access import requires, viewer
from lti_tool.web.answers import changed
from lti_tool.web.pages import can, page, see_other
from lti_tool.web.placing_forms import ConnectForm

blueprint = Blueprint("links", __name__, url_prefix="/courses/<uuid:course_id>")


@blueprint.get("/open/<uuid:link_id>")
@requires(Permission.VIEW_COURSE)
def open_link(course_id: UUID, link_id: UUID) -> Response:
    """Open what a placed link stands for: to staff its page, to a student what is to be done there."""
    target = service.find_target(course_id, link_id)
    if target is None:
        if can(Permission.EDIT_ASSIGNMENTS):
            return see_other("links.connect_link", link_id=link_id)
        return page("placing/unconnected.html", 404)
    if can(Permission.VIEW_ASSIGNMENTS):
        if target.is_set:
            return see_other("group_sets.group_set", set_id=target.id)
        return see_other("assignments.assignment", assignment_id=target.id)
    if target.by_students:
        return see_other("formation.grouping", assignment_id=target.id)
    return _own_set(course_id, target) if target.is_set else _own_assignment(course_id, target)


def _own_set(course_id: UUID, target: service.Target) -> Response:
    me = viewer().actor.member_id
    groups = list_own_groups(course_id, me, target.id) if me else []
    joinable = list_open_sets(course_id, me) if me and can(Permission.FORM_GROUPS) else []
    open_sets = [one for one in joinable if one.row.id == target.id]
    return page("placing/own_set.html", target=target, groups=groups, open_sets=open_sets)


def _own_assignment(course_id: UUID, target: service.Target) -> Response:
    me = viewer().actor.member_id
    own = [one for one in (list_own_assignments(course_id, me) if me else []) if one.row.id == target.id]
    return page("placing/own_assignment.html", target=target, assignments=own)


@blueprint.get("/links")
@requires(Permission.EDIT_ASSIGNMENTS)
def links(course_id: UUID) -> Response:
    """List the links of copied courses that staff connected."""
    return page("placing/links.html", links=service.list_connected(viewer()))


@blueprint.route("/open/<uuid:link_id>/connect", methods=["GET", "POST"])
@requires(Permission.EDIT_ASSIGNMENTS)
def connect_link(course_id: UUID, link_id: UUID) -> Response:
    """Ask what a link of a copied course opens here, and keep the answer."""
    form = ConnectForm()
    if request.method == "POST" and form.validate():
        try:
            done = service.connect_link(viewer(), link_id, form.target.data)
            return changed(done, "links.links", notice="link_connected")
        except RuleViolation as error:
            form.refuse(form.target, error)
    foreign = service.read_foreign(viewer(), link_id)
    return page("placing/connect.html", 422 if form.errors else 200, foreign=foreign, form=form)


@blueprint.post("/open/<uuid:link_id>/disconnect")
@requires(Permission.EDIT_ASSIGNMENTS)
def disconnect_link(course_id: UUID, link_id: UUID) -> Response:
    """Forget what a link of a copied course opens."""
    return changed(service.disconnect_link(viewer(), link_id), "links.links", notice="link_disconnected")
