"""A platform that registers itself by a one-time link: asked who it is, registered there, stored here, once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import select, update

from lti_tool.domain.clock import now
from lti_tool.domain.errors import Conflict, Forbidden, RuleViolation
from lti_tool.domain.registration_links import LinkStatus, require_open
from lti_tool.lti.dynamic_registration import RegisteredClient, build_request, register
from lti_tool.lti.once import insert_once
from lti_tool.lti.platform import forget_registrations
from lti_tool.lti.platform_configuration import (
    PlatformConfiguration,
    fetch_configuration,
    require_configuration_url,
    told_client,
)
from lti_tool.models import Deployment, Registration, RegistrationLink, db, release, transaction
from lti_tool.outbound import host_of
from lti_tool.services.registration_links import find_open_link
from lti_tool.services.tool import Tool

LONGEST_TOKEN = 8192


@dataclass(frozen=True)
class PlatformRequest:
    """Who asks by which link, before anything is fetched or used up."""

    host: str
    needs_confirmation: bool


@dataclass(frozen=True)
class RegisteredPlatform:
    """What a link brought, for the page that says what to do next."""

    registration_id: UUID
    name: str
    family: str
    issuer: str
    confirmed: bool
    has_deployment: bool
    has_api: bool  # whether the base of the LMS's own API is known
    updated: bool  # whether it was registered before, and stays what it is


def read_platform_request(tool: Tool, token: str, configuration_url: str) -> PlatformRequest:
    """Say who asks to be registered; nothing is called.

    Raise Forbidden as `find_open_link`, RuleViolation("platform_url_missing" | "platform_url_invalid").
    """
    link = find_open_link(token)
    if not configuration_url:
        raise RuleViolation("platform_url_missing")
    require_configuration_url(tool.outbound, configuration_url)
    return PlatformRequest(host_of(configuration_url), needs_confirmation=link.issuer is None)


def register_platform(tool: Tool, token: str, configuration_url: str, registration_token: str) -> RegisteredPlatform:
    """Register the tool at a platform and store what it answers; the link is used up only when all of it went well.

    A platform that says it updates a client of its own (moodle.md 1.2) keeps that registration, its courses and groups.
    Raise Forbidden as `find_open_link` and ("registration_link_issuer"), RuleViolation("platform_token_invalid"),
    Conflict("registration_client_taken") and what `fetch_configuration` and `dynamic_registration.register` raise.
    """
    link = find_open_link(token)
    link_id, issuer = link.id, link.issuer
    if len(registration_token) > LONGEST_TOKEN or not (
        registration_token.isascii() and registration_token.isprintable()
    ):
        raise RuleViolation("platform_token_invalid")
    release()
    platform = fetch_configuration(tool.outbound, configuration_url, registration_token)
    if issuer is not None and platform.issuer.rstrip("/") != issuer.rstrip("/"):
        raise Forbidden("registration_link_issuer", issuer=issuer, found=platform.issuer)
    # All platforms know the tool by one key: who names another one's token address, or has its assertions made out to
    # another one, may be after that one's tokens.
    vouched = issuer is not None and not platform.foreign_hosts
    known, known_client = _find_known(platform, told_client(registration_token))
    registration_id = known or uuid4()  # its addresses have it, so it is known before the platform knows them
    release()
    with _taken(link_id):
        request = build_request(tool.settings, registration_id, platform)
        client = register(tool.outbound, platform, request, registration_token)
        if known is None:
            _require_own_client(platform, client.client_id)
        elif client.client_id != known_client:
            raise Conflict("registration_client_taken")
        confirmed = _store(registration_id, link_id, platform, client, vouched=vouched)
    forget_registrations()
    return RegisteredPlatform(
        registration_id,
        platform.name,
        platform.family,
        platform.issuer,
        confirmed=confirmed,
        has_deployment=client.deployment_id is not None,
        has_api=platform.lms_url is not None,
        updated=known is not None,
    )


def _find_known(platform: PlatformConfiguration, client_id: str | None) -> tuple[UUID | None, str | None]:
    """Return the registration of the client that a platform says it updates, and that client; None for a new one.

    It has to be this very platform's: the same issuer, keys and addresses. Where it is not quite, raise
    Conflict("registration_client_taken") before anything is sent: the platform would open the tool by a new
    registration then, without the courses of the old one.
    """
    if client_id is None:
        return None, None
    found = db.session.scalar(
        select(Registration.id)
        .where(
            Registration.client_id == client_id,
            Registration.issuer == platform.issuer,
            Registration.auth_login_url == platform.auth_login_url,
            Registration.auth_token_url == platform.auth_token_url,
            Registration.key_set_url == platform.key_set_url,
            Registration.token_audience.is_not_distinct_from(platform.token_audience),
        )
        .order_by(Registration.created_at, Registration.id)
    )
    if found is None:
        _require_own_client(platform, client_id)
    return found, client_id


@contextmanager
def _taken(link_id: UUID) -> Iterator[None]:
    """Take the link for one registration and give it back if that fails; of two at the same time one has it.

    A process that dies meanwhile leaves the link taken: what the platform did with it is not known.
    """
    at = now()
    open_link = update(RegistrationLink).where(
        RegistrationLink.id == link_id,
        RegistrationLink.used_at.is_(None),
        RegistrationLink.withdrawn_at.is_(None),
        RegistrationLink.expires_at > at,
    )
    with transaction() as session:
        taken = session.scalar(open_link.values(used_at=at).returning(RegistrationLink.id))
    if taken is None:
        require_open(LinkStatus.USED)
    try:
        yield
    except BaseException:
        with transaction() as session:
            session.execute(update(RegistrationLink).where(RegistrationLink.id == link_id).values(used_at=None))
        raise


def _require_own_client(platform: PlatformConfiguration, client_id: str) -> None:
    """Raise Conflict when a registration has this client at the same host of access tokens (lti.md 6.3).

    Hosts and not whole addresses, since one address can be written in many ways, and two platforms on one host hand
    out different ids. An issuer and client id without the host are not unique in the field.
    """
    same = select(Registration.auth_token_url, Registration.token_audience).where(Registration.client_id == client_id)
    named = _token_hosts(platform.auth_token_url, platform.token_audience)
    for addresses in db.session.execute(same).all():
        if named & _token_hosts(*addresses):
            raise Conflict("registration_client_taken")


def _token_hosts(*addresses: str | None) -> set[str]:
    """Return where token requests go and whom they are made out to, which may be a text without a host."""
    return {(host_of(address) or address).casefold() for address in addresses if address}


def _store(
    registration_id: UUID, link_id: UUID, platform: PlatformConfiguration, client: RegisteredClient, *, vouched: bool
) -> bool:
    """Store what a link brought, and say whether it may launch; of one that was known, nothing is taken back."""
    with transaction() as session:
        row = session.get(Registration, registration_id)
        is_new = row is None
        if row is None:
            row = _new_row(registration_id, platform, client)
            session.add(row)
        row.confirmed = row.confirmed or vouched
        session.flush()
        if client.deployment_id is not None:
            # A further placement of one that may launch already is let in where the link named the platform.
            active = is_new or vouched
            key = {"registration_id": registration_id, "lms_deployment_id": client.deployment_id}
            insert_once(session.connection(), Deployment, **key, id=uuid4(), active=active, created_at=now())
        session.execute(
            update(RegistrationLink).where(RegistrationLink.id == link_id).values(registration_id=registration_id)
        )
        return row.confirmed


def _new_row(registration_id: UUID, platform: PlatformConfiguration, client: RegisteredClient) -> Registration:
    return Registration(
        id=registration_id,
        name=platform.name,
        family=platform.family,
        issuer=platform.issuer,
        client_id=client.client_id,
        auth_login_url=platform.auth_login_url,
        auth_token_url=platform.auth_token_url,
        key_set_url=platform.key_set_url,
        token_audience=platform.token_audience,
        lms_url=platform.lms_url,
        confirmed=False,
        created_at=now(),
    )
