"""Admin pages of what happens: launches and refusals, runs, and the doctor."""

from uuid import UUID

from flask import Blueprint, Response, request

from lti_tool.domain.administration import AdminPermission
from lti_tool.services import admin_activity, admin_pages, refusals
from lti_tool.services.doctor import examine_for
from lti_tool.web.access import administrator, may_administer, requires_administrator, tool
from lti_tool.web.limits import DOCTOR, limited
from lti_tool.web.pages import page

blueprint = Blueprint("admin_activity", __name__, url_prefix="/admin")

SHOWN = 50


@blueprint.get("/registrations/<uuid:registration_id>/launches")
@requires_administrator(AdminPermission.MANAGE_REGISTRATION)
def launches(registration_id: UUID) -> Response:
    """List the latest launches without who, and those that were refused, with the reason."""
    return page(
        "admin/launches.html",
        found=admin_pages.see_registration(registration_id),
        launches=admin_activity.list_launches(registration_id, SHOWN),
        refusals=refusals.list_refusals(registration_id, SHOWN),
    )


@blueprint.get("/refusals")
@requires_administrator(AdminPermission.VIEW_ADMINISTRATION)
def find_refusal() -> Response:
    """Find a refused launch by the reference that the person was shown."""
    reference = request.args.get("reference", "")
    who = administrator()
    found = refusals.find_refusals(reference, None if who.manages_all else (who.registration_id,)) if reference else []
    return page("admin/refusals.html", reference=reference, refusals=found)


@blueprint.get("/registrations/<uuid:registration_id>/runs")
@requires_administrator(AdminPermission.MANAGE_REGISTRATION)
def runs(registration_id: UUID) -> Response:
    """List the latest runs over the courses of the registration."""
    return page(
        "admin/runs.html",
        found=admin_pages.see_registration(registration_id),
        runs=admin_activity.list_registration_runs(registration_id, SHOWN),
    )


@blueprint.route("/registrations/<uuid:registration_id>/doctor", methods=["GET", "POST"])
@requires_administrator(AdminPermission.MANAGE_REGISTRATION)
@limited(DOCTOR)
def doctor(registration_id: UUID) -> Response:
    """Check every precondition when asked by a POST, which asks the LMS; nothing is changed by it."""
    findings = None
    if request.method == "POST":
        findings = examine_for(tool(), registration_id, whole=may_administer(AdminPermission.MANAGE_ALL))
    return page("admin/doctor.html", found=admin_pages.see_registration(registration_id), findings=findings)
