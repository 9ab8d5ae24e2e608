"""Views and templates: each view declares who may use it, and no template is left over."""

import re
from collections.abc import Callable, Iterable, Mapping

from flask import Flask

from lti_tool.domain.administration import AdminPermission
from lti_tool.domain.permissions import Permission

Nothing = Callable[[Iterable[str], str], None]
# Reached without a session: the launch and its neighbours, a platform that registers itself, the end of a session, the
# window of a consent, what a load balancer asks, and an invite sent by a friend.
PUBLIC = ("lti.", "registering.", "sign_in.", "lms_oauth.", "health.", "home.no_course", "doors.open_invite")


def test_every_view_declares_its_permission(app: Flask, nothing: Nothing) -> None:
    declared = {
        name: getattr(view, "permission", "nothing") for name, view in app.view_functions.items() if name != "static"
    }
    nothing(
        (name for name, permission in declared.items() if permission == "nothing"),
        "mark the view with @requires(Permission.…) or @public",
    )
    nothing(
        (name for name, permission in declared.items() if permission is None and not name.startswith(PUBLIC)),
        "a page of a course is not public: mark the view with @requires(Permission.…)",
    )
    nothing(
        (rule.rule for rule in app.url_map.iter_rules() if _lacks_course(app, rule.endpoint, rule.arguments)),
        "a view that needs a permission finds the person through the course of its URL",
    )


def _lacks_course(app: Flask, endpoint: str, arguments: set[str]) -> bool:
    permission = getattr(app.view_functions[endpoint], "permission", None)
    return isinstance(permission, Permission) and "course_id" not in arguments


def test_every_admin_page_is_for_administrators(app: Flask, nothing: Nothing) -> None:
    nothing(
        (
            f"{rule.rule}: {permission}"
            for rule in app.url_map.iter_rules()
            for permission in [getattr(app.view_functions[rule.endpoint], "permission", None)]
            if rule.rule.startswith("/admin") != isinstance(permission, AdminPermission)
        ),
        "below /admin/ a view is marked with @requires_administrator(AdminPermission.…), and nowhere else",
    )
    nothing(
        (
            rule.rule
            for rule in app.url_map.iter_rules()
            if getattr(app.view_functions[rule.endpoint], "permission", None) is AdminPermission.MANAGE_REGISTRATION
            and "registration_id" not in rule.arguments
        ),
        "a view that is about one registration finds it in its URL",
    )


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


def test_every_template_is_used(files: Mapping[str, str], nothing: Nothing) -> None:
    used = {
        name
        for user, text in files.items()
        if user.startswith(("lti_tool/", "templates/"))
        for name in re.findall(r'"([\w/{}.]+\.html)"', text)
    }
    # A name may be put together, as in f"demo/{flavour}_course.html".
    patterns = [re.compile("[^/]+".join(map(re.escape, re.split(r"\{[^}]*\}", name)))) for name in sorted(used)]
    nothing(
        (
            path
            for path in files
            if (match := re.fullmatch(r"(?:lti_tool/demo/)?templates/(.+\.html)", path))
            and not any(pattern.fullmatch(match[1]) for pattern in patterns)
        ),
        "delete the template: nothing renders, includes or imports it",
    )
