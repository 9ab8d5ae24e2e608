"""Brings a Canvas group set to the wanted state by the cheapest way that its size allows (canvas.md section 8).

Before people are moved, one export tells where they are, or a reading of the set if it does not name all of them: whom
others moved meanwhile is not moved over their heads.
Then deletes, renames, new groups, people: a new group may bear the name that another one just lost.
- up to TINY moves and removals: one call for each person, whose answers prove what the export showed to be changed;
  Canvas says clearly when a group is full;
- up to WHOLE_GROUPS groups that people join: each is rewritten, and the answer is the proof;
- more: one CSV of the changed people, which also makes new groups by name, then a re-read of the whole set; but a set
  with a limit or for sections is always written in the other two ways, because an import heeds neither.
A move needs no removal: Canvas takes people out of the other groups of the set by itself.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from lti_tool.domain.errors import LmsChanged
from lti_tool.domain.gateway import Progress, Step
from lti_tool.domain.group_push import GroupSetPush, require_free
from lti_tool.domain.remote import RemoteGroup, RemoteGroups
from lti_tool.lms import canvas_csv, canvas_sets
from lti_tool.lms.canvas_client import CanvasClient, Json, require_group_name
from lti_tool.lms.canvas_import import run_import
from lti_tool.lms.canvas_members import Placed, place_one, rewrite
from lti_tool.lms.canvas_moves import Moves
from lti_tool.lms.canvas_seen import Seen

TINY = 5
WHOLE_GROUPS = 15
NEW_ONE_BY_ONE = 5
# People whom an import passed over (staff, for one) are tried by hand, but not without end.
MOST_LEFTOVERS = 20
# More groups than this are read with their whole set.
MOST_SINGLE_READS = 5


@dataclass
class _People:
    """Who goes into and out of each group; `named` are the members of groups that an import is to make."""

    add: dict[str, list[str]] = field(default_factory=dict)
    remove: dict[str, list[str]] = field(default_factory=dict)
    named: dict[str, list[str]] = field(default_factory=dict)

    def placements(self) -> Iterator[canvas_csv.Placement]:
        for group_id, user_ids in self.add.items():
            yield from (canvas_csv.Placement(user_id, group_id=group_id) for user_id in user_ids)
        for name, user_ids in self.named.items():
            yield from (canvas_csv.Placement(user_id, group_name=name) for user_id in user_ids)


class CanvasPush:
    """One push to one set; `run` makes all its calls."""

    def __init__(
        self, client: CanvasClient, course_id: str, set_id: str, push: GroupSetPush, progress: Progress
    ) -> None:
        self._client = client
        self._course_id = course_id
        self._set_id = set_id
        self._push = push
        self._progress = progress
        self._touched = dict.fromkeys(change.lms_group_id for change in push.change)
        self._known = {change.lms_group_id: change.known for change in push.change if change.known}
        self._moves = Moves(Seen())
        # Groups as an answer of Canvas showed them after the last call that concerns them; of those in which people
        # move after that, the answer is still true of the name and the description.
        self._proved: dict[str, RemoteGroup] = {}
        self._texts: dict[str, RemoteGroup] = {}
        self._empty: set[str] = set()
        self._done = 0

    def run(self) -> RemoteGroups:
        """Carry the push out and return what Canvas has afterwards of the groups that it touched or found changed.

        Raise LmsChanged("set_gone", "group_gone", "moved_meanwhile", "renamed_meanwhile" or "described_meanwhile"),
        LmsRefused("value_refused" or "group_names_taken") before anything is changed, LmsUnavailable("import_failed" or
        "import_not_finished"), and what every call of the client raises.
        """
        for name in (*(new.name for new in self._push.create), *self._new_names()):
            require_group_name(name)
        self._require_unrenamed()
        if self._push.create and not self._push.replay:
            self._require_names_free()
        self._look()
        for group_id in self._push.delete:
            self._client.delete_group(group_id)
        self._rename()
        people = self._plan_people()
        if people.named or (len(people.add) > WHOLE_GROUPS and self._may_import()):
            return self._by_import(people)
        if self._is_tiny:
            self._one_by_one(people)
        else:
            self._rewrite_all(people, people.add | people.remove)
        self._prove_by_reading()
        groups = tuple(self._proved.get(one) or self._read(one) for one in self._touched)
        return RemoteGroups(groups=(*groups, *self._moves.others_after(self._push, groups)))

    @cached_property
    def _is_tiny(self) -> bool:
        """Say whether there are few calls to make: one for each person who joins a group, or leaves all."""
        joining = sum(
            len(set(ids)) for ids in (*(n.member_ids for n in self._push.create), *(c.add for c in self._push.change))
        )
        leaving = sum(len(set(change.remove) - self._push.arriving) for change in self._push.change)
        return joining + leaving <= TINY

    def _look(self) -> None:
        """See where people are before any of them is moved; raise as `Moves.require_unmoved` does, or "group_gone".

        An export tells it in one call. Whom it does not name (staff, who was invited, or is inactive) only a reading of
        the set finds, which costs more.
        """
        push = self._push
        is_known = push.replay or push.seen
        people = push.arriving | push.leaving
        if not people or (is_known and not self._is_tiny):
            return
        with self._known_set():
            exported = canvas_csv.read(self._client.export_group_category(self._set_id))
        seen = Seen.of_export(exported)
        if not is_known and not all(map(seen.tells_of, people)):
            seen = Seen.of_reading(
                *canvas_sets.read_set_and_gaps(self._client, self._course_id, self._set_id, exported)
            )
        self._moves = Moves(seen)
        self._tell(Step.VERIFYING)
        if not is_known:
            self._moves.require_unmoved(push, self._get_group)

    def _require_unrenamed(self) -> None:
        """Read the groups whose texts are replaced and were seen; raise what `require_unmoved_texts` does."""
        seen = [change for change in self._push.change if change.overwrites]
        listed = self._list_groups() if len(seen) > MOST_SINGLE_READS else []
        found = {str(group["id"]): group for group in listed}
        for change in seen:
            group = found.get(change.lms_group_id) or self._get_group(change.lms_group_id)
            change.require_unmoved_texts(canvas_sets.remote_group(group, ()))

    @cached_property
    def _listed(self) -> list[Json]:
        """The set's groups before the first of them is made, without those that this push deletes."""
        return [group for group in self._list_groups() if str(group["id"]) not in self._push.delete]

    def _require_names_free(self) -> None:
        """Raise LmsRefused("group_names_taken"): what a first try finds was made, or named so, by others."""
        renamed = {change.lms_group_id for change in self._push.change if change.name is not None}
        taken = (str(group["name"]) for group in self._listed if str(group["id"]) not in renamed)
        require_free((new.name for new in self._push.create), taken)

    def _names_of_others(self) -> dict[str, str]:
        """Return ids by name of the groups that this push neither changes nor deletes; of equal ones the first."""
        changed = {change.lms_group_id for change in self._push.change}
        return {str(g["name"]): str(g["id"]) for g in reversed(self._listed) if str(g["id"]) not in changed}

    def _list_groups(self) -> list[Json]:
        with self._known_set():
            return self._client.get_groups(self._set_id)

    @contextmanager
    def _known_set(self) -> Iterator[None]:
        try:
            yield
        except LmsChanged:
            raise LmsChanged("set_gone", lms_group_set_id=self._set_id) from None

    def _may_import(self) -> bool:
        """Say whether an import would obey the set's own rules: it heeds no limit and no section (canvas.md 5.2)."""
        with self._known_set():
            options = canvas_sets.options_of(self._client.get_group_category(self._set_id))
        is_limited = options.group_limit or any(group.get("max_membership") for group in self._listed)
        return not is_limited and options.self_signup != "restricted"

    def _get_group(self, group_id: str) -> Json:
        try:
            return self._client.get_group(group_id)
        except LmsChanged:
            raise LmsChanged("group_gone", lms_group_id=group_id) from None

    def _new_names(self) -> Iterator[str]:
        return (change.name for change in self._push.change if change.name is not None)

    def _rename(self) -> None:
        for change in self._push.change:
            if change.name is None and change.description is None:
                continue
            try:
                group = self._client.update_group(change.lms_group_id, change.name, change.description)
            except LmsChanged:
                raise LmsChanged("group_gone", lms_group_id=change.lms_group_id) from None
            self._texts[change.lms_group_id] = canvas_sets.remote_group(group, ())
            self._prove(canvas_sets.answered_group(group))

    def _plan_people(self) -> _People:
        people = _People()
        for change in self._push.change:
            if change.add:
                people.add[change.lms_group_id] = list(dict.fromkeys(change.add))
        self._plan_new_groups(people)
        arriving = {user_id for ids in (*people.add.values(), *people.named.values()) for user_id in ids}
        for change in self._push.change:
            if leaving := [user_id for user_id in dict.fromkeys(change.remove) if user_id not in arriving]:
                people.remove[change.lms_group_id] = leaving
            if change.add or change.remove:
                # People move from now on; what the renaming showed no longer proves anything.
                self._proved.pop(change.lms_group_id, None)
        return people

    def _plan_new_groups(self, people: _People) -> None:
        """Make the new groups, or leave them to the import; one that a replay finds there is taken."""
        if not self._push.create:
            return
        existing = self._names_of_others()
        missing = [new for new in self._push.create if new.name not in existing]
        by_import = sum(1 for new in missing if new.member_ids) > NEW_ONE_BY_ONE and self._may_import()
        for new in self._push.create:
            members = list(dict.fromkeys(new.member_ids))
            # An import makes groups by name alone: one with a description is made by a call of its own.
            if new in missing and by_import and members and not new.description:
                people.named[new.name] = members
                continue
            group_id = existing.get(new.name) or self._create(new.name, new.description)
            self._touched[group_id] = None
            if members:
                people.add[group_id] = members
                self._proved.pop(group_id, None)

    def _create(self, name: str, description: str) -> str:
        group = self._client.create_group(self._set_id, name, description or None)
        group_id = str(group["id"])
        self._empty.add(group_id)
        self._texts[group_id] = canvas_sets.remote_group(group, ())
        self._prove(canvas_sets.answered_group(group))
        self._tell(Step.PUSHING_GROUPS)
        return group_id

    # -- the three ways ------------------------------------------------------------------------------------

    def _one_by_one(self, people: _People) -> None:
        """Move people by a call each; the answers prove it, unless Canvas did not take somebody."""
        full: dict[str, list[str]] = {}
        refused = False
        for group_id, user_ids in people.add.items():
            for user_id in user_ids:
                placed = place_one(self._client, self._course_id, group_id, user_id)
                if placed.group_is_full:
                    full.setdefault(group_id, []).append(user_id)
                elif placed is Placed.IN:
                    self._moves.join(user_id, group_id)
                refused = refused or placed is Placed.REFUSED
                self._tell(Step.PUSHING_MEMBERS)
        for group_id, user_ids in people.remove.items():
            for user_id in user_ids:
                self._client.remove_group_member(group_id, user_id)
                self._moves.leave(user_id, group_id)
                self._tell(Step.PUSHING_MEMBERS)
        # A swap between full groups: only a rewritten list lets one out before the other comes in.
        self._rewrite_all(_People(add=full), full)
        if not (full or refused):
            for group_id in self._unproved():
                known, answered = self._known.get(group_id), self._texts.get(group_id)
                self._prove(self._moves.group_after(group_id, known, answered))

    def _rewrite_all(self, people: _People, group_ids: Collection[str]) -> None:
        present = self._present(group_ids)
        for group_id in group_ids:
            leaving = {u for c in self._push.change if c.lms_group_id == group_id for u in c.remove}
            joining = people.add.get(group_id, [])
            self._prove(rewrite(self._client, group_id, joining, leaving, present.get(group_id)))
            self._tell(Step.PUSHING_MEMBERS)

    def _present(self, group_ids: Collection[str]) -> dict[str, list[str]]:
        """Return who is in the groups now, as far as one reading of the set is cheaper than one of each group."""
        present: dict[str, list[str]] = {group_id: [] for group_id in self._empty}
        if len(set(group_ids) - self._empty) > MOST_SINGLE_READS:
            found, gaps = canvas_sets.read_set_and_gaps(self._client, self._course_id, self._set_id)
            self._tell(Step.VERIFYING)
            groups = (group for group in found.groups if group.lms_group_id not in gaps)
            present |= {group.lms_group_id: list(group.member_ids) for group in groups}
        return present

    def _read_set(self) -> RemoteGroups:
        found = canvas_sets.read_set(self._client, self._course_id, self._set_id)
        self._tell(Step.VERIFYING)
        return found

    def _by_import(self, people: _People) -> RemoteGroups:
        self._require_there(people.add)
        self._rewrite_all(_People(), people.remove)
        placements = self._changed_only(list(people.placements()))
        if placements:
            run_import(self._client, self._set_id, canvas_csv.write(placements), self._progress)
        found = self._read_set()
        left = canvas_csv.not_taken(placements, found)
        for row, group_id in left[:MOST_LEFTOVERS]:
            place_one(self._client, self._course_id, group_id, row.user_id)
        return self._read_set() if left else found

    def _require_there(self, group_ids: Collection[str]) -> None:
        """Raise LmsChanged("group_gone") for a group that was deleted meanwhile: an import brings it back to life."""
        there = {str(group["id"]) for group in self._listed} | self._empty
        for group_id in group_ids:
            if group_id not in there:
                raise LmsChanged("group_gone", lms_group_id=group_id)

    def _changed_only(self, placements: list[canvas_csv.Placement]) -> list[canvas_csv.Placement]:
        """Leave out who is in place already: an import would make the membership anew and notify the student."""
        if not self._push.replay:
            return placements
        present = canvas_csv.read(self._client.export_group_category(self._set_id)).members
        return [row for row in placements if row.user_id not in present.get(row.group_id or "", ())]

    # -- proof ---------------------------------------------------------------------------------------------

    def _unproved(self) -> list[str]:
        return [group_id for group_id in self._touched if group_id not in self._proved]

    def _prove_by_reading(self) -> None:
        if len(self._unproved()) > 1:
            unproved = set(self._unproved())
            for group in self._read_set().groups:
                if group.lms_group_id in unproved:
                    self._prove(group)

    def _read(self, group_id: str) -> RemoteGroup:
        self._tell(Step.VERIFYING)
        group = self._get_group(group_id)
        try:
            return canvas_sets.answered_group(group) or canvas_sets.remote_group(
                group, (str(user["id"]) for user in self._client.get_group_members(group_id))
            )
        except LmsChanged:
            raise LmsChanged("group_gone", lms_group_id=group_id) from None

    def _prove(self, group: RemoteGroup | None) -> None:
        if group is not None:
            self._proved[group.lms_group_id] = group

    def _tell(self, step: Step) -> None:
        self._done += 1
        self._progress(step, self._done, 0)
