"""Tells people what concerns them: notices inside the tool, and by e-mail where that is set up."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast
from uuid import UUID, uuid4

from flask import current_app
from sqlalchemy import func, insert, select, update

from lti_tool.domain.clock import now
from lti_tool.models import Notice, RosterMember, db, transaction
from lti_tool.services.access import Viewer

if TYPE_CHECKING:
    from lti_tool.services.tool import Tool

PAGE_SIZE = 30


@dataclass(frozen=True)
class NoticeView:
    """A notice as its sentence needs it."""

    id: UUID
    kind: str
    facts: dict[str, str]
    at: datetime
    is_new: bool
    group_id: UUID | None
    assignment_id: UUID | None

    @property
    def due(self) -> datetime | None:
        """Return the moment that the notice warns of, if it does."""
        return datetime.fromisoformat(self.facts["due"]) if "due" in self.facts else None


@dataclass(frozen=True)
class NoticePage:
    """One page of somebody's notices, newest first, and what they chose about e-mail."""

    notices: Sequence[NoticeView]
    number: int
    pages: int
    email: str | None
    wants_mail: bool


@dataclass(frozen=True)
class Told:
    """Some people who are told the same: about which group and assignment, and the facts of the sentence."""

    member_ids: Collection[UUID]
    group_id: UUID | None
    assignment_id: UUID | None
    facts: Mapping[str, str]


def tell(
    course_id: UUID,
    member_ids: Collection[UUID],
    kind: str,
    *,
    group_id: UUID | None = None,
    assignment_id: UUID | None = None,
    **facts: str,
) -> None:
    """Write one notice to each person inside the caller's transaction; `facts` are for its sentence.

    Where e-mail is set up, a worker sends it after the commit.
    """
    tell_each(course_id, [Told(member_ids, group_id, assignment_id, facts)], kind)


def tell_each(course_id: UUID, told: Iterable[Told], kind: str) -> None:
    """Write notices of one kind as `tell` does, to many people about many groups in one statement."""
    tool = cast("Tool", current_app.extensions["lti_tool"])
    fixed = {"course_id": course_id, "kind": kind, "mail_state": "waiting" if tool.settings.smtp_url else "none"}
    rows = [
        {
            **fixed,
            "id": uuid4(),
            "member_id": member_id,
            "facts": json.dumps(one.facts),
            "group_id": one.group_id,
            "assignment_id": one.assignment_id,
            "created_at": now(),
        }
        for one in told
        for member_id in dict.fromkeys(one.member_ids)
    ]
    if rows:
        db.session.execute(insert(Notice), rows)


def read_notices(viewer: Viewer, number: int = 1) -> NoticePage:
    """Return a page of the viewer's own notices; a number that is not there is the nearest one."""
    member = db.session.get(RosterMember, viewer.actor.member_id) if viewer.actor.member_id else None
    if member is None:
        return NoticePage((), 1, 1, None, False)
    own = Notice.member_id == member.id
    count = db.session.scalar(select(func.count()).select_from(Notice).where(own)) or 0
    pages = max(1, -(-count // PAGE_SIZE))
    number = min(max(number, 1), pages)
    rows = db.session.scalars(
        select(Notice)
        .where(own)
        .order_by(Notice.created_at.desc(), Notice.id)
        .limit(PAGE_SIZE)
        .offset((number - 1) * PAGE_SIZE)
    )
    return NoticePage([view_notice(row) for row in rows], number, pages, member.email, member.wants_mail)


def view_notice(row: Notice) -> NoticeView:
    """Return a notice as pages and mails show it."""
    facts = json.loads(row.facts)
    return NoticeView(row.id, row.kind, facts, row.created_at, row.read_at is None, row.group_id, row.assignment_id)


def mark_read(viewer: Viewer, newest_id: UUID | None) -> None:
    """Mark the viewer's notices as read up to one of them, so that what came meanwhile stays new."""
    own = Notice.member_id == viewer.actor.member_id
    newest = select(Notice.created_at).where(Notice.id == newest_id, own).scalar_subquery()
    with transaction() as session:
        session.execute(
            update(Notice)
            .where(own, Notice.read_at.is_(None), Notice.created_at <= newest)
            .values(read_at=now())
            .execution_options(synchronize_session=False)
        )


def choose_mail(viewer: Viewer, *, wanted: bool) -> None:
    """Store whether the viewer wants their notices by e-mail too."""
    with transaction() as session:
        session.execute(update(RosterMember).where(RosterMember.id == viewer.actor.member_id).values(wants_mail=wanted))
