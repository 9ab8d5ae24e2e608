"""Scopes of the Canvas-like site: an API key that names some is held to them, one that names none may everything."""

import re

from flask import current_app, request

from lti_tool.demo.model import Token

_NAME = re.compile(r"(?<=/):\w+|<[^>]*>")
PREFIX = "/canvas"


def _pattern(path: str) -> str:
    """Return a path with every part that stands for an id written alike."""
    return _NAME.sub("*", path)


def unknown(scopes: str) -> list[str]:
    """Return those of the asked scopes that no call of the API has: one of them spoils the whole authorisation."""
    known = {
        f"url:{verb}|{_pattern(rule.rule.removeprefix(PREFIX))}"
        for rule in current_app.url_map.iter_rules()
        if rule.rule.startswith(PREFIX + "/api/")
        for verb in rule.methods or ()
    }
    return [scope for scope in scopes.split() if _pattern(scope) not in known]


def allows(token: Token) -> bool:
    """Tell whether a token's scopes have this call, by verb and path; to HEAD that of GET applies."""
    if not token.scope:
        return True
    verb, path = "GET" if request.method == "HEAD" else request.method, request.path.removeprefix(PREFIX)
    return any(_fits(scope, verb, path) for scope in token.scope.split())


def _fits(scope: str, verb: str, path: str) -> bool:
    theirs, _, pattern = scope.removeprefix("url:").partition("|")
    parts = map(re.escape, _pattern(pattern).split("*"))
    return theirs == verb and re.fullmatch("[^/]+".join(parts), path) is not None
