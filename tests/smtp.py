"""A small mail server for tests: takes letters over a real connection, and refuses or breaks off as it is told."""

import base64
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class MailServer:
    """What the server took, whom it knows, and what it answers to a recipient, a letter and a password."""

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    rcpt_answer: str = "250 ok"
    data_answer: str = "250 taken"
    login: str | None = None  # base64 of \0user\0password; None: no login is offered
    breaks_off: bool = False  # takes the letter, and is gone before it says so

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def secured(self, user: str, password: str) -> str:
        self.login = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        return f"smtp://{user}:{password}@127.0.0.1:{self.port}"


class Talk(socketserver.StreamRequestHandler):
    """One connection (RFC 5321), as far as smtplib speaks it."""

    def handle(self) -> None:
        mail: MailServer = self.server.mail  # type: ignore[attr-defined]
        self.say("220 ready")
        while line := self.rfile.readline().decode().strip():
            mail.commands.append(line)
            verb, _, rest = line.partition(" ")
            if verb.upper() == "EHLO":
                self.say("250-here\r\n250 AUTH PLAIN" if mail.login else "250 here")
            elif verb.upper() == "AUTH":
                self.say("235 in" if rest == f"PLAIN {mail.login}" else "535 wrong")
            elif verb.lower() == "rcpt":
                mail.recipients.append(rest)
                self.say(mail.rcpt_answer)
            elif verb.lower() == "data":
                self.say("354 go on")
                mail.letters.append(message_from_bytes(self.letter(), policy=policy.default))
                if mail.breaks_off:
                    return
                self.say(mail.data_answer)
            else:
                self.say("221 bye" if verb.upper() == "QUIT" else "250 ok")
                if verb.upper() == "QUIT":
                    return

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def letter(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """Run a mail server on loopback."""
    mail = MailServer()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
        server.daemon_threads = True
        server.mail = mail  # type: ignore[attr-defined]
        mail.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield mail
        finally:
            server.shutdown()
            thread.join()
