"""Makes new groups of the students who have none: as many as a size needs, filled by lot, shown before it is done."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import Select, func, select

from lti_tool.domain import allocation
from lti_tool.domain.allocation import SizeRule
from lti_tool.domain.changes import Changes
from lti_tool.domain.errors import Conflict
from lti_tool.domain.group_push import GroupSetPush, NewGroup
from lti_tool.domain.groups import LMS_CONNECTIONS, clean_name, numbered_names
from lti_tool.domain.naming import normalize_group_name
from lti_tool.models import GroupSet, RosterMember, db, transaction
from lti_tool.services import connected_groups
from lti_tool.services.access import Viewer
from lti_tool.services.group_sets import get_set, get_set_to_edit, lock_set, read_groups, students_query
from lti_tool.services.groups import add_local_groups, mark_of, place
from lti_tool.services.memberships import members_of_set
from lti_tool.services.undo import What, undoable


@dataclass(frozen=True)
class Order:
    """What groups are wanted: what they are called, and of how many people."""

    name: str
    size: int
    rule: SizeRule


@dataclass(frozen=True)
class GroupsDraw:
    """Groups before they are made: the seed, the set's revision and the people make them the same when applied."""

    seed: int
    revision: int
    people_mark: str
    groups: Sequence[tuple[str, Sequence[RosterMember]]]

    @property
    def people(self) -> int:
        """Return how many would be placed."""
        return sum(len(people) for _, people in self.groups)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Return (size, how many groups of it), the largest first."""
        return sorted(Counter(len(people) for _, people in self.groups).items(), reverse=True)


def draw_groups(viewer: Viewer, set_id: UUID, order: Order, seed: int) -> GroupsDraw:
    """Show the groups that chance (the same for the same seed) would make of the students without a group.

    Raise NotFound, Forbidden for a set that is not ours to change, RuleViolation for a bad name and for
    "too_few_for_groups".
    """
    row = get_set_to_edit(viewer, set_id)
    people = {member.id: member for member in db.session.scalars(_waiting(row))}
    count = allocation.count_groups(len(people), order.size, order.rule)
    typed = clean_name(order.name)
    base = typed if row.connection in LMS_CONNECTIONS else normalize_group_name(typed)
    names = numbered_names(base, count, [group.name for group in read_groups(set_id)])
    placed, _ = allocation.draw(list(people), dict.fromkeys(names, 0), seed=seed)
    held: dict[str, list[RosterMember]] = {name: [] for name in names}
    for member_id, name in placed.items():
        held[name].append(people[member_id])
    return GroupsDraw(seed, row.revision, mark_of(people), list(held.items()))


def count_waiting(course_id: UUID, set_id: UUID) -> int:
    """Return how many students are in no group of a set."""
    waiting = _waiting(get_set(course_id, set_id)).subquery()
    return db.session.scalar(select(func.count()).select_from(waiting)) or 0


def _waiting(row: GroupSet) -> Select[RosterMember]:
    query = students_query(row.course_id).where(RosterMember.id.not_in(members_of_set(row.id)))
    return query.where(RosterMember.lms_user_id.is_not(None)) if row.connection in LMS_CONNECTIONS else query


def make_groups(viewer: Viewer, set_id: UUID, order: Order, draw: tuple[int, int, str]) -> Changes:
    """Make groups that were shown, or ask the LMS for them; `draw`: their seed, and the set's and the people's mark.

    Raise Conflict("set_changed" | "people_changed") when the set or the people who wait are others now.
    """
    seed, revision, people_mark = draw
    course_id = viewer.course.id
    if get_set(course_id, set_id).connection in LMS_CONNECTIONS:
        return _ask_for_groups(viewer, set_id, order, draw)
    with transaction():
        lock_set(course_id, set_id, revision)
        shown = _shown(viewer, set_id, order, seed, people_mark)
        with undoable(viewer, set_id, What.NEW_DRAW) as kept:
            ids = add_local_groups(viewer, set_id, [name for name, _ in shown.groups])
            groups = zip(ids, (people for _, people in shown.groups), strict=True)
            _, kept.count = place(viewer, set_id, {member.id: i for i, people in groups for member in people})
    return Changes(group_sets=frozenset({set_id}), groups=frozenset(ids), count=len(ids))


def _ask_for_groups(viewer: Viewer, set_id: UUID, order: Order, draw: tuple[int, int, str]) -> Changes:
    seed, revision, people_mark = draw
    with transaction():
        held = connected_groups.hold(viewer, set_id, revision)
        shown = _shown(viewer, set_id, order, seed, people_mark)
        groups = [(name, tuple(str(one.lms_user_id) for one in people)) for name, people in shown.groups]
        push = GroupSetPush(create=tuple(NewGroup(name, "", people) for name, people in groups))
        about = connected_groups.listed([name for name, _ in groups])
        bulk = connected_groups.Bulk(What.NEW_DRAW, shown.people)
        return replace(connected_groups.ask(viewer, held, about, push, bulk), count=len(groups))


def _shown(viewer: Viewer, set_id: UUID, order: Order, seed: int, people_mark: str) -> GroupsDraw:
    shown = draw_groups(viewer, set_id, order, seed)
    if shown.people_mark != people_mark:
        raise Conflict("people_changed")
    return shown
