"""Whose hosts a platform's addresses stand at: the tool's tokens go to the registration's own only (lti.md 6.3)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lti_tool.domain.errors import RuleViolation

# Platforms in the cloud whose configuration stands at another host than their issuer (lti.md 5.5, 7).
SPEAKS_FOR = {
    "sso.canvaslms.com": "canvas.instructure.com",
    "sso.beta.canvaslms.com": "canvas.beta.instructure.com",
    "sso.test.canvaslms.com": "canvas.test.instructure.com",
    "developer.blackboard.com": "blackboard.com",
}
# They serve all schools: none of them is the host of one school's pages and API.
CANVAS_CLOUD = frozenset({host for pair in SPEAKS_FOR.items() for host in pair if "canvas" in host})
CANVAS_SCHOOLS = "https://*.instructure.com"
# A cloud whose keys stand at one of these hosts signs for all schools below a name that nobody else can have.
SCHOOLS = {**dict.fromkeys(CANVAS_CLOUD, ".instructure.com"), "developer.blackboard.com": ".blackboard.com"}
HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
# Nothing that two readers of addresses could take for different hosts: no user, no backslash, no blank.
ADDRESS = re.compile(rf"(https?)://({HOST.pattern})(?=[/?#]|$)[^\s\\]*", re.IGNORECASE)
USUAL_PORTS = {"http": ":80", "https": ":443"}
LONGEST_HOSTS, MOST_HOSTS = 1024, 20


@dataclass(frozen=True)
class PlatformHosts:
    """The hosts of one registration, with their ports, and below which name its cloud serves schools ("": none)."""

    hosts: frozenset[str]
    schools: str = ""

    def has(self, address: str) -> bool:
        """Say whether an address stands at one of them."""
        host = host_in(address)
        return host is not None and (host in self.hosts or bool(self.schools and host.endswith(self.schools)))


def own_hosts(addresses: Iterable[str | None], key_set_url: str | None, other_hosts: str | None) -> PlatformHosts:
    """Return the hosts of a registration: those of its addresses, those that were added, and its cloud's schools.

    Who signs the launches is known by where the keys stand; a self-hosted Canvas often names the cloud's issuer.
    """
    found = {host_in(address) for address in (*addresses, key_set_url) if address}
    keys_at = host_in(key_set_url or "") or ""
    schools = (name for host, name in SCHOOLS.items() if keys_at == host or keys_at.endswith(name))
    return PlatformHosts(
        frozenset(host for host in found if host) | frozenset((other_hosts or "").split()), next(schools, "")
    )


def host_in(address: str) -> str | None:
    """Return the host of a web address, in small letters, with its port unless that is the usual one; else None."""
    match = ADDRESS.fullmatch(address)
    return match[2].casefold().removesuffix(USUAL_PORTS[match[1].casefold()]) if match else None


def read_hosts(text: str) -> str:
    """Return typed hosts with one blank between them; a whole address stands for its host.

    Raise RuleViolation("hosts_invalid", host=…) for what is no host, ("hosts_too_many") for more than there can be.
    """
    hosts: list[str] = []
    for word in text.replace(",", " ").casefold().split():
        host = host_in(word if "://" in word else f"https://{word}")
        if host is None or ("://" not in word and not HOST.fullmatch(word)):
            raise RuleViolation("hosts_invalid", field="other_hosts", host=word[:100])
        hosts.append(host)
    joined = " ".join(dict.fromkeys(hosts))
    if len(joined) > LONGEST_HOSTS or len(joined.split()) > MOST_HOSTS:
        raise RuleViolation("hosts_too_many", field="other_hosts", limit=MOST_HOSTS)
    return joined
