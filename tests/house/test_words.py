"""Words: each kind of notice and each act of the history has its sentence, and the history is only written."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

import pytest
from flask import Flask

Nothing = Callable[[Iterable[str], str], None]
Modules = Mapping[str, str]


def called(node: ast.Call) -> str:
    """Return the name that a call ends with: `tell` of `notices.tell(…)`."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


class Codes:
    """The codes that a module hands to a function at one place, through wrappers of the module's own too."""

    def __init__(self, text: str) -> None:
        tree = ast.parse(text)
        self.calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        self.members = {
            f"{node.name}.{one.targets[0].id}": one.value
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef)
            for one in node.body
            if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name)
        }
        self.inside = {
            id(inner): node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for inner in ast.walk(node)
        }

    def of(self, is_meant: Callable[[ast.Call], bool], place: int, name: str) -> Iterator[str]:
        for call in self.calls:
            if is_meant(call):
                named = [word.value for word in call.keywords if word.arg == name]
                given = named or call.args[place : place + 1]
                for value in given:
                    yield from self._values(value, self.inside.get(id(call)))

    def _values(self, value: ast.expr, function: ast.FunctionDef | None) -> Iterator[str]:
        if isinstance(value, ast.Constant):
            yield str(value.value)
        elif isinstance(value, ast.IfExp):
            yield from self._values(value.body, function)
            yield from self._values(value.orelse, function)
        elif isinstance(value, ast.Name) and function is not None:
            yield from self._named(value.id, function)
        elif ast.unparse(value) in self.members:
            yield from self._values(self.members[ast.unparse(value)], function)
        else:
            yield f"not to be read: {ast.unparse(value)}"

    def _named(self, name: str, function: ast.FunctionDef) -> Iterator[str]:
        names = [one.arg for one in function.args.args]
        if name in names:
            yield from self.of(lambda call: called(call) == function.name, names.index(name), name)
            return
        for node in ast.walk(function):
            if not isinstance(node, ast.Assign):
                continue
            target, value = node.targets[0], node.value
            pairs = (
                zip(target.elts, value.elts, strict=False)
                if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
                else [(target, value)]
            )
            for one, meant in pairs:
                if getattr(one, "id", "") == name:
                    yield from self._values(meant, function)


def services(modules: Modules) -> Mapping[str, str]:
    return {name: text for name, text in modules.items() if name.startswith("lti_tool/services/")}


def told(modules: Modules) -> Iterator[tuple[str, str]]:
    for name, text in services(modules).items():
        if re.search(r"services\.notices import [^\n]*\btell\b|services import [^\n]*\bnotices\b", text):
            yield from ((name, code) for code in Codes(text).of(lambda call: called(call) == "tell", 2, "kind"))


def noted(modules: Modules) -> Iterator[tuple[str, str]]:
    for name, text in services(modules).items():
        meant = Codes(text).of(lambda call: ast.unparse(call.func) == "history.note", 2, "action")
        yield from ((name, code) for code in meant)


def missing(found: Iterator[tuple[str, str]], known: Iterable[str]) -> Iterator[str]:
    rows = sorted(set(found))
    assert len(rows) > 5, "the calls are not found any more"
    return (f"{name}: {code}" for name, code in rows if code not in known)


def test_every_kind_of_notice_has_its_sentence(app: Flask, modules: Modules, nothing: Nothing) -> None:
    known = app.jinja_env.get_template("notices/words.html").module.KINDS
    nothing(missing(told(modules), known), "write the sentence into templates/notices/words.html")


def test_every_act_of_the_history_has_its_sentence(app: Flask, modules: Modules, nothing: Nothing) -> None:
    known = app.jinja_env.get_template("history/words.html").module.ACTIONS
    nothing(missing(noted(modules), known), "write the sentence into templates/history/words.html")


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
