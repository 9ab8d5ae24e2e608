"""The roster as a file: all of it to keep, and files of students or of git user names, previewed before they count."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from lti_tool.domain.changes import Changes
from lti_tool.domain.clock import now
from lti_tool.domain.errors import Conflict
from lti_tool.domain.groups import LMS_CONNECTIONS, Connection
from lti_tool.domain.roster import MemberSource
from lti_tool.domain.roster_table import (
    EXPORT_COLUMNS,
    ListedMember,
    TablePlan,
    plan_git_usernames,
    plan_students,
)
from lti_tool.domain.tables import Table, decode, read_table, write_table
from lti_tool.models import RosterMember, db, transaction
from lti_tool.services import drafts, history
from lti_tool.services.access import Viewer
from lti_tool.services.members import begin_change, bring_in_step, new_local_row, values_of
from lti_tool.services.roster import read_roster
from lti_tool.services.sections import read_section_names

Planner = Callable[[Table, Sequence[ListedMember]], TablePlan]
PLANNERS: Mapping[str, Planner] = {"roster": plan_students, "git_usernames": plan_git_usernames}
LIST_SEPARATOR = "; "


@dataclass(frozen=True)
class ImportPreview:
    """What a kept file would change now; `seen` stands for exactly this, so that nothing else is confirmed."""

    filename: str
    plan: TablePlan
    names: Mapping[UUID, str]
    seen: str


def export_roster(course_id: UUID) -> bytes:
    """Return everybody of a course, students and staff in every state, as a CSV file."""
    page = read_roster(course_id)
    sections = read_section_names(course_id)
    rows = (
        (
            LIST_SEPARATOR.join(sections.get(row.id, ())) if name == "sections" else _cell(row, name)
            for name in EXPORT_COLUMNS
        )
        for row in (*page.students, *page.staff)
    )
    return write_table(EXPORT_COLUMNS, rows)


def _cell(row: RosterMember, name: str) -> str:
    value = getattr(row, name)
    return "" if value is None else str(value)


def keep_upload(viewer: Viewer, kind: str, filename: str, data: bytes) -> UUID:
    """Keep a file until it is confirmed and return its draft; raise RuleViolation for a file that is no such table."""
    text = decode(data)
    _plan(viewer.course.id, kind, text)
    return drafts.keep_draft(viewer, kind, filename, text)


def preview_import(viewer: Viewer, draft_id: UUID, kind: str) -> ImportPreview:
    """Return what a kept file would change now; nothing is stored. Raise NotFound("draft_not_found")."""
    draft = drafts.get_draft(viewer, draft_id, kind)
    plan, members = _plan(viewer.course.id, kind, draft.content)
    return ImportPreview(draft.filename, plan, {m.id: m.values.name for m in members}, _digest(plan))


def apply_import(viewer: Viewer, draft_id: UUID, kind: str, seen: str) -> Changes:
    """Store what the preview showed.

    Raise NotFound("draft_not_found"), Conflict("roster_changed") when it would be something else by now,
    Conflict("run_open").
    """
    course_id = viewer.course.id
    with transaction() as session:
        course = begin_change(course_id)
        draft = drafts.lock_draft(viewer, draft_id, kind)
        plan, _ = _plan(course_id, kind, draft.content)
        if _digest(plan) != seen:
            raise Conflict("roster_changed")
        rows = {row.id: row for row in session.scalars(select(RosterMember).where(RosterMember.course_id == course_id))}
        for change in plan.change:
            for name, value in vars(change.values).items():
                setattr(rows[change.member_id], name, value)
        session.add_all([new_local_row(course_id, addition.values) for addition in plan.add])
        if kind == "roster" and course.roster_connection not in LMS_CONNECTIONS:
            course.roster_connection, course.roster_filename = Connection.IMPORT, draft.filename
            course.roster_updated_at = now()
        history.note(course_id, viewer.access_id, f"{kind}_imported", draft.filename)
        drafts.drop_draft(viewer, draft_id)
        return bring_in_step(course_id)


def _plan(course_id: UUID, kind: str, text: str) -> tuple[TablePlan, Sequence[ListedMember]]:
    rows = db.session.scalars(
        select(RosterMember)
        .where(RosterMember.course_id == course_id)
        .order_by(RosterMember.created_at, RosterMember.id)
    )
    members = [ListedMember(row.id, row.source == MemberSource.LOCAL, values_of(row)) for row in rows]
    return PLANNERS[kind](read_table(text), members), members


def _digest(plan: TablePlan) -> str:
    return hashlib.sha256(repr(plan).encode()).hexdigest()
