"""While a sync of groups, or a set's publication, is at work: no page offers an edit, and no edit is taken."""

import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select, update
from werkzeug.exceptions import HTTPException

from lti_tool.domain.clock import now
from lti_tool.domain.permissions import Permission
from lti_tool.domain.work import HELD
from lti_tool.models import (
    Assignment,
    AssignmentExclusion,
    Group,
    Grouping,
    GroupingMembership,
    GroupMembership,
    GroupSet,
    GroupSetEntry,
    ImportDraft,
    LeftOutGroupSet,
    LinkTarget,
    LmsChange,
    RosterMember,
    db,
)

EDITS = (Permission.EDIT_GROUPS, Permission.EDIT_ASSIGNMENTS)
KEPT = (
    Assignment,
    AssignmentExclusion,
    Group,
    Grouping,
    GroupingMembership,
    GroupMembership,
    GroupSet,
    GroupSetEntry,
    ImportDraft,
    LeftOutGroupSet,
    LinkTarget,
    LmsChange,
    RosterMember,
)
# What each write sends; "set", "connected" and the like stand for ids of the course below.
WRITES: dict[str, dict[str, Any]] = {
    "changes.discard_change": {},
    "changes.retry_change": {},
    "assignments.create_assignment": {"name": "New", "kind": "all"},
    "assignments.delete_assignment": {},
    "assignments.edit_assignment": {"name": "New", "kind": "all", "revision": "0"},
    "group_draws.draw_groups": {"name": "team", "size": "2", "rule": "at_most", "seed": "1", "revision": "0"},
    "group_sets.assign_unassigned": {},
    "group_sets.bring_back_group_set": {"lms_group_set_id": "left-1"},
    "group_sets.copy_group_set": {},
    "group_sets.create_group_set": {"name": "New"},
    "group_sets.delete_group_set": {"where": "here"},
    "group_sets.edit_group_set": {"name": "New"},
    "group_sets.remove_group_set": {},
    "groupings.add_to_grouping": {"member_ids": "<waiting>"},
    "groupings.approve_grouping": {},
    "groupings.clone_groupings": {"source_id": "<later>", "seen": "1"},
    "groupings.create_grouping": {"member_ids": "<waiting>"},
    "groupings.create_individual_groupings": {},
    "groupings.end_grouping": {},
    "groupings.import_groupings": {"file": "<file>"},
    "groupings.move_to_grouping": {"target_id": "<grouping>"},
    "groupings.remove_from_grouping": {},
    "groupings.withdraw_approval": {},
    "groups.add_student_to_group": {"member_id": "<waiting>"},
    "groups.batch_assign_students": {"member_ids": "<waiting>", "group_id": "<group>"},
    "groups.create_group": {"name": "New", "count": "2"},
    "groups.create_group_of_people": {"name": "", "member_ids": "<waiting>"},
    "groups.delete_group": {},
    "groups.edit_group": {"name": "New", "description": "New"},
    "groups.random_assign_students": {"seed": "1", "revision": "0"},
    "groups.remove_student_from_group": {},
    "links.connect_link": {"target": "<assignment>"},
    "links.disconnect_link": {},
    "imports.confirm_import": {"name": "New"},
    "imports.confirm_reimport": {"revision": "0"},
    "imports.import_group_set": {"file": "<file>"},
    "imports.reimport_group_set": {"file": "<file>"},
    "references.add_references": {"group_ids": "<foreign>"},
    "references.take_out_group": {},
    "undo.undo_last_change": {"revision": "0"},
}
# They only answer what a form would come to.
READS = {"groups.normalize_group_name", "selection.preview_group_selection"}
CONNECTED = {"group_sets.assign_unassigned", "group_sets.remove_group_set"}
REIMPORTS = {"imports.confirm_reimport", "imports.reimport_group_set"}


@pytest.fixture
def busy(world: Any) -> Any:
    """A course with one of everything that can be edited."""
    ana, bo = world.member("Ana López"), world.member("Bo Ek")
    world.set_id = world.group_set("Projects", {"team-1": [ana], "team-2": []}, connection="import")
    world.connected = world.group_set("Labs", {"Lab A": [bo]}, connection="canvas")
    world.assignment = uuid4()
    assignment = {"id": world.assignment, "course_id": world.course_id, "name": "Essay", "created_at": now()}
    world._add(
        Assignment(**assignment, group_set_id=world.set_id),
        LeftOutGroupSet(course_id=world.course_id, lms_group_set_id="left-1", name="Left"),
    )
    _add_students_work(world, ana)
    world.link = uuid4()
    world._add(
        LinkTarget(course_id=world.course_id, from_id=world.link, assignment_id=world.assignment, created_at=now())
    )
    world.allow_writing()
    world.teacher = world.browser()
    paths = ("group-sets/import", f"group-sets/{world.set_id}/import")
    kept = [world.teacher.post(path, file=_file()).rpartition("/")[2] for path in paths]
    world.drafts = [UUID(draft) for draft in kept]
    return world


def _add_students_work(world: Any, ana: UUID) -> None:
    """Add groups on two assignments, and a change that the LMS refused."""
    world.later, world.change = uuid4(), uuid4()
    later = {"id": world.later, "course_id": world.course_id, "name": "Later", "created_at": now()}
    world._add(Assignment(**later, group_set_id=world.set_id))
    world.groupings = [uuid4(), uuid4()]
    for key, name in zip(world.groupings, ("team-1", "team-2"), strict=True):
        row = {"id": key, "assignment_id": world.assignment, "group_id": world.names[name], "group_name": name}
        world._add(Grouping(**row, created_at=now()))
    seat = {"grouping_id": world.groupings[0], "assignment_id": world.assignment, "member_id": ana}
    change = {"id": world.change, "course_id": world.course_id, "group_set_id": world.connected, "kind": "delete_set"}
    world._add(
        GroupingMembership(**seat, status="inviter", created_at=now(), changed_at=now()),
        LmsChange(**change, about="Labs", intent='{"group_ids": []}', state="refused", created_at=now()),
    )


def _file() -> tuple[io.BytesIO, str]:
    return io.BytesIO(b"group_name,email\nteam-3,ana@students.example\n"), "Teams.csv"


def routes(app: Flask, method: str, permissions: Any = EDITS) -> set[str]:
    """Return the endpoints that answer a method and declare one of these permissions."""
    rules = [rule for rule in app.url_map.iter_rules() if method in (rule.methods or ())]
    views = app.view_functions
    return {r.endpoint for r in rules if getattr(views[r.endpoint], "permission", None) in permissions}


def address(world: Any, endpoint: str, **more: UUID) -> str:
    """Return the address of an edit of what the course has."""
    (rule, *_) = world.app.url_map.iter_rules(endpoint)
    values = {
        "course_id": world.course_id,
        "set_id": world.connected if endpoint in CONNECTED else world.set_id,
        "group_id": world.names["team-1"],
        "member_id": world.names["Ana López"],
        "assignment_id": world.assignment,
        "grouping_id": world.groupings[0],
        "change_id": world.change,
        "link_id": world.link,
        "draft_id": world.drafts[endpoint in REIMPORTS],
        **more,
    }
    with world.app.test_request_context():
        return str(world.app.url_map.bind("").build(endpoint, {key: values[key] for key in rule.arguments}))


def sent(world: Any, endpoint: str) -> dict[str, Any]:
    ids = {"<waiting>": world.names["Bo Ek"], "<group>": world.names["team-2"], "<foreign>": world.names["Lab A"]}
    ids |= {"<later>": world.later, "<assignment>": world.assignment, "<grouping>": world.groupings[1]}
    given = WRITES[endpoint]
    return {key: _file() if value == "<file>" else str(ids.get(value, value)) for key, value in given.items()}


def stored(world: Any) -> Any:
    """Return every row that an edit could change."""
    with world.app.app_context():
        return [sorted(map(repr, db.session.execute(select(*row.__table__.c)))) for row in KEPT]


def offered(world: Any, page: Any, permissions: Any = HELD) -> Iterator[str]:
    """Give the endpoints of edits that a page's links and forms lead to."""
    found = world.app.url_map.bind("")
    targets = [(link["href"], "GET") for link in page.select("main a[href]")]
    targets += [(form["action"], form.get("method", "get").upper()) for form in page.select("main form[action]")]
    targets += [(tag["hx-get"], "GET") for tag in page.select("main [hx-get]")]
    for target, method in targets:
        try:
            endpoint, _ = found.match(urlsplit(target).path, method)
        except HTTPException:
            continue
        if getattr(world.app.view_functions[endpoint], "permission", None) in permissions:
            yield endpoint


def test_every_edit_of_sets_groups_and_assignments_is_listed_here(app: Flask) -> None:
    found = routes(app, "POST")
    assert found - READS == set(WRITES), "give the new write its line in WRITES, or in READS if it stores nothing"


@pytest.mark.shows("MODEL-29")
@pytest.mark.parametrize("kind", ["pull", "groups"])
@pytest.mark.parametrize("endpoint", WRITES)
def test_a_sync_of_groups_refuses_every_edit(busy: Any, endpoint: str, kind: str) -> None:
    busy.run(kind, "running")
    before = stored(busy)
    page = busy.teacher.post(address(busy, endpoint), 409, fields=sent(busy, endpoint))
    assert "A sync is at work on this course" in page.main.text
    assert stored(busy) == before


# Routes of a group that change nothing of it for staff: they leave none, and its space is no part of a set.
NO_EDITS = {"own_groups.preview_name", "own_groups.leave_group"}


def acts_on_groups(app: Flask) -> list[str]:
    """Return the writes of a group's own pages, which ask for a right in the group."""
    writes = {rule.endpoint for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    found = {name for name in writes if hasattr(app.view_functions[name], "group_permission")}
    return sorted(name for name in found - NO_EDITS if not name.startswith("space."))


@pytest.mark.shows("MODEL-29")
def test_a_sync_of_groups_holds_staffs_acts_on_a_group_back_and_no_students(busy: Any) -> None:
    acts = acts_on_groups(busy.app)
    assert {"own_groups.delete_group", "own_groups.transfer_group", "doors.accept_request"} <= set(acts)
    busy.run("pull", "running")
    before = stored(busy)
    more = {"request_id": uuid4(), "invite_id": uuid4()}
    fields = {"name": "New", "max_uses": "3", "member_id": str(busy.names["Ana López"])}
    for endpoint in acts:
        page = busy.teacher.post(
            address(busy, endpoint, **more), 409, fields={**fields, "member_ids": fields["member_id"]}
        )
        assert "A sync is at work on this course" in page.main.text, endpoint
    assert stored(busy) == before
    with busy.app.app_context():
        ended = update(Grouping).values(ended_at=now())
        db.session.execute(ended)
        db.session.execute(update(GroupMembership).values(role="creator"))
        db.session.commit()
    student = busy.browser("student", name="Ana López", member=busy.names["Ana López"])
    student.post(f"groups/{busy.names['team-1']}/edit", name="ours", privacy="listed")


@pytest.mark.shows("MODEL-29")
def test_a_sync_of_groups_shows_no_form_of_an_edit(busy: Any) -> None:
    edits = sorted(routes(busy.app, "GET"))
    assert len(edits) > 12
    busy.run("pull", "running")
    for endpoint in edits:
        page = busy.teacher.get(address(busy, endpoint), 409)
        assert "A sync is at work on this course" in page.main.text, endpoint
        assert not list(offered(busy, page)), endpoint


PAGES = ("", "roster", "group-sets", "group-sets/{set_id}", "assignments", "assignments/{assignment}")


@pytest.mark.shows("MODEL-29")
@pytest.mark.parametrize("path", PAGES)
def test_a_sync_of_groups_shows_itself_in_place_of_what_edits(busy: Any, path: str) -> None:
    where = path.format(**vars(busy))
    assert list(offered(busy, busy.teacher.get(where))), "else this shows nothing"
    run_id = busy.run("pull", "running")
    page = busy.teacher.get(where)
    assert not list(offered(busy, page))
    asks = page.select_one(f"[hx-get*='{run_id}']")["hx-get"]
    again, _ = busy.teacher.fragment(asks)
    assert "from=" in again.select_one("#run-progress")["hx-get"], "else the page never shows its controls again"


def _share(world: Any, set_id: UUID) -> None:
    """Put a group of the course's set, in which nobody works on an assignment, into another set too."""
    key, dee = uuid4(), world.member("Dee Fox")
    world.names["shared"] = key
    world._add(
        Group(id=key, course_id=world.course_id, name="shared", origin="local", created_at=now()),
        *(GroupSetEntry(group_set_id=one, group_id=key, position=9) for one in (world.set_id, set_id)),
        GroupMembership(group_id=key, member_id=dee, position=0),
    )
    both = [str(dee), str(world.names["Bo Ek"])]
    world.teacher.post(f"group-sets/{set_id}/assign", fields={"member_ids": both, "group_id": str(world.names["own"])})


def _edits_of_shared_groups(world: Any, set_id: UUID) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give what changes a group through a set that shares it with another one."""
    group, bo = world.names["shared"], str(world.names["Bo Ek"])
    yield f"group-sets/{set_id}/groups/{group}/edit", {"name": "New", "description": ""}
    yield f"group-sets/{set_id}/groups/{group}/delete", {}
    yield f"group-sets/{set_id}/groups/{group}/members", {"member_id": bo}
    yield f"group-sets/{set_id}/groups/{group}/members/{bo}/remove", {}
    yield f"group-sets/{set_id}/assign", {"member_ids": bo, "group_id": str(group)}
    with world.app.app_context():
        revision = db.session.scalars(select(GroupSet.revision).where(GroupSet.id == set_id)).one()
    yield f"group-sets/{set_id}/undo", {"revision": str(revision)}  # brings back who was in the shared group


@pytest.mark.shows("MODEL-29")
def test_a_publication_keeps_from_editing_its_own_set_alone(busy: Any) -> None:
    other = busy.group_set("Other", {"other-1": []})
    sharing = busy.group_set("Sharing", {"own": []})
    _share(busy, sharing)
    busy.run("publish", "running", group_set_id=busy.set_id)
    own = busy.teacher.get(f"group-sets/{busy.set_id}")
    assert not list(offered(busy, own))
    for path in ("edit", "groups/new", "references", f"groups/{busy.names['team-1']}/edit"):
        page = busy.teacher.get(f"group-sets/{busy.set_id}/{path}", 409)
        assert "This group set is being published" in page.select_one("#error-summary").text
    before = stored(busy)
    assert busy.teacher.post(f"group-sets/{busy.set_id}/copy", 409)
    assert busy.teacher.post(f"assignments/{busy.assignment}/groupings/{busy.groupings[0]}/end", 409)
    assert busy.teacher.post(f"groups/{busy.names['team-1']}/delete", 409)
    assert stored(busy) == before
    for path, fields in _edits_of_shared_groups(busy, sharing):
        page = busy.teacher.post(path, 409, fields=fields)
        assert "This group set is being published" in page.select_one("#error-summary").text, path
    assert stored(busy) == before
    busy.teacher.post(f"group-sets/{sharing}/groups/{busy.names['own']}/edit", name="ours", description="")
    busy.teacher.get(f"group-sets/{other}/edit")
    busy.teacher.post(f"group-sets/{other}/edit", name="Another")
    busy.teacher.post("group-sets/new", name="New")
    busy.teacher.post("assignments/new", name="New", kind="all")


@pytest.mark.parametrize("kind", ["push", "roster"])
def test_a_push_and_a_refresh_of_people_keep_nobody_from_editing(busy: Any, kind: str) -> None:
    busy.run(kind, "running")
    for path in (f"group-sets/{busy.set_id}/edit", "group-sets/new", "assignments/new"):
        busy.teacher.get(path)
        busy.teacher.post(path, name=f"Named at {path}", kind="all")


@pytest.mark.shows("MODEL-29")
@pytest.mark.parametrize("kind", ["roster", "push", "pull"])
def test_people_are_not_edited_while_anything_is_at_work(busy: Any, kind: str) -> None:
    member = f"roster/members/{busy.names['Ana López']}"
    held = {Permission.EDIT_ROSTER}
    edits = sorted(routes(busy.app, "GET", held))
    assert edits
    assert list(offered(busy, busy.teacher.get("roster"), held)), "else this shows nothing"
    busy.run(kind, "running")
    assert not list(offered(busy, busy.teacher.get("roster"), held))
    for path in ("roster/members/new", f"{member}/edit", f"{member}/delete"):
        assert "A sync is at work" in busy.teacher.get(path, 409).main.text
    before = stored(busy)
    busy.teacher.post("roster/members/new", 409, name="New Person", email="new@students.example")
    assert stored(busy) == before


def test_a_part_of_a_page_that_a_sync_refuses_becomes_the_whole_page(busy: Any) -> None:
    busy.run("pull", "running")
    path = f"group-sets/{busy.set_id}/members/{busy.names['Bo Ek']}"
    _, answer = busy.teacher.fragment(path, 409)
    assert answer.headers["HX-Retarget"] == "#main"
