"""Who may do what: every role against every route of a course, looked at and sent (TEAM-11)."""

import re
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from lti_tool.domain.group_rights import GroupPermission
from lti_tool.services import gateways
from tests.conftest import opened, settings_in
from tests.web.conftest import PlayedLms
from tests.web.role_scene import BROWSERS, Scene

IN_IT = {"creator", "admin", "editor", "member"}
STUDENTS = IN_IT | {"outsider", "former", "rival"}
MANAGERS = {"staff", "assistant"}  # the assistant: a TA whom the LMS lets manage groups
STAFF = MANAGERS | {"ta"}
WATCHERS = STAFF | {"observer"}
EVERYBODY = STUDENTS | WATCHERS
EDITORS = {"creator", "admin", "editor"} | MANAGERS
ADMINS = {"creator", "admin"} | MANAGERS
OWNERS = {"creator"} | MANAGERS

# Whom each route of a course is open to, in other words than the code's. A route that is missing here fails the test
# below. `lti_tool/domain/permissions.py` and `group_rights.py` say the same by right.
OPEN_TO: dict[str, set[str]] = {
    name: people
    for people, names in (
        (EVERYBODY, "home.home links.open_link"),
        (WATCHERS, "assignments.assignment assignments.assignments selection.filter_by_pattern"),
        (WATCHERS, "group_sets.group_set group_sets.group_sets group_sets.more_groups"),
        (STAFF, "changes.changes connection.connection history.history runs.activity runs.run"),
        (set(), "connection.disconnect"),  # staff, who have lent their access: here nobody has
        (STAFF, "imports.export_group_set presets.export_preset matrix.matrix matrix.matrix_workbook"),
        (STAFF, "roster.roster roster_files.export_roster"),
        (STAFF | STUDENTS, "notices.notices notices.unread_badge notices.mark_notices_read notices.choose_notice_mail"),
        (STUDENTS, "history.own_history formation.grouping formation.start_grouping formation.work_alone"),
        (IN_IT | STAFF, "history.group_history"),
        (MANAGERS, "assignments.create_assignment assignments.edit_assignment assignments.delete_assignment"),
        (MANAGERS, "changes.discard_change changes.retry_change drift.drift drift.settle undo.undo_last_change"),
        (MANAGERS, "group_draws.draw_groups group_sets.assign_unassigned group_sets.bring_back_group_set"),
        (MANAGERS, "group_sets.copy_group_set group_sets.create_group_set group_sets.delete_group_set"),
        (MANAGERS, "group_sets.edit_group_set group_sets.remove_group_set groupings.groupings"),
        (MANAGERS, "groupings.add_to_grouping groupings.approve_grouping groupings.clone_groupings"),
        (MANAGERS, "groupings.create_grouping groupings.create_individual_groupings groupings.end_grouping"),
        (MANAGERS, "groupings.export_groupings groupings.import_groupings groupings.move_to_grouping"),
        (MANAGERS, "groupings.remove_from_grouping groupings.withdraw_approval"),
        (MANAGERS, "groups.add_student_to_group groups.batch_assign_students groups.create_group"),
        (MANAGERS, "groups.create_group_of_people groups.delete_group groups.edit_group groups.move_member"),
        (MANAGERS, "groups.normalize_group_name groups.random_assign_students groups.remove_student_from_group"),
        (MANAGERS, "imports.download_template imports.import_group_set imports.reimport_group_set"),
        ({"staff"}, "imports.confirm_import imports.confirm_reimport roster_files.confirm"),  # whose draft it is
        (MANAGERS, "links.links links.connect_link links.disconnect_link"),
        ({"staff"}, "placing.place_link placing.cancel_placing"),  # whom the platform asked
        (MANAGERS, "members.add_member members.delete_member members.edit_member roster_files.upload"),
        (MANAGERS, "publication.publish_group_set publication.push_course_group_memberships"),
        (MANAGERS, "publication.push_group_set publication.unpublish_group_set"),
        (MANAGERS, "references.add_references references.take_out_group selection.preview_group_selection"),
        (MANAGERS, "roster.refresh_roster runs.preview_sync runs.refresh_group_set runs.sync_course"),
        # The group of an assignment: its inviter is the creator, the outsider is invited, the former member refused.
        ({"creator"}, "formation.invite_classmates formation.cancel_invitation formation.clear_refusal"),
        ({"creator"}, "formation.break_up_grouping"),
        ({"outsider"}, "formation.accept_invitation formation.refuse_invitation"),
        (IN_IT - {"creator"}, "formation.leave_grouping own_groups.leave_group"),
        # A group, by the roles in it.
        (IN_IT | WATCHERS, "own_groups.group"),
        (EDITORS, "own_groups.edit_group own_groups.preview_name"),
        (OWNERS, "own_groups.delete_group own_groups.transfer_group"),
        (ADMINS, "own_groups.manage_permissions own_groups.remove_member own_groups.remove_members"),
        (ADMINS, "doors.group_invites doors.create_invite_link doors.deactivate_invite"),
        (ADMINS, "doors.accept_request doors.refuse_request"),
        (STUDENTS, "doors.join_listed doors.withdraw_request doors.join_via_code doors.join_via_invite_link"),
        (STUDENTS, "own_groups.create_own_group own_groups.preview_new_name"),
        (IN_IT | MANAGERS, "space.space space.more_messages space.mark_messages_read space.post_message"),
        (IN_IT | MANAGERS, "space.upload_document space.download_document"),
        (ADMINS, "space.delete_document"),  # of somebody else
        (set(), "space.serve_document"),  # opens to nobody without an address of their own (test_documents)
    )
    for name in names.split()
}
# Who comes as far as the rules of the thing itself, and is refused by those: a student who is no inviter, a creator who
# would leave, somebody's draft for another one, a group's history for who is not in it.
RULED: dict[str, set[str]] = {
    **{name: STUDENTS - people for name, people in OPEN_TO.items() if name.startswith("formation.")},
    "own_groups.leave_group": {"creator"},
    "history.group_history": EVERYBODY - IN_IT - STAFF,
    "connection.disconnect": STAFF,
    **{name: {"assistant"} for name in ("imports.confirm_import", "imports.confirm_reimport", "roster_files.confirm")},
    **{name: {"assistant"} for name in ("placing.place_link", "placing.cancel_placing")},
}
# Which only the inviter does: the others are refused with 403 by the rule, not by their right (FORM-34).
INVITERS_OWN = {name for name, people in OPEN_TO.items() if name.startswith("formation.") and people == {"creator"}}
Sent = Callable[[Scene], dict[str, Any]]
# What is sent to do it, where an empty form does nothing.
SENT: dict[str, Sent] = {
    "own_groups.edit_group": lambda s: {"name": "renamed"},
    "own_groups.preview_name": lambda s: {"name": "renamed"},
    "own_groups.manage_permissions": lambda s: {f"role-{s.ids['Mia']}": "editor"},
    "own_groups.remove_members": lambda s: {"member_ids": [str(s.ids["Mia"])]},
    "own_groups.transfer_group": lambda s: {"member_id": str(s.ids["Mia"])},
    "own_groups.create_own_group": lambda s: {"name": "another"},
    "own_groups.preview_new_name": lambda s: {"name": "another"},
    "doors.create_invite_link": lambda s: {"max_uses": "3"},
    "doors.join_via_code": lambda s: {"code": s.row.invite_code},
    "space.post_message": lambda s: {"body": "hello"},
    "formation.invite_classmates": lambda s: {"member_ids": [str(s.ids["Olga"])]},
    "groupings.add_to_grouping": lambda s: {"member_ids": [str(s.ids["Olga"])]},
    "groupings.create_grouping": lambda s: {"member_ids": [str(s.ids["Olga"])]},
    "groupings.clone_groupings": lambda s: {"source_id": str(s.later), "seen": "1"},
    "groupings.import_groupings": lambda s: {"file": (BytesIO(b"new,olga@students.example\n"), "g.csv")},
    "groupings.move_to_grouping": lambda s: {"target_id": str(s.other)},
    "group_sets.create_group_set": lambda s: {"name": "New"},
    "group_sets.delete_group_set": lambda s: {"where": "here"},
    "group_sets.edit_group_set": lambda s: {"name": "New"},
    "groups.create_group": lambda s: {"name": "new", "count": "1"},
    "groups.edit_group": lambda s: {"name": "New", "description": "New"},
    "groups.batch_assign_students": lambda s: {"member_ids": [str(s.ids["Otto"])], "group_id": str(s.id)},
    "groups.add_student_to_group": lambda s: {"member_id": str(s.ids["Otto"])},
    "assignments.create_assignment": lambda s: {"name": "New", "kind": "all"},
    "members.add_member": lambda s: {"name": "New", "email": "new@x.example", "git_username_status": "unknown"},
}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, keys_dir: Path) -> Iterator[Scene]:
    """One course for all routes: who is refused changes nothing, and what is allowed is put back."""
    own = opened(settings_in(tmp_path_factory.mktemp("roles"), keys_dir))
    with pytest.MonkeyPatch.context() as patch, own as app:
        lms = PlayedLms()
        patch.setattr(gateways, "open_gateway", lambda *_, lms=lms, **__: lms)
        yield Scene(app)


def routes_of_courses(app: Flask) -> dict[str, set[str]]:
    """Return the methods of every route of a course."""
    found: dict[str, set[str]] = {}
    for rule in app.url_map.iter_rules():
        if "course_id" in rule.arguments:
            found.setdefault(rule.endpoint, set()).update((rule.methods or set()) & {"GET", "POST"})
    return found


def methods(app: Flask, endpoint: str) -> list[str]:
    return sorted(routes_of_courses(app)[endpoint])


def test_every_route_of_a_course_stands_in_the_table(app: Flask) -> None:
    assert set(routes_of_courses(app)) == set(OPEN_TO), "say in OPEN_TO whom the route is open to"
    # Where a group's right is asked, it is a right of the table, and each is asked.
    asked = {getattr(view, "group_permission", None) for view in app.view_functions.values()}
    assert asked - {None} <= set(GroupPermission)
    assert set(GroupPermission) - asked <= {
        GroupPermission.TOGGLE_CODE,
        GroupPermission.REMOVE_CREATOR,
        GroupPermission.REMOVE_DOCUMENT,
    }


@pytest.mark.shows("TEAM-11", "TEAM-12", "TEAM-16", "TEAM-26", "TEAM-32", "TEAM-46", "TEAM-61", "TEAM-69", "TEAM-70")
@pytest.mark.shows("FORM-11", "FORM-34", "FORM-46")
@pytest.mark.parametrize("endpoint", OPEN_TO)
def test_each_route_is_open_to_whom_it_is_and_to_nobody_else(scene: Scene, endpoint: str) -> None:
    may, ruled = OPEN_TO[endpoint], RULED.get(endpoint, set())
    sent = SENT.get(endpoint, lambda _: {})
    for method in methods(scene.app, endpoint):
        with scene.nothing_written():
            for person in sorted(BROWSERS.keys() - may - ruled):
                answer = scene.ask(person, method, endpoint, sent(scene))
                assert answer.status_code == 403, f"{person} {method}: {answer.status_code} {answer.text[:200]}"
                assert answer.json["error"] in ("forbidden", "group_denied", "document_address"), f"{person} {method}"
            for person in sorted(ruled):
                answer = scene.ask(person, method, endpoint, sent(scene))
                wanted = (404, 409, 422)
                if endpoint in INVITERS_OWN:
                    wanted = (403,) if method == "POST" else (403, 404)  # a page to ask: who is not in it finds none
                assert answer.status_code in wanted, f"{person} {method}: {answer.status_code}"
            assert scene.ask(None, method, endpoint, sent(scene)).status_code == 401
            data = {"csrf_token": scene.stranger.token} if method == "POST" else None
            assert scene.stranger.client.open(scene.address(endpoint), method=method, data=data).status_code == 404
        for person in sorted(may):
            try:
                answer = scene.ask(person, method, endpoint, sent(scene))
                assert answer.status_code not in (401, 403, 404, 405), f"{person} {method}: {answer.text[:200]}"
                assert answer.status_code < 500, f"{person} {method}: {answer.status_code} {answer.text[:200]}"
            finally:
                scene.put_back()


@pytest.mark.shows("TEAM-73")
@pytest.mark.parametrize("endpoint", OPEN_TO)
def test_nothing_is_sent_without_the_forms_token(scene: Scene, endpoint: str) -> None:
    if "POST" not in methods(scene.app, endpoint):
        return
    sent = SENT.get(endpoint, lambda _: {})
    with scene.nothing_written():
        for person in ("creator", "staff", "outsider"):
            assert scene.ask(person, "POST", endpoint, sent(scene), token=False).status_code == 403
        browser = scene.people["staff"]
        foreign = {"csrf_token": browser.token, **sent(scene)}
        headers = {"Sec-Fetch-Site": "cross-site"}
        assert browser.client.post(scene.address(endpoint), data=foreign, headers=headers).status_code == 403


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
    names = {endpoint.rpartition(".")[2] for endpoint in OPEN_TO}
    assert set(SEED_NAMES) <= names


@pytest.mark.shows("TEAM-74")
def test_no_statement_of_the_package_is_put_together_from_text(app: Flask) -> None:
    package = Path(app.root_path)
    texts = {path: path.read_text(encoding="utf-8") for path in (package / "services").glob("*.py")}
    assert texts
    built = re.compile(r"""\btext\(\s*(?!["'])|exec_driver_sql|execute\(\s*f["']""")  # a fixed text is none
    assert not [path.name for path, text in texts.items() if built.search(text)]
