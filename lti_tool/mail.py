"""Sends e-mail by SMTP: one letter to one person, with time-outs, and nothing secret in any error."""

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from enum import StrEnum
from urllib.parse import unquote, urlsplit

SECONDS = 20
SUBJECT_LENGTH = 200


class MailUnavailableError(Exception):
    """The mail server cannot be reached or does not let us in; the text is a reason without anything secret."""


class Outcome(StrEnum):
    """What the mail server said to a letter."""

    SENT = "sent"
    LATER = "later"
    REFUSED = "refused"


@dataclass(frozen=True)
class Letter:
    """One message to one person, as plain text."""

    to: str
    subject: str
    text: str


def clean_address(text: str | None) -> str | None:
    """Return an address that a letter can go to, None for anything that is not exactly one plain address."""
    plain = (text or "").strip()
    fits = re.fullmatch(r"[^\s@,;:<>()\[\]\\\"]+@[^\s@,;:<>()\[\]\\\"]+", plain)
    return plain if fits and plain.isprintable() else None


class Post:
    """An open connection to the mail server."""

    def __init__(self, server: smtplib.SMTP, sender: str) -> None:
        self._server = server
        self._sender = sender

    def send(self, letter: Letter) -> Outcome:
        """Send one letter; raise MailUnavailableError when the connection is lost (RFC 5321, 4.2.1 for the answers)."""
        try:
            self._server.send_message(write(letter, self._sender), parseaddr(self._sender)[1], [letter.to])
        except smtplib.SMTPRecipientsRefused as error:
            return _by_code(max(code for code, _ in error.recipients.values()))
        except smtplib.SMTPResponseException as error:
            return _by_code(error.smtp_code)
        except (smtplib.SMTPNotSupportedError, ValueError):
            return Outcome.REFUSED  # letters that this server cannot take
        except (smtplib.SMTPException, OSError) as error:
            raise MailUnavailableError(type(error).__name__) from None
        return Outcome.SENT


@contextmanager
def open_post(url: str, sender: str) -> Iterator[Post]:
    """Connect to the mail server of the settings and log in; raise MailUnavailableError."""
    try:
        server = _connect(url, parseaddr(sender)[1].rpartition("@")[2])
    except smtplib.SMTPResponseException as error:
        raise MailUnavailableError(f"{type(error).__name__} {error.smtp_code}") from None
    except (smtplib.SMTPException, OSError) as error:
        raise MailUnavailableError(type(error).__name__) from None
    try:
        yield Post(server, sender)
    finally:
        _leave(server)


def write(letter: Letter, sender: str) -> EmailMessage:
    """Return the message of a letter; what stands in a header is one line, whatever it was made from (RFC 5322)."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = letter.to
    message["Subject"] = " ".join("".join(c if c.isprintable() else " " for c in letter.subject).split())[
        :SUBJECT_LENGTH
    ]
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=parseaddr(sender)[1].rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday answer comes back
    message.set_content(letter.text)
    return message


def _connect(url: str, own_name: str) -> smtplib.SMTP:
    parts = urlsplit(url)
    host, context = parts.hostname or "", ssl.create_default_context()
    if parts.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            host, parts.port or 465, local_hostname=own_name, timeout=SECONDS, context=context
        )
    else:
        server = smtplib.SMTP(host, parts.port or 25, local_hostname=own_name, timeout=SECONDS)
    try:
        if parts.query == "starttls=1":
            server.starttls(context=context)
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        server.ehlo_or_helo_if_needed()
    except BaseException:
        server.close()
        raise
    return server


def _leave(server: smtplib.SMTP) -> None:
    try:
        server.quit()
    except (smtplib.SMTPException, OSError):
        server.close()  # it left first


def _by_code(code: int) -> Outcome:
    return Outcome.REFUSED if code >= 500 else Outcome.LATER
