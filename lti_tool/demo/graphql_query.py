"""Reads the small part of GraphQL that the demo understands: one query of fields with arguments and variables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\$\w+|-?\d+|\w+|[{}()\[\]:,!=]|\S')


class QueryError(Exception):
    """What is wrong with a query, in words; it is answered with status 200."""


@dataclass
class Selection:
    """A field that is asked for, under which name, and what of it."""

    name: str
    alias: str
    arguments: dict[str, Any] = field(default_factory=dict)
    fields: list["Selection"] = field(default_factory=list)


def parse(text: str, variables: Mapping[str, Any]) -> list[Selection]:
    """Return the fields of a query; anything but a plain query is refused."""
    return _Reader(_TOKEN.findall(text), variables).query()


class _Reader:
    def __init__(self, tokens: list[str], variables: Mapping[str, Any]) -> None:
        self._tokens, self._at, self._variables = tokens, 0, variables

    def query(self) -> list[Selection]:
        if self._peek() == "mutation":
            raise QueryError("The simulator answers queries only")
        while self._peek() not in ("{", ""):  # the query's name and its variables' types
            self._take()
        return self._selections()

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, wanted: str = "") -> str:
        token = self._peek()
        if not token or (wanted and token != wanted):
            raise QueryError(f"Parse error on {token or 'the end'!r}")
        self._at += 1
        return token

    def _selections(self) -> list[Selection]:
        self._take("{")
        found = []
        while self._peek() != "}":
            found.append(self._selection())
        self._take("}")
        return found

    def _selection(self) -> Selection:
        alias = name = self._take()
        if self._peek() == ":":
            self._take()
            name = self._take()
        arguments = self._arguments() if self._peek() == "(" else {}
        fields = self._selections() if self._peek() == "{" else []
        return Selection(name, alias, arguments, fields)

    def _arguments(self) -> dict[str, Any]:
        self._take("(")
        found = {}
        while self._peek() != ")":
            name = self._take()
            self._take(":")
            found[name] = self._value()
            if self._peek() == ",":
                self._take()
        self._take(")")
        return found

    def _value(self) -> Any:
        token = self._take()
        if token.startswith("$"):
            return self._variables.get(token[1:])
        if token.startswith('"'):
            return token[1:-1]
        return {"true": True, "false": False, "null": None}.get(token, int(token) if token.isdecimal() else token)
