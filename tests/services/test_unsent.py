"""Published sets whose edits nobody sent: a process that died, a push that was at work, a copy that is gone."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from lti_tool.domain.clock import now
from lti_tool.domain.errors import LmsChanged
from lti_tool.domain.sync import Report
from lti_tool.models import Course, Registration, RosterMember, db, transaction
from lti_tool.services import group_sets, groups, launch, ledger_page, publication, push, references, runs, turns
from lti_tool.services.mirror import find_publication
from tests.services.faulted import calm, settle
from tests.services.published import fill, in_lms, in_store, publish, state_of
from tests.services.test_launch import ContextFacts, EnrollmentType, LaunchFacts

pytestmark = pytest.mark.usefixtures("no_waiting")

EDITS = ("rename", "move", "new group", "lent group", "deleted group")


def edit(classroom: Any, set_id: Any, kind: str) -> None:
    """Do what a page does before it sends: the process dies there."""
    cards = classroom.read_set(set_id).cards
    if kind == "rename":
        group_sets.rename_set(classroom.viewer, set_id, "Renamed set")
    elif kind == "move":
        groups.assign(classroom.viewer, set_id, {cards[0].members[0].id: cards[2].row.id})
    elif kind == "new group":
        groups.create_groups(classroom.viewer, set_id, "One more")
    elif kind == "deleted group":
        groups.delete_group(classroom.viewer, set_id, cards[1].row.id)
    else:  # through another set that holds the same group
        other = classroom.new_set("Beside")
        references.add_references(classroom.viewer, other, [cards[1].row.id])
        groups.edit_group(classroom.viewer, other, cards[1].row.id, "Lent crew", "")


@pytest.mark.shows("PUSH-40")
@pytest.mark.parametrize("kind", EDITS)
def test_an_edit_whose_process_died_is_sent_by_the_worker(classroom: Any, kind: str) -> None:
    set_id = fill(classroom)
    publish(classroom, set_id)
    edit(classroom, set_id, kind)
    settle(classroom)
    name = group_sets.get_set(classroom.course_id, set_id).name
    assert in_lms(classroom, name) == in_store(classroom, set_id)
    assert state_of(set_id) == "sent"
    db.session.rollback()
    assert find_publication(set_id).retry_at is None


def test_a_rename_during_a_push_is_sent_after_it(classroom: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    set_id = fill(classroom)
    publish(classroom, set_id)
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.0)
    told, real = [], push.plan_push

    def rename_meanwhile(*given: Any) -> Any:
        if not told:  # the push has read the set, and has not sent anything yet
            told.append(None)
            own = runs._at_work.set(None)
            group_sets.rename_set(classroom.viewer, set_id, "Renamed set")
            told.append(publication.push_after_change(classroom.tool, classroom.viewer, set_id))
            runs._at_work.reset(own)
        return real(*given)

    monkeypatch.setattr(push, "plan_push", rename_meanwhile)
    groups.edit_group(classroom.viewer, set_id, group_sets.read_groups(set_id)[2].id, "Crew three", "")
    view = publication.push_after_change(classroom.tool, classroom.viewer, set_id)
    assert told[1].state == "waiting"
    assert view.state == "waiting"
    assert [(d.kind, d.group, d.person) for d in view.differences] == [("set_name", "Renamed set", "Lab teams")]
    assert ledger_page.count_pending(classroom.course_id).changes == 1
    (mirror,) = ledger_page.list_mirrors(classroom.course_id)
    assert (mirror.is_behind, mirror.is_renamed, mirror.differing) == (True, True, 0)
    settle(classroom)
    assert in_lms(classroom, "Renamed set") == in_store(classroom, set_id)
    assert state_of(set_id) == "sent"


def test_an_account_that_a_launch_brings_is_sent(classroom: Any) -> None:
    set_id = fill(classroom)
    person = classroom.read_set(set_id).cards[0].members[0]
    lms_user_id, name = person.lms_user_id, person.name
    with transaction() as session:
        row = session.get_one(RosterMember, person.id)
        row.lms_user_id = row.lti_user_id = None
        row.source, row.email = "local", "x@y.example"
        course = session.get_one(Course, classroom.course_id)
        course.roster_refreshed_at, course.memberships_url = now(), None
    publish(classroom, set_id)
    assert in_lms(classroom, "Lab teams") != in_store(classroom, set_id)
    launch.record(
        LaunchFacts(
            registration_id=db.session.scalars(select(Registration.id)).one(),
            nonce_hash=uuid4().hex,
            lti_user_id="lti-9",
            name=name,
            email="x@y.example",
            student_number=None,
            roles=("Learner",),
            enrollment_type=EnrollmentType.STUDENT,
            is_administrator=False,
            is_test_user=False,
            message_type="LtiResourceLinkRequest",
            lms_deployment_id="1",
            context=ContextFacts("context", "Course", "C"),
            resource_link_id="link",
            memberships_url=None,
            custom={},
            target_path="/",
            locale=None,
            platform_origins=("https://lms.example",),
            may_manage_groups=None,
            lms_user_id=lms_user_id,
            lms_course_id=classroom.lms_course_id,
            groups_url=None,
            group_sets_url=None,
        )
    )
    settle(classroom)
    assert in_lms(classroom, "Lab teams") == in_store(classroom, set_id)
    assert state_of(set_id) == "sent"


@pytest.mark.parametrize("sent_by", ["an edit", "an unchanged form", "a push of everything"])
def test_a_copy_that_is_gone_stays_said_whoever_pushes(classroom: Any, sent_by: str) -> None:
    set_id = fill(classroom)
    publish(classroom, set_id)
    classroom.outsider("delete_set", set_id=find_publication(set_id).lms_group_set_id)
    classroom.pull()
    assert (state_of(set_id), find_publication(set_id).error_code) == ("refused", "set_gone")
    before = classroom.state()["groups"]
    if sent_by == "a push of everything":
        with pytest.raises(LmsChanged, match="set_gone"):
            push.run_push(classroom.tool, runs.claim(runs.queue(classroom.course_id, "push")), Report())
    else:
        if sent_by == "an edit":
            edit(classroom, set_id, "move")
        publication.push_after_change(classroom.tool, classroom.viewer, set_id)
    db.session.rollback()
    assert (state_of(set_id), find_publication(set_id).error_code) == ("refused", "set_gone")
    assert ledger_page.count_pending(classroom.course_id).changes == 1
    assert classroom.state()["groups"] == before  # nothing went into groups that are loose now


def test_a_look_that_fails_does_not_forget_that_the_copy_is_gone(classroom: Any) -> None:
    set_id = fill(classroom)
    publish(classroom, set_id)
    classroom.outsider("delete_set", set_id=find_publication(set_id).lms_group_set_id)
    classroom.pull()
    classroom.lms.faults({"error_next": 99})
    publication.push_after_change(classroom.tool, classroom.viewer, set_id)
    db.session.rollback()
    assert (state_of(set_id), find_publication(set_id).error_code) == ("waiting", "set_gone")
    calm(classroom)
    settle(classroom)
    assert (state_of(set_id), find_publication(set_id).error_code) == ("refused", "set_gone")
