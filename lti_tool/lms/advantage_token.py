"""Gets access tokens for LTI Advantage services by a signed assertion, and keeps them until they age (lti.md 5.1)."""

import re
import time
from collections.abc import Callable
from uuid import uuid4

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LmsRefused, LmsUnavailable
from lti_tool.lms.http import Form, LmsHttp, Repeat, is_page
from lti_tool.outbound import Answer, host_of

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 60
CLOCKS_DIFFER = 5
RENEW_BEFORE = 60.0
USUAL_LIFE = 3600.0
# Moodle's error is not always valid JSON; the word is read from the text (moodle.md 1.5).
ERROR_WORD = re.compile(r'"error"\s*:\s*"([A-Za-z_ ]{1,60})"')


class TokenSource:
    """The tokens of one client at one token endpoint, by scope.

    They are kept by registration and not for the whole process: two registrations that name the same endpoint and
    client must not get each other's token.
    """

    def __init__(
        self,
        http: LmsHttp,
        token_url: str,
        client_id: str,
        audience: str,
        sign_assertion: Callable[[dict[str, object]], str],
    ) -> None:
        self._http = http
        self._token_url = token_url
        self._client_id = client_id
        self._audience = audience
        self._sign = sign_assertion
        self._kept: dict[str, tuple[str, float]] = {}

    def get(self, scope: str) -> str:
        """Return a token for a scope, a kept one while it has a minute to live.

        Raise LmsRefused("tool_key_refused", reason=…) when the platform does not accept the assertion,
        LmsRefused("tool_keys_unreachable") when it says that it could not fetch the tool's keys.
        """
        token, until = self._kept.get(scope, ("", 0.0))
        if time.monotonic() < until:
            return token
        token, seconds = self._fetch(scope)
        self._kept[scope] = (token, time.monotonic() + seconds - RENEW_BEFORE)
        return token

    def forget(self, scope: str) -> None:
        """Drop a token that the platform no longer takes."""
        self._kept.pop(scope, None)

    def _fetch(self, scope: str) -> tuple[str, float]:
        form: Form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", self._sign(self._claims())),
            ("scope", scope),
        ]
        answer = self._http.send("POST", self._token_url, data=form, repeat=Repeat.SAFE)
        if not answer.ok:
            raise self._refusal(answer)
        body = answer.json()
        token = body.get("access_token") if isinstance(body, dict) else None
        if not isinstance(token, str) or not token:
            raise LmsUnavailable("lms_not_json", host=host_of(self._token_url), status=answer.status)
        life = body.get("expires_in")
        return token, float(life) if isinstance(life, int | float) else USUAL_LIFE

    def _claims(self) -> dict[str, object]:
        issued = int(now().timestamp()) - CLOCKS_DIFFER
        return {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": self._audience,
            "iat": issued,
            "exp": issued + CLOCKS_DIFFER + ASSERTION_SECONDS,
            "jti": uuid4().hex,
        }

    def _refusal(self, answer: Answer) -> LmsRefused:
        host = host_of(self._token_url)
        if answer.status == 404 and is_page(answer):
            # So Moodle says that it cannot reach the tool, usually because of its own address rules.
            return LmsRefused("tool_keys_unreachable", host=host)
        word = ERROR_WORD.search(answer.text)
        return LmsRefused("tool_key_refused", host=host, status=answer.status, reason=word[1] if word else None)
