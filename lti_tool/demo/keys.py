"""The RSA key pair of a site: made once, kept in the state file, shown as a JWK set."""

import functools
import hashlib
import json
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from lti_tool.demo.config import Flavour


@functools.cache
def new_pem(flavour: Flavour) -> str:
    """Return a new private key; one per site and process, because making them takes time."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, shape = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, shape, serialization.NoEncryption()).decode()


def _kid(pem: str) -> str:
    return hashlib.sha256(pem.encode()).hexdigest()[:16]


@functools.lru_cache(maxsize=8)
def jwks(pem: str) -> dict[str, Any]:
    """Return the public half as a JWK set."""
    key = serialization.load_pem_private_key(pem.encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the site's key is not an RSA key")
    public = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
    public.pop("key_ops", None)
    return {"keys": [public | {"kid": _kid(pem), "alg": "RS256", "use": "sig"}]}


def sign(pem: str, claims: dict[str, Any]) -> str:
    """Return the claims as a signed token."""
    return jwt.encode(claims, pem, "RS256", headers={"kid": _kid(pem)})
