"""What is built once per process and handed to the services that need it."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from lti_tool.host_places import HostPlaces
from lti_tool.lti.keys import KeyRing
from lti_tool.lti.platform_keys import PlatformKeys
from lti_tool.outbound import Outbound
from lti_tool.services import runs
from lti_tool.services.document_store import DocumentStore, open_store
from lti_tool.settings import Settings


@dataclass(frozen=True)
class Tool:
    """The settings, the door to other machines, the keys of both sides, the queue, the documents' place."""

    settings: Settings
    outbound: Outbound
    key_ring: KeyRing
    platform_keys: PlatformKeys
    ring: Callable[[UUID], None]  # tells a worker that a run is queued
    count_queued: Callable[[], int]  # asks the queue; raises what its own kind raises when it does not answer
    documents: DocumentStore


def build_tool(settings: Settings, ring: Callable[[UUID], None], count_queued: Callable[[], int]) -> Tool:
    """Build the collaborators of one process."""
    places = HostPlaces(settings.data_dir / "places", settings.secret_key)
    outbound = Outbound(settings.allowed_private_hosts, places, before_call=runs.beat)
    keys = KeyRing(settings.keys_dir), PlatformKeys(outbound)
    return Tool(settings, outbound, *keys, ring, count_queued, open_store(settings))
