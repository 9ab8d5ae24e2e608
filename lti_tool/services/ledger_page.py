"""What of a course has not reached the LMS, as one page shows it: open changes, mirrors behind, and the past."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from lti_tool.domain.lms_changes import SENT
from lti_tool.domain.sync import MirroredState, WantedGroup, plan_push
from lti_tool.models import (
    Group,
    GroupMembership,
    GroupSet,
    GroupSetEntry,
    LmsChange,
    MirroredGroup,
    MirroredMembership,
    Publication,
    RosterMember,
    db,
)
from lti_tool.services.access import Viewer
from lti_tool.services.asked_rights import write_right
from lti_tool.services.group_sets import SetSummary, is_set_of_lms, list_sets
from lti_tool.services.lms_changes import ENDED, OPEN, ChangeView, list_latest, list_open
from lti_tool.services.runs import RunView, find_open_run

FINISHED_SHOWN = 100


@dataclass(frozen=True)
class Mirror:
    """A published set in brief: how it stands, how many of its groups are not in the LMS as they are here, and `drift`.

    `drift` is what others changed in the LMS's copy, as far as somebody or a sync looked.
    """

    set_id: UUID
    set_name: str
    state: str
    error_code: str | None
    error_facts: dict[str, str]
    retry_at: datetime | None
    last_pushed_at: datetime | None
    is_made: bool
    is_renamed: bool
    differing: int
    drift: int

    @property
    def is_behind(self) -> bool:
        """Say whether the LMS has not all of the set."""
        return self.state != SENT or self.is_renamed or self.differing > 0

    @property
    def is_held_back(self) -> bool:
        """Say whether nothing was sent because it would overwrite what others changed in the LMS."""
        return self.error_code == "drifted"


@dataclass(frozen=True)
class Ledger:
    """The page of changes: open ones (oldest first), mirrors behind, the latest ended ones, and what is at work.

    `drifted`: mirrors that others changed in the LMS, about which somebody is to decide; a push that was held back
    because of that waits for the decision, and not among those that are behind.
    """

    open: Sequence[ChangeView]
    behind: Sequence[Mirror]
    drifted: Sequence[Mirror]
    ended: Sequence[ChangeView]
    run: RunView | None


def read_ledger(course_id: UUID) -> Ledger:
    """Return the page of a course's changes, in a fixed number of queries."""
    mirrors = list_mirrors(course_id)
    behind = [one for one in mirrors if one.is_behind and not one.is_held_back]
    drifted = [one for one in mirrors if one.drift or one.is_held_back]
    ended = list_latest(course_id, FINISHED_SHOWN, ENDED)
    return Ledger(list_open(course_id), behind, drifted, ended, find_open_run(course_id))


@dataclass(frozen=True)
class PushPreview:
    """What a push of all memberships would be about: published sets, and sets of the LMS that may be written.

    `locked`: why those of the LMS are left out (an error code), with them the published ones where nothing at all can
    be written; None when they are not.
    """

    mirrors: Sequence[Mirror]
    sets: Sequence[SetSummary]
    locked: str | None

    @property
    def is_empty(self) -> bool:
        """Say whether there is nothing to push."""
        return not self.mirrors and not self.sets


def read_push(viewer: Viewer) -> PushPreview:
    """Return what a push of all memberships by this viewer would be about, in a fixed number of queries."""
    right = write_right(viewer)
    of_lms = [s for s in list_sets(viewer.course.id) if is_set_of_lms(s.row)]
    mirrors = list_mirrors(viewer.course.id)
    if right.refused:
        return PushPreview([], [], right.refused if mirrors or of_lms else None)
    return PushPreview(mirrors, [] if right.problem else of_lms, right.problem if of_lms else None)


@dataclass(frozen=True)
class Pending:
    """How many changes and published sets have not reached the LMS, and how many `differences` wait for a decision.

    Those are what others changed in the copies of published sets, as far as a check or a sync found it.
    """

    changes: int = 0
    differences: int = 0

    def __bool__(self) -> bool:
        """Say whether anything waits."""
        return bool(self.changes or self.differences)


def count_pending(course_id: UUID) -> Pending:
    """Return what of a course waits, in one query of the store."""
    changes = select(func.count()).where(LmsChange.course_id == course_id, LmsChange.state.in_(OPEN))
    behind = (
        select(func.count())
        .select_from(Publication)
        .join(GroupSet, GroupSet.id == Publication.group_set_id)
        .where(GroupSet.course_id == course_id, Publication.state != SENT)
    )
    drift = (
        select(func.coalesce(func.sum(Publication.drift), 0))
        .join(GroupSet, GroupSet.id == Publication.group_set_id)
        .where(GroupSet.course_id == course_id)
    )
    waiting = changes.scalar_subquery() + behind.scalar_subquery()
    return Pending(*db.session.execute(select(waiting, drift.scalar_subquery())).one())


def list_mirrors(course_id: UUID) -> list[Mirror]:
    """Return the published sets of a course in their order, each compared with its mirror."""
    rows = db.session.execute(
        select(Publication, GroupSet.id, GroupSet.name)
        .join(GroupSet, GroupSet.id == Publication.group_set_id)
        .where(GroupSet.course_id == course_id)
        .order_by(GroupSet.position)
    ).all()
    wanted, held = _wanted(course_id), _held(course_id)
    mirrors = []
    for row, set_id, name in rows:
        push = plan_push(wanted.get(set_id, []), held.get(set_id, []))
        mirrors.append(
            Mirror(
                set_id=set_id,
                set_name=name,
                state=row.state,
                error_code=row.error_code,
                error_facts=json.loads(row.error_facts),
                retry_at=row.retry_at,
                last_pushed_at=row.last_pushed_at,
                is_made=row.lms_group_set_id is not None,
                is_renamed=row.lms_group_set_id is not None and row.name != name,
                drift=row.drift,
                differing=len(push.create) + len(push.change) + len(push.delete),
            )
        )
    return mirrors


def _wanted(course_id: UUID) -> dict[UUID, list[WantedGroup]]:
    """Return the groups of all published sets of a course as the LMS shall have them, in one query."""
    rows = db.session.execute(
        select(GroupSet.id, Group.id, Group.name, Group.description, RosterMember.lms_user_id)
        .select_from(GroupSetEntry)
        .join(GroupSet, GroupSet.id == GroupSetEntry.group_set_id)
        .join(Publication, Publication.group_set_id == GroupSet.id)
        .join(Group, Group.id == GroupSetEntry.group_id)
        .outerjoin(GroupMembership, GroupMembership.group_id == Group.id)
        .outerjoin(RosterMember, RosterMember.id == GroupMembership.member_id)
        .where(GroupSet.course_id == course_id)
        .order_by(GroupSetEntry.position)
    )
    people: dict[tuple[UUID, UUID], set[str]] = {}
    texts: dict[UUID, tuple[str, str]] = {}
    for set_id, group_id, name, description, lms_user_id in rows:
        texts[group_id] = (name, description)
        people.setdefault((set_id, group_id), set()).update((lms_user_id,) if lms_user_id else ())
    found: dict[UUID, list[WantedGroup]] = {}
    for (set_id, group_id), members in people.items():
        found.setdefault(set_id, []).append(WantedGroup(group_id, *texts[group_id], frozenset(members)))
    return found


def _held(course_id: UUID) -> dict[UUID, list[MirroredState]]:
    """Return what the LMS is known to hold of all published sets of a course, in one query."""
    rows = db.session.execute(
        select(Publication.group_set_id, MirroredGroup, MirroredMembership.lms_user_id)
        .select_from(MirroredGroup)
        .join(Publication, Publication.id == MirroredGroup.publication_id)
        .join(GroupSet, GroupSet.id == Publication.group_set_id)
        .outerjoin(MirroredMembership, MirroredMembership.mirrored_group_id == MirroredGroup.id)
        .where(GroupSet.course_id == course_id)
    )
    people: dict[UUID, set[str]] = {}
    groups: dict[UUID, tuple[UUID, MirroredGroup]] = {}
    for set_id, group, lms_user_id in rows:
        groups[group.id] = (set_id, group)
        people.setdefault(group.id, set()).update((lms_user_id,) if lms_user_id else ())
    found: dict[UUID, list[MirroredState]] = {}
    for key, (set_id, group) in groups.items():
        held = frozenset(people[key])
        state = MirroredState(group.group_id, group.lms_group_id, group.name, held, group.description)
        found.setdefault(set_id, []).append(state)
    return found
