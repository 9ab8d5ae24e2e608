"""Uploaded tables between their preview and their confirmation: kept, found again by the same person, swept away."""

from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import Select, delete, select

from lti_tool.domain.clock import now
from lti_tool.domain.errors import NotFound
from lti_tool.domain.groups import clean_text
from lti_tool.models import ImportDraft, db, transaction
from lti_tool.services.access import Viewer

LIFETIME = timedelta(days=1)
FILENAME_LENGTH = 255


def keep_draft(viewer: Viewer, kind: str, filename: str, content: str, group_set_id: UUID | None = None) -> UUID:
    """Store a decoded file until its confirmation and return its id; the name is cut to what stands after a path."""
    bare = clean_text(filename.replace("\\", "/").rpartition("/")[2]) or "file.csv"
    with transaction() as session:
        draft = ImportDraft(
            id=uuid4(),
            course_id=viewer.course.id,
            access_id=viewer.access_id,
            kind=kind,
            group_set_id=group_set_id,
            filename=bare[-FILENAME_LENGTH:],  # its end says what kind of file it is
            content=content,
            created_at=now(),
        )
        session.add(draft)
    return draft.id


def get_draft(viewer: Viewer, draft_id: UUID, kind: str) -> ImportDraft:
    """Return a draft of this person in this course; raise NotFound("draft_not_found"), also when a day has passed."""
    return _found(_query(viewer, draft_id, kind))


def lock_draft(viewer: Viewer, draft_id: UUID, kind: str) -> ImportDraft:
    """Return a draft as `get_draft` does, for this transaction alone to use: a second confirmation comes too late."""
    return _found(_query(viewer, draft_id, kind).with_for_update())


def _query(viewer: Viewer, draft_id: UUID, kind: str) -> Select[ImportDraft]:
    return select(ImportDraft).where(
        ImportDraft.id == draft_id,
        ImportDraft.course_id == viewer.course.id,
        ImportDraft.access_id == viewer.access_id,
        ImportDraft.kind == kind,
        ImportDraft.created_at > now() - LIFETIME,
    )


def _found(query: Select[ImportDraft]) -> ImportDraft:
    draft = db.session.scalar(query)
    if draft is None:
        raise NotFound("draft_not_found")
    return draft


def drop_draft(viewer: Viewer, draft_id: UUID) -> None:
    """Delete a draft inside the caller's transaction, once its table is imported."""
    db.session.execute(
        delete(ImportDraft).where(
            ImportDraft.id == draft_id,
            ImportDraft.course_id == viewer.course.id,
            ImportDraft.access_id == viewer.access_id,
        )
    )


def sweep() -> None:
    """Delete the drafts that nobody confirmed within a day."""
    with transaction() as session:
        session.execute(delete(ImportDraft).where(ImportDraft.created_at <= now() - LIFETIME))
