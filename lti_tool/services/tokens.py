"""LMS access tokens of the tool itself, encrypted at rest."""

from uuid import UUID

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LmsRefused, NotFound, RuleViolation
from lti_tool.models import Registration, ServiceToken, db, transaction
from lti_tool.services.sealing import UnsealError, seal, unseal
from lti_tool.settings import Settings


def set_service_token(settings: Settings, registration_id: UUID, token: str, *, set_by: str | None = None) -> None:
    """Store the service token of a registration's LMS; `set_by`: an administrator's name, None: the command line.

    Raise NotFound or RuleViolation("token_required").
    """
    if not token.strip():
        raise RuleViolation("token_required")
    with transaction() as session:
        if session.get(Registration, registration_id) is None:
            raise NotFound("registration_not_found")
        row = session.get(ServiceToken, registration_id) or ServiceToken(registration_id=registration_id)
        row.ciphertext = seal(settings, token.strip())
        row.set_at, row.set_by = now(), set_by
        session.add(row)


def remove_service_token(registration_id: UUID) -> None:
    """Forget the service token of a registration; its LMS knows it still. Raise NotFound("token_not_found")."""
    with transaction() as session:
        row = session.get(ServiceToken, registration_id)
        if row is None:
            raise NotFound("token_not_found")
        session.delete(row)


def read_service_token(settings: Settings, registration_id: UUID) -> str | None:
    """Return the service token of a registration, None when it has none.

    Raise LmsRefused("token_unreadable") when SECRET_KEY changed since it was stored.
    """
    row = db.session.get(ServiceToken, registration_id)
    if row is None:
        return None
    try:
        return unseal(settings, row.ciphertext)
    except UnsealError:
        raise LmsRefused("token_unreadable") from None
