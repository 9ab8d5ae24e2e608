"""Runs migrations inside the application's context, on the engine that the application uses."""

from typing import Any

from alembic import context
from flask import current_app

from lti_tool.models import db
from lti_tool.models.database import UtcDateTime


def render(kind: str, thing: Any, _autogen: Any) -> str | bool:
    """Write our own column types as what they are in the database, so that old steps need none of our code."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(thing, UtcDateTime) else False


def migrate_online() -> None:
    """Migrate the application's database in one transaction where the database can."""
    with db.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            render_item=render,
            # compare_type, and render_as_batch: SQLite cannot alter a table, it is copied.
            **current_app.extensions["migrate"].configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


migrate_online()
