"""A person's notices: the list, the badge that counts what is new, and the choice of e-mail."""

from uuid import UUID

from flask import Blueprint, Response, current_app, make_response, render_template, request, url_for

from lti_tool.domain.permissions import Permission
from lti_tool.services import notices as services
from lti_tool.services.notices import NoticeView
from lti_tool.web.access import requires, tool, viewer
from lti_tool.web.notice_forms import MailForm, ReadForm
from lti_tool.web.pages import can, page, see_other, wants_fragment

blueprint = Blueprint("notices", __name__, url_prefix="/courses/<uuid:course_id>/notices")


@blueprint.get("")
@requires(Permission.VIEW_NOTICES)
def notices(course_id: UUID) -> Response:
    """List what the person was told, newest first; reading it marks nothing: the page sends a POST for that."""
    shown = services.read_notices(viewer(), request.args.get("page", 1, type=int))
    addresses = {one.id: _address(one) for one in shown.notices}
    mail_form = MailForm(wants_mail=shown.wants_mail) if tool().settings.smtp_url else None
    return page("notices/list.html", shown=shown, addresses=addresses, mail_form=mail_form)


@blueprint.get("/badge")
@requires(Permission.VIEW_NOTICES)
def unread_badge(course_id: UUID) -> Response:
    """Show the number of new notices, or nothing (204) when it is as the page has it."""
    if request.args.get("seen", type=int) == viewer().unread:
        return make_response("", 204)
    return show_badge(viewer().unread)


@blueprint.post("/read")
@requires(Permission.VIEW_NOTICES)
def mark_notices_read(course_id: UUID) -> Response:
    """Mark what the page shows as read; what came since stays new."""
    services.mark_read(viewer(), ReadForm().newest.data)
    if wants_fragment():
        return show_badge(0)  # what came meanwhile is counted by the next question, because the badge says 0
    return see_other("notices.notices")


@blueprint.post("/mail")
@requires(Permission.VIEW_NOTICES)
def choose_notice_mail(course_id: UUID) -> Response:
    """Store whether the person wants their notices by e-mail too."""
    services.choose_mail(viewer(), wanted=MailForm().wants_mail.data)
    return see_other("notices.notices", notice="mail_chosen")


def show_badge(unread: int) -> Response:
    """Answer with the number of new notices, for its place in the navigation."""
    return make_response(render_template("notices/badge.html", unread=unread))


def _address(notice: NoticeView) -> str | None:
    """Return the page that a notice is about, as far as there is one for this person."""
    if notice.assignment_id:
        endpoint = "formation.grouping" if can(Permission.FORM_GROUPS) else "groupings.groupings"
        return url_for(endpoint, assignment_id=notice.assignment_id)
    if notice.group_id and "own_groups.group" in current_app.view_functions:
        return url_for("own_groups.group", group_id=notice.group_id)
    return None
