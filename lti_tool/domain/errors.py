"""The tree of errors that people can meet; each carries a code and the facts that its text needs.

ToolError
├ NotFound · Forbidden · Conflict
├ RuleViolation · TooOften
├ LaunchError
├ StoreUnavailable (the documents' place)
└ LmsError
  ├ LmsUnavailable (retryable) · LmsRefused (needs a person) · LmsChanged (the remote thing moved)
"""


class ToolError(Exception):
    """Say what went wrong by a code; the sentence for people stands in a template, chosen by the code."""

    retryable = False

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts

    def __str__(self) -> str:
        """Return code and facts for the log; no page shows this."""
        facts = " ".join(f"{key}={value!r}" for key, value in self.facts.items())
        return f"{self.code} {facts}".strip()


class NotFound(ToolError):
    """Nothing of that id is in this course (or it is not the viewer's to see)."""


class Forbidden(ToolError):
    """The person may not do this here, or nobody may, because it is not the tool's to change."""


class Conflict(ToolError):
    """Somebody changed it meanwhile, or a sync is at work on it."""


class RuleViolation(ToolError):
    """The request breaks a rule of groups; nothing was stored."""


class TooOften(ToolError):
    """One person did this more often than anybody may; it is open again in `seconds`."""


class LaunchError(ToolError):
    """The launch cannot be trusted or understood; `status` is the HTTP status of the page (400, 401, 403)."""

    def __init__(self, code: str, status: int = 400, **facts: object) -> None:
        super().__init__(code, **facts)
        self.status = status


class StoreUnavailable(ToolError):
    """The place where documents are kept cannot be read or written now."""


class LmsError(ToolError):
    """The LMS did not do what was asked."""


class LmsUnavailable(LmsError):
    """The LMS was silent, throttled the tool or failed (timeout, 5xx, 429): asking again later may do."""

    retryable = True


class LmsRefused(LmsError):
    """The LMS said no (token, scope, right, invalid value): a person has to do something."""


class LmsChanged(LmsError):
    """The remote thing vanished or moved between reading and writing."""
