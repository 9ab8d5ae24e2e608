"""Words: each kind of notice and each act of the history has its sentence, and the history is only written."""

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatch

import pytest
from flask import Flask

Nothing = Callable[[Iterable[str], str], None]
Modules = Mapping[str, str]


def called(node: ast.Call) -> str:
    """Return the name that a call ends with: `tell` of `notices.tell(…)`."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


class Module:
    """One module's calls, what it imports, the functions around them, and the constants of its classes."""

    def __init__(self, text: str) -> None:
        nodes = list(ast.walk(ast.parse(text)))
        self.calls = [node for node in nodes if isinstance(node, ast.Call)]
        self.imports = {
            (one.name, (node.module or "").rpartition(".")[2])
            for node in nodes
            if isinstance(node, ast.ImportFrom)
            for one in node.names
        }
        self.members = {
            f"{node.name}.{one.targets[0].id}": one.value
            for node in nodes
            if isinstance(node, ast.ClassDef)
            for one in node.body
            if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name)
        }
        functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
        self.inside = {id(inner): node for node in functions for inner in ast.walk(node)}


class Codes:
    """The codes that services hand to a function, through wrappers of their own too; an f-string is a pattern."""

    def __init__(self, modules: Modules) -> None:
        self.modules = {name: Module(text) for name, text in modules.items() if name.startswith("lti_tool/services/")}

    def of(self, function: str, owner: str, place: int, name: str) -> Iterator[tuple[str, str]]:
        """Give (module, code) for each call of a function of the module `owner`."""
        for where, module in self.modules.items():
            direct = (function, owner) in module.imports or where.endswith(f"/{owner}.py")
            for call in module.calls:
                said = ast.unparse(call.func)
                if (said == function and direct) or said == f"{owner}.{function}":
                    named = [word.value for word in call.keywords if word.arg == name]
                    for value in named or call.args[place : place + 1]:
                        yield from self._values(where, value, module.inside.get(id(call)))

    def _values(self, where: str, value: ast.expr, function: ast.FunctionDef | None) -> Iterator[tuple[str, str]]:
        members = self.modules[where].members
        if isinstance(value, ast.Constant):
            yield where, str(value.value)
        elif isinstance(value, ast.JoinedStr):
            yield where, "".join(str(one.value) if isinstance(one, ast.Constant) else "*" for one in value.values)
        elif isinstance(value, ast.IfExp):
            for one in (value.body, value.orelse):
                yield from self._values(where, one, function)
        elif isinstance(value, ast.Name) and function is not None:
            yield from self._named(where, value.id, function)
        elif ast.unparse(value) in members:
            yield from self._values(where, members[ast.unparse(value)], function)
        else:
            yield where, f"not to be read: {ast.unparse(value)}"

    def _named(self, where: str, name: str, function: ast.FunctionDef) -> Iterator[tuple[str, str]]:
        names = [one.arg for one in function.args.args]
        if name in names:
            owner = where.rpartition("/")[2].removesuffix(".py")
            yield from self.of(function.name, owner, names.index(name), name)
            return
        for node in ast.walk(function):
            if isinstance(node, ast.Assign):
                for target, value in _pairs(node.targets[0], node.value):
                    if getattr(target, "id", "") == name:
                        yield from self._values(where, value, function)


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        yield from zip(target.elts, value.elts, strict=False)
    else:
        yield target, value


def missing(found: Iterator[tuple[str, str]], known: Iterable[str]) -> Iterator[str]:
    rows = sorted(set(found))
    assert len(rows) > 5, "the calls are not found any more"
    return (f"{name}: {code}" for name, code in rows if not any(fnmatch(one, code) for one in known))


def test_every_kind_of_notice_has_its_sentence(app: Flask, modules: Modules, nothing: Nothing) -> None:
    known = app.jinja_env.get_template("notices/words.html").module.KINDS
    found = Codes(modules).of("tell", "notices", 2, "kind")
    nothing(missing(found, known), "write the sentence into templates/notices/words.html")


def test_every_refusal_of_a_launch_has_its_reason_for_administrators(
    app: Flask, modules: Modules, nothing: Nothing
) -> None:
    known = app.jinja_env.get_template("admin/reasons.html").module.REASONS
    # Of no registration, or of a page and not of a launch: these are not kept.
    others = {"registration_unknown", "no_session", "session_ended"}
    codes = {
        str(node.args[0].value)
        for text in modules.values()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and called(node) == "LaunchError" and isinstance(node.args[0], ast.Constant)
    }
    assert len(codes) > 20, "the errors are not found any more"
    nothing(sorted(codes - set(known) - others), "write the reason into templates/admin/reasons.html")


def test_every_act_of_the_history_has_its_sentence(app: Flask, modules: Modules, nothing: Nothing) -> None:
    known = app.jinja_env.get_template("history/words.html").module.ACTIONS
    found = Codes(modules).of("note", "history", 2, "action")
    nothing(missing(found, known), "write the sentence into templates/history/words.html")


@pytest.mark.parametrize("verb", ["update", "delete"])
def test_the_history_is_only_added_to(modules: Modules, nothing: Nothing, verb: str) -> None:
    def found() -> Iterator[str]:
        for name, text in modules.items():
            for node in ast.walk(ast.parse(text)):
                names = (
                    [arg.id for arg in getattr(node, "args", []) or [] if isinstance(arg, ast.Name)]
                    if isinstance(node, ast.Call)
                    else []
                )
                if isinstance(node, ast.Call) and called(node) == verb and "HistoryEntry" in names:
                    yield f"{name}:{node.lineno}"

    nothing(found(), "rows of the history are never changed: they outlive what they are about")
