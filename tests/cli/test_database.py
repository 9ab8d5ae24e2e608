"""Commands for the database, and commands that need it to be up to date."""

from typing import Any

import pytest


def test_a_new_database_is_made_and_said_to_be_up_to_date(bare: Any) -> None:
    assert bare.run("db", "check").status == 1
    assert "db upgrade" in bare.ok("db", "current").out
    said = bare.ok("db", "upgrade").out
    revision = bare.ok("db", "current").out.strip()
    assert revision in said
    assert revision in bare.ok("db", "check").out
    assert bare.ok("db", "upgrade").out == said  # again does no harm


@pytest.mark.parametrize(
    "arguments",
    [
        ("course", "list"),
        ("registration", "list"),
        ("sync", "00000000-0000-0000-0000-000000000001"),
        ("serve",),
        ("worker",),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_database_that_is_behind_stops_a_command_with_one_line(bare: Any, arguments: tuple[str, ...]) -> None:
    ran = bare.run(*arguments)
    assert ran.status == 1
    assert ran.out == ""
    assert len(ran.lines) == 1
    assert "lti-tool db upgrade" in ran.err
