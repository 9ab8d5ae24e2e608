"""What the house's tests read, and how they say what is wrong: the file, and the fix."""

import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def modules() -> dict[str, str]:
    """Every module of the package: its path from the checkout, and its text."""
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((ROOT / "lti_tool").rglob("*.py"))
    }


@pytest.fixture(scope="session")
def files() -> dict[str, str]:
    """Every text that belongs to the project (what git knows or would add), but for other people's."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    found = {}
    for name in sorted(set(listed) - {""}):
        path = ROOT / name
        if "vendor" in path.parts or not path.is_file():
            continue
        try:
            found[name] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture
    return found


@pytest.fixture(scope="session")
def nothing() -> Callable[[Iterable[str], str], None]:
    """Hold a list of findings to be empty; else say each, and what to do."""

    def check(found: Iterable[str], fix: str) -> None:
        lines = list(found)
        if lines:
            pytest.fail("\n".join([fix, *(f"  {line}" for line in lines)]), pytrace=False)

    return check
