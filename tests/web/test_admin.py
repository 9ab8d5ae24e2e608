"""The admin pages: registrations completed and removed, placements, stored access, refusals, the doctor."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LaunchError
from lti_tool.models import (
    Course,
    Deployment,
    LaunchRefusal,
    LmsGrant,
    OauthClient,
    Registration,
    ServiceToken,
    SyncRun,
    db,
    transaction,
)
from lti_tool.services import doctor as checks
from lti_tool.services import refusals, tokens, worker_signs
from lti_tool.services.findings import Finding, Verdict


@pytest.fixture
def admin(world: Any) -> Any:
    """An administrator whose registration manages all."""
    with world.app.app_context():
        db.session.get_one(Registration, world.registration_id).manages_all = True
        db.session.commit()
    return world.browser(None, administers=True)


def place(world: Any, tail: str = "") -> str:
    return f"/admin/registrations/{world.registration_id}{tail}"


def test_a_pending_registration_says_what_is_missing_and_is_completed(world: Any, admin: Any) -> None:
    listed = admin.get("/admin/").main.get_text(" ", strip=True)
    assert "Pending" in listed
    assert "client id, authorization address" in listed
    fields = {
        "name": "Our Canvas",
        "issuer": "https://lms.example",
        "client_id": "17",
        "auth_login_url": "https://lms.example/auth",
        "auth_token_url": "https://lms.example/token",
        "key_set_url": "no address",
    }
    wrong = admin.post(place(world, "/edit"), 422, fields=fields)
    assert wrong.select_one("#key_set_url[aria-invalid]")
    shown = admin.follow(place(world, "/edit"), fields={**fields, "key_set_url": "https://lms.example/keys"})
    assert "Active" in shown.select_one(".badges").text
    assert world.stored(Registration)[0].client_id == "17"


def test_an_address_of_another_host_forgets_what_was_stored_for_the_first(world: Any, admin: Any) -> None:
    with world.app.app_context():
        settings = world.app.extensions["lti_tool"].settings
        tokens.set_service_token(settings, world.registration_id, "secret-token")
    shown = admin.follow(place(world, "/edit"), name="A", issuer="https://lms.example", lms_url="https://evil.example")
    assert "forgotten" in shown.select_one("#notice").text
    assert not world.stored(ServiceToken)


def test_what_is_no_address_is_said_to_be_none(admin: Any, world: Any) -> None:
    fields = {"name": "A", "issuer": "https://lms.example"}
    for lms_url in ("https://[", "javascript:alert(1)", "https://"):
        assert admin.post(place(world, "/edit"), 422, **fields, lms_url=lms_url).select_one("#lms_url[aria-invalid]")
    for made in ({"issuer": "https://["}, {"issuer": "https://lms.example", "lms_url": "https://["}):
        admin.post("/admin/registrations/new", 422, family="canvas", **made)


def test_other_hosts_are_added_by_name_or_address_and_shown(world: Any, admin: Any) -> None:
    fields = {"name": "A", "issuer": "https://lms.example"}
    wrong = admin.post(place(world, "/edit"), 422, **fields, other_hosts="canvas.school.edu *.school.edu")
    assert wrong.select_one("#other_hosts[aria-invalid]")
    assert "“*.school.edu” is no host" in wrong.main.text
    shown = admin.follow(place(world, "/edit"), **fields, other_hosts="https://Canvas.School.edu/courses/1, b.example")
    assert "canvas.school.edu b.example" in shown.main.text
    assert admin.get(place(world, "/edit")).select_one("#other_hosts")["value"] == "canvas.school.edu b.example"
    admin.follow(place(world, "/edit"), **fields, other_hosts="")
    assert world.stored(Registration)[0].other_hosts is None


def test_an_unconfirmed_registration_is_confirmed_by_a_click(world: Any, admin: Any) -> None:
    fields = ("client_id", "auth_login_url", "auth_token_url", "key_set_url")
    complete = dict.fromkeys(fields, "https://x.example")
    other = Registration(
        name="New",
        family="moodle",
        issuer="https://m.example",
        confirmed=False,
        created_at=now(),
        **complete,
    )
    world._add(other)
    path = f"/admin/registrations/{other.id}"
    assert "waits for confirmation" in admin.get(path).main.text
    assert "Active" in admin.follow(f"{path}/confirm").select_one(".badges").text


def test_one_is_registered_by_hand_with_the_fields_of_its_own_form(admin: Any) -> None:
    admin.post("/admin/registrations/new", 422, family="moodle", issuer="")
    page = admin.follow("/admin/registrations/new", family="moodle", issuer="https://moodle.example")
    values = {field["value"] for field in page.select(".copied input")}
    assert any(value.endswith("/jwks.json") for value in values)
    assert "https://moodle.example/mod/lti/certs.php" in page.main.text


def test_a_link_is_shown_once_and_withdrawn(admin: Any) -> None:
    page = admin.post("/admin/links", 200, hours="24", issuer="https://m.example")
    url = page.select_one("#made-link")["value"]
    assert "/lti/register?token=" in url
    listed = admin.get("/admin/links")
    assert url.partition("=")[2] not in str(listed)
    form = listed.select_one("tbody form")
    assert "Withdrawn" in admin.follow(form["action"]).main.text
    admin.post("/admin/links", 422, hours="0")
    admin.post("/admin/links", 422, hours="24", issuer="no address")


def test_a_registration_is_removed_when_its_name_was_typed(world: Any, admin: Any) -> None:
    world.group_set("Projects", {"Team 1": []})
    page = admin.get(place(world, "/remove"))
    assert "1 course with 1 group" in " ".join(page.main.text.split())
    admin.post(place(world, "/remove"), 422, name="demo")
    assert world.stored(Course)
    page = admin.post(place(world, "/remove"), 200, name="Demo")
    assert "is removed" in page.h1.text
    assert not world.stored(Course)
    admin.get("/admin/", 401)


def test_a_placement_waits_is_refused_and_accepted(world: Any, admin: Any) -> None:
    world._add(
        Deployment(registration_id=world.registration_id, lms_deployment_id="17:a", active=False, created_at=now())
    )
    assert "1 waiting" in admin.get("/admin/").main.text
    page = admin.get(place(world, "/deployments"))
    accept, refuse = (form["action"] for form in page.select("tbody form"))
    assert "Refused" in admin.follow(refuse).select_one("tbody").text
    assert "none waiting" in admin.get("/admin/").main.text
    assert "Accepted" in admin.follow(accept).select_one("tbody").text
    admin.post(place(world, "/deployments"), 422, deployment_id="")
    admin.post(place(world, "/deployments"), deployment_id="18:b")
    assert "accepted at once" in admin.follow(place(world, "/deployments/rule"), accepts="yes").main.text
    rows = {row.lms_deployment_id: row.active for row in world.stored(Deployment)}
    assert rows == {"17:a": True, "18:b": True}
    assert world.stored(Registration)[0].accepts_deployments


def test_a_placement_of_another_registration_is_not_found(world: Any, admin: Any) -> None:
    other = type(world)(world.app).open_course("Other")
    row = Deployment(registration_id=other.registration_id, lms_deployment_id="x", active=False, created_at=now())
    world._add(row)
    admin.post(place(world, f"/deployments/{row.id}/accept"), 404)
    assert not world.stored(Deployment)[0].active


def test_a_token_is_stored_with_by_whom_and_never_shown_again(world: Any) -> None:
    admin = world.browser("teacher", name="Ada Admin", administers=True)
    admin.post(place(world, "/access/token"), 422, token=" ")
    page = admin.follow(place(world, "/access/token"), token="very-secret-token")
    assert "by Ada Admin" in page.main.text
    assert "very-secret-token" not in str(page)
    assert b"very-secret-token" not in world.stored(ServiceToken)[0].ciphertext
    removed = admin.follow(place(world, "/access/token/remove"))
    assert "None" in removed.select_one("#token-title + .badges").text
    admin.post(place(world, "/access/token/remove"), 404)


def test_a_developer_key_goes_with_what_people_lent_by_it(world: Any, admin: Any) -> None:
    admin.post(place(world, "/access/developer-key"), 422, client_id="1", secret="")
    page = admin.follow(place(world, "/access/developer-key"), client_id="170", secret="key-secret")
    assert "170" in page.main.text
    assert "key-secret" not in str(page)
    world._add(
        LmsGrant(
            registration_id=world.registration_id,
            lti_user_id="u",
            name="N",
            access_ciphertext=b"",
            refresh_ciphertext=b"",
            expires_at=now(),
            granted_at=now(),
        )
    )
    assert "1 person has" in " ".join(admin.get(place(world, "/access")).main.text.split())
    admin.post(place(world, "/access/developer-key/remove"))
    assert not world.stored(OauthClient)
    assert not world.stored(LmsGrant)


def test_launches_are_listed_without_who_and_runs_with_their_calls(world: Any, admin: Any) -> None:
    world.browser("student", name="Stella Student")
    world.run("pull", report='{"calls": 24, "seconds": 1.87}')
    world.run("groups", "failed", error_code="token_rejected")
    page = admin.get(place(world, "/launches"))
    assert "Student" in page.main.text
    assert "Biology 101" in page.main.text
    assert "Stella" not in str(page)
    text = " ".join(admin.get(place(world, "/runs")).main.text.split())
    assert "1.9 s" in text
    assert "24" in text
    assert "did not accept" in text or "token" in text
    assert len(world.stored(SyncRun)) == 2


def test_a_refused_launch_is_found_by_the_reference_that_the_person_was_shown(world: Any, admin: Any) -> None:
    """Through the front door: the login names another issuer."""
    key = world.registration_id
    with world.app.app_context(), transaction():
        row = db.session.get_one(Registration, key)
        row.client_id = row.auth_login_url = row.auth_token_url = row.key_set_url = "https://lms.example/x"
    answer = world.app.test_client().get(
        f"/lti/{key}/login?iss=https://other.example&login_hint=Ada+Lovelace&target_link_uri=x"
    )
    reference = answer.text.partition("Reference: <code>")[2][:8]
    assert answer.status_code == 400
    found = admin.get(f"/admin/refusals?reference={reference.upper()}").select_one("tbody").text
    assert "another issuer" in found
    assert reference in found
    (stored,) = world.stored(LaunchRefusal)
    assert (stored.code, stored.facts) == ("login_issuer", "{}")  # nobody's data
    assert "another issuer" in admin.get(place(world, "/launches")).main.text
    other = type(world)(world.app).open_course("Other").browser(None, administers=True)
    assert "No refused launch" in other.get(f"/admin/refusals?reference={reference}").main.text


def test_a_refused_placement_leads_to_where_it_is_accepted(world: Any, admin: Any) -> None:
    with world.app.app_context():
        error = LaunchError("deployment_unknown", deployment="2:f3a9")
        refusals.note_refusal(world.registration_id, error, "0a1b2c3d")
    row = admin.get("/admin/refusals?reference=0a1b2c3d").select_one("tbody")
    assert row.find("a", string="Go to the placements")["href"] == place(world, "/deployments")


def test_an_administrator_signs_out_from_the_admin_pages(admin: Any) -> None:
    page = admin.get("/admin/")
    form = page.select_one("header form.sign-out")
    sent = admin.client.post(form["action"], data={"csrf_token": form.select_one("input[name=csrf_token]")["value"]})
    assert sent.headers["Location"] == "/signed-out"
    admin.get("/admin/", 401)


def test_a_flood_of_refusals_is_no_flood_of_writes_and_old_ones_go(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with world.app.app_context():
        for _ in range(refusals.MOST_A_MINUTE + 5):
            refusals.note_refusal(
                world.registration_id, LaunchError("launch_used", deployment="d" * 900, name="Ada"), "r"
            )
        rows = db.session.scalars(select(LaunchRefusal)).all()
        assert len(rows) == refusals.MOST_A_MINUTE
        assert "Ada" not in rows[0].facts
        assert len(rows[0].facts) < 300
        # What a stranger can send without end keeps nothing out that has another reason.
        refusals.note_refusal(world.registration_id, LaunchError("token_expired"), "beef")
        assert [row.code for row in refusals.find_refusals("beef", None)] == ["token_expired"]
        refusals.note_refusal(UUID(int=1), LaunchError("launch_used"), "r")  # a registration that is not there
        monkeypatch.setattr(refusals, "MOST_KEPT", 3)
        newest = {row.id for row in sorted(rows, key=lambda row: row.created_at)[-3:]}
        refusals.purge()
        of_flood = select(LaunchRefusal.id).where(LaunchRefusal.code == "launch_used")
        assert set(db.session.scalars(of_flood)) == newest
        assert refusals.find_refusals("beef", None)


def test_the_worker_gives_a_sign_each_minute_and_forgets_old_refusals(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    doorbell = world.app.extensions["lti_tool_doorbell"]
    with world.app.app_context():
        refusals.note_refusal(world.registration_id, LaunchError("launch_used"), "r")
        assert worker_signs.last_sign() is None
    doorbell._sweep()
    monkeypatch.setattr(refusals, "KEPT_FOR", -refusals.KEPT_FOR)
    doorbell._purge()
    with world.app.app_context():
        assert worker_signs.last_sign() is not None
    assert not world.stored(LaunchRefusal)


def test_the_doctor_is_asked_by_a_post_and_says_what_to_do(
    world: Any, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = Finding("key set", Verdict.FAILED, "no answer", "check it", LaunchError("token_rejected"), place="edit")
    monkeypatch.setattr(checks, "examine_registration", lambda *_: iter([failed, Finding("issuer", Verdict.OK)]))
    monkeypatch.setattr(checks, "database_revision", lambda: ("1", "1"))
    with world.app.app_context():
        worker_signs.give_sign()
        worker_signs.give_sign()
    assert "key set" not in admin.get(place(world, "/doctor")).main.text
    command = Finding("access", Verdict.WARNING, "none", "lti-tool token set 1")
    monkeypatch.setattr(
        checks, "examine_registration", lambda *_: iter([failed, command, Finding("issuer", Verdict.OK)])
    )
    page = admin.post(place(world, "/doctor"), 200)
    assert page.select_one("td code").text == "lti-tool token set 1", "a command is copied as it stands"
    (row,) = [row for row in page.select("tbody tr") if row.th.text == "key set"]
    assert ("key set" in row.text, "Check it" in row.text) == (True, True)
    assert row.select_one("a")["href"].endswith("/edit")
    assert "queue" in page.select_one("details").text
    own = world.browser(None, administers=True)
    with world.app.app_context(), transaction():
        db.session.get_one(Registration, world.registration_id).manages_all = False
    summed = own.post(place(world, "/doctor"), 200).main.text
    assert "this installation" in summed
    assert "signing key" not in summed


def test_the_doctor_says_when_processes_cannot_count_their_calls_together(
    world: Any, admin: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "examine_registration", lambda *_: iter(()))
    places = world.app.extensions["lti_tool"].outbound.places
    monkeypatch.setattr(places, "folder", tmp_path / "fine")
    fine = admin.post(place(world, "/doctor"), 200).select_one("details").text
    assert "4 at most from this machine with one access to an LMS" in fine
    (tmp_path / "file").touch()
    monkeypatch.setattr(places, "folder", tmp_path / "file" / "places")
    page = admin.post(place(world, "/doctor"), 200)
    (row,) = [row for row in page.select("tbody tr") if row.th.text == "calls at once"]
    assert "Warning" in row.text
    assert "Not a directory" in row.text
    assert "LTI_TOOL_DATA_DIR" in row.text


@pytest.mark.parametrize("tail", ["", "/deployments", "/access", "/launches", "/runs"])
def test_a_page_has_a_fixed_number_of_queries(world: Any, admin: Any, count_queries: Any, tail: str) -> None:
    admin.get(place(world, tail))
    count_queries()
    admin.get(place(world, tail))
    assert count_queries() <= 6
