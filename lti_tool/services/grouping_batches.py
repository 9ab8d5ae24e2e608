"""Many groupings at once: one alone for everybody left, those of another assignment, and the end of all.

Whatever their number, they cost the same number of queries.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select, tuple_

from lti_tool.domain.formation import Status
from lti_tool.domain.groups import Origin
from lti_tool.domain.system_sets import individual_group_id
from lti_tool.models import Assignment, Group, Grouping, GroupMembership, GroupSetEntry, db, transaction
from lti_tool.services import heirs, history, notices
from lti_tool.services.access import Viewer
from lti_tool.services.formed_groups import require_fillable
from lti_tool.services.group_sets import active_students
from lti_tool.services.grouping_news import note_act, told_about
from lti_tool.services.groupings import committed_of
from lti_tool.services.local_groups import append_groups
from lti_tool.services.notices import Told
from lti_tool.services.people import names_of
from lti_tool.services.seats import Place, add_groupings, held_elsewhere, seat_all
from lti_tool.services.shared_groups import require_edits_of
from lti_tool.services.staff_groupings import Done, changes_of, end_each, lock_for_staff
from lti_tool.services.system_sets import ensure_system_group_sets


def create_individual(viewer: Viewer, assignment_id: UUID) -> Done:
    """Give each active student without a grouping one of their own (FORM-52)."""
    course_id = viewer.course.id
    with transaction():
        assignment = lock_for_staff(viewer, assignment_id)
        students = active_students(course_id)
        taken = committed_of(assignment_id, [member.id for member in students])
        free = {individual_group_id(member.id): member for member in students if member.id not in taken}
        groups = _individual_groups(course_id, list(free))
        rows = add_groupings(assignment, groups, alone=True)
        seat_all(
            viewer,
            assignment_id,
            [Place(row, free[group.id].id, Status.INVITER) for row, group in zip(rows, groups, strict=True)],
        )
        history.note(course_id, viewer.access_id, "individual_groupings_made", assignment.name, assignment_id)
        for member in free.values():
            about = {"member_id": member.id}
            history.note(course_id, viewer.access_id, "alone_by_staff", assignment.name, assignment_id, **about)
        facts = {"person": viewer.name, "assignment": assignment.name}
        told = Told([member.id for member in free.values()], None, assignment_id, facts)
        notices.tell_each(course_id, [told], "alone_by_staff")
    return Done(changes_of(assignment, count=len(free)))


def _individual_groups(course_id: UUID, group_ids: Sequence[UUID]) -> list[Group]:
    """Return these groups of the roster, made first when some are not there yet."""
    query = select(Group).where(Group.id.in_(group_ids))
    found = {group.id: group for group in db.session.scalars(query)}
    if len(found) < len(group_ids):
        ensure_system_group_sets(course_id)
        found = {group.id: group for group in db.session.scalars(query)}
    return [found[group_id] for group_id in group_ids]


def end_all(viewer: Viewer, assignment: Assignment) -> list[UUID]:
    """End every grouping of a locked assignment in the caller's transaction; return the groups that went with them."""
    of_assignment = (Grouping.assignment_id == assignment.id, Grouping.ended_at.is_(None))
    rows = db.session.scalars(select(Grouping).where(*of_assignment).order_by(Grouping.created_at, Grouping.id)).all()
    return end_each(viewer, assignment, rows)


def seat_again(viewer: Viewer, assignment: Assignment, teams: Sequence[tuple[Group, Sequence[UUID]]]) -> None:
    """Make groupings of groups that exist, with exactly these people in each, in the caller's transaction.

    The groups come into the assignment's set if they are not there, and hold these people afterwards, beside whom
    groupings of other assignments hold there; groups of the roster are left to the roster. The first of each is the
    inviter. Everybody is told, and it stands in their history. Raise Conflict as `runs.require_edits` does for each set
    that holds one of the groups.
    """
    local = [(group, people) for group, people in teams if group.origin != Origin.SYSTEM]
    alone = [(group, people) for group, people in teams if group.origin == Origin.SYSTEM]
    if local:
        groups = [group for group, _ in local]
        require_fillable(assignment, groups)
        require_edits_of(assignment.course_id, [group.id for group in groups])
        _bring_into_set(assignment.group_set_id, [group.id for group in groups])
        _keep_only(viewer, {(group.id, member_id) for group, people in local for member_id in people})
    places: list[Place] = []
    told, names = [], names_of([who for _, people in teams for who in people])
    for kind, some in ((False, local), (True, alone)):
        if not some:
            continue
        rows = add_groupings(assignment, [group for group, _ in some], alone=kind)
        for row, (group, people) in zip(rows, some, strict=True):
            places += [Place(row, who, Status.ACCEPTED if n else Status.INVITER) for n, who in enumerate(people)]
            note_act(viewer, row, "grouping_cloned", group.name)
            for who in people:
                note_act(viewer, row, "added_by_clone", names[who], who)
            told.append(told_about(assignment, row, people, person=viewer.name))
    if places:
        seat_all(viewer, assignment.id, places)
        notices.tell_each(assignment.course_id, told, "joined_by_staff")


def _bring_into_set(set_id: UUID, group_ids: Sequence[UUID]) -> None:
    there = set(db.session.scalars(select(GroupSetEntry.group_id).where(GroupSetEntry.group_set_id == set_id)))
    append_groups(set_id, [group_id for group_id in group_ids if group_id not in there])


def _keep_only(viewer: Viewer, pairs: set[tuple[UUID, UUID]]) -> None:
    """Take everybody out of these groups who is in none of the pairs (group, member), and whom no grouping holds."""
    in_groups = GroupMembership.group_id.in_({group_id for group_id, _ in pairs})
    rows = db.session.execute(
        select(GroupMembership.group_id, GroupMembership.member_id).where(in_groups, ~held_elsewhere([]))
    )
    leaving = [(group_id, member_id) for group_id, member_id in rows if (group_id, member_id) not in pairs]
    if leaving:
        of_pair = tuple_(GroupMembership.group_id, GroupMembership.member_id)
        heirs.leave(viewer.course.id, viewer.access_id, of_pair.in_(leaving))
