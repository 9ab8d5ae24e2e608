"""What the doctor says: one line for each check, with what to do about it."""

from dataclasses import dataclass
from enum import StrEnum

from lti_tool.domain.errors import ToolError


class Verdict(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor: what was checked, how it is, and what to do about it (empty when well).

    `error` is what went wrong, where something was tried: its code chooses the words. `about` is the registration that
    was checked, empty for the installation; `place` is the admin page on which it is mended.
    """

    check: str
    verdict: Verdict
    detail: str = ""
    advice: str = ""
    error: ToolError | None = None
    about: str = ""
    place: str = ""
