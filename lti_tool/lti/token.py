"""Reads an id_token strictly: shape, signature and times, with nothing taken from the token's own word for it."""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm

from lti_tool.domain.errors import LaunchError

LONGEST_TOKEN = 64 * 1024
LEEWAY = timedelta(seconds=60)  # Moodle's tokens live for 60 seconds, and school clocks drift
OLDEST = timedelta(minutes=10)
LONGEST_KID = 255
SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
RS256 = RSAAlgorithm(RSAAlgorithm.SHA256)


def _refuse(constant: str) -> None:
    raise ValueError(constant)


DECODER = json.JSONDecoder(parse_constant=_refuse)  # NaN and infinity are no JSON


@dataclass(frozen=True)
class IdToken:
    """A token taken apart; nothing in it is proved before the signature is."""

    kid: str
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def parse(text: object) -> IdToken:
    """Take a compact JWS apart (RFC 7515, 5.2); only RS256 is known, whatever the header says.

    Raise LaunchError("token_missing"), ("token_malformed"), ("token_algorithm") or ("key_id_missing").
    """
    if not isinstance(text, str) or not text:
        raise LaunchError("token_missing")
    parts = text.split(".")
    if len(text) > LONGEST_TOKEN or len(parts) != 3 or not all(SEGMENT.fullmatch(part) for part in parts):
        raise LaunchError("token_malformed")
    header, claims = _object(parts[0]), _object(parts[1])
    # Extensions that must be understood are not (RFC 7515, 4.1.11); keys offered by the token itself are never used.
    if header.get("alg") != "RS256" or "crit" in header:
        raise LaunchError("token_algorithm")
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= LONGEST_KID:
        raise LaunchError("key_id_missing")
    return IdToken(kid, claims, f"{parts[0]}.{parts[1]}".encode(), _bytes(parts[2]))


def _object(segment: str) -> dict[str, Any]:
    try:
        value = DECODER.decode(_bytes(segment).decode("utf-8"))
    except (ValueError, RecursionError):
        raise LaunchError("token_malformed") from None
    if not isinstance(value, dict):
        raise LaunchError("token_malformed")
    return value


def _bytes(segment: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except binascii.Error:
        raise LaunchError("token_malformed") from None


def check_signature(token: IdToken, keys: tuple[RSAPublicKey, ...]) -> None:
    """Raise LaunchError("signature_invalid") unless one of the keys signed the token.

    The algorithm is PyJWT's; its decoder is passed by, because its checks of the alphabet, done above, cost it five
    times as much as the signature.
    """
    if not any(RS256.verify(token.signed, key, token.signature) for key in keys):
        raise LaunchError("signature_invalid", 401)


def check_times(claims: dict[str, Any], now: datetime) -> None:
    """Check that the token is of now (Security Framework, 5.1.3).

    Raise LaunchError("token_times"), ("token_not_yet_valid") or ("token_expired").
    """
    expires, issued = _time(claims, "exp"), _time(claims, "iat")
    if expires is None or issued is None:
        raise LaunchError("token_times")
    starts = _time(claims, "nbf") if claims.get("nbf") is not None else None
    if issued > now + LEEWAY or (starts and starts > now + LEEWAY):
        raise LaunchError("token_not_yet_valid", 401)
    if expires <= now - LEEWAY or issued < now - OLDEST:
        raise LaunchError("token_expired", 401)


def _time(claims: dict[str, Any], name: str) -> datetime | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise LaunchError("token_times")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError):  # a year that the calendar does not know
        raise LaunchError("token_times") from None
