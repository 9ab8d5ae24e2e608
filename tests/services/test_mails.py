"""Notices by e-mail: one letter to each person, through a real connection to a mail server, on both databases."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select, update

from lti_tool.domain.clock import now
from lti_tool.mail import Letter, clean_address, write
from lti_tool.models import Course, Notice, Registration, RosterMember, db, transaction
from lti_tool.services import mails
from lti_tool.services.notices import tell
from tests.smtp import MailServer, mail_server


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


class Posted:
    """A course with people whose notices are mailed."""

    def __init__(self, app: Flask, url: str) -> None:
        self.app, self.course_id = app, uuid4()
        self.set_up(url)
        registration = Registration(id=uuid4(), name="D", family="canvas", issuer="https://l.example", created_at=now())
        course = Course(
            id=self.course_id,
            registration_id=registration.id,
            lti_context_id="c",
            title="Biology & Chemistry\r\nBcc: evil@example.org",
            label="B",
            created_at=now(),
        )
        with transaction() as session:
            session.add(registration)
            session.flush()
            session.add(course)

    def set_up(self, url: str) -> None:
        tool = self.app.extensions["lti_tool"]
        settings = replace(tool.settings, smtp_url=url, mail_from="LTI Groups <groups@example.edu>")
        self.tool = self.app.extensions["lti_tool"] = replace(tool, settings=settings)

    def member(self, name: str, email: str | None, **values: Any) -> UUID:
        key = uuid4()
        fixed = {"status": "active", "enrollment_type": "student", "source": "lms", "created_at": now()}
        with transaction() as session:
            session.add(
                RosterMember(
                    **{"id": key, "course_id": self.course_id, "name": name, "email": email, **fixed, **values}
                )
            )
        return key

    def tell(self, *people: UUID, kind: str = "invited", **facts: str) -> None:
        with transaction():
            tell(
                self.course_id,
                people,
                kind,
                **{"person": "Bo <b>", "group": "moss & fern", "assignment": "A1", **facts},
            )

    def send(self) -> int:
        return mails.send_waiting(self.tool)

    def states(self) -> list[tuple[str, int]]:
        db.session.rollback()
        rows = db.session.execute(select(Notice.mail_state, Notice.mail_tries).order_by(Notice.created_at, Notice.id))
        return [(state, tries) for state, tries in rows]

    def later(self, by: timedelta, **values: Any) -> None:
        """Let time pass for every notice that was tried."""
        with transaction() as session:
            values = values or {"mail_tried_at": now() - by}
            session.execute(update(Notice).values(**values))


@pytest.fixture
def posted(app_on_both: Flask, server: MailServer) -> Posted:
    return Posted(app_on_both, server.url)


def test_what_waits_goes_out_in_one_plain_letter_to_each(posted: Posted, server: MailServer) -> None:
    ana, bo = posted.member("Ana", "ana@students.example"), posted.member("Bo", "bo@students.example")
    posted.tell(ana, bo)
    posted.tell(ana, kind="valid")
    assert posted.send() == 2
    assert posted.states() == [("sent", 1)] * 3
    assert posted.send() == 0
    assert sorted(letter["To"] for letter in server.letters) == ["ana@students.example", "bo@students.example"]
    letter = next(one for one in server.letters if one["To"].startswith("ana"))
    text = letter.get_content()
    assert letter.get_content_type() == "text/plain"
    assert "Bo <b> invites you to the group “moss & fern” for “A1”." in text
    assert "Your teachers made the group “moss & fern” for “A1” valid." in text
    assert text.index("invites you") < text.index("made the group")
    assert "untick" in text
    assert "http" not in text


def test_a_courses_title_makes_no_header(posted: Posted, server: MailServer) -> None:
    posted.tell(posted.member("Ana", "ana@students.example"))
    posted.send()
    (letter,) = server.letters
    assert letter["Subject"] == "LTI Groups: news from Biology & Chemistry Bcc: evil@example.org"
    assert letter["Bcc"] is None
    assert letter["Auto-Submitted"] == "auto-generated"
    assert server.recipients == ["TO:<ana@students.example>"]


@pytest.mark.parametrize(
    ("email", "values"),
    [
        ("ana@students.example", {"status": "dropped"}),
        ("ana@students.example", {"status": "incomplete"}),
        ("ana@students.example", {"wants_mail": False}),
        (None, {}),
        ("", {}),
        ("ana@students.example\r\nBcc: evil@example.org", {}),
        ("ana@students.example, evil@example.org", {}),
        ("ana@students.example> <evil@example.org", {}),
    ],
)
def test_who_is_gone_or_wants_none_or_has_no_address_gets_none(
    posted: Posted, server: MailServer, email: str | None, values: dict[str, Any]
) -> None:
    posted.tell(posted.member("Ana", email, **values))
    assert posted.send() == 0
    assert posted.states() == [("none", 0)]
    assert server.letters == []


def test_what_was_read_meanwhile_is_not_mailed(posted: Posted, server: MailServer) -> None:
    posted.tell(posted.member("Ana", "ana@students.example"))
    posted.later(timedelta(), read_at=now())
    assert posted.send() == 0
    assert posted.states() == [("none", 0)]


def test_without_a_mail_server_nothing_waits(posted: Posted) -> None:
    posted.set_up("")
    posted.tell(posted.member("Ana", "ana@students.example"))
    assert posted.states() == [("none", 0)]
    assert posted.send() == 0


def test_a_letter_that_is_put_off_is_tried_again_and_given_up_at_last(posted: Posted, server: MailServer) -> None:
    posted.tell(posted.member("Ana", "ana@students.example"))
    server.rcpt_answer = "451 later"
    for tries in range(1, mails.MAX_TRIES):
        assert posted.send() == 0
        assert posted.states() == [("waiting", tries)]
        assert posted.send() == 0
        assert posted.states() == [("waiting", tries)], "not before its time"
        posted.later(mails.RETRY_AFTER * 2)
    posted.send()
    assert posted.states() == [("failed", mails.MAX_TRIES)]
    server.rcpt_answer = "250 ok"
    posted.later(mails.RETRY_AFTER * 2)
    assert posted.send() == 0


@pytest.mark.parametrize("where", ["rcpt_answer", "data_answer"])
def test_a_refused_letter_fails_at_once_and_the_next_ones_go_out(
    posted: Posted, server: MailServer, where: str
) -> None:
    setattr(server, where, "550 unknown")
    posted.tell(posted.member("Ana", "ana@students.example"))
    posted.send()
    assert posted.states() == [("failed", 1)]


def test_a_lost_connection_leaves_the_rest_untouched(posted: Posted, server: MailServer) -> None:
    posted.tell(posted.member("Ana", "ana@students.example"), posted.member("Bo", "bo@students.example"))
    server.breaks_off = True
    assert posted.send() == 0
    assert sorted(posted.states()) == [("waiting", 0), ("waiting", 1)]
    server.breaks_off = False
    assert posted.send() == 1


def test_a_server_that_is_away_costs_no_try_and_its_reason_has_no_password(
    posted: Posted, server: MailServer, capsys: pytest.CaptureFixture[str]
) -> None:
    url = server.secured("groups", "geheim")
    posted.tell(posted.member("Ana", "ana@students.example"))
    posted.set_up(url.replace("geheim", "falsch-77"))
    assert posted.send() == 0
    assert posted.states() == [("waiting", 0)]
    assert not any("rcpt" in command.lower() for command in server.commands)
    said = capsys.readouterr()
    assert "falsch-77" not in said.out + said.err
    assert "ana@" not in said.out + said.err
    posted.later(timedelta(), created_at=now() - mails.TOO_OLD * 2)
    posted.set_up(url)
    assert posted.send() == 0, "what is old is no news"
    assert posted.states() == [("failed", 0)]
    posted.tell(posted.member("Bo", "bo@students.example"))
    assert posted.send() == 1


def test_what_a_killed_worker_held_is_sent_once_more_and_no_more(posted: Posted, server: MailServer) -> None:
    ana = posted.member("Ana", "ana@students.example")
    posted.tell(ana)
    for again in (True, False):
        assert mails._take(ana)[1] is not None  # and there the worker dies
        assert posted.send() == 0
        posted.later(mails.STALE_AFTER * 2)
        mails._give_up_or_back()
        assert posted.states() == [("waiting", 1) if again else ("failed", 2)]
    assert posted.send() == 0
    assert server.letters == []


def test_many_workers_at_once_send_each_letter_once(posted: Posted, server: MailServer) -> None:
    people = [posted.member(f"P{number}", f"p{number}@students.example") for number in range(12)]
    posted.tell(*people)
    posted.tell(*people, kind="valid")
    db.session.rollback()
    started = threading.Barrier(4)

    def work() -> None:
        with posted.app.app_context():
            started.wait()
            mails.send_waiting(posted.tool)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert posted.states() == [("sent", 1)] * 24
    assert sorted(letter["To"] for letter in server.letters) == sorted(f"p{n}@students.example" for n in range(12))


def test_unknown_facts_and_kinds_still_make_a_sentence(posted: Posted, server: MailServer) -> None:
    ana = posted.member("Ana", "ana@students.example")
    with transaction():
        tell(posted.course_id, [ana], "something new")
        tell(posted.course_id, [ana], "deadline", assignment="A1", task="answer", due=now().isoformat())
    assert posted.send() == 1
    assert "Something changed in your group." in server.letters[0].get_content()
    assert "UTC" in server.letters[0].get_content()
    assert json.loads(db.session.scalars(select(Notice.facts)).first() or "") is not None


@pytest.mark.parametrize("subject", ["a\r\nBcc: x@y.z", "a\nb", "a\x00b", "a\u2028b", "x" * 900])
def test_a_subject_is_one_line_whatever_it_is_made_of(subject: str) -> None:
    message = write(Letter("a@b.example", subject, "text"), "groups@example.edu")
    assert set(message.keys()) >= {"From", "To", "Subject", "Date", "Message-ID"}
    assert "Bcc" not in message
    assert len(message["Subject"].splitlines()) == 1


@pytest.mark.parametrize("text", ["a@b.example ", "ä@b.example", "a+b@b.example", "o'neil@b.example"])
def test_plain_addresses_are_taken(text: str) -> None:
    assert clean_address(text) == text.strip()
