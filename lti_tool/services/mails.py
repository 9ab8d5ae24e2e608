"""Sends waiting notices by e-mail, one message to each person; each notice's own row says how far its mail is.

A worker takes a person's notices by one conditional update, sends, and writes down what became of it. One that dies
in between leaves them as "sending": they are taken once more, so that nobody gets a mail more than twice.
"""

import html
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import structlog
from flask import current_app, render_template
from sqlalchemy import ColumnElement, or_, select, update

from lti_tool.domain.belonging import belongs_in_groups
from lti_tool.domain.clock import now
from lti_tool.mail import Letter, MailUnavailableError, Outcome, Post, clean_address, open_post
from lti_tool.models import Course, Notice, RosterMember, db, release, transaction
from lti_tool.services.notices import view_notice
from lti_tool.services.tool import Tool

log = structlog.get_logger(__name__)

PEOPLE_AT_ONCE = 200
RETRY_AFTER = timedelta(minutes=10)
STALE_AFTER = timedelta(minutes=10)
TOO_OLD = timedelta(days=1)
MAX_TRIES = 5


def send_waiting(tool: Tool) -> int:
    """Send what waits, if e-mail is set up; return how many letters went out."""
    if not tool.settings.smtp_url:
        return 0
    _give_up_or_back()
    waiting = db.session.scalars(select(Notice.member_id).where(_due()).distinct().limit(PEOPLE_AT_ONCE)).all()
    release()
    sent = 0
    if not waiting:
        return sent
    try:
        with open_post(tool.settings.smtp_url, tool.settings.mail_from) as post:
            for member_id in waiting:
                sent += _send_to(post, member_id)
    except MailUnavailableError as error:
        log.warning("mail server not available", reason=str(error))
    return sent


def _due() -> ColumnElement[bool]:
    tried = Notice.mail_tried_at
    return (Notice.mail_state == "waiting") & or_(tried.is_(None), tried < now() - RETRY_AFTER)


def _give_up_or_back() -> None:
    """Take back what a dead worker held, once; give up what waited too long to be news."""
    lost = (Notice.mail_state == "sending") & (Notice.mail_tried_at < now() - STALE_AFTER)
    with transaction() as session:
        session.execute(update(Notice).where(lost, Notice.mail_tries > 1).values(mail_state="failed"))
        session.execute(update(Notice).where(lost).values(mail_state="waiting"))
        old = (Notice.mail_state == "waiting") & (Notice.created_at < now() - TOO_OLD)
        session.execute(update(Notice).where(old).values(mail_state="failed"))


def _send_to(post: Post, member_id: UUID) -> bool:
    """Send one person what waits for them in one letter; MailUnavailableError is raised on."""
    taken, letter = _take(member_id)
    if letter is None:
        return False
    outcome = Outcome.LATER
    try:
        outcome = post.send(letter)
    finally:
        _write_down(taken, outcome)
    return outcome is Outcome.SENT


def _take(member_id: UUID) -> tuple[Sequence[UUID], Letter | None]:
    """Claim a person's waiting notices and write the letter; none for who is not to be written to."""
    mine = (Notice.member_id == member_id, _due())
    with transaction() as session:
        found = session.execute(
            select(RosterMember, Course.title)
            .join(Course, Course.id == RosterMember.course_id)
            .where(RosterMember.id == member_id)
        ).one_or_none()
        if found is None:  # deleted just now, and the notices with them
            return (), None
        member, title = found
        address = clean_address(member.email)
        if not address or not member.wants_mail or not belongs_in_groups(member.enrollment_type, member.status):
            session.execute(update(Notice).where(*mine).values(mail_state="none"))
            return (), None
        session.execute(update(Notice).where(*mine, Notice.read_at.is_not(None)).values(mail_state="none"))
        claim = (
            update(Notice)
            .where(*mine)
            .values(mail_state="sending", mail_tries=Notice.mail_tries + 1, mail_tried_at=now())
            .returning(Notice)
            .execution_options(synchronize_session=False)
        )
        rows = sorted(session.scalars(claim), key=lambda row: (row.created_at, row.id))
        letter = _write(address, title, rows) if rows else None
    return [row.id for row in rows], letter


def _write(address: str, title: str, rows: Sequence[Notice]) -> Letter:
    words = current_app.jinja_env.get_template("notices/words.html").module
    sentences = [html.unescape(str(words.sentence(view_notice(row)))) for row in rows]  # type: ignore[attr-defined]
    lines = [" ".join(sentence.split()) for sentence in sentences]
    text = render_template("notices/mail.txt", course=" ".join(title.split()), lines=lines)
    subject, _, body = text.partition("\n")
    return Letter(address, subject, body.strip() + "\n")


def _write_down(notice_ids: Sequence[UUID], outcome: Outcome) -> None:
    mine = (Notice.id.in_(notice_ids), Notice.mail_state == "sending")
    with transaction() as session:
        if outcome is Outcome.LATER:
            tired = update(Notice).where(*mine, Notice.mail_tries >= MAX_TRIES)
            session.execute(tired.values(mail_state="failed"))
            session.execute(update(Notice).where(*mine).values(mail_state="waiting"))
        else:
            state = "sent" if outcome is Outcome.SENT else "failed"
            session.execute(update(Notice).where(*mine).values(mail_state=state))
    log.info("mail", outcome=str(outcome), notices=len(notice_ids))
