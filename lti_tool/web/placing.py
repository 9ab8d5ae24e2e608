"""The picker that the LMS opens when a teacher places a link, and the answer that takes the links there."""

from uuid import UUID

from flask import Blueprint, Response, g, request

from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.permissions import Permission
from lti_tool.lti.platform import origins
from lti_tool.services import placing as service
from lti_tool.web.access import requires, tool, viewer
from lti_tool.web.pages import page
from lti_tool.web.placing_forms import PlacingForm

blueprint = Blueprint("placing", __name__, url_prefix="/courses/<uuid:course_id>/placing/<uuid:placing_id>")
FIND_FROM = 8  # so many are found by looking


@blueprint.route("", methods=["GET", "POST"])
@requires(Permission.PLACE_LINKS)
def place_link(course_id: UUID, placing_id: UUID) -> Response:
    """Show what can be placed, and answer the LMS with what was chosen."""
    form = PlacingForm()
    if request.method == "POST" and form.validate() and "seek" not in request.form:
        try:
            return _answer(service.place(tool(), viewer(), placing_id, form.chosen.data or ()))
        except RuleViolation as error:
            form.refuse(form.chosen, error)
    asked = service.get_placing(viewer(), placing_id)
    offered = service.list_placeable(course_id)
    chosen = form.chosen.data or ()
    return page(
        "placing/choose.html",
        422 if form.errors else 200,
        asked=asked,
        form=form,
        chosen=chosen,
        shown=[found for found in offered if form.words in found.name.casefold() or found.key in chosen],
        seeks=len(offered) > FIND_FROM,
    )


@blueprint.post("/cancel")
@requires(Permission.PLACE_LINKS)
def cancel_placing(course_id: UUID, placing_id: UUID) -> Response:
    """Answer the LMS that nothing was chosen."""
    return _answer(service.cancel(tool(), viewer(), placing_id))


def _answer(placed: service.Placed) -> Response:
    """Return the page whose form takes the answer on, in the same window: the one page that may post elsewhere."""
    g.form_target = " ".join(("'self'", *origins((placed.return_url,))))
    return page("placing/answer.html", placed=placed)
