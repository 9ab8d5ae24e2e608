"""Removes group sets: our own for good, those of the LMS from this tool only, until somebody wants them back."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, delete, func, select, update

from lti_tool.domain.changes import Changes
from lti_tool.domain.errors import Forbidden, NotFound
from lti_tool.domain.groups import LMS_CONNECTIONS, Origin
from lti_tool.domain.questions import mark_of, require_told
from lti_tool.models import Group, GroupMembership, GroupSet, GroupSetEntry, LeftOutGroupSet, db, transaction
from lti_tool.services import history
from lti_tool.services.access import Viewer
from lti_tool.services.assignment_sets import release_sets, require_shown
from lti_tool.services.formed_groups import require_not_formed
from lti_tool.services.group_sets import get_set, lock_set
from lti_tool.services.people import hold_roster
from lti_tool.services.runs import require_edits, require_no_open_run


@dataclass(frozen=True)
class Removal:
    """What leaves with a set: its row, the groups that go and how many people are in them; how many stay, and where."""

    row: GroupSet
    going: Sequence[UUID]
    people: int
    staying: int
    holders: Sequence[str]

    @property
    def mark(self) -> str:
        """Return the mark of what the question tells."""
        return mark_of(sorted(self.going), [self.people, self.staying], self.holders)


def require_none_formed(set_id: UUID) -> None:
    """Raise Conflict("group_formed") when a group of a set works on an assignment of that set: the set stays then."""
    require_not_formed(db.session.scalars(_held(set_id)).all(), set_id=set_id)


def delete_set(viewer: Viewer, set_id: UUID, shown: Collection[str] | None = None, mark: str | None = None) -> Changes:
    """Delete a local or imported set with the groups that no other set holds.

    `shown`: the assignments that the question named, `mark`: of what else it told, None when nobody was asked. Raise
    Conflict("assignments_unseen") when others use the set, "question_changed", "group_formed", and as `lock_set` does.
    """
    with transaction():
        row = lock_set(viewer.course.id, set_id)
        require_none_formed(set_id)
        require_shown(set_id, shown)
        require_as_told(viewer.course.id, set_id, mark)
        history.note(viewer.course.id, viewer.access_id, "group_set_deleted", row.name, set_id)
        return _drop_set(viewer.course.id, set_id, _held_nowhere_else(set_id))


def read_removal(course_id: UUID, set_id: UUID) -> Removal:
    """Tell what the removal of a set would delete; raise NotFound."""
    of_going = select(func.count(GroupMembership.member_id.distinct()))
    people = of_going.where(GroupMembership.group_id.in_(_going(set_id))).scalar_subquery()
    held = select(func.count()).where(GroupSetEntry.group_set_id == set_id).scalar_subquery()
    of_set = (GroupSet.id == set_id, GroupSet.course_id == course_id)
    found = db.session.execute(select(GroupSet, people, held).where(*of_set)).one_or_none()
    if found is None:
        raise NotFound("group_set_not_found")
    row, people_going, groups = found
    going = _held_nowhere_else(set_id)
    others = select(GroupSetEntry.group_set_id).where(
        GroupSetEntry.group_id.in_(_held(set_id)), GroupSetEntry.group_set_id != set_id
    )
    holders = select(GroupSet.name).where(GroupSet.id.in_(others)).order_by(GroupSet.position)
    return Removal(row, going, people_going, groups - len(going), db.session.scalars(holders).all())


def require_as_told(course_id: UUID, set_id: UUID, mark: str | None) -> None:
    """Raise Conflict("question_changed") when the removal of a locked set would delete something else by now."""
    if mark is not None:
        require_told(read_removal(course_id, set_id).mark, mark)


def remove_connected_set(
    viewer: Viewer, set_id: UUID, shown: Collection[str] | None = None, mark: str | None = None
) -> Changes:
    """Remove a set of the LMS from this tool and leave it out of later pulls; the LMS keeps it (ruling C29).

    Its groups that another set holds stay, and pulls go on to bring them up to date: they are still in the LMS.
    Raise NotFound, Forbidden("set_not_connected") for any other set, Conflict("run_open") while a run is at work
    on the course, and as `delete_set` does for what was not `shown` or told.
    """
    course_id = viewer.course.id
    with transaction() as session:
        hold_roster(course_id)
        # As in lock_set, the update takes the row's lock.
        this = (GroupSet.id == set_id, GroupSet.course_id == course_id)
        session.execute(update(GroupSet).where(*this).values(revision=GroupSet.revision + 1))
        row = get_removable_set(course_id, set_id)
        require_shown(set_id, shown)
        require_as_told(course_id, set_id, mark)
        session.merge(LeftOutGroupSet(course_id=course_id, lms_group_set_id=row.lms_group_set_id, name=row.name))
        history.note(course_id, viewer.access_id, "group_set_left_out", row.name, set_id)
        return _drop_set(course_id, set_id, _held_nowhere_else(set_id))


def get_removable_set(course_id: UUID, set_id: UUID) -> GroupSet:
    """Return a set of the LMS that may be removed from this tool now; raise as `remove_connected_set` does."""
    row = get_set(course_id, set_id)
    if row.connection not in LMS_CONNECTIONS:
        raise Forbidden("set_not_connected")
    require_no_open_run(course_id)
    return row


def drop_ended_set(course_id: UUID, set_id: UUID) -> Changes:
    """Delete a locked set that the LMS has no more, with its groups that no other set of the LMS holds (ruling C14).

    They go from all sets, inside the caller's transaction.
    """
    connected = _elsewhere(set_id).join(GroupSet, GroupSet.id == GroupSetEntry.group_set_id)
    kept = connected.where(GroupSet.connection.in_(LMS_CONNECTIONS))
    ended = select(Group.id).where(Group.id.in_(_held(set_id)), Group.id.not_in(kept))
    return _drop_set(course_id, set_id, db.session.scalars(ended).all())


def _drop_set(course_id: UUID, set_id: UUID, doomed: Sequence[UUID]) -> Changes:
    session = db.session
    others = _holders(doomed, besides=set_id)
    session.execute(update(GroupSet).where(GroupSet.id.in_(others)).values(revision=GroupSet.revision + 1))
    release_sets(course_id, [set_id])
    session.execute(delete(GroupSet).where(GroupSet.id == set_id))
    session.execute(delete(Group).where(Group.id.in_(doomed)))
    return Changes(
        group_sets=frozenset(others),
        deleted_group_sets=frozenset({set_id}),
        deleted_groups=frozenset(doomed),
        count=1,
    )


def delete_orphans(group_ids: Sequence[UUID]) -> frozenset[UUID]:
    """Delete those groups that no set holds any more, in the caller's transaction; return their ids.

    One of the LMS is such a group when its own set was removed from this tool.
    """
    elsewhere = select(GroupSetEntry.group_id)
    orphans = db.session.scalars(
        select(Group.id).where(Group.id.in_(group_ids), Group.id.not_in(elsewhere), Group.origin != Origin.SYSTEM)
    ).all()
    db.session.execute(delete(Group).where(Group.id.in_(orphans)))
    return frozenset(orphans)


def list_left_out(course_id: UUID) -> Sequence[LeftOutGroupSet]:
    """Return the sets of the LMS that were removed from this tool, by name."""
    query = select(LeftOutGroupSet).where(LeftOutGroupSet.course_id == course_id)
    return db.session.scalars(query.order_by(LeftOutGroupSet.name)).all()


def bring_back(viewer: Viewer, lms_group_set_id: str) -> Changes:
    """Let the next pull bring a removed set again; one that is not left out (any more) is no error.

    Raise Conflict during a sync: nobody could tell whether it still heeds this.
    """
    course_id = viewer.course.id
    with transaction() as session:
        require_edits(course_id)
        row = session.get(LeftOutGroupSet, (course_id, lms_group_set_id))
        if row is not None:
            history.note(course_id, viewer.access_id, "group_set_wanted_back", row.name)
            session.delete(row)
    return Changes(count=int(row is not None))


def _held(set_id: UUID) -> Select[UUID]:
    return select(GroupSetEntry.group_id).where(GroupSetEntry.group_set_id == set_id)


def _elsewhere(set_id: UUID) -> Select[UUID]:
    return select(GroupSetEntry.group_id).where(GroupSetEntry.group_set_id != set_id)


def _held_nowhere_else(set_id: UUID) -> Sequence[UUID]:
    return db.session.scalars(_going(set_id)).all()


def _going(set_id: UUID) -> Select[UUID]:
    """Return the query for the groups that go with a set.

    Nothing holds them any more, and the roster's are not the set's to end.
    """
    alone = (Group.id.in_(_held(set_id)), Group.id.not_in(_elsewhere(set_id)), Group.origin != Origin.SYSTEM)
    return select(Group.id).where(*alone)


def _holders(group_ids: Sequence[UUID], *, besides: UUID) -> list[UUID]:
    entries = select(GroupSetEntry.group_set_id).where(GroupSetEntry.group_id.in_(group_ids))
    return list(db.session.scalars(entries.where(GroupSetEntry.group_set_id != besides).distinct()))
