"""Addresses of an LMS's own pages that people are sent to: a course, and the tool opened in it at a certain place."""

from urllib.parse import urlencode


def course_address(family: str, lms_url: str | None, lms_course_id: str | None) -> str | None:
    """Return the address of a course in its LMS; None when it is not known."""
    if not lms_url or not lms_course_id:
        return None
    base = lms_url.rstrip("/")
    if family == "canvas":
        return f"{base}/courses/{lms_course_id}"
    return f"{base}/course/view.php?{urlencode({'id': lms_course_id})}" if family == "moodle" else None


def launching_address(family: str, lms_url: str | None, lms_course_id: str | None, target: str) -> str | None:
    """Return the address that launches the tool in a course at a page of the tool's own; None where there is none.

    Canvas finds the tool by the address of the page and signs that as the launch's destination ("retrieve" of its
    external tools); Moodle has no such way.
    """
    course = course_address(family, lms_url, lms_course_id)
    if family != "canvas" or course is None:
        return None
    return f"{course}/external_tools/retrieve?{urlencode({'display': 'borderless', 'url': target})}"
