"""Publishes local group sets to the LMS, pushes their changes there again, and stops that."""

from uuid import UUID

from flask import Blueprint, Response, request

from lti_tool.domain.changes import Changes
from lti_tool.domain.errors import Conflict
from lti_tool.domain.permissions import Permission
from lti_tool.services import group_sets, mirror, publication
from lti_tool.services.ledger_page import read_push
from lti_tool.services.publication_preview import preview_publication
from lti_tool.web.access import requires, tool, viewer
from lti_tool.web.answers import changed
from lti_tool.web.group_sets import after_change, asked_anew, shown_in_question
from lti_tool.web.pages import page, see_other
from lti_tool.web.runs import see_open_run

blueprint = Blueprint("publication", __name__, url_prefix="/courses/<uuid:course_id>")


@blueprint.route("/group-sets/<uuid:set_id>/publish", methods=["GET", "POST"])
@requires(Permission.PUBLISH)
def publish_group_set(course_id: UUID, set_id: UUID) -> Response:
    """Show what publishing would do, then make the set's mirror in the LMS and show how that goes."""
    if request.method == "GET":
        return page("publication/preview.html", preview=preview_publication(tool(), viewer(), set_id))
    try:
        run_id = publication.request_publication(tool(), viewer(), set_id)
    except Conflict:
        return see_open_run(course_id)
    return see_other("runs.run", run_id=run_id)


@blueprint.post("/group-sets/<uuid:set_id>/push")
@requires(Permission.PUBLISH)
def push_group_set(course_id: UUID, set_id: UUID) -> Response:
    """Bring what the LMS has not taken yet there again."""
    group_sets.get_set(course_id, set_id)
    return after_change(set_id, Changes(), "pushed")


@blueprint.route("/group-sets/<uuid:set_id>/unpublish", methods=["GET", "POST"])
@requires(Permission.PUBLISH)
def unpublish_group_set(course_id: UUID, set_id: UUID) -> Response:
    """Ask, then stop publishing a set; its copy in the LMS stays there, or goes too when that was chosen (C29)."""
    if request.method == "GET":
        mirror.get_publication(group_sets.get_set(course_id, set_id).id)
        return _ask_to_stop(course_id, set_id)
    if request.form.get("copy") == "delete":
        try:
            stopped = publication.delete_mirror(tool(), viewer(), set_id, shown_in_question())
        except Conflict as conflict:
            return _ask_to_stop(course_id, set_id, asked_anew(conflict))
        return changed(stopped, "group_sets.group_set", set_id=set_id, notice="mirror_deleted")
    stopped = publication.leave_mirror(viewer(), set_id)
    return changed(stopped, "group_sets.group_set", set_id=set_id, notice="mirror_left")


def _ask_to_stop(course_id: UUID, set_id: UUID, conflict: Conflict | None = None) -> Response:
    shown = group_sets.summarise_set(course_id, set_id)
    return page("publication/stop.html", 409 if conflict else 200, shown=shown, conflict=conflict)


@blueprint.route("/push", methods=["GET", "POST"])
@requires(Permission.PUBLISH)
def push_course_group_memberships(course_id: UUID) -> Response:
    """Ask, then push all group memberships of the course, published sets and the LMS's own, and show how that goes."""
    if request.method == "GET":
        return page("publication/push.html", push=read_push(viewer()))
    try:
        run_id = publication.request_push(tool(), viewer())
    except Conflict:
        return see_open_run(course_id)
    return see_other("runs.run", run_id=run_id)
