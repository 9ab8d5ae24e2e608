"""Stores groups with codes of their own: a code that another group has is drawn again (TEAM-38)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from lti_tool.models import Group, db

T = TypeVar("T")
DRAWS = 5  # one is enough but for a random source that repeats itself


def insert_groups(rows: Sequence[Mapping[str, Any]]) -> None:
    """Store groups in one statement, in the caller's transaction."""
    with_own_codes(lambda: db.session.execute(insert(Group), rows))


def with_own_codes(store: Callable[[], T]) -> T:
    """Store groups as `store` does, which makes each anew: their codes are drawn as they are stored.

    The database finds what two groups would share, and then all of them are stored again; raise what else it finds.
    """
    for left in reversed(range(DRAWS)):
        try:
            with db.session.begin_nested():
                return store()
        except IntegrityError as error:
            if not left or "invite_code" not in str(error.orig):
                raise
    raise AssertionError("the last draw returns or raises")
