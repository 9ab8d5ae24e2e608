"""Checking a tool's signed assertion at a token endpoint against the keys that the tool publishes."""

import time
from typing import Any

import jwt
import requests

from lti_tool.demo.config import ToolLink

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_CACHE_SECONDS = 300.0


class KeysUnreachableError(Exception):
    """The tool's key set cannot be fetched."""


class UnknownKeyError(Exception):
    """The tool publishes no key with this id."""


class KeyCache:
    """The key sets of tools; one that lacks a key id is fetched again."""

    def __init__(self) -> None:
        self._sets: dict[str, tuple[float, dict[str, Any]]] = {}

    def find(self, url: str, kid: str) -> jwt.PyJWK:
        made, keys = self._sets.get(url, (0.0, {}))
        if kid not in keys or time.time() - made > _CACHE_SECONDS:
            keys = self._fetch(url)
            self._sets[url] = (time.time(), keys)
        if kid not in keys:
            raise UnknownKeyError(kid)
        return jwt.PyJWK(keys[kid], algorithm="RS256")

    @staticmethod
    def _fetch(url: str) -> dict[str, Any]:
        try:
            answer = requests.get(url, timeout=5)
            answer.raise_for_status()
            return {key["kid"]: key for key in answer.json()["keys"]}
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            raise KeysUnreachableError(url) from error


def verify(cache: KeyCache, tool: ToolLink, assertion: str, audiences: list[str] | None) -> dict[str, Any]:
    """Return the claims of a valid assertion; pyjwt's errors and the two above tell what is wrong."""
    kid = str(jwt.get_unverified_header(assertion).get("kid", ""))
    key = cache.find(tool.jwks_url, kid)
    claims: dict[str, Any] = jwt.decode(
        assertion,
        key,
        algorithms=["RS256"],
        audience=audiences,
        leeway=5,
        options={"require": ["iss", "sub", "exp", "iat"], "verify_aud": audiences is not None},
    )
    return claims
