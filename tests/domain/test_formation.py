"""How groupings form: sizes, deadlines, who sees whom, and who may do what."""

from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lti_tool.domain.errors import Forbidden, RuleViolation
from lti_tool.domain.formation import (
    Candidate,
    Rules,
    Seat,
    State,
    Status,
    is_over_full,
    may_write,
    plan_clone,
    refusal_of_invitation,
    require_acceptance,
    require_breaking_up,
    require_cancelling,
    require_clearing,
    require_entry,
    require_inviting,
    require_leaving,
    require_refusal,
    require_start,
    status_on_entry,
    successor,
    validity,
    visible_seats,
)
from lti_tool.domain.typed_people import typed_invitees

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
PAST, LATER = NOW - timedelta(minutes=1), NOW + timedelta(minutes=1)
A, B, C, D = (UUID(int=number) for number in range(1, 5))
IN, YES, MAYBE, NO = Status.INVITER, Status.ACCEPTED, Status.PENDING, Status.REJECTED


def state(*seats: tuple[UUID, Status], **values: bool) -> State:
    return State(tuple(Seat(*seat) for seat in seats), **values)


def rules(**values: object) -> Rules:
    return Rules(**{"by_students": True, **values})


def refused(code: str):
    return pytest.raises((RuleViolation, Forbidden), match=f"^{code}")


@pytest.mark.parametrize(("minimum", "maximum", "code"), [(0, None, "minimum_too_small"), (3, 2, "maximum_below")])
def test_sizes_that_no_grouping_could_meet_are_refused(minimum, maximum, code):
    with refused(code):
        rules(minimum=minimum, maximum=maximum)


def test_a_grouping_is_valid_by_everybody_who_did_not_refuse():
    three = rules(minimum=3)
    assert validity(three, state((A, IN), (B, MAYBE), (C, MAYBE))).valid
    after = state((A, IN), (B, YES), (C, NO))
    assert (validity(three, after).valid, validity(three, after).missing) == (False, 1)
    assert validity(three, state((A, IN), (B, YES), (C, NO), (D, MAYBE))).valid
    assert validity(rules(), state((A, IN), alone=True)).valid


def test_staff_make_a_grouping_valid_whatever_its_size():
    assert validity(rules(minimum=5), state((A, IN), approved=True)).valid


def test_only_who_is_in_for_good_writes_and_only_while_it_is_valid():
    two = rules(minimum=2)
    now = state((A, IN), (B, MAYBE), (C, NO))
    assert [may_write(two, now, member) for member in (A, B, C, D)] == [True, False, False, False]
    assert not may_write(rules(minimum=3), now, A)


def test_the_inviter_sees_all_and_who_accepted_sees_no_answer_of_others():
    now = state((A, IN), (B, YES), (C, MAYBE), (D, NO))
    seen = {member: {seat.member_id for seat in visible_seats(now, member)} for member in (A, B, C, D)}
    assert seen == {A: {A, B, C, D}, B: {A, B}, C: {A, B, C}, D: set()}


def test_a_start_needs_students_forming_time_and_freedom():
    require_start(rules(last_invitation_at=NOW), NOW, committed=False, alone=True)
    for values, more, code in [
        ({"by_students": False}, {}, "staff_form_groups"),
        ({"last_invitation_at": PAST}, {}, "formation_closed"),
        ({"last_answer_at": PAST}, {}, "formation_closed"),
        ({}, {"committed": True}, "already_grouped"),
        ({"minimum": 2}, {"alone": True}, "alone_not_allowed"),
    ]:
        with refused(code):
            require_start(rules(**values), NOW, **{"committed": False, "alone": False, **more})


def test_only_the_inviter_invites_in_time_and_not_alone():
    require_inviting(rules(), NOW, state((A, IN)), A)
    for values, now, who, code in [
        ({"by_students": False}, state((A, IN)), A, "staff_form_groups"),
        ({"last_invitation_at": PAST}, state((A, IN)), A, "formation_closed"),
        ({"last_answer_at": PAST}, state((A, IN)), A, "formation_closed"),
        ({}, state((A, IN), (B, YES)), B, "only_the_inviter"),
        ({}, state((A, IN), alone=True), A, "works_alone"),
        ({"maximum": 3}, state((A, IN), (B, YES), (C, MAYBE)), A, "invite_full"),
    ]:
        with refused(code):
            require_inviting(rules(**values), NOW, now, who)


def test_every_reason_against_an_invitation_has_its_word():
    room, section = rules(maximum=3, same_section=True), frozenset({D})
    me = Candidate(A, section_ids=section)
    now = state((A, IN), (B, MAYBE), (C, NO))

    def why(candidate: Candidate, counted: int = 2) -> str | None:
        return refusal_of_invitation(room, now, me, candidate, counted=counted)

    assert why(me) == "invite_self"
    assert why(Candidate(D, active=False, section_ids=section)) == "invite_inactive"
    assert why(Candidate(B, section_ids=section)) == "invite_pending"
    assert why(Candidate(D, committed=True, section_ids=section)) == "invite_grouped"
    assert why(Candidate(D)) == "invite_other_section"
    assert why(Candidate(D, section_ids=section), counted=3) == "invite_full"
    assert why(Candidate(D, section_ids=section)) is None
    assert why(Candidate(C, section_ids=section)) is None  # who refused may be asked again


def test_joining_needs_an_invitation_room_time_and_freedom():
    now = state((A, IN), (B, MAYBE), (C, NO))
    require_acceptance(rules(maximum=2), NOW, now, B, committed=False)
    for values, who, committed, code in [
        ({"last_answer_at": PAST}, B, False, "formation_closed"),
        ({}, C, False, "not_invited"),
        ({}, D, False, "not_invited"),
        ({}, B, True, "already_grouped"),
        ({"maximum": 1}, B, False, "group_full"),
    ]:
        with refused(code):
            require_acceptance(rules(**values), NOW, now, who, committed=committed)


def test_a_last_invitation_may_be_past_while_answers_are_awaited():
    require_acceptance(
        rules(last_invitation_at=PAST, last_answer_at=LATER), NOW, state((A, IN), (B, MAYBE)), B, committed=False
    )


def test_a_code_lets_in_up_to_the_maximum_and_counts_an_own_invitation_once():
    full = state((A, IN), (B, MAYBE), (C, YES))
    sections = {A: {D}, B: {D}, D: set()}
    require_entry(rules(maximum=3), NOW, full, B, committed=False, sections={})
    require_entry(rules(same_section=True), NOW, full, B, committed=False, sections=sections)
    for values, now, who, committed, code in [
        ({"maximum": 3}, full, D, False, "group_full"),
        ({"last_answer_at": PAST}, full, D, False, "formation_closed"),
        ({}, full, D, True, "already_grouped"),
        ({}, state((A, IN), alone=True), D, False, "works_alone"),
        ({"same_section": True}, full, D, False, "other_section"),
    ]:
        with refused(code):
            require_entry(rules(**values), NOW, now, who, committed=committed, sections=sections)


def test_answers_are_taken_back_and_cleared_by_the_inviter_only():
    now = state((A, IN), (B, MAYBE), (C, NO), (D, YES))
    require_refusal(now, B)
    require_cancelling(rules(), NOW, now, A, B)
    require_clearing(rules(), NOW, now, A, C)
    for act, code in [
        (lambda: require_refusal(now, D), "not_invited"),
        (lambda: require_cancelling(rules(), NOW, now, D, B), "only_the_inviter"),
        (lambda: require_cancelling(rules(), NOW, now, A, D), "already_answered"),
        (lambda: require_clearing(rules(), NOW, now, D, C), "only_the_inviter"),
        (lambda: require_clearing(rules(), NOW, now, A, B), "not_rejected"),
    ]:
        with refused(code):
            act()
    for values, code in [({"by_students": False}, "staff_form_groups"), ({"last_answer_at": PAST}, "formation_closed")]:
        for require, who in ((require_cancelling, B), (require_clearing, C)):
            with refused(code):
                require(rules(**values), NOW, now, A, who)


def test_who_accepted_leaves_before_the_last_answer_and_the_inviter_does_not():
    now = state((A, IN), (B, YES), (C, MAYBE))
    require_leaving(rules(), NOW, now, B)
    for values, who, code in [
        ({}, A, "creator_cannot_leave"),
        ({}, C, "not_in_group"),
        ({"last_answer_at": PAST}, B, "formation_closed"),
    ]:
        with refused(code):
            require_leaving(rules(**values), NOW, now, who)


def test_the_inviter_breaks_up_what_is_invalid_or_only_theirs():
    require_breaking_up(rules(minimum=4), NOW, state((A, IN), (B, YES)), A)
    require_breaking_up(rules(), NOW, state((A, IN), (B, MAYBE)), A)
    for values, now, who, code in [
        ({}, state((A, IN), (B, YES)), B, "only_the_inviter"),
        ({}, state((A, IN), (B, YES)), A, "valid_group_stays"),
        ({"last_answer_at": PAST}, state((A, IN)), A, "formation_closed"),
        ({"last_invitation_at": PAST}, state((A, IN), alone=True), A, "formation_closed"),
    ]:
        with refused(code) as error:
            require_breaking_up(rules(**values), NOW, now, who)
        assert isinstance(error.value, Forbidden) == (code == "only_the_inviter")


def test_the_first_whom_staff_add_is_the_inviter():
    assert status_on_entry(state()) is IN
    assert status_on_entry(state((B, MAYBE))) is IN
    assert status_on_entry(state((A, IN))) is YES
    assert is_over_full(rules(maximum=1), state((A, IN), (B, YES)))
    assert not is_over_full(rules(maximum=2), state((A, IN), (B, YES), (C, NO)))


def test_the_inviters_successor_is_an_admin_before_the_first_who_accepted():
    now = state((A, IN), (B, YES), (C, YES), (D, MAYBE))
    assert successor(now, A) == B
    assert successor(now, A, {C: "admin", D: "admin"}) == C
    assert successor(now, A, {B: "admin", C: "creator", D: "admin"}) == C
    assert successor(now, A, {B: "member", C: "editor"}) == B
    assert successor(now, B) is None
    assert successor(state((A, IN), (D, MAYBE)), A) is None


def test_what_is_typed_is_parted_and_counted_once():
    typed = "ana@x.example bo@x.example,\nAna Berg; Ana Berg\r\n s0001 ,, ana@x.example"
    assert typed_invitees(typed, KNOWN.__contains__) == ["ana@x.example", "bo@x.example", "Ana Berg", "s0001"]
    assert typed_invitees(" ,\n ;", KNOWN.__contains__) == []


KNOWN = {"Ana Berg", "Cleo Maria Diaz", "s0001", "s0002", "Ana"}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("s0001 s0002", ["s0001", "s0002"]),
        ("s0001 s9999", ["s0001", "s9999"]),
        ("s0001 Cleo Maria Diaz Ana Berg", ["s0001", "Cleo Maria Diaz", "Ana Berg"]),
        ("Ana Bergg", ["Ana Bergg"]),  # not Ana, whose other word nobody knows
        ("bo@x.example Cleo Maria Diaz <cleo@x.example>", ["bo@x.example", "Cleo Maria Diaz", "cleo@x.example"]),
        ("No One", ["No One"]),
    ],
)
def test_blanks_part_what_is_known_and_no_name(typed, meant):
    assert typed_invitees(typed, KNOWN.__contains__) == meant


def test_a_clone_takes_who_is_in_for_good_and_still_here():
    groups = [(A, [Seat(B, IN), Seat(C, YES), Seat(D, MAYBE)]), (D, [Seat(A, IN), Seat(B, NO)])]
    cloned, empty = plan_clone(groups, active={C, D})
    assert [(one.group_id, one.member_ids) for one in cloned] == [(A, (C,))]
    assert empty == [D]


ACTS = st.lists(st.tuples(st.sampled_from(["invite", "accept", "refuse", "enter", "leave"]), st.integers(2, 8)))


@given(ACTS, st.integers(1, 4), st.integers(0, 4))
def test_no_order_of_acts_makes_a_grouping_larger_than_its_maximum(acts, minimum, more):
    size = rules(minimum=minimum, maximum=minimum + more)
    seats = {UUID(int=1): IN}
    for act, number in acts:
        who = UUID(int=number)
        now = State(tuple(Seat(*item) for item in seats.items()))
        try:
            if act == "invite":
                if refusal_of_invitation(
                    size, now, Candidate(UUID(int=1)), Candidate(who, committed=False), counted=now.counted
                ):
                    continue
                if seats.get(who) is not YES:
                    seats[who] = MAYBE
            elif act == "accept":
                require_acceptance(size, NOW, now, who, committed=False)
                seats[who] = YES
            elif act == "refuse":
                require_refusal(now, who)
                seats[who] = NO
            elif act == "enter":
                require_entry(size, NOW, now, who, committed=seats.get(who) is YES, sections={})
                seats[who] = YES
            else:
                require_leaving(size, NOW, now, who)
                del seats[who]
        except RuleViolation:
            continue
        assert State(tuple(Seat(*item) for item in seats.items())).counted <= size.maximum


@given(st.lists(st.sampled_from(list(Status)), max_size=8), st.integers(1, 6))
def test_validity_counts_all_but_refusals(statuses, minimum):
    numbers = count(1)
    now = State(tuple(Seat(UUID(int=next(numbers)), status) for status in statuses))
    found = validity(rules(minimum=minimum), now)
    kept = sum(status is not NO for status in statuses)
    assert found.valid == (kept >= minimum)
    assert found.missing == max(0, minimum - kept)
