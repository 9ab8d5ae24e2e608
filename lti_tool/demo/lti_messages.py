"""What both sites share about LTI: hints of begun launches, self-submitting forms, names of claims."""

import secrets
import time
from collections.abc import Mapping

from flask import Response, make_response, render_template, request

from lti_tool.demo.config import Flavour, ToolLink
from lti_tool.demo.hub import Hint, Hub, hub
from lti_tool.demo.model import Person, Token

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
NRPS_CLAIM = "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice"
GROUPS_CLAIM = "https://purl.imsglobal.org/spec/lti-gs/claim/groupsservice"
GROUPS_SCOPE = "https://purl.imsglobal.org/spec/lti-gs/scope/contextgroup.readonly"
NRPS_SCOPE = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership"
SYSTEM = "http://purl.imsglobal.org/vocab/lis/v2/system/person#"
INSTITUTION = "http://purl.imsglobal.org/vocab/lis/v2/institution/person#"
TEST_USER = "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"
NRPS_TYPE = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
HINT_SECONDS = 600
MAX_HINTS = 2000


def autopost(action: str, fields: Mapping[str, str], note: str) -> Response:
    """Return a page that submits a form at once, by button where scripts are off."""
    page = render_template("demo/autopost.html", action=action, fields=fields, note=note)
    return make_response(page, 200, {"Cache-Control": "no-store"})


def begin(lms: Hub, flavour: Flavour, user_id: int, course_id: int, target: str = "") -> Hint:
    """Remember a launch that begins now, and which page of the tool it is to open; very old ones are forgotten."""
    while len(lms.hints) >= MAX_HINTS:
        del lms.hints[next(iter(lms.hints))]
    hint = Hint(flavour, user_id, course_id, secrets.token_urlsafe(140), target)
    hint.link, hint.placing = request.args.get("link", type=int), "placing" in request.args
    lms.hints[hint.launch_id] = hint
    return hint


def take_hint(lms: Hub, flavour: Flavour, launch_id: str) -> Hint | None:
    """Return the launch of this id once; later calls, and calls after ten minutes, find nothing."""
    hint = lms.hints.pop(launch_id, None)
    if hint is None or hint.flavour != flavour or time.time() - hint.made > HINT_SECONDS:
        return None
    return hint


def tool_of(flavour: Flavour) -> ToolLink | None:
    """Return the installed tool of a site."""
    return hub().tools.get(flavour)


def service_token(flavour: Flavour) -> Token | None:
    """Return the token that an LTI service call bears, if it is one of this site that is still good."""
    value = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    token = hub().sites[flavour].tokens.get(value)
    return token if token and not hub().faults.revoke_token and token.expires > time.time() else None


def error_form(redirect_uri: str, code: str, description: str) -> Response:
    """Return the form that tells the tool that its authentication request was refused."""
    fields = {"error": code, "error_description": description, "state": request.values.get("state", "")}
    return autopost(redirect_uri, fields, "The launch was refused.")


def person_claims(person: Person) -> dict[str, str]:
    """Return the claims about a person, raw (never HTML-escaped)."""
    claims = {"name": person.name, "given_name": person.given, "family_name": person.family}
    if person.email:
        claims["email"] = person.email
    return claims
