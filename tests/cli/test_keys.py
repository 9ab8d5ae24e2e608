"""Signing keys: made, listed, retired."""

import stat
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def folder(bare: Any, tmp_path: Path) -> Path:
    """A folder of its own without a key."""
    bare.set(keys_dir=str(tmp_path / "own"))
    return tmp_path / "own"


def test_a_key_is_made_listed_and_retired(bare: Any, folder: Path) -> None:
    assert bare.ok("keys", "list").out == ""
    old = bare.ok("keys", "new").out.strip()
    new = bare.ok("keys", "new").out.strip()
    assert [line.split()[0] for line in bare.ok("keys", "list").out.splitlines()] == [new, old]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert old in bare.ok("keys", "retire", old).out
    assert [path.stem.split("-")[1] for path in folder.iterdir()] == [new]


def test_the_newest_key_and_an_unknown_one_are_not_retired(bare: Any, folder: Path) -> None:
    kid = bare.ok("keys", "new").out.strip()
    for wanted, code in ((kid, "key_newest"), ("0" * 32, "key_unknown")):
        ran = bare.run("keys", "retire", wanted)
        assert (ran.status, len(ran.lines)) == (1, 1)
        assert code in ran.err
    assert len(list(folder.iterdir())) == 1
