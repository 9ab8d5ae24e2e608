"""The ledger of changes: what people asked of the LMS's groups, brought there in order, and what became of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from lti_tool.domain.gateway import Progress, no_progress
from lti_tool.domain.lms_changes import Intent
from lti_tool.domain.sync import Report
from lti_tool.models import SyncRun
from lti_tool.services.access import Viewer
from lti_tool.services.tool import Tool

WAITING, SENDING, SENT, REFUSED, DISCARDED = "waiting", "sending", "sent", "refused", "discarded"
OPEN = (WAITING, SENDING, REFUSED)


@dataclass(frozen=True)
class ChangeView:
    """A change as pages show it; `set_name` is None for a set that is gone, or not there yet."""

    id: UUID
    kind: str
    about: str
    state: str
    error_code: str | None
    retry_at: datetime | None
    attempts: int
    requested_by: str | None
    created_at: datetime
    finished_at: datetime | None
    set_id: UUID | None
    set_name: str | None
    error_facts: dict[str, str] = field(default_factory=dict)

    @property
    def can_be_ended(self) -> bool:
        """Say whether a person may retry or discard the change now."""
        return self.state in (WAITING, REFUSED)


def note(viewer: Viewer, kind: str, set_id: UUID | None, about: str, intent: Intent) -> UUID:
    """Write down what somebody asked for, inside the caller's transaction, and return the row's id."""
    raise NotImplementedError


def deliver(tool: Tool, viewer: Viewer, set_id: UUID | None) -> list[ChangeView]:
    """Bring what is due to the LMS before the page answers and return what is still open, of the set or the course."""
    raise NotImplementedError


def list_open(course_id: UUID) -> list[ChangeView]:
    """Return the changes of a course that have not arrived, oldest first."""
    raise NotImplementedError


def list_of_set(set_id: UUID) -> list[ChangeView]:
    """Return the changes of a set that have not arrived, oldest first."""
    raise NotImplementedError


def list_latest(course_id: UUID, limit: int = 50) -> list[ChangeView]:
    """Return the latest changes of a course in every state, newest first."""
    raise NotImplementedError


def retry(tool: Tool, viewer: Viewer, change_id: UUID) -> ChangeView:
    """Try a change again now and return how it stands; raise NotFound, Conflict("change_not_open")."""
    raise NotImplementedError


def discard(viewer: Viewer, change_id: UUID) -> ChangeView:
    """Give a change up that waits or was refused; raise NotFound, Conflict("change_not_open")."""
    raise NotImplementedError


def run_changes(tool: Tool, run: SyncRun, report: Report, also: Progress = no_progress) -> None:
    """Do a claimed run of kind change: everything that is due in the course, in order."""
    raise NotImplementedError


def sweep(ring: Callable[[UUID], None]) -> int:
    """Queue a run for every course with a change whose time has come, or whose worker died; return how many."""
    raise NotImplementedError
