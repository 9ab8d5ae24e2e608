"""Views and templates: each view declares who may use it, and no template is left over."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from flask import Flask

from lti_tool.domain.permissions import Permission

Nothing = Callable[[Iterable[str], str], None]
# Reached without a session: the launch and its neighbours, and what a load balancer asks.
PUBLIC = ("lti.", "health.")


def test_every_view_declares_its_permission(app: Flask, nothing: Nothing) -> None:
    views = {name: view for name, view in app.view_functions.items() if name != "static"}
    nothing(
        (name for name, view in views.items() if not hasattr(view, "permission")),
        "mark the view with @requires(Permission.…) or @public",
    )
    nothing(
        (name for name, view in views.items() if view.permission is None and not name.startswith(PUBLIC)),  # type: ignore[attr-defined]
        "a page of a course is not public: mark the view with @requires(Permission.…)",
    )
    nothing(
        (rule.rule for rule in app.url_map.iter_rules() if _lacks_course(app, rule.endpoint, rule.arguments)),
        "a view that needs a permission finds the person through the course of its URL",
    )


def _lacks_course(app: Flask, endpoint: str, arguments: set[str]) -> bool:
    permission = getattr(app.view_functions[endpoint], "permission", None)
    return permission is not None and "course_id" not in arguments


def test_every_permission_is_asked_for(modules: Mapping[str, str], files: Mapping[str, str], nothing: Nothing) -> None:
    texts = [text for name, text in modules.items() if not name.endswith("domain/permissions.py")]
    texts += [text for name, text in files.items() if name.startswith("templates/")]
    nothing(
        (
            permission.name
            for permission in Permission
            if not any(f"Permission.{permission.name}" in t or f'can("{permission}")' in t for t in texts)
        ),
        "remove the permission, or ask for it",
    )


def test_every_template_is_used(root: Path, files: Mapping[str, str], nothing: Nothing) -> None:
    for folder in ("templates", "lti_tool/demo/templates"):
        names = [path.relative_to(root / folder).as_posix() for path in (root / folder).rglob("*.html")]
        users = {name: text for name, text in files.items() if name.startswith(("lti_tool/", "templates/"))}
        nothing(
            (
                f"{folder}/{name}"
                for name in names
                if not any(f'"{name}"' in text for user, text in users.items() if user != f"{folder}/{name}")
            ),
            "delete the template: nothing renders, includes or imports it",
        )
