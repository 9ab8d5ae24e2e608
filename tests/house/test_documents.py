"""What is written beside the code: settings, commands, lock files, and what must stand nowhere."""

import dataclasses
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import click
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lti_tool import settings
from lti_tool.cli import cli
from lti_tool.settings import PREFIX, Settings

Nothing = Callable[[Iterable[str], str], None]
Files = Mapping[str, str]
NAMES = [field.name for field in dataclasses.fields(Settings)]
HERE = "tests/house/test_documents.py"

NOWHERE = (
    (r"\b(TODO|FIXME|XXX)\b", "do it, or open an issue"),
    (r"(?<![\w.])/(work|home/\w|root|Users|opt|private)/", "name no folder of one machine"),
    (
        r"(?i)\b(pypi\.org|pythonhosted\.org|npmjs\.(org|com)|yarnpkg|npmmirror|artifactory|jfrog|devpi)\b|//[^/\s]*mirror|\bmirrors?\.[\w-]+\.[a-z]{2,6}\b",
        "name no registry or mirror: whoever installs chooses their own",
    ),
    (r"pytest\.(skip|xfail|importorskip)\b|mark\.(skip|skipif|xfail)\b", "a test runs, or it is deleted"),
)


def test_default_toml_has_every_setting_and_no_other(root: Path) -> None:
    assert list(tomllib.loads((root / "config/default.toml").read_text(encoding="utf-8"))) == NAMES


def test_example_toml_explains_every_setting_and_no_other(root: Path, tmp_path: Path) -> None:
    text = (root / "config/example.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text) == {}, "config/example.toml sets nothing: every setting stands in a comment"
    assert re.findall(r"^# ?([a-z_]+) = ", text, re.MULTILINE) == NAMES
    documented = set(re.findall(rf"{PREFIX}[A-Z_]+[A-Z]", text))
    assert documented == {f"{PREFIX}{name.upper()}" for name in [*NAMES, "config"]}
    # And its examples work.
    file = tmp_path / "example.toml"
    file.write_text(re.sub(r"^# ?([a-z_]+ = )", r"\1", text, flags=re.MULTILINE), encoding="utf-8")
    assert settings.load({f"{PREFIX}CONFIG": str(file)}).base_url.startswith("https://")


def commands(command: click.Command, path: str = "lti-tool") -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield path
        return
    for name, inner in command.commands.items():
        yield from commands(inner, f"{path} {name}")


def test_readme_names_every_command(files: Files, nothing: Nothing) -> None:
    text = " ".join(files["README.md"].split())
    nothing(
        (path for path in commands(cli) if path.removeprefix("lti-tool ") not in text),
        "name the command in README.md",
    )
    known = {path.split()[1] for path in commands(cli)}
    nothing(
        sorted(set(re.findall(r"lti-tool ([a-z][a-z-]*)", text)) - known),
        "README.md names commands that are not there",
    )


@pytest.mark.parametrize(("pattern", "fix"), NOWHERE, ids=[row[1] for row in NOWHERE])
def test_some_things_stand_nowhere(files: Files, nothing: Nothing, pattern: str, fix: str) -> None:
    found = (
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in files.items()
        if name != HERE
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(pattern, line)
    )
    nothing(found, fix)


def pinned(text: str) -> dict[str, str]:
    rows = [Requirement(line) for line in text.splitlines() if line and not line.startswith(("#", "-"))]
    return {canonicalize_name(row.name): str(row.specifier) for row in rows}


@pytest.mark.parametrize(("lock", "groups"), [("requirements.lock", ()), ("requirements-dev.lock", ("dev",))])
def test_lock_files_are_in_step_with_the_project(
    files: Files, nothing: Nothing, lock: str, groups: tuple[str, ...]
) -> None:
    project = tomllib.loads(files["pyproject.toml"])
    wanted = [*project["project"]["dependencies"]]
    for group in groups:
        wanted += project["dependency-groups"][group]
    pins = pinned(files[lock])

    def wrong() -> Iterator[str]:
        for requirement in map(Requirement, wanted):
            pin = pins.get(canonicalize_name(requirement.name), "")
            if not pin.startswith("=="):
                yield f"{requirement.name} is not pinned in {lock}"
            elif not requirement.specifier.contains(pin.removeprefix("==")):
                yield f"{lock} pins {requirement.name}{pin}, pyproject.toml asks for {requirement.specifier}"

    nothing(wrong(), "make lock")


def test_the_development_lock_has_what_production_has(files: Files, nothing: Nothing) -> None:
    production, development = pinned(files["requirements.lock"]), pinned(files["requirements-dev.lock"])
    nothing(
        (
            f"{name}{pin} against {development.get(name)}"
            for name, pin in production.items()
            if development.get(name) != pin
        ),
        "make lock: the tests must run what production runs",
    )
