"""The store: declarative base, session, engine set-up for SQLite and PostgreSQL, and the one commit."""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID, uuid4

from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from sqlalchemy import Connection, DateTime, Dialect, Engine, MetaData, RootTransaction, Uuid, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry, scoped_session
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

from lti_tool.domain.clock import from_store

PRAGMAS = (
    "foreign_keys=ON",
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "busy_timeout=15000",
    "wal_autocheckpoint=4000",
)
WRITING = {"lti_tool_writing": True}
_own = threading.local()  # whether this thread has its turn to write


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC times on every database; SQLite itself keeps no zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times on their way in."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone must not be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return what was stored as aware UTC."""
        return from_store(value) if value is not None else None


class Base(DeclarativeBase):
    """Base of all rows; constraint names are fixed so that migrations can name them on both databases."""

    registry = registry(
        metadata=MetaData(
            naming_convention={
                "ix": "ix_%(column_0_label)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_N_name)s",
                "pk": "pk_%(table_name)s",
            }
        ),
        type_annotation_map={datetime: UtcDateTime, UUID: Uuid},
    )


# A model_class would be rebuilt by the extension; the rows stand on our own Base and share its metadata.
db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})


def uuid_key() -> Mapped[UUID]:
    """Return the primary-key column of a row: a UUID of our own."""
    return mapped_column(primary_key=True, default=uuid4)


@contextmanager
def transaction() -> Iterator[scoped_session[Session]]:
    """Open one write transaction; everything in it is stored together or not at all.

    What was read before is forgotten, so a service decides on the present state. On SQLite the write lock is taken
    at once (BEGIN IMMEDIATE): a reader that turns writer half-way would fail instead of waiting.
    """
    session = db.session
    session.rollback()
    with _turn(db.engine):
        session.connection(execution_options=WRITING)
        try:
            yield session
            session.commit()
        except BaseException:
            session.rollback()
            raise


@contextmanager
def bare_transaction() -> Iterator[RootTransaction]:
    """Open one write transaction on a connection alone, for the few statements of every launch.

    A session costs more than they do. Whoever finds more to do takes it back and opens a `transaction`.
    """
    engine = db.engine
    with engine.connect().execution_options(**WRITING) as connection, _turn(engine), connection.begin() as begun:
        yield begun


@contextmanager
def _turn(engine: Engine) -> Iterator[None]:
    """Wait in the queue of an SQLite file's writers, of all threads and processes.

    SQLite itself sleeps and looks again, for longer each time, while the file stands free; here whoever waits is
    woken. A process that dies leaves the queue with it.
    """
    if getattr(_own, "turn", False):  # it would undo the outer one, or wait for itself for ever
        raise RuntimeError("a transaction within a transaction")
    _own.turn = True
    try:
        with _queue(engine.url.database if engine.dialect.name == "sqlite" else None):
            yield
    finally:
        _own.turn = False


@contextmanager
def _queue(path: str | None) -> Iterator[None]:
    if not path or path == ":memory:":
        yield
        return
    try:
        queue = os.open(f"{path}-queue", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:  # told as SQLite itself tells that its folder cannot be written
        raise OperationalError(None, None, error) from error
    try:
        fcntl.flock(queue, fcntl.LOCK_EX)
        yield
    finally:
        fcntl.flock(queue, fcntl.LOCK_UN)  # closing alone would not do: a process forked meanwhile holds it too
        os.close(queue)


def release() -> None:
    """End the read transaction, so that no call to another machine is made inside one; rows are read anew after."""
    db.session.rollback()


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.isolation_level = None  # transactions are begun below, not by the driver's guess
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    # SQLite's own knows no letters but A to Z; PostgreSQL's knows all.
    connection.create_function("lower", 1, lambda text: None if text is None else str(text).lower(), deterministic=True)


@event.listens_for(Engine, "begin")
def _begin_sqlite(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        writing = connection.get_execution_options().get("lti_tool_writing")
        # The driver's own way: the round through the engine costs more than the statement, in every transaction.
        driver = cast("sqlite3.Connection", connection.connection.driver_connection)
        driver.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
