"""The state of a login on its way through the platform: signed, short-lived, bound to one browser, and no row."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

from itsdangerous import BadData, Signer, URLSafeSerializer

from lti_tool.domain.errors import LaunchError
from lti_tool.settings import Settings

COOKIE_PREFIX = "__Host-lti-"
LONGEST_STATE = 1024
SEPARATOR = "~"  # in no field


@dataclass(frozen=True)
class LoginState:
    """What a login promised: for which platform, with which nonce, from which browser, until when."""

    registration_id: UUID
    nonce: str
    bind_hash: str  # SHA-256 of the secret that only the browser has
    expires_at: datetime

    @property
    def bind_cookie(self) -> str:
        """Return the name of the cookie that holds this login's secret; several tabs may log in at once."""
        return COOKIE_PREFIX + self.bind_hash[:8]


def digest(secret: str) -> str:
    """Return the SHA-256 of a secret, hex."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def seal(settings: Settings, state: LoginState) -> str:
    """Return the state as a signed token (lti.md 6.3, stateless alternative)."""
    fields = (state.registration_id.hex, state.nonce, state.bind_hash, str(int(state.expires_at.timestamp())))
    return _signer(settings).sign(SEPARATOR.join(fields)).decode()


def unseal(settings: Settings, token: object, now: datetime) -> LoginState:
    """Return the state of a token; raise LaunchError("state_missing"), ("state_invalid") or ("state_expired")."""
    if not isinstance(token, str) or not token:
        raise LaunchError("state_missing")
    if len(token) > LONGEST_STATE:
        raise LaunchError("state_invalid", 401)
    try:
        fields = _signer(settings).unsign(token).decode()
    except (BadData, UnicodeError):
        raise LaunchError("state_invalid", 401) from None
    registration, nonce, bind_hash, expires = fields.split(SEPARATOR)
    state = LoginState(UUID(registration), nonce, bind_hash, datetime.fromtimestamp(int(expires), UTC))
    if now >= state.expires_at:
        raise LaunchError("state_expired", 401)
    return state


@lru_cache(maxsize=1024)
def seal_origins(settings: Settings, origins: tuple[str, ...]) -> str:
    """Return the origins that a launch proved, signed for one more address: no credential, only not to be forged."""
    sealed = _serializer(settings).dumps(list(origins))
    return sealed if isinstance(sealed, str) else sealed.decode()


def unseal_origins(settings: Settings, token: str) -> tuple[str, ...]:
    """Return the origins of a signed text; none for one that this tool did not sign."""
    try:
        return tuple(_serializer(settings).loads(token))
    except (BadData, UnicodeError):
        return ()


@lru_cache(maxsize=8)
def _signer(settings: Settings) -> Signer:
    return Signer(settings.secret_key, salt="lti-login", key_derivation="hmac", digest_method=hashlib.sha256)


@lru_cache(maxsize=8)
def _serializer(settings: Settings) -> URLSafeSerializer:
    options = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeSerializer(settings.secret_key, salt="lti-origins", signer_kwargs=options)
