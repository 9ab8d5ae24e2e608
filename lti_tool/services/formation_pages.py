"""A student's page of an assignment: one question first, then one's grouping with exactly whom one may see."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select

from lti_tool.domain import formation as rules_
from lti_tool.domain.clock import now
from lti_tool.domain.errors import Forbidden, RuleViolation
from lti_tool.domain.formation import Rules, State, Status, Validity
from lti_tool.models import Assignment, Group, Grouping, GroupingMembership, GroupMembership, RosterMember, db
from lti_tool.services.assignments import get_assignment
from lti_tool.services.groupings import read_states, rules_of
from lti_tool.services.invitees import list_free_classmates
from lti_tool.services.namesakes import tell_apart
from lti_tool.services.people import names_of

Names = Mapping[UUID, str]
Apart = Mapping[UUID, str | None]  # as `tell_apart` gives it
ACTS = ("alone", "start", "invite", "take_back", "leave", "break_up")


@dataclass(frozen=True)
class SeatView:
    """One person of a grouping whom the viewer may see; `about`: what tells a namesake apart, where anything does."""

    member_id: UUID
    name: str
    status: Status
    about: str | None = None


@dataclass(frozen=True)
class Classmate:
    """A classmate who can be invited; `about`: what tells a namesake apart."""

    id: UUID
    name: str
    about: str | None = None


@dataclass(frozen=True)
class OwnGrouping:
    """The grouping that a student is in for good; `in_group`: and in its group, which moving on to another one ends."""

    row: Grouping
    name: str
    seats: Sequence[SeatView]
    status: Status
    validity: Validity
    in_group: bool

    @property
    def waiting(self) -> int:
        """Return how many invitations nobody has answered, as far as the viewer may know (FORM-23)."""
        return sum(seat.status is Status.PENDING for seat in self.seats)

    @property
    def may_write(self) -> bool:
        """Say whether its people may work on the assignment."""
        return self.validity.valid


@dataclass(frozen=True)
class Invitation:
    """An invitation that waits for the student's answer: from whom, into which group, and who is in it."""

    grouping_id: UUID
    group_name: str
    inviter: str
    people: Sequence[str]


@dataclass(frozen=True)
class _Viewed:
    """Who looks, what everybody is called, what tells namesakes apart, and the groups whose member the viewer is."""

    member_id: UUID
    names: Names
    apart: Apart
    inside: Collection[UUID]


@dataclass(frozen=True)
class FormationPage:
    """Everything that a student's page of an assignment shows; `refusals`: each act that is not open, and why.

    `unclear`: names that several free classmates have whom nothing tells apart that students may see.
    """

    row: Assignment
    rules: Rules
    own: OwnGrouping | None
    invitations: Sequence[Invitation]
    refusals: Mapping[str, RuleViolation | Forbidden]
    answers_open: bool
    classmates: Sequence[Classmate] = ()
    unclear: Sequence[str] = ()

    @property
    def refused(self) -> dict[str, str]:
        """Return the code of why each act is not open."""
        return {act: error.code for act, error in self.refusals.items()}

    def may(self, act: str) -> bool:
        """Say whether the student may do this now."""
        return act not in self.refusals

    def require(self, act: str) -> None:
        """Raise RuleViolation or Forbidden, as the act itself would, when it is not open."""
        if act in self.refusals:
            raise self.refusals[act]


def read_formation(course_id: UUID, assignment_id: UUID, member_id: UUID) -> FormationPage:
    """Return a student's page of an assignment, in a fixed number of queries; raise NotFound."""
    row = get_assignment(course_id, assignment_id)
    rules, at = rules_of(row), now()
    mine, inside = _groupings_of(assignment_id, member_id)
    states = read_states([grouping.id for grouping, _ in mine])
    names = names_of([seat.member_id for state in states.values() for seat in state.seats])
    joined = [(grouping, name) for grouping, name in mine if member_id in states[grouping.id].committed]
    invites = any(states[grouping.id].status_of(member_id) is Status.INVITER for grouping, _ in joined)
    apart = tell_apart(course_id, member_id) if invites else {}  # for everybody else the page asks for nothing more
    viewed = _Viewed(member_id, names, apart, inside)
    own = next((_own(rules, grouping, name, states[grouping.id], viewed) for grouping, name in joined), None)
    invitations = [
        _invitation(grouping, name, states[grouping.id], names)
        for grouping, name in mine
        if states[grouping.id].status_of(member_id) is Status.PENDING
    ]
    refusals = _refusals(rules, at, states[own.row.id] if own else None, member_id)
    free = _free(course_id, row, member_id, own) if own and "invite" not in refusals else []
    return FormationPage(
        row=row,
        rules=rules,
        own=own,
        invitations=invitations,
        refusals=refusals,
        answers_open=rules.by_students and (rules.last_answer_at is None or at <= rules.last_answer_at),
        classmates=[Classmate(m.id, m.name, apart.get(m.id)) for m in free if apart.get(m.id, "") is not None],
        unclear=sorted({m.name for m in free if apart.get(m.id, "") is None}),
    )


def _free(course_id: UUID, row: Assignment, member_id: UUID, own: OwnGrouping) -> list[RosterMember]:
    asked = {seat.member_id for seat in own.seats if seat.status is Status.PENDING}
    free = list_free_classmates(course_id, row.id, member_id, same_section=row.same_section)
    return [member for member in free if member.id not in asked]


def _groupings_of(assignment_id: UUID, member_id: UUID) -> tuple[list[tuple[Grouping, str]], set[UUID]]:
    """Return the live groupings in which a student has a live seat, each with its group's present name.

    And of which of their groups the student is a member.
    """
    in_group = exists().where(GroupMembership.group_id == Group.id, GroupMembership.member_id == member_id)
    rows = db.session.execute(
        select(Grouping, Group.name, in_group)
        .join(GroupingMembership, GroupingMembership.grouping_id == Grouping.id)
        .outerjoin(Group, Group.id == Grouping.group_id)
        .where(
            Grouping.assignment_id == assignment_id,
            Grouping.ended_at.is_(None),
            GroupingMembership.member_id == member_id,
            GroupingMembership.ended_at.is_(None),
        )
        .order_by(GroupingMembership.created_at)
    ).all()
    inside = {grouping.group_id for grouping, _, is_in in rows if grouping.group_id and is_in}
    return [(grouping, name or grouping.group_name) for grouping, name, _ in rows], inside


def _own(rules: Rules, row: Grouping, name: str, state: State, viewed: _Viewed) -> OwnGrouping:
    visible = rules_.visible_seats(state, viewed.member_id)
    seats = [SeatView(s.member_id, viewed.names[s.member_id], s.status, viewed.apart.get(s.member_id)) for s in visible]
    status = state.status_of(viewed.member_id)
    assert status is not None
    return OwnGrouping(row, name, seats, status, rules_.validity(rules, state), row.group_id in viewed.inside)


def _invitation(row: Grouping, name: str, state: State, names: dict[UUID, str]) -> Invitation:
    inviter = next((names[s.member_id] for s in state.seats if s.status is Status.INVITER), "")
    return Invitation(row.id, name, inviter, [names[member] for member in state.committed])


def _refusals(rules: Rules, at: datetime, own: State | None, member_id: UUID) -> dict[str, RuleViolation | Forbidden]:
    """Return why each act is not open, by asking the very rules that the acts themselves ask."""
    committed, state = own is not None, own or State()
    asked: dict[str, Callable[[], None]] = {
        "alone": lambda: rules_.require_start(rules, at, committed=committed, alone=True),
        "start": lambda: rules_.require_start(rules, at, committed=committed, alone=False),
        "invite": lambda: rules_.require_inviting(rules, at, state, member_id),
        "take_back": lambda: rules_.require_taking_back(rules, at, state, member_id),
        "leave": lambda: rules_.require_leaving(rules, at, state, member_id),
        "break_up": lambda: rules_.require_breaking_up(rules, at, state, member_id),
    }
    refusals: dict[str, RuleViolation | Forbidden] = {}
    for act in ACTS:
        try:
            asked[act]()
        except (RuleViolation, Forbidden) as error:
            refusals[act] = error
    return refusals
