"""Takes a bulk change back in sets of the LMS too: the inverse is asked of the LMS, which is looked at before."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from lti_tool.domain.changes import Changes
from lti_tool.domain.errors import Conflict
from lti_tool.domain.gateway import LmsGateway
from lti_tool.domain.group_push import GroupChange, GroupSetPush, NewGroup
from lti_tool.domain.groups import LMS_CONNECTIONS, Connection
from lti_tool.domain.remote import RemoteGroups
from lti_tool.domain.sync import UNGROUPED_SET_ID
from lti_tool.domain.undo import SetState, UndoPlan, from_json, moved_since, plan_undo
from lti_tool.models import GroupSetEntry, RosterMember, UndoStep, db, release, transaction
from lti_tool.services import gateways, undo
from lti_tool.services.access import Viewer
from lti_tool.services.connected_groups import Bulk, Held, ask, hold, listed
from lti_tool.services.group_sets import get_set_to_edit, lock_connected_set
from lti_tool.services.lms_answers import read_known, store_answer
from lti_tool.services.lms_sending import whole
from lti_tool.services.tool import Tool
from lti_tool.services.undo import Kept, Undone, What


def take_back(tool: Tool, viewer: Viewer, set_id: UUID, revision: int) -> Undone:
    """Take the latest bulk change of a set back, whoever's set it is; raise as `services.undo.undo` does.

    A set of the LMS is read there first, and the store takes what it shows. People whom others moved since stay where
    they are, and groups that others use since are not deleted; the row in the ledger names them when it has arrived.
    Raise the LmsError when the LMS cannot be read: then nothing is asked and nothing is changed.
    """
    course_id = viewer.course.id
    row = get_set_to_edit(viewer, set_id)
    if row.connection not in LMS_CONNECTIONS:
        return undo.undo(viewer, set_id, revision)
    seen, lms_set_id = row.revision, row.lms_group_set_id or ""
    made = _made(_get_step(set_id, revision))
    gateway = gateways.open_gateway(tool, course_id, access_id=viewer.access_id)
    release()
    remote = gateway.read_group_set(lms_set_id)
    held = _held_elsewhere(gateway, lms_set_id) if made and row.connection == Connection.MOODLE else frozenset()
    with transaction():
        lock_connected_set(viewer, set_id, seen)
        step = _get_step(set_id, revision)
        what, count = What.REDO if step.what == What.UNDO else What.UNDO, step.count
        before, after = from_json(step.before), from_json(step.after)
        store_answer(course_id, set_id, whole(remote, read_known(set_id)))
        present = undo.read_state(set_id, before.ids | after.ids)
        active = undo.active_members(course_id) - moved_since(after, present)
        plan = plan_undo(before, after, present, active)
        inverse = _Inverse.of(course_id, hold(viewer, set_id), plan, (after, present), remote, elsewhere=held)
        push, left_out = inverse.push(), inverse.left_out()
        if not push:
            kept = Kept(count, undo.names_of_members(course_id, left_out), inverse.kept_groups())
            undo.seal(viewer.access_id, set_id, what, (present, present), kept)
            return Undone(what, Changes(group_sets=frozenset({set_id}), count=count))
        accounts = tuple(inverse.people[one][0] for one in sorted(left_out) if one in inverse.people)
        bulk = Bulk(inverse.kind(what), count, accounts, inverse.kept_groups())
        asked = ask(viewer, inverse.held, listed(list(inverse.about())), push, bulk)
    return Undone(what, asked)


def _get_step(set_id: UUID, revision: int) -> UndoStep:
    step = db.session.scalar(select(UndoStep).where(UndoStep.group_set_id == set_id, UndoStep.revision == revision))
    if step is None:
        raise Conflict("set_changed")
    return step


def _made(step: UndoStep) -> frozenset[UUID]:
    return from_json(step.after).ids - from_json(step.before).ids


def _held_elsewhere(gateway: LmsGateway, lms_set_id: str) -> frozenset[str]:
    """Return the groups that other groupings of a Moodle hold, also such as are not shown here."""
    sets = (gateway.pull(roster=False, groups=True).groups or RemoteGroups()).group_sets
    others = (one for one in sets if one.lms_group_set_id not in (lms_set_id, UNGROUPED_SET_ID))
    return frozenset(group_id for one in others for group_id in one.group_ids)


@dataclass(frozen=True)
class _Inverse:
    """What takes a change back, in terms of the LMS.

    `people`: (LMS id, name) of everybody with an account; `drop`: groups to be deleted; `in_use`: groups that were
    made by the change and that others use since, with the people whom they put there.
    """

    held: Held
    plan: UndoPlan
    after: SetState
    present: SetState
    people: Mapping[UUID, tuple[str, str]]
    drop: tuple[UUID, ...]
    in_use: Mapping[UUID, Collection[UUID]]

    @classmethod
    def of(
        cls,
        course_id: UUID,
        held: Held,
        plan: UndoPlan,
        states: tuple[SetState, SetState],
        remote: RemoteGroups,
        *,
        elsewhere: Collection[str],
    ) -> "_Inverse":
        """Return the inverse for a set as the LMS just showed it; `states`: after the change, and now.

        `elsewhere`: groups that other sets of the LMS hold, by their ids there.
        """
        after, present = states
        rows = db.session.execute(
            select(RosterMember.id, RosterMember.lms_user_id, RosterMember.name).where(
                RosterMember.course_id == course_id, RosterMember.lms_user_id.is_not(None)
            )
        )
        people = {key: (str(lms_id), name) for key, lms_id, name in rows}
        theirs = {group.lms_group_id: group.member_ids for group in remote.groups}
        others = (GroupSetEntry.group_id.in_(plan.drop), GroupSetEntry.group_set_id != held.set_id)
        shared = set(db.session.scalars(select(GroupSetEntry.group_id).where(*others)))
        shared |= {key for key in plan.drop if held.group(key).lms_group_id in elsewhere}
        in_use: dict[UUID, Collection[UUID]] = {}
        for key in plan.drop:
            here, done = present.known[key], after.known[key]
            ours = {people[one][0] for one in done.members if one in people}
            strangers = set(theirs.get(str(held.group(key).lms_group_id), ())) - ours
            if strangers or key in shared or (here.name, here.description) != (done.name, done.description):
                in_use[key] = {one for one in here.members if one not in done.members}
        drop = tuple(key for key in plan.drop if key not in in_use)
        return cls(held, plan, after, present, people, drop, in_use)

    def push(self) -> GroupSetPush:
        """Return the moves, the groups to be made anew and those to be deleted."""
        new = {group.id for group in self.plan.bring_back}
        create = (
            NewGroup(group.name, group.description, self._accounts(self.plan.members.get(group.id, ())))
            for group in self.plan.bring_back
        )
        change = (one for key in self.held.groups if key not in new for one in self._change(key))
        gone = (str(self.held.group(key).lms_group_id) for key in self.drop)
        return GroupSetPush(tuple(create), tuple(change), tuple(gone))

    def kind(self, what: What) -> What:
        """Return as what the inverse is kept: groups that are made anew can only be deleted again, which is told."""
        if not self.plan.bring_back:
            return what
        return What.NEW_DRAW if any(self.plan.members.get(g.id) for g in self.plan.bring_back) else What.GROUPS

    def _change(self, group_id: UUID) -> Iterator[GroupChange]:
        come, leave = self._moves(group_id)
        add, remove = self._accounts(come), self._accounts(leave)
        if add or remove:
            yield self.held.change(group_id, add=add, remove=remove)

    def _moves(self, group_id: UUID) -> tuple[list[UUID], list[UUID]]:
        """Return who comes into a group and who leaves it."""
        there = self.present.known[group_id].members
        if group_id in self.in_use:
            return [], [one for one in there if one in self.after.known[group_id].members]
        wanted = self.plan.members.get(group_id, there)
        return [one for one in wanted if one not in there], [one for one in there if one not in wanted]

    def _accounts(self, member_ids: Collection[UUID]) -> tuple[str, ...]:
        return tuple(self.people[one][0] for one in member_ids if one in self.people)

    def left_out(self) -> set[UUID]:
        """Return the people who stay where others put them."""
        return {*self.plan.left_out, *(one for strangers in self.in_use.values() for one in strangers)}

    def kept_groups(self) -> tuple[str, ...]:
        """Return the names of the groups that are not deleted, as they are now."""
        return tuple(self.held.group(key).name for key in self.in_use)

    def about(self) -> Iterator[str]:
        """Tell each move in the words of the ledger."""
        moves = {key: self._moves(key) for key in self.held.groups}
        arriving = {one for come, _ in moves.values() for one in come}
        for key, (come, leave) in moves.items():
            name = self.held.group(key).name
            yield from (f"{self.people[one][1]} → {name}" for one in come if one in self.people)
            yield from (
                f"{self.people[one][1]} ← {name}" for one in leave if one in self.people and one not in arriving
            )
        yield from (f"+ {group.name}" for group in self.plan.bring_back)
        yield from (f"− {self.held.group(key).name}" for key in self.drop)
