"""Takes the latest bulk change of a group set back, or makes one that was taken back again."""

from uuid import UUID

from flask import Blueprint, Response

from lti_tool.domain.errors import Conflict, LmsError, RuleViolation
from lti_tool.domain.permissions import Permission
from lti_tool.services.connected_undo import take_back
from lti_tool.web.access import requires, tool, viewer
from lti_tool.web.answers import prefers_json
from lti_tool.web.errors import status_of
from lti_tool.web.forms import UndoForm
from lti_tool.web.group_sets import after_change, show_conflict, show_set

blueprint = Blueprint("undo", __name__, url_prefix="/courses/<uuid:course_id>/group-sets/<uuid:set_id>")
blueprint.register_error_handler(Conflict, show_conflict)


@blueprint.post("/undo")
@requires(Permission.EDIT_GROUPS)
def undo_last_change(course_id: UUID, set_id: UUID) -> Response:
    """Put the set back as it was before its last bulk change, in the LMS too when it has it."""
    form = UndoForm()
    revision = form.revision.data if form.validate() else -1  # of no set: what was shown is not known
    try:
        done = take_back(tool(), viewer(), set_id, revision)
    except (RuleViolation, LmsError) as error:
        if prefers_json():
            raise
        return show_set(course_id, set_id, status_of(error), conflict=error)
    return after_change(set_id, done.changes, done.what)
