"""Carries out decisions about drift: the store takes theirs, the LMS gets ours, in one turn of the course."""

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from sqlalchemy import delete, select

from lti_tool.domain.changes import Changes
from lti_tool.domain.clock import now
from lti_tool.domain.drift import Choice, DriftItem, Sides, compare, decidable
from lti_tool.domain.drift_choices import Choices, Taken, all_of, base_after, offered, our_id, take
from lti_tool.domain.errors import Conflict, LmsError
from lti_tool.domain.groups import free_name
from lti_tool.domain.lms_changes import SENT, WAITING
from lti_tool.domain.remote import RemoteGroups
from lti_tool.domain.retries import FIRST_RETRY
from lti_tool.domain.sync import Report
from lti_tool.models import Group, GroupMembership, GroupSet, GroupSetEntry, RosterMember, db, transaction
from lti_tool.services import heirs, history, runs
from lti_tool.services.access import Viewer
from lti_tool.services.drift import read_sides, read_theirs
from lti_tool.services.formed_groups import require_not_formed
from lti_tool.services.group_names import carry_names, follow_members, names_in_their_sets
from lti_tool.services.group_sets import get_editable_set, local_names, lock_set, read_groups
from lti_tool.services.groups import add_local_groups, place
from lti_tool.services.mirror import find_publications_touched, get_publication, mark, store_mirror
from lti_tool.services.push import push_set
from lti_tool.services.removal import delete_orphans
from lti_tool.services.shared_groups import touch
from lti_tool.services.tool import Tool
from lti_tool.services.turns import take_turn
from lti_tool.services.undo import What, undoable

Decide = Callable[[list[DriftItem]], Choices]


def settle_drift(tool: Tool, viewer: Viewer, set_id: UUID, choices: Choices, shown: str) -> Changes:
    """Carry out a choice for each difference, as they were shown, and push before returning; `count`: how many.

    `shown` is the mark of the page. Raise Conflict("drift_changed") when either side is no longer as it was shown,
    Conflict("run_open"), and the LmsError when the LMS cannot be read. What a push then meets is stored on the
    publication, as after every change.
    """
    return _settle(tool, viewer, set_id, lambda _: choices, shown)


def settle_all(tool: Tool, viewer: Viewer, set_id: UUID, side: Choice, shown: str) -> Changes:
    """Decide every difference that offers it for one side; raise as `settle_drift` does."""
    return _settle(tool, viewer, set_id, lambda items: all_of(items, side), shown)


def _settle(tool: Tool, viewer: Viewer, set_id: UUID, decide: Decide, shown: str) -> Changes:
    course_id = viewer.course.id
    get_editable_set(course_id, set_id)
    get_publication(set_id)
    run_id = take_turn(course_id, "push", viewer.access_id, set_id)
    if run_id is None or runs.claim(run_id) is None:
        raise Conflict("run_open")
    report = Report()
    changes: Changes | None = None
    stale = Conflict("drift_changed")
    try:
        with runs.followed(run_id, report) as progress:
            broke_off = get_publication(set_id).attempts > 0
            remote = read_theirs(tool, course_id, set_id, report)
            try:
                changes = _store(viewer, set_id, remote, decide, shown)
            except Conflict as error:  # no failure of the run: it only came too late
                stale = error
            else:
                push_set(tool, course_id, set_id, report, progress, replay=broke_off)
    except LmsError:
        if changes is None:
            raise  # else it is stored on the publication, which the page shows
    if changes is None:
        raise stale
    return changes


def _store(viewer: Viewer, set_id: UUID, remote: RemoteGroups | None, decide: Decide, shown: str) -> Changes:
    course_id = viewer.course.id
    if remote is None:
        raise Conflict("drift_changed")
    with transaction():
        runs.require_own()
        row = lock_set(course_id, set_id)
        sides = read_sides(course_id, set_id, remote)
        if sides.mark != shown:
            raise Conflict("drift_changed")
        items = compare(sides)
        choices = offered(items, decide(decidable(items)))
        theirs = sum(choice is Choice.THEIRS for choice in choices.values())
        with undoable(viewer, set_id, What.DRIFT) as kept:
            made, touched = _take(viewer, row, sides, take(sides, items, choices))
            kept.count = theirs
        publication = get_publication(set_id)
        publication.name, after = base_after(sides, items, choices, made)
        store_mirror(set_id, after)
        publication.drift, publication.drift_seen_at = len(decidable(items)) - len(choices), now()
        publication.attempts, publication.proof_due_at = 0, None  # the LMS was read just now: nothing is in doubt
        mark(publication, WAITING, later=FIRST_RETRY)
        for other in find_publications_touched(course_id, set_id):
            if other.state == SENT:
                mark(other, WAITING)
        history.note(
            course_id, viewer.access_id, "drift_settled", f"{theirs} of theirs, {len(choices) - theirs} of ours", set_id
        )
    return Changes(group_sets=frozenset({set_id}), groups=touched, count=len(choices))


def _take(viewer: Viewer, row: GroupSet, sides: Sides, taken: Taken) -> tuple[dict[str, UUID], frozenset[UUID]]:
    """Change our set as the LMS was changed, in a locked set; return our new groups by LMS id, and what changed."""
    course_id, set_id = viewer.course.id, row.id
    if taken.set_name:
        row.name = free_name(taken.set_name, local_names(course_id, besides=set_id))
    touch(course_id, set_id, {*taken.renamed, *taken.described})
    _drop(set_id, taken.dropped)
    _rename(taken.renamed)
    db.session.flush()
    made = _add(viewer, set_id, taken.added)
    new = {group_id: sides.their_groups[lms_id].description for lms_id, group_id in made.items()}
    _describe(new | dict(taken.described))
    touched = frozenset({*taken.renamed, *taken.described, *made.values()})
    members = _member_ids(course_id, [*taken.placed, *taken.taken_out])
    placements = {members[person]: our_id(sides, spot, made) for person, spot in taken.placed.items()}
    if placements:
        touched |= place(viewer, set_id, placements)[0]
    if taken.taken_out:
        touched |= _take_out(viewer, set_id, [members[person] for person in taken.taken_out if person in members])
    return made, touched


def _drop(set_id: UUID, group_ids: Sequence[UUID]) -> None:
    """Take groups out of the set; those that no other set holds are deleted."""
    require_not_formed(group_ids, set_id=set_id)
    of_set = (GroupSetEntry.group_set_id == set_id, GroupSetEntry.group_id.in_(group_ids))
    db.session.execute(delete(GroupSetEntry).where(*of_set))
    delete_orphans(group_ids)


def _rename(names: Mapping[UUID, str]) -> None:
    """Give groups their names of the LMS; one that another group of their sets has gets a number."""
    beside = names_in_their_sets(names)
    taken = [name for _, group_id, name in beside if group_id not in names]
    for group in db.session.scalars(select(Group).where(Group.id.in_(names))):
        group.name, group.name_generated = free_name(names[group.id], taken), False
        taken.append(group.name)
    carry_names(names)


def _add(viewer: Viewer, set_id: UUID, names: Mapping[str, str]) -> dict[str, UUID]:
    taken = [group.name for group in read_groups(set_id)]
    free: list[str] = []
    for name in names.values():
        free.append(free_name(name, [*taken, *free]))
    return dict(zip(names, add_local_groups(viewer, set_id, free), strict=True)) if free else {}


def _describe(texts: Mapping[UUID, str]) -> None:
    """Give groups the descriptions that they have in the LMS."""
    for group in db.session.scalars(select(Group).where(Group.id.in_(texts))):
        group.description = texts[group.id]


def _take_out(viewer: Viewer, set_id: UUID, member_ids: Sequence[UUID]) -> frozenset[UUID]:
    of_set = select(GroupSetEntry.group_id).where(GroupSetEntry.group_set_id == set_id)
    these = (GroupMembership.group_id.in_(of_set), GroupMembership.member_id.in_(member_ids))
    left = frozenset(db.session.scalars(select(GroupMembership.group_id).where(*these)))
    require_not_formed(left)
    touch(viewer.course.id, set_id, left)
    heirs.leave(viewer.course.id, viewer.access_id, *these)
    follow_members(viewer, left)
    return left


def _member_ids(course_id: UUID, lms_user_ids: Sequence[str]) -> dict[str, UUID]:
    of_course = (RosterMember.course_id == course_id, RosterMember.lms_user_id.in_(lms_user_ids))
    rows = db.session.execute(select(RosterMember.lms_user_id, RosterMember.id).where(*of_course))
    return {str(lms_user_id): member_id for lms_user_id, member_id in rows}
