"""One group under its lock: people come in and go by the rules of its assignments, else by those of its sets."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, update

from lti_tool.domain import formation as rules_
from lti_tool.domain.changes import Changes
from lti_tool.domain.clock import now
from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.group_rights import GroupRole
from lti_tool.domain.signup import Signup, SignupRules, require_open, require_room, require_section
from lti_tool.models import (
    Assignment,
    Group,
    Grouping,
    GroupMembership,
    GroupSet,
    GroupSetEntry,
    RosterMember,
    db,
)
from lti_tool.services import formation, history, staff_groupings
from lti_tool.services.access import Viewer
from lti_tool.services.group_access import GroupAccess, read_group_access
from lti_tool.services.group_names import follow_members
from lti_tool.services.groupings import Held, committed_of, lock_sets, read_states, rules_of, sections_of
from lti_tool.services.heirs import Heir, hand_on, leave
from lti_tool.services.memberships import append_members
from lti_tool.services.notices import tell
from lti_tool.services.runs import require_edits
from lti_tool.services.seats import seat, unseat


@dataclass(frozen=True)
class HeldGroup:
    """A group that is locked until the transaction ends: what the viewer is to it, its people, its live groupings."""

    viewer: Viewer
    access: GroupAccess
    roles: Mapping[UUID, GroupRole]  # of the members, in their order
    groupings: Sequence[Held]

    @property
    def row(self) -> Group:
        """Return the group."""
        return self.access.row

    @property
    def by_staff(self) -> bool:
        """Say whether the course's staff act, whom no date and no size stops."""
        return self.access.actor.is_staff

    @property
    def creator(self) -> UUID | None:
        """Return whose group it is; a group that staff made is nobody's."""
        return next((member_id for member_id, role in self.roles.items() if role is GroupRole.CREATOR), None)


def signup_of(row: GroupSet) -> SignupRules:
    """Return what a set lets students do; only the tool's own sets let them do anything."""
    ours = row.connection in (None, "import")
    return SignupRules(
        Signup(row.signup) if ours else Signup.CLOSED, row.signup_until, row.group_limit, row.same_section
    )


def hold_group(viewer: Viewer, group_id: UUID) -> HeldGroup:
    """Lock a group with the sets that hold it and those of its assignments; raise NotFound.

    Whoever joins it in whatever way, or is put into it by staff, waits for one of these rows. Staff are kept from
    editing it as from editing its sets: raise Conflict as `runs.require_edits` does.
    """
    holders = select(GroupSetEntry.group_set_id).where(GroupSetEntry.group_id == group_id)
    used = (
        select(Assignment.group_set_id)
        .join(Grouping, Grouping.assignment_id == Assignment.id)
        .where(Grouping.group_id == group_id, Grouping.ended_at.is_(None))
    )
    lock_sets(viewer.course.id, {*db.session.scalars(holders), *db.session.scalars(used)})
    db.session.execute(select(Group.id).where(Group.id == group_id).with_for_update(key_share=True))
    access = read_group_access(viewer, group_id)
    if access.actor.is_staff:
        require_edits(viewer.course.id, *(row.id for row in access.sets))
    return read_held(viewer, access)


def again(held: HeldGroup) -> HeldGroup:
    """Return a held group as it is now, after a change in the same transaction."""
    return read_held(held.viewer, held.access)


def read_held(viewer: Viewer, access: GroupAccess) -> HeldGroup:
    """Return what `hold_group` does without holding it: good for a look, not for a change."""
    rows = db.session.execute(
        select(GroupMembership.member_id, GroupMembership.role)
        .join(RosterMember, RosterMember.id == GroupMembership.member_id)
        .where(GroupMembership.group_id == access.row.id)
        .order_by(GroupMembership.position, RosterMember.name)
    )
    roles = {member_id: GroupRole(role) for member_id, role in rows}
    return HeldGroup(viewer, access, roles, _live_groupings(access.row.id))


def _live_groupings(group_id: UUID) -> list[Held]:
    rows = db.session.execute(
        select(Grouping, Assignment)
        .join(Assignment, Assignment.id == Grouping.assignment_id)
        .where(Grouping.group_id == group_id, Grouping.ended_at.is_(None))
        .order_by(Grouping.created_at, Grouping.id)
        .execution_options(populate_existing=True)
    ).all()
    states = read_states([row.id for row, _ in rows])
    return [Held(assignment, rules_of(assignment), row, states[row.id]) for row, assignment in rows]


def require_entry(held: HeldGroup, member: RosterMember) -> None:
    """Raise RuleViolation unless a student may come in by a code, a link, the list or an answered request (C7, C9)."""
    if not held.access.actor.ours:
        raise RuleViolation("no_doors")
    if held.row.privacy == "closed":
        raise RuleViolation("group_closed")
    require_room(len(held.roles.keys() - {member.id}), held.row.max_members)
    if held.groupings:
        _require_groupings(held, member)
    else:
        _require_sets(held, member)


def open_groupings(held: HeldGroup) -> list[Held]:
    """Return those groupings that students may still change; a group's past assignments stay as they are.

    Raise RuleViolation("staff_form_groups") or RuleViolation("formation_closed") when there are none.
    """
    by_students = [one for one in held.groupings if one.rules.by_students]
    if not by_students:
        raise RuleViolation("staff_form_groups")
    at = now()
    found = [one for one in by_students if one.rules.last_answer_at is None or at <= one.rules.last_answer_at]
    if not found:
        raise RuleViolation("formation_closed")
    return found


def is_in(held: HeldGroup, member_id: UUID) -> bool:
    """Say whether somebody is in a group and in every grouping of it that students may still change.

    Who is in it by one assignment alone may come into the others.
    """
    if member_id not in held.roles or not held.groupings:
        return member_id in held.roles
    try:
        return not _to_enter(held, member_id)
    except RuleViolation:  # nothing is open
        return True


def _to_enter(held: HeldGroup, member_id: UUID) -> list[Held]:
    """Return the open groupings that somebody is not in for good; raise as `open_groupings` does."""
    return [one for one in open_groupings(held) if member_id not in one.state.committed]


def _require_groupings(held: HeldGroup, member: RosterMember) -> None:
    lacking = _to_enter(held, member.id)
    if not lacking:  # and has left the group for another one
        raise RuleViolation("already_grouped")
    for one in lacking:
        sections = sections_of([member.id, *(seat_.member_id for seat_ in one.state.seats)])
        committed = member.id in committed_of(one.assignment.id, [member.id])
        rules_.require_entry(one.rules, now(), one.state, member.id, committed=committed, sections=sections)


def _require_sets(held: HeldGroup, member: RosterMember) -> None:
    open_sets = require_open([signup_of(row) for row in held.access.sets], now())
    require_room(len(held.roles), *(rules.limit for rules in open_sets))
    require_no_other(held.access.sets, member.id)
    if any(rules.same_section for rules in open_sets) and held.roles:
        first = held.creator or next(iter(held.roles))
        sections = sections_of([first, member.id])
        require_section(sections[first], sections[member.id])


def require_no_other(sets: Collection[GroupSet], member_id: UUID) -> None:
    """Raise RuleViolation("already_in_set") when somebody is in a group of one of these sets (ruling C1)."""
    taken = db.session.execute(
        select(Group.name, GroupSet.name)
        .join(GroupSetEntry, GroupSetEntry.group_id == Group.id)
        .join(GroupSet, GroupSet.id == GroupSetEntry.group_set_id)
        .join(GroupMembership, GroupMembership.group_id == Group.id)
        .where(GroupSet.id.in_([row.id for row in sets]), GroupMembership.member_id == member_id)
        .limit(1)
    ).one_or_none()
    if taken:
        raise RuleViolation("already_in_set", name=taken[0], other=taken[1])


def enter(held: HeldGroup, member: RosterMember) -> None:
    """Put a student who may come in into the group, as a plain member, and into its open groupings; tell the others."""
    viewer, group_id = held.viewer, held.row.id
    if held.groupings:
        first, *others = _to_enter(held, member.id)
        formation.come_in(viewer, first, member.id, member.name)
        for one in others:
            seat(viewer, one.row, member.id, rules_.status_on_entry(one.state))
        return
    append_members([(group_id, member.id)])
    follow_members(viewer, {group_id})
    note(held, "joined", member.name, member.id)
    tell_people(held, [one for one in held.roles if one != member.id], "joined", person=member.name)


def require_taking_out(held: HeldGroup) -> None:
    """Raise RuleViolation when students may not change who is in the group (any more); staff always may."""
    if held.by_staff:
        return
    if held.groupings:
        open_groupings(held)
    else:
        require_open([signup_of(row) for row in held.access.sets], now())


def take_out(held: HeldGroup, member_id: UUID, name: str) -> None:
    """Take a member out of the group and of its groupings, with the role they had; a creator's role goes on (C8).

    What students do obeys the date of the assignment or of the set: raise as `require_taking_out` does.
    """
    require_taking_out(held)
    if held.by_staff:
        for one in held.groupings:
            if one.state.status_of(member_id) is not None:
                staff_groupings.take_out(held.viewer, one, member_id)
    elif held.groupings:
        _end_open_seats(held, member_id, name)
    of_person = (GroupMembership.group_id == held.row.id, GroupMembership.member_id == member_id)
    leave(held.viewer.course.id, held.viewer.access_id, *of_person)
    follow_members(held.viewer, {held.row.id})
    me = held.viewer.actor.member_id == member_id
    note(held, "left" if me else "removed_from_group", name, member_id)
    if me:
        tell_people(held, [one for one in held.roles if one != member_id], "left", person=name)
    elif not (held.by_staff and held.groupings):
        tell_people(held, [member_id], "removed", person=held.viewer.name)


def _end_open_seats(held: HeldGroup, member_id: UUID, name: str) -> None:
    """End somebody's seats in the open groupings; where they were the inviter, somebody follows."""
    for one in open_groupings(held):
        heir = rules_.successor(one.state, member_id, held.roles)
        unseat(held.viewer, one.row, [member_id])
        if heir is not None:
            named = Heir(one.assignment, one.row, heir, name)
            hand_on(held.viewer.course.id, held.viewer.access_id, [named])


def give_role(held: HeldGroup, member_id: UUID, role: GroupRole) -> None:
    """Write a member's role down; who decides that it may be given is the caller."""
    of_person = (GroupMembership.group_id == held.row.id, GroupMembership.member_id == member_id)
    db.session.execute(update(GroupMembership).where(*of_person).values(role=role))


def note(held: HeldGroup, action: str, subject: str, member_id: UUID | None = None) -> None:
    """Write one line into the group's history, and into the member's own."""
    course_id, group_id = held.viewer.course.id, held.row.id
    history.note(course_id, held.viewer.access_id, action, subject, group_id, group_id=group_id, member_id=member_id)


def tell_people(held: HeldGroup, member_ids: Collection[UUID], kind: str, **facts: str) -> None:
    """Tell people of the group what happened in it."""
    course_id, said = held.viewer.course.id, {"group": held.row.name, **facts}
    tell(course_id, member_ids, kind, group_id=held.row.id, assignment_id=None, **said)


def changes_of(held: HeldGroup, *, gone: bool = False, count: int = 1) -> Changes:
    """Return what an act changed, so that the published sets follow."""
    one = frozenset({held.row.id})
    return Changes(
        group_sets=frozenset(row.id for row in held.access.sets),
        groups=frozenset() if gone else one,
        deleted_groups=one if gone else frozenset(),
        assignments=frozenset(grouping.assignment.id for grouping in held.groupings),
        count=count,
    )
