"""Where a person is on the page of a long set, kept through every change: the page stays where it was."""

from typing import Any
from urllib.parse import urlencode

from flask import Flask, request


def register(app: Flask) -> None:
    """Add the place to every address of the set that this page is about."""
    app.url_defaults(_stay_in_place)


def blocks_shown() -> tuple[int, int]:
    """Return the first and the last block of groups that the browser shows; it names each one that it fetched."""
    first = request.values.get("page", 1, type=int)
    return first, max([first, *request.values.getlist("upto", type=int)])


def everybody_shown() -> bool:
    """Say whether the browser shows everybody who is in no group, not only the first."""
    return "all" in request.values


def place(first: int, last: int, everybody: bool) -> dict[str, int]:
    """Return a place as the values of an address; none for the beginning, where most people are."""
    values = {
        "page": first if first > 1 else None,
        "upto": last if last > first else None,
        "all": 1 if everybody else None,
    }
    return {name: value for name, value in values.items() if value is not None}


def place_queries(first: int, last: int, everybody: bool) -> dict[int, str]:
    """Return for each block the end of the addresses in it: after a change there, the page shows as far as that."""
    queries = {block: urlencode(place(first, block, everybody)) for block in range(first, last + 1)}
    return {block: f"?{query}" if query else "" for block, query in queries.items()}


def next_query(first: int, last: int, everybody: bool) -> str:
    """Return the query of the block after `last`, fetched for a page that begins with `first`."""
    return urlencode(place(first, last + 1, everybody))


def _stay_in_place(endpoint: str, values: dict[str, Any]) -> None:
    set_id = (request.view_args or {}).get("set_id") if request else None
    here = set_id is not None and values.get("set_id") == set_id
    if here and endpoint.startswith(("group_sets.", "groups.", "group_draws.", "undo.")):
        for name, value in place(*blocks_shown(), everybody_shown()).items():
            values.setdefault(name, value)
