"""The faults that can be switched on: latency, throttling, errors, lost answers, missing rights."""

from dataclasses import dataclass, fields
from typing import Any


@dataclass
class Faults:
    """The switches; numbers called ``…_next`` count down with every call that they hit."""

    latency_ms: int = 0
    hang_ms: int = 0
    throttle: str | None = None
    throttle_next: int | None = None
    error_every: int = 0
    error_next: int = 0
    html_error_next: int = 0
    cut_after_apply_next: int = 0
    truncate_page: int | bool = False
    strip_includes: bool = False
    forbidden_status: int = 401
    forbid_next: int = 0
    scope_next: int = 0
    revoke_token: bool = False
    rate_remaining: float | None = None
    import_delay_ms: int = 300
    only_path: str = ""
    # Moodle's silent ones: capabilities that the service account lacks, with blanks between, and "off" or
    # "maintenance" of the service.
    lacks: str = ""
    web_services: str = ""
    # What became of Moodle's token or of the account behind it: "expired", "suspended" or "password".
    account: str = ""
    # What a Canvas user's settings make of an export: "semicolon", "bom" and "german", in any combination.
    export_form: str = ""
    # How long Canvas takes for the members of one group when a list of groups includes them: a query for each.
    group_users_ms: int = 0
    # Scopes that the API developer key lacks, separated by blanks.
    key_lacks: str = ""
    # How many people of each page of Moodle's list the rights keep back, after the page was cut.
    withhold: int = 0
    # How many of Moodle's list of people are shown at all while a right is missing that leaves it short; 0: all.
    people_shown: int = 0
    # Who leaves the course between the first page of a list of people and the next.
    leaves_between_pages: int = 0

    def update(self, values: dict[str, Any]) -> None:
        """Set some switches; an unknown name or a wrong type is refused and changes nothing."""
        known = {f.name: getattr(Faults, f.name) for f in fields(self)}
        checked = {name: _checked(name, value, known) for name, value in values.items()}
        for name, value in checked.items():
            setattr(self, name, value)

    def missing(self, *capabilities: str) -> bool:
        """Tell whether the service account lacks one of these capabilities."""
        return not set(capabilities).isdisjoint(self.lacks.split())

    def take(self, name: str) -> bool:
        """Count one call against a ``…_next`` number; true when it must be hit."""
        left = getattr(self, name)
        if not left:
            return False
        setattr(self, name, left - 1)
        return True

    def take_throttle(self) -> int | None:
        """Return the status of the refusal when this call must be throttled."""
        if self.throttle_next is None:
            return int(self.throttle) if self.throttle else None
        status = int(self.throttle or "429")
        if self.throttle_next > 0:
            self.throttle_next -= 1
            return status
        self.throttle, self.throttle_next = None, None
        return None

    def bad_page(self) -> int | None:
        """Return the number of the page of a list that must fail; ``true`` stands for the second."""
        if self.truncate_page is True:
            return 2
        return int(self.truncate_page) or None


def _checked(name: str, value: Any, known: dict[str, Any]) -> Any:
    if name not in known:
        raise ValueError(f"unknown fault: {name}")
    if name == "throttle":
        text = None if value in (None, "", "off") else str(value)
        if text not in (None, "429", "403"):
            raise ValueError("throttle is null, 429 or 403")
        return text
    if name == "web_services" and value not in ("", "off", "maintenance"):
        raise ValueError("web_services is empty, off or maintenance")
    if name == "account" and value not in ("", "expired", "suspended", "password"):
        raise ValueError("account is empty, expired, suspended or password")
    if name in ("only_path", "lacks", "web_services", "account", "export_form", "key_lacks"):
        return str(value)
    if name in ("strip_includes", "revoke_token"):
        return value in (True, 1, "1", "true", "on")
    if name == "truncate_page" and isinstance(value, bool):
        return value
    if name in ("rate_remaining", "throttle_next") and value in (None, ""):
        return None
    return float(value) if name == "rate_remaining" else int(value or 0)
