"""How groupings form: who may start one, invite, answer, leave and end it, and when one is valid (seed 004).

A grouping is who works together on one assignment. Nothing here knows the store: callers load the state under a lock,
ask these rules, and write what they allow.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from lti_tool.domain.errors import Forbidden, RuleViolation
from lti_tool.domain.group_rights import before_others


class Status(StrEnum):
    """What a student is to a grouping."""

    INVITER = "inviter"
    ACCEPTED = "accepted"
    PENDING = "pending"
    REJECTED = "rejected"


COMMITTED = frozenset({Status.INVITER, Status.ACCEPTED})
COUNTED = COMMITTED | {Status.PENDING}


@dataclass(frozen=True)
class Rules:
    """What an assignment says about its groupings; dates are the last moments at which the act still counts."""

    by_students: bool
    minimum: int = 1
    maximum: int | None = None
    last_invitation_at: datetime | None = None
    last_answer_at: datetime | None = None
    same_section: bool = False
    names_chosen: bool = False

    def __post_init__(self) -> None:
        """Refuse sizes that no grouping could meet (FORM-50)."""
        if self.minimum < 1:
            raise RuleViolation("minimum_too_small")
        if self.maximum is not None and self.maximum < self.minimum:
            raise RuleViolation("maximum_below_minimum", minimum=self.minimum)

    @property
    def last_start_at(self) -> datetime | None:
        """Return the last moment to begin a grouping or to invite into one: the earlier of the dates there are."""
        return min((date for date in (self.last_invitation_at, self.last_answer_at) if date is not None), default=None)

    @property
    def alone_allowed(self) -> bool:
        """Say whether a student may work alone (FORM-12, FORM-26)."""
        return self.minimum == 1


@dataclass(frozen=True)
class Seat:
    """One student in one grouping."""

    member_id: UUID
    status: Status


@dataclass(frozen=True)
class State:
    """A grouping as it stands: its seats in the order in which they were taken, live ones only."""

    seats: tuple[Seat, ...] = ()
    approved: bool = False
    alone: bool = False

    def status_of(self, member_id: UUID) -> Status | None:
        """Return what somebody is to this grouping, None for nothing."""
        return next((seat.status for seat in self.seats if seat.member_id == member_id), None)

    @property
    def counted(self) -> int:
        """Return how many count for the sizes: inviter, accepted and pending (ruling C23)."""
        return sum(seat.status in COUNTED for seat in self.seats)

    @property
    def committed(self) -> tuple[UUID, ...]:
        """Return who is in it for good: the inviter and who accepted."""
        return tuple(seat.member_id for seat in self.seats if seat.status in COMMITTED)


@dataclass(frozen=True)
class Validity:
    """Whether a grouping may write, and how many people it lacks for that."""

    valid: bool
    missing: int


@dataclass(frozen=True)
class Candidate:
    """A student whom somebody wants to invite."""

    member_id: UUID
    active: bool = True
    section_ids: frozenset[UUID] = frozenset()
    committed: bool = False  # inviter or accepted in a grouping of the assignment


def validity(rules: Rules, state: State) -> Validity:
    """Say whether a grouping is valid: by its size, or because staff said so (FORM-16, 18, 27, 30, 35)."""
    missing = max(0, rules.minimum - state.counted)
    return Validity(missing == 0 or state.approved, missing)


def due_soon(rules: Rules, at: datetime, within: timedelta) -> datetime | None:
    """Return the next of the two last moments when it is near, None while there is time or when both are over."""
    dates = (rules.last_invitation_at, rules.last_answer_at)
    return min((date for date in dates if date is not None and at < date <= at + within), default=None)


def may_write(rules: Rules, state: State, member_id: UUID) -> bool:
    """Say whether somebody may work on the assignment for this grouping (FORM-29, FORM-31)."""
    return member_id in state.committed and validity(rules, state).valid


def visible_seats(state: State, member_id: UUID) -> tuple[Seat, ...]:
    """Return the seats that a student of the grouping may know of (FORM-22, FORM-23).

    The inviter sees everybody, who accepted sees who is in it, anybody else sees who invited them, if anybody did.
    """
    status = state.status_of(member_id)
    if status is Status.INVITER:
        return state.seats
    if status is Status.ACCEPTED:
        return tuple(seat for seat in state.seats if seat.status in COMMITTED)
    if status is Status.PENDING:
        return tuple(seat for seat in state.seats if seat.status in COMMITTED or seat.member_id == member_id)
    return ()


def require_start(rules: Rules, at: datetime, *, committed: bool, alone: bool) -> None:
    """Raise RuleViolation unless a student may begin a grouping (FORM-11, 15, 26, 38)."""
    _require_students_form(rules)
    _require_before(rules.last_start_at, at)
    if committed:
        raise RuleViolation("already_grouped")
    if alone and not rules.alone_allowed:
        raise RuleViolation("alone_not_allowed", minimum=rules.minimum)


def require_inviting(rules: Rules, at: datetime, state: State, member_id: UUID) -> None:
    """Raise RuleViolation unless somebody may invite at all: in time, not alone, and while there is room.

    Forbidden for all but the inviter (FORM-15, FORM-40, FORM-46).
    """
    _require_students_form(rules)
    _require_before(rules.last_start_at, at)
    _require_inviter(state, member_id)
    if state.alone:
        raise RuleViolation("works_alone")
    if rules.maximum is not None and state.counted >= rules.maximum:
        raise RuleViolation("invite_full")


def refusal_of_invitation(
    rules: Rules, state: State, inviter: Candidate, candidate: Candidate, *, counted: int
) -> str | None:
    """Return why this student cannot be invited, None when they can (FORM-40); `counted`: seats taken by now."""
    reasons = {
        "invite_self": candidate.member_id == inviter.member_id,
        "invite_inactive": not candidate.active,
        "invite_pending": state.status_of(candidate.member_id) is Status.PENDING,
        "invite_grouped": candidate.committed,
        "invite_other_section": rules.same_section and not inviter.section_ids & candidate.section_ids,
        "invite_full": rules.maximum is not None and counted >= rules.maximum,
    }
    return next((code for code, applies in reasons.items() if applies), None)


def require_acceptance(
    rules: Rules,
    at: datetime,
    state: State,
    member_id: UUID,
    *,
    committed: bool,
    sections: Mapping[UUID, Collection[UUID]] = MappingProxyType({}),
) -> None:
    """Raise RuleViolation unless a student may join by an invitation (FORM-11, 20, 40, 43, 44).

    A seat that was refused and asked for again is open only while there is room: the place may be somebody else's now.
    `sections` as in `require_entry`: one section may be asked for since the invitation.
    """
    _require_students_form(rules)
    _require_before(rules.last_answer_at, at)
    if state.status_of(member_id) is not Status.PENDING:
        raise RuleViolation("not_invited")
    if committed:
        raise RuleViolation("already_grouped")
    if rules.maximum is not None and len(state.committed) >= rules.maximum:
        raise RuleViolation("group_full", limit=rules.maximum)
    _require_section(rules, state, member_id, sections)


def require_entry(
    rules: Rules,
    at: datetime,
    state: State,
    member_id: UUID,
    *,
    committed: bool,
    sections: Mapping[UUID, Collection[UUID]],
) -> None:
    """Raise RuleViolation unless a student may come in by a code or a link (rulings C7, C9).

    `sections`: those of everybody in the grouping and of the one who comes. An own invitation is no second seat.
    """
    _require_before(rules.last_answer_at, at)
    if state.alone:
        raise RuleViolation("works_alone")
    if committed:
        raise RuleViolation("already_grouped")
    counted = state.counted - (state.status_of(member_id) is Status.PENDING)
    if rules.maximum is not None and counted >= rules.maximum:
        raise RuleViolation("group_full", limit=rules.maximum)
    _require_section(rules, state, member_id, sections)


def require_refusal(state: State, member_id: UUID) -> None:
    """Raise RuleViolation unless somebody has an invitation to refuse; there is no deadline for a no."""
    if state.status_of(member_id) is not Status.PENDING:
        raise RuleViolation("not_invited")


def require_taking_back(rules: Rules, at: datetime, state: State, member_id: UUID) -> None:
    """Raise RuleViolation where no invitation is taken back any more, Forbidden for others (FORM-11, 38, 45)."""
    _require_students_form(rules)
    _require_before(rules.last_answer_at, at)
    _require_inviter(state, member_id)


def require_cancelling(rules: Rules, at: datetime, state: State, member_id: UUID, invitee: UUID) -> None:
    """Raise RuleViolation unless nobody answered what the inviter takes back, Forbidden for others (FORM-45)."""
    require_taking_back(rules, at, state, member_id)
    if state.status_of(invitee) is not Status.PENDING:
        raise RuleViolation("already_answered")


def require_clearing(rules: Rules, at: datetime, state: State, member_id: UUID, invitee: UUID) -> None:
    """Raise RuleViolation unless the inviter removes who refused from view, Forbidden for others (FORM-45)."""
    require_taking_back(rules, at, state, member_id)
    if state.status_of(invitee) is not Status.REJECTED:
        raise RuleViolation("not_rejected")


def require_leaving(rules: Rules, at: datetime, state: State, member_id: UUID) -> None:
    """Raise RuleViolation unless somebody may leave: who accepted, before the last answer; the inviter breaks it up."""
    _require_students_form(rules)
    _require_before(rules.last_answer_at, at)
    status = state.status_of(member_id)
    if status is Status.INVITER:
        raise RuleViolation("creator_cannot_leave")
    if status is not Status.ACCEPTED:
        raise RuleViolation("not_in_group")


def require_breaking_up(rules: Rules, at: datetime, state: State, member_id: UUID) -> None:
    """Raise RuleViolation unless the grouping may be broken up (FORM-11, 33, 47; ruling C10).

    Forbidden for all but the inviter (FORM-34). Who works alone goes on to a group, and stays when none can be begun
    any more.
    """
    _require_students_form(rules)
    _require_inviter(state, member_id)
    _require_before(rules.last_start_at if state.alone else rules.last_answer_at, at)
    if validity(rules, state).valid and len(state.committed) > 1:
        raise RuleViolation("valid_group_stays")


def is_over_full(rules: Rules, state: State) -> bool:
    """Say whether staff put more people into a grouping than foreseen: a warning, no refusal (FORM-49)."""
    return rules.maximum is not None and state.counted > rules.maximum


def status_on_entry(state: State) -> Status:
    """Return what somebody becomes who comes in for good: the first is the inviter (FORM-49), so none is missing."""
    return Status.ACCEPTED if any(seat.status is Status.INVITER for seat in state.seats) else Status.INVITER


def successor(state: State, leaving: UUID, roles: Mapping[UUID, str] = MappingProxyType({})) -> UUID | None:
    """Return who becomes the inviter when the present one leaves or is taken out (FORM-48; ruling C8).

    By their `roles` in the group: its creator, else the first admin, else the first who accepted. None when nobody is
    left, or when it is not the inviter who goes.
    """
    if state.status_of(leaving) is not Status.INVITER:
        return None
    accepted = [seat.member_id for seat in state.seats if seat.status is Status.ACCEPTED]
    return min(accepted, key=lambda member: before_others(roles.get(member)), default=None)


@dataclass(frozen=True)
class ClonedGrouping:
    """A grouping as it goes forward to another assignment: its group and those of its people who are still active."""

    group_id: UUID
    member_ids: tuple[UUID, ...]


def plan_clone(
    groupings: Sequence[tuple[UUID, Sequence[Seat]]], active: Collection[UUID]
) -> tuple[list[ClonedGrouping], list[UUID]]:
    """Return what is cloned forward, and the groups of which nobody is left (FORM-4, 5, 51).

    Only who is in a grouping for good goes with it; the inviter comes first, else the first who is left.
    """
    cloned, empty = [], []
    for group_id, seats in groupings:
        inviters = [seat.member_id for seat in seats if seat.status is Status.INVITER]
        others = [seat.member_id for seat in seats if seat.status is Status.ACCEPTED]
        left = tuple(member for member in (*inviters, *others) if member in active)
        if left:
            cloned.append(ClonedGrouping(group_id, left))
        else:
            empty.append(group_id)
    return cloned, empty


def _require_students_form(rules: Rules) -> None:
    if not rules.by_students:
        raise RuleViolation("staff_form_groups")


def _require_before(deadline: datetime | None, at: datetime) -> None:
    if deadline is not None and at > deadline:
        raise RuleViolation("formation_closed")


def _require_section(rules: Rules, state: State, member_id: UUID, sections: Mapping[UUID, Collection[UUID]]) -> None:
    inviter = next((seat.member_id for seat in state.seats if seat.status is Status.INVITER), None)
    if not (rules.same_section and inviter):
        return
    if not set(sections.get(inviter, ())) & set(sections.get(member_id, ())):
        raise RuleViolation("other_section")


def _require_inviter(state: State, member_id: UUID) -> None:
    if state.status_of(member_id) is not Status.INVITER:
        raise Forbidden("only_the_inviter")
