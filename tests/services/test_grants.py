"""Lent access: renewed by one at a time, told when it is over, and used for whom it may be used."""

import multiprocessing
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from lti_tool.domain.administration import Administrator
from lti_tool.domain.clock import now
from lti_tool.domain.errors import LmsError, LmsRefused, LmsUnavailable
from lti_tool.domain.sync import Report
from lti_tool.lms import canvas_oauth
from lti_tool.models import Course, CourseAccess, LmsGrant, RosterMember, ServiceToken, SyncRun, db, transaction
from lti_tool.services import (
    drift,
    gateways,
    grants,
    lms_changes,
    oauth_clients,
    publication,
    pull,
    push,
    revocation,
    runs,
)
from lti_tool.services.access import Viewer
from lti_tool.services.asked_rights import write_right
from lti_tool.services.publication_preview import preview_publication
from lti_tool.services.registration_edits import edit_registration
from lti_tool.services.set_edits import edits_of
from lti_tool.worker import do_run
from tests.services.connected import in_lms, in_store, open_set
from tests.services.published import fill, state_of

pytestmark = [pytest.mark.usefixtures("no_waiting"), pytest.mark.parametrize("flavour", ["canvas"])]
TOKEN_CALL = "POST /login/oauth2/token"
TEACHER, ANOTHER = 1001, 1002  # users of the demo LMS


@pytest.fixture(autouse=True)
def _developer_key(classroom: Any) -> None:
    registration_id = db.session.get_one(Course, classroom.course_id).registration_id
    key = ("demo-canvas-api", "demo-canvas-secret")
    oauth_clients.set_oauth_client(classroom.tool.settings, registration_id, *key)


def registration_of(classroom: Any) -> UUID:
    return db.session.get_one(Course, classroom.course_id).registration_id


def lend(classroom: Any, viewer: Viewer | None = None, user: int = TEACHER) -> LmsGrant:
    """Store what a consent of a user of the demo LMS brings."""
    viewer = viewer or classroom.viewer
    client = oauth_clients.open_client(classroom.tool.settings, registration_of(classroom))
    with classroom.lms.hub.lock:
        site, code = classroom.lms.hub.sites["canvas"], uuid4().hex
        until = 4_000_000_000
        classroom.lms.hub.codes[code] = {"user": user, "redirect_uri": "x:", "scope": "", "until": until}
        assert user in site.people
    tokens = canvas_oauth.redeem_code(classroom.tool.outbound, client, code, "x:")
    grants.lend(classroom.tool, client, viewer, tokens)
    return the_grant(viewer.name)


def the_grant(name: str = "Teacher") -> LmsGrant:
    db.session.rollback()
    query = select(LmsGrant).where(LmsGrant.name == name).execution_options(populate_existing=True)
    return db.session.scalars(query).one()


def run_out(**values: Any) -> None:
    with transaction() as session:
        for row in session.scalars(select(LmsGrant)):
            for name, value in ({"expires_at": now() + timedelta(seconds=30)} | values).items():
                setattr(row, name, value)


def renewals(classroom: Any) -> int:
    return int(classroom.lms.calls()["canvas"]["by_path"].get(TOKEN_CALL, 0))


def without_service_token(classroom: Any) -> None:
    with transaction() as session:
        session.delete(session.get_one(ServiceToken, registration_of(classroom)))


def colleague(classroom: Any, name: str = "Colleague", kind: str = "teacher", *, manages: bool = True) -> Viewer:
    key = uuid4()
    with transaction() as session:
        session.add(
            CourseAccess(
                id=key,
                course_id=classroom.course_id,
                lti_user_id=name.lower(),
                name=name,
                enrollment_type=kind,
                may_manage_groups=manages,
                is_administrator=False,
                launched_at=now(),
            )
        )
    return replace(classroom.viewer, access_id=key, name=name)


def used_by(classroom: Any, requested_by: UUID | None, kind: str = "groups") -> str | None:
    """Do a run and give whose access it used; an error as its code."""
    run = runs.claim(runs.queue(classroom.course_id, kind, requested_by=requested_by))
    assert run is not None
    run_id = run.id
    try:
        pull.run_pull(classroom.tool, run, Report())
    except LmsError as error:
        return error.code
    db.session.rollback()
    return db.session.get_one(SyncRun, run_id).acted_as


def at_once(app: Flask, count: int, work: Callable[[], str]) -> list[str]:
    """Do the same in several threads at once; give what each got."""
    start, got = threading.Barrier(count), []

    def run() -> None:
        with app.app_context():
            start.wait()
            try:
                got.append(work())
            except LmsError as error:
                got.append(error.code)

    db.session.rollback()
    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def test_of_many_at_once_one_renews_and_all_use_what_it_brought(app_on_both: Flask, classroom: Any) -> None:
    grant = lend(classroom)
    run_out()
    classroom.lms.reset_calls()
    classroom.lms.faults({"latency_ms": 150})  # so that all of them meet while it is renewed
    got = at_once(app_on_both, 6, lambda: grants.access_token(classroom.tool, grant.id).text)
    assert renewals(classroom) == 1
    assert len(set(got)) == 1
    assert got[0] in classroom.lms.hub.sites["canvas"].tokens
    after = the_grant()
    assert after.refreshing_until is None
    assert after.expires_at > now() + timedelta(minutes=50)
    assert grants.access_token(classroom.tool, grant.id).text == got[0]
    assert renewals(classroom) == 1


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")  # the LMS's threads are not ours to run on
def test_of_two_processes_one_renews_and_both_use_what_it_brought(app_on_both: Flask, classroom: Any) -> None:
    grant_id = lend(classroom).id
    run_out()
    classroom.lms.reset_calls()
    classroom.lms.faults({"latency_ms": 400})  # so that both meet while it is renewed
    processes = multiprocessing.get_context("fork")
    both, told = processes.Barrier(2), processes.Queue()

    def work() -> None:
        with app_on_both.app_context():
            db.engine.dispose(close=False)  # the parent's connections are the parent's
            both.wait(20)
            try:
                told.put(grants.access_token(classroom.tool, grant_id).text)
            except BaseException as error:
                told.put(repr(error))

    db.session.rollback()
    workers = [processes.Process(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    tokens = {told.get(timeout=20) for _ in workers}
    for worker in workers:
        worker.join(20)
    assert renewals(classroom) == 1
    assert tokens == {grants.access_token(classroom.tool, grant_id).text}
    assert tokens <= classroom.lms.hub.sites["canvas"].tokens.keys()
    assert renewals(classroom) == 1
    assert the_grant().refreshing_until is None


def test_of_many_that_are_refused_at_once_one_renews(app_on_both: Flask, classroom: Any) -> None:
    grant = lend(classroom)
    old = grants.access_token(classroom.tool, grant.id).text
    classroom.lms.reset_calls()
    classroom.lms.faults({"latency_ms": 150})
    got = at_once(app_on_both, 4, lambda: grants.access_token(classroom.tool, grant.id, rejected=old).text)
    assert renewals(classroom) == 1
    assert len(set(got)) == 1
    assert got != [old] * 4


def test_a_token_that_canvas_does_not_take_is_renewed_in_the_middle_of_a_sync(classroom: Any) -> None:
    lend(classroom)
    site = classroom.lms.hub.sites["canvas"]
    (value,) = [value for value, token in site.tokens.items() if token.refresh]
    site.tokens["changed meanwhile"] = replace(site.tokens.pop(value), value="changed meanwhile")
    classroom.lms.reset_calls()
    assert used_by(classroom, classroom.viewer.access_id) == "Teacher"
    assert renewals(classroom) == 1


def test_a_refused_renewal_ends_the_access_and_a_new_consent_mends_it(classroom: Any) -> None:
    lend(classroom)
    without_service_token(classroom)
    classroom.lms.hub.sites["canvas"].tokens.clear()  # taken back in Canvas
    assert used_by(classroom, classroom.viewer.access_id) == "grant_ended"
    grant = the_grant()
    assert (grant.error_code, grant.refreshing_until) == ("grant_ended", None)
    classroom.lms.reset_calls()
    assert used_by(classroom, classroom.viewer.access_id) == "grant_ended"
    assert classroom.calls() == 0  # nobody asks Canvas again
    lend(classroom)
    assert used_by(classroom, classroom.viewer.access_id) == "Teacher"


def test_a_renewal_that_canvas_does_not_answer_is_no_end(classroom: Any) -> None:
    grant = lend(classroom)
    run_out()
    classroom.lms.faults({"error_next": 1})
    with pytest.raises(LmsUnavailable):
        grants.access_token(classroom.tool, grant.id)
    assert (the_grant().error_code, the_grant().refreshing_until) == (None, None)
    assert grants.access_token(classroom.tool, grant.id).is_fresh


def test_the_turn_of_one_who_died_is_taken_over(classroom: Any) -> None:
    grant = lend(classroom)
    run_out(refreshing_until=now() - timedelta(seconds=1))
    assert grants.access_token(classroom.tool, grant.id).is_fresh
    # Who lost the turn to another stores nothing over what that one brought.
    assert grants._renew(classroom.tool, grant.id, now() - timedelta(minutes=1)) is None
    assert the_grant().refreshing_until is None


def test_no_transaction_is_open_while_canvas_is_asked(
    app_on_both: Flask, classroom: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = lend(classroom)
    run_out()
    renew, seen = canvas_oauth.renew, []

    def watched(*arguments: Any) -> Any:
        seen.append(db.session().in_transaction())
        return renew(*arguments)

    monkeypatch.setattr(canvas_oauth, "renew", watched)
    grants.access_token(classroom.tool, grant.id)
    assert seen == [False]


def test_a_changed_secret_key_is_said_and_nothing_is_lost(classroom: Any) -> None:
    grant = lend(classroom)
    without_service_token(classroom)
    settings = replace(classroom.tool.settings, secret_key="another secret that is long enough to pass")
    other = replace(classroom.tool, settings=settings)
    with pytest.raises(LmsRefused) as refused:
        grants.access_token(other, grant.id)
    assert refused.value.code == "grant_unreadable"
    problem = gateways.group_access_problem(other, classroom.course_id, classroom.viewer.access_id)
    assert problem == "grant_unreadable"
    with pytest.raises(LmsRefused) as refused:
        oauth_clients.open_client(settings, registration_of(classroom))
    assert refused.value.code == "oauth_client_unreadable"
    assert the_grant().error_code is None
    assert grants.access_token(classroom.tool, grant.id).is_fresh


def test_ones_own_access_goes_before_the_service_token_and_never_anothers(classroom: Any) -> None:
    lend(classroom)
    other = colleague(classroom)
    assert used_by(classroom, classroom.viewer.access_id) == "Teacher"
    assert used_by(classroom, other.access_id) == gateways.SERVICE
    without_service_token(classroom)
    assert used_by(classroom, classroom.viewer.access_id) == "Teacher"
    assert used_by(classroom, other.access_id) == "grant_missing"
    lend(classroom, other, ANOTHER)
    assert used_by(classroom, other.access_id) == "Colleague"


def test_without_a_developer_key_a_token_is_what_is_missing(classroom: Any) -> None:
    without_service_token(classroom)
    with transaction() as session:
        session.delete(session.get_one(oauth_clients.OauthClient, registration_of(classroom)))
    assert gateways.group_access_problem(classroom.tool, classroom.course_id) == "token_missing"


def test_work_in_the_background_uses_the_service_token_else_who_published(classroom: Any) -> None:
    other = colleague(classroom)
    lend(classroom)
    lend(classroom, other, ANOTHER)
    assert used_by(classroom, None) == gateways.SERVICE
    without_service_token(classroom)
    assert used_by(classroom, None) == "grant_missing"  # nobody has started anything here
    used_by(classroom, other.access_id)
    assert used_by(classroom, None) == "Colleague"
    classroom.pull("roster")
    set_id = classroom.new_set("Projects")
    classroom.new_groups(set_id, "Team")
    publication.request_publication(classroom.tool, classroom.viewer, set_id)
    with transaction() as session:
        for run in session.scalars(select(SyncRun).where(SyncRun.state == "queued")):
            run.state = "succeeded"
    used_by(classroom, other.access_id)
    assert used_by(classroom, None) == "Teacher"  # who published goes before who synced later


def test_somebody_elses_launch_is_work_in_the_background(classroom: Any) -> None:
    lend(classroom)
    student = colleague(classroom, "Student", "student", manages=False)
    assert used_by(classroom, student.access_id, "roster") == gateways.SERVICE
    without_service_token(classroom)
    used_by(classroom, classroom.viewer.access_id)
    assert used_by(classroom, student.access_id, "roster") == "Teacher"


@pytest.mark.parametrize("lost", ["right", "role", "left"])
def test_access_of_who_lost_the_right_is_not_used_any_more(classroom: Any, lost: str) -> None:
    lend(classroom)
    without_service_token(classroom)
    used_by(classroom, classroom.viewer.access_id)
    with transaction() as session:
        access = session.get_one(CourseAccess, classroom.viewer.access_id)
        if lost == "right":
            access.may_manage_groups = False
        elif lost == "role":
            access.enrollment_type = "student"
        else:
            member = RosterMember(
                id=uuid4(),
                course_id=classroom.course_id,
                name="Teacher",
                email=None,
                status="dropped",
                enrollment_type="teacher",
                source="lms",
                lms_user_id="1",
                created_at=now(),
            )
            session.add(member)
            session.flush()
            access.member_id = member.id
    classroom.lms.reset_calls()
    assert used_by(classroom, None) == "grant_missing"
    assert used_by(classroom, classroom.viewer.access_id) == "grant_missing"
    assert classroom.calls() == 0


def test_a_run_whose_worker_died_is_done_with_the_right_of_who_started_it(classroom: Any) -> None:
    lend(classroom)
    run = runs.claim(runs.queue(classroom.course_id, "groups", requested_by=classroom.viewer.access_id))
    assert run is not None
    run_id = run.id
    with transaction() as session:
        session.get_one(SyncRun, run_id).heartbeat_at = now() - timedelta(hours=1)
    assert runs.sweep(lambda _: None) == 1
    again = runs.claim(run_id)
    assert again is not None
    pull.run_pull(classroom.tool, again, Report())
    db.session.rollback()
    assert db.session.get_one(SyncRun, run_id).acted_as == "Teacher"


def ask_a_move(classroom: Any) -> UUID:
    """Ask for a move in a set of the LMS and leave it to the sweep; give the change."""
    set_id = open_set(classroom)
    first, second, *_ = classroom.read_set(set_id).cards
    asked = edits_of(classroom.course_id, set_id).assign(classroom.viewer, set_id, {first.members[0].id: second.row.id})
    (change_id,) = asked.asked
    return change_id


def sweep(classroom: Any) -> str | None:
    """Do what the worker's sweep finds, and give whose access it used; an error as its code."""
    rung: list[UUID] = []
    assert lms_changes.sweep(rung.append) == 1
    run = runs.claim(rung[0])
    assert run is not None
    try:
        lms_changes.run_changes(classroom.tool, run, Report())
    except LmsError as error:
        return error.code
    db.session.rollback()
    return db.session.get_one(SyncRun, rung[0]).acted_as


def test_what_the_sweep_sends_goes_by_the_right_of_who_asked_for_it(classroom: Any) -> None:
    other = colleague(classroom)
    change_id = ask_a_move(classroom)
    lend(classroom)
    lend(classroom, other, ANOTHER)
    assert sweep(classroom) == "Teacher"
    assert lms_changes.see_change(classroom.course_id, change_id).state == "sent"
    assert in_store(classroom) == in_lms(classroom)


def test_who_lost_the_right_before_the_worker_came_publishes_and_pushes_nothing(classroom: Any) -> None:
    set_id = fill(classroom)
    queued = publication.queue_publication(classroom.tool, set_id, requested_by=classroom.viewer.access_id)
    with transaction() as session:
        session.get_one(CourseAccess, classroom.viewer.access_id).may_manage_groups = False
    calls = classroom.calls()
    do_run(classroom.tool, queued)
    pushed = runs.queue(classroom.course_id, "push_all", requested_by=classroom.viewer.access_id)
    do_run(classroom.tool, pushed)
    ended = {run.id: run.error_code for run in runs.list_runs(classroom.course_id, 2)}
    assert ended == dict.fromkeys((queued, pushed), "asker_without_right")
    assert classroom.calls() == calls  # though the service token could do it
    assert state_of(set_id) == "refused"


def test_what_somebody_asked_for_who_lost_the_right_waits_for_another_s(classroom: Any) -> None:
    change_id, before = ask_a_move(classroom), in_lms(classroom)
    with transaction() as session:
        session.get_one(CourseAccess, classroom.viewer.access_id).may_manage_groups = False
    calls = classroom.calls()
    assert sweep(classroom) == "asker_without_right"  # though the service token could do it
    assert classroom.calls() == calls
    assert in_lms(classroom) == before
    assert lms_changes.see_change(classroom.course_id, change_id).state == "refused"
    assert lms_changes.retry(classroom.tool, colleague(classroom), change_id).state == "sent"
    assert in_store(classroom) == in_lms(classroom) != before


def test_a_look_at_the_lms_uses_the_access_of_who_looks_and_never_anothers(classroom: Any) -> None:
    other = colleague(classroom)
    classroom.pull("roster")
    set_id, unpublished = classroom.new_set("Published"), classroom.new_set("Not yet")
    for one in (set_id, unpublished):
        classroom.new_groups(one, "Team")
    lend(classroom)
    without_service_token(classroom)
    run = runs.claim(publication.queue_publication(classroom.tool, set_id, requested_by=classroom.viewer.access_id))
    assert run is not None
    push.run_push(classroom.tool, run, Report())
    mine = classroom.viewer.access_id
    assert drift.check_drift(classroom.tool, classroom.course_id, set_id, mine).items == ()
    assert preview_publication(classroom.tool, classroom.viewer, unpublished).silence is None
    calls = classroom.calls()
    with pytest.raises(LmsRefused, match="grant_missing"):
        drift.check_drift(classroom.tool, classroom.course_id, set_id, other.access_id)
    silence = preview_publication(classroom.tool, other, unpublished).silence
    assert silence is not None
    assert silence[0] == "grant_missing"
    assert classroom.calls() == calls


def test_what_an_access_may_is_known_of_it_alone(classroom: Any) -> None:
    def problems() -> tuple[str | None, str | None]:
        db.session.rollback()
        return write_right(classroom.viewer).problem, write_right(other).problem

    other = colleague(classroom)
    lend(classroom)
    assert problems() == ("rights_not_asked", "rights_not_asked")  # the service token's answer is not theirs either
    observer = next(p["id"] for p in classroom.state()["people"] if p["roles"] == ["StudentEnrollment"])
    lend(classroom, other, observer)  # in Canvas this one may nothing
    assert used_by(classroom, other.access_id) == "right_missing"
    assert problems() == ("rights_not_asked", "right_missing")
    assert used_by(classroom, classroom.viewer.access_id) == "Teacher"
    assert problems() == (None, "right_missing")
    lend(classroom, other, observer)  # anew: what was said of the former says nothing of this one
    assert problems() == (None, "rights_not_asked")
    with transaction() as session:
        session.delete(the_grant("Teacher"))
    assert problems() == ("rights_not_asked", "rights_not_asked")
    assert used_by(classroom, classroom.viewer.access_id) == gateways.SERVICE
    assert problems() == (None, "rights_not_asked")
    without_service_token(classroom)
    assert problems()[0] == "grant_missing"


REMOVALS: dict[str, Callable[[Any, UUID], object]] = {
    "the key": revocation.remove_oauth_client,
    "the registration": revocation.remove_registration,
    "its host": lambda tool, one: edit_registration(tool, Administrator(one), one, {"lms_url": "https://new.example"}),
}


@pytest.mark.parametrize("gone", REMOVALS)
def test_what_was_lent_ends_in_canvas_with_what_it_was_lent_by(classroom: Any, gone: str) -> None:
    lend(classroom)
    run_out(expires_at=now())  # a token that has run out cannot revoke itself
    lend(classroom, colleague(classroom), ANOTHER)

    def lent() -> set[int]:
        tokens = classroom.lms.hub.sites["canvas"].tokens.values()
        return {token.user for token in tokens} & {TEACHER, ANOTHER}

    assert lent() == {TEACHER, ANOTHER}
    REMOVALS[gone](classroom.tool, registration_of(classroom))
    assert not lent()
    assert not db.session.scalars(select(LmsGrant)).all()


def test_a_key_is_removed_although_canvas_is_down(classroom: Any) -> None:
    lend(classroom)
    classroom.lms.faults({"error_every": 1})
    revocation.remove_oauth_client(classroom.tool, registration_of(classroom))
    assert not db.session.scalars(select(LmsGrant)).all()
