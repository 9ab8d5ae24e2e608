"""One group set as its page shows it: all its groups in brief, some of them with their people, and who waits.

A set may have thousands of groups, so a page reads the people of a block of them only, in a fixed number of queries.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import and_, func, select

from lti_tool.domain.errors import NotFound
from lti_tool.domain.groups import LMS_CONNECTIONS, Connection, Editor, Origin, editor_of, editor_of_group
from lti_tool.models import (
    Group,
    GroupMembership,
    GroupSet,
    GroupSetEntry,
    Publication,
    RosterMember,
    SyncRun,
    db,
)
from lti_tool.services.access import Viewer
from lti_tool.services.asked_rights import RIGHT_COLUMNS, WriteRight, view_right, with_write_right
from lti_tool.services.formed_groups import Formed, formed_columns, read_formed, require_not_formed
from lti_tool.services.group_sets import connection_of, get_set, is_set_of_lms, may_write, students_query
from lti_tool.services.groups import get_group
from lti_tool.services.memberships import members_of_set, read_members
from lti_tool.services.namesakes import read_namesakes, read_unclear
from lti_tool.services.runs import OPEN, RunView, view_run, work_of
from lti_tool.services.shared_groups import Holders, read_other_holders
from lti_tool.services.shown_places import Places, read_in_several
from lti_tool.services.undo import UndoView, view_undo, with_last_change

CARDS, LINES, WAITING = 60, 240, 100  # groups of one block: as cards, as lines of a system set; people shown at first


@dataclass(frozen=True)
class GroupCard:
    """A group with its members, staff marked by their enrollment type, and the names of the other sets that hold it.

    `editable`: it is changed by whoever changes the set, and so on the set's page; `formed`: it works on an
    assignment, where its people are changed instead.
    """

    row: Group
    members: Sequence[RosterMember]
    elsewhere: Sequence[str] = ()
    editable: bool = False
    formed: Formed | None = None


@dataclass(frozen=True)
class GroupLine:
    """A group in brief: enough for a choice of groups; `editable` and `formed` as in GroupCard."""

    id: UUID
    name: str
    origin: str
    members: int
    editable: bool
    formed: Formed | None = None
    has_submission: bool = False

    @property
    def is_own(self) -> bool:
        """Say whether the group belongs to whoever changes the set."""
        return self.editable or self.formed is not None


@dataclass(frozen=True)
class ShownSet:
    """A set's page: every group in brief, the blocks `first` to `last` of `blocks` as cards.

    `unassigned` are the first of the `waiting` active students in none of its groups, `in_several` the people in
    two or more (`places`: which), `shared_with` the other sets that hold local groups of it; of the people in its
    groups an import of its export would not find `without_email` again, nor `sharing_email` who have one that others
    have too; `namesakes` the names that several people of the course have. `run` is what is at work on it, or on
    another set that holds groups of it and is named then, during which nobody may edit it; `last_change` can be taken
    back.
    `editor` is who changes the set, None when nobody does here; for a set of the LMS `locked` is the code of the
    reason, and for one of ours `unpublishable` why the viewer's access is known not to write it to the LMS.
    """

    row: GroupSet
    publication: Publication | None
    groups: Sequence[GroupLine]
    cards: Sequence[GroupCard]
    first: int
    last: int
    block: int
    unassigned: Sequence[RosterMember] = ()
    waiting: int = 0
    in_several: Sequence[RosterMember] = ()
    places: Places = field(default_factory=dict)
    shared_with: Sequence[str] = ()
    without_email: int = 0
    sharing_email: int = 0
    run: RunView | None = None
    namesakes: frozenset[str] = frozenset()
    last_change: UndoView | None = None
    editor: Editor | None = None
    locked: str | None = None
    unpublishable: str | None = None

    @property
    def blocks(self) -> int:
        """Return how many blocks the set's groups make."""
        return _blocks(len(self.groups), self.block)

    @property
    def is_ours(self) -> bool:
        """Say whether the set belongs to this tool."""
        return self.editor is Editor.TOOL

    @property
    def is_connected(self) -> bool:
        """Say whether the set belongs to the LMS."""
        return self.row.connection in LMS_CONNECTIONS

    @property
    def editable(self) -> bool:
        """Say whether the set may be edited now, by the tool or by an answer of the LMS."""
        return self.editor is not None and self.run is None

    @property
    def has_foreign_groups(self) -> bool:
        """Say whether some of its groups belong to somebody else than the set."""
        return not all(group.is_own for group in self.groups)

    @property
    def placed(self) -> int:
        """Return how many people its groups have together."""
        return sum(group.members for group in self.groups)


@dataclass(frozen=True)
class GroupPage:
    """A group with its people, its set, and the students who could be added."""

    row: GroupSet
    card: GroupCard
    unassigned: Sequence[RosterMember]
    namesakes: frozenset[str]


@dataclass(frozen=True)
class MovePage:
    """A person in a set (in its groups `places`, or waiting), and the groups that the person may be moved to."""

    row: GroupSet
    member: RosterMember
    groups: Sequence[GroupLine]
    places: Collection[UUID]


def read_shown_set(viewer: Viewer, set_id: UUID, first: int = 1, last: int = 1, *, everybody: bool = False) -> ShownSet:
    """Return a set as this viewer may see and change it, with the groups of these blocks, or of the nearest that exist.

    `everybody`: all who wait.

    Raise NotFound.
    """
    course_id = viewer.course.id
    query = (
        select(GroupSet, Publication, SyncRun)
        .select_from(GroupSet)
        .outerjoin(Publication, Publication.group_set_id == GroupSet.id)
        .outerjoin(SyncRun, and_(SyncRun.course_id == GroupSet.course_id, SyncRun.state.in_(OPEN)))
        .where(GroupSet.id == set_id, GroupSet.course_id == course_id)
    )
    found = db.session.execute(with_write_right(with_last_change(query), viewer)).one_or_none()
    if found is None:
        raise NotFound("group_set_not_found")
    row, publication, run, *more = found
    last_change, right = more[:-RIGHT_COLUMNS], view_right(viewer, more[-RIGHT_COLUMNS:])
    system = row.connection == Connection.SYSTEM
    block = LINES if system else CARDS
    locked = _lock_of(row, right)
    editor = editor_of(connection_of(row), may_write=locked is None)
    groups = read_lines(set_id, editor)
    blocks = _blocks(len(groups), block)
    first = min(max(1, first), blocks)
    last = min(max(first, last), blocks)
    holders = read_other_holders(set_id)
    cards = _cards(groups[(first - 1) * block : last * block], holders)
    if system:
        return ShownSet(row, publication, groups, cards, first, last, block)
    unassigned, waiting = _waiting(course_id, set_id, None if everybody else WAITING)
    in_several, places = read_in_several(set_id)
    unclear = read_unclear(course_id, members_of_set(set_id))
    return ShownSet(
        row,
        publication,
        groups,
        cards,
        first,
        last,
        block,
        unassigned=unassigned,
        waiting=waiting,
        in_several=in_several,
        places=places,
        shared_with=_names_of_sharers(groups, holders),
        without_email=unclear.without_email,
        sharing_email=unclear.sharing_email,
        run=_at_work(run, set_id, groups, holders) if run else None,
        namesakes=unclear.namesakes,
        last_change=view_undo(last_change),
        editor=editor,
        locked=locked,
        unpublishable=right.refused,
    )


def _at_work(run: SyncRun, set_id: UUID, groups: Sequence[GroupLine], holders: Holders) -> RunView | None:
    """Return a run that keeps people from editing the set: one of its own, or of a set that its own groups are in too.

    Of the other set it is named, whose edits an edit of a shared group would be (see `shared_groups.touch`).
    """
    if work_of(run).shows_on(set_id):
        return view_run(run)
    if not run.group_set_id or not work_of(run).stops(run.group_set_id):
        return None
    ours = (group.id for group in groups if group.is_own and group.origin == Origin.LOCAL)
    shared = (holders.get(group_id, {}).get(run.group_set_id) for group_id in ours)
    name = next((name for name in shared if name), None)
    return view_run(run, set_name=name) if name else None


def _lock_of(row: GroupSet, right: WriteRight) -> str | None:
    """Return why a set of the LMS cannot be changed here (an error code), None for a set that can."""
    if row.connection not in LMS_CONNECTIONS:
        return None
    if not is_set_of_lms(row):
        return "groups_in_no_set"
    return right.problem


def read_lines(set_id: UUID, editor: Editor | None) -> list[GroupLine]:
    """Return the groups of a set that `editor` changes, in its order, each with the number of its people.

    One query.
    """
    rows = db.session.execute(
        select(Group.id, Group.name, Group.origin, func.count(GroupMembership.member_id), Group.has_submission)
        .add_columns(*formed_columns())
        .join(GroupSetEntry, GroupSetEntry.group_id == Group.id)
        .outerjoin(GroupMembership, GroupMembership.group_id == Group.id)
        .where(GroupSetEntry.group_set_id == set_id)
        .group_by(Group.id, GroupSetEntry.position)
        .order_by(GroupSetEntry.position, Group.id)
    )
    lines = []
    for group_id, name, origin, members, handed_in, assignment_id, assignment in rows:
        formed = Formed(assignment_id, assignment) if assignment_id else None
        lines.append(GroupLine(group_id, name, origin, members, _editable(origin, editor, formed), formed, handed_in))
    return lines


def _editable(origin: str, editor: Editor | None, formed: Formed | None) -> bool:
    return formed is None and editor is not None and editor_of_group(Origin(origin)) is editor


def _editor(viewer: Viewer, row: GroupSet) -> Editor | None:
    return editor_of(connection_of(row), may_write=may_write(viewer, row))


def read_group_page(viewer: Viewer, set_id: UUID, group_id: UUID) -> GroupPage:
    """Return a group of a set and who could be added to it; raise NotFound."""
    course_id = viewer.course.id
    row = get_set(course_id, set_id)
    group = get_group(set_id, group_id)
    members = read_members([group_id]).get(group_id, ())
    formed = read_formed(set_id).get(group_id)
    card = GroupCard(group, members, editable=_editable(group.origin, _editor(viewer, row), formed), formed=formed)
    return GroupPage(row, card, _waiting(course_id, set_id, None)[0], read_namesakes(course_id))


def read_move(viewer: Viewer, set_id: UUID, member_id: UUID) -> MovePage:
    """Return a person of a set and where the person may go: to groups that may be changed, without the person's own.

    Raise NotFound, also for a person who is in no group of the set and may be in none, and Conflict for one in a group
    that works on an assignment.
    """
    course_id = viewer.course.id
    row = get_set(course_id, set_id)
    member = db.session.scalar(
        select(RosterMember).where(RosterMember.id == member_id, RosterMember.course_id == course_id)
    )
    present = set(
        db.session.scalars(
            select(GroupMembership.group_id)
            .join(GroupSetEntry, GroupSetEntry.group_id == GroupMembership.group_id)
            .where(GroupSetEntry.group_set_id == set_id, GroupMembership.member_id == member_id)
        )
    )
    if member is None or not (present or _may_be_placed(course_id, member_id)):
        raise NotFound("member_not_found")
    require_not_formed(present)
    groups = [group for group in read_lines(set_id, _editor(viewer, row)) if group.editable and group.id not in present]
    return MovePage(row, member, groups, present)


def _blocks(groups: int, block: int) -> int:
    return max(1, -(-groups // block))


def _cards(lines: Sequence[GroupLine], holders: Holders) -> list[GroupCard]:
    rows = db.session.execute(
        select(Group, RosterMember)
        .outerjoin(GroupMembership, GroupMembership.group_id == Group.id)
        .outerjoin(RosterMember, RosterMember.id == GroupMembership.member_id)
        .where(Group.id.in_([line.id for line in lines]))
        .order_by(GroupMembership.position, RosterMember.name)
    )
    groups: dict[UUID, Group] = {}
    members: dict[UUID, list[RosterMember]] = {}
    for group, member in rows:
        groups[group.id] = group
        held = members.setdefault(group.id, [])
        if member is not None:
            held.append(member)
    others = {group_id: tuple(sets.values()) for group_id, sets in holders.items()}
    return [GroupCard(groups[i.id], members[i.id], others.get(i.id, ()), i.editable, i.formed) for i in lines]


def _names_of_sharers(groups: Sequence[GroupLine], holders: Holders) -> list[str]:
    names = (name for group in groups if group.is_own for name in holders.get(group.id, {}).values())
    return list(dict.fromkeys(names))


def _waiting(course_id: UUID, set_id: UUID, limit: int | None) -> tuple[list[RosterMember], int]:
    """Return the active students in no group of a set by name, at most `limit`, and how many there are."""
    query = students_query(course_id).add_columns(func.count().over()).limit(limit)
    rows = db.session.execute(query.where(RosterMember.id.not_in(members_of_set(set_id)))).all()
    return [member for member, _ in rows], rows[0][1] if rows else 0


def _may_be_placed(course_id: UUID, member_id: UUID) -> bool:
    return db.session.scalar(students_query(course_id).where(RosterMember.id == member_id)) is not None
