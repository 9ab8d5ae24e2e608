"""A student's page of an assignment, and what students do there about their groups."""

from uuid import UUID

import structlog
from flask import Blueprint, Response, request

from lti_tool.domain.changes import Changes
from lti_tool.domain.errors import Conflict, Forbidden, NotFound, RuleViolation
from lti_tool.domain.permissions import Permission
from lti_tool.services import formation
from lti_tool.services.formation_pages import FormationPage, read_formation
from lti_tool.web.access import requires, viewer
from lti_tool.web.answers import changed_and_pushed, prefers_json
from lti_tool.web.assignment_guard import require_own_grouping
from lti_tool.web.errors import answer_error, status_of
from lti_tool.web.grouping_forms import InviteForm, StartForm
from lti_tool.web.limits import INVITE, limited
from lti_tool.web.live import answer_asking, mark_of
from lti_tool.web.pages import page

log = structlog.get_logger(__name__)
REASONS = ("grouping_not_found", "only_the_inviter")  # which say something of the page's own group
blueprint = Blueprint("formation", __name__, url_prefix="/courses/<uuid:course_id>/assignments/<uuid:assignment_id>")


@blueprint.get("/grouping")
@requires(Permission.FORM_GROUPS)
def grouping(course_id: UUID, assignment_id: UUID) -> Response:
    """Show a student an assignment: the question that is open, the group, and the invitations.

    The page asks for its changing part every few seconds, and is sent it only when something changed.
    """
    shown = _read(course_id, assignment_id)
    part = answer_asking("formation/show.html", "state", _mark(shown), shown=shown, **_forms())
    return part or _show(shown)


@blueprint.post("/grouping/alone")
@requires(Permission.FORM_GROUPS)
def work_alone(course_id: UUID, assignment_id: UUID) -> Response:
    """Work alone on the assignment."""
    return _done(assignment_id, formation.start_alone(viewer(), assignment_id), "works_alone")


@blueprint.post("/grouping/start")
@requires(Permission.FORM_GROUPS)
@limited(INVITE)
def start_grouping(course_id: UUID, assignment_id: UUID) -> Response:
    """Start a group of one's own, whom one then invites others into."""
    form = StartForm()
    if form.validate():
        try:
            made = formation.start_group(viewer(), assignment_id, form.name.data or None)
            return _done(assignment_id, made, "grouping_started")
        except RuleViolation as error:
            if not error.code.startswith("name"):
                raise
            form.refuse(form.name, error)
    return _show(_read(course_id, assignment_id), 422, start_form=form)


@blueprint.post("/groupings/<uuid:grouping_id>/invite")
@requires(Permission.FORM_GROUPS)
@limited(INVITE)
def invite_classmates(course_id: UUID, assignment_id: UUID, grouping_id: UUID) -> Response:
    """Invite classmates: the right ones are invited, and the others are named with the reason."""
    form = InviteForm()
    if form.validate():
        try:
            done = formation.invite(viewer(), grouping_id, form.member_ids.data or [], form.typed.data or "")
        except RuleViolation as error:
            if error.code != "invitees_required":
                raise
            form.refuse(form.typed, error)
        else:
            if not done.refused:
                return _done(assignment_id, done.changes, "invited", count=len(done.invited))
            form.typed.data = "\n".join(word for word, _ in done.refused if word)
            return _show(_read(course_id, assignment_id), 422, invite_form=form, done=done)
    shown = _read(course_id, assignment_id)
    shown.require("invite")  # where nobody can be invited, that is the reason and not the empty form
    return _show(shown, 422, invite_form=form)


@blueprint.post("/groupings/<uuid:grouping_id>/accept")
@requires(Permission.FORM_GROUPS)
def accept_invitation(course_id: UUID, assignment_id: UUID, grouping_id: UUID) -> Response:
    """Join a group by its invitation."""
    return _done(assignment_id, formation.accept(viewer(), grouping_id), "grouping_joined")


@blueprint.post("/groupings/<uuid:grouping_id>/refuse")
@requires(Permission.FORM_GROUPS)
def refuse_invitation(course_id: UUID, assignment_id: UUID, grouping_id: UUID) -> Response:
    """Refuse an invitation."""
    return _done(assignment_id, formation.refuse(viewer(), grouping_id), "invitation_refused")


@blueprint.post("/groupings/<uuid:grouping_id>/invitations/<uuid:member_id>/cancel")
@requires(Permission.FORM_GROUPS)
def cancel_invitation(course_id: UUID, assignment_id: UUID, grouping_id: UUID, member_id: UUID) -> Response:
    """Take back an invitation that nobody answered yet."""
    return _done(assignment_id, formation.cancel_invitation(viewer(), grouping_id, member_id), "invitation_cancelled")


@blueprint.post("/groupings/<uuid:grouping_id>/invitations/<uuid:member_id>/clear")
@requires(Permission.FORM_GROUPS)
def clear_refusal(course_id: UUID, assignment_id: UUID, grouping_id: UUID, member_id: UUID) -> Response:
    """Remove somebody who refused from view."""
    return _done(assignment_id, formation.clear_rejected(viewer(), grouping_id, member_id), "refusal_cleared")


@blueprint.route("/groupings/<uuid:grouping_id>/leave", methods=["GET", "POST"])
@requires(Permission.FORM_GROUPS)
def leave_grouping(course_id: UUID, assignment_id: UUID, grouping_id: UUID) -> Response:
    """Ask, then leave a group that one joined."""
    if request.method == "GET":
        return _ask(course_id, assignment_id, grouping_id, "leave")
    return _done(assignment_id, formation.leave(viewer(), grouping_id), "grouping_left")


@blueprint.route("/groupings/<uuid:grouping_id>/break-up", methods=["GET", "POST"])
@requires(Permission.FORM_GROUPS)
def break_up_grouping(course_id: UUID, assignment_id: UUID, grouping_id: UUID) -> Response:
    """Ask, then break up a group that one started: everybody is free again."""
    if request.method == "GET":
        return _ask(course_id, assignment_id, grouping_id, "break_up")
    return _done(assignment_id, formation.break_up(viewer(), grouping_id), "grouping_broken_up")


blueprint.before_request(require_own_grouping)


@blueprint.errorhandler(RuleViolation)
@blueprint.errorhandler(Conflict)
@blueprint.errorhandler(Forbidden)
@blueprint.errorhandler(NotFound)
def show_refusal(error: RuleViolation | Conflict | Forbidden | NotFound) -> Response:
    """Answer a refused act with the present state of the page and the reason in words.

    Such a reason is too that a group is there no more, because it ended while its page or an invitation to it was
    shown, and that it is somebody else's to change.
    """
    values = request.view_args or {}
    log.info("refused", code=error.code, endpoint=request.endpoint)
    if prefers_json() or (isinstance(error, NotFound | Forbidden) and error.code not in REASONS):
        return answer_error(error)
    try:
        return _show(_read(values["course_id"], values["assignment_id"]), status_of(error), refusal=error)
    except NotFound as missing:
        return answer_error(missing)


def _ask(course_id: UUID, assignment_id: UUID, grouping_id: UUID, act: str) -> Response:
    shown = _read(course_id, assignment_id)
    if shown.own is None or shown.own.row.id != grouping_id:
        raise NotFound("grouping_not_found")
    shown.require(act)
    return page("formation/confirm.html", shown=shown, act=act)


def _read(course_id: UUID, assignment_id: UUID) -> FormationPage:
    member_id = viewer().actor.member_id
    if member_id is None:
        raise NotFound("assignment_not_found")
    return read_formation(course_id, assignment_id, member_id)


def _show(shown: FormationPage, status: int = 200, **more: object) -> Response:
    values = {"refusal": None, **_forms(), **more}
    return page("formation/show.html", status, shown=shown, seen=_mark(shown), **values)


def _forms() -> dict[str, object]:
    return {"start_form": StartForm(), "invite_form": InviteForm(), "done": None}


def _mark(shown: FormationPage) -> str:
    """Return what differs when anything that the page shows did."""
    own = shown.own and (shown.own.name, list(shown.own.seats), shown.own.validity, shown.own.row.approved)
    acts = sorted(shown.refused.items()), shown.answers_open
    return mark_of(own, shown.invitations, acts, shown.classmates, shown.unclear, shown.rules)


def _done(assignment_id: UUID, changes: Changes, notice: str, **counts: int) -> Response:
    """Bring a stored change to the LMS when the set is published, and lead back to the page with a word on both."""
    return changed_and_pushed(changes, "formation.grouping", assignment_id=assignment_id, notice=notice, **counts)
