"""Migrations: forwards, backwards, and to exactly the tables that the models describe, on both databases."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask, current_app
from sqlalchemy import Column, MetaData, inspect
from sqlalchemy.exc import IntegrityError

from lti_tool import create_app
from lti_tool.models import db
from lti_tool.services.doctor import database_revision
from lti_tool.settings import Settings

SHORT_LIVED = ("browser_session",)  # a launch opens it anew


@pytest.fixture
def empty(make_settings: Callable[..., Settings], new_database_url: str) -> Iterator[Flask]:
    """The application on an empty database, inside its context."""
    app = create_app(make_settings(database_url=new_database_url))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def ours(name: str | None) -> bool:
    """Say whether a table is one of ours: the queue keeps its own in the same database."""
    return not (name or "").startswith(("huey_", "alembic_"))


def tables() -> set[str]:
    return {name for name in inspect(db.engine).get_table_names() if ours(name)}


def differences() -> list[Any]:
    """Return what autogenerate would change."""
    options = {
        "compare_type": True,
        "compare_server_default": True,
        "include_name": lambda name, kind, _parents: kind != "table" or ours(name),
    }
    with db.engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), db.metadata))


@pytest.mark.shows("PULL-6")
@pytest.mark.usefixtures("empty")
def test_up_down_and_up_again() -> None:
    assert tables() == set()
    flask_migrate.upgrade()
    made = tables()
    assert made == set(db.metadata.tables)
    assert database_revision() == (newest(), newest())
    flask_migrate.downgrade(revision="base")
    assert tables() == set()
    flask_migrate.upgrade()
    assert tables() == made


def newest() -> str | None:
    return ScriptDirectory(current_app.extensions["migrate"].directory).get_current_head()


@pytest.mark.usefixtures("empty")
def test_every_step_can_be_taken_back_by_itself() -> None:
    steps = [step.revision for step in ScriptDirectory(current_app.extensions["migrate"].directory).walk_revisions()]
    for revision in reversed(steps):
        flask_migrate.upgrade(revision=revision)
        flask_migrate.downgrade(revision="-1")
        flask_migrate.upgrade(revision=revision)
    assert database_revision()[0] == newest()


@pytest.mark.usefixtures("empty")
def test_no_step_loses_a_row_in_either_direction() -> None:
    # SQLite changes a table by copying it, and dropping the old one deletes what refers to its rows.
    steps = [step.revision for step in ScriptDirectory(current_app.extensions["migrate"].directory).walk_revisions()]
    oldest = steps[-1]
    flask_migrate.upgrade(revision=oldest)
    before = fill()
    flask_migrate.upgrade()
    assert {name: count(name) for name in before} == dict.fromkeys(before, 1) | dict.fromkeys(SHORT_LIVED, 0)
    flask_migrate.downgrade(revision=oldest)
    after = rows()
    assert {name: after[name] for name in before if name not in SHORT_LIVED} == {
        name: row for name, row in before.items() if name not in SHORT_LIVED
    }


def reflected() -> MetaData:
    metadata = MetaData()
    with db.engine.connect() as connection:
        metadata.reflect(connection, only=lambda name, _metadata: ours(name))
    return metadata


def fill() -> dict[str, Any]:
    """Put one row into every table, each referring to those that it can refer to, and return them by table."""
    with db.engine.begin() as connection:
        made: dict[str, dict[str, Any]] = {}
        for table in reflected().sorted_tables:
            made[table.name] = {column.name: value_for(column, made) for column in table.columns}
            connection.execute(table.insert(), made[table.name])
    return rows()


def value_for(column: Column[Any], made: dict[str, dict[str, Any]]) -> Any:
    for key in column.foreign_keys:
        return made[key.column.table.name][key.column.name]
    kind = column.type.python_type
    values = {str: "a" * 32, UUID: UUID(int=1), datetime: datetime(2026, 1, 1), bool: False, int: 0, bytes: b"a"}
    if kind is str and getattr(column.type, "length", None):
        return "a" * min(32, column.type.length)  # type: ignore[attr-defined] # asked for in the line above
    return values[kind]


def rows() -> dict[str, Any]:
    with db.engine.connect() as connection:
        return {table.name: list(connection.execute(table.select())) for table in reflected().sorted_tables}


def count(name: str) -> int:
    return len(rows()[name])


@pytest.mark.usefixtures("empty")
def test_the_migrated_tables_are_those_of_the_models() -> None:
    flask_migrate.upgrade()
    assert differences() == [], "run: flask db migrate, and look at what it writes"


@pytest.mark.usefixtures("empty")
def test_checks_and_partial_indexes_are_migrated_too() -> None:
    # Autogenerate looks at neither: the database itself must say the same after both ways of making it.
    flask_migrate.upgrade()
    migrated = fine_print()
    flask_migrate.downgrade(revision="base")
    db.create_all()
    assert migrated == fine_print()


def fine_print() -> dict[str, Any]:
    found = inspect(db.engine)
    return {
        table: (
            sorted((check["name"] or "", check["sqltext"]) for check in found.get_check_constraints(table)),
            sorted((index["name"] or "", bool(index["unique"]), options(index)) for index in found.get_indexes(table)),
            sorted((key["name"] or "", key["options"].get("ondelete", "")) for key in found.get_foreign_keys(table)),
        )
        for table in tables()
    }


def options(index: Any) -> list[str]:
    return sorted(f"{name}={value}" for name, value in index.get("dialect_options", {}).items())


@pytest.mark.shows("TEAM-36", "TEAM-38", "TEAM-78")
@pytest.mark.usefixtures("empty")
def test_a_hundred_groups_without_a_code_get_one_each() -> None:
    flask_migrate.upgrade(revision="0003")
    course, group = fill()["course"][0], reflected().tables["group"]
    fixed = {column.name: value_for(column, {}) for column in group.columns if not column.foreign_keys}
    with db.engine.begin() as connection:
        connection.execute(group.delete())
        for number in range(100):
            key = UUID(int=number + 100)  # SQLite keeps it as text
            own = {
                "id": key if group.c.id.type.python_type is UUID else key.hex,
                "name": f"Team {number}",
                "lms_group_id": str(number),
            }
            connection.execute(group.insert(), {**fixed, "course_id": course.id, **own})
    flask_migrate.upgrade()
    assert {"group_invite", "invite_use", "join_request"} <= tables()
    migrated = reflected().tables["group"]
    with db.engine.connect() as connection:
        codes = [row.invite_code for row in connection.execute(migrated.select())]
        active = {row.is_invite_active for row in connection.execute(migrated.select())}
    assert len(set(codes)) == 100
    assert all(code and len(code) == 12 and code.isalnum() and code == code.upper() for code in codes)
    assert active == {True}
    twin = {"invite_code": codes[0]}
    with pytest.raises(IntegrityError), db.engine.begin() as connection:
        connection.execute(migrated.update().where(migrated.c.invite_code == codes[1]).values(**twin))


@pytest.mark.parametrize("lent", [False, True], ids=["the tool's", "anybody's"])
@pytest.mark.usefixtures("empty")
def test_what_was_known_of_a_course_stays_known_of_the_tool_s_access_where_nobody_lent_another(lent: bool) -> None:
    flask_migrate.upgrade(revision="0004")
    problem = fill()["course"][0].write_problem
    if not lent:
        with db.engine.begin() as connection:
            connection.execute(reflected().tables["lms_grant"].delete())
    flask_migrate.upgrade()
    kept = [] if lent else [(None, problem)]
    assert [(row.access_id, row.write_problem) for row in rows()["asked_right"]] == kept
    flask_migrate.downgrade(revision="0004")
    assert rows()["course"][0].write_problem == (None if lent else problem)
