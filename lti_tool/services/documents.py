"""Documents of a group: taken, listed, handed out, deleted, and cleared away when nobody has them any more."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import IO
from uuid import UUID

from sqlalchemy import delete, func, select

from lti_tool.domain.clock import now
from lti_tool.domain.documents import DocumentLimits, clean_filename, media_type
from lti_tool.domain.errors import NotFound
from lti_tool.domain.group_rights import GroupPermission
from lti_tool.models import GroupDocument, db, release, transaction
from lti_tool.services import history
from lti_tool.services.access import Viewer
from lti_tool.services.document_store import DocumentStore, new_key
from lti_tool.services.group_access import GroupAccess
from lti_tool.services.space import form_id, hold_space
from lti_tool.services.tool import Tool
from lti_tool.settings import Settings

LEFT_BEHIND = timedelta(days=1)  # no upload takes that long: bytes without a row are nobody's then
AT_ONCE = 500


@dataclass(frozen=True)
class Upload:
    """A file as it came: what its form was marked with, the name that the sender's browser gave, its bytes."""

    key: UUID
    name: str
    source: IO[bytes]


@dataclass(frozen=True)
class OpenDocument:
    """A document that is handed out: its row, and its bytes, which the reader closes."""

    row: GroupDocument
    content: IO[bytes]


def limits_of(settings: Settings) -> DocumentLimits:
    """Return how much this installation lets groups keep."""
    return DocumentLimits(settings.upload_megabytes, settings.group_megabytes)


def list_documents(group_id: UUID) -> Sequence[GroupDocument]:
    """Return the documents of a group, the newest first."""
    query = select(GroupDocument).where(GroupDocument.group_id == group_id)
    return db.session.scalars(query.order_by(GroupDocument.created_at.desc(), GroupDocument.id)).all()


def may_delete(viewer: Viewer, access: GroupAccess, row: GroupDocument) -> bool:
    """Say whether the viewer may delete a document: who brought it, the group's admins, staff."""
    return row.author_id == viewer.access_id or access.may(GroupPermission.REMOVE_DOCUMENT)


def add_document(tool: Tool, viewer: Viewer, group_id: UUID, upload: Upload) -> UUID:
    """Store a file for a group and return its id; the same form sent twice stores it once.

    The bytes are there before the row is, outside of any transaction, and go again when the row does not come. Raise
    RuleViolation for a kind that is not taken, nothing or too much, StoreUnavailable, and as `hold_space` does.
    """
    name, limits, storage_key = clean_filename(upload.name), limits_of(tool.settings), new_key()
    release()
    written = tool.documents.write(storage_key, upload.source, limits.file_bytes)
    row = GroupDocument(
        id=form_id(viewer, group_id, upload.key, f"{name}:{written.digest}"),
        group_id=group_id,
        name=name,
        media_type=media_type(name),
        size=written.size,
        storage_key=storage_key,
        author_id=viewer.access_id,
        author_name=viewer.name,
    )
    is_new = False
    try:
        is_new = _keep(limits, viewer, group_id, row)
    finally:
        if not is_new:
            tool.documents.discard(storage_key)
    return row.id


def _keep(limits: DocumentLimits, viewer: Viewer, group_id: UUID, row: GroupDocument) -> bool:
    """Store a document's row, unless the same form brought it before, and say whether it did not."""
    with transaction() as session:
        hold_space(viewer, group_id)
        if session.get(GroupDocument, row.id) is not None:
            return False
        in_group = GroupDocument.group_id == group_id
        used, count = session.execute(
            select(func.coalesce(func.sum(GroupDocument.size), 0), func.count()).where(in_group)
        ).one()
        limits.require_room(used, count, row.size)
        row.created_at = now()
        session.add(row)
        history.note(viewer.course.id, viewer.access_id, "document_added", row.name, row.id, group_id=group_id)
    return True


def get_document(group_id: UUID, document_id: UUID) -> GroupDocument:
    """Return a document of a group; raise NotFound."""
    row = db.session.scalar(
        select(GroupDocument).where(GroupDocument.id == document_id, GroupDocument.group_id == group_id)
    )
    if row is None:
        raise NotFound("document_not_found")
    return row


def open_document(store: DocumentStore, group_id: UUID, document_id: UUID) -> OpenDocument:
    """Open a document of a group to hand it out; raise NotFound, StoreUnavailable."""
    row = get_document(group_id, document_id)
    release()
    return OpenDocument(row, store.open(row.storage_key))


def delete_document(store: DocumentStore, viewer: Viewer, group_id: UUID, document_id: UUID) -> None:
    """Delete a document, by who brought it, an admin of the group or staff; raise Forbidden for others."""
    with transaction():
        access = hold_space(viewer, group_id)
        row = get_document(group_id, document_id)
        if not may_delete(viewer, access, row):
            access.require(GroupPermission.REMOVE_DOCUMENT)
        history.note(viewer.course.id, viewer.access_id, "document_deleted", row.name, row.id, group_id=group_id)
        row.group_id = None
    clear_documents(store)


def clear_documents(store: DocumentStore) -> None:
    """Delete the documents that no group has any more, bytes first: what the store keeps back is tried again later."""
    rows = db.session.execute(
        select(GroupDocument.id, GroupDocument.storage_key).where(GroupDocument.group_id.is_(None)).limit(AT_ONCE)
    ).all()
    release()
    gone = [document_id for document_id, storage_key in rows if store.discard(storage_key)]
    if gone:
        with transaction() as session:
            session.execute(delete(GroupDocument).where(GroupDocument.id.in_(gone)))


def clear_left_behind(store: DocumentStore) -> None:
    """Delete stored bytes that never got a row, because a process died between the two."""
    keys = list(store.keys_before(now() - LEFT_BEHIND))
    for start in range(0, len(keys), AT_ONCE):
        some = keys[start : start + AT_ONCE]
        known = set(db.session.scalars(select(GroupDocument.storage_key).where(GroupDocument.storage_key.in_(some))))
        release()
        for key in set(some) - known:
            store.discard(key)
