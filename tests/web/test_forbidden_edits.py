"""Edits that nobody may make here because of whose the set or the group is: refused by the server, in words."""

import io
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from lti_tool.models import BrowserSession, GroupSetEntry, db
from tests.web.conftest import World
from tests.web.forming import words

SET = "/courses/<uuid:course_id>/group-sets/<uuid:set_id>/"
GROUP = "/courses/<uuid:course_id>/groups/<uuid:group_id>/"
OF_ANY_SET = {"group_sets.copy_group_set", "publication.push_group_set"}  # a set without a mirror has nothing to push
OF_THE_LMS = {"group_sets.remove_group_set", "runs.refresh_group_set"}  # nothing changes there
OF_LOCAL_SETS = {"references.take_out_group", "groups.normalize_group_name"}  # what it holds is its own; a preview
OF_ITS_PEOPLE = ("/space/", "/join", "/request/withdraw", "/leave")
REASONS = ("not ours to change", "cannot be published", "not of Canvas", "cannot be refreshed by itself")


@pytest.fixture
def foreign(world: World) -> Any:
    """A set of the roster, one of the LMS without the right to write there, and a local one with a group of each."""
    world.ana, world.bo = world.member("Ana López"), world.member("Bo Ek")
    world.store_token()
    world.allow_writing("right_missing")
    world.sets = {
        "ana_lopez": world.group_set("Individual Students", {"ana_lopez": [world.ana]}, connection="system"),
        "Lab A": world.group_set("Labs", {"Lab A": [world.ana]}, connection="canvas"),
    }
    world.mixed = world.group_set("Mixed", {"own": []})
    for place, name in enumerate(world.sets, 1):
        world._add(GroupSetEntry(group_set_id=world.mixed, group_id=world.names[name], position=place))
    return world


def stored(app: Flask) -> dict[str, list[str]]:
    """Return everything that is stored but the sessions, which remember when they were used."""
    with app.app_context():
        tables = [table for table in db.metadata.sorted_tables if table is not BrowserSession.__table__]
        return {table.name: sorted(map(str, db.session.execute(select(table)))) for table in tables}


def posted(app: Flask, under: str) -> list[tuple[str, str]]:
    """Return (endpoint, rule) of every route under a place that takes a form."""
    return [(r.endpoint, r.rule) for r in app.url_map.iter_rules() if "POST" in r.methods and r.rule.startswith(under)]


def refuse(world: Any, rule: str, set_id: UUID, name: str) -> None:
    """Send what a form of the route would send, with the group `name`: nothing is stored, and the reason is said."""
    ids = {"course_id": world.course_id, "set_id": set_id, "group_id": world.names[name], "member_id": world.ana}
    address = rule.replace("<uuid:", "{").replace(">", "}").format_map({"draft_id": uuid4(), **ids})
    sent = {
        "name": "Mine",
        "count": "1",
        "member_id": str(world.bo),
        "member_ids": str(world.bo),
        "group_id": str(world.names[name]),
        "group_ids": str(world.names["own"]),
        "size": "2",
        "rule": "at_most",
        "seed": "1",
        "revision": "0",
        "step_id": str(uuid4()),
        "file": (io.BytesIO(b"group_name,email\nNew,ana@students.example\n"), "a.csv"),
    }
    teacher = world.browser()
    before = stored(world.app)
    page = teacher.post(address, 403, fields=sent)
    assert any(reason in words(page) for reason in REASONS), f"{address}: {words(page)[:400]}"
    assert stored(world.app) == before, address


@pytest.mark.shows("MODEL-16", "MODEL-11", "MODEL-12", "MODEL-115")
@pytest.mark.parametrize("name", ["ana_lopez", "Lab A"])
def test_nothing_is_changed_in_a_set_that_is_not_ours(foreign: Any, name: str) -> None:
    may = OF_ANY_SET | (OF_THE_LMS if name == "Lab A" else set())
    routes = [rule for endpoint, rule in posted(foreign.app, SET) if endpoint not in may]
    assert len(routes) >= 22
    for rule in routes:
        refuse(foreign, rule, foreign.sets[name], name)


@pytest.mark.shows("MODEL-16", "MODEL-12", "MODEL-31")
@pytest.mark.parametrize("name", ["ana_lopez", "Lab A"])
def test_a_local_set_makes_nobodys_group_ours(foreign: Any, name: str) -> None:
    routes = [
        rule
        for endpoint, rule in posted(foreign.app, SET)
        if endpoint not in OF_LOCAL_SETS and ("<uuid:group_id>" in rule or endpoint == "groups.batch_assign_students")
    ]
    assert len(routes) >= 5
    for rule in routes:
        refuse(foreign, rule, foreign.mixed, name)


@pytest.mark.shows("MODEL-16", "MODEL-31")
def test_a_group_of_the_lms_is_not_changed_on_its_own_page(foreign: Any) -> None:
    rules = [rule for _, rule in posted(foreign.app, GROUP) if not any(part in rule for part in OF_ITS_PEOPLE)]
    assert len(rules) >= 8
    for rule in rules:
        if "<uuid:request_id>" not in rule and "<uuid:invite_id>" not in rule:
            refuse(foreign, rule, foreign.sets["Lab A"], "Lab A")
