"""Lets one page at a time write to a course's LMS: its turn is the one run that the course may have open.

What is too much for a page is left to the worker.
"""

import time
from uuid import UUID

from lti_tool.models import transaction
from lti_tool.services import runs
from lti_tool.services.access import Viewer
from lti_tool.services.tool import Tool

TURN_SECONDS = 4.0  # how long a page waits for another writer of the course
_awaited: set[UUID] = set()  # courses for whose turn a page of this process waits


def take_turn(course_id: UUID, kind: str, access_id: UUID, set_id: UUID | None) -> UUID | None:
    """Open the course's one run for this page; None when another writer keeps it for longer than a page can wait.

    One page of this process waits for a course at a time: with more, a slow LMS would hold up every thread.
    """
    deadline = time.monotonic() + TURN_SECONDS
    waits = False
    try:
        while True:
            with transaction():
                run_id = runs.queue_unless_open(course_id, kind, requested_by=access_id, group_set_id=set_id)
            if run_id or time.monotonic() > deadline:
                return run_id
            if not waits and course_id in _awaited:
                return None
            waits = True
            _awaited.add(course_id)
            time.sleep(0.2)
    finally:
        if waits:
            _awaited.discard(course_id)


def leave_to_worker(tool: Tool, viewer: Viewer, kind: str, set_id: UUID | None) -> None:
    """Queue for the worker what is too much for a page to wait for, in the viewer's name."""
    with transaction():
        run_id = runs.queue_unless_open(viewer.course.id, kind, requested_by=viewer.access_id, group_set_id=set_id)
    if run_id:  # else the sweep queues one, after the run that is at work
        tool.ring(run_id)
