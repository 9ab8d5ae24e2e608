"""Inserts a row unless its like is there: the database decides, so of two at the same time one wins."""

from typing import Any, cast

from sqlalchemy import CursorResult
from sqlalchemy.dialects import postgresql, sqlite

from lti_tool.models import Deployment, UsedLaunch, db

INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert_once(row: type[UsedLaunch | Deployment], **values: object) -> bool:
    """Insert in the caller's transaction and say whether the row is new; a unique constraint is met in silence."""
    insert = INSERTS[db.session.get_bind().dialect.name]
    statement = insert(row).values(**values).on_conflict_do_nothing()
    return bool(cast("CursorResult[Any]", db.session.execute(statement)).rowcount)
