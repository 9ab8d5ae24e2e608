"""The doors of groups: join by code, link or list, ask and answer, and the page of a group's code and links."""

from uuid import UUID

import structlog
from flask import Blueprint, Response, request, url_for

from lti_tool.domain.errors import Conflict, Forbidden, RuleViolation
from lti_tool.domain.group_rights import GroupPermission
from lti_tool.domain.invites import find_token, link_code
from lti_tool.domain.permissions import Permission
from lti_tool.services import doors, invites
from lti_tool.services.access import find_viewer
from lti_tool.web import invite_waiting
from lti_tool.web.access import known_visitor, public, requires, tool, viewer
from lti_tool.web.group_access import group_access, requires_in_group
from lti_tool.web.limits import CODE, INVITE, JOIN, limited
from lti_tool.web.own_group_forms import CodeForm, InviteForm
from lti_tool.web.own_groups import done, show_refusal
from lti_tool.web.pages import page, see_other

log = structlog.get_logger(__name__)
blueprint = Blueprint("doors", __name__)
COURSE = "/courses/<uuid:course_id>"
GROUP = f"{COURSE}/groups/<uuid:group_id>"
for kind in (Forbidden, RuleViolation, Conflict):
    blueprint.register_error_handler(kind, show_refusal)


@blueprint.route(f"{COURSE}/join", methods=["GET", "POST"])
@requires(Permission.FORM_GROUPS)
@limited(CODE)
def join_via_code(course_id: UUID) -> Response:
    """Ask for a group's code, then come in by it; a pasted link, or its code, leads to the link's own page."""
    form = CodeForm()
    if request.method == "POST" and form.validate():
        if token := find_token(form.code.data or ""):
            return see_other("doors.join_via_invite_link", token=token)
        try:
            return _entered(doors.join_by_code(viewer(), form.code.data or ""))
        except RuleViolation as error:
            log.info("refused", code=error.code, endpoint=request.endpoint)  # never the code that was typed
            if not error.code.startswith("code_"):  # the code is right, but not for this person or now
                return page("own_groups/join.html", 422, form=form, refusal=error)
            form.refuse(form.code, error)
    return page("own_groups/join.html", 422 if form.errors else 200, form=form, refusal=None)


@blueprint.route(f"{COURSE}/invite/<uuid:token>", methods=["GET", "POST"])
@requires(Permission.FORM_GROUPS)
@limited(JOIN)
def join_via_invite_link(course_id: UUID, token: UUID) -> Response:
    """Ask, then come in by an invite link; looking at it joins nobody."""
    if request.method == "POST":
        return _entered(doors.join_by_link(viewer(), token))
    _, row = invites.find_invite(course_id, token)
    return page("own_groups/invited.html", row=row, token=token)


@blueprint.get("/invite/<uuid:token>")
@public
def open_invite(token: UUID) -> Response:
    """Lead whoever is signed in on to the invite, and tell anybody else how to open the tool in their course (C7)."""
    target = invites.find_target(token)
    person = known_visitor()
    found = find_viewer(person, target.course.id) if person and target else None
    if found and target and target.group_id:
        if found.actor.is_staff:
            return see_other("own_groups.group", course_id=target.course.id, group_id=target.group_id)
        return see_other("doors.join_via_invite_link", course_id=target.course.id, token=token)
    if target is None or target.group_id is None:
        home = target.course.id if found and target else invites.latest_course(person) if person else None
        return page("own_groups/invalid.html", 410, home=home)
    ways = invites.ways_to_open(target, link_of(token))
    shown = page("own_groups/outside.html", target=target, ways=ways, link=link_of(token), code=link_code(token))
    invite_waiting.keep(shown, token)
    return shown


@blueprint.post(f"{GROUP}/join")
@requires(Permission.FORM_GROUPS)
@limited(JOIN)
def join_listed(course_id: UUID, group_id: UUID) -> Response:
    """Join a group of the list, or ask to be let in where somebody has to say yes."""
    return _entered(doors.join_listed(viewer(), group_id))


@blueprint.post(f"{GROUP}/request/withdraw")
@requires(Permission.FORM_GROUPS)
def withdraw_request(course_id: UUID, group_id: UUID) -> Response:
    """Take back one's request to be let into a group."""
    doors.withdraw_request(viewer(), group_id)
    return see_other("home.home", notice="request_withdrawn")


@blueprint.post(f"{GROUP}/requests/<uuid:request_id>/accept")
@requires(Permission.VIEW_COURSE)
@requires_in_group(GroupPermission.ANSWER_REQUESTS)
def accept_request(course_id: UUID, group_id: UUID, request_id: UUID) -> Response:
    """Let somebody in who asked."""
    changes = doors.answer_request(viewer(), group_id, request_id, accepted=True)
    return done(changes, "request_accepted", group_id=group_id)


@blueprint.post(f"{GROUP}/requests/<uuid:request_id>/refuse")
@requires(Permission.VIEW_COURSE)
@requires_in_group(GroupPermission.ANSWER_REQUESTS)
def refuse_request(course_id: UUID, group_id: UUID, request_id: UUID) -> Response:
    """Do not let somebody in who asked."""
    changes = doors.answer_request(viewer(), group_id, request_id, accepted=False)
    return done(changes, "request_refused", group_id=group_id)


@blueprint.get(f"{GROUP}/invites")
@requires(Permission.VIEW_COURSE)
@requires_in_group(GroupPermission.VIEW_INVITES)
def group_invites(course_id: UUID, group_id: UUID) -> Response:
    """Show a group's code and its links, how each stands and whom it brought."""
    return page("own_groups/invites.html", shown=invites.read_invites(group_access()), link_of=link_of)


@blueprint.route(f"{GROUP}/invites/create", methods=["GET", "POST"])
@requires(Permission.VIEW_COURSE)
@limited(INVITE)
@requires_in_group(GroupPermission.CREATE_INVITE)
def create_invite_link(course_id: UUID, group_id: UUID) -> Response:
    """Make an invite link, with an end and a number of uses where wanted."""
    form = InviteForm()
    if request.method == "POST" and form.validate():
        try:
            invites.create_invite(viewer(), group_id, form.expiry, form.max_uses.data)
            return see_other("doors.group_invites", group_id=group_id, notice="invite_created")
        except RuleViolation as error:
            if error.code not in ("expiry_past", "uses_wrong"):
                raise
            form.refuse(form.max_uses if error.code == "uses_wrong" else form.expires_at, error)
    return page("own_groups/new_invite.html", 422 if form.errors else 200, form=form, row=group_access().row)


@blueprint.post(f"{GROUP}/invites/<uuid:invite_id>/deactivate")
@requires(Permission.VIEW_COURSE)
@requires_in_group(GroupPermission.DEACTIVATE_INVITE)
def deactivate_invite(course_id: UUID, group_id: UUID, invite_id: UUID) -> Response:
    """Let a link work no more."""
    invites.deactivate_invite(viewer(), group_id, invite_id)
    return see_other("doors.group_invites", group_id=group_id, notice="invite_deactivated")


def link_of(token: UUID) -> str:
    """Return the whole address of an invite link, as people send it to each other."""
    return tool().settings.base_url.rstrip("/") + url_for("doors.open_invite", token=token)


def _entered(entry: doors.Entry) -> Response:
    if entry.outcome == "join_requested":
        return see_other("home.home", notice="join_requested")
    return done(entry.changes, entry.outcome, group_id=entry.group_id)
