"""The one door to other machines: time-outs, size caps, no redirects, and no private addresses unless allowed.

Whoever registers a platform or signs a launch chooses addresses that this server then calls; so the address that a
connection really reached is checked before a byte is sent (which also answers DNS that changes its mind).
"""

import io
import ipaddress
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, ReadTimeoutError

from lti_tool.domain.errors import LmsRefused, LmsUnavailable
from lti_tool.host_places import HostPlaces
from lti_tool.version import __version__

USER_AGENT = f"LTI-Groups/{__version__}"
CONNECT_SECONDS = 3.05
TOTAL_SECONDS = 120
MEBIBYTE = 1024 * 1024
# IPv6 addresses that hold an IPv4 address: compatible and mapped (RFC 4291), NAT64 (RFC 6052 and 8215).
ENDS_IN_IPV4 = tuple(map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")))


@dataclass(frozen=True)
class Answer:
    """What another machine answered: status, headers (any case) and the whole body."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Say whether the status is one of success."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """Return the body as text."""
        return self.body.decode("utf-8", errors="replace")

    def json(self) -> Any:
        """Return the body's JSON; raise LmsUnavailable("lms_not_json") when it is something else."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise LmsUnavailable("lms_not_json", host=host_of(self.url), status=self.status) from None

    def next_url(self) -> str | None:
        """Return the address of the next page from the Link header (RFC 8288), its letters as they are."""
        for link in requests.utils.parse_header_links(self.headers.get("Link", "")):
            if link.get("rel") == "next":
                return link.get("url")
        return None


def host_of(url: str) -> str:
    """Return host and port of an address: all of it that may be logged or shown."""
    return urlsplit(url).netloc.rpartition("@")[2]


class _Guard:
    """Decides whether a connection may use the address that it reached, and until when it may be read."""

    def __init__(self, allowed_private_hosts: Iterable[str]) -> None:
        self.allowed = frozenset(host.casefold() for host in allowed_private_hosts)
        self.call = threading.local()  # `until`: the end of the call that this thread makes

    def check(self, sock: socket.socket, host: str) -> None:
        address = ipaddress.ip_address(sock.getpeername()[0].split("%")[0])
        if not is_public(address) and host.casefold() not in self.allowed:
            sock.close()
            raise LmsRefused("address_not_allowed", host=host)


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Say whether an address is one of the open network, also where a gateway makes an IPv4 address of it."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _inner(address)
        return is_public(inner) if inner else address.is_global and not (address.is_multicast or address.is_site_local)
    return address.is_global and not address.is_multicast


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if any(address in place for place in ENDS_IN_IPV4):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour


class _Bounded(io.RawIOBase):
    """An answer's bytes until the call's end: a head, too, may come byte by byte, each of them in time."""

    def __init__(self, source: io.BufferedIOBase, until: float) -> None:
        self._source = source
        self._until = until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if time.monotonic() > self._until:
            raise TimeoutError
        return self._source.readinto1(buffer)

    def close(self) -> None:
        self._source.close()
        super().close()


def _guarded(
    base: type[HTTPConnection], pool_base: type[HTTPConnectionPool], guard: _Guard
) -> type[HTTPConnectionPool]:
    class Response(HTTPResponse):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.fp = io.BufferedReader(_Bounded(self.fp, guard.call.until))

    class Connection(base):  # type: ignore[misc, valid-type] # the base is chosen by the caller
        response_class = Response

        def _new_conn(self) -> socket.socket:
            sock: socket.socket = super()._new_conn()
            guard.check(sock, self.host)
            return sock

    class Pool(pool_base):  # type: ignore[misc, valid-type] # as above
        ConnectionCls = Connection

    return Pool


class _GuardedAdapter(HTTPAdapter):
    def __init__(self, guard: _Guard) -> None:
        self._guard = guard
        super().__init__(pool_connections=20, pool_maxsize=8, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _guarded(HTTPConnection, HTTPConnectionPool, self._guard),
            "https": _guarded(HTTPSConnection, HTTPSConnectionPool, self._guard),
        }


class Outbound:
    """A pool of guarded connections; safe to share between threads (each has a session of its own).

    `places`: where this machine's processes count their calls together; without it each counts for itself.
    `before_call` is done before each call, in its thread.
    """

    def __init__(
        self,
        allowed_private_hosts: Iterable[str] = (),
        places: HostPlaces | None = None,
        before_call: Callable[[], None] = lambda: None,
    ) -> None:
        self.places = places
        self._guard = _Guard(allowed_private_hosts)
        self._before_call = before_call
        self._local = threading.local()

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        data: Mapping[str, Any] | list[tuple[str, Any]] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        read_seconds: float = 10,
        total_seconds: float = TOTAL_SECONDS,
        max_bytes: int = 16 * MEBIBYTE,
    ) -> Answer:
        """Make one call and return the whole answer, whatever its status; redirects are not followed.

        `read_seconds`: the longest silence; `total_seconds`: until the end of the answer, however it trickles.
        Raise LmsUnavailable when the other side is silent or answers too much, LmsRefused("address_not_allowed")
        when the address is private and not allowed or is not https.
        """
        host = host_of(url)
        self.require_scheme(url)
        self._before_call()
        self._guard.call.until = until = time.monotonic() + total_seconds
        try:
            with self._session().request(
                method,
                url,
                params=params,
                data=data,
                headers={"User-Agent": USER_AGENT, **(headers or {})},
                timeout=(CONNECT_SECONDS, read_seconds),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = self._read(response, host, max_bytes, until)
                return Answer(url, response.status_code, response.headers, body)
        except (requests.Timeout, ReadTimeoutError):
            raise LmsUnavailable("lms_timeout", host=host) from None
        except (requests.RequestException, HTTPError):
            raise LmsUnavailable("lms_unreachable", host=host) from None

    def _session(self) -> requests.Session:
        """Return this thread's session; cookies are refused, so that no platform's state reaches another call."""
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False
            session.cookies.set_policy(_NoCookies())
            adapter = _GuardedAdapter(self._guard)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            self._local.session = session
        return session

    def require_scheme(self, url: str) -> None:
        """Raise LmsRefused("address_not_allowed") unless an address is https, or http of a host that may be private.

        A backslash, or a name before the host, is read by some as the end of the host and by others as its beginning.
        """
        parts = urlsplit(url)
        if "\\" in url or "@" in parts.netloc:
            raise LmsRefused("address_not_allowed", host=host_of(url))
        allowed_plain = (parts.hostname or "").casefold() in self._guard.allowed
        if parts.scheme != "https" and not (parts.scheme == "http" and allowed_plain):
            raise LmsRefused("address_not_allowed", host=host_of(url))

    @staticmethod
    def _read(response: requests.Response, host: str, max_bytes: int, until: float) -> bytes:
        """Read the body as it comes: by whole blocks, an answer of a byte a second would be waited for without end."""
        body = bytearray()
        while chunk := response.raw.read1(64 * 1024, decode_content=True):
            body += chunk
            if len(body) > max_bytes:
                raise LmsUnavailable("lms_too_much", host=host)
            if time.monotonic() > until:
                raise LmsUnavailable("lms_timeout", host=host)
        return bytes(body)


class _NoCookies(DefaultCookiePolicy):
    def set_ok(self, cookie: Any, request: Any) -> bool:
        return False
