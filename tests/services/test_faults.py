"""Every fault of an LMS against every way of working with it: store and LMS agree afterwards, or a row says why not."""

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from lti_tool.domain.clock import now
from lti_tool.domain.errors import Forbidden, LmsError, ToolError
from lti_tool.lms import http
from lti_tool.models import db
from lti_tool.outbound import Outbound
from lti_tool.services import groups, lms_changes, publication
from lti_tool.services.set_edits import edits_of
from lti_tool.worker import do_run
from tests.services.connected import open_set
from tests.services.faulted import (
    Findings,
    at_call,
    calm,
    compare,
    half_answers,
    is_change,
    press_again,
    settle,
)

pytestmark = pytest.mark.usefixtures("no_waiting")
# Where it is the LMS that fails, one database is enough; two people at once meet on both.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
READ_SECONDS = 0.15


# -- ways of working ---------------------------------------------------------------------------------------------


@dataclass
class Work:
    """One way of working: its course made ready, and then each time something new to bring over."""

    classroom: Any
    turns: Any

    def __post_init__(self) -> None:
        """Make the course ready."""

    def do(self) -> None:
        """Do it once, whatever the LMS makes of it."""

    def target(self) -> dict[str, Any]:
        """The set of the LMS with which others meddle."""
        return next(s for s in self.classroom.state()["group_sets"] if s["name"].startswith(self.meddled))

    meddled = ""


class Pull(Work):
    """A whole pull, after others changed things in the LMS."""

    meddled = "Projects"

    def __post_init__(self) -> None:
        open_set(self.classroom)

    def do(self) -> None:
        n, outsider = next(self.turns), self.classroom.outsider
        with suppress(KeyError, IndexError):  # the fault may be that the group is gone
            first, second = self.target()["groups"][:2]
            made = outsider("create_group", set_id=self.target()["id"], name=f"New {n}")["group_id"]
            for group, person in zip((made, second["id"]), first["members"][:2], strict=False):
                outsider("move_member", user_id=person, group_id=group, from_group_id=first["id"])
            outsider("rename_group", group_id=second["id"], name=f"Renamed {n}")
            outsider("enrol", given="New", family=f"Person {n}")
        with suppress(LmsError):
            self.classroom.pull()


class Publish(Work):
    """The making of a mirror of a whole local set."""

    meddled = "Crews"

    def __post_init__(self) -> None:
        self.classroom.pull()

    def do(self) -> None:
        n = next(self.turns)
        self.meddled = f"Crews {n}"
        set_id = crews(self.classroom, self.meddled, f"Crew {n}")
        with suppress(LmsError):
            do_run(self.classroom.tool, publication.queue_publication(self.classroom.tool, set_id))


class Push(Work):
    """Later changes of a published set, each brought over before the page answers."""

    meddled = "Crews"

    def __post_init__(self) -> None:
        self.classroom.pull()
        self.set_id = crews(self.classroom, "Crews")
        do_run(self.classroom.tool, publication.queue_publication(self.classroom.tool, self.set_id))

    def do(self) -> None:
        edit_all(self.classroom, self.set_id, next(self.turns), self._arrive)

    def _arrive(self) -> None:
        publication.push_after_change(self.classroom.tool, self.classroom.viewer, self.set_id)


class WriteThrough(Work):
    """Changes of a set of the LMS, each sent there first."""

    meddled = "Projects"

    def __post_init__(self) -> None:
        self.set_id = open_set(self.classroom, 4)  # others may delete a group before each turn

    def do(self) -> None:
        edit_all(self.classroom, self.set_id, next(self.turns), self._arrive)

    def _arrive(self) -> None:
        lms_changes.deliver(self.classroom.tool, self.classroom.viewer, self.set_id)


def crews(classroom: Any, name: str, group: str = "Crew") -> UUID:
    """Make a local set of four groups with everybody in one of three."""
    set_id: UUID = classroom.new_set(name)
    ids = classroom.new_groups(set_id, group, 4)
    people = [student.id for student in classroom.students()]
    groups.assign(classroom.viewer, set_id, {person: ids[n % 3] for n, person in enumerate(people)})
    return set_id


def edit_all(classroom: Any, set_id: UUID, n: int, arrive: Callable[[], None]) -> None:
    """Make one edit of each kind, until the LMS is known to take none: then pages offer no more and services refuse."""
    viewer, edits = classroom.viewer, edits_of(classroom.course_id, set_id)
    page = classroom.read_set(set_id)
    full = sorted((card for card in page.cards if card.members), key=lambda card: -len(card.members))
    source, other = full[0], full[1]
    movers = [member.id for member in source.members[:3]]
    for edit in (
        partial(edits.assign, viewer, set_id, {movers[0]: other.row.id}),
        partial(edits.create_group_of, viewer, set_id, f"Fresh {n}", movers[1:]),
        partial(edits.edit_group, viewer, set_id, other.row.id, f"Renamed {n}", ""),
        partial(edits.create_groups, viewer, set_id, f"Late {n}", 2),
    ):
        try:
            edit()
        except Forbidden as error:
            if error.code != "set_not_editable":
                raise
            return
        arrive()
        db.session.rollback()


WORKS: dict[str, type[Work]] = {"pull": Pull, "publish": Publish, "push": Push, "write-through": WriteThrough}


# -- faults ------------------------------------------------------------------------------------------------------

SWITCHES: dict[str, dict[str, dict[str, Any]]] = {
    name: {flavour: switches.get(flavour, switches) for flavour in ("canvas", "moodle")}
    for name, switches in {
        "throttled, 429": {"throttle": "429"},
        "throttled, 403": {"throttle": "403"},
        "500 every seventh call": {"error_every": 7},
        "time-out": {"hang_ms": 400},
        "cut after it was applied": {"cut_after_apply_next": 3},
        "HTML from a proxy": {"html_error_next": 12},
        "token revoked": {"revoke_token": True},
        "token narrowed": {"canvas": {"scope_next": 99}, "moodle": {"forbid_next": 99}},
        "include[] stripped": {"strip_includes": True},
    }.items()
}
CANVAS_ONLY = ("include[] stripped",)
# The first call of the work that it meets.
ONSETS = (1, 4)


@contextmanager
def fault(classroom: Any, name: str, onset: int) -> Iterator[None]:
    """Let the LMS fail from a certain call on."""
    with ExitStack() as stack:

        def begin() -> None:
            if name == "half a page":
                stack.enter_context(half_answers(classroom.lms))
            else:
                classroom.lms.faults(SWITCHES[name][classroom.flavour])

        with at_call(classroom.lms, lambda number, _: number == onset, begin):
            yield
    calm(classroom)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for an answer for a moment only, and ask twice."""
    monkeypatch.setattr(http, "MAX_TRIES", 2)
    request = Outbound.request
    monkeypatch.setattr(
        Outbound,
        "request",
        lambda self, *args, **kw: request(self, *args, **{**kw, "read_seconds": READ_SECONDS}),
    )


@pytest.fixture
def findings(record_property: Callable[[str, object], None]) -> Iterator[list[Findings]]:
    """What a test found, for the table of `tests/bench/faults.py`; nothing lost and nothing doubled."""
    found: list[Findings] = []
    yield found
    total = sum(found, Findings())
    for name in ("lost", "doubled", "shown"):
        record_property(name, getattr(total, name))
    assert found
    assert (total.lost, total.doubled) == (0, 0), found


@pytest.mark.shows("PUSH-40")
@on_sqlite
@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize("name", [*SWITCHES, "half a page"])
def test_a_fault_of_the_lms(
    request: pytest.FixtureRequest, classroom: Any, work: str, name: str, findings: list[Findings]
) -> None:
    if name in CANVAS_ONLY and classroom.flavour != "canvas":
        findings.append(Findings())  # Moodle includes nothing
        return
    if name == "time-out":
        request.getfixturevalue("impatient")
    at_work = WORKS[work](classroom, itertools.count())
    for onset in ONSETS:
        began = now()
        with fault(classroom, name, onset):
            at_work.do()
        settle(classroom)
        findings.append(compare(classroom, began))  # what could not be brought over is shown
        press_again(classroom)
        classroom.pull()
        settle(classroom)
        after = compare(classroom, began)
        findings.append(after)
        assert after.shown == 0, (onset, after)


# -- others ------------------------------------------------------------------------------------------------------


def delete_a_group(classroom: Any, work: Work) -> None:
    groups_there = sorted(work.target()["groups"], key=lambda group: not group["members"])
    classroom.outsider("delete_group", group_id=groups_there[0]["id"])


def unenrol_somebody(classroom: Any, work: Work) -> None:
    roles = ("StudentEnrollment", "student")
    active = [p["id"] for p in classroom.state()["people"] if p["states"] == ["active"] and p["roles"][0] in roles]
    people = [m for group in work.target()["groups"] for m in group["members"] if m in active]
    classroom.outsider("unenrol", user_id=(people + active)[0])


def rename_the_set(classroom: Any, work: Work) -> None:
    classroom.outsider("rename_set", set_id=work.target()["id"], name=f"{work.target()['name']} of others")


def move_somebody(classroom: Any, work: Work) -> None:
    first, second = [g for g in work.target()["groups"] if g["members"]][:2]
    classroom.outsider("move_member", user_id=first["members"][0], group_id=second["id"], from_group_id=first["id"])


MEDDLERS = {
    "group deleted between": delete_a_group,
    "student unenrolled between": unenrol_somebody,
    "set renamed between": rename_the_set,
    "member moved between": move_somebody,
}
# What the calls of the work itself show; of the rest only the next sync, or look at the mirror, can tell.
SEEN_AT_ONCE = {("publish", name) for name in MEDDLERS} - {("publish", "student unenrolled between")}
SEEN_AT_ONCE |= {("push", "group deleted between"), ("write-through", "group deleted between")}


@on_sqlite
@pytest.mark.parametrize("work", WORKS)
@pytest.mark.parametrize("name", MEDDLERS)
def test_somebody_else_is_at_work_in_the_lms(classroom: Any, work: str, name: str, findings: list[Findings]) -> None:
    at_work = WORKS[work](classroom, itertools.count())

    hits = []

    def meddle() -> bool:
        with suppress(StopIteration, IndexError, ValueError), classroom.lms.app.app_context():
            MEDDLERS[name](classroom, at_work)
            hits.append(name)
            return True
        return False  # not made yet

    def second_change() -> Callable[[int, dict[str, Any]], bool]:
        count = itertools.count(1)
        return lambda number, environ: is_change(number, environ) and next(count) >= 2

    whens: list[Callable[[], Callable[[int, dict[str, Any]], bool]]]
    if work == "pull":
        whens = [lambda: lambda number, _: number == 3, lambda: lambda number, _: number == 4]
    elif work == "publish":  # as soon as there is anything of it, and near the end
        whens = [lambda: lambda *_: True, lambda: lambda number, _: number >= 6]
    else:
        whens = [lambda: is_change, second_change]
    for when in whens:
        trap: AbstractContextManager[None] = at_call(classroom.lms, when(), meddle)
        with trap:
            at_work.do()
        settle(classroom)
        if (work, name) in SEEN_AT_ONCE:
            findings.append(compare(classroom))
        classroom.pull()  # the next sync sees what others did
        settle(classroom)
        findings.append(compare(classroom))
    # A later change of a mirror that others changed waits for a decision, so nothing more is sent.
    assert len(hits) >= (1 if work == "push" else len(whens))


# -- two of us ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("work", WORKS)
def test_two_staff_at_once(app_on_both: Flask, classroom: Any, work: str, findings: list[Findings]) -> None:
    at_work = WORKS[work](classroom, itertools.count())
    start = threading.Barrier(2)
    unforeseen: list[BaseException] = []

    def one() -> None:
        with app_on_both.app_context():
            start.wait()
            try:
                at_work.do()
            except ToolError:
                pass  # told to the second one: a sync is at work, the name is taken, a change waits
            except BaseException as error:
                unforeseen.append(error)
            finally:
                db.session.remove()

    db.session.rollback()
    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not unforeseen
    settle(classroom)
    findings.append(compare(classroom))


# -- the comparison itself ---------------------------------------------------------------------------------------


@on_sqlite
@pytest.mark.parametrize("what", ["removed", "added", "renamed", "deleted", "twin"])
@pytest.mark.parametrize("work", ["publish", "write-through"])
def test_the_comparison_sees_what_nobody_is_told(classroom: Any, work: str, what: str) -> None:
    at_work = WORKS[work](classroom, itertools.count())
    at_work.do()
    assert compare(classroom) == Findings()
    target, outsider = at_work.target(), classroom.outsider
    first, second = sorted((g for g in target["groups"] if g["members"]), key=lambda g: g["id"])[:2]
    person = {"user_id": first["members"][0]}
    doings: dict[str, Callable[[], Any]] = {
        "removed": lambda: outsider("remove_member", group_id=first["id"], **person),
        "added": lambda: classroom.lms.hub.sites[classroom.flavour].add_member(second["id"], person["user_id"]),
        "renamed": lambda: outsider("rename_group", group_id=first["id"], name="Theirs"),
        "deleted": lambda: outsider("delete_group", group_id=first["id"]),
        "twin": lambda: outsider("create_group", set_id=target["id"], name=first["name"]),
    }
    doings[what]()
    found = compare(classroom)
    assert found.lost + found.doubled > 0
    assert found.shown == 0
