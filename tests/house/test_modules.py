"""The package's modules: what each says, how long it is, and what stands in one place only."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

import pytest

Nothing = Callable[[Iterable[str], str], None]
Modules = Mapping[str, str]

FILE_LINES = 350
FUNCTION_LINES = 60
JUNK = ("utils", "util", "helpers", "helper", "common", "misc")

# (pattern, where it may stand, why)
ONE_PLACE = (
    (r"\.commit\(", ("lti_tool/models/database.py", "lti_tool/migrations/"), "write inside transaction()"),
    (
        r"datetime\.now\(|utcnow\(|date\.today\(",
        ("lti_tool/domain/clock.py", "lti_tool/demo/"),
        "ask domain.clock.now()",
    ),
    (
        r"^\s*(import|from) requests\b",
        ("lti_tool/outbound.py", "lti_tool/demo/"),
        "call other machines through outbound",
    ),
    (
        # Moodle's grouping is a group set; ours is a group on an assignment (seed 004), so only its functions tell.
        r"(?i)group[ _]?categor(y|ies)|core_group_\w*grouping",
        ("lti_tool/lms/", "lti_tool/demo/"),
        "say group set: an LMS's own words stay in lms/",
    ),
)


ASYNCHRONOUS = ("asyncio", "httpx", "aiohttp", "anyio", "trio")


def sentence_of(text: str) -> str:
    """Return the first paragraph of a module's docstring as one line."""
    words = ast.get_docstring(ast.parse(text)) or ""
    return " ".join(words.partition("\n\n")[0].split())


def test_every_module_says_in_one_sentence_what_it_is_for(modules: Modules, nothing: Nothing) -> None:
    def wrong() -> Iterator[str]:
        for name, text in modules.items():
            said = sentence_of(text)
            if not said.endswith(".") or re.search(r"(?<!e\.g)[.!?] [A-Z]", said):
                yield f"{name}: {said or 'no docstring'}"

    nothing(wrong(), "start the module with a docstring of one sentence that ends with a full stop")


def test_files_are_short(modules: Modules, nothing: Nothing) -> None:
    counts = {name: text.count("\n") for name, text in modules.items() if "/versions/" not in name}
    nothing(
        (f"{name}: {count} lines" for name, count in counts.items() if count > FILE_LINES),
        f"split the file by concept: at most {FILE_LINES} lines",
    )


def test_functions_are_short(modules: Modules, nothing: Nothing) -> None:
    def long() -> Iterator[str]:
        for name, text in modules.items():
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and "/versions/" not in name:
                    lines = (node.end_lineno or 0) - node.lineno + 1
                    if lines > FUNCTION_LINES:
                        yield f"{name}:{node.lineno} {node.name}: {lines} lines"

    nothing(long(), f"give the parts of the function names: at most {FUNCTION_LINES} lines")


def test_no_module_is_a_junk_drawer(modules: Modules, nothing: Nothing) -> None:
    found = [name for name in modules if set(re.split(r"[/._]", name)) & set(JUNK)]
    nothing(found, "name the module after its concept")


@pytest.mark.parametrize(("pattern", "allowed", "fix"), ONE_PLACE, ids=[row[2] for row in ONE_PLACE])
def test_some_things_stand_in_one_place(
    modules: Modules, nothing: Nothing, pattern: str, allowed: tuple[str, ...], fix: str
) -> None:
    found = (
        f"{name}:{number}: {line.strip()}"
        for name, text in modules.items()
        if not name.startswith(allowed)
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(pattern, line)
    )
    nothing(found, fix)


def imported_by(tree: ast.AST) -> set[str]:
    """Return the top-level names of all that a module imports."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.shows("PUSH-25")
def test_an_lms_is_called_synchronously_with_requests(modules: Modules, nothing: Nothing) -> None:
    trees = {name: ast.parse(text) for name, text in modules.items() if not name.startswith("lti_tool/demo/")}
    wrong = [f"{name}: {found}" for name, tree in trees.items() for found in imported_by(tree) & set(ASYNCHRONOUS)] + [
        f"{name}: line {node.lineno}"
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef | ast.Await)
    ]
    nothing(wrong, "call other machines synchronously, through outbound")
    assert "requests" in imported_by(trees["lti_tool/outbound.py"])
