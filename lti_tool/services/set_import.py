"""Group sets from files: read and shown first, then stored as a new set or in place of what an imported one holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import delete, insert, select, update

from lti_tool.domain.changes import Changes
from lti_tool.domain.clock import now
from lti_tool.domain.errors import NotFound, RuleViolation
from lti_tool.domain.groups import Connection, Origin, clean_name, free_name, require_free_name
from lti_tool.domain.proposals import Comparison, Person, PresentGroup, Proposal, ProposedGroup, compare, propose
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import MemberStatus
from lti_tool.domain.spreadsheet import BadSpreadsheet, Sheet, read_sheet, set_name_of
from lti_tool.domain.tables import decode, read_table
from lti_tool.models import (
    Group,
    GroupMembership,
    GroupSet,
    GroupSetEntry,
    ImportDraft,
    RosterMember,
    db,
    transaction,
)
from lti_tool.services import drafts, history, runs
from lti_tool.services.access import Viewer
from lti_tool.services.formed_groups import require_not_formed
from lti_tool.services.group_codes import insert_groups
from lti_tool.services.group_names import carry_names
from lti_tool.services.group_sets import add_local_set, get_editable_set, get_set, local_names, lock_set, read_groups
from lti_tool.services.heirs import passing_on
from lti_tool.services.memberships import replace_members
from lti_tool.services.mirror import find_publication, require_mirrorable
from lti_tool.services.people import hold_roster
from lti_tool.services.removal import delete_orphans
from lti_tool.services.undo import What, undoable

KIND = "groups"


@dataclass(frozen=True)
class Preview:
    """What an upload would do, for a person's yes; `comparison` and `row` None: its groups become a new set.

    `names`: of everybody on the roster, by id.
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
    run_is_open: bool


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
    _read(text, set_id, _present(set_id) if set_id else ())
    return drafts.keep_draft(viewer, KIND, filename, text, set_id)


def preview_import(viewer: Viewer, draft_id: UUID, set_id: UUID | None = None) -> Preview:
    """Show what a kept file would do to the course as it is now; nothing is stored."""
    course_id = viewer.course.id
    draft = _of_set(drafts.get_draft(viewer, draft_id, KIND), set_id)
    row = get_imported_set(course_id, set_id) if set_id else None
    present = _present(set_id) if set_id else []
    sheet = _read(draft.content, set_id, present)
    people = _people(course_id)
    proposal = propose(sheet, people)
    return Preview(
        draft_id=draft.id,
        filename=draft.filename,
        set_name=row.name if row else free_name(set_name_of(draft.filename), local_names(course_id)),
        row=row,
        sheet=sheet,
        proposal=proposal,
        comparison=compare(proposal.groups, present) if row else None,
        names={person.id: person.name for person in people},
        shared_with=_sharing_sets(set_id) if set_id else (),
        run_is_open=runs.find_open_run(course_id) is not None,
    )


def import_set(viewer: Viewer, draft_id: UUID, name: str) -> Changes:
    """Make a set of the groups of a kept file, all of them new and local.

    Raise RuleViolation for a name that is empty, too long or taken, Conflict("run_open") during a sync.
    """
    tidy = clean_name(name)
    course_id = viewer.course.id
    with transaction():
        hold_roster(course_id)
        draft = _of_set(drafts.lock_draft(viewer, draft_id, KIND), None)
        runs.require_no_open_run(course_id)
        require_free_name(tidy, local_names(course_id))
        proposal = propose(_read(draft.content, None), _people(course_id))
        row = get_set(course_id, add_local_set(course_id, tidy))
        row.connection = Connection.IMPORT
        changes = _store(viewer, row, draft, compare(proposal.groups, ()), ())
        history.note(course_id, viewer.access_id, "group_set_imported", f"{draft.filename} → {tidy}", row.id)
        drafts.drop_draft(viewer, draft_id)
    return changes


def reimport_set(viewer: Viewer, draft_id: UUID, set_id: UUID, revision: int) -> Changes:
    """Put the groups of a kept file in place of those of an imported set (seed 003).

    What the file no longer names leaves the set, and is deleted when no other set holds it. Raise
    Conflict("set_changed") when the set is not as it was shown, Conflict("run_open") during a sync,
    RuleViolation when the set is published and its mirror could not show the file's groups.
    """
    course_id = viewer.course.id
    with transaction():
        row = lock_set(course_id, set_id, revision)
        _require_imported(row)
        runs.require_no_open_run(course_id)
        draft = _of_set(drafts.lock_draft(viewer, draft_id, KIND), set_id)
        present = _present(set_id)
        proposal = propose(_read(draft.content, set_id, present), _people(course_id))
        with undoable(viewer, set_id, What.IMPORT) as kept:
            changes = _store(viewer, row, draft, compare(proposal.groups, present), present)
            kept.count = changes.count
        if find_publication(set_id):
            require_mirrorable(read_groups(set_id))
        history.note(course_id, viewer.access_id, "group_set_reimported", f"{draft.filename} → {row.name}", set_id)
        drafts.drop_draft(viewer, draft_id)
    return changes


def _of_set(draft: ImportDraft, set_id: UUID | None) -> ImportDraft:
    if draft.group_set_id != set_id:
        raise NotFound("draft_not_found")
    return draft


def _read(text: str, set_id: UUID | None, present: Sequence[PresentGroup] = ()) -> Sheet:
    sheet = read_sheet(read_table(text), set_id, {group.id for group in present})
    if sheet.problems:
        raise BadSpreadsheet(sheet.problems)
    return sheet


def _people(course_id: UUID) -> list[Person]:
    """Return everybody on the roster, in one query."""
    rows = db.session.execute(
        select(
            RosterMember.id, RosterMember.name, RosterMember.email, RosterMember.status, RosterMember.enrollment_type
        ).where(RosterMember.course_id == course_id)
    )
    return [
        Person(key, name, email, status == MemberStatus.ACTIVE, EnrollmentType(kind))
        for key, name, email, status, kind in rows
    ]


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
    _add_groups(row.course_id, added)
    if renamed:
        db.session.execute(update(Group), [{"id": key, "name": group.name} for key, group in renamed])
        carry_names([key for key, _ in renamed])
    _list_groups(row.id, [key for key, _ in groups])
    with passing_on(viewer.course.id, viewer.access_id, GroupMembership.group_id.in_([key for key, _ in refilled])):
        replace_members({key: group.members for key, group in (*added, *refilled)})
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
