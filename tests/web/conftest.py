"""A course with people and sets, an LMS that plays along, and a browser that checks every page it is answered."""

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import html5lib
import pytest
from bs4 import BeautifulSoup
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import event, select
from werkzeug.test import TestResponse

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LmsChanged, LmsError
from lti_tool.domain.gateway import Capabilities, NameClashes, Right
from lti_tool.domain.group_push import GroupSetPush, require_unrenamed
from lti_tool.domain.remote import NO_OPTIONS, RemoteCourse, RemoteGroup, RemoteGroups, RemoteGroupSet, SetOptions
from lti_tool.domain.roster import RemoteRoster
from lti_tool.lti.session import SESSION_COOKIE
from lti_tool.lti.state import digest
from lti_tool.models import (
    BrowserSession,
    Course,
    CourseAccess,
    Group,
    GroupMembership,
    GroupSet,
    GroupSetEntry,
    Publication,
    Registration,
    RosterMember,
    SyncRun,
    db,
)
from lti_tool.services import asked_rights, gateways, tokens
from lti_tool.services.access import Visitor
from lti_tool.web.access import csrf_token

VOID_CHECKS = "style, script:not([src]), [style], [onclick], [onload], [onchange], [onsubmit], [hx-on]"


def check_part(html: str, where: str) -> BeautifulSoup:
    """Hold a page or a fragment to what is true of both."""
    soup = BeautifulSoup(html, "html.parser")
    doubled = [name for name, count in Counter(tag["id"] for tag in soup.select("[id]")).items() if count > 1]
    assert not doubled, f"{where}: ids used twice: {doubled}"
    assert not soup.select(VOID_CHECKS), f"{where}: inline script or style"
    names = {name for tag in soup.find_all(True) for name in tag.attrs}
    assert not [name for name in names if name.startswith(("on", "hx-on"))], f"{where}: inline handlers"
    for tag in soup.select("form[method=post]:not([action^='http'])"):  # to the LMS goes no token of ours
        assert tag.select_one("input[name=csrf_token][value]"), f"{where}: a form without its token"
    for control in soup.select("input:not([type=hidden]), select, textarea, progress"):
        labelled = (
            control.get("aria-label")
            or control.find_parent("label")
            or soup.select_one(f'label[for="{control.get("id")}"]')
        )
        assert labelled, f"{where}: a control without a label: {control}"
    assert not soup.select("a[download]"), (
        f"{where}: in a frame Chromium saves such a link without the session's cookie"
    )
    for button in soup.select("button, a"):
        assert button.get_text(strip=True) or button.get("aria-label"), f"{where}: a nameless button or link"
    for name in ("aria-labelledby", "aria-describedby"):
        for tag in soup.select(f"[{name}]"):
            for target in tag[name].split():
                assert soup.find(id=target), f"{where}: {name} names nothing: {target}"
    return soup


def check_page(response: TestResponse, where: str) -> BeautifulSoup:
    """Hold a whole page to the house's rules."""
    html = response.text
    html5lib.HTMLParser(strict=True).parse(html)
    soup = check_part(html, where)
    assert soup.select_one("html[lang=en]"), where
    assert len(soup.select("h1")) == 1, f"{where}: {len(soup.select('h1'))} first headings"
    title = " ".join(soup.title.get_text().split()) if soup.title else ""
    assert re.fullmatch(r".+ · LTI Groups", title), f"{where}: a title that does not name the page: {title}"
    policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy, where
    assert "unsafe" not in policy, where
    levels = [int(tag.name[1]) for tag in soup.select("h1, h2, h3, h4")]
    jumps = [(a, b) for a, b in itertools.pairwise(levels) if b > a + 1]
    assert not jumps, f"{where}: headings jump {jumps}"
    return soup


@dataclass
class Browser:
    """One person's browser: sends the token of its session, and checks every page."""

    client: FlaskClient
    course_id: UUID
    token: str

    def address(self, path: str) -> str:
        return path if path.startswith("/") else f"/courses/{self.course_id}/{path}"

    def get(self, path: str, status: int = 200, **more: Any) -> BeautifulSoup:
        return self._checked(self.client.get(self.address(path), **more), status, path)

    def post(
        self,
        path: str,
        status: int = 303,
        headers: dict[str, str] | None = None,
        fields: dict[str, Any] | None = None,
        **data: Any,
    ) -> Any:
        """Send a form; give the next page's address for a 303, else the page. `fields` are more of its data."""
        sent = {"csrf_token": self.token, **data, **(fields or {})}
        response = self.client.post(self.address(path), data=sent, headers=headers)
        if response.status_code in (302, 303) and status == response.status_code:
            return response.headers["Location"]
        return self._checked(response, status, path)

    def follow(self, path: str, **data: Any) -> BeautifulSoup:
        """Send a form and open the page that it leads to."""
        return self.get(self.post(path, **data))

    def fragment(self, path: str, status: int = 200) -> tuple[BeautifulSoup, TestResponse]:
        response = self.client.get(self.address(path), headers={"HX-Request": "true"})
        assert response.status_code == status
        assert "<html" not in response.text
        return check_part(response.text, path), response

    def part(self, path: str, **data: Any) -> BeautifulSoup:
        """Send a form as htmx does; give the part of the page that it is answered."""
        sent = {"csrf_token": self.token, **data}
        response = self.client.post(self.address(path), data=sent, headers={"HX-Request": "true"})
        assert response.status_code == 200
        assert "<html" not in response.text
        return check_part(response.text, path)

    def _checked(self, response: TestResponse, status: int, where: str) -> BeautifulSoup:
        assert response.status_code == status, f"{where}: {response.status_code} {response.text[:2000]}"
        return check_page(response, where)


@dataclass
class PlayedLms:
    """An LMS in memory: takes what is pushed, unless `error` says otherwise."""

    error: LmsError | None = None
    closed: LmsError | None = None  # raised when the gateway is opened
    refused_people: set[str] = field(default_factory=set)
    sets: dict[str, str] = field(default_factory=dict)
    options: dict[str, SetOptions] = field(default_factory=dict)
    groups: dict[str, dict[str, RemoteGroup]] = field(default_factory=dict)
    clashes: NameClashes = field(default_factory=NameClashes)
    calls: int = 0
    has_written: bool = True  # as far as anybody knows
    pushes: list[GroupSetPush] = field(default_factory=list)
    missing: dict[Right, str] = field(default_factory=dict)
    unproven: bool = False  # its answers to a push do not prove that people left

    def _call(self) -> None:
        self.calls += 1
        if self.error:
            raise self.error

    def capabilities(self) -> Capabilities:
        self._call()
        return Capabilities(frozenset(Right) - self.missing.keys(), self.missing)

    def pull(self, *, roster: bool, groups: bool, progress: Any = None, **known: Any) -> RemoteCourse:
        self._call()
        return RemoteCourse(RemoteRoster(()) if roster else None, RemoteGroups() if groups else None)

    def create_group_set(self, name: str, options: SetOptions = NO_OPTIONS) -> str:
        self._call()
        set_id = f"set-{len(self.sets) + 1}"
        self.sets[set_id] = name
        self.options[set_id] = options
        self.groups[set_id] = {}
        return set_id

    def edit_group_set(
        self,
        lms_group_set_id: str,
        name: str | None,
        options: SetOptions = NO_OPTIONS,
        name_before: str | None = None,
    ) -> str:
        self._call()
        require_unrenamed(self.sets[lms_group_set_id], name_before, name)
        if name is not None:
            self.sets[lms_group_set_id] = name
        self.options[lms_group_set_id] = options
        return self.sets[lms_group_set_id]

    def assign_unassigned(self, lms_group_set_id: str, progress: Any = None) -> RemoteGroups:
        self._call()
        return RemoteGroups((), tuple(self.groups.get(lms_group_set_id, {}).values()))

    def delete_group_set(self, lms_group_set_id: str, lms_group_ids: tuple[str, ...]) -> None:
        self._call()
        self.sets.pop(lms_group_set_id, None)
        self.groups.pop(lms_group_set_id, None)

    def push(self, lms_group_set_id: str, push: GroupSetPush, progress: Any = None) -> RemoteGroups:
        self._call()
        self.pushes.append(push)
        held = self.groups.setdefault(lms_group_set_id, {})
        for new in push.create:
            group_id = f"group-{uuid4().hex[:8]}"
            taken = tuple(person for person in new.member_ids if person not in self.refused_people)
            held[group_id] = RemoteGroup(group_id, new.name, new.description, taken)
        for change in push.change:
            before = held[change.lms_group_id]
            require_unrenamed(before.name, change.name_before, change.name)
            people = (set(before.member_ids) - set(change.remove)) | (set(change.add) - self.refused_people)
            text = before.description if change.description is None else change.description
            held[change.lms_group_id] = RemoteGroup(
                change.lms_group_id, change.name or before.name, text, tuple(sorted(people))
            )
        for gone in push.delete:
            held.pop(gone, None)
        return RemoteGroups(groups=tuple(held.values()), unproven=self.unproven)

    def read_group_set(self, lms_group_set_id: str, known_empty: Any = ()) -> RemoteGroups:
        self._call()
        if lms_group_set_id not in self.sets and lms_group_set_id not in self.groups:
            raise LmsChanged("set_gone", lms_group_set_id=lms_group_set_id)
        held = self.groups.get(lms_group_set_id, {})
        found = RemoteGroupSet(lms_group_set_id, self.sets.get(lms_group_set_id, "Labs"), tuple(held))
        return RemoteGroups((found,), tuple(held.values()))

    def find_clashes(self, set_name: str, group_names: Any) -> NameClashes:
        self._call()
        return self.clashes

    def members(self, name: str) -> set[str]:
        """Return who is in the LMS's group of that name."""
        return {
            p
            for held in self.groups.values()
            for group in held.values()
            if group.name == name
            for p in group.member_ids
        }


@dataclass
class World:
    """A course to act in; every method stores rows and gives their ids."""

    app: Flask
    registration_id: UUID = field(default_factory=uuid4)
    course_id: UUID = field(default_factory=uuid4)
    names: dict[str, UUID] = field(default_factory=dict)

    def open_course(self, title: str = "Biology 101", family: str = "canvas") -> "World":
        self._add(
            Registration(
                id=self.registration_id, name="Demo", family=family, issuer="https://lms.example", created_at=now()
            ),
            Course(
                id=self.course_id,
                registration_id=self.registration_id,
                lti_context_id=uuid4().hex,
                title=title,
                label="BIO",
                created_at=now(),
            ),
        )
        return self

    def member(self, name: str, **values: Any) -> UUID:
        key = uuid4()
        row = RosterMember(
            **{
                "id": key,
                "course_id": self.course_id,
                "name": name,
                "email": f"{name.split(maxsplit=1)[0].lower()}@students.example",
                "student_number": f"s{len(self.names):04}",
                "status": "active",
                "enrollment_display": None,
                "enrollment_type": "student",
                "source": "lms",
                "lms_user_id": f"u-{name}",
                "created_at": now(),
                **values,
            }
        )
        self._add(row)
        self.names[name] = key
        return key

    def group_set(self, name: str, groups: dict[str, list[UUID]] | None = None, **values: Any) -> UUID:
        key = uuid4()
        lms = values.get("connection") in ("canvas", "moodle")
        rows: list[Any] = [
            GroupSet(
                **{
                    "id": key,
                    "course_id": self.course_id,
                    "name": name,
                    "connection": None,
                    "lms_group_set_id": uuid4().hex if lms else None,
                    "position": len(self.names),
                    "created_at": now(),
                    **values,
                }
            )
        ]
        for place, (title, people) in enumerate((groups or {}).items()):
            self.names[title] = uuid4()
            rows.append(
                Group(
                    id=self.names[title],
                    course_id=self.course_id,
                    name=title,
                    origin="lms" if lms else "system" if values.get("connection") == "system" else "local",
                    created_at=now(),
                )
            )
            rows.append(GroupSetEntry(group_set_id=key, group_id=self.names[title], position=place))
            rows += [
                GroupMembership(group_id=self.names[title], member_id=person, position=p)
                for p, person in enumerate(people)
            ]
        self._add(*rows)
        return key

    def run(self, kind: str, state: str = "succeeded", **values: Any) -> UUID:
        key = uuid4()
        self._add(
            SyncRun(
                **{
                    "id": key,
                    "course_id": self.course_id,
                    "kind": kind,
                    "state": state,
                    "step": "done",
                    "created_at": now(),
                    "heartbeat_at": now(),
                    "finished_at": now() if state in ("succeeded", "failed") else None,
                    **values,
                }
            )
        )
        if kind in ("pull", "groups") and state == "succeeded":
            with self.app.app_context():
                db.session.get_one(Course, self.course_id).groups_synced_at = now()
                db.session.commit()
        return key

    def browser(
        self,
        enrollment_type: str | None = "teacher",
        *,
        name: str = "Tina Teacher",
        member: UUID | None = None,
        manages: bool | None = None,
        launched: bool = True,
        administers: bool = False,
    ) -> Browser:
        """Sign a person in, as their launch into this course would have."""
        user, secret = uuid4().hex, uuid4().hex
        rows: list[Any] = [
            BrowserSession(
                token_hash=digest(secret),
                nonce_hash=digest(f"nonce of {secret}"),
                registration_id=self.registration_id,
                lti_user_id=user,
                frame_origins="https://lms.example",
                is_administrator=administers,
                created_at=now(),
                expires_at=now() + timedelta(hours=1),
            )
        ]
        if launched:
            rows.append(
                CourseAccess(
                    course_id=self.course_id,
                    lti_user_id=user,
                    member_id=member,
                    name=name,
                    enrollment_type=enrollment_type,
                    may_manage_groups=manages,
                    is_administrator=False,
                    launched_at=now(),
                )
            )
        self._add(*rows)
        client = self.app.test_client()
        client.set_cookie(SESSION_COOKIE, secret)
        with self.app.test_request_context():
            g.visitor = Visitor(digest(secret), self.registration_id, user, ())
            token = csrf_token()
        return Browser(client, self.course_id, token)

    def store_token(self) -> None:
        """Give the tool an access of its own to the LMS."""
        with self.app.app_context():
            tokens.set_service_token(self.app.extensions["lti_tool"].settings, self.registration_id, "token")

    def allow_writing(self, problem: str | None = None) -> None:
        """Let the LMS have said what the tool's own access may; `problem`: why it may not write groups."""
        self.store_token()
        with self.app.app_context():
            asked_rights.store_answer(self.course_id, None, problem)
            db.session.get_one(Course, self.course_id).roster_refreshed_at = now()  # people's rights are asked too
            db.session.commit()

    def people_in(self, group: str) -> set[UUID]:
        """Return who is stored in a group."""
        with self.app.app_context():
            query = select(GroupMembership.member_id).where(GroupMembership.group_id == self.names[group])
            return set(db.session.scalars(query))

    def publication(self, set_id: UUID) -> Publication | None:
        with self.app.app_context():
            return db.session.scalar(select(Publication).where(Publication.group_set_id == set_id))

    def stored(self, row: type[Any], **values: Any) -> list[Any]:
        """Return the rows of a kind that have these values."""
        with self.app.app_context():
            return list(db.session.scalars(select(row).filter_by(**values)))

    def _add(self, *rows: Any) -> None:
        with self.app.app_context():
            for row in rows:
                db.session.add(row)
                db.session.flush()
            db.session.commit()


@pytest.fixture
def world(app: Flask) -> World:
    """An open Canvas course without people."""
    return World(app).open_course()


@pytest.fixture
def lms(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> PlayedLms:
    """An LMS that the course's groups can be sent to; the test's course has the tool's own access to it."""
    played = PlayedLms()
    if "world" in request.fixturenames:
        request.getfixturevalue("world").store_token()

    def open_gateway(*_: Any, **__: Any) -> PlayedLms:
        if played.closed:
            raise played.closed
        return played

    monkeypatch.setattr(gateways, "open_gateway", open_gateway)
    return played


@pytest.fixture
def count_queries(app: Flask) -> Iterator[Callable[[], int]]:
    """Count the statements sent to the database since the last call."""
    statements: list[str] = []

    def note(_c: Any, _cur: Any, statement: str, *_: Any) -> None:
        if not re.match(r"(BEGIN|PRAGMA|SAVEPOINT|RELEASE)", statement):
            statements.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)

    def counted() -> int:
        found = len(statements)
        statements.clear()
        return found

    yield counted
    event.remove(engine, "before_cursor_execute", note)
