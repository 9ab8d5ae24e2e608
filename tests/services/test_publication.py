"""Publishing: the LMS holds what the tool holds, or a row says what has not arrived and why."""

from typing import Any
from uuid import UUID

import pytest

from lti_tool.domain.drift import Choice
from lti_tool.domain.errors import Conflict, Forbidden, LmsError, LmsRefused, RuleViolation
from lti_tool.domain.sync import Report
from lti_tool.models import RosterMember, transaction
from lti_tool.services import drift, drift_choices, group_sets, groups, publication, push, removal, runs, turns
from lti_tool.services.mirror import find_publication
from lti_tool.services.publication_preview import preview_publication
from tests.services.faulted import settle
from tests.services.published import fill, in_lms, in_store, publish, state_of

pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.mark.shows("PUSH-38", "PUSH-41")
def test_a_published_set_is_in_the_lms_with_its_groups_and_people(classroom: Any) -> None:
    set_id = fill(classroom)
    report = publish(classroom, set_id)
    assert in_lms(classroom, "Lab teams") == in_store(classroom, set_id)
    assert in_store(classroom, set_id)["crew-3"] == set()
    assert (report.complete, report.errors, report.groups.created) == (True, [], 3)
    assert state_of(set_id) == "sent"
    assert publication.read_publication(classroom.course_id, set_id).differences == []


def test_a_pull_makes_no_second_set_of_a_mirror(classroom: Any) -> None:
    set_id = fill(classroom)
    publish(classroom, set_id)
    classroom.pull()
    names = [summary.row.name for summary in group_sets.list_sets(classroom.course_id)]
    assert names.count("Lab teams") == 1
    assert "crew-1" not in {c.row.name for s in names for c in cards(classroom, s) if s != "Lab teams"}


def cards(classroom: Any, name: str) -> Any:
    row = next(s.row for s in group_sets.list_sets(classroom.course_id) if s.row.name == name)
    return classroom.read_set(row.id).cards


@pytest.mark.shows("PUSH-33", "PUSH-34", "PUSH-39")
def test_every_later_change_is_in_the_lms_when_the_call_returns(classroom: Any) -> None:
    set_id = fill(classroom)
    publish(classroom, set_id)
    classroom.lms.faults({"latency_ms": 100})  # who does not wait for the LMS answers before it has the change
    viewer, course_id = classroom.viewer, classroom.course_id
    first, second, third = (card.row.id for card in classroom.read_set(set_id).cards)
    student = classroom.read_set(set_id).cards[0].members[0].id
    changes = (
        lambda: groups.assign(viewer, set_id, {student: third}),
        lambda: groups.edit_group(viewer, set_id, second, "Renamed crew", ""),
        lambda: groups.remove_member(viewer, set_id, third, student),
        lambda: groups.create_groups(viewer, set_id, "Late crew"),
        lambda: groups.delete_group(viewer, set_id, first),
        lambda: group_sets.rename_set(viewer, set_id, "Lab teams, renamed"),
    )
    for change in changes:
        change()
        view = publication.push_after_change(classroom.tool, viewer, set_id)
        name = group_sets.get_set(course_id, set_id).name
        assert (view.state, view.differences) == ("sent", []), name
        assert in_lms(classroom, name) == in_store(classroom, set_id)


def test_moving_one_person_takes_two_calls(classroom: Any) -> None:
    set_id = fill(classroom)
    publish(classroom, set_id)
    page = classroom.read_set(set_id)
    before = classroom.calls()
    groups.assign(classroom.viewer, set_id, {page.cards[0].members[0].id: page.cards[1].row.id})
    view = publication.push_after_change(classroom.tool, classroom.viewer, set_id)
    assert classroom.calls() - before == runs.list_runs(classroom.course_id, 1)[0].report["calls"] <= 2
    assert (view.state, view.differences) == ("sent", [])
    assert in_lms(classroom, "Lab teams") == in_store(classroom, set_id)


@pytest.mark.shows("PUSH-40")
@pytest.mark.parametrize(
    ("fault", "state"),
    [({"error_next": 999}, "waiting"), ({"throttle": "429"}, "waiting"), ({"revoke_token": True}, "refused")],
    ids=["500", "throttled", "token revoked"],
)
def test_a_change_that_the_lms_does_not_take_is_kept_shown_and_sent_later(
    classroom: Any, fault: dict[str, Any], state: str
) -> None:
    set_id = fill(classroom)
    publish(classroom, set_id)
    before = in_lms(classroom, "Lab teams")
    page = classroom.read_set(set_id)
    classroom.lms.faults(fault)
    groups.assign(classroom.viewer, set_id, {page.cards[0].members[0].id: page.cards[2].row.id})
    view = publication.push_after_change(classroom.tool, classroom.viewer, set_id)
    assert view.state == state
    assert view.error_code
    assert {(d.kind, d.group) for d in view.differences} == {("member_missing", "crew-3"), ("member_extra", "crew-1")}
    assert in_lms(classroom, "Lab teams") == before
    classroom.lms.faults({})
    rung: list[UUID] = []
    if state == "waiting":  # the worker comes back by itself
        with transaction():
            find_publication(set_id).retry_at = find_publication(set_id).created_at
        assert publication.sweep(rung.append) == 1
        run = runs.claim(rung[0])
    else:  # a person mends the token and pushes again
        run = runs.claim(publication.request_push(classroom.tool, classroom.viewer))
    push.run_push(classroom.tool, run, Report())
    assert state_of(set_id) == "sent"
    assert in_lms(classroom, "Lab teams") == in_store(classroom, set_id)


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_an_answer_that_is_lost_doubles_nothing(classroom: Any, cut: int) -> None:
    set_id = fill(classroom)
    for _ in range(cut):
        classroom.lms.faults({"cut_after_apply_next": 1})
        try:
            publish(classroom, set_id)
        except LmsError:
            continue
    classroom.lms.faults({})
    publish(classroom, set_id)
    assert in_lms(classroom, "Lab teams") == in_store(classroom, set_id)
    assert state_of(set_id) == "sent"


@pytest.mark.parametrize("flavour", ["moodle"])  # Canvas takes somebody out of the old group by itself
def test_a_move_that_broke_off_half_way_and_was_taken_back_leaves_nobody_in_two_groups(classroom: Any) -> None:
    set_id = fill(classroom)
    publish(classroom, set_id)
    old, new = (card for card in classroom.read_set(set_id).cards if card.members)
    person = old.members[0]
    classroom.lms.faults({"only_path": "core_group_delete_group_members", "error_next": 99})
    groups.assign(classroom.viewer, set_id, {person.id: new.row.id})
    assert publication.push_after_change(classroom.tool, classroom.viewer, set_id).state == "waiting"
    half = in_lms(classroom, "Lab teams")
    assert half is not None
    assert person.lms_user_id in half["crew-1"] & half["crew-2"]
    classroom.lms.faults({"only_path": "", "error_next": 0})
    groups.assign(classroom.viewer, set_id, {person.id: old.row.id})
    publication.push_after_change(classroom.tool, classroom.viewer, set_id)
    assert state_of(set_id) == "sent"
    assert in_lms(classroom, "Lab teams") == in_store(classroom, set_id)


@pytest.mark.shows("PUSH-14")
def test_people_whom_the_lms_does_not_take_are_named(classroom: Any) -> None:
    set_id = fill(classroom)
    gone = classroom.read_set(set_id).cards[0].members[0]
    classroom.outsider("unenrol", user_id=int(gone.lms_user_id))
    report = publish(classroom, set_id)
    assert report.not_placed == [{"group": "crew-1", "person": gone.name}]
    row = find_publication(set_id)
    assert (row.state, row.error_code) == ("refused", "people_not_placed")
    missing = publication.read_publication(classroom.course_id, set_id).differences
    assert [(d.kind, d.person) for d in missing] == [("member_missing", gone.name)]


def test_a_refusal_of_people_ends_when_they_have_left_the_course(classroom: Any) -> None:
    set_id = fill(classroom)
    first, _, third = classroom.read_set(set_id).cards
    person = first.members[0]
    groups.remove_member(classroom.viewer, set_id, first.row.id, person.id)
    publish(classroom, set_id)
    classroom.outsider("unenrol", user_id=int(person.lms_user_id))
    groups.assign(classroom.viewer, set_id, {person.id: third.row.id})
    view = publication.push_after_change(classroom.tool, classroom.viewer, set_id)
    assert (view.state, view.error_code) == ("refused", "people_not_placed")
    classroom.pull("groups")  # the roster has them still
    assert state_of(set_id) == "refused"
    classroom.pull("roster")
    settle(classroom)
    view = publication.read_publication(classroom.course_id, set_id)
    assert (view.state, view.error_code, view.differences) == ("sent", None, [])
    assert in_lms(classroom, "Lab teams") == in_store(classroom, set_id)


def test_a_name_that_the_lms_has_already_is_refused_and_nothing_is_made(classroom: Any) -> None:
    taken = next(s["name"] for s in classroom.state()["group_sets"] if s["role"] is None)
    set_id = fill(classroom, taken)
    before = classroom.state()["group_sets"]
    with pytest.raises(LmsRefused, match="set_name_taken"):
        publish(classroom, set_id)
    assert classroom.state()["group_sets"] == before
    assert state_of(set_id) == "refused"


def test_a_mirror_that_was_deleted_in_the_lms_is_said_and_can_be_made_anew(classroom: Any) -> None:
    set_id = fill(classroom)
    publish(classroom, set_id)
    lms_id = next(s["id"] for s in classroom.state()["group_sets"] if s["name"] == "Lab teams")
    classroom.outsider("delete_set", set_id=lms_id)
    page = classroom.read_set(set_id)
    groups.create_groups(classroom.viewer, set_id, "One more")
    view = publication.push_after_change(classroom.tool, classroom.viewer, set_id)
    assert (view.state, view.error_code) == ("refused", "set_gone")
    if classroom.flavour == "moodle":  # a Moodle keeps the groups of a grouping that was deleted
        for card in page.cards:
            lms_group = next(g["id"] for g in classroom.state()["groups"] if g["name"] == card.row.name)
            classroom.outsider("delete_group", group_id=lms_group)
    publish(classroom, set_id)
    assert in_lms(classroom, "Lab teams") == in_store(classroom, set_id)


@pytest.mark.parametrize("where", ["here", "everywhere"])
def test_deleting_here_keeps_the_lms_set_and_deleting_everywhere_does_not(classroom: Any, where: str) -> None:
    set_id = fill(classroom)
    publish(classroom, set_id)
    if where == "everywhere":
        publication.delete_everywhere(classroom.tool, classroom.viewer, set_id)
    else:
        removal.delete_set(classroom.viewer, set_id)
    assert set_id not in {summary.row.id for summary in group_sets.list_sets(classroom.course_id)}
    assert (in_lms(classroom, "Lab teams") is None) is (where == "everywhere")


@pytest.mark.parametrize("case", ["connected", "empty", "busy", "without token"])
def test_what_cannot_be_published_is_refused_before_anything_is_sent(classroom: Any, case: str) -> None:
    if case == "connected":
        classroom.pull()
        set_id = group_sets.list_sets(classroom.course_id)[0].row.id
    elif case == "empty":
        set_id = classroom.new_set("Empty")
    else:
        set_id = fill(classroom)
    calls = classroom.calls()
    if case == "busy":
        runs.queue(classroom.course_id, "pull")
    if case == "without token":
        with transaction() as session:
            from lti_tool.models import ServiceToken

            session.query(ServiceToken).delete()
    expected = {"connected": Forbidden, "empty": RuleViolation, "busy": Conflict, "without token": LmsRefused}
    with pytest.raises(expected[case]):
        publication.queue_publication(classroom.tool, set_id)
    assert classroom.calls() == calls
    assert publication.read_publication(classroom.course_id, set_id) is None


def test_400_groups_with_2000_people_are_published_in_few_calls(big_classroom: Any) -> None:
    set_id = fill(big_classroom, count=402)
    report = publish(big_classroom, set_id)
    assert report.calls <= 25
    assert in_lms(big_classroom, "Lab teams") == in_store(big_classroom, set_id)
    assert report.memberships.added == 2000


@pytest.mark.parametrize("flavour", ["canvas"])
def test_nothing_is_deleted_while_another_run_may_be_writing(classroom: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.1)
    set_id = fill(classroom)
    publish(classroom, set_id)
    runs.queue(classroom.course_id, "pull")
    with pytest.raises(Conflict, match="run_open"):
        publication.delete_everywhere(classroom.tool, classroom.viewer, set_id)
    assert in_lms(classroom, "Lab teams") == in_store(classroom, set_id)
    view = publication.push_after_change(classroom.tool, classroom.viewer, set_id)
    assert view.state == "waiting"  # told, and left to the worker


@pytest.mark.parametrize("copy", ["leave", "delete"])
def test_publishing_can_be_stopped_and_the_set_stays_here(classroom: Any, copy: str) -> None:
    set_id = fill(classroom)
    publish(classroom, set_id)
    mine = in_store(classroom, set_id)
    if copy == "leave":
        publication.leave_mirror(classroom.viewer, set_id)
    else:
        publication.delete_mirror(classroom.tool, classroom.viewer, set_id)
    assert find_publication(set_id) is None
    assert in_store(classroom, set_id) == mine
    classroom.pull("pull")
    connections = [s.row.connection for s in group_sets.list_sets(classroom.course_id) if s.row.name == "Lab teams"]
    assert sorted(map(str, connections)) == sorted(["None", classroom.flavour] if copy == "leave" else ["None"])
    assert (in_lms(classroom, "Lab teams") is None) is (copy == "delete")


def test_a_copy_that_the_lms_does_not_delete_stays_published(classroom: Any) -> None:
    set_id = fill(classroom)
    publish(classroom, set_id)
    classroom.lms.faults({"error_next": 999})
    with pytest.raises(LmsError):
        publication.delete_mirror(classroom.tool, classroom.viewer, set_id)
    assert state_of(set_id) == "sent"
    assert in_lms(classroom, "Lab teams") == in_store(classroom, set_id)


def preview(classroom: Any, set_id: UUID) -> Any:
    return preview_publication(classroom.tool, classroom.viewer, set_id)


def test_a_preview_tells_what_would_be_made_and_asks_the_lms_for_names_in_use(classroom: Any) -> None:
    set_id = fill(classroom)
    classroom.pull()
    with transaction() as session:
        guest = session.get_one(RosterMember, classroom.read_set(set_id).cards[0].members[0].id)
        guest.lms_user_id, name = None, guest.name
    before = classroom.calls()
    found = preview(classroom, set_id)
    assert classroom.calls() - before == {"canvas": 1, "moodle": 2}[classroom.flavour]
    assert (found.groups, found.people, found.possible) == (3, len(classroom.students()) - 1, True)
    assert found.without_account == [("crew-1", name)]
    assert find_publication(set_id) is None
    taken_set = next(s["name"] for s in classroom.state()["group_sets"] if s["role"] is None)
    taken_group = classroom.state()["groups"][0]["name"]
    with transaction():  # as before the LMS had them: the tool itself gives no name that is in use in the course
        group_sets.get_set(classroom.course_id, set_id).name = taken_set
        group_sets.read_groups(set_id)[0].name = taken_group
    found = preview(classroom, set_id)
    assert found.clashes.set_name
    assert found.clashes.group_names == (() if classroom.flavour == "canvas" else (taken_group,))
    assert not found.possible


def test_a_preview_of_an_lms_that_is_silent_says_so(classroom: Any) -> None:
    set_id = fill(classroom)
    classroom.lms.faults({"error_next": 999})
    found = preview(classroom, set_id)
    assert found.silence is not None
    assert found.possible


def test_names_that_the_lms_refuses_are_known_before(classroom: Any) -> None:
    set_id = fill(classroom)
    bad = "a<b" if classroom.flavour == "moodle" else "n" * 251  # what Canvas may append does not fit any more
    group_sets.rename_set(classroom.viewer, set_id, bad)
    calls = classroom.calls()
    assert len(preview(classroom, set_id).refused) == 1
    with pytest.raises(Exception, match="names_not_for_lms"):
        publication.queue_publication(classroom.tool, set_id)
    assert classroom.calls() - calls == {"canvas": 1, "moodle": 2}[classroom.flavour]


def test_a_name_that_others_gave_in_the_lms_is_not_overwritten_by_ours(classroom: Any) -> None:
    set_id = fill(classroom)
    publish(classroom, set_id)
    (lms_set,) = (s for s in classroom.state()["group_sets"] if s["name"] == "Lab teams")
    first = classroom.read_set(set_id).cards[0].row.id
    lms_group = next(group for group in lms_set["groups"] if group["name"] == "crew-1")

    def named(what: str) -> str:
        found = next(s for s in classroom.state()["group_sets"] if s["id"] == lms_set["id"])
        return (
            found["name"] if what == "set" else next(g["name"] for g in found["groups"] if g["id"] == lms_group["id"])
        )

    for what, theirs, change in (
        ("group", "Owls", lambda: groups.edit_group(classroom.viewer, set_id, first, "Ours", "")),
        ("set", "Their lab", lambda: group_sets.rename_set(classroom.viewer, set_id, "Our lab")),
    ):
        row = {"group_id": lms_group["id"]} if what == "group" else {"set_id": lms_set["id"]}
        classroom.outsider(f"rename_{what}", **row, name=theirs)
        change()
        view = publication.push_after_change(classroom.tool, classroom.viewer, set_id)
        assert (view.state, view.error_code, named(what)) == ("refused", "drifted", theirs)
        assert view.drift
        found = drift.check_drift(classroom.tool, classroom.course_id, set_id)
        assert [(item.kind, item.theirs) for item in found.items] == [(f"{what}_renamed", (theirs,))]
        drift_choices.settle_all(classroom.tool, classroom.viewer, set_id, Choice.OURS, found.mark)
        assert (state_of(set_id), named(what)) == ("sent", "ours" if what == "group" else "Our lab")


def test_descriptions_arrive_with_a_big_publication_and_when_they_are_edited(classroom: Any) -> None:
    set_id = fill(classroom, count=9)
    (first, second, *_) = classroom.read_set(set_id).cards
    groups.edit_group(classroom.viewer, set_id, first.row.id, first.row.name, "Meets on Mondays")

    def described() -> dict[str, str]:
        rows = classroom.lms.hub.sites[classroom.flavour].groups.values()
        return {row.name: row.description for row in rows if row.description and row.name.startswith("crew-")}

    publish(classroom, set_id)
    assert described() == {first.row.name: "Meets on Mondays"}
    for text in ("Meets on Fridays", ""):
        groups.edit_group(classroom.viewer, set_id, second.row.id, second.row.name, text)
        told = publication.read_publication(classroom.course_id, set_id).differences
        assert [(one.kind, one.group) for one in told] == [("description", second.row.name)]
        view = publication.push_after_change(classroom.tool, classroom.viewer, set_id)
        assert (view.state, view.differences) == ("sent", [])
        assert described().get(second.row.name, "") == text
    assert described()[first.row.name] == "Meets on Mondays"
