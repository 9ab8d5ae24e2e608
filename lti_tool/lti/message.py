"""pylti1p3's launch with its gaps closed: the same steps in the same order, each of them strict.

What pylti1p3 leaves open (lti.md 1.5 to 1.9): replay, tokens without an end, foreign audiences, wrong types, keys
fetched for every launch. State, token, signature, parties, times and deployment are checked here; the message itself
by pylti1p3's validators.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NoReturn

from pylti1p3.cookie import CookieService
from pylti1p3.exception import LtiException
from pylti1p3.message_launch import MessageLaunch
from pylti1p3.request import Request
from pylti1p3.session import SessionService
from pylti1p3.tool_config.abstract import ToolConfAbstract

from lti_tool.domain.errors import LaunchError
from lti_tool.lti import claims as read
from lti_tool.lti import deep_linking, token
from lti_tool.lti.facts import CLAIM
from lti_tool.lti.platform import Platform, require_active_deployment
from lti_tool.lti.platform_keys import PlatformKeys
from lti_tool.lti.state import LoginState, unseal
from lti_tool.models import Registration
from lti_tool.settings import Settings

VERSION = "1.3.0"
MESSAGE_TYPES = ["LtiResourceLinkRequest", deep_linking.REQUEST]


class _Nothing:
    """Stands where pylti1p3 would keep a session, a cookie jar or a connection of its own; none is ever used."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AssertionError(f"pylti1p3 reached for {name} behind the edge")


NOTHING: Any = _Nothing()


class StrictLaunch(MessageLaunch[Request, ToolConfAbstract[Request], SessionService, CookieService]):
    """One launch on its way through the checks; `validate` raises LaunchError and nothing else."""

    state: LoginState
    placing: deep_linking.PlacingSettings | None = None  # of a request for links

    def __init__(
        self,
        settings: Settings,
        platform: Platform,
        registration: Registration,
        platform_keys: PlatformKeys,
        form: Mapping[str, str],
        *,
        now: datetime,
    ) -> None:
        super().__init__(NOTHING, NOTHING, session_service=NOTHING, cookie_service=NOTHING, requests_session=NOTHING)
        self._settings = settings
        self._platform = platform
        self._row = registration
        self._platform_keys = platform_keys
        self._form = form
        self._now = now

    @property
    def claims(self) -> dict[str, Any]:
        """Return the claims; before `validate` has returned they prove nothing."""
        return self._token.claims

    def _get_request_param(self, key: str) -> str:
        return self._form.get(key, "")

    def validate_state(self) -> "StrictLaunch":
        """Check that this tool began the login, lately and for this registration (6.2, line 2)."""
        self.state = unseal(self._settings, self._form.get("state"), self._now)
        if self.state.registration_id != self._platform.registration_id:
            raise LaunchError("state_invalid", 401)
        return self

    def validate_jwt_format(self) -> "StrictLaunch":
        """Take the token apart (lines 1 and 3)."""
        self._token = token.parse(self._form.get("id_token"))
        self.set_jwt({"header": {"kid": self._token.kid, "alg": "RS256"}, "body": self._token.claims})  # type: ignore[typeddict-item] # claims of any kind; the steps below look at each
        return self

    def validate_nonce(self) -> "StrictLaunch":
        """Compare the nonce with the login's (line 8); that it serves once is seen to when the launch is recorded."""
        if self.claims.get("nonce") != self.state.nonce:
            raise LaunchError("nonce_mismatch", 401)
        return self

    def validate_registration(self) -> "StrictLaunch":
        """Compare both parties with the registration of the URL, letter by letter (lines 5 and 6)."""
        claims, client_id = self.claims, self._platform.client_id
        if claims.get("iss") != self._platform.issuer:
            raise LaunchError("issuer_mismatch", 401)
        # The strictest reading: a token that others may use too is not for us.
        if claims.get("aud") not in (client_id, [client_id]):
            raise LaunchError("audience_mismatch", 401)
        if claims.get("azp") not in (None, client_id):
            raise LaunchError("audience_mismatch", 401)
        return self

    def validate_jwt_signature(self) -> "StrictLaunch":
        """Check the signature with this registration's keys only, then the times (lines 3, 4 and 7)."""
        token.check_signature(self._token, self._platform_keys.keys(self._row, self._token.kid))
        token.check_times(self.claims, self._now)
        return self

    def validate_deployment(self) -> "StrictLaunch":
        """Look at the shape of the message, then for its placement in the store (lines 9 and 10)."""
        self._check_shape()
        require_active_deployment(self._platform.registration_id, self.claims[f"{CLAIM}deployment_id"])
        return self

    def _check_shape(self) -> None:
        """Check the types that pylti1p3's validators take for granted."""
        claims = self.claims
        # A list, because the claim may be of a type that no set can look up.
        if claims.get(f"{CLAIM}message_type") not in MESSAGE_TYPES:
            raise LaunchError("message_unsupported")
        subject = claims.get("sub")
        if not subject:
            raise LaunchError("user_missing")
        roles = claims.get(f"{CLAIM}roles")
        context = claims.get(f"{CLAIM}context")
        link = claims.get(f"{CLAIM}resource_link")
        sound = (
            read.identifier(subject) and subject.isascii(),
            read.identifier(claims.get(f"{CLAIM}deployment_id")),
            isinstance(roles, list) and all(isinstance(role, str) for role in roles),
            self._is_placing or (isinstance(link, dict) and read.identifier(link.get("id"))),
            not context or (isinstance(context, dict) and read.identifier(context.get("id"))),
        )
        if not all(sound):
            raise LaunchError("message_invalid")
        if self._is_placing:
            self.placing = deep_linking.read_settings(claims, self._settings.allowed_private_hosts)

    @property
    def _is_placing(self) -> bool:
        return bool(self.claims.get(f"{CLAIM}message_type") == deep_linking.REQUEST)

    def validate_message(self) -> "StrictLaunch":
        """Leave version and required claims to pylti1p3's validators (line 9).

        Its validator of requests for links refuses those that are to be answered with none: of these the version is
        all that was not looked at yet.
        """
        if self._is_placing and self.claims.get(f"{CLAIM}version") == VERSION:
            return self
        try:
            super().validate_message()
        except LtiException:
            raise LaunchError("message_invalid") from None
        return self

    def save_launch_data(self) -> "StrictLaunch":
        """Keep nothing: the facts are recorded in one transaction by the service."""
        return self
