"""Keeps the invite link that somebody opened outside a launch until a launch of its course resumes it (ruling C7).

Only the browser remembers it, for an hour, and it joins nobody: the launch leads to the invite's own page, which asks.
The cookie is not partitioned, because the page outside and the LMS's frame have different partitions; where browsers
keep it from frames, a launch in a window of its own still brings it, and the code that the page shows works anyhow.
"""

from datetime import timedelta
from uuid import UUID

from flask import Response, request

from lti_tool.services.invites import find_target

COOKIE = "__Host-invite"
LIFE = timedelta(hours=1)


def keep(response: Response, token: UUID) -> None:
    """Let the browser remember a link that works, in place of one before."""
    _set(response, str(token), LIFE)


def forget_resumed(response: Response) -> None:
    """Let the browser forget the link when this answer leads on to it."""
    waiting = request.cookies.get(COOKIE)
    if waiting and waiting in response.headers.get("Location", ""):
        _set(response, "", timedelta(0))


def waiting_in(course_id: UUID) -> UUID | None:
    """Return the link that waits for a launch of this course and still works."""
    try:
        token = UUID(request.cookies.get(COOKIE, ""))
    except ValueError:
        return None
    target = find_target(token)
    return token if target and target.group_id and target.course.id == course_id else None


def _set(response: Response, value: str, life: timedelta) -> None:
    response.set_cookie(COOKIE, value, max_age=life, path="/", secure=True, httponly=True, samesite="None")
