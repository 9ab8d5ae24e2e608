"""The tool's addresses that one platform is given; its registration is found by the id in them."""

from dataclasses import dataclass
from uuid import UUID

from lti_tool.settings import Settings


@dataclass(frozen=True)
class ToolAddresses:
    """Login, launch (the one redirect address), public keys, and the configuration for Canvas."""

    login: str
    launch: str
    jwks: str
    config: str


def tool_addresses(settings: Settings, registration_id: UUID) -> ToolAddresses:
    """Return the addresses of a registration, which may be about to be made."""
    base = f"{settings.base_url.rstrip('/')}/lti/{registration_id}"
    return ToolAddresses(f"{base}/login", f"{base}/launch", f"{base}/jwks.json", f"{base}/config.json")
