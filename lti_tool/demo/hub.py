"""What every view of the demo LMS can reach: configuration, sites, faults, counters, jobs, one lock."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from flask import current_app

from lti_tool.demo.assertion import KeyCache
from lti_tool.demo.config import FLAVOURS, Flavour, LmsConfig, ToolLink
from lti_tool.demo.faults import Faults
from lti_tool.demo.keys import new_pem
from lti_tool.demo.seed import new_site
from lti_tool.demo.site import Site

if TYPE_CHECKING:
    from lti_tool.demo.registry import AddedTool


@dataclass
class Job:
    """Something that Canvas does later, seen by callers as a Progress object."""

    id: int
    tag: str
    context_id: int
    due: float
    started: float
    run: Callable[[], None]
    created: str
    state: str = "queued"
    message: str | None = None


@dataclass
class Hint:
    """A launch that was begun and may be finished once."""

    flavour: Flavour
    user: int
    course: int
    launch_id: str
    target: str = ""  # the tool's page to open; empty: its usual one
    made: float = field(default_factory=time.time)
    link: int | None = None  # the placed link that was clicked; None: the tool itself
    placing: bool = False  # whether the tool is asked for links


class Hub:
    """The state of a running demo LMS."""

    def __init__(self, config: LmsConfig) -> None:
        self.config = config
        self.lock = threading.RLock()
        self.faults = Faults()
        self.tools: dict[Flavour, ToolLink] = {}
        self.added: dict[Flavour, dict[int, AddedTool]] = {"canvas": {}, "moodle": {}}  # by administrators
        self.used_tokens: set[str] = set()
        self.pems: dict[Flavour, str] = {"canvas": new_pem("canvas"), "moodle": new_pem("moodle")}
        self.sites: dict[Flavour, Site] = {}
        self.calls: dict[Flavour, Counter[str]] = {"canvas": Counter(), "moodle": Counter()}
        self.jobs: dict[int, Job] = {}
        self.hints: dict[str, Hint] = {}
        self.codes: dict[str, dict[str, Any]] = {}
        # What requests for links said as "data", and what the tool must say again.
        self.placings: dict[str, Hint] = {}
        self.counted = 0
        # How many calls of one token are at work, and the most that ever were: real LMSs refuse too many.
        self.at_once: Counter[tuple[Flavour, str]] = Counter()
        self.most_at_once: dict[Flavour, int] = dict.fromkeys(FLAVOURS, 0)
        self.key_cache = KeyCache()

    def issuer(self, flavour: Flavour) -> str:
        return self.config.issuer(flavour)

    def reset(self) -> None:
        """Fill both sites afresh; keys and tools stay."""
        for flavour in FLAVOURS:
            self.sites[flavour] = new_site(flavour)
            self.calls[flavour].clear()
        self.faults = Faults()
        for table in (self.jobs, self.hints, self.codes, self.placings):
            table.clear()

    def run_due_jobs(self) -> None:
        """Carry jobs on as far as they are by now; called at the start of every request."""
        now = time.time()
        for job in self.jobs.values():
            if job.state == "queued" and now >= (job.started + job.due) / 2:
                job.state = "running"
            if job.state == "running" and now >= job.due:
                self._finish(job)

    @staticmethod
    def _finish(job: Job) -> None:
        try:
            job.run()
            job.state = "completed"
        except ValueError as error:
            job.state, job.message = "failed", str(error)


def hub() -> Hub:
    """Return the hub of the running application."""
    return cast("Hub", current_app.extensions["demo_lms"])


def canvas() -> Site:
    """Return the Canvas-like site."""
    return hub().sites["canvas"]


def moodle() -> Site:
    """Return the Moodle-like site."""
    return hub().sites["moodle"]
