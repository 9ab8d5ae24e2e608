"""Makes groups of a size at random of the students who have none: asked, shown, then made."""

import secrets
from uuid import UUID

from flask import Blueprint, Response, request

from lti_tool.domain.allocation import SizeRule
from lti_tool.domain.errors import Conflict, RuleViolation
from lti_tool.domain.permissions import Permission
from lti_tool.services import group_draws, group_sets
from lti_tool.services.group_draws import GroupsDraw, Order
from lti_tool.services.namesakes import read_namesakes
from lti_tool.web.access import requires, viewer
from lti_tool.web.forms import GroupsDrawForm
from lti_tool.web.group_sets import after_change, show_conflict
from lti_tool.web.groups import SEEDS
from lti_tool.web.pages import page

blueprint = Blueprint("group_draws", __name__, url_prefix="/courses/<uuid:course_id>/group-sets/<uuid:set_id>")
blueprint.register_error_handler(Conflict, show_conflict)


@blueprint.route("/groups/draw", methods=["GET", "POST"])
@requires(Permission.EDIT_GROUPS)
def draw_groups(course_id: UUID, set_id: UUID) -> Response:
    """Ask for a size, show which groups chance would make, then make exactly those."""
    group_sets.get_set_to_edit(viewer(), set_id)
    form = GroupsDrawForm(name="team", size=4, rule=SizeRule.AT_MOST, seed=secrets.randbelow(SEEDS))
    drawn = None
    if "size" in request.values and form.validate():
        order = Order(form.name.data, form.size.data, form.rule.data)
        try:
            if request.method == "POST":
                draw = (form.seed.data, form.revision.data, form.people_mark.data or "")
                made = group_draws.make_groups(viewer(), set_id, order, draw)
                return after_change(set_id, made, "groups_drawn", count=made.count)
            drawn = group_draws.draw_groups(viewer(), set_id, order, form.seed.data)
        except RuleViolation as error:
            form.refuse(form.name if error.code.startswith("name") else form.size, error)
    return _shown(course_id, set_id, form, drawn)


def _shown(course_id: UUID, set_id: UUID, form: GroupsDrawForm, drawn: GroupsDraw | None) -> Response:
    return page(
        "groups/draw.html",
        422 if form.errors else 200,
        form=form,
        drawn=drawn,
        again=secrets.randbelow(SEEDS),
        namesakes=read_namesakes(course_id),
        waiting=group_draws.count_waiting(course_id, set_id),
        group_set=group_sets.get_set(course_id, set_id),
    )
