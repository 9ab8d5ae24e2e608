"""Admin pages of registrations: listed, shown, edited, confirmed, added by hand or by a link, removed."""

from uuid import UUID

from flask import Blueprint, Response, request

from lti_tool.domain.administration import AdminPermission
from lti_tool.domain.errors import RuleViolation
from lti_tool.services import admin_pages, registration_edits, registration_links
from lti_tool.services.registrations import add_registration
from lti_tool.web.access import administrator, requires_administrator, tool
from lti_tool.web.admin_forms import FAMILY_WORDS, LinkForm, NewRegistrationForm, RegistrationForm, RemoveForm
from lti_tool.web.pages import page, see_other

blueprint = Blueprint("admin", __name__, url_prefix="/admin")


@blueprint.get("/")
@requires_administrator(AdminPermission.VIEW_ADMINISTRATION)
def registrations() -> Response:
    """List the registrations that the person administers."""
    return page("admin/list.html", found=admin_pages.list_visible(administrator()))


@blueprint.get("/registrations/<uuid:registration_id>")
@requires_administrator(AdminPermission.MANAGE_REGISTRATION)
def registration(registration_id: UUID) -> Response:
    """Show a registration, what it lacks, and what is typed into the LMS's own form."""
    found = admin_pages.see_registration(registration_id)
    return page("admin/show.html", found=found, fields=admin_pages.see_fields(tool().settings, registration_id))


@blueprint.route("/registrations/new", methods=["GET", "POST"])
@requires_administrator(AdminPermission.MANAGE_ALL)
def add() -> Response:
    """Register a platform by hand."""
    form = NewRegistrationForm()
    if request.method == "POST" and form.validate():
        values = {field.name: (field.data or "").strip() for field in form}
        try:
            made = add_registration(values.pop("issuer"), values.pop("family"), **values)
        except RuleViolation as error:
            form.refuse(form.lms_url if error.facts.get("field") == "lms_url" else form.issuer, error)
        else:
            return see_other("admin.registration", registration_id=made.id, notice="registration_added")
    return page("admin/new.html", 422 if form.errors else 200, form=form, families=FAMILY_WORDS)


@blueprint.route("/registrations/<uuid:registration_id>/edit", methods=["GET", "POST"])
@requires_administrator(AdminPermission.MANAGE_REGISTRATION)
def edit(registration_id: UUID) -> Response:
    """Change a registration, or complete a pending one."""
    found = admin_pages.see_registration(registration_id)
    allowed = registration_edits.editable_fields(administrator())
    form = RegistrationForm(allowed, **{name: getattr(found.row, name) or "" for name in allowed})
    if request.method == "POST" and form.validate():
        try:
            forgotten = registration_edits.edit_registration(tool(), administrator(), registration_id, form.values())
        except RuleViolation as error:
            form.refuse(form[str(error.facts.get("field", "name"))], error)
        else:
            notice = "registration_moved" if forgotten else "registration_saved"
            return see_other("admin.registration", registration_id=registration_id, notice=notice)
    return page("admin/edit.html", 422 if form.errors else 200, found=found, form=form)


@blueprint.post("/registrations/<uuid:registration_id>/confirm")
@requires_administrator(AdminPermission.MANAGE_ALL)
def confirm(registration_id: UUID) -> Response:
    """Let a platform launch that registered itself by a link that did not name it."""
    registration_links.confirm_registration(registration_id)
    return see_other("admin.registration", registration_id=registration_id, notice="registration_confirmed")


@blueprint.route("/registrations/<uuid:registration_id>/remove", methods=["GET", "POST"])
@requires_administrator(AdminPermission.MANAGE_REGISTRATION)
def remove(registration_id: UUID) -> Response:
    """Remove a registration with all that hangs on it, once its name was typed."""
    found = admin_pages.see_registration(registration_id)
    form = RemoveForm()
    if request.method == "POST" and form.validate():
        try:
            registration_edits.remove_named(tool(), registration_id, form.name.data)
        except RuleViolation as error:
            form.refuse(form.name, error)
        else:
            # Whoever removed their own platform has no session any more: it went with it.
            if registration_id == administrator().registration_id:
                return page("admin/removed.html", name=found.row.name)
            return see_other("admin.registrations", notice="registration_removed")
    loss = admin_pages.count_loss(registration_id)
    return page("admin/remove.html", 422 if form.errors else 200, found=found, form=form, loss=loss)


@blueprint.route("/links", methods=["GET", "POST"])
@requires_administrator(AdminPermission.MANAGE_ALL)
def links() -> Response:
    """List the one-time links; a new one is shown in the answer that makes it, and never again."""
    form, made = LinkForm(), None
    if request.method == "POST" and form.validate():
        try:
            made = registration_links.create_registration_link(tool().settings, form.hours.data, form.issuer.data)
        except RuleViolation as error:
            form.refuse(form.issuer if error.code == "issuer_invalid" else form.hours, error)
    found = registration_links.list_registration_links()
    return page("admin/links.html", 422 if form.errors else 200, form=form, made=made, found=found)


@blueprint.post("/links/<uuid:link_id>/withdraw")
@requires_administrator(AdminPermission.MANAGE_ALL)
def withdraw_link(link_id: UUID) -> Response:
    """Let a link work no more."""
    registration_links.withdraw_registration_link(link_id)
    return see_other("admin.links", notice="link_withdrawn")
