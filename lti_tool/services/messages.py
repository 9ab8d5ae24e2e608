"""Messages among a group's members: written, read in blocks, and followed while they come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ScalarSelect, Select, func, select, update

from lti_tool.domain.clock import now
from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.groups import clean_text
from lti_tool.models import CourseAccess, GroupMembership, GroupMessage, Notice, RosterMember, db, transaction
from lti_tool.services.access import Viewer
from lti_tool.services.notices import tell
from lti_tool.services.people import BELONGS
from lti_tool.services.space import form_id, hold_space

BLOCK = 50
MESSAGE_LENGTH = 5000
TICK = timedelta(microseconds=1)
KIND = "message"  # of its notice


@dataclass(frozen=True)
class ShownMessage:
    """One message, and what its author is in the course now (None: not in it any more)."""

    row: GroupMessage
    author_type: str | None


@dataclass(frozen=True)
class MessageBlock:
    """Messages that follow each other, newest last, and whether there are earlier ones."""

    messages: Sequence[ShownMessage]
    has_earlier: bool = False

    @property
    def first(self) -> UUID | None:
        """Return the oldest one's id, from which earlier ones are asked for."""
        return self.messages[0].row.id if self.messages else None

    @property
    def last(self) -> UUID | None:
        """Return the newest one's id, after which later ones are asked for."""
        return self.messages[-1].row.id if self.messages else None


def clean_message(text: str) -> str:
    """Return a message as it is kept; raise RuleViolation when nothing or too much is left."""
    body = clean_text(text.replace("\r\n", "\n"))
    if not body.strip("\u200c\u200d"):
        raise RuleViolation("message_required")
    if len(body) > MESSAGE_LENGTH:
        raise RuleViolation("message_too_long", limit=MESSAGE_LENGTH)
    return body


def post_message(viewer: Viewer, group_id: UUID, key: UUID, text: str) -> UUID:
    """Store a message and return its id; the same form sent twice (`key`) stores it once.

    The other members are told, unless a notice of this group's messages is unread with them already; whoever writes
    has read. Raise RuleViolation as `clean_message` does, and as `space.hold_space` does.
    """
    body = clean_message(text)
    message_id = form_id(viewer, group_id, key, body)
    with transaction() as session:
        access = hold_space(viewer, group_id)
        if session.get(GroupMessage, message_id) is None:
            newest = session.scalar(select(func.max(GroupMessage.created_at)).where(GroupMessage.group_id == group_id))
            # The clocks of two machines differ; who follows the messages by their times must miss none.
            at = now() if newest is None else max(now(), newest + TICK)
            session.add(
                GroupMessage(
                    id=message_id,
                    group_id=group_id,
                    author_id=viewer.access_id,
                    author_name=viewer.name,
                    body=body,
                    created_at=at,
                )
            )
            _tell_others(viewer, group_id, access.row.name)
        _take_as_read(viewer, group_id)
    return message_id


def read_messages(group_id: UUID, *, before: UUID | None = None) -> MessageBlock:
    """Return the newest messages of a group, or those before one of it: a block, in one query."""
    query = _query(group_id).order_by(GroupMessage.created_at.desc()).limit(BLOCK + 1)
    if before is not None:
        query = query.where(GroupMessage.created_at < _time_of(group_id, before))
    rows = db.session.execute(query).all()
    shown = [ShownMessage(row, author_type) for row, author_type in reversed(rows[:BLOCK])]
    return MessageBlock(shown, has_earlier=len(rows) > BLOCK)


def read_new_messages(group_id: UUID, after: UUID | None) -> MessageBlock:
    """Return what came after a message of the group, or after none at all: the oldest block of it, in one query."""
    query = _query(group_id).order_by(GroupMessage.created_at).limit(BLOCK)
    if after is not None:
        query = query.where(GroupMessage.created_at > _time_of(group_id, after))
    return MessageBlock([ShownMessage(row, author_type) for row, author_type in db.session.execute(query)])


def has_unread(viewer: Viewer, group_id: UUID) -> bool:
    """Say whether a notice of this group's messages is unread with the viewer."""
    return db.session.scalar(_unread(group_id).where(Notice.member_id == viewer.actor.member_id).limit(1)) is not None


def mark_read(viewer: Viewer, group_id: UUID) -> int:
    """Take the viewer's notices of this group's messages as read, and return how many there were."""
    with transaction():
        return _take_as_read(viewer, group_id)


def _take_as_read(viewer: Viewer, group_id: UUID) -> int:
    unread = (Notice.group_id == group_id, Notice.kind == KIND, Notice.read_at.is_(None))
    read = update(Notice).where(*unread, Notice.member_id == viewer.actor.member_id).values(read_at=now())
    done = db.session.execute(read.execution_options(synchronize_session=False))
    return done.rowcount  # type: ignore[attr-defined,no-any-return] # what an UPDATE gives has it


def _query(group_id: UUID) -> Select[GroupMessage, str | None]:
    return (
        select(GroupMessage, CourseAccess.enrollment_type)
        .outerjoin(CourseAccess, CourseAccess.id == GroupMessage.author_id)
        .where(GroupMessage.group_id == group_id)
    )


def _time_of(group_id: UUID, message_id: UUID) -> ScalarSelect[datetime]:
    query = select(GroupMessage.created_at).where(GroupMessage.id == message_id, GroupMessage.group_id == group_id)
    return query.scalar_subquery()


def _unread(group_id: UUID) -> Select[UUID]:
    return select(Notice.member_id).where(Notice.group_id == group_id, Notice.kind == KIND, Notice.read_at.is_(None))


def _tell_others(viewer: Viewer, group_id: UUID, group_name: str) -> None:
    others = db.session.scalars(
        select(GroupMembership.member_id)
        .join(RosterMember, RosterMember.id == GroupMembership.member_id)
        .where(
            GroupMembership.group_id == group_id,
            BELONGS,
            GroupMembership.member_id.is_distinct_from(viewer.actor.member_id),  # staff may be nobody on the roster
            GroupMembership.member_id.not_in(_unread(group_id)),
        )
    ).all()
    tell(viewer.course.id, others, KIND, group_id=group_id, person=viewer.name, group=group_name)
