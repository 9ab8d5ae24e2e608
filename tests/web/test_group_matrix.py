"""Who may do what in a group: every role against every route, looked at and sent (TEAM-11)."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from lti_tool.domain.clock import now
from lti_tool.domain.group_rights import GroupPermission
from lti_tool.models import CourseAccess, Group, GroupInvite, GroupMembership, JoinRequest
from tests.web.conftest import World
from tests.web.teamwork import Team

PEOPLE = ("creator", "admin", "editor", "member", "outsider", "former", "rival", "staff", "ta", "observer")
IN_IT = {"creator", "admin", "editor", "member"}
EDITORS = {"creator", "admin", "editor", "staff"}
ADMINS = {"creator", "admin", "staff"}
OWNERS = {"creator", "staff"}
STUDENTS = {"creator", "admin", "editor", "member", "outsider", "former", "rival"}
BROWSERS = {
    "creator": "cara",
    "admin": "adam",
    "editor": "edi",
    "member": "mia",
    "outsider": "otto",
    "former": "fritz",
    "rival": "olga",
    "staff": "teacher",
    "ta": "ta",
    "observer": "observer",
}

# What each route of a group needs: who may, and what is sent. The right of the route itself stands in the code, and
# this table says in other words who has it; a route that is missing here fails the test below.
ACTIONS: dict[str, tuple[set[str], Callable[[Any], dict[str, Any]]]] = {
    "own_groups.group": (IN_IT | {"staff", "ta", "observer"}, lambda t: {}),
    "own_groups.edit_group": (EDITORS, lambda t: {"name": "renamed"}),
    "own_groups.preview_name": (EDITORS, lambda t: {"name": "renamed"}),
    "own_groups.delete_group": (OWNERS, lambda t: {}),
    "own_groups.leave_group": (IN_IT - {"creator"}, lambda t: {}),
    "own_groups.manage_permissions": (ADMINS, lambda t: {f"role-{t.ids['Mia']}": "editor"}),
    "own_groups.remove_member": (ADMINS, lambda t: {}),
    "own_groups.remove_members": (ADMINS, lambda t: {"member_ids": [str(t.ids["Mia"])]}),
    "own_groups.transfer_group": (OWNERS, lambda t: {"member_id": str(t.ids["Mia"])}),
    "doors.group_invites": (ADMINS, lambda t: {}),
    "doors.create_invite_link": (ADMINS, lambda t: {"max_uses": "3"}),
    "doors.deactivate_invite": (ADMINS, lambda t: {}),
    "doors.accept_request": (ADMINS, lambda t: {}),
    "doors.refuse_request": (ADMINS, lambda t: {}),
    "doors.join_listed": (STUDENTS, lambda t: {}),
    "doors.withdraw_request": (STUDENTS, lambda t: {}),
    # These name no group in their address: any student may try; what comes of it is the rules' (test_doors).
    "doors.join_via_code": (STUDENTS, lambda t: {"code": t.row.invite_code}),
    "doors.join_via_invite_link": (STUDENTS, lambda t: {}),
    "own_groups.create_own_group": (STUDENTS, lambda t: {"name": "another"}),
    "own_groups.preview_new_name": (STUDENTS, lambda t: {"name": "another"}),
}
PUBLIC = {"doors.open_invite"}
OF_GROUPS = ("own_groups.", "doors.")


class Scene(Team):
    """A team with a link, a request and somebody who was an admin once, and the addresses of all its actions."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.link, self.request = uuid4(), uuid4()
        self.asker = world.member("Rita Doe")
        assert self.teacher
        access = world.stored(CourseAccess, name="Teacher")[0].id
        world._add(
            GroupInvite(id=uuid4(), group_id=self.id, created_by=access, created_at=now(), invite_token=self.link),
            JoinRequest(id=self.request, group_id=self.id, member_id=self.asker, state="waiting", created_at=now()),
        )
        (self.invite_row,) = world.stored(GroupInvite, invite_token=self.link)

    def address(self, app: Flask, endpoint: str) -> str:
        known = {
            "course_id": self.world.course_id,
            "group_id": self.id,
            "set_id": self.set_id,
            "member_id": self.ids["Mia"],
            "invite_id": self.invite_row.id,
            "request_id": self.request,
            "token": self.link,
        }
        (rule,) = app.url_map.iter_rules(endpoint)
        with app.test_request_context():
            return str(app.url_map.bind("").build(endpoint, {name: known[name] for name in rule.arguments}))

    def snapshot(self) -> list[str]:
        """Everything that an action could change, as text."""
        kinds = (Group, GroupMembership, GroupInvite, JoinRequest)
        rows = [row for kind in kinds for row in self.world.stored(kind)]
        return sorted(
            str(sorted((k, str(v)) for k, v in vars(row).items() if k != "_sa_instance_state")) for row in rows
        )


def methods(app: Flask, endpoint: str) -> list[str]:
    (rule,) = app.url_map.iter_rules(endpoint)
    return [method for method in ("GET", "POST") if method in (rule.methods or ())]


def test_every_route_of_a_group_stands_in_the_table(app: Flask) -> None:
    guarded = {name for name, view in app.view_functions.items() if hasattr(view, "group_permission")}
    routes = {rule.endpoint for rule in app.url_map.iter_rules() if rule.endpoint.startswith(OF_GROUPS)}
    assert routes | guarded == set(ACTIONS) | PUBLIC
    # Whatever blueprint a route is in: where a group's right is asked, it is a right of the table, and each is asked.
    asked = {getattr(view, "group_permission", None) for view in app.view_functions.values()}
    assert asked - {None} <= set(GroupPermission)
    assert set(GroupPermission) - asked <= {
        GroupPermission.TOGGLE_CODE,
        GroupPermission.SPACE,
        GroupPermission.REMOVE_CREATOR,
    }


@pytest.mark.shows("TEAM-11", "TEAM-12", "TEAM-16", "TEAM-26", "TEAM-32", "TEAM-46", "TEAM-61", "TEAM-69", "TEAM-70")
@pytest.mark.parametrize("endpoint", ACTIONS)
def test_each_action_is_open_to_whom_it_is_and_to_nobody_else(app: Flask, world: World, endpoint: str) -> None:
    scene = Scene(world)
    path, (who_may, sent) = scene.address(app, endpoint), ACTIONS[endpoint]
    nobody, stranger = app.test_client(), _stranger(app)
    before = scene.snapshot()
    # Those who may not, first: a refused act changes nothing.
    for person in (p for p in PEOPLE if p not in who_may):
        browser = getattr(scene, BROWSERS[person])
        for method in methods(app, endpoint):
            data = {"csrf_token": browser.token, **sent(scene)}
            answer = browser.client.open(path, method=method, data=data if method == "POST" else None)
            wanted = 422 if (person, endpoint) == ("creator", "own_groups.leave_group") else 403
            assert answer.status_code == wanted, f"{person} {method} {path}: {answer.status_code}"
            assert wanted == 422 or "Permission denied" in answer.text or "may not do this" in answer.text
    for method in methods(app, endpoint):
        assert nobody.open(path, method=method).status_code == 401
        assert stranger.client.open(path, method=method, data={"csrf_token": stranger.token}).status_code == 404
    assert scene.snapshot() == before
    # Then those who may; whoever changes something comes last for this team, so each gets to a present state.
    for person in sorted(who_may, key=lambda p: (p in OWNERS, p in ("creator", "staff"), p)):
        browser = getattr(scene, BROWSERS[person])
        for method in methods(app, endpoint):
            data = {"csrf_token": browser.token, **sent(scene)} if method == "POST" else None
            query = sent(scene) if method == "GET" else None
            answer = browser.client.open(path, method=method, data=data, query_string=query)
            assert answer.status_code not in (401, 403, 405, 500), f"{person} {method} {path}: {answer.status_code}"


def _stranger(app: Flask) -> Any:
    """A student of another course, who may do everything in a group there."""
    other = World(app).open_course("Chemistry")
    member = other.member("Sven Doe")
    other.group_set("Teams", {"strangers": [member]}, signup="create")
    return other.browser("student", name="Sven Doe", member=member)


@pytest.mark.shows("TEAM-73")
@pytest.mark.parametrize("endpoint", [name for name in ACTIONS if name != "own_groups.group"])
def test_nothing_is_done_without_the_forms_token(app: Flask, world: World, endpoint: str) -> None:
    scene = Scene(world)
    if "POST" not in methods(app, endpoint):
        return
    before, path = scene.snapshot(), scene.address(app, endpoint)
    for browser in (scene.cara, scene.teacher, scene.otto):
        assert browser.client.post(path, data=ACTIONS[endpoint][1](scene)).status_code == 403
        foreign = {"csrf_token": browser.token, **ACTIONS[endpoint][1](scene)}
        headers = {"Sec-Fetch-Site": "cross-site"}
        assert browser.client.post(path, data=foreign, headers=headers).status_code == 403
    assert scene.snapshot() == before


SEED_NAMES = (
    "edit_group",
    "delete_group",
    "leave_group",
    "manage_permissions",
    "remove_member",
    "group_invites",
    "create_invite_link",
    "deactivate_invite",
    "join_via_invite_link",
    "join_via_code",
)


@pytest.mark.shows("TEAM-75")
def test_the_actions_have_the_names_of_the_seed(app: Flask) -> None:
    names = {endpoint.rpartition(".")[2] for endpoint in ACTIONS}
    assert set(SEED_NAMES) <= names


@pytest.mark.shows("TEAM-74")
def test_no_statement_of_the_package_is_put_together_from_text(app: Flask) -> None:
    package = Path(app.root_path)
    texts = {path: path.read_text(encoding="utf-8") for path in (package / "services").glob("*.py")}
    assert texts
    built = re.compile(r"""\btext\(\s*(?!["'])|exec_driver_sql|execute\(\s*f["']""")  # a fixed text is none
    assert not [path.name for path, text in texts.items() if built.search(text)]
