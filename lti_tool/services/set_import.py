"""Group sets from files: read and shown first, then stored as a new set or in place of what an imported one holds."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import delete, insert, select, update

from lti_tool.domain.changes import Changes
from lti_tool.domain.clock import now
from lti_tool.domain.errors import Conflict, NotFound, RuleViolation
from lti_tool.domain.groups import Connection, Origin, clean_name, free_name, require_free_name
from lti_tool.domain.proposals import (
    Comparison,
    Person,
    PresentGroup,
    Proposal,
    ProposedGroup,
    compare,
    found_by_email,
    propose,
)
from lti_tool.domain.spreadsheet import BadSpreadsheet, Sheet, read_sheet, set_name_of
from lti_tool.domain.tables import decode, read_table
from lti_tool.models import (
    Group,
    GroupMembership,
    GroupSet,
    GroupSetEntry,
    ImportDraft,
    db,
    transaction,
)
from lti_tool.services import drafts, history, runs
from lti_tool.services.access import Viewer
from lti_tool.services.formed_groups import require_not_formed
from lti_tool.services.group_codes import insert_groups
from lti_tool.services.group_names import carry_names, names_taken_elsewhere
from lti_tool.services.group_sets import add_local_set, get_editable_set, get_set, lock_set, read_groups, set_names
from lti_tool.services.heirs import passing_on
from lti_tool.services.memberships import replace_members
from lti_tool.services.people import hold_roster, read_people_of_files
from lti_tool.services.removal import delete_orphans
from lti_tool.services.shared_groups import require_one_group_each, touch
from lti_tool.services.undo import What, undoable

KIND = "groups"


@dataclass(frozen=True)
class Preview:
    """What an upload would do, for a person's yes; `comparison` and `row` None: its groups become a new set.

    `names`: of everybody on the roster, by id. `taken`: (name, set) of groups that the file renames to what another
    set that holds them has already. `seen` stands for exactly this, so that nothing else is confirmed.
    """

    draft_id: UUID
    filename: str
    set_name: str
    row: GroupSet | None
    sheet: Sheet
    proposal: Proposal
    comparison: Comparison | None
    names: Mapping[UUID, str]
    shared_with: Sequence[str]
    taken: Sequence[tuple[str, str]]
    run_is_open: bool
    seen: str


@dataclass(frozen=True)
class _Plan:
    """What a file would do to a course as it is now; `present`: the groups of the set that it overwrites."""

    sheet: Sheet
    people: Sequence[Person]
    present: Sequence[PresentGroup]
    proposal: Proposal
    comparison: Comparison
    shared_with: Sequence[str]
    taken: Sequence[tuple[str, str]]

    @property
    def seen(self) -> str:
        """Return what stands for everything that a person says yes to."""
        shown = (self.proposal, self.comparison, self.shared_with, self.taken)
        return hashlib.sha256(repr(shown).encode()).hexdigest()


def get_imported_set(course_id: UUID, set_id: UUID) -> GroupSet:
    """Return a set that came from a file; raise RuleViolation("set_not_imported"), and as `get_editable_set`."""
    row = get_editable_set(course_id, set_id)
    _require_imported(row)
    return row


def _require_imported(row: GroupSet) -> None:
    if row.connection != Connection.IMPORT:
        raise RuleViolation("set_not_imported")


def keep_upload(viewer: Viewer, filename: str, data: bytes, set_id: UUID | None = None) -> UUID:
    """Check a file and keep it for its preview; return the draft's id.

    Raise RuleViolation for a file that is no table, BadSpreadsheet with every problem for one that breaks rules,
    Conflict during a sync or a publication of the set: the preview would not be of what is there afterwards.
    """
    runs.require_edits(viewer.course.id, *([set_id] if set_id else ()))
    text = decode(data)
    if set_id:
        get_imported_set(viewer.course.id, set_id)
    _read(viewer.course.id, text, set_id, _present(set_id) if set_id else ())
    return drafts.keep_draft(viewer, KIND, filename, text, set_id)


def preview_import(viewer: Viewer, draft_id: UUID, set_id: UUID | None = None) -> Preview:
    """Show what a kept file would do to the course as it is now; nothing is stored."""
    course_id = viewer.course.id
    draft = _of_set(drafts.get_draft(viewer, draft_id, KIND), set_id)
    row = get_imported_set(course_id, set_id) if set_id else None
    plan = _plan(course_id, draft.content, set_id)
    return Preview(
        draft_id=draft.id,
        filename=draft.filename,
        set_name=row.name if row else free_name(set_name_of(draft.filename), set_names(course_id)),
        row=row,
        sheet=plan.sheet,
        proposal=plan.proposal,
        comparison=plan.comparison if row else None,
        names={person.id: person.name for person in plan.people},
        shared_with=plan.shared_with,
        taken=plan.taken,
        run_is_open=runs.find_open_run(course_id) is not None,
        seen=plan.seen,
    )


def import_set(viewer: Viewer, draft_id: UUID, name: str, seen: str) -> Changes:
    """Make a set of the groups of a kept file, all of them new and local.

    Raise RuleViolation for a name that is empty, too long or taken, Conflict("import_changed") when it would not be
    what the preview showed, Conflict("run_open") during a sync.
    """
    tidy = clean_name(name)
    course_id = viewer.course.id
    with transaction():
        hold_roster(course_id)
        draft = _of_set(drafts.lock_draft(viewer, draft_id, KIND), None)
        runs.require_no_open_run(course_id)
        require_free_name(tidy, set_names(course_id))
        plan = _plan(course_id, draft.content)
        _require_seen(plan, seen)
        row = get_set(course_id, add_local_set(course_id, tidy))
        row.connection = Connection.IMPORT
        changes = _store(viewer, row, draft, plan.comparison, ())
        history.note(course_id, viewer.access_id, "group_set_imported", f"{draft.filename} → {tidy}", row.id)
        drafts.drop_draft(viewer, draft_id)
    return changes


def reimport_set(viewer: Viewer, draft_id: UUID, set_id: UUID, revision: int, seen: str) -> Changes:
    """Put the groups of a kept file in place of those of an imported set (seed 003).

    What the file no longer names leaves the set, and is deleted when no other set holds it. Raise
    Conflict("set_changed") when the set is not as it was shown, Conflict("import_changed") when something else of the
    course is not, so that the file would do something else, Conflict("run_open") during a sync,
    RuleViolation("import_name_taken") when another set that holds a renamed group has its new name, and
    "people_in_two_groups" when this set or such another is published and somebody would be in two of its groups.
    """
    course_id = viewer.course.id
    with transaction():
        row = lock_set(course_id, set_id, revision)
        _require_imported(row)
        runs.require_no_open_run(course_id)
        draft = _of_set(drafts.lock_draft(viewer, draft_id, KIND), set_id)
        plan = _plan(course_id, draft.content, set_id)
        _require_seen(plan, seen)
        if plan.taken:
            name, other = plan.taken[0]
            raise RuleViolation("import_name_taken", name=name, set=other)
        with undoable(viewer, set_id, What.IMPORT) as kept:
            changes = _store(viewer, row, draft, plan.comparison, plan.present)
            kept.count = changes.count
        history.note(course_id, viewer.access_id, "group_set_reimported", f"{draft.filename} → {row.name}", set_id)
        drafts.drop_draft(viewer, draft_id)
    return changes


def _of_set(draft: ImportDraft, set_id: UUID | None) -> ImportDraft:
    if draft.group_set_id != set_id:
        raise NotFound("draft_not_found")
    return draft


def _read(course_id: UUID, text: str, set_id: UUID | None, present: Sequence[PresentGroup]) -> Sheet:
    named = {group.id: group.name for group in present}
    others = dict(db.session.execute(select(Group.id, Group.name).where(Group.course_id == course_id)).all())
    sheet = read_sheet(read_table(text), set_id, named, others)
    if sheet.problems:
        raise BadSpreadsheet(sheet.problems)
    return sheet


def _plan(course_id: UUID, text: str, set_id: UUID | None = None) -> _Plan:
    """Plan what a file does to a course now: a new set, or another content of the set, in a fixed number of queries."""
    present = _present(set_id) if set_id else []
    sheet, people = _read(course_id, text, set_id, present), read_people_of_files(course_id)
    proposal = propose(sheet, people)
    unnamed = {person.id for person in people} - found_by_email(people)
    comparison = compare(proposal.groups, present, unnamed)
    shared_with: Sequence[str] = ()
    taken: Sequence[tuple[str, str]] = ()
    if set_id:
        before = {group.id: group.name for group in present}
        new_names = {g.id: g.name for g in comparison.groups if g.id and g.name != before[g.id]}
        shared_with, taken = _sharing_sets(set_id), names_taken_elsewhere(set_id, new_names)
    return _Plan(sheet, people, present, proposal, comparison, shared_with, taken)


def _require_seen(plan: _Plan, seen: str) -> None:
    if plan.seen != seen:
        raise Conflict("import_changed")


def _present(set_id: UUID) -> list[PresentGroup]:
    """Return the groups of a set in their order, with the ids of their people in theirs, in two queries."""
    groups = read_groups(set_id)
    members: dict[UUID, list[UUID]] = {}
    rows = db.session.execute(
        select(GroupMembership.group_id, GroupMembership.member_id)
        .join(GroupSetEntry, GroupSetEntry.group_id == GroupMembership.group_id)
        .where(GroupSetEntry.group_set_id == set_id)
        .order_by(GroupMembership.position)
    )
    for group_id, member_id in rows:
        members.setdefault(group_id, []).append(member_id)
    return [
        PresentGroup(group.id, group.name, tuple(members.get(group.id, ())), group.origin == Origin.LOCAL)
        for group in groups
    ]


def _sharing_sets(set_id: UUID) -> Sequence[str]:
    """Return the names of the other sets that hold local groups of this one."""
    held = (
        select(GroupSetEntry.group_id)
        .join(Group, Group.id == GroupSetEntry.group_id)
        .where(GroupSetEntry.group_set_id == set_id, Group.origin == Origin.LOCAL)
    )
    others = select(GroupSetEntry.group_set_id).where(
        GroupSetEntry.group_set_id != set_id, GroupSetEntry.group_id.in_(held)
    )
    return db.session.scalars(select(GroupSet.name).where(GroupSet.id.in_(others)).order_by(GroupSet.position)).all()


def _store(
    viewer: Viewer, row: GroupSet, draft: ImportDraft, plan: Comparison, present: Sequence[PresentGroup]
) -> Changes:
    """Make the set what the plan says, in a fixed number of statements."""
    before = {group.id: group for group in present}
    groups = [(group.id or uuid4(), group) for group in plan.groups]
    added = [(key, group) for key, group in groups if group.id is None]
    kept = [(key, group) for key, group in groups if group.id and before[key].editable]
    renamed = [(key, group) for key, group in kept if group.name != before[key].name]
    refilled = [(key, group) for key, group in kept if group.members != before[key].members]
    require_not_formed([key for key, _ in refilled])
    require_not_formed([group.id for group in plan.removed if group.id], set_id=row.id)
    touch(row.course_id, row.id, [key for key, _ in (*renamed, *refilled)])
    _add_groups(row.course_id, added)
    if renamed:
        db.session.execute(update(Group), [{"id": key, "name": group.name} for key, group in renamed])
        carry_names([key for key, _ in renamed])
    _list_groups(row.id, [key for key, _ in groups])
    with passing_on(viewer.course.id, viewer.access_id, GroupMembership.group_id.in_([key for key, _ in refilled])):
        replace_members({key: group.members for key, group in (*added, *refilled)})
    people = (member for _, group in (*added, *refilled) for member in group.members)
    require_one_group_each([key for key, _ in (*added, *refilled)], people)
    row.last_updated, row.source_filename = now(), draft.filename
    return Changes(
        group_sets=frozenset({row.id}),
        groups=frozenset(key for key, _ in (*added, *renamed, *refilled)),
        deleted_groups=delete_orphans([group.id for group in plan.removed]),
        count=len(groups),
    )


def _add_groups(course_id: UUID, added: Sequence[tuple[UUID, ProposedGroup]]) -> None:
    fixed = {"course_id": course_id, "origin": Origin.LOCAL, "description": "", "created_at": now()}
    if added:
        insert_groups([{"id": key, "name": group.name, **fixed} for key, group in added])


def _list_groups(set_id: UUID, group_ids: Sequence[UUID]) -> None:
    """Make these the groups of the set, in this order, with the names that the file gave for good."""
    db.session.execute(delete(GroupSetEntry).where(GroupSetEntry.group_set_id == set_id))
    db.session.execute(
        insert(GroupSetEntry),
        [{"group_set_id": set_id, "group_id": key, "position": place} for place, key in enumerate(group_ids)],
    )
    of_set = select(GroupSetEntry.group_id).where(GroupSetEntry.group_set_id == set_id)
    db.session.execute(
        update(Group).where(Group.id.in_(of_set), Group.origin == Origin.LOCAL).values(name_generated=False)
    )
