"""Shows what has not reached the LMS and what became of it, and lets people retry or discard a change."""

from uuid import UUID

from flask import Blueprint, Response, request

from lti_tool.domain.changes import Changes
from lti_tool.domain.permissions import Permission
from lti_tool.services import lms_changes
from lti_tool.services.ledger_page import read_ledger
from lti_tool.services.lms_changes import ChangeView
from lti_tool.web.access import requires, tool, viewer
from lti_tool.web.answers import changed
from lti_tool.web.pages import page

blueprint = Blueprint("changes", __name__, url_prefix="/courses/<uuid:course_id>/changes")


@blueprint.get("")
@requires(Permission.VIEW_CHANGES)
def changes(course_id: UUID) -> Response:
    """List what has not reached the LMS, then what was sent or discarded lately."""
    return page("changes/list.html", ledger=read_ledger(course_id))


@blueprint.post("/<uuid:change_id>/retry")
@requires(Permission.EDIT_GROUPS)
def retry_change(course_id: UUID, change_id: UUID) -> Response:
    """Try a change again before the page answers."""
    change = lms_changes.retry(tool(), viewer(), change_id)
    state = lms_changes.state_of(course_id, [change_id])
    return _after(change, "change_retried", pushed=state)


@blueprint.route("/<uuid:change_id>/discard", methods=["GET", "POST"])
@requires(Permission.EDIT_GROUPS)
def discard_change(course_id: UUID, change_id: UUID) -> Response:
    """Ask, then give a change up; what of it may have arrived is read from the LMS."""
    if request.method == "GET":
        return page("changes/discard.html", change=lms_changes.see_change(course_id, change_id))
    return _after(lms_changes.give_up(tool(), viewer(), change_id), "change_discarded")


def _after(change: ChangeView, notice: str, **values: str | None) -> Response:
    """Lead back to the page that the button stood on: the set's, or the list of changes."""
    done = Changes(group_sets=frozenset({change.set_id}) if change.set_id else frozenset(), count=1)
    if request.values.get("back") == "set" and change.set_id and change.set_name:
        return changed(done, "group_sets.group_set", set_id=change.set_id, notice=notice, **values)
    return changed(done, "changes.changes", notice=notice, **values)
