"""Who may open which admin page: every route below /admin/, for everybody who might try."""

from typing import Any
from uuid import uuid4

import pytest

from lti_tool.domain.clock import now
from lti_tool.models import Deployment, Registration, RegistrationLink, db
from lti_tool.services import doctor as checks

NO_ID = "00000000-0000-4000-8000-000000000000"
# Every route of the admin pages, and who may use it: anybody who administers something, whoever administers the
# registration of the URL, or who administers all.
ROUTES = {
    "admin.registrations": "any",
    "admin_activity.find_refusal": "any",
    "admin.registration": "own",
    "admin.edit": "own",
    "admin.remove": "own",
    "admin_access.placements": "own",
    "admin_access.add_placement": "own",
    "admin_access.accept_placement": "own",
    "admin_access.refuse_placement": "own",
    "admin_access.set_rule": "own",
    "admin_access.access": "own",
    "admin_access.set_token": "own",
    "admin_access.remove_token": "own",
    "admin_access.set_client": "own",
    "admin_access.remove_client": "own",
    "admin_activity.launches": "own",
    "admin_activity.runs": "own",
    "admin_activity.doctor": "own",
    "admin.confirm": "all",
    "admin.add": "all",
    "admin.links": "all",
    "admin.withdraw_link": "all",
}


@pytest.fixture
def people(world: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Everybody who might try, and what they might try it on; the doctor calls nobody here."""
    monkeypatch.setattr(checks, "examine_registration", lambda *_: iter(()))
    managing, foreign = type(world)(world.app).open_course("M"), type(world)(world.app).open_course("F")
    world.deployment_id, world.link_id = uuid4(), uuid4()
    world._add(
        Deployment(
            id=world.deployment_id,
            registration_id=world.registration_id,
            lms_deployment_id="d",
            active=True,
            created_at=now(),
        ),
        RegistrationLink(id=world.link_id, token_hash="x", created_at=now(), expires_at=now()),
    )
    with world.app.app_context():
        db.session.get_one(Registration, managing.registration_id).manages_all = True
        db.session.commit()
    return {
        "student": world.browser("student"),
        "teacher": world.browser("teacher"),
        "foreign": foreign.browser(None, administers=True),
        "own": world.browser(None, administers=True, launched=False),
        "managing": managing.browser(None, administers=True),
    }


def expected(kind: str, who: str) -> int | None:
    """Return the status of a refusal, None for who is let in."""
    if who in ("student", "teacher"):
        return 403
    if kind == "all":
        return None if who == "managing" else 403
    return 404 if (kind, who) == ("own", "foreign") else None


def routes(world: Any) -> list[tuple[str, str, str]]:
    """Give endpoint, method and address of every admin route."""
    values = {
        "registration_id": world.registration_id,
        "deployment_id": world.deployment_id,
        "link_id": world.link_id,
    }
    found = []
    with world.app.test_request_context():
        adapter = world.app.create_url_adapter(None) or world.app.url_map.bind("127.0.0.1:8000")
        for rule in world.app.url_map.iter_rules():
            if rule.rule.startswith("/admin"):
                address = adapter.build(rule.endpoint, {name: values[name] for name in rule.arguments})
                found += [(rule.endpoint, method, address) for method in sorted({"GET", "POST"} & set(rule.methods))]
    return found


def test_every_admin_route_is_in_the_table_and_admits_whom_it_says(world: Any, people: Any) -> None:
    found = routes(world)
    assert {endpoint for endpoint, _, _ in found} == set(ROUTES)
    for who in ("student", "teacher", "foreign", "own", "managing"):
        for endpoint, method, address in found:
            if endpoint == "admin.remove" and method == "POST":
                continue  # its name is not typed; see below
            wanted = expected(ROUTES[endpoint], who)
            sent = {"csrf_token": people[who].token} if method == "POST" else {}
            status = people[who].client.open(address, method=method, data=sent).status_code
            where = f"{who} {method} {address}: {status}"
            if wanted is None:
                assert status in (200, 303, 404 if "remove" in endpoint else 200, 422), where
            else:
                assert status == wanted, where


def test_a_write_needs_its_own_page_and_a_session(world: Any, people: Any) -> None:
    for _, method, address in routes(world):
        if method == "POST":
            for headers, token in (({}, "0" * 64), ({"Origin": "https://evil.example"}, people["managing"].token)):
                answer = people["managing"].client.post(address, data={"csrf_token": token}, headers=headers)
                assert answer.status_code == 403, address
        assert world.app.test_client().open(address, method=method).status_code == 401, address
    assert len(world.stored(Registration)) == 3


def test_a_listing_shows_ones_own_only_unless_one_manages_all(people: Any) -> None:
    def rows(who: str) -> int:
        return len(people[who].get("/admin/").select("main tbody tr"))

    assert (rows("own"), rows("foreign"), rows("managing")) == (1, 1, 3)


def test_who_manages_no_longer_is_asked_at_every_request(world: Any, people: Any) -> None:
    with world.app.app_context():
        for row in db.session.query(Registration):
            row.manages_all = False
        db.session.commit()
    people["managing"].get("/admin/links", 403)


def test_an_administrator_sees_the_way_in_a_course_and_others_do_not(world: Any) -> None:
    assert world.browser("teacher", administers=True).get("").select_one('a[href="/admin/"]')
    assert not world.browser("teacher").get("").select_one('a[href="/admin/"]')


def test_trust_is_not_for_the_platforms_own_administrators(world: Any, people: Any) -> None:
    edit = f"/admin/registrations/{world.registration_id}/edit"
    assert {field["name"] for field in people["own"].get(edit).select("main input:not([type=hidden])")} == {
        "name",
        "lms_url",
    }
    people["own"].post(edit, name="\u202eOurs", lms_url="", issuer="https://victim.example", client_id="victim")
    (row,) = world.stored(Registration, id=world.registration_id)
    assert (row.name, row.issuer, row.client_id) == ("Ours", "https://lms.example", None)
