"""The promised behaviours: each one listed is shown by a test, and each one that a test shows is listed."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

Nothing = Callable[[Iterable[str], str], None]
Files = Mapping[str, str]
LIST = "tests/behaviours.md"
ID = re.compile(r"(PUSH|PULL|TEAM|MODEL|CSV|FORM)-[1-9]\d*")
LINE = re.compile(r"- \*\*(?P<id>[^*]+)\*\* (?P<words>.+)")


def listed(files: Files) -> list[str]:
    return [match["id"] for line in files[LIST].splitlines() if (match := LINE.fullmatch(line))]


def shown(files: Files) -> Iterator[tuple[str, str]]:
    """Give every id of a `shows` mark with the file that bears it."""
    for name, text in files.items():
        if name.startswith("tests/") and name.endswith(".py"):
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "shows":
                    yield from ((str(getattr(given, "value", "?")), name) for given in node.args)


def test_every_shown_behaviour_is_listed(files: Files, nothing: Nothing) -> None:
    known = set(listed(files))
    nothing(
        sorted({f"{name}: {key}" for key, name in shown(files) if key not in known}),
        f"write the behaviour into {LIST}, in one line of our own words",
    )


def test_every_listed_behaviour_is_shown(files: Files, nothing: Nothing) -> None:
    found = {key for key, _ in shown(files)}
    nothing(
        (key for key in listed(files) if key not in found), f"mark the test that shows it, or take it out of {LIST}"
    )


def test_the_list_is_well_formed(files: Files, nothing: Nothing) -> None:
    ids = listed(files)
    nothing(
        (key for key in ids if not ID.fullmatch(key)), "an id is one of PUSH-1, PULL-1, TEAM-1, MODEL-1, CSV-1, FORM-1"
    )
    nothing(sorted({key for key in ids if ids.count(key) > 1}), "list every behaviour once")
    bullets = [line for line in files[LIST].splitlines() if line.startswith("- ")]
    nothing((line for line in bullets if not LINE.fullmatch(line)), "a line is: - **ID** what is promised")
