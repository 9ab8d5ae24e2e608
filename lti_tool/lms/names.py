"""Names that an LMS would not take for a group set or a group, known before it is asked."""

from collections.abc import Sequence

from lti_tool.domain.errors import LmsRefused
from lti_tool.lms.canvas_client import LONGEST_SET_NAME, RESERVED_NAMES, require_group_name
from lti_tool.lms.moodle_names import checked


def refused_names(family: str, set_name: str, group_names: Sequence[str]) -> list[str]:
    """Return those names that the LMS refuses: too long, reserved, like a tag (canvas.md 2.4, moodle.md 2.3)."""
    if family == "canvas":
        bad_set = len(set_name) > LONGEST_SET_NAME or set_name in RESERVED_NAMES
        return [*([set_name] if bad_set else []), *(name for name in group_names if _refused_by_canvas(name))]
    if family == "moodle":
        return [name for name in (set_name, *group_names) if _refused_by_moodle(name)]
    return []


def _refused_by_canvas(name: str) -> bool:
    try:
        require_group_name(name)
    except LmsRefused:
        return True
    return False


def _refused_by_moodle(name: str) -> bool:
    try:
        checked(name)
    except LmsRefused:
        return True
    return False
