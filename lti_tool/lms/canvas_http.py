"""Carries Canvas calls with an access token, and with the next one when Canvas does not take it any more."""

import time
from typing import Protocol, Unpack

from lti_tool.lms.canvas_errors import refuses_token
from lti_tool.lms.http import CallOptions, LmsHttp, Repeat, Sleep
from lti_tool.outbound import Answer, Outbound


class Token(Protocol):
    """Gives the present access token; `rejected` is the one that Canvas did not take, so a newer one is wanted.

    `access` stays the same however often the token is renewed: its calls are counted together.
    """

    @property
    def access(self) -> str:
        """Return what names the access among all of one LMS."""

    def __call__(self, rejected: str | None = None) -> str:
        """Return a token; raise LmsError when there is none any more."""


class ServiceAccess:
    """A token that stays as it is."""

    def __init__(self, token: str) -> None:
        self._token = token

    @property
    def access(self) -> str:
        """Return the token, which is the same for every course."""
        return self._token

    def __call__(self, rejected: str | None = None) -> str:
        """Return the one token."""
        return self._token


class CanvasHttp(LmsHttp):
    """The calls of one access to one Canvas; a token that was refused is renewed once for each call."""

    def __init__(self, outbound: Outbound, token: Token, *, sleep: Sleep = time.sleep) -> None:
        super().__init__(outbound, access=token.access, sleep=sleep)
        self._token = token

    def send(self, method: str, url: str, *, repeat: Repeat, **options: Unpack[CallOptions]) -> Answer:
        """Make one call as `LmsHttp.send`; with a refused token nothing was done, so any call may be repeated."""
        headers = options.get("headers") or {}

        def carry(token: str) -> Answer:
            options["headers"] = {**headers, "Authorization": f"Bearer {token}"}
            return super(CanvasHttp, self).send(method, url, repeat=repeat, **options)

        token = self._token()
        answer = carry(token)
        if answer.status == 401 and refuses_token(answer) and (newer := self._token(token)) != token:
            return carry(newer)
        return answer
