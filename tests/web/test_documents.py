"""Documents of a group by its page: taken with care, handed out to members only, and harmless whatever they are."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import delete
from werkzeug.http import parse_options_header

from lti_tool.domain.clock import now
from lti_tool.domain.documents import MEGABYTE
from lti_tool.models import Group, GroupDocument, GroupMembership, HistoryEntry, db
from lti_tool.settings import Settings
from tests.conftest import Installations
from tests.web.conftest import World
from tests.web.group_space import Space


@pytest.fixture
def app(make_settings: Callable[..., Settings], installations: Installations) -> Flask:
    """An installation that lets groups keep little."""
    small = make_settings(upload_megabytes=1, group_megabytes=2, database_url=installations.url("sqlite"))
    return installations.opened(small)


@pytest.fixture
def space(world: World) -> Space:
    return Space(world)


def names(page: Any) -> list[str]:
    return [a.text for a in page.select(".documents li > a")]


def test_a_document_is_listed_and_comes_back_as_it_was(space: Space) -> None:
    content = bytes(range(256)) * 1000
    space.send(space.ana, "first.pdf", b"1", 303)
    document = space.upload(space.ana, "Plan für Montag.PDF", content)
    page = space.bo.get(space.at)
    assert names(page) == ["Plan für Montag.PDF", "first.pdf"]
    assert "256.0 kB" in page.select_one(".documents").text
    answer = space.download(space.bo, document)
    assert answer.data == content
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Length"] == str(len(content))
    kind, options = parse_options_header(answer.headers["Content-Disposition"])
    assert (kind, options["filename"]) == ("attachment", "Plan für Montag.PDF")
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_upload_leads_on_with_a_word(space: Space) -> None:
    page = space.ana.get(space.send(space.ana, "plan.pdf", b"1", 303))
    assert page.select_one("#notice").text.strip() == "The file is added."


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", b"<script>alert(document.cookie)</script>"),
        ("page.xhtml", b"<html xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script></html>"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("feed.xml", b"<?xml-stylesheet href='//evil.example'?><x/>"),
        ("code.js", b"alert(1)"),
        ("picture.png", b"<html><script>alert(1)</script>"),
        ("notes.txt", b"<html><script>alert(1)</script>"),
    ],
)
def test_what_a_browser_might_run_is_only_saved(space: Space, name: str, content: bytes) -> None:
    answer = space.download(space.bo, space.upload(space.ana, name, content))
    assert answer.data == content
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = answer.headers.get_all("Content-Security-Policy")
    assert policy == ["default-src 'none'; sandbox; frame-ancestors 'none'"]
    assert not any(word in answer.headers["Content-Type"] for word in ("html", "svg", "xml", "script"))


def test_the_senders_browser_does_not_say_what_a_file_is(space: Space) -> None:
    space.upload(space.ana, "a.pdf", b"<script>")  # sent as text/html
    (row,) = space.documents()
    assert row.media_type == "application/pdf"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("..\\..\\boot.txt", "boot.txt"),
        ("/absolute/path.txt", "path.txt"),
        ("a\x00b.txt", "ab.txt"),
        ("quo\"te's <b>.txt", "quo\"te's <b>.txt"),
        ("exe\u202etxt.pdf", "exetxt.pdf"),
        ("new\x0bline\x85break.txt", "newlinebreak.txt"),
        ("new%0D%0ASet-Cookie: a=b.txt", "new%0D%0ASet-Cookie: a=b.txt"),
        ("...hidden.txt", "hidden.txt"),
        ("%2e%2e%2fup.txt", "%2e%2e%2fup.txt"),
        ("קובץ.txt", "קובץ.txt"),
        (f"{'long' * 500}.pdf", f"{('long' * 500)[:146]}.pdf"),
    ],
)
def test_a_hostile_name_is_a_harmless_one(space: Space, name: str, kept: str) -> None:
    space.send(space.ana, name, b"1", 303)
    (row,) = space.documents()
    assert row.name == kept
    assert set(space.stored_bytes()) == {row.storage_key}
    page = space.ana.get(space.at)
    assert names(page) == [kept]
    assert not page.select(".documents b")
    space.ana.get(f"{space.at}/documents/{row.id}/delete")
    headers = space.download(space.ana, row.id).headers
    assert "Set-Cookie" not in headers
    assert headers["Content-Disposition"].startswith("attachment; filename=")
    assert not set("/\\\r\n") & set(parse_options_header(headers["Content-Disposition"])[1]["filename"])


@pytest.mark.parametrize(
    "name", ["virus.exe", "run.bat", "noending", ".pdf", "x.pdf.exe", "x.pdf\u200d", "macro.docm", "a."]
)
def test_a_kind_that_is_not_taken_is_refused_beside_its_field(space: Space, name: str) -> None:
    page = space.send(space.ana, name, b"1", 422)
    assert "not taken" in page.select_one("#file-error").text
    assert (space.documents(), space.stored_bytes()) == ([], {})


def test_no_file_and_an_empty_file_are_refused(space: Space) -> None:
    assert "Choose a file" in space.ana.post(f"{space.at}/documents", 422, file="text").select_one("#file-error").text
    assert "Choose a file" in space.ana.post(f"{space.at}/documents", 422).select_one("#file-error").text
    assert "nothing in it" in space.send(space.ana, "plan.pdf", b"", 422).select_one("#file-error").text
    assert (space.documents(), space.stored_bytes()) == ([], {})


def test_a_file_has_a_most_size_to_the_byte(space: Space) -> None:
    space.upload(space.ana, "most.zip", b"x" * MEGABYTE)
    page = space.send(space.ana, "more.zip", b"x" * (MEGABYTE + 1), 422)
    assert "up to 1 MB" in page.select_one("#file-error").text
    assert len(space.stored_bytes()) == 1


def test_far_too_much_is_refused_unread_with_a_page_that_says_so(space: Space) -> None:
    page = space.send(space.ana, "huge.zip", b"x" * (3 * MEGABYTE), 413)
    assert page.h1.text == "That is too large"
    assert "up to 1 MB" in page.main.text
    assert space.documents() == []
    # Elsewhere the limit is that of a table, and says so.
    assert "up to 5 MB" in space.teacher.post("group-sets/new", 413, name="x" * (7 * MEGABYTE)).main.text


def test_all_files_of_a_group_have_a_most_size_together(space: Space) -> None:
    for number in range(2):
        space.upload(space.ana, f"{number}.zip", b"x" * MEGABYTE)
    page = space.send(space.bo, "one.txt", b"1", 422)
    assert "2 MB" in page.select_one("#file-error").text
    assert len(space.stored_bytes()) == 2
    assert "of 2 MB are in use" in page.main.text
    space.cleo.post(f"groups/{space.world.names['Foxes']}/space/documents", file=(open_bytes(b"1"), "fox.txt"))


def open_bytes(content: bytes) -> Any:
    from io import BytesIO

    return BytesIO(content)


def test_a_form_sent_twice_brings_one_file(space: Space) -> None:
    key = space.ana.get(space.at).select_one("#document-key")["value"]
    for _ in range(2):
        space.send(space.ana, "plan.pdf", b"a plan", 303, key=key)
    space.send(space.ana, "plan.pdf", b"another plan", 303, key=key)
    assert len(space.documents()) == 2
    assert sorted(space.stored_bytes().values()) == [b"a plan", b"another plan"]


@pytest.fixture
def clicked(space: Space) -> str:
    """The short address of a document, as Ana's click leads to it."""
    return space.address(space.ana, space.upload(space.ana))


def test_an_address_is_good_for_five_minutes(space: Space, clicked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for minutes, status in ((4, 200), (6, 403)):
        monkeypatch.setattr("lti_tool.web.space.now", lambda minutes=minutes: now() + timedelta(minutes=minutes))
        answer = space.ana.client.get(clicked)
        assert answer.status_code == status
    assert "not valid any more" in answer.text
    assert b"a plan" not in answer.data


def test_an_address_is_good_for_one_person(space: Space, clicked: str) -> None:
    for who, status in ((space.bo, 403), (space.teacher, 403), (space.cleo, 403), (space.ana, 200)):
        assert who.client.get(clicked).status_code == status
    assert space.world.app.test_client().get(clicked).status_code == 401


def test_an_address_ends_with_the_membership(space: Space, clicked: str) -> None:
    with space.world.app.app_context():
        db.session.execute(delete(GroupMembership).where(GroupMembership.member_id == space.ids["Ana"]))
        db.session.commit()
    answer = space.ana.client.get(clicked)
    assert answer.status_code == 403
    assert "Permission denied" in answer.text


def test_an_address_cannot_be_made_up(space: Space, clicked: str) -> None:
    other = space.upload(space.ana, "other.pdf", b"other")
    path, query = clicked.split("?")
    given = {name: values[0] for name, values in parse_qs(urlsplit(clicked).query).items()}
    forged = [
        path,
        f"{path}?expires={given['expires']}",
        f"{path}?expires={int(given['expires']) + 600}&signature={given['signature']}",
        f"{path}?expires={given['expires']}&signature={'0' * 64}",
        f"{path}?expires={given['expires']}&signature={given['signature'][:-1]}é",
        f"{path}?expires={'9' * 5000}&signature={given['signature']}",
        f"{path}?expires=-1&signature={given['signature']}",
        f"{path}?expires=٣&signature={given['signature']}",
        f"{path.replace(path.split('/')[-2], str(other))}?{query}",
    ]
    for address in forged:
        assert space.ana.client.get(address).status_code == 403, address
    assert space.ana.client.get(clicked).status_code == 200


def test_a_document_is_found_through_its_own_group_only(space: Space) -> None:
    document = space.upload(space.ana)
    foxes = f"groups/{space.world.names['Foxes']}/space/documents/{document}"
    for path in (foxes, f"{foxes}/delete"):
        space.cleo.get(path, 404)
    space.cleo.post(f"{foxes}/delete", 404)
    space.ana.get(f"{space.at}/documents/{uuid4()}", 404)
    assert len(space.documents()) == 1


def test_a_document_is_deleted_by_who_brought_it_admins_and_staff(space: Space) -> None:
    for who, role, status in (
        (space.bo, "member", 403),
        (space.bo, "editor", 403),
        (space.bo, "admin", 303),
        (space.ana, "member", 303),
        (space.teacher, "member", 303),
    ):
        space.role("Bo", role)
        document = space.upload(space.ana)
        at = f"{space.at}/documents/{document}/delete"
        offered = at in str(who.get(space.at))
        assert offered == (status == 303)
        if status == 303:
            assert "plan.pdf" in who.get(at).h1.text
            page = who.get(who.post(at))
            assert page.select_one("#notice").text.strip() == "The file is deleted."
            assert (space.documents(), space.stored_bytes()) == ([], {})
        else:
            who.get(at, 403)
            who.post(at, 403)
            assert len(space.stored_bytes()) == 1
            space.ana.post(at)
    kept = [(row.action, row.subject) for row in space.world.stored(HistoryEntry, group_id=space.group_id)]
    assert kept.count(("document_added", "plan.pdf")) == kept.count(("document_deleted", "plan.pdf")) == 5


def test_a_document_whose_bytes_are_gone_says_so(space: Space, app: Flask) -> None:
    document = space.upload(space.ana)
    for file in (app.extensions["lti_tool"].settings.data_dir / "documents").iterdir():
        file.unlink()
    answer = space.download(space.ana, document)
    assert answer.status_code == 404
    assert "This file is not here" in answer.text
    space.ana.post(f"{space.at}/documents/{document}/delete")
    assert space.documents() == []


def test_a_store_that_cannot_be_written_says_so_and_keeps_nothing(space: Space, app: Flask) -> None:
    folder: Path = app.extensions["lti_tool"].settings.data_dir / "documents"
    folder.write_text("in the way")
    page = space.send(space.ana, "plan.pdf", b"1", 503)
    assert page.h1.text == "Files cannot be reached just now"
    assert space.documents() == []


@pytest.mark.shows("TEAM-18")
@pytest.mark.parametrize("way", ["its creator", "staff on the set's page"])
def test_the_documents_go_with_the_group_rows_and_bytes(space: Space, lms: Any, way: str) -> None:
    for name in ("one.pdf", "two.pdf"):
        space.upload(space.ana, name)
    clicked = space.address(space.ana, space.documents()[0].id)
    fox = f"groups/{space.world.names['Foxes']}/space/documents"
    space.cleo.post(fox, file=(open_bytes(b"of the foxes"), "fox.txt"))
    space.delete_group(way)
    assert not space.world.stored(Group, id=space.group_id)
    assert [row.name for row in space.documents()] == ["fox.txt"]
    assert list(space.stored_bytes().values()) == [b"of the foxes"]
    assert space.ana.client.get(clicked).status_code == 404


def test_the_documents_of_a_group_that_went_otherwise_are_cleared_by_the_worker(space: Space, app: Flask) -> None:
    space.upload(space.ana)
    with app.app_context():
        db.session.execute(delete(Group).where(Group.id == space.group_id))
        db.session.commit()
    assert len(space.stored_bytes()) == len(space.world.stored(GroupDocument, group_id=None)) == 1
    app.extensions["lti_tool_doorbell"]._purge()
    assert (space.documents(), space.stored_bytes()) == ([], {})
