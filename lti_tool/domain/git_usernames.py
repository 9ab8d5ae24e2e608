"""Git user names: what a name may look like, and how much is known of it."""

import re
from enum import StrEnum

# GitHub's rule: letters, digits and single hyphens, none of these at the ends.
PATTERN = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
MOST_CHARACTERS = 39


class GitUsernameStatus(StrEnum):
    """What is known of a git user name: only a person can say that it is valid."""

    UNKNOWN = "unknown"
    VALID = "valid"
    INVALID = "invalid"


def is_well_formed(username: str) -> bool:
    """Say whether a name can be one of GitHub's; nobody is asked whether it exists."""
    return len(username) <= MOST_CHARACTERS and PATTERN.fullmatch(username) is not None


def checked_status(
    username: str | None,
    chosen: GitUsernameStatus = GitUsernameStatus.UNKNOWN,
    before: tuple[str | None, GitUsernameStatus] = (None, GitUsernameStatus.UNKNOWN),
) -> GitUsernameStatus:
    """Return the status of a name: what a person chose for it, but a malformed one is invalid and none is unknown.

    `before` is the name and status as stored: a status that spoke of another name does not pass on to the new one.
    """
    if not username:
        return GitUsernameStatus.UNKNOWN
    if not is_well_formed(username):
        return GitUsernameStatus.INVALID
    if username != before[0] and chosen is before[1]:
        return GitUsernameStatus.UNKNOWN
    return chosen
