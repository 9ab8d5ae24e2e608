"""What administrators see and do, on both databases: counts, refusals, signs of workers, and the rotation of keys."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from lti_tool.domain.administration import Administrator
from lti_tool.domain.errors import Forbidden, LaunchError, NotFound
from lti_tool.models import Deployment, LaunchRefusal, db
from lti_tool.services import (
    admin_pages,
    deployments,
    refusals,
    registration_edits,
    registrations,
    rotation,
    tokens,
    worker_signs,
)


@pytest.fixture
def registered(app_on_both: Any) -> Any:
    """Two registrations; the first has a placement."""
    first = registrations.add_registration("https://a.example", "canvas", client_id="c", deployments=("1",))
    registrations.add_registration("https://b.example", "moodle")
    return first.id


def test_registrations_are_seen_by_whom_they_concern(registered: Any, app_on_both: Any) -> None:
    tool = app_on_both.extensions["lti_tool"]
    own = admin_pages.list_visible(Administrator(registered))
    assert [(one.state, one.waiting, one.courses, one.launched_at) for one in own] == [("active", 0, 0, None)]
    every = admin_pages.list_visible(Administrator(registered, manages_all=True))
    assert [one.missing for one in every] == [(), ("client_id",)]
    assert admin_pages.count_loss(registered).groups == 0
    with pytest.raises(Forbidden, match="forbidden_all_registrations"):
        registration_edits.edit_registration(
            tool, Administrator(registered), registered, {"issuer": "https://v.example"}
        )


def test_a_placement_is_decided_about_and_listed_in_order(registered: Any) -> None:
    registrations.add_deployment(registered, "2")
    (row,) = db.session.scalars(select(Deployment).where(Deployment.lms_deployment_id == "1"))
    deployments.decide_deployment(registered, row.id, accept=False)
    found = [(one.lms_deployment_id, one.active) for one in admin_pages.see_deployments(registered)]
    assert found == [("1", False), ("2", True)]
    registrations.add_deployment(registered, "1")
    assert all(one.active and one.refused_at is None for one in admin_pages.see_deployments(registered))
    with pytest.raises(NotFound):
        deployments.decide_deployment(registered, registered, accept=True)


def test_refusals_are_kept_found_and_bounded(registered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(refusals.MOST_A_MINUTE + 3):
        refusals.note_refusal(registered, LaunchError("launch_used", secret="x"), f"{number:08x}")
    assert len(refusals.list_refusals(registered, 99)) == refusals.MOST_A_MINUTE
    assert [one.code for one in refusals.find_refusals(" 00000003 ", (registered,))] == ["launch_used"]
    assert not refusals.find_refusals("00000003", ())
    assert len(refusals.find_refusals("00000003", None)) == 1
    monkeypatch.setattr(refusals, "MOST_KEPT", 4)
    refusals.purge()
    assert len(db.session.scalars(select(LaunchRefusal)).all()) == 4


def test_a_worker_has_one_sign(app_on_both: Any) -> None:
    assert worker_signs.last_sign() is None
    worker_signs.give_sign()
    first = worker_signs.last_sign()
    worker_signs.give_sign()
    db.session.rollback()
    assert worker_signs.last_sign() >= first


def test_secrets_are_rotated_once(app_on_both: Any, registered: Any) -> None:
    settings = app_on_both.extensions["lti_tool"].settings
    tokens.set_service_token(settings, registered, "token", set_by="Ada")
    changed = replace(settings, secret_key="n" * 40, old_secret_key=settings.secret_key)
    assert rotation.rotate_secrets(changed).rotated == {"service_token": 1}
    assert rotation.rotate_secrets(changed).already == 1
    assert tokens.read_service_token(replace(changed, old_secret_key=""), registered) == "token"
