"""Reads a JWK set that somebody else wrote: only RSA keys that may sign, and how long the set may be kept."""

import re
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm
from jwt.exceptions import PyJWTError

LEAST_BITS, MOST_BITS = 2048, 8192
SHORTEST, USUAL, LONGEST = timedelta(minutes=5), timedelta(hours=1), timedelta(hours=24)
MAX_AGE = re.compile(r"(?:^|[\s,])max-age=\"?(\d{1,9})")


def usable_keys(document: Any) -> dict[str, tuple[RSAPublicKey, ...]]:
    """Return the RSA signing keys of a JWK set by kid; everything else in it is passed over (RFC 7517, 5)."""
    entries = document.get("keys") if isinstance(document, dict) else None
    found: dict[str, tuple[RSAPublicKey, ...]] = {}
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(kid := entry.get("kid"), str) and (key := _key(entry)):
            found[kid] = (*found.get(kid, ()), key)
    return found


def _key(entry: dict[str, Any]) -> RSAPublicKey | None:
    meant = entry.get("kty") == "RSA" and entry.get("use", "sig") == "sig" and entry.get("alg", "RS256") == "RS256"
    modulus, exponent = entry.get("n"), entry.get("e")
    if not meant or not isinstance(modulus, str) or not isinstance(exponent, str):
        return None
    try:
        # Nothing but the public numbers: a set that carries private parts by mistake must not yield a private key.
        key = RSAAlgorithm.from_jwk({"kty": "RSA", "n": modulus, "e": exponent})
    except (PyJWTError, ValueError):
        return None
    return key if isinstance(key, RSAPublicKey) and LEAST_BITS <= key.key_size <= MOST_BITS else None


def max_age(cache_control: str) -> timedelta:
    """Return how long a set is kept: as the platform says, between five minutes and a day, or else an hour."""
    match = MAX_AGE.search(cache_control.casefold())
    if match is None:
        return USUAL
    return min(max(timedelta(seconds=int(match[1])), SHORTEST), LONGEST)
