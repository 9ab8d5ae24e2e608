"""Sessions after a launch."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from lti_tool.domain.errors import LaunchError
from lti_tool.lti.facts import LaunchFacts
from lti_tool.lti.launch import note_deployment
from lti_tool.lti.session import KEPT, close_session, find_session, open_session, purge_expired
from lti_tool.models import BrowserSession, Deployment, Registration, db, transaction


@pytest.fixture
def facts(school, context):
    return LaunchFacts(
        registration_id=school.registration_id,
        nonce_hash=uuid4().hex,
        lti_user_id="u1",
        name="Ada",
        email=None,
        student_number=None,
        roles=(),
        enrollment_type=None,
        is_administrator=False,
        is_test_user=False,
        message_type="LtiResourceLinkRequest",
        lms_deployment_id="dep-1",
        context=None,
        resource_link_id=None,
        memberships_url=None,
        custom={},
        target_path="/",
        locale=None,
        platform_origins=("https://a.example", "https://b.example"),
        may_manage_groups=None,
        lms_user_id=None,
        lms_course_id=None,
    )


def test_a_session_is_found_by_its_secret_until_it_is_closed(facts):
    with transaction() as session:
        token = open_session(session.connection(), facts)
    found = find_session(token)
    assert (found.registration_id, found.lti_user_id) == (facts.registration_id, "u1")
    assert found.frame_origins == "https://a.example https://b.example"
    assert token not in found.token_hash
    assert find_session("x" + token) is None
    close_session(token)
    assert find_session(token) is None


def test_a_launch_is_used_once_even_after_its_session_was_closed(facts):
    with transaction() as session:
        token = open_session(session.connection(), facts)
    close_session(token)
    purge_expired()
    with pytest.raises(LaunchError, match="launch_used"), transaction() as session:
        open_session(session.connection(), facts)


def test_a_launch_that_was_not_recorded_was_not_used(facts):
    with transaction() as session:
        open_session(session.connection(), facts)
        session.rollback()
    with transaction() as session:
        open_session(session.connection(), facts)


def test_what_ended_is_purged_and_what_lives_stays(facts):
    with transaction() as session:
        ended, live = (open_session(session.connection(), replace(facts, nonce_hash=uuid4().hex)) for _ in range(2))
    with transaction():
        find_session(ended).expires_at = datetime.now(UTC) - KEPT - timedelta(seconds=1)
    assert find_session(ended) is None
    purge_expired()
    assert find_session(live)
    left = db.session.query(BrowserSession).filter_by(registration_id=facts.registration_id)
    assert left.count() == 1


@pytest.fixture
def registered(app_on_both):
    registration_id = uuid4()
    with transaction() as session:
        session.add(
            Registration(
                id=registration_id, name="S", family="canvas", issuer="i", client_id="c", created_at=datetime.now(UTC)
            )
        )
    return registration_id


def _at_once(app, act):
    """Run the act six times at the same time, each in a context of its own; return what came of it."""
    gate, outcomes = threading.Barrier(6), []

    def run():
        gate.wait()
        with app.app_context():
            try:
                act()
            except LaunchError as error:
                outcomes.append(error.code)
            else:
                outcomes.append("done")

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


def test_of_many_uses_at_once_one_wins_on_both_databases(app_on_both, registered, facts):
    mine = replace(facts, registration_id=registered)

    def use():
        with transaction() as session:
            open_session(session.connection(), mine)

    assert _at_once(app_on_both, use) == ["done", *["launch_used"] * 5]


def test_a_placement_is_noted_once_on_both_databases(app_on_both, registered):
    assert _at_once(app_on_both, lambda: note_deployment(registered, "dep-new")) == ["done"] * 6
    (noted,) = db.session.scalars(select(Deployment).where(Deployment.registration_id == registered))
    assert (noted.lms_deployment_id, noted.active) == ("dep-new", False)
