"""Keeps how many people the LMS has in a set's groups whom the roster does not have: only a sync can fetch them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import select

from lti_tool.domain.named_changes import group_label
from lti_tool.domain.remote import RemoteGroup
from lti_tool.domain.sync import PullPlan, Report
from lti_tool.models import Group, GroupSet, GroupSetEntry, RosterMember, db


def note_seen(course_id: UUID, set_id: UUID | None, groups: Sequence[RemoteGroup], report: Report) -> None:
    """Store what an answer about some groups of a set shows, in the caller's transaction, and report it by group.

    One run may hear of a group twice: the later answer stands.
    """
    shown = {group.lms_group_id: group.name for group in groups}
    counts = _count(course_id, groups)
    row = db.session.get(GroupSet, set_id) if set_id and counts else None
    often = _often(row.id) if row else Counter[str]()
    for lms_id, count in counts.items():
        name = shown[lms_id]
        label = group_label(row.name if row else None, name, lms_id, alone=often[name] <= 1)
        report.not_in_roster_by_group[label] = count
    report.not_in_roster = sum(report.not_in_roster_by_group.values())
    if row is not None:
        row.strangers = max(row.strangers, sum(counts.values()))


def note_read(course_id: UUID, set_id: UUID, groups: Iterable[RemoteGroup]) -> None:
    """Store what the reading of a whole set shows, in the caller's transaction."""
    row, count = db.session.get_one(GroupSet, set_id), sum(_count(course_id, groups).values())
    if row.strangers != count:
        row.strangers = count


def note_planned(course_id: UUID, plan: PullPlan) -> None:
    """Store what a fetch of sets of the LMS shows, in the caller's transaction, once the sets are stored."""
    of_group = {group.lms_group_id: len(group.strangers) for group in plan.groups}
    counts = {s.lms_group_set_id: sum(of_group.get(group_id, 0) for group_id in s.group_ids) for s in plan.group_sets}
    of_course = (GroupSet.course_id == course_id, GroupSet.lms_group_set_id.in_(counts))
    for row in db.session.scalars(select(GroupSet).where(*of_course)):
        count = counts[str(row.lms_group_set_id)]
        if row.strangers != count:
            row.strangers = count


def _count(course_id: UUID, groups: Iterable[RemoteGroup]) -> dict[str, int]:
    """Return how many members of each group the roster does not have, whatever their status; by its LMS id."""
    seen = [(group.lms_group_id, person) for group in groups for person in group.member_ids]
    of_course = (RosterMember.course_id == course_id, RosterMember.lms_user_id.in_({person for _, person in seen}))
    known = frozenset(db.session.scalars(select(RosterMember.lms_user_id).where(*of_course)))
    return dict(Counter(lms_id for lms_id, person in seen if person not in known))


def _often(set_id: UUID) -> Counter[str]:
    """Return how many groups of a set have each name."""
    names = select(Group.name).join(GroupSetEntry, GroupSetEntry.group_id == Group.id)
    return Counter(db.session.scalars(names.where(GroupSetEntry.group_set_id == set_id)))
