"""Inserts a row unless its like is there: the database decides, so of two at the same time one wins."""

from typing import Any

from sqlalchemy import literal_column
from sqlalchemy.dialects import postgresql, sqlite

from lti_tool.models import Deployment, UsedLaunch, db

INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert_once(row: type[UsedLaunch | Deployment], **values: object) -> bool:
    """Insert in the caller's transaction and say whether the row is new; a unique constraint is met in silence."""
    insert = INSERTS[db.session.get_bind().dialect.name]
    # A returned row, not a count of rows: for an insert that may do nothing, some drivers count -1.
    statement = insert(row).values(**values).on_conflict_do_nothing().returning(literal_column("1"))
    return db.session.execute(statement).first() is not None
