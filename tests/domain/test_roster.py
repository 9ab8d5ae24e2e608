"""The roster merge: who is whom, who left, and that nobody is lost."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lti_tool.domain.errors import LmsChanged
from lti_tool.domain.roles import EnrollmentType
from lti_tool.domain.roster import (
    KnownMember,
    MemberSource,
    MemberStatus,
    RemotePerson,
    RemoteRoster,
    canvas_state,
    moodle_state,
    plan_merge,
)

STUDENT, TEACHER = EnrollmentType.STUDENT, EnrollmentType.TEACHER


def person(name: str, **values: object) -> RemotePerson:
    return RemotePerson(name, values.pop("enrollment_type", STUDENT), **values)  # type: ignore[arg-type]


def known(remote: RemotePerson, source: MemberSource = MemberSource.LMS) -> KnownMember:
    return KnownMember(uuid4(), remote, source)


def roster(*people: RemotePerson, **values: bool) -> RemoteRoster:
    return RemoteRoster(people, **values)


@pytest.mark.shows("MODEL-55")
def test_a_person_whom_the_store_does_not_know_is_added() -> None:
    ana = person("Ana", lms_user_id="1")
    assert plan_merge([], roster(ana)).add == (ana,)


@pytest.mark.shows("MODEL-56", "MODEL-62")
def test_a_known_person_takes_what_the_lms_tells_and_keeps_what_it_does_not() -> None:
    ours = known(person("Ana", lms_user_id="1", email="ana@example.org", student_number="7"))
    plan = plan_merge([ours], roster(person("Ana López", lms_user_id="1")))
    assert plan.update == ((ours.id, replace(ours.person, name="Ana López")),)


@pytest.mark.shows("MODEL-60")
@pytest.mark.parametrize(
    ("theirs", "wins"),
    [
        (person("x", lms_user_id="1", email="second@example.org", student_number="3"), 0),
        (person("x", lms_user_id="9", email="SECOND@example.org", student_number="3"), 1),
        (person("x", lms_user_id="9", email="nobody@example.org", student_number="3"), 2),
    ],
)
def test_the_lms_id_wins_over_the_email_and_that_over_the_student_number(theirs: RemotePerson, wins: int) -> None:
    members = [
        known(person("first", lms_user_id="1")),
        known(person("second", email="second@example.org")),
        known(person("third", student_number="3")),
    ]
    plan = plan_merge(members, roster(theirs))
    assert [member_id for member_id, _ in plan.update] == [members[wins].id]


@pytest.mark.shows("MODEL-61")
def test_a_person_who_fits_two_members_is_a_conflict_and_changes_neither() -> None:
    one, two = (known(person(name, email="same@example.org", student_number="5")) for name in ("one", "two"))
    theirs = person("x", email="same@example.org", student_number="5")
    plan = plan_merge([one, two], roster(theirs))
    assert [conflict.member_ids for conflict in plan.conflicts] == [(one.id, two.id)]
    assert plan.add == plan.update == plan.drop == ()


@pytest.mark.shows("MODEL-61")
def test_an_empty_email_or_number_matches_nobody() -> None:
    ours = known(person("ours", email="", student_number=""), MemberSource.LOCAL)
    theirs = person("theirs", email="", student_number="")
    assert plan_merge([ours], roster(theirs)).add == (theirs,)


@pytest.mark.shows("MODEL-58", "MODEL-59", "MODEL-57")
def test_absence_drops_lms_members_and_never_local_ones() -> None:
    gone, local = known(person("gone", lms_user_id="1")), known(person("local"), MemberSource.LOCAL)
    assert plan_merge([gone, local], roster()).drop == (gone.id,)


def test_a_source_that_lists_only_active_people_says_nothing_of_the_others() -> None:
    invited = known(person("invited", lms_user_id="1", status=MemberStatus.INCOMPLETE))
    active = known(person("active", lms_user_id="2"))
    assert plan_merge([invited, active], roster(lists_inactive=False)).drop == (active.id,)


def test_a_hint_never_makes_a_student_of_a_teacher() -> None:
    teacher = known(person("T", lms_user_id="1", enrollment_type=TEACHER))
    plan = plan_merge([teacher], roster(person("T", lms_user_id="1"), types_are_hints=True))
    assert plan.update == ()


def test_the_label_of_an_old_status_does_not_outlive_it() -> None:
    dropped = known(person("x", lms_user_id="1", status=MemberStatus.DROPPED, enrollment_display="Dropped"))
    ((_, back),) = plan_merge([dropped], roster(person("x", lms_user_id="1"))).update
    assert (back.status, back.enrollment_display) == (MemberStatus.ACTIVE, None)


@pytest.mark.shows("MODEL-69")
@pytest.mark.parametrize(
    ("state", "label", "status"),
    [
        ("active", "Active", "active"),
        ("invited", "Invited", "incomplete"),
        ("creation_pending", "Pending", "incomplete"),
        ("inactive", "Inactive", "dropped"),
        ("completed", "Completed", "dropped"),
        ("deleted", "Deleted", "dropped"),
    ],
)
def test_the_states_of_canvas(state: str, label: str, status: str) -> None:
    assert canvas_state(state) == (label, status)


@pytest.mark.shows("MODEL-71")
def test_an_unknown_state_is_shown_raw_and_does_not_count() -> None:
    assert canvas_state("frozen") == ("frozen", MemberStatus.INCOMPLETE)


NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PAST, FUTURE = int(NOW.timestamp()) - 60, int(NOW.timestamp()) + 60


@pytest.mark.shows("MODEL-70")
@pytest.mark.parametrize(
    ("fields", "label", "status"),
    [
        ((1, 0, 0), "Suspended", "dropped"),
        ((1, FUTURE, 0), "Suspended", "dropped"),
        ((1, 0, PAST), "Suspended", "dropped"),
        ((0, FUTURE, 0), "Not Yet Started", "incomplete"),
        ((0, 0, PAST), "Enrollment Ended", "dropped"),
        ((0, 0, 0), "Active", "active"),
        ((0, PAST, 0), "Active", "active"),
        ((0, PAST, FUTURE), "Active", "active"),
        ((0, 0, FUTURE), "Active", "active"),
        ((0, FUTURE, PAST), "Enrollment Ended", "dropped"),
        ((0, int(NOW.timestamp()), 0), "Active", "active"),
        ((0, 0, int(NOW.timestamp())), "Enrollment Ended", "dropped"),
    ],
)
def test_the_enrolments_of_moodle(fields: tuple[int, int, int], label: str, status: str) -> None:
    assert moodle_state(*fields, NOW) == (label, status)


@pytest.mark.shows("MODEL-45")
def test_what_people_can_be() -> None:
    assert {kind.value for kind in EnrollmentType} == {"student", "teacher", "ta", "designer", "observer", "other"}


@pytest.mark.shows("MODEL-62")
def test_what_the_lms_does_not_tell_of_department_and_institution_stays() -> None:
    ours = known(person("Ana", lms_user_id="1", department="Math", institution="Demo"))
    assert plan_merge([ours], roster(person("Ana", lms_user_id="1"))).update == ()
    ((_, merged),) = plan_merge([ours], roster(person("Ana", lms_user_id="1", department="Art"))).update
    assert (merged.department, merged.institution) == ("Art", "Demo")


@pytest.mark.shows("MODEL-61")
def test_a_conflict_names_whom_it_is_between() -> None:
    members = [known(person(name, student_number="5")) for name in ("One", "Two")]
    (conflict,) = plan_merge(members, roster(person("Third", student_number="5"))).conflicts
    assert (conflict.person.name, conflict.matched_by, conflict.member_names) == (
        "Third",
        "student_number",
        ("One", "Two"),
    )


ids = st.one_of(st.none(), st.sampled_from("123"))
people = st.builds(
    RemotePerson,
    name=st.sampled_from(["Ana", "Bo", "Cy"]),
    enrollment_type=st.sampled_from(EnrollmentType),
    status=st.sampled_from(MemberStatus),
    lms_user_id=ids,
    email=st.one_of(st.none(), st.sampled_from(["", "a@x", "A@x", "b@x"])),
    student_number=ids,
)
members = st.builds(KnownMember, st.uuids(), people, st.sampled_from(MemberSource))


@given(st.lists(members, max_size=6), st.lists(people, max_size=6))
def test_a_merge_loses_no_local_member_and_forgets_no_person(
    ours: list[KnownMember], theirs: list[RemotePerson]
) -> None:
    plan = plan_merge(ours, RemoteRoster(tuple(theirs)))
    local: set[UUID] = {member.id for member in ours if member.source is MemberSource.LOCAL}
    assert not local & set(plan.drop)
    updated = [member_id for member_id, _ in plan.update]
    assert len(updated) == len(set(updated))
    untouched_matches = len(theirs) - len(plan.add) - len(plan.conflicts)
    assert len(plan.update) <= untouched_matches


@pytest.mark.parametrize(
    ("students", "leaving", "accepted", "stops"),
    [(5, 5, 0, True), (5, 5, 5, False), (5, 5, 4, True), (4, 4, 0, False), (10, 5, 0, False), (10, 6, 0, True)],
)
@pytest.mark.parametrize("by", ["absence", "word"])
def test_most_students_leave_only_when_somebody_has_said_so(
    students: int, leaving: int, accepted: int, stops: bool, by: str
) -> None:
    everybody = [person(f"S{n}", lms_user_id=str(n)) for n in range(students)]
    staff = person("Tina", lms_user_id="t", enrollment_type=TEACHER)
    ended = [replace(one, status=MemberStatus.DROPPED) for one in everybody[:leaving]] if by == "word" else []
    here = [*(known(one) for one in everybody), known(staff), *(known(person("Own"), MemberSource.LOCAL),) * 3]
    plan = plan_merge(here, roster(*ended, *everybody[leaving:], staff))
    assert (plan.students, plan.students_lost) == (students, leaving)
    if stops:
        with pytest.raises(LmsChanged, match="most_students_left"):
            plan.require_accepted(accepted)
    else:
        plan.require_accepted(accepted)
