"""Group sets: listed, found, locked, made and renamed, and the students who may be in their groups."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Select, case, func, or_, select
from sqlalchemy.exc import IntegrityError

from lti_tool.domain.changes import Changes
from lti_tool.domain.clock import now
from lti_tool.domain.errors import Conflict, NotFound, RuleViolation
from lti_tool.domain.groups import (
    LMS_CONNECTIONS,
    Connection,
    Editor,
    clean_name,
    require_editable_set,
    require_free_name,
)
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import MemberStatus
from lti_tool.domain.sync import UNGROUPED_SET_ID
from lti_tool.models import (
    Group,
    GroupMembership,
    GroupSet,
    GroupSetEntry,
    LmsChange,
    Publication,
    RosterMember,
    db,
    transaction,
)
from lti_tool.services import history
from lti_tool.services.access import Viewer
from lti_tool.services.asked_rights import write_right
from lti_tool.services.groupings import lock_sets, sharing_sets
from lti_tool.services.runs import require_edits


@dataclass(frozen=True)
class SetSummary:
    """A set in a list: its row, how many groups it has, how many different people are in them, and its mirror.

    `waiting` and `refused`: how many changes of a set of the LMS have not arrived there.
    """

    row: GroupSet
    groups: int
    people: int
    publication: Publication | None
    waiting: int = 0
    refused: int = 0

    @property
    def follows_roster(self) -> bool:
        """Say whether the set belongs to the roster and nobody makes or fills it."""
        return self.row.connection == Connection.SYSTEM


def connection_of(row: GroupSet) -> Connection | None:
    """Return what a set is tied to, None for a local one."""
    return Connection(row.connection) if row.connection else None


def list_sets(course_id: UUID) -> list[SetSummary]:
    """Return the sets of a course in their order, those of the roster last, in one query."""
    return _summaries(course_id, GroupSet.course_id == course_id)


def summarise_set(course_id: UUID, set_id: UUID) -> SetSummary:
    """Return one set of a course as lists show it; raise NotFound."""
    found = _summaries(course_id, GroupSet.course_id == course_id, GroupSet.id == set_id)
    if not found:
        raise NotFound("group_set_not_found")
    return found[0]


def _summaries(course_id: UUID, *which: ColumnElement[bool]) -> list[SetSummary]:
    of_course = select(GroupSet.id).where(GroupSet.course_id == course_id)
    counts = (
        select(
            GroupSetEntry.group_set_id,
            func.count(GroupSetEntry.group_id.distinct()).label("groups"),
            func.count(GroupMembership.member_id.distinct()).label("people"),
        )
        .outerjoin(GroupMembership, GroupMembership.group_id == GroupSetEntry.group_id)
        .where(GroupSetEntry.group_set_id.in_(of_course))
        .group_by(GroupSetEntry.group_set_id)
        .subquery()
    )
    changes = (
        select(
            LmsChange.group_set_id,
            func.sum(case((LmsChange.state.in_(("waiting", "sending")), 1), else_=0)).label("waiting"),
            func.sum(case((LmsChange.state == "refused", 1), else_=0)).label("refused"),
        )
        .where(LmsChange.course_id == course_id)
        .group_by(LmsChange.group_set_id)
        .subquery()
    )
    numbers = (counts.c.groups, counts.c.people, changes.c.waiting, changes.c.refused)
    groups, people, waiting, refused = (func.coalesce(number, 0) for number in numbers)
    rows = db.session.execute(
        select(GroupSet, groups, people, Publication, waiting, refused)
        .outerjoin(counts, counts.c.group_set_id == GroupSet.id)
        .outerjoin(changes, changes.c.group_set_id == GroupSet.id)
        .outerjoin(Publication, Publication.group_set_id == GroupSet.id)
        .where(*which)
        .order_by(*order_of_sets(), GroupSet.name)
    )
    return [SetSummary(*row) for row in rows]


def order_of_sets() -> tuple[ColumnElement[int], ColumnElement[int]]:
    """Return what puts sets in their order, those of the roster last."""
    return case((GroupSet.connection == Connection.SYSTEM, 1), else_=0), GroupSet.position.expression


def get_set(course_id: UUID, set_id: UUID) -> GroupSet:
    """Return a set of this course; raise NotFound."""
    return _one(select(GroupSet).where(GroupSet.id == set_id, GroupSet.course_id == course_id))


def _one(query: Select[GroupSet]) -> GroupSet:
    row = db.session.scalar(query)
    if row is None:
        raise NotFound("group_set_not_found")
    return row


def get_editable_set(course_id: UUID, set_id: UUID) -> GroupSet:
    """Return a set of this course that is ours to change; raise NotFound or Forbidden("set_not_editable")."""
    row = get_set(course_id, set_id)
    require_editable_set(connection_of(row))
    return row


def get_set_to_edit(viewer: Viewer, set_id: UUID, by: Collection[Editor] = tuple(Editor)) -> GroupSet:
    """Return a set that the viewer may change, ours or by their access the LMS's; raise as `get_editable_set`."""
    row = get_set(viewer.course.id, set_id)
    require_editable_set(connection_of(row), by, may_write=may_write(viewer, row))
    return row


def may_write(viewer: Viewer, row: GroupSet) -> bool:
    """Say whether the LMS is known to let the viewer write a connected set; groups in no set make none there."""
    return is_set_of_lms(row) and write_right(viewer).problem is None


def is_set_of_lms(row: GroupSet) -> bool:
    """Say whether a set is one of the LMS: groups in no set are shown as one, but make none there."""
    return row.connection in LMS_CONNECTIONS and row.lms_group_set_id != UNGROUPED_SET_ID


def find_set(set_id: UUID) -> GroupSet:
    """Return a set of whatever course, for the command line; raise NotFound. Pages go through their course."""
    row = db.session.get(GroupSet, set_id)
    if row is None:
        raise NotFound("group_set_not_found")
    return row


def read_groups(set_id: UUID) -> Sequence[Group]:
    """Return the groups of a set in its order."""
    return db.session.scalars(
        select(Group)
        .join(GroupSetEntry, GroupSetEntry.group_id == Group.id)
        .where(GroupSetEntry.group_set_id == set_id)
        .order_by(GroupSetEntry.position)
    ).all()


def active_students(course_id: UUID) -> Sequence[RosterMember]:
    """Return the students who may be in groups, by name."""
    return db.session.scalars(students_query(course_id)).all()


def students_query(course_id: UUID) -> Select[RosterMember]:
    """Return the query for the students who may be in groups, by name."""
    return (
        select(RosterMember)
        .where(
            RosterMember.course_id == course_id,
            RosterMember.enrollment_type == EnrollmentType.STUDENT,
            RosterMember.status == MemberStatus.ACTIVE,
        )
        .order_by(func.lower(RosterMember.name), RosterMember.id)
    )


def lock_set(course_id: UUID, set_id: UUID, revision: int | None = None, *, coming: Collection[UUID] = ()) -> GroupSet:
    """Lock a set that the tool edits for the rest of the transaction and raise its revision.

    The sets that share groups with it are locked too, and those that hold groups `coming` into it: an edit of a
    shared group is one of theirs (see `shared_groups.touch`).

    Raise NotFound, Forbidden for a set that somebody else changes, Conflict("set_changed") when `revision` is
    given and somebody changed the set since, Conflict("set_in_publication") while it is being published,
    Conflict("run_open") during a sync of groups.
    """
    row = _lock(course_id, set_id, coming)
    require_editable_set(connection_of(row))
    _require_present(row, revision)
    return row


def lock_connected_set(viewer: Viewer, set_id: UUID, revision: int | None = None) -> GroupSet:
    """Lock a set that the LMS edits by the viewer's access; raise as `lock_set` does."""
    row = _lock(viewer.course.id, set_id)
    require_editable_set(connection_of(row), (Editor.LMS,), may_write=may_write(viewer, row))
    _require_present(row, revision)
    return row


def _lock(course_id: UUID, set_id: UUID, coming: Collection[UUID] = ()) -> GroupSet:
    # The locks come first, so that two editors decide one after the other.
    lock_sets(course_id, [set_id], sharing_sets(set_id, coming))
    this = (GroupSet.id == set_id, GroupSet.course_id == course_id)
    # A row that was read before the lock was there would show an older revision.
    return _one(select(GroupSet).where(*this).execution_options(populate_existing=True))


def _require_present(row: GroupSet, revision: int | None) -> None:
    if revision is not None and row.revision != revision + 1:
        raise Conflict("set_changed")
    require_edits(row.course_id, row.id)


def create_set(viewer: Viewer, name: str) -> Changes:
    """Make a local set; raise RuleViolation for a name that is empty, too long or taken, Conflict during a sync."""
    tidy = clean_name(name)
    course_id = viewer.course.id
    with transaction():
        require_edits(course_id)
        require_free_name(tidy, set_names(course_id))
        set_id = add_local_set(course_id, tidy)
        history.note(course_id, viewer.access_id, "group_set_created", tidy, set_id)
    return Changes(group_sets=frozenset({set_id}), count=1)


def add_local_set(course_id: UUID, name: str) -> UUID:
    """Store an empty local set after the course's others, inside the caller's transaction.

    Raise RuleViolation("name_taken") when somebody took the name since it was found free.
    """
    end = db.session.scalar(select(func.max(GroupSet.position)).where(GroupSet.course_id == course_id))
    row = GroupSet(
        id=uuid4(),
        course_id=course_id,
        name=name,
        connection=None,
        lms_group_set_id=None,
        position=0 if end is None else end + 1,
        last_updated=None,
        created_at=now(),
    )
    try:
        with db.session.begin_nested():
            db.session.add(row)
    except IntegrityError:
        raise RuleViolation("name_taken", name=name) from None
    return row.id


def rename_set(viewer: Viewer, set_id: UUID, name: str, revision: int | None = None) -> Changes:
    """Rename a local set; raise RuleViolation for a name that is empty, too long or taken, Conflict as `lock_set`.

    A set keeps its name though the LMS brought an equal one since.
    """
    tidy = clean_name(name)
    with transaction():
        row = lock_set(viewer.course.id, set_id, revision)
        if tidy.casefold() != row.name.casefold():
            require_free_name(tidy, set_names(viewer.course.id, besides=set_id))
        history.note(viewer.course.id, viewer.access_id, "group_set_renamed", f"{row.name} → {tidy}", set_id)
        row.name = tidy
    return Changes(group_sets=frozenset({set_id}), count=1)


def set_names(course_id: UUID, besides: UUID | None = None) -> Sequence[str]:
    """Return the names of all sets of the course, which no new name may equal (MODEL-103)."""
    return _names(GroupSet.course_id == course_id, besides=besides)


def local_names(course_id: UUID, besides: UUID | None = None) -> Sequence[str]:
    """Return the names of the course's own sets, local and imported, which no two of them share."""
    ours = or_(GroupSet.connection.is_(None), GroupSet.connection == Connection.IMPORT)
    return _names(GroupSet.course_id == course_id, ours, besides=besides)


def _names(*which: ColumnElement[bool], besides: UUID | None) -> Sequence[str]:
    query = select(GroupSet.name).where(*which)
    return db.session.scalars(query.where(GroupSet.id != besides) if besides else query).all()
