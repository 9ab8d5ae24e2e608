"""Shows what others changed in the LMS of a published set, and takes a decision for each difference."""

from uuid import UUID

from flask import Blueprint, Response, request

from lti_tool.domain.drift import Choice
from lti_tool.domain.errors import Conflict
from lti_tool.domain.permissions import Permission
from lti_tool.services.drift import check_drift
from lti_tool.services.drift_choices import settle_all, settle_drift
from lti_tool.services.publication import read_publication
from lti_tool.web.access import requires, tool, viewer
from lti_tool.web.answers import changed, prefers_json
from lti_tool.web.errors import answer_error
from lti_tool.web.pages import page
from lti_tool.web.runs import see_open_run

blueprint = Blueprint("drift", __name__, url_prefix="/courses/<uuid:course_id>/group-sets/<uuid:set_id>/drift")
SIDES = {choice.value: choice for choice in Choice}


@blueprint.get("")
@requires(Permission.PUBLISH)
def drift(course_id: UUID, set_id: UUID) -> Response:
    """Ask the LMS what it holds of the set now, and show each difference with its choices."""
    try:
        return page("publication/drift.html", drift=check_drift(tool(), course_id, set_id, viewer().access_id))
    except Conflict:
        return see_open_run(course_id)


@blueprint.post("")
@requires(Permission.PUBLISH)
def settle(course_id: UUID, set_id: UUID) -> Response:
    """Carry out what was chosen, here or in the LMS; 409 with the present state when the page was stale."""
    shown = request.form.get("shown", "")
    every = SIDES.get(request.form.get("every", ""))
    try:
        if every:
            settled = settle_all(tool(), viewer(), set_id, every, shown)
        else:
            sent = {key.removeprefix("item:"): value for key, value in request.form.items() if key.startswith("item:")}
            choices = {key: SIDES[value] for key, value in sent.items() if value in SIDES}
            settled = settle_drift(tool(), viewer(), set_id, choices, shown)
    except Conflict as error:
        if prefers_json() or error.code != "drift_changed":
            return answer_error(error)
        present = check_drift(tool(), course_id, set_id, viewer().access_id)
        return page("publication/drift.html", 409, drift=present, conflict=error)
    pushed = read_publication(course_id, set_id)
    state = pushed.shown_state if pushed else None
    count = {"count": settled.count, "pushed": state} if settled.count else {}
    notice = "drift_settled" if settled.count else "drift_left"
    return changed(settled, "group_sets.group_set", set_id=set_id, notice=notice, **count)
