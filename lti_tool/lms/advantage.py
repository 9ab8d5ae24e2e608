"""Reads a roster by LTI Advantage: Names and Role Provisioning 2.0 with the tool's own signed assertion."""

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from lti_tool.domain.errors import LmsRefused, LmsUnavailable
from lti_tool.domain.gateway import Progress, Step, no_progress
from lti_tool.domain.platform_hosts import PlatformHosts
from lti_tool.domain.roster import RemoteRoster
from lti_tool.lms.advantage_people import roster
from lti_tool.lms.advantage_token import TokenSource
from lti_tool.lms.http import LmsHttp, Params
from lti_tool.lms.paging import OnPage, ignore_pages, linked_pages, reader
from lti_tool.outbound import Answer, Outbound, host_of

# A hint: Canvas gives 50 at most, Moodle everything at once if it is not asked for less (lti.md 5.2).
LIMIT = 500
Json = dict[str, Any]


@dataclass(frozen=True)
class Service:
    """One LTI service that gives a list: its scope and media type, where the list stands, and its code when off."""

    scope: str
    media_type: str
    key: str
    needed: tuple[str, ...]  # what every entry has
    off: str


NRPS = Service(
    scope="https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly",
    media_type="application/vnd.ims.lti-nrps.v2.membershipcontainer+json",
    key="members",
    needed=("user_id",),
    off="roster_service_off",
)


class Advantage:
    """The LTI services of one registration; keeps its access token for as long as it lives."""

    def __init__(
        self,
        outbound: Outbound,
        *,
        token_url: str,
        client_id: str,
        audience: str,
        sign_assertion: Callable[[dict[str, object]], str],
        hosts: PlatformHosts,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        # Canvas counts the calls of LTI services by client, whatever token they bear (canvas.md section 9).
        self._http = LmsHttp(outbound, access=f"{client_id} at {token_url}", sleep=sleep)
        self._hosts = hosts
        self._tokens = TokenSource(self._http, token_url, client_id, audience, sign_assertion)

    @property
    def calls(self) -> int:
        """Return how many HTTP calls were made so far, those for tokens too."""
        return self._http.calls

    def check_access(self, service: Service = NRPS) -> None:
        """Ask for an access token: given only if the platform knows our client id and can read our key set.

        Raise LmsRefused("tool_key_refused" | "tool_keys_unreachable"), the code of a service whose scope the platform
        does not give, or LmsUnavailable.
        """
        self._token(service)

    def fetch_roster(
        self,
        memberships_url: str,
        *,
        resource_link_id: str | None,
        family: str,
        progress: Progress = no_progress,
        known_people: Collection[str] = (),
    ) -> RemoteRoster:
        """Fetch the whole roster (NRPS 2.0; lti.md 5.2).

        With a resource link Canvas adds each person's own Canvas id; a platform that does not know the link is
        asked without it. Where one of `known_people` (ids of LTI or of the LMS) is missing, the list is read a second
        time: platforms count pages off, and who moves up while it is read is on none of them. Raise
        LmsRefused("tool_key_refused", "tool_keys_unreachable", "token_rejected", "roster_service_off",
        "service_elsewhere"), LmsUnavailable("lms_not_json" …) and what paging raises.
        """
        on_page = told(progress, Step.FETCHING_ROSTER)
        link: list[tuple[str, object]] = [("rlid", resource_link_id)] if resource_link_id else []
        try:
            members = self.read_list(NRPS, memberships_url, link, on_page)
        except LmsRefused as error:
            if error.code != "value_refused" or not link:
                raise
            link = []
            members = self.read_list(NRPS, memberships_url, link, on_page)
        found = roster(members, family)
        if set(known_people) <= {name for one in found.people for name in (one.lti_user_id, one.lms_user_id)}:
            return found
        return roster([*members, *self.read_list(NRPS, memberships_url, link, on_page)], family)

    def read_list(self, service: Service, url: str, params: Params = (), on_page: OnPage = ignore_pages) -> list[Json]:
        """Read a service's list to its end, and once more from its start if the platform ended the token early.

        A launch named the address, and its platform may be hostile: the token goes to hosts of the registration only
        (lti.md 6.3). Raise as `fetch_roster`, with the service's own code when it is off.
        """
        if not self._hosts.has(url):
            raise LmsRefused("service_elsewhere", host=host_of(url))
        params = [("limit", LIMIT), *params]
        try:
            return self._read_list(service, url, params, on_page)
        except LmsRefused as error:
            if error.code != "token_rejected":
                raise
        self._tokens.forget(service.scope)
        return self._read_list(service, url, params, on_page)

    def _read_list(self, service: Service, url: str, params: Params, on_page: OnPage) -> list[Json]:
        headers = {"Authorization": f"Bearer {self._token(service)}", "Accept": service.media_type}
        read = reader(self._http, lambda answer: _require_success(answer, service), headers)
        found: list[Json] = []
        for page in linked_pages(read, url, params):
            found += _entries(page, service)
            on_page(len(found), len(found) if page.next_url() is None else 0)
        return found

    def _token(self, service: Service) -> str:
        try:
            return self._tokens.get(service.scope)
        except LmsRefused as error:
            if error.facts.get("reason") != "invalid_scope":
                raise
            raise LmsRefused(service.off, host=error.facts.get("host")) from None


def told(progress: Progress, step: Step) -> OnPage:
    """Return a taker of page counts that tells them as progress of a step."""
    return lambda done, total: progress(step, done, total)


def _entries(page: Answer, service: Service) -> Iterator[Json]:
    body = page.json()
    entries = body.get(service.key) if isinstance(body, dict) else None
    if not isinstance(entries, list):
        raise LmsUnavailable("lms_not_json", host=host_of(page.url), status=page.status)
    for entry in entries:
        if not isinstance(entry, dict) or not all(entry.get(name) for name in service.needed):
            raise LmsUnavailable("lms_not_json", host=host_of(page.url), status=page.status)
        yield entry


def _require_success(answer: Answer, service: Service) -> None:
    if answer.ok:
        return
    codes = {400: "value_refused", 401: "token_rejected", 403: service.off, 404: service.off}
    code = "lms_redirects" if 300 <= answer.status < 400 else codes.get(answer.status, "lms_refused")
    raise LmsRefused(code, host=host_of(answer.url), status=answer.status)
