"""Tells a list of people that an LMS cut without a word from one that people left."""

from lti_tool.domain.errors import LmsRefused

# Of fewer, somebody who has left or a Test Student may explain that most are not shown.
FEW = 5


def require_most(shown: int, expected: int) -> None:
    """Raise LmsRefused("people_hidden") when less than half of those are shown who have to be there.

    That is who is in groups, or on another list of the same LMS: a missing right shortens lists without an error, and
    a short list must not look as if people had left (canvas.md 7.2, moodle.md 2.2).
    """
    if expected >= FEW and shown * 2 < expected:
        raise LmsRefused("people_hidden", shown=shown, expected=expected)
