"""Groups of students' own: made in a set that lets them, edited and deleted by whom their roles allow (seed 002)."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete

from lti_tool.domain import formation as rules_
from lti_tool.domain.changes import Changes
from lti_tool.domain.clock import now
from lti_tool.domain.errors import RuleViolation
from lti_tool.domain.group_rights import GroupPermission, GroupRole
from lti_tool.domain.groups import clean_name, clean_text, require_free_name
from lti_tool.domain.naming import free_name, generated_name, normalize_group_name
from lti_tool.domain.signup import Privacy, SignupRules, require_open
from lti_tool.models import Group, GroupMembership, db, transaction
from lti_tool.services import history, staff_groupings
from lti_tool.services.access import Viewer
from lti_tool.services.group_access import GroupAccess
from lti_tool.services.group_names import carry_names, free_edited_name
from lti_tool.services.group_sets import get_set, lock_set, read_groups
from lti_tool.services.groupings import lock_sets
from lti_tool.services.held_groups import (
    HeldGroup,
    changes_of,
    hold_group,
    note,
    open_groupings,
    read_held,
    require_no_other,
    signup_of,
    tell_people,
)
from lti_tool.services.local_groups import store_group
from lti_tool.services.people import find_student
from lti_tool.services.seats import end_grouping


@dataclass(frozen=True)
class Doors:
    """How a group lets people in: its code, who finds it, whether somebody has to say yes, and how many it takes."""

    is_invite_active: bool
    privacy: Privacy
    needs_approval: bool
    max_members: int | None


def set_signup(viewer: Viewer, set_id: UUID, rules: SignupRules) -> Changes:
    """Say what students may do in a local set by themselves; raise as `lock_set` does."""
    with transaction():
        row = lock_set(viewer.course.id, set_id)
        if signup_of(row) != rules:
            row.signup, row.signup_until = rules.signup, rules.until
            row.group_limit, row.same_section = rules.limit, rules.same_section
            history.note(viewer.course.id, viewer.access_id, "signup_changed", f"{row.name}: {rules.signup}", set_id)
    return Changes(group_sets=frozenset({set_id}), count=1)


def create_own_group(viewer: Viewer, set_id: UUID, name: str, description: str, privacy: Privacy) -> Changes:
    """Make a group in a set where students do, and be its creator; without a name it is named after its people.

    Raise RuleViolation for a set that is not open for that, for who is in a group of it already, and for a wrong name.
    """
    course_id = viewer.course.id
    with transaction() as session:
        lock_sets(course_id, [set_id])
        row = get_set(course_id, set_id)
        me = find_student(course_id, viewer.actor.member_id)
        rules = signup_of(row)
        require_open([rules], now())
        if not rules.may_create(now()):
            raise RuleViolation("signup_no_new")
        require_no_other([row], me.id)
        taken = [group.name for group in read_groups(set_id)]
        typed = clean_text(name)
        if typed:
            made = normalize_group_name(clean_name(typed))
            require_free_name(made, taken)
        else:
            made = free_name(generated_name([me.name]), taken)
        group = store_group(course_id, set_id, made, generated=not typed)
        group.description, group.privacy = clean_text(description), privacy
        session.add(GroupMembership(group_id=group.id, member_id=me.id, position=0, role=GroupRole.CREATOR))
        history.note(course_id, viewer.access_id, "group_started", made, group.id, group_id=group.id, member_id=me.id)
    return Changes(group_sets=frozenset({set_id}), groups=frozenset({group.id}), count=1)


def edit_own_group(viewer: Viewer, group_id: UUID, name: str, description: str, doors: Doors | None = None) -> Changes:
    """Rename and describe a group; `doors` only by who may (ruling C13: its creator, admins and staff).

    Raise Forbidden, and RuleViolation for a name that is wrong or taken in a set of its.
    """
    with transaction():
        held = hold_group(viewer, group_id)
        held.access.require(GroupPermission.EDIT_INFO)
        row = held.row
        new = free_edited_name(row, name)
        row.name_generated = row.name_generated and new == row.name
        change = row.name if new == row.name else f"{row.name} → {new}"
        note(held, "group_edited", change, viewer.actor.member_id)
        row.name, row.description = new, clean_text(description)
        carry_names([row.id])
        if doors is not None:
            held.access.require(GroupPermission.TOGGLE_CODE)
            if row.is_invite_active != doors.is_invite_active:
                note(held, "code_switched_on" if doors.is_invite_active else "code_switched_off", new)
            row.is_invite_active, row.privacy = doors.is_invite_active, doors.privacy
            row.needs_approval, row.max_members = doors.needs_approval, doors.max_members
    return changes_of(held)


def delete_own_group(viewer: Viewer, group_id: UUID) -> Changes:
    """Delete a group for everybody, with its messages, documents, invites and the people in it (TEAM-16 to TEAM-20).

    A group without an assignment goes at any time; one that works on an assignment is broken up there, which
    `domain.formation.require_breaking_up` may refuse (ruling C10). Staff may always (ruling C8).
    """
    with transaction():
        held = hold_group(viewer, group_id)
        held.access.require(GroupPermission.DELETE)
        others = [member_id for member_id in held.roles if member_id != viewer.actor.member_id]
        note(held, "group_deleted", held.row.name, viewer.actor.member_id)
        if held.groupings:
            _require_end(held)
            _end_groupings(held)
        else:
            tell_people(held, others, "broken_up", person=viewer.name)
        db.session.execute(delete(Group).where(Group.id == group_id))
    return changes_of(held, gone=True)


def require_deletion(viewer: Viewer, access: GroupAccess) -> None:
    """Raise as `delete_own_group` would now for a group that works on an assignment; for the page that asks first."""
    _require_end(read_held(viewer, access))


def _require_end(held: HeldGroup) -> None:
    """Raise RuleViolation unless the groupings of a group may be ended by the viewer; staff may always."""
    me = held.viewer.actor.member_id
    if held.by_staff or me is None or not held.groupings:
        return
    if len(open_groupings(held)) < len(held.groupings):
        raise RuleViolation("formation_closed")
    for one in held.groupings:
        rules_.require_breaking_up(one.rules, now(), one.state, me)


def _end_groupings(held: HeldGroup) -> None:
    me = held.viewer.actor.member_id
    for one in held.groupings:
        if held.by_staff:
            staff_groupings.end(held.viewer, one)
            continue
        others = [seat.member_id for seat in one.state.seats if seat.member_id != me]
        tell_people(held, others, "broken_up", person=held.viewer.name, assignment=one.assignment.name)
        end_grouping(held.viewer, one.row)
