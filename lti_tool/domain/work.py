"""Jobs against the LMS: which edits of a course wait for one (seed 003: all controls are disabled), and its length."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from lti_tool.domain.permissions import Permission
from lti_tool.domain.sync import Report

SYNCS_OF_GROUPS = ("groups", "pull")
SENDS = ("change", "push")  # what people did is on its way to the LMS
SILENT_SECONDS = 30.0  # a worker that waits for its LMS tells no oftener that it is alive
HELD = frozenset({Permission.EDIT_GROUPS, Permission.EDIT_ASSIGNMENTS, Permission.EDIT_ROSTER, Permission.PUBLISH})


@dataclass(frozen=True)
class Work:
    """The job that is at work on a course, and the set that it is about."""

    run_id: UUID
    kind: str
    group_set_id: UUID | None = None

    def stops(self, set_id: UUID | None = None) -> str | None:
        """Return the code of why nobody may edit now; None when one may. `set_id`: the set that the edit is about.

        A sync of groups stops the edits of the whole course, a publication and a refresh those of their own set. A
        push stops none: it sends what is stored, and the edits that come meanwhile wait for their turn. Neither does
        a refresh of people, who change under a lock of their own (see `holds_back`).
        """
        if self.kind in SYNCS_OF_GROUPS:
            return "run_open"
        if set_id is None or self.group_set_id != set_id:
            return None
        return {"publish": "set_in_publication", "refresh": "run_open"}.get(self.kind)

    def shows_on(self, set_id: UUID) -> bool:
        """Say whether the page of a set shows the job in place of its edits: it stops them, or sends some on."""
        return self.stops(set_id) is not None or (self.kind in SENDS and self.group_set_id == set_id)


def holds_back(work: Work | None, permission: Permission, set_id: UUID | None = None) -> str | None:
    """Return the code of why what a permission allows has to wait; None when nothing is in its way."""
    if work is None or permission not in HELD:
        return None
    if permission is Permission.EDIT_ROSTER:  # the people's own lock: whatever is at work on the course may need them
        return "run_open"
    return work.stops(set_id)


@dataclass
class AtWork:
    """The run that this thread is at work on: who asked for it, and whose access to the LMS it used so far.

    `acted_as` is that person's name, `lender` their id; the tool's own access has an empty name and no id.
    `attempt`: which of the run's workers this is; one that was taken for dead must not write any more.
    """

    requested_by: UUID | None
    run_id: UUID | None = None
    attempt: int = 0
    acted_as: str | None = None
    lender: UUID | None = None
    told_at: float = field(default_factory=time.monotonic)

    def is_due(self) -> bool:
        """Say whether it is time to tell that this worker is alive, and take it that this is done now."""
        silent = time.monotonic() - self.told_at
        if silent >= SILENT_SECONDS:
            self.told_at += silent
        return silent >= SILENT_SECONDS


@contextmanager
def timed(report: Report) -> Iterator[None]:
    """Write the seconds that the block takes into the report."""
    started = time.monotonic()
    try:
        yield
    finally:
        report.seconds = round(time.monotonic() - started, 3)
