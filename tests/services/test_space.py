"""Messages and documents where several write at once, on both databases, and where the store or the commit fails."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import delete, func, select

from lti_tool.domain.clock import now
from lti_tool.domain.errors import Forbidden, NotFound, RuleViolation, StoreUnavailable
from lti_tool.domain.permissions import Actor
from lti_tool.domain.roles import EnrollmentType
from lti_tool.models import CourseAccess, Group, GroupDocument, GroupMembership, GroupMessage, Notice, db, transaction
from lti_tool.services import document_store, documents, messages
from lti_tool.services.access import CourseFacts, Viewer
from lti_tool.services.document_store import DocumentStore, new_key, open_store
from lti_tool.services.documents import Upload
from lti_tool.services.tool import Tool
from lti_tool.settings import Settings, SettingsError
from tests.services.test_together import at_once
from tests.web.conftest import World


class Team:
    """A group of people who write, each as a viewer."""

    def __init__(self, app: Flask, count: int = 4) -> None:
        self.app, self.world = app, World(app).open_course()
        people = [self.world.member(f"Person{n} Berg") for n in range(count)]
        self.world.group_set("Projects", {"Owls": people})
        self.group_id = self.world.names["Owls"]
        self.viewers = [self._viewer(member_id) for member_id in people]
        tool: Tool = app.extensions["lti_tool"]
        self.tool = replace(tool, settings=replace(tool.settings, upload_megabytes=1, group_megabytes=1))

    def _viewer(self, member_id: UUID) -> Viewer:
        row = CourseAccess(
            id=uuid4(),
            course_id=self.world.course_id,
            lti_user_id=str(member_id),
            member_id=member_id,
            name="Somebody",
            enrollment_type="student",
            is_administrator=False,
            launched_at=now(),
        )
        self.world._add(row)
        course = CourseFacts(self.world.course_id, "Course", "C", "canvas")
        return Viewer(row.id, row.name, course, Actor(EnrollmentType.STUDENT, member_id=member_id))

    def add(self, content: bytes, who: int = 0, key: UUID | None = None, name: str = "plan.pdf") -> UUID:
        upload = Upload(key or uuid4(), name, BytesIO(content))
        return documents.add_document(self.tool, self.viewers[who], self.group_id, upload)

    def kept(self) -> list[str]:
        """The keys in the store."""
        return sorted(self.tool.documents.keys_before(now() + timedelta(days=1)))

    def rows(self) -> list[str]:
        db.session.rollback()
        return sorted(db.session.scalars(select(GroupDocument.storage_key)))


@pytest.fixture
def team(app_on_both: Flask) -> Team:
    return Team(app_on_both)


def count(row: type[Any]) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(row)) or 0


def test_what_many_write_at_once_is_followed_without_a_gap(team: Team) -> None:
    def write(viewer: Viewer) -> Callable[[], None]:
        def work() -> None:
            for n in range(5):
                messages.post_message(viewer, team.group_id, uuid4(), f"{n}")

        return work

    seen: list[UUID] = []

    def follow() -> None:
        while len(seen) < 20:
            last = seen[-1] if seen else None
            seen.extend(m.row.id for m in messages.read_new_messages(team.group_id, last).messages)
            db.session.rollback()

    assert at_once(team.app, *(write(viewer) for viewer in team.viewers), follow) == ["done"] * 5
    assert count(GroupMessage) == len(set(seen)) == 20
    block = messages.read_messages(team.group_id)
    assert [m.row.id for m in block.messages] == seen
    times = [m.row.created_at for m in block.messages]
    assert len(set(times)) == 20
    unread = select(func.count()).where(Notice.read_at.is_(None)).group_by(Notice.member_id)
    assert max(db.session.scalars(unread)) == 1, "nobody has two that are unread"


def test_one_form_sent_at_once_is_one_message_and_one_file(team: Team) -> None:
    key = uuid4()

    def say() -> None:
        messages.post_message(team.viewers[0], team.group_id, key, "once")

    def bring() -> None:
        team.add(b"a plan", key=key)

    assert at_once(team.app, say, say, say, bring, bring, bring) == ["done"] * 6
    assert (count(GroupMessage), count(GroupDocument)) == (1, 1)
    assert team.kept() == team.rows()


def test_a_clock_that_goes_back_brings_no_message_before_another(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    first = messages.post_message(team.viewers[0], team.group_id, uuid4(), "first")
    monkeypatch.setattr(messages, "now", lambda: now() - timedelta(minutes=5))
    second = messages.post_message(team.viewers[1], team.group_id, uuid4(), "second")
    assert [m.row.id for m in messages.read_new_messages(team.group_id, first).messages] == [second]


def test_the_room_of_a_group_holds_when_all_upload_at_once(team: Team) -> None:
    half = b"x" * (400 * 1024)
    outcomes = at_once(team.app, *(lambda who=who: team.add(half, who) for who in range(4)))
    assert outcomes == ["documents_full", "documents_full", "done", "done"]
    assert len(team.kept()) == 2
    assert team.kept() == team.rows()


def test_who_is_taken_out_meanwhile_stores_nothing(team: Team) -> None:
    with transaction() as session:
        session.execute(delete(GroupMembership).where(GroupMembership.member_id == team.viewers[0].actor.member_id))
    with pytest.raises(Forbidden):
        messages.post_message(team.viewers[0], team.group_id, uuid4(), "too late")
    with pytest.raises(Forbidden):
        team.add(b"too late")
    assert (count(GroupMessage), count(GroupDocument), team.kept()) == (0, 0, [])


def test_a_group_that_is_deleted_meanwhile_takes_nothing(team: Team) -> None:
    with transaction() as session:
        session.execute(delete(Group).where(Group.id == team.group_id))
    with pytest.raises(NotFound):
        messages.post_message(team.viewers[0], team.group_id, uuid4(), "too late")
    with pytest.raises(NotFound):
        team.add(b"too late")
    assert team.kept() == []


def test_bytes_go_again_when_the_row_does_not_come(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the database is away")

    monkeypatch.setattr("lti_tool.services.history.note", broken)
    with pytest.raises(RuntimeError):
        team.add(b"a plan")
    assert (team.kept(), team.rows()) == ([], [])


def test_half_a_file_is_no_file(team: Team) -> None:
    class Torn(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell():
                raise OSError("torn")
            return super().read(3)

    with pytest.raises(StoreUnavailable):
        documents.add_document(team.tool, team.viewers[0], team.group_id, Upload(uuid4(), "a.pdf", Torn(b"a plan")))
    with pytest.raises(RuleViolation, match="document_too_large"):
        team.add(b"x" * (1024 * 1024 + 1))
    with pytest.raises(RuleViolation, match="document_empty"):
        team.add(b"")
    assert (team.kept(), team.rows()) == ([], [])


def test_what_the_store_keeps_back_is_deleted_later(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    document = team.add(b"a plan")
    other = team.add(b"another", name="other.pdf")
    with monkeypatch.context() as patch:
        patch.setattr(team.tool.documents._fs, "rm_file", lambda path: 1 / 0)
        documents.delete_document(team.tool.documents, team.viewers[0], team.group_id, document)
    assert [row.id for row in documents.list_documents(team.group_id)] == [other]
    assert len(team.kept()) == len(team.rows()) == 2
    documents.clear_documents(team.tool.documents)
    assert len(team.kept()) == 1
    assert team.kept() == team.rows()


def test_bytes_without_a_row_are_deleted_after_a_day(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    store = team.tool.documents
    with monkeypatch.context() as patch:
        patch.setattr(document_store, "now", lambda: now() - timedelta(hours=25))
        team.add(b"with a row")
        store.write(new_key(), BytesIO(b"left behind"), 100)
    young = new_key()
    store.write(young, BytesIO(b"on its way"), 100)
    foreign = team.tool.settings.data_dir / "documents" / "README"
    foreign.write_text("not ours")
    documents.clear_left_behind(store)
    assert team.kept() == sorted([*team.rows(), young])
    assert foreign.exists()


@pytest.fixture
def no_leftovers() -> Iterator[None]:
    import fsspec

    yield
    fsspec.filesystem("memory").store.clear()


def test_documents_can_be_kept_at_any_fsspec_url(
    team: Team, make_settings: Callable[..., Settings], no_leftovers: None
) -> None:
    team.tool = replace(team.tool, documents=open_store(make_settings(storage_url="memory://groups/documents")))
    document = team.add(b"a plan")
    found = documents.open_document(team.tool.documents, team.group_id, document)
    with found.content as content:
        assert content.read() == b"a plan"
    assert team.kept() == team.rows()
    documents.delete_document(team.tool.documents, team.viewers[0], team.group_id, document)
    assert (team.kept(), team.rows()) == ([], [])


@pytest.mark.parametrize("url", ["nonsense://here", "s3://bucket/documents"])
def test_a_place_that_cannot_be_reached_stops_the_start(make_settings: Callable[..., Settings], url: str) -> None:
    with pytest.raises(SettingsError, match="LTI_TOOL_STORAGE_URL"):
        open_store(make_settings(storage_url=url))


@pytest.mark.parametrize("key", ["../secret", "20260101T000000-x", "", f"20260101T000000-{'0' * 32}/../x"])
def test_a_key_is_never_a_path(team: Team, key: str) -> None:
    store: DocumentStore = team.tool.documents
    with pytest.raises(ValueError, match="no key"):
        store._path(key)
