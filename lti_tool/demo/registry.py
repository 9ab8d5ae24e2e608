"""Tools that an administrator of a site has added: by registration or by hand, waiting or switched on."""

import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import jwt
from flask import request

from lti_tool.demo import keys
from lti_tool.demo.config import Flavour, ToolLink
from lti_tool.demo.hub import Hub, hub

TOOL = "https://purl.imsglobal.org/spec/lti-tool-configuration"
TOKEN_SECONDS = 3600
FIRST_CLIENT = 10000000000100
OWN = 1  # the tool with which the demo was started


@dataclass
class AddedTool:
    """One tool of a site's list; the site launches the one that was switched on last."""

    id: int
    name: str
    link: ToolLink
    state: str  # pending | on | off
    facts: Mapping[str, str] = field(default_factory=dict)  # what its administrator is shown


class TokenError(Exception):
    """The registration token is missing, wrong, too old or used."""


def added(flavour: Flavour) -> list[AddedTool]:
    """Return the tools of a site's list, the newest first."""
    return sorted(hub().added[flavour].values(), key=lambda tool: -tool.id)


def add(flavour: Flavour, name: str, link: ToolLink, state: str, facts: Mapping[str, str]) -> AddedTool:
    """Put a tool on a site's list."""
    number = 1 + max([OWN, *hub().added[flavour]])
    tool = AddedTool(number, name, link, state, facts)
    hub().added[flavour][number] = tool
    return tool


def switch_on(flavour: Flavour, number: int) -> None:
    """Let a tool be the one that the site's courses open; the one before it is off."""
    for tool in hub().added[flavour].values():
        if tool.id == number:
            tool.state = "on"
            hub().tools[flavour] = tool.link
        elif tool.state == "on":
            tool.state = "off"


def place(tool: AddedTool) -> None:
    """Give a Canvas tool its deployment: it gets one when it is installed, not when it is registered."""
    if not tool.link.deployment_id:
        tool.link = replace(tool.link, deployment_id=f"{tool.id}:{secrets.token_hex(20)}")


def new_client_id(lms: Hub, flavour: Flavour) -> str:
    """Return the next client id: Canvas counts, Moodle draws."""
    if flavour == "moodle":
        return secrets.token_urlsafe(11).replace("-", "x").replace("_", "y")
    return str(FIRST_CLIENT + len(lms.added["canvas"]) + 1)


def write_token(flavour: Flavour, claims: Mapping[str, Any]) -> str:
    """Return a registration token for one registration within an hour."""
    now = int(time.time())
    issuer = hub().issuer(flavour)
    more = {"iss": issuer, "aud": issuer, "iat": now, "exp": now + TOKEN_SECONDS, "uuid": str(uuid.uuid4())}
    return keys.sign(hub().pems[flavour], {**more, **claims})


def read_token(flavour: Flavour) -> dict[str, Any]:
    """Return what the request's registration token says; raise TokenError."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    key = jwt.PyJWK(keys.jwks(hub().pems[flavour])["keys"][0], algorithm="RS256")
    try:
        claims: dict[str, Any] = jwt.decode(token, key, algorithms=["RS256"], audience=hub().issuer(flavour))
    except jwt.PyJWTError:
        raise TokenError("invalid_token") from None
    if kind != "Bearer":
        raise TokenError("invalid_token")
    return claims


def use_token(claims: Mapping[str, Any]) -> None:
    """Use a token up; raise TokenError for the second time."""
    if claims["uuid"] in hub().used_tokens:
        raise TokenError("token_already_used")
    hub().used_tokens.add(claims["uuid"])
