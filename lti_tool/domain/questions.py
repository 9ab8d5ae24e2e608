"""Questions before deletions: whether what one told is still so when its answer comes."""

import hashlib
import json
from collections.abc import Iterable

from lti_tool.domain.errors import Conflict


def mark_of(*told: Iterable[object]) -> str:
    """Return a short mark of the facts that a question tells, which its form sends back with the answer."""
    facts = [[str(fact) for fact in some] for some in told]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def require_told(present: str, mark: str | None) -> None:
    """Raise Conflict("question_changed") when the question, shown with `mark`, would tell something else now.

    Called under the locks of what goes; None: nobody was asked, so nothing was told.
    """
    if mark is not None and mark != present:
        raise Conflict("question_changed")
