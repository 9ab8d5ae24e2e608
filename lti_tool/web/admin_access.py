"""Admin pages of what a platform may do and by whose right it is reached: placements, service token, developer key."""

from uuid import UUID

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from lti_tool.domain.administration import AdminPermission
from lti_tool.domain.errors import RuleViolation
from lti_tool.services import admin_pages, deployments, oauth_clients, registrations, revocation, tokens
from lti_tool.services.administration import name_of
from lti_tool.web.access import requires_administrator, tool, visitor
from lti_tool.web.admin_forms import ClientForm, DeploymentForm, TokenForm
from lti_tool.web.pages import page, see_other

blueprint = Blueprint("admin_access", __name__, url_prefix="/admin/registrations/<uuid:registration_id>")


@blueprint.get("/deployments")
@requires_administrator(AdminPermission.MANAGE_REGISTRATION)
def placements(registration_id: UUID) -> Response:
    """List the placements: known ones, and those that launches brought."""
    return _placements(registration_id, DeploymentForm())


def _placements(registration_id: UUID, form: DeploymentForm) -> Response:
    return page(
        "admin/deployments.html",
        422 if form.errors else 200,
        found=admin_pages.see_registration(registration_id),
        deployments=admin_pages.see_deployments(registration_id),
        form=form,
    )


@blueprint.post("/deployments")
@requires_administrator(AdminPermission.MANAGE_REGISTRATION)
def add_placement(registration_id: UUID) -> Response:
    """Allow a placement before it launches."""
    form = DeploymentForm()
    if not form.validate():
        return _placements(registration_id, form)
    registrations.add_deployment(registration_id, form.deployment_id.data.strip())
    return see_other("admin_access.placements", registration_id=registration_id, notice="deployment_accepted")


@blueprint.post("/deployments/<uuid:deployment_id>/accept")
@requires_administrator(AdminPermission.MANAGE_REGISTRATION)
def accept_placement(registration_id: UUID, deployment_id: UUID) -> Response:
    """Let a placement launch."""
    deployments.decide_deployment(registration_id, deployment_id, accept=True)
    return see_other("admin_access.placements", registration_id=registration_id, notice="deployment_accepted")


@blueprint.post("/deployments/<uuid:deployment_id>/refuse")
@requires_administrator(AdminPermission.MANAGE_REGISTRATION)
def refuse_placement(registration_id: UUID, deployment_id: UUID) -> Response:
    """Let a placement launch no more, or not at all."""
    deployments.decide_deployment(registration_id, deployment_id, accept=False)
    return see_other("admin_access.placements", registration_id=registration_id, notice="deployment_refused")


@blueprint.post("/deployments/rule")
@requires_administrator(AdminPermission.MANAGE_REGISTRATION)
def set_rule(registration_id: UUID) -> Response:
    """Say whether placements that launches bring are let in at once."""
    registrations.set_rules(registration_id, accepts_deployments=request.form.get("accepts") == "yes")
    return see_other("admin_access.placements", registration_id=registration_id, notice="rule_saved")


@blueprint.get("/access")
@requires_administrator(AdminPermission.MANAGE_REGISTRATION)
def access(registration_id: UUID) -> Response:
    """Show what is stored to reach the LMS's own API; no secret is ever shown."""
    return _access(registration_id, TokenForm(), ClientForm())


def _access(registration_id: UUID, token: TokenForm, client: ClientForm) -> Response:
    return page(
        "admin/access.html",
        422 if token.errors or client.errors else 200,
        found=admin_pages.see_registration(registration_id),
        stored=admin_pages.see_access(tool().settings, registration_id),
        token=token,
        client=client,
    )


@blueprint.post("/access/token")
@requires_administrator(AdminPermission.MANAGE_REGISTRATION)
def set_token(registration_id: UUID) -> Response:
    """Store the service token, in place of the one before."""
    form = TokenForm()
    if not form.validate():
        return _access(registration_id, form, ClientForm(MultiDict()))
    tokens.set_service_token(tool().settings, registration_id, form.token.data, set_by=_name())
    return see_other("admin_access.access", registration_id=registration_id, notice="token_stored")


@blueprint.post("/access/token/remove")
@requires_administrator(AdminPermission.MANAGE_REGISTRATION)
def remove_token(registration_id: UUID) -> Response:
    """Forget the service token."""
    tokens.remove_service_token(registration_id)
    return see_other("admin_access.access", registration_id=registration_id, notice="token_removed")


@blueprint.post("/access/developer-key")
@requires_administrator(AdminPermission.MANAGE_REGISTRATION)
def set_client(registration_id: UUID) -> Response:
    """Store the API developer key, in place of the one before."""
    form = ClientForm()
    if form.validate():
        try:
            oauth_clients.set_oauth_client(
                tool().settings, registration_id, form.client_id.data, form.secret.data, set_by=_name()
            )
        except RuleViolation as error:
            form.refuse(form.client_id, error)
        else:
            return see_other("admin_access.access", registration_id=registration_id, notice="client_stored")
    return _access(registration_id, TokenForm(MultiDict()), form)


@blueprint.post("/access/developer-key/remove")
@requires_administrator(AdminPermission.MANAGE_REGISTRATION)
def remove_client(registration_id: UUID) -> Response:
    """Forget the API developer key, and what people lent by it."""
    revocation.remove_oauth_client(tool(), registration_id)
    return see_other("admin_access.access", registration_id=registration_id, notice="client_removed")


def _name() -> str | None:
    person = visitor()
    return name_of(person) if person else None
