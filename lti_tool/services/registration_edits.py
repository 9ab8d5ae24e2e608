"""Changes to a registration: those that administrators make on pages are held to what a platform may say of itself."""

from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import delete

from lti_tool.domain.administration import Administrator, AdminPermission, administers
from lti_tool.domain.errors import Forbidden, RuleViolation
from lti_tool.domain.platform_hosts import read_hosts
from lti_tool.lti.claims import clean
from lti_tool.lti.platform import forget_registrations
from lti_tool.models import LmsGrant, OauthClient, ServiceToken, db, transaction
from lti_tool.services.registrations import get_registration, require_urls
from lti_tool.services.revocation import read_lent, remove_registration, revoke_lent
from lti_tool.services.tool import Tool

# Whom the tool trusts and what it signs for whom; a platform must not name another one's endpoints as its own, for
# the tool would fetch tokens of that one and send them here (lti.md 6.3, cross-tenant service token).
TRUST = ("issuer", "client_id", "auth_login_url", "auth_token_url", "key_set_url", "token_audience", "other_hosts")
OWN = ("name", "lms_url")


def editable_fields(who: Administrator) -> tuple[str, ...]:
    """Return what somebody may change of a registration."""
    return (*OWN, *TRUST) if administers(who, AdminPermission.MANAGE_ALL) else OWN


def edit_registration(tool: Tool, who: Administrator, registration_id: UUID, values: dict[str, str]) -> bool:
    """Change a registration as somebody may; raise Forbidden("forbidden_all_registrations"), else as below."""
    if not set(values) <= set(editable_fields(who)):
        raise Forbidden("forbidden_all_registrations")
    return change_registration(tool, registration_id, values)


def change_registration(tool: Tool, registration_id: UUID, values: dict[str, str]) -> bool:
    """Change a registration; what is empty becomes unknown. Say whether stored access was forgotten.

    A token goes only to the host that it was stored for: when the LMS's own address names another one, the service
    token, the developer key and what people lent are forgotten; the latter is ended there. Raise NotFound,
    RuleViolation("name_required" | "issuer_required" | "url_invalid") or as `read_hosts`.
    """
    cleaned = {name: text.strip() for name, text in values.items()}
    if "name" in cleaned:  # others read it too, in their list of all
        cleaned["name"] = clean(cleaned["name"])
    if not cleaned.get("name", "kept"):
        raise RuleViolation("name_required")
    if not cleaned.get("issuer", "kept"):
        raise RuleViolation("issuer_required")
    require_urls(cleaned)
    if "other_hosts" in cleaned:
        cleaned["other_hosts"] = read_hosts(cleaned["other_hosts"])
    with transaction():
        registration = get_registration(registration_id)
        moved = _origin(registration.lms_url) != _origin(cleaned.get("lms_url", registration.lms_url))
        lent = read_lent(tool, registration_id) if moved else ()  # while the host is the one at which it was lent
        for name, text in cleaned.items():
            setattr(registration, name, text or None)
        forgotten = moved and _forget_access(registration_id)
    forget_registrations()
    revoke_lent(tool, lent)
    return forgotten


def _origin(address: str | None) -> tuple[str, str]:
    parts = urlsplit(address or "")
    return parts.scheme, parts.netloc.casefold()


def _forget_access(registration_id: UUID) -> bool:
    found = False
    for kind in (ServiceToken, OauthClient, LmsGrant):
        gone = db.session.execute(
            delete(kind).where(kind.registration_id == registration_id).returning(kind.registration_id)
        ).all()
        found = found or bool(gone)
    return found


def remove_named(tool: Tool, registration_id: UUID, typed_name: str) -> None:
    """Remove a registration whose name was typed; raise NotFound, RuleViolation("name_not_typed")."""
    if typed_name.strip() != get_registration(registration_id).name.strip():
        raise RuleViolation("name_not_typed")
    remove_registration(tool, registration_id)
