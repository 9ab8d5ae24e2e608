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
from lti_tool.lti.platform_configuration import (
    PlatformConfiguration,
    fetch_configuration,
    require_configuration_url,
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
    confirmed = issuer is not None and not platform.foreign_hosts
    registration_id = uuid4()  # its addresses have it, so it is known before the platform knows them
    with _taken(link_id):
        request = build_request(tool.settings, registration_id, platform)
        client = register(tool.outbound, platform, request, registration_token)
        _require_own_client(platform, client)
        _store(registration_id, link_id, platform, client, confirmed=confirmed)
    return RegisteredPlatform(
        registration_id,
        platform.name,
        platform.family,
        platform.issuer,
        confirmed=confirmed,
        has_deployment=client.deployment_id is not None,
        has_api=platform.lms_url is not None,
    )


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


def _require_own_client(platform: PlatformConfiguration, client: RegisteredClient) -> None:
    """Raise Conflict when another registration has this client of somebody else's token address (lti.md 6.3)."""
    if not platform.foreign_hosts:
        return
    same = select(Registration.auth_token_url, Registration.token_audience).where(
        Registration.client_id == client.client_id
    )
    for addresses in db.session.execute(same).all():
        if platform.foreign_hosts & {host_of(address).casefold() for address in addresses if address}:
            raise Conflict("registration_client_taken")


def _store(
    registration_id: UUID, link_id: UUID, platform: PlatformConfiguration, client: RegisteredClient, *, confirmed: bool
) -> None:
    with transaction() as session:
        session.add(
            Registration(
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
                confirmed=confirmed,
                created_at=now(),
            )
        )
        session.flush()
        if client.deployment_id is not None:
            session.add(
                Deployment(
                    registration_id=registration_id,
                    lms_deployment_id=client.deployment_id,
                    active=True,
                    created_at=now(),
                )
            )
        session.execute(
            update(RegistrationLink).where(RegistrationLink.id == link_id).values(registration_id=registration_id)
        )
