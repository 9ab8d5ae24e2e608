"""Platforms that may launch the tool: registered, completed, listed and removed."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from sqlalchemy import select, update

from lti_tool.domain.clock import now
from lti_tool.domain.errors import NotFound, RuleViolation
from lti_tool.domain.platform_hosts import CANVAS_CLOUD, SPEAKS_FOR, PlatformHosts, own_hosts, read_hosts
from lti_tool.lti.claims import web_address
from lti_tool.lti.once import insert_once
from lti_tool.lti.platform import forget_registrations
from lti_tool.models import Deployment, Registration, db, transaction

FAMILIES = ("canvas", "moodle", "other")
URL_FIELDS = ("auth_login_url", "auth_token_url", "key_set_url", "lms_url")
# Where the LTI side of Canvas's cloud answers for every school, by the issuer.
CLOUD_SIGN_IN = {f"https://{said}": f"https://{host}" for host, said in SPEAKS_FOR.items() if host in CANVAS_CLOUD}
PATHS = {
    "canvas": {
        "auth_login_url": "/api/lti/authorize_redirect",
        "auth_token_url": "/login/oauth2/token",
        "key_set_url": "/api/lti/security/jwks",
    },
    "moodle": {
        "auth_login_url": "/mod/lti/auth.php",
        "auth_token_url": "/mod/lti/token.php",
        "key_set_url": "/mod/lti/certs.php",
    },
}


def add_registration(
    issuer: str, family: str, *, name: str = "", deployments: Sequence[str] = (), **fields: str | None
) -> Registration:
    """Register a platform; what is not given follows from the family's usual addresses.

    `fields`: client_id, auth_login_url, auth_token_url, key_set_url, token_audience, lms_url, other_hosts. Without a
    client id the registration is pending. Raise RuleViolation("issuer_required" | "issuer_invalid" |
    "family_unknown" | "url_invalid") or as `read_hosts`.
    """
    issuer = issuer.strip()
    if not issuer:
        raise RuleViolation("issuer_required")
    if not _is_split(issuer):
        raise RuleViolation("issuer_invalid")
    if family not in FAMILIES:
        raise RuleViolation("family_unknown", family=family)
    require_urls(fields)
    values = {**_usual(issuer, family, fields.get("lms_url")), **{k: v for k, v in fields.items() if v}}
    require_urls(values)
    if "other_hosts" in values:
        values["other_hosts"] = read_hosts(values["other_hosts"])
    registration = Registration(
        id=uuid4(),
        name=name or urlsplit(issuer).netloc or issuer,
        family=family,
        issuer=issuer,
        created_at=now(),
        **values,
    )
    with transaction() as session:
        session.add(registration)
        session.flush()
        for lms_deployment_id in dict.fromkeys(deployments):
            session.add(_deployment(registration.id, lms_deployment_id))
    return registration


def _usual(issuer: str, family: str, lms_url: str | None) -> dict[str, str]:
    """Return the usual addresses of a Canvas or Moodle; the issuer of Canvas's cloud tells no school's host."""
    base = (lms_url or issuer).rstrip("/")
    if family not in PATHS or urlsplit(base).netloc in CANVAS_CLOUD:
        return {}
    usual = {"lms_url": base, **{field: base + path for field, path in PATHS[family].items()}}
    if family == "canvas" and issuer in CLOUD_SIGN_IN:
        for field in ("auth_login_url", "key_set_url"):
            usual[field] = CLOUD_SIGN_IN[issuer] + PATHS["canvas"][field]
    return usual


def _is_split(issuer: str) -> bool:
    """Say whether a text has the parts of an address; an issuer is compared as a text, and few are none."""
    try:
        urlsplit(issuer)
    except ValueError:
        return False
    return True


def require_urls(values: Mapping[str, str | None]) -> None:
    """Raise RuleViolation("url_invalid", field=…) for an address that is none."""
    for field in URL_FIELDS:
        value = values.get(field)
        if value and web_address(value) is None:
            raise RuleViolation("url_invalid", field=field)


def _deployment(registration_id: UUID, lms_deployment_id: str) -> Deployment:
    return Deployment(
        registration_id=registration_id, lms_deployment_id=lms_deployment_id, active=True, created_at=now()
    )


def set_rules(
    registration_id: UUID, *, accepts_deployments: bool | None = None, manages_all: bool | None = None
) -> None:
    """Change what a registration's launches bring: placements at once, administrators for all; None: as it is.

    Whether its administrators manage all is for the command line alone, since any platform may name its own. Raise
    NotFound.
    """
    with transaction():
        registration = get_registration(registration_id)
        if accepts_deployments is not None:
            registration.accepts_deployments = accepts_deployments
        if manages_all is not None:
            registration.manages_all = manages_all
    forget_registrations()


def list_registrations() -> Sequence[Registration]:
    """Return all registrations, oldest first."""
    return db.session.scalars(select(Registration).order_by(Registration.created_at)).all()


def find_registration(registration_id: UUID) -> Registration | None:
    """Return a registration, None when there is none of that id."""
    return db.session.get(Registration, registration_id)


def get_registration(registration_id: UUID) -> Registration:
    """Return a registration; raise NotFound."""
    registration = find_registration(registration_id)
    if registration is None:
        raise NotFound("registration_not_found")
    return registration


def hosts_of(registration: Registration) -> PlatformHosts:
    """Return the hosts to which a token of the tool may go.

    Its administrators may change the address of the LMS's API, which counts too: a platform could have named that host
    as its issuer in the first place.
    """
    addresses = (registration.issuer, registration.auth_login_url, registration.auth_token_url, registration.lms_url)
    return own_hosts(addresses, registration.key_set_url, registration.other_hosts)


def remove_registration(registration_id: UUID) -> None:
    """Remove a registration with all its courses; raise NotFound."""
    with transaction() as session:
        session.delete(get_registration(registration_id))
    forget_registrations()


def add_deployment(registration_id: UUID, lms_deployment_id: str) -> None:
    """Allow a placement; one that a launch brought is activated. Raise NotFound."""
    get_registration(registration_id)
    with transaction() as session:
        key = {"registration_id": registration_id, "lms_deployment_id": lms_deployment_id}
        fresh = {"id": uuid4(), "active": True, "created_at": now()}
        if not insert_once(session.connection(), Deployment, **key, **fresh):
            session.execute(update(Deployment).filter_by(**key).values(active=True, refused_at=None))
