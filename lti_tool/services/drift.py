"""Finds out what others changed in the LMS of a published set since the tool knew it last."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from lti_tool.domain.clock import now
from lti_tool.domain.drift import Choice, DriftItem, DriftKind, Sides, compare, decidable, own_part
from lti_tool.domain.errors import LmsChanged, NotFound
from lti_tool.domain.lms_changes import REFUSED, WAITING
from lti_tool.domain.remote import RemoteGroups
from lti_tool.domain.sync import Report
from lti_tool.models import Publication, RosterMember, db, release, transaction
from lti_tool.services import gateways, runs, strangers
from lti_tool.services.group_sets import get_set
from lti_tool.services.mirror import (
    empty_ids,
    get_publication,
    lock_publication,
    mark,
    published_set_ids,
    read_mirror,
    read_wanted,
)
from lti_tool.services.namesakes import read_namesakes
from lti_tool.services.people import BELONGS
from lti_tool.services.tool import Tool

# Why nothing is sent until a look: differences were found, or nobody knows what became of the copy's deletion.
DELETION_UNANSWERED = "deletion_unanswered"
HELD_BACK = ("drifted", DELETION_UNANSWERED)
MAY_BE_GONE = ("set_gone", DELETION_UNANSWERED)  # said until a look finds the copy, or somebody decides


@dataclass(frozen=True)
class DriftView:
    """A published set compared with the LMS just now: the differences, and who the LMS's ids are.

    `mark` tells a page that was shown before either side changed again; `gone`: the LMS has the set no more.
    """

    set_id: UUID
    set_name: str
    items: Sequence[DriftItem]
    people: Mapping[str, RosterMember]
    namesakes: frozenset[str]
    mark: str
    gone: bool = False
    last_pushed_at: datetime | None = None

    @property
    def open_items(self) -> list[DriftItem]:
        """Return the differences about which somebody can decide."""
        return decidable(self.items)

    @property
    def deletes_there(self) -> bool:
        """Say whether keeping ours everywhere deletes groups in the LMS."""
        made = (DriftKind.GROUP_ADDED, DriftKind.GROUP_CHANGED)
        return any(item.kind in made and Choice.OURS in item.choices for item in self.items)

    def offers(self, choice: str) -> bool:
        """Say whether any difference can be decided for that side."""
        return any(choice in item.choices for item in self.items)


def check_drift(tool: Tool, course_id: UUID, set_id: UUID, access_id: UUID | None = None) -> DriftView:
    """Re-read a published set in the LMS, by the right of who looks, and store how many differences there are.

    At most 3 calls; Moodle takes 2, and the third when a group is newly empty, for it may only be hidden.
    Raise NotFound for a set without a mirror in the LMS, Conflict("run_open") while a run is at work on the course:
    half a push would look like drift. Raise the LmsError when the LMS cannot be read.
    """
    get_set(course_id, set_id)
    runs.require_no_open_run(course_id)
    return look(tool, course_id, set_id, Report(), access_id)


def look(tool: Tool, course_id: UUID, set_id: UUID, report: Report, access_id: UUID | None = None) -> DriftView:
    """Do what `check_drift` does, whatever run is at work: one that has the course's turn may look too."""
    due = get_publication(set_id).proof_due_at
    remote = read_theirs(tool, course_id, set_id, report, access_id)
    with transaction():
        runs.require_own()
        publication = lock_publication(set_id)
        publication.drift_seen_at = now()
        strangers.note_read(course_id, set_id, remote.groups if remote else ())
        if publication.proof_due_at == due:  # else somebody was taken out after the reading
            publication.proof_due_at = None
        if remote is None:
            _store_gone(publication)
            return DriftView(set_id, publication.name, (), {}, frozenset(), "", gone=True)
        sides = read_sides(course_id, set_id, remote)
        items = compare(sides)
        store_found(publication, items)
        pushed_at = publication.last_pushed_at
        people, namesakes = _read_people(course_id, items), read_namesakes(course_id)
    return DriftView(set_id, sides.our_name, items, people, namesakes, sides.mark, last_pushed_at=pushed_at)


def read_theirs(
    tool: Tool, course_id: UUID, set_id: UUID, report: Report, access_id: UUID | None = None
) -> RemoteGroups | None:
    """Re-read a mirror in the LMS, outside of any transaction; None when it is gone there.

    `access_id`: whose access is used where no run says it.
    """
    publication = get_publication(set_id)
    lms_set_id = publication.lms_group_set_id
    if lms_set_id is None:
        raise NotFound("publication_not_found")
    gateway = gateways.open_gateway(tool, course_id, access_id=access_id)
    # What is in doubt may be that somebody left the group that is thought to be empty.
    in_doubt = publication.proof_due_at or publication.drift
    known_empty = frozenset() if in_doubt else empty_ids(read_mirror(set_id))
    release()
    try:
        return gateway.read_group_set(lms_set_id, known_empty)
    except LmsChanged as error:
        if error.code != "set_gone":
            raise
        return None
    finally:
        report.calls += gateway.calls


def note_drift(course_id: UUID, remote: RemoteGroups) -> None:
    """Store what a full pull, which fetched the mirrors anyway, tells of drift; inside the pull's transaction.

    Mirrors and the sets themselves stay as they are, and what is as it was found before is not written again.
    """
    sets = {group_set.lms_group_set_id: group_set for group_set in remote.group_sets}
    groups = {group.lms_group_id: group for group in remote.groups}
    known: Collection[str] | None = None
    for set_id in published_set_ids(course_id):
        publication = get_publication(set_id)
        if publication.lms_group_set_id is None:
            continue
        theirs = sets.get(publication.lms_group_set_id)
        if theirs is None:
            _store_gone(publication)
            continue
        known = _known(course_id) if known is None else known
        publication.proof_due_at = None
        held = tuple(groups[group_id] for group_id in theirs.group_ids if group_id in groups)
        strangers.note_read(course_id, set_id, held)
        store_found(publication, compare(read_sides(course_id, set_id, RemoteGroups((theirs,), held), known)))


def read_sides(
    course_id: UUID,
    set_id: UUID,
    remote: RemoteGroups,
    known: Collection[str] | None = None,
    *,
    in_doubt: bool | None = None,
) -> Sides:
    """Return the three states of a published set; a push that broke off is counted as known already.

    `in_doubt`: whether one did, for a push that is at work itself; others see it by the count of tries.
    """
    publication = get_publication(set_id)
    wanted = read_wanted(course_id, set_id)
    named = [s.name for s in remote.group_sets if s.lms_group_set_id == publication.lms_group_set_id]
    sides = Sides(
        base_name=publication.name,
        base=read_mirror(set_id),
        our_name=wanted.set_name,
        ours=wanted.groups,
        their_name=named[0] if named else publication.name,
        theirs=remote.groups,
        known=_known(course_id) if known is None else known,
    )
    broke_off = publication.attempts > 0 if in_doubt is None else in_doubt
    return replace(sides, base=own_part(sides)) if broke_off else sides


def store_found(publication: Publication, items: Sequence[DriftItem]) -> None:
    """Store how many differences were found, in the caller's transaction.

    A push that was held back until a look is free again once none of them stands in its way.
    """
    count = len(decidable(items))
    if publication.drift != count:
        publication.drift, publication.drift_seen_at = count, now()
    if publication.error_code in HELD_BACK and not any(item.conflict for item in items):
        mark(publication, WAITING)


def _store_gone(publication: Publication) -> None:
    if publication.error_code != "set_gone":
        mark(publication, REFUSED, "set_gone")
        publication.drift, publication.drift_seen_at = 0, now()


def _read_people(course_id: UUID, items: Sequence[DriftItem]) -> dict[str, RosterMember]:
    """Return the people of these differences, as far as the roster has them, by their LMS id."""
    people = {item.lms_user_id for item in items} | {p for i in items for p in (*i.people, *i.strangers)}
    people |= {person for item in items for person, _ in item.came}
    of_course = (RosterMember.course_id == course_id, RosterMember.lms_user_id.in_(people))
    return {str(member.lms_user_id): member for member in db.session.scalars(select(RosterMember).where(*of_course))}


def _known(course_id: UUID) -> frozenset[str]:
    """Return the LMS ids of the people who may be in groups."""
    rows = db.session.scalars(
        select(RosterMember.lms_user_id).where(
            RosterMember.course_id == course_id,
            BELONGS,
            RosterMember.lms_user_id.is_not(None),
        )
    )
    return frozenset(str(lms_user_id) for lms_user_id in rows)
