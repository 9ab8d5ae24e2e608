"""Every command explains itself, and a wrong use is one line."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import click
import pytest

from lti_tool.cli import cli
from lti_tool.version import __version__


def commands(command: click.Command = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from commands(inner, (*path, name))


@pytest.mark.parametrize("path", list(commands()), ids=lambda path: " ".join(path) or "lti-tool")
def test_every_command_has_help(bare: Any, path: tuple[str, ...]) -> None:
    bare.set(base_url=None, secret_key=None)  # help needs no settings
    said = bare.ok(*path, "--help").out
    usage, _, words = said.partition("\n\n")
    assert usage.startswith(" ".join(("Usage: lti-tool", *path)))
    assert words.strip().split("\n")[0].rstrip().endswith((".", ";", ",")) or len(words) > 40


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("sync", "no-uuid"), "no-uuid"),
        (("sync",), "COURSE_ID"),
        (("registration", "add"), "--issuer"),
        (("registration", "add", "--issuer", "x", "--family", "blackboard"), "blackboard"),
        (("nonsense",), "nonsense"),
        (("db", "upgrade", "--sideways"), "--sideways"),
    ],
)
def test_a_wrong_use_is_one_line_that_names_it(tool: Any, arguments: tuple[str, ...], named: str) -> None:
    ran = tool.run(*arguments)
    assert ran.status == 2
    assert ran.out == ""
    assert len(ran.lines) == 1
    assert ran.err.startswith("lti-tool: ")
    assert named in ran.err
    assert "--help" in ran.err


def test_the_program_starts_as_a_module_and_tells_its_version() -> None:
    ran = subprocess.run([sys.executable, "-m", "lti_tool", "--version"], capture_output=True, text=True, check=True)
    assert __version__ in ran.stdout
