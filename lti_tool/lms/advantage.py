"""Reads a roster by LTI Advantage: Names and Role Provisioning 2.0 with the tool's own signed assertion."""

import time
from collections.abc import Callable, Iterator

from lti_tool.domain.errors import LmsRefused, LmsUnavailable
from lti_tool.domain.gateway import Progress, Step, no_progress
from lti_tool.domain.roster import RemoteRoster
from lti_tool.lms.advantage_people import roster
from lti_tool.lms.advantage_token import TokenSource
from lti_tool.lms.http import LmsHttp, Params
from lti_tool.lms.paging import linked_pages, reader
from lti_tool.outbound import Answer, Outbound, host_of

NRPS_SCOPE = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
NRPS_TYPE = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
# A hint: Canvas gives 50 at most, Moodle everything at once if it is not asked for less (lti.md 5.2).
LIMIT = 500


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
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = LmsHttp(outbound, sleep=sleep)
        self._tokens = TokenSource(self._http, token_url, client_id, audience, sign_assertion)

    @property
    def calls(self) -> int:
        """Return how many HTTP calls were made so far, those for tokens too."""
        return self._http.calls

    def check_access(self) -> None:
        """Ask for an access token: given only if the platform knows our client id and can read our key set.

        Raise LmsRefused("tool_key_refused" | "tool_keys_unreachable") or LmsUnavailable.
        """
        self._tokens.get(NRPS_SCOPE)

    def fetch_roster(
        self,
        memberships_url: str,
        *,
        resource_link_id: str | None,
        family: str,
        progress: Progress = no_progress,
    ) -> RemoteRoster:
        """Fetch the whole roster (NRPS 2.0; lti.md 5.2).

        With a resource link Canvas adds each person's own Canvas id; a platform that does not know the link is
        asked without it. Raise LmsRefused("tool_key_refused", "tool_keys_unreachable", "token_rejected",
        "roster_service_off"), LmsUnavailable("lms_not_json" …) and what paging raises.
        """
        try:
            return self._with_fresh_token(memberships_url, resource_link_id, family, progress)
        except LmsRefused as error:
            if error.code != "value_refused" or resource_link_id is None:
                raise
        return self._with_fresh_token(memberships_url, None, family, progress)

    def _with_fresh_token(self, url: str, link_id: str | None, family: str, progress: Progress) -> RemoteRoster:
        try:
            return self._fetch(url, link_id, family, progress)
        except LmsRefused as error:
            if error.code != "token_rejected":
                raise
        # A platform may end a token before its time.
        self._tokens.forget(NRPS_SCOPE)
        return self._fetch(url, link_id, family, progress)

    def _fetch(self, url: str, link_id: str | None, family: str, progress: Progress) -> RemoteRoster:
        headers = {"Authorization": f"Bearer {self._tokens.get(NRPS_SCOPE)}", "Accept": NRPS_TYPE}
        params: Params = [("limit", LIMIT), *([("rlid", link_id)] if link_id else [])]
        read = reader(self._http, _require_success, headers)
        members: list[dict[str, object]] = []
        for page in linked_pages(read, url, params):
            members += _members(page)
            progress(Step.FETCHING_ROSTER, len(members), len(members) if page.next_url() is None else 0)
        return roster(members, family)


def _members(page: Answer) -> Iterator[dict[str, object]]:
    body = page.json()
    members = body.get("members") if isinstance(body, dict) else None
    if not isinstance(members, list):
        raise LmsUnavailable("lms_not_json", host=host_of(page.url), status=page.status)
    for member in members:
        if not isinstance(member, dict) or not member.get("user_id"):
            raise LmsUnavailable("lms_not_json", host=host_of(page.url), status=page.status)
        yield member


def _require_success(answer: Answer) -> None:
    if answer.ok:
        return
    codes = {400: "value_refused", 401: "token_rejected", 403: "roster_service_off", 404: "roster_service_off"}
    code = "lms_redirects" if 300 <= answer.status < 400 else codes.get(answer.status, "lms_refused")
    raise LmsRefused(code, host=host_of(answer.url), status=answer.status)
