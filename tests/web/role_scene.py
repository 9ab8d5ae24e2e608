"""A course with one of everything and everybody in a browser of their own, put back after each act that was allowed."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

from flask import Flask
from sqlalchemy import event

from lti_tool.domain.clock import now
from lti_tool.models import (
    Assignment,
    CourseAccess,
    GroupDocument,
    Grouping,
    GroupingMembership,
    GroupInvite,
    ImportDraft,
    JoinRequest,
    LinkTarget,
    LmsChange,
    PlacingRequest,
    Publication,
    Registration,
    db,
)
from tests.web.conftest import Browser, World
from tests.web.teamwork import Team

BROWSERS = {
    "creator": "cara",
    "admin": "adam",
    "editor": "edi",
    "member": "mia",
    "outsider": "otto",
    "former": "fritz",
    "rival": "olga",
    "staff": "teacher",
    "assistant": "assistant",
    "ta": "ta",
    "observer": "observer",
}
SEATS = {"Cara": "inviter", "Adam": "accepted", "Edi": "accepted", "Mia": "accepted", "Otto": "pending"}


class Scene(Team):
    """A team with a link, a request and a document; an assignment with its groups; and what the other pages are about.

    `Fritz` was in the team once, and refused to come into the group of the assignment; `Otto` is invited there.
    """

    def __init__(self, app: Flask) -> None:
        world = World(app).open_course()
        super().__init__(world)
        self.app = app
        self.browsers["assistant"] = world.browser("ta", name="Assistant", manages=True)
        self.people: dict[str, Browser] = {person: getattr(self, name) for person, name in BROWSERS.items()}
        self.stranger = _stranger(app)
        self.link, self.request, self.document = uuid4(), uuid4(), uuid4()
        self.access = world.stored(CourseAccess, name="Teacher")[0].id
        self._add_doors()
        self._add_assignments()
        self._add_rest()
        self._add_links()
        world.allow_writing()
        with app.app_context():
            self._path = db.engine.url.database
            self._writes = _Writes(db.engine)
        self._kept = sqlite3.connect(":memory:", check_same_thread=False)
        with self._file() as file:
            file.backup(self._kept)

    def _add_doors(self) -> None:
        asker = self.world.member("Rita Doe")
        values = {"name": "plan.pdf", "media_type": "application/pdf", "size": 1, "author_name": "Somebody"}
        key = f"20260101T000000-{self.document.hex}"
        self.world._add(
            GroupInvite(id=uuid4(), group_id=self.id, created_by=self.access, created_at=now(), invite_token=self.link),
            GroupDocument(id=self.document, group_id=self.id, storage_key=key, created_at=now(), **values),
            JoinRequest(id=self.request, group_id=self.id, member_id=asker, state="waiting", created_at=now()),
        )
        (self.invite_row,) = self.world.stored(GroupInvite, invite_token=self.link)

    def _add_assignments(self) -> None:
        """Add an assignment with a group that is not valid yet, another group, and an assignment without any."""
        world = self.world
        people = [self.ids[name] for name, status in SEATS.items() if status in ("inviter", "accepted")]
        works = world.group_set("A1 groups", {"formed": people, "second": []})
        self.assignment, self.later, self.grouping, self.other = (uuid4() for _ in range(4))
        fixed = {"course_id": world.course_id, "formed_by": "students", "created_at": now()}
        world._add(
            Assignment(id=self.assignment, name="A1", group_set_id=works, min_size=9, **fixed),
            Assignment(id=self.later, name="A2", group_set_id=world.group_set("A2 groups"), min_size=1, **fixed),
        )
        for key, name in ((self.grouping, "formed"), (self.other, "second")):
            row = {"id": key, "assignment_id": self.assignment, "group_id": world.names[name], "group_name": name}
            world._add(Grouping(**row, created_at=now()))
        seat = {
            "grouping_id": self.grouping,
            "assignment_id": self.assignment,
            "created_at": now(),
            "changed_at": now(),
        }
        for name, status in {**SEATS, "Fritz": "rejected"}.items():
            world._add(GroupingMembership(member_id=self.ids[name], status=status, **seat))

    def _add_rest(self) -> None:
        world = self.world
        self.connected = world.group_set("Labs", {"Lab A": [self.ids["Olga"]]}, connection="canvas")
        self.mirrored = world.group_set("Mirrored")
        mirror = {"name": "Mirrored", "lms_group_set_id": "set-9", "state": "sent", "created_at": now()}
        world._add(Publication(group_set_id=self.mirrored, **mirror))
        self.run_id, self.change_id = world.run("pull"), uuid4()
        self.drafts = {kind: uuid4() for kind in ("groups", "reimport", "roster")}
        self.gone = world.member("Gone Doe", status="dropped")
        change = {"kind": "delete_set", "about": "Labs", "intent": '{"group_ids": []}', "state": "refused"}
        draft = {"course_id": world.course_id, "access_id": self.access, "filename": "a.csv", "created_at": now()}
        names = "group_name,email\nnew,ana@students.example\n"
        world._add(
            LmsChange(
                id=self.change_id, course_id=world.course_id, group_set_id=self.connected, created_at=now(), **change
            ),
            ImportDraft(id=self.drafts["groups"], kind="groups", content=names, **draft),
            ImportDraft(id=self.drafts["reimport"], kind="groups", content=names, group_set_id=self.set_id, **draft),
            ImportDraft(id=self.drafts["roster"], kind="roster", content="name,email\nNew,new@x.example\n", **draft),
        )

    def _add_links(self) -> None:
        """Let the staff be asked for links by the platform, and connect one of a course that this one is a copy of."""
        self.placing, self.copied = uuid4(), uuid4()
        asked = {"nonce_hash": "n", "lms_deployment_id": "1", "return_url": "https://lms.example/back", "data": None}
        accepted = {"accept_multiple": False, "accepts_links": True, "created_at": now()}
        self.world._add(
            PlacingRequest(
                id=self.placing, access_id=self.access, expires_at=now() + timedelta(hours=1), **asked, **accepted
            ),
            LinkTarget(
                course_id=self.world.course_id, from_id=self.copied, assignment_id=self.assignment, created_at=now()
            ),
        )
        with self.app.app_context():
            platform = db.session.get_one(Registration, self.world.registration_id)
            platform.client_id, platform.auth_login_url = "c", "https://lms.example/auth"
            platform.auth_token_url, platform.key_set_url = "https://lms.example/token", "https://lms.example/keys"
            db.session.commit()

    def address(self, endpoint: str) -> str:
        """Return the address of a route, about what the course has."""
        of_lms = endpoint in ("group_sets.assign_unassigned", "group_sets.remove_group_set", "runs.refresh_group_set")
        mirrored = endpoint.startswith("drift.") or endpoint == "publication.unpublish_group_set"
        alone = endpoint in (
            "formation.start_grouping",
            "formation.work_alone",
            "groupings.create_individual_groupings",
        )
        person = {"formation.cancel_invitation": "Otto", "formation.clear_refusal": "Fritz"}.get(endpoint, "Mia")
        draft = {"imports.confirm_reimport": "reimport", "roster_files.confirm": "roster"}.get(endpoint, "groups")
        known = {
            "course_id": self.world.course_id,
            "group_id": self.id,
            "set_id": self.connected if of_lms else self.mirrored if mirrored else self.set_id,
            "member_id": self.gone if endpoint.startswith("members.") else self.ids[person],
            "invite_id": self.invite_row.id,
            "request_id": self.request,
            "token": self.link,
            "document_id": self.document,
            "assignment_id": self.later if alone else self.assignment,
            "grouping_id": self.grouping,
            "change_id": self.change_id,
            "run_id": self.run_id,
            "draft_id": self.drafts[draft],
            "kind": "roster",
            "key": "canvas",
            "placing_id": self.placing,
            "link_id": self.copied,
        }
        rule = next(self.app.url_map.iter_rules(endpoint))
        with self.app.test_request_context():
            return str(self.app.url_map.bind("").build(endpoint, {name: known[name] for name in rule.arguments}))

    def ask(self, person: str | None, method: str, endpoint: str, sent: dict[str, Any], *, token: bool = True) -> Any:
        """Send what a page would; `person` None: without a session."""
        browser = self.people.get(person or "")
        client = browser.client if browser else self.app.test_client()
        data = {"csrf_token": browser.token, **sent} if browser and token else sent
        given = {"data": data} if method == "POST" else {"query_string": sent}
        return client.open(self.address(endpoint), method=method, headers={"Accept": "application/json"}, **given)

    @contextmanager
    def nothing_written(self) -> Iterator[None]:
        """Hold the block to changing nothing in the database."""
        self._writes.committed.clear()
        yield
        assert not self._writes.committed

    def put_back(self) -> None:
        """Make the database what it was at first, if anything was written."""
        if not self._writes.committed:
            return
        with self.app.app_context():
            db.session.remove()
        with self._file() as file:
            self._kept.backup(file)
        self._writes.committed.clear()

    @contextmanager
    def _file(self) -> Iterator[sqlite3.Connection]:
        file = sqlite3.connect(str(self._path), timeout=15)
        try:
            yield file
        finally:
            file.close()


class _Writes:
    """The statements that changed something and were committed."""

    def __init__(self, engine: Any) -> None:
        self.committed: list[str] = []
        self._open: list[str] = []
        event.listen(engine, "before_cursor_execute", self._note)
        event.listen(engine, "commit", lambda _: self._end(kept=True))
        event.listen(engine, "rollback", lambda _: self._end(kept=False))

    def _note(self, _c: Any, _cur: Any, statement: str, *_: Any) -> None:
        if re.match(r"\s*(INSERT|UPDATE|DELETE)", statement):
            self._open.append(statement)

    def _end(self, *, kept: bool) -> None:
        if kept:
            self.committed += self._open
        self._open.clear()


def _stranger(app: Flask) -> Browser:
    """A student of another course, who may do everything in a group there."""
    other = World(app).open_course("Chemistry")
    member = other.member("Sven Doe")
    other.group_set("Teams", {"strangers": [member]}, signup="join")
    return other.browser("student", name="Sven Doe", member=member)
