"""Inserts a row unless its like is there: the database decides, so of two at the same time one wins."""

from functools import cache
from typing import Any

from sqlalchemy import Connection, Executable, literal_column
from sqlalchemy.dialects import postgresql, sqlite

from lti_tool.models.database import Base

INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert_once(connection: Connection, row: type[Base], **values: object) -> bool:
    """Insert in the connection's transaction and say whether the row is new; a unique constraint is met in silence."""
    return connection.execute(_statement(row, connection.dialect.name), values).first() is not None


@cache
def _statement(row: type[Base], dialect: str) -> Executable:
    # A returned row, not a count of rows: for an insert that may do nothing, some drivers count -1.
    statement: Executable = INSERTS[dialect](row.__table__).on_conflict_do_nothing().returning(literal_column("1"))
    return statement
