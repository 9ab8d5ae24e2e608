"""What the demo LMS is told from outside: its address, its state file, its tokens and the tool's addresses."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

Flavour = Literal["canvas", "moodle"]
FLAVOURS: tuple[Flavour, ...] = ("canvas", "moodle")

CANVAS_CUSTOM: Mapping[str, str] = {
    "canvas_user_id": "$Canvas.user.id",
    "canvas_course_id": "$Canvas.course.id",
    "canvas_api_base": "$Canvas.api.baseUrl",
    "canvas_section_ids": "$Canvas.course.sectionIds",
    "canvas_permissions": "$Canvas.membership.permissions<manage_groups_add,manage_groups_manage,manage_groups_delete>",
    "student_view": "$com.instructure.User.student_view",
    "context_history": "$Context.id.history",
}

MOODLE_CUSTOM: Mapping[str, str] = {"context_history": "$Context.id.history"}


@dataclass(frozen=True)
class ToolLink:
    """The tool as a site knows it; ``custom`` holds the values to substitute at launch."""

    client_id: str
    deployment_id: str
    login_url: str
    launch_url: str
    jwks_url: str
    custom: Mapping[str, str] = field(default_factory=dict)
    # Neither real Canvas nor real Moodle has the Course Groups Service; with it a site plays any other platform.
    groups_service: bool = False
    # Whether people tell their groups in the roster too: an extension that not every platform with the service has.
    group_enrollments: bool = True
    # Whether the tool may ask for the people of a course: a registration that did not ask for it has it not.
    roster_service: bool = True


@dataclass(frozen=True)
class LmsConfig:
    """Everything that one run of the demo LMS needs to know."""

    base_url: str
    state_file: Path | None = None
    big_course_students: int = 2000
    canvas_token: str = "demo-canvas-token"
    moodle_token: str = "demo-moodle-token"
    # The API developer key of the Canvas site: a second key, as on a real Canvas.
    oauth_client_id: str = "demo-canvas-api"
    oauth_client_secret: str = "demo-canvas-secret"

    def issuer(self, flavour: Flavour) -> str:
        """Return the issuer, which is also the root address, of a site."""
        return f"{self.base_url.rstrip('/')}/{flavour}"


def read_config(path: Path) -> tuple[LmsConfig, dict[Flavour, ToolLink]]:
    """Read the JSON file of ``python -m lti_tool.demo --config FILE``."""
    data: dict[str, Any] = json.loads(path.read_text("utf-8"))
    tools = {cast("Flavour", name): ToolLink(**link) for name, link in data.pop("tools", {}).items()}
    if unknown := set(tools) - set(FLAVOURS):
        raise ValueError(f"unknown site in tools: {', '.join(sorted(unknown))}")
    state = data.pop("state_file", None)
    return LmsConfig(**data, state_file=Path(state) if state else None), tools
