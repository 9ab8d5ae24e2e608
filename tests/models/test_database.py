"""The store itself: one write transaction at a time on SQLite, aware times, all or nothing."""

import multiprocessing
import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import StatementError

from lti_tool.models import Registration, db, transaction


def registration(name: str = "Demo", **values: Any) -> Registration:
    return Registration(
        **{
            "id": uuid4(),
            "name": name,
            "family": "canvas",
            "issuer": "https://lms.example",
            "created_at": datetime(2026, 1, 1, tzinfo=UTC),
            **values,
        }
    )


def names() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(Registration.name).order_by(Registration.name)))


def test_the_write_lock_is_taken_at_the_start_on_sqlite(app: Flask) -> None:
    order: list[str] = []
    inside, began = threading.Event(), threading.Event()

    def second() -> None:
        inside.wait(5)
        with app.app_context():
            began.set()
            with transaction():  # waits here, though the first has not written a row yet
                order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with app.app_context():
        with transaction() as session:
            inside.set()
            began.wait(5)
            time.sleep(0.2)
            order.append("first")
            session.add(registration())
        thread.join(10)
        assert order == ["first", "second"]
        assert names() == ["Demo"]


def test_readers_are_not_held_up_by_a_writer(app: Flask) -> None:
    found: list[list[str]] = []

    def read() -> None:
        with app.app_context():
            found.append(names())

    with app.app_context(), transaction() as session:
        session.add(registration())
        session.flush()
        thread = threading.Thread(target=read)
        thread.start()
        thread.join(5)
        assert found == [[]]


def test_two_readers_that_turn_writers_both_succeed(app: Flask) -> None:
    def rename(letter: str) -> None:
        with app.app_context():
            names()  # a read transaction is open: what follows must not fail on it
            with transaction() as session:
                row = session.scalars(select(Registration)).one()
                time.sleep(0.02)
                row.name += letter

    with app.app_context(), transaction() as session:
        session.add(registration(""))
    threads = [threading.Thread(target=rename, args=(letter,)) for letter in "abcdef"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    with app.app_context():
        assert "".join(sorted(names()[0])) == "abcdef"


def test_writers_wait_in_a_queue_and_need_none_of_sqlites_own_patience(app: Flask) -> None:
    def append(letter: str) -> None:
        with app.app_context():
            db.session.execute(text("PRAGMA busy_timeout=0"))  # a writer out of turn fails at once
            for _ in range(20):
                with transaction() as session:
                    session.scalars(select(Registration)).one().name += letter

    with app.app_context(), transaction() as session:
        session.add(registration(""))
    threads = [threading.Thread(target=append, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    with app.app_context():
        assert sorted(names()[0]) == sorted("abcd" * 20)


def test_a_writer_that_is_killed_leaves_the_queue_and_stores_nothing(app: Flask) -> None:
    processes = multiprocessing.get_context("fork")
    inside = processes.Event()

    def write() -> None:
        with app.app_context():
            db.engine.dispose(close=False)  # the parent's connections are the parent's
            with transaction() as session:
                session.add(registration("lost"))
                session.flush()
                inside.set()
                signal.pause()

    process = processes.Process(target=write)
    process.start()
    assert inside.wait(10)
    process.kill()
    process.join(10)
    with app.app_context():
        with transaction() as session:
            session.add(registration("kept"))
        assert names() == ["kept"]


@pytest.mark.usefixtures("app_on_both")
def test_a_transaction_is_all_or_nothing() -> None:
    def fail_half_way() -> None:
        with transaction() as session:
            session.add(registration("lost"))
            session.flush()
            raise LookupError

    with pytest.raises(LookupError):
        fail_half_way()
    with transaction() as session:
        session.add(registration("kept"))
    assert names() == ["kept"]


@pytest.mark.usefixtures("app_on_both")
def test_times_without_a_zone_are_refused() -> None:
    with pytest.raises(StatementError, match="without a zone"), transaction() as session:
        session.add(registration(created_at=datetime(2026, 1, 1)))
    assert names() == []


@pytest.mark.usefixtures("app_on_both")
def test_times_come_back_aware_and_in_utc() -> None:
    stored = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
    with transaction() as session:
        session.add(registration(created_at=stored))
    db.session.expire_all()
    read = db.session.scalars(select(Registration.created_at)).one()
    assert read == stored
    assert read.utcoffset() == timedelta(0)


def test_sqlite_keeps_foreign_keys_and_a_write_ahead_log(app: Flask) -> None:
    with app.app_context():
        assert db.session.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert db.session.execute(text("PRAGMA journal_mode")).scalar() == "wal"
