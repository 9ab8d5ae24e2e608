"""What tests of faults share: a trap at a certain call, the worker's retries, and store and LMS held side by side."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from sqlalchemy import select

from lti_tool.demo.faults import Faults
from lti_tool.domain.lms_changes import ChangeGroups, from_json
from lti_tool.domain.sync import UNGROUPED_SET_ID
from lti_tool.models import GroupSet, LmsChange, Publication, RosterMember, SyncRun, db, transaction
from lti_tool.services import lms_changes, proof, publication, runs
from lti_tool.services.mirror import list_differences, read_wanted
from lti_tool.worker import do_run

READS = re.compile(r"_(get|search)_|_get$")
ROUNDS = 8  # sweeps of the worker, each a minute or more after the last


@dataclass(frozen=True)
class Findings:
    """How store and LMS differ: unseen (`lost`), twice (`doubled`), or told on a page (`shown`)."""

    lost: int = 0
    doubled: int = 0
    shown: int = 0

    def __add__(self, other: "Findings") -> "Findings":
        return Findings(self.lost + other.lost, self.doubled + other.doubled, self.shown + other.shown)


@contextmanager
def at_call(lms: Any, wanted: Callable[[int, dict[str, Any]], bool], act: Callable[[], object]) -> Iterator[None]:
    """Do something just before the first API call for which `wanted(its number, its environ)` holds.

    When `act` returns False it could not be done yet, and is tried again before the next such call.
    """
    inner, number, is_done = lms.app.wsgi_app, 0, False

    def trap(environ: dict[str, Any], start_response: Any) -> Any:
        nonlocal number, is_done
        with lms.hub.lock:
            number += 1
            is_hit = not is_done and wanted(number, environ)
            is_done = is_done or is_hit
        if is_hit:
            is_done = act() is not False
        return inner(environ, start_response)

    lms.app.wsgi_app = trap
    try:
        yield
    finally:
        lms.app.wsgi_app = inner


def is_change(number: int, environ: dict[str, Any]) -> bool:
    """Say whether a call of either LMS changes something."""
    if "webservice" not in environ["PATH_INFO"]:
        return str(environ["REQUEST_METHOD"]) != "GET"
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = BytesIO(body)
    return not READS.search(parse_qs(body.decode()).get("wsfunction", [""])[0])


@contextmanager
def half_answers(lms: Any) -> Iterator[None]:
    """Let every answer break off in the middle, as a proxy does that is restarted: shorter than it says it is."""
    inner = lms.app.wsgi_app

    def cut(environ: dict[str, Any], start_response: Any) -> Any:
        body = b"".join(inner(environ, start_response))
        return [body[: len(body) // 2]]

    lms.app.wsgi_app = cut
    try:
        yield
    finally:
        lms.app.wsgi_app = inner


def let_time_pass() -> None:
    """Set back what the worker waits for: due times of retries, and the heartbeats of runs whose worker died."""
    long_ago = timedelta(hours=3)
    with transaction() as session:
        for row in session.scalars(select(LmsChange).where(LmsChange.state == "waiting")):
            row.retry_at = row.created_at - long_ago
        for mirror in session.scalars(select(Publication).where(Publication.retry_at.is_not(None))):
            mirror.retry_at = mirror.created_at - long_ago
        is_open = SyncRun.state.in_(runs.OPEN)
        for run in session.scalars(select(SyncRun).where(is_open)):
            run.heartbeat_at = run.created_at - long_ago


def settle(classroom: Any) -> None:
    """Let the worker sweep and do what it finds, until nothing is due any more."""
    for _ in range(ROUNDS):
        let_time_pass()
        rung: list[UUID] = []
        for sweep in (runs.sweep, publication.sweep, lms_changes.sweep, proof.sweep):
            sweep(rung.append)
        if not rung:
            return
        for run_id in rung:
            do_run(classroom.tool, run_id)
            db.session.rollback()
    raise AssertionError("the worker does not come to an end")


def calm(classroom: Any) -> None:
    """End every fault."""
    with classroom.lms.hub.lock:
        classroom.lms.hub.faults = Faults(import_delay_ms=classroom.lms.hub.faults.import_delay_ms)


def press_again(classroom: Any) -> None:
    """Do what a person can do about everything that was refused: try it again."""
    db.session.rollback()
    refused = select(LmsChange.id).where(LmsChange.state == "refused").order_by(LmsChange.created_at)
    for change_id in db.session.scalars(refused).all():
        lms_changes.retry(classroom.tool, classroom.viewer, change_id)
    if db.session.scalars(select(Publication).where(Publication.state == "refused")).all():
        do_run(classroom.tool, publication.request_push(classroom.tool, classroom.viewer))
    settle(classroom)


def compare(classroom: Any, since: datetime | None = None) -> Findings:
    """Count what the tool wants or believes and the LMS has not (and the reverse), and what is there twice.

    What was asked of the LMS's own sets is looked for there when it was asked after `since`: later edits, ours or of
    others, are free to undo it.
    """
    db.session.rollback()
    sets = {str(s["id"]): s for s in classroom.state()["group_sets"] if s["role"] is None}
    of_course = (RosterMember.course_id == classroom.course_id, RosterMember.status == "active")
    active = {str(one) for one in db.session.scalars(select(RosterMember.lms_user_id).where(*of_course))}
    mirrors = db.session.execute(
        select(Publication, GroupSet.id).join(GroupSet, GroupSet.id == Publication.group_set_id)
    ).all()
    found = Findings(doubled=_more_than_once(s["name"] for s in sets.values()))
    for row, set_id in mirrors:
        found += _of_mirror(classroom, row, set_id, sets.get(str(row.lms_group_set_id)))
    ours = {str(row.lms_group_set_id) for row, _ in mirrors}
    found += _of_connected(classroom, {key: s for key, s in sets.items() if key not in ours}, active)
    return found + _of_ledger(sets, active, since)


def _more_than_once(things: Iterable[Any]) -> int:
    return sum(count - 1 for count in Counter(things).values())


def _of_mirror(classroom: Any, row: Publication, set_id: UUID, theirs: dict[str, Any] | None) -> Findings:
    """Hold the wish to the LMS itself: what the mirror's rows say about it is what must show the difference."""
    wanted = read_wanted(classroom.course_id, set_id)
    wish = {("group", group.name, "") for group in wanted.groups}
    wish |= {("member", group.name, person) for group in wanted.groups for person in group.member_ids}
    groups = theirs["groups"] if theirs else []
    held = {("group", group["name"], "") for group in groups}
    held |= {("member", group["name"], str(person)) for group in groups for person in group["members"]}
    told = list_differences(classroom.course_id, set_id)
    names = {(d.group, d.person) for d in told} | {(d.group, "") for d in told}
    is_told = row.state != "sent" or row.drift > 0
    shown = lost = 0
    if theirs and theirs["name"] != wanted.set_name:
        shown, lost = int(is_told), int(not is_told)
    for _, group, person in wish ^ held:
        if is_told or (group, wanted.names.get(person, "")) in names:
            shown += 1
        else:
            lost += 1
    twins = _more_than_once(group["name"] for group in groups)
    extra = {(d.group, d.person) for d in told if d.kind == "member_extra"}
    twice = _more_than_once(
        person
        for group in groups
        for person in group["members"]
        if (group["name"], wanted.names.get(str(person), "")) not in extra
    )
    if row.state == "sent" and (told or row.error_code):
        lost += 1  # "the LMS has this set as it is here" would be said of one that it has not
    return Findings(lost, twins + twice, shown)


def _of_connected(classroom: Any, sets: dict[str, Any], active: set[str]) -> Findings:
    of_lms = (GroupSet.lms_group_set_id.is_not(None), GroupSet.lms_group_set_id != UNGROUPED_SET_ID)
    rows = db.session.scalars(select(GroupSet).where(GroupSet.course_id == classroom.course_id, *of_lms)).all()
    held: set[tuple[str, ...]] = set()
    doubled = 0
    for row in rows:
        key = str(row.lms_group_set_id)
        cards = classroom.read_set(row.id).cards
        held |= {(key, row.name)} | {(key, str(c.row.lms_group_id), c.row.name) for c in cards}
        members = [(key, str(c.row.lms_group_id), "", str(m.lms_user_id)) for c in cards for m in c.members]
        held |= set(members)
        doubled += _more_than_once(members) + _more_than_once(c.row.lms_group_id for c in cards)
    doubled += _more_than_once(row.lms_group_set_id for row in rows)
    theirs: set[tuple[str, ...]] = set()
    for key, one in sets.items():
        theirs |= {(key, one["name"])} | {(key, str(g["id"]), g["name"]) for g in one["groups"]}
        theirs |= {(key, str(g["id"]), "", str(m)) for g in one["groups"] for m in g["members"] if str(m) in active}
    if held == theirs:
        return Findings(doubled=doubled)
    # A sync that failed says so on every page; a change that has not arrived is a row of its own.
    last = classroom.last_run()
    is_told = last.state == "failed" or bool(lms_changes.list_open(classroom.course_id))
    count = len(held ^ theirs)
    return Findings(doubled=doubled, shown=count) if is_told else Findings(lost=count, doubled=doubled)


def _of_ledger(sets: dict[str, Any], active: set[str], since: datetime | None) -> Findings:
    """Look for what was asked in the LMS: there it is, or its row is open."""
    groups = {str(g["id"]): g for one in sets.values() for g in one["groups"]}
    lost = shown = doubled = 0
    for row in db.session.scalars(select(LmsChange)):
        intent = from_json(row.kind, row.intent)
        shown += row.state in lms_changes.OPEN
        if not isinstance(intent, ChangeGroups):
            continue
        made = [g for g in groups.values() if str(g["id"]) not in intent.known_ids]
        names = Counter(g["name"] for g in made)
        doubled += sum(max(0, names[new.name] - 1) for new in intent.push.create)
        if row.state != "sent" or since is None or row.created_at < since:
            continue
        by_name = {g["name"]: g for g in made}
        wanted = [(by_name.get(new.name), new.member_ids) for new in intent.push.create]
        wanted += [(groups.get(change.lms_group_id), change.add) for change in intent.push.change]
        for group, people in wanted:
            there = {str(m) for m in group["members"]} if group else set()
            lost += (group is None) + len({person for person in people if person in active} - there)
    return Findings(lost, doubled, shown)
