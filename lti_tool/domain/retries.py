"""When the LMS is tried again, and whether an earlier try may have changed something there without our knowing.

A row counts a try before its first call, and takes it back once it is sure that nothing was sent: a killed process
takes nothing back. How often it was tried all the same stands among the facts of its error.
"""

from collections.abc import Mapping
from datetime import timedelta

# Refusals that come before anything was changed in the LMS: the next try is no replay.
NOTHING_SENT = ("set_name_taken", "group_names_taken", "changed_meanwhile", "set_filled")
# What Moodle answered of a group that it hides proves nothing: so what was sent before is in doubt again.
NOTHING_PROVED = "groups_hidden"
FIRST_RETRY = timedelta(seconds=30)
LAST_RETRY = timedelta(hours=1)
UNSENT = "unsent"  # the fact of an error that counts the tries which changed nothing


def is_in_doubt(code: str, *, has_written: bool) -> bool:
    """Say whether a try that ended with this error may have changed something; `has_written`: it began a call to."""
    return code == NOTHING_PROVED or (has_written and code not in NOTHING_SENT)


def count_tries(in_doubt: int, facts: Mapping[str, str]) -> int:
    """Return how often something was tried: the tries that are in doubt and, by the facts, those that sent nothing."""
    return in_doubt + int(facts.get(UNSENT, 0))


def unsent(tries: int, in_doubt: int) -> dict[str, str]:
    """Return the facts that keep how many tries sent nothing."""
    return {UNSENT: str(tries - in_doubt)} if tries > in_doubt else {}


def of_error(facts: Mapping[str, str]) -> dict[str, str]:
    """Return the facts of the error itself, without the count of tries."""
    return {key: text for key, text in facts.items() if key != UNSENT}


def retry_wait(tries: int, chance: float) -> timedelta:
    """Return how long to wait after the n-th failure: longer each time, spread by chance (0 to 1) around that."""
    wait: timedelta = min(LAST_RETRY, FIRST_RETRY * 2 ** min(max(tries - 1, 0), 10))
    return wait * (0.8 + 0.4 * chance)
