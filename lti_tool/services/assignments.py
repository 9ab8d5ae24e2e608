"""Assignments: a group set plus a selection of its groups, made, changed and deleted."""

from dataclasses import dataclass, field
from uuid import UUID, uuid4

from sqlalchemy import delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from lti_tool.domain.changes import Changes
from lti_tool.domain.clock import now
from lti_tool.domain.errors import Conflict, NotFound, RuleViolation
from lti_tool.domain.formation import Rules
from lti_tool.domain.globs import compile_glob
from lti_tool.domain.groups import clean_name, clean_text, free_name, require_free_name, set_is_editable
from lti_tool.domain.selection import Selection
from lti_tool.models import Assignment, AssignmentExclusion, Grouping, GroupSet, GroupSetEntry, db, transaction
from lti_tool.services import history
from lti_tool.services.access import Viewer
from lti_tool.services.assignment_sets import default_set
from lti_tool.services.group_sets import add_local_set, connection_of, set_names
from lti_tool.services.grouping_news import note_deletion, telling_if_invalid
from lti_tool.services.people import hold_roster
from lti_tool.services.runs import require_edits

_LIVE = Grouping.ended_at.is_(None)


@dataclass(frozen=True)
class Draft:
    """What somebody wants an assignment to be; without a set a new one uses Individual Students.

    `formation`: how its groups form. Where students form them, the assignment has all groups of a local set: its own
    one is made when another kind of set was chosen (ruling C25).
    """

    name: str
    description: str = ""
    group_set_id: UUID | None = None
    selection: Selection = field(default_factory=Selection)
    formation: Rules = field(default_factory=lambda: Rules(by_students=False))

    def __post_init__(self) -> None:
        """Take all groups where students form them: a group that they make must not fall out of the selection."""
        if self.formation.by_students:
            object.__setattr__(self, "selection", Selection())


def get_assignment(course_id: UUID, assignment_id: UUID) -> Assignment:
    """Return an assignment of this course; raise NotFound."""
    row = db.session.scalar(select(Assignment).where(Assignment.id == assignment_id, Assignment.course_id == course_id))
    if row is None:
        raise NotFound("assignment_not_found")
    return row


def count_groupings(assignment_id: UUID) -> int:
    """Return how many groupings work on an assignment now."""
    return db.session.scalar(select(func.count()).where(Grouping.assignment_id == assignment_id, _LIVE)) or 0


def read_exclusions(assignment_id: UUID) -> frozenset[UUID]:
    """Return the ids of the groups that an assignment leaves out, those of deleted groups among them."""
    of_assignment = AssignmentExclusion.assignment_id == assignment_id
    return frozenset(db.session.scalars(select(AssignmentExclusion.group_id).where(of_assignment)))


def read_ending(row: Assignment) -> frozenset[UUID]:
    """Return the exclusions that another set would end: without groups that are gone, which nobody sees any more."""
    of_set = (GroupSetEntry.group_id == AssignmentExclusion.group_id, GroupSetEntry.group_set_id == row.group_set_id)
    ending = select(AssignmentExclusion.group_id).where(AssignmentExclusion.assignment_id == row.id)
    return frozenset(db.session.scalars(ending.where(exists().where(*of_set))))


def create_assignment(viewer: Viewer, draft: Draft) -> Changes:
    """Make an assignment; raise RuleViolation for its name or pattern, NotFound for its set, Conflict during a sync."""
    course_id, name = viewer.course.id, _checked_name(draft)
    with transaction() as session:
        require_edits(course_id)
        _require_free_name(course_id, name)
        set_id = _set_of(course_id, draft, None)
        row = Assignment(
            id=uuid4(),
            course_id=course_id,
            name=name,
            description=clean_text(draft.description) or None,
            group_set_id=set_id,
            pattern=draft.selection.pattern,
            created_at=now(),
        )
        _store_rules(row, draft.formation)
        session.add(row)
        _flush_name(name)
        _store_exclusions(row.id, draft.selection.excluded & _groups_of(set_id))
        history.note(course_id, viewer.access_id, "assignment_created", name, row.id)
    return Changes(assignments=frozenset({row.id}), count=1)


def edit_assignment(
    viewer: Viewer, assignment_id: UUID, revision: int, draft: Draft, *, confirmed: bool = False
) -> Changes:
    """Change an assignment; without a set in the draft it keeps its own.

    Another set ends the present exclusions, so those have to be `confirmed`: else RuleViolation("exclusions_end") with
    their `count`, without those of groups that are gone, which nobody sees any more. Raise
    Conflict("assignment_changed") when somebody changed the assignment since `revision`, and as `create_assignment`.
    """
    course_id, name = viewer.course.id, _checked_name(draft)
    with transaction():
        hold_roster(course_id)  # who leaves the course meanwhile would be told by the sizes until now
        _hold_own_set(course_id, assignment_id)
        row = _lock(course_id, assignment_id, revision)
        require_edits(course_id)
        _require_free_name(course_id, name, besides=assignment_id)
        set_id = _set_of(course_id, draft, row)
        moved = set_id != row.group_set_id
        if moved and db.session.scalar(select(exists().where(Grouping.assignment_id == row.id, _LIVE))):
            raise RuleViolation("groupings_there")
        before = read_ending(row) if moved else read_exclusions(assignment_id)
        if moved and before and not confirmed:
            raise RuleViolation("exclusions_end", count=len(before))
        history.note(course_id, viewer.access_id, "assignment_edited", _told(row.name, name), assignment_id)
        with telling_if_invalid(course_id, Grouping.assignment_id == assignment_id):
            row.name, row.description = name, clean_text(draft.description) or None
            row.group_set_id, row.pattern = set_id, draft.selection.pattern
            _store_rules(row, draft.formation)
            _flush_name(name)
        _store_exclusions(assignment_id, _kept(draft.selection.excluded, before, _groups_of(set_id), moved))
    return Changes(assignments=frozenset({assignment_id}), count=1)


def delete_assignment(viewer: Viewer, assignment_id: UUID) -> Changes:
    """Delete an assignment; its set and groups stay as they are, and who worked together stays in the history.

    Its people are told. Raise NotFound, Conflict during a sync.
    """
    with transaction() as session:
        _hold_own_set(viewer.course.id, assignment_id)
        row = get_assignment(viewer.course.id, assignment_id)
        require_edits(viewer.course.id)
        history.note(viewer.course.id, viewer.access_id, "assignment_deleted", row.name, assignment_id)
        note_deletion(viewer, row)
        session.execute(delete(Assignment).where(Assignment.id == assignment_id))
    return Changes(deleted_assignments=frozenset({assignment_id}), count=1)


def _kept(wanted: frozenset[UUID], before: frozenset[UUID], groups: frozenset[UUID], moved: bool) -> frozenset[UUID]:
    """Return the exclusions to store: groups of the set only, and those whose group is gone for now.

    After another set was chosen over exclusions none are left, though the two sets may share groups.
    """
    if moved:
        return frozenset() if before else wanted & groups
    return (wanted & groups) | (before - groups)


def _set_of(course_id: UUID, draft: Draft, row: Assignment | None) -> UUID:
    """Return the set that an assignment shall use, held until the transaction ends; raise NotFound."""
    wanted = draft.group_set_id or (row.group_set_id if row else None)
    set_id = _hold_set(course_id, wanted) if wanted else None
    if draft.formation.by_students and (set_id is None or not _is_ours(set_id)):
        return add_local_set(course_id, free_name(clean_name(draft.name), set_names(course_id)))
    return set_id or default_set(course_id)


def _is_ours(set_id: UUID) -> bool:
    return set_is_editable(connection_of(db.session.get_one(GroupSet, set_id)))


def _store_rules(row: Assignment, rules: Rules) -> None:
    row.formed_by = "students" if rules.by_students else "staff"
    row.min_size, row.max_size = rules.minimum, rules.maximum
    row.last_invitation_at, row.last_answer_at = rules.last_invitation_at, rules.last_answer_at
    row.same_section, row.names_chosen = rules.same_section, rules.names_chosen


def _told(before: str, after: str) -> str:
    return after if before == after else f"{before} → {after}"


def _checked_name(draft: Draft) -> str:
    if draft.selection.pattern is not None:
        compile_glob(draft.selection.pattern)
    return clean_name(draft.name)


def _hold_own_set(course_id: UUID, assignment_id: UUID) -> None:
    """Lock the assignment's set before its own row, as who forms groups, clones them or deletes the set does.

    The other way round two people would wait for each other, and a student could join by rules that change meanwhile.
    """
    own = select(Assignment.group_set_id).where(Assignment.id == assignment_id, Assignment.course_id == course_id)
    db.session.execute(select(GroupSet.id).where(GroupSet.id == own.scalar_subquery()).with_for_update(read=True))


def _lock(course_id: UUID, assignment_id: UUID, revision: int) -> Assignment:
    # The update comes first: it takes the row's lock, so that two editors decide one after the other.
    db.session.execute(
        update(Assignment)
        .where(Assignment.id == assignment_id, Assignment.course_id == course_id)
        .values(revision=Assignment.revision + 1)
    )
    row = get_assignment(course_id, assignment_id)
    if row.revision != revision + 1:
        raise Conflict("assignment_changed")
    return row


def _hold_set(course_id: UUID, set_id: UUID) -> UUID:
    """Return the set after making sure that it is there until the transaction ends; raise NotFound."""
    held = db.session.scalar(
        select(GroupSet.id).where(GroupSet.id == set_id, GroupSet.course_id == course_id).with_for_update(read=True)
    )
    if held is None:
        raise NotFound("group_set_not_found")
    return held


def _groups_of(set_id: UUID) -> frozenset[UUID]:
    of_set = GroupSetEntry.group_set_id == set_id
    return frozenset(db.session.scalars(select(GroupSetEntry.group_id).where(of_set)))


def _require_free_name(course_id: UUID, name: str, besides: UUID | None = None) -> None:
    names = select(Assignment.name).where(Assignment.course_id == course_id)
    if besides is not None:
        names = names.where(Assignment.id != besides)
    require_free_name(name, db.session.scalars(names).all())


def _flush_name(name: str) -> None:
    """Send the row to the database, which has the last word on a name that two people choose at once."""
    try:
        db.session.flush()
    except IntegrityError as error:
        raise RuleViolation("name_taken", name=name) from error


def _store_exclusions(assignment_id: UUID, group_ids: frozenset[UUID]) -> None:
    session = db.session
    session.execute(delete(AssignmentExclusion).where(AssignmentExclusion.assignment_id == assignment_id))
    if group_ids:
        rows = [{"assignment_id": assignment_id, "group_id": group_id} for group_id in sorted(group_ids)]
        session.execute(insert(AssignmentExclusion), rows)
