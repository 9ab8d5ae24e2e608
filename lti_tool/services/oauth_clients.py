"""The API developer key of a registration's Canvas, with which instructors lend the tool their own access."""

from uuid import UUID

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LmsRefused, NotFound, RuleViolation
from lti_tool.lms import canvas_oauth
from lti_tool.models import OauthClient, Registration, db, release, transaction
from lti_tool.services.sealing import UnsealError, seal, unseal
from lti_tool.services.tool import Tool
from lti_tool.settings import Settings

CALLBACK_PATH = "/lms/oauth/callback"
SCOPES = canvas_oauth.SCOPES  # what the key has to allow


def set_oauth_client(
    settings: Settings, registration_id: UUID, client_id: str, secret: str, *, set_by: str | None = None
) -> None:
    """Store the key's id and, encrypted, its secret; `set_by`: an administrator's name, None: the command line.

    Raise NotFound, RuleViolation("oauth_client_required" | "oauth_secret_required" | "oauth_unsupported").
    """
    if not client_id.strip():
        raise RuleViolation("oauth_client_required")
    if not secret.strip():
        raise RuleViolation("oauth_secret_required")
    with transaction() as session:
        registration = session.get(Registration, registration_id)
        if registration is None:
            raise NotFound("registration_not_found")
        if registration.family != "canvas":
            raise RuleViolation("oauth_unsupported")
        row = session.get(OauthClient, registration_id) or OauthClient(registration_id=registration_id)
        row.client_id = client_id.strip()
        row.secret_ciphertext = seal(settings, secret.strip())
        row.set_at, row.set_by = now(), set_by
        session.add(row)


def find_client_id(registration_id: UUID) -> str | None:
    """Return the id of a registration's API developer key, None when it has none."""
    row = db.session.get(OauthClient, registration_id)
    return row.client_id if row else None


def open_client(settings: Settings, registration_id: UUID) -> canvas_oauth.OauthClient:
    """Return the key, ready to be used.

    Raise LmsRefused("oauth_client_missing" | "oauth_client_unreadable" | "lms_url_missing").
    """
    row = db.session.get(OauthClient, registration_id)
    if row is None:
        raise LmsRefused("oauth_client_missing")
    lms_url = db.session.get_one(Registration, registration_id).lms_url
    if not lms_url:
        raise LmsRefused("lms_url_missing")
    try:
        return canvas_oauth.OauthClient(lms_url, row.client_id, unseal(settings, row.secret_ciphertext))
    except UnsealError:
        raise LmsRefused("oauth_client_unreadable") from None


def redirect_uri(settings: Settings) -> str:
    """Return where Canvas sends a person back: fixed, because the developer key names it."""
    return settings.base_url.rstrip("/") + CALLBACK_PATH


def missing_scopes(tool: Tool, registration_id: UUID) -> tuple[str, ...]:
    """Return the scopes that the key lacks; raise as `open_client` and `canvas_oauth.missing_scopes`."""
    client = open_client(tool.settings, registration_id)
    release()
    return canvas_oauth.missing_scopes(tool.outbound, client, redirect_uri(tool.settings))


def check_client(tool: Tool, registration_id: UUID) -> None:
    """Ask Canvas whether it knows the key; raise as `open_client` and `canvas_oauth.check_client`."""
    client = open_client(tool.settings, registration_id)
    release()
    canvas_oauth.check_client(tool.outbound, client)
