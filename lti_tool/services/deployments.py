"""Placements of a platform that an administrator decides about: accepted, refused, switched off."""

from uuid import UUID

from sqlalchemy import select

from lti_tool.domain.clock import now
from lti_tool.domain.errors import NotFound
from lti_tool.lti.platform import forget_registrations
from lti_tool.models import Deployment, db, transaction


def decide_deployment(registration_id: UUID, deployment_id: UUID, *, accept: bool) -> None:
    """Let a placement launch, or not any more; raise NotFound("deployment_not_found").

    One that is refused stays known, so that the next launch does not bring it as a new one.
    """
    with transaction() as session:
        row = session.get(Deployment, deployment_id)
        if row is None or row.registration_id != registration_id:
            raise NotFound("deployment_not_found")
        row.active = accept
        row.refused_at = None if accept else now()
    forget_registrations()


def refuse_deployment(registration_id: UUID, lms_deployment_id: str) -> None:
    """Refuse a placement by the LMS's id of it, as `decide_deployment`; raise NotFound("deployment_not_found")."""
    found = select(Deployment.id).filter_by(registration_id=registration_id, lms_deployment_id=lms_deployment_id)
    deployment_id = db.session.scalar(found)
    if deployment_id is None:
        raise NotFound("deployment_not_found")
    decide_deployment(registration_id, deployment_id, accept=False)
