"""Shows how the course reaches its LMS, and lets staff lend their own access or take it back."""

from uuid import UUID

from flask import Blueprint, Response, request

from lti_tool.domain.errors import LmsError
from lti_tool.domain.permissions import Permission
from lti_tool.services.connection import ask_rights, see_connection
from lti_tool.services.consents import write_ticket
from lti_tool.services.grants import take_back
from lti_tool.web.access import requires, tool, viewer, visitor
from lti_tool.web.limits import ASK, limited
from lti_tool.web.pages import page, see_other

blueprint = Blueprint("connection", __name__, url_prefix="/courses/<uuid:course_id>")


@blueprint.get("/connection")
@requires(Permission.VIEW_CONNECTION)
@limited(ASK)
def connection(course_id: UUID) -> Response:
    """Show by whose right the LMS is reached; with `ask` the LMS says what that right allows."""
    found = see_connection(tool(), viewer())
    rights, error = None, None
    if "ask" in request.args and found.problem is None:
        try:
            rights = ask_rights(tool(), viewer())
        except LmsError as failure:
            error = failure
        found = see_connection(tool(), viewer())  # what was answered is kept
    return page(
        "connection/show.html",
        found=found,
        rights=rights,
        error=error,
        ticket=write_ticket(tool().settings, visitor(), viewer()),
    )


@blueprint.post("/connection/disconnect")
@requires(Permission.VIEW_CONNECTION)
def disconnect(course_id: UUID) -> Response:
    """Take back what the viewer lent."""
    revoked = take_back(tool(), viewer())
    return see_other("connection.connection", notice="access_taken_back" if revoked else "access_forgotten")
