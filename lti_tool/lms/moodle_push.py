"""Brings a Moodle grouping to the wanted state: batches, and a re-read where their answers prove too little.

Deletes, then renames, then new groups, then people in, people out: names are unique in the course, so a new group
may need the name that another one just lost; and who moves is in two groups for a moment rather than in none.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import uuid4

from lti_tool.domain.errors import LmsChanged, LmsRefused
from lti_tool.domain.gateway import Progress, Step
from lti_tool.domain.group_push import GroupChange, GroupSetPush, NewGroup, require_free
from lti_tool.domain.remote import RemoteGroup, RemoteGroups
from lti_tool.lms import moodle_sets
from lti_tool.lms.moodle_client import MEMBERS_PER_CALL, Json, MoodleClient, portions
from lti_tool.lms.moodle_names import checked, ordered_renames

Pair = tuple[str, str]
# Up to so many changed groups are re-read by themselves, more with their whole grouping.
MOST_SINGLE_READS = 50
# Up to so many people in and out are taken on Moodle's answers alone, which a page waits for. A re-read of more costs
# little in comparison, and shows what others changed in the LMS meanwhile.
MOST_ON_ANSWERS = 10
# Our mark on the groups that we make for a grouping: it tells them from a teacher's own when a push whose answer
# was lost is made again before they were put into the grouping.
MARK = "lti-groups:{}:"


class MoodlePush:
    """One push to one grouping; `run` makes all its calls."""

    def __init__(
        self,
        client: MoodleClient,
        course_id: str,
        set_id: str,
        push: GroupSetPush,
        progress: Progress,
        *,
        names: dict[str, str],
    ) -> None:
        self._client = client
        self._course_id = course_id
        self._set_id = set_id
        self._push = push
        self._progress = progress
        # Names of groups as Moodle last answered them; spares asking again.
        self._names = names
        self._enrolled: set[str] | None = None
        self._was_refused = False
        self._done = 0

    def run(self) -> RemoteGroups:
        """Carry the push out and return what Moodle has afterwards.

        One person moved, or taken out, takes two calls when the change says what is known of the groups; three
        without that, and four when the groups' names were not read before with this gateway.
        Raise LmsRefused("value_refused" or "group_names_taken"), LmsChanged("set_gone", "group_gone",
        "renamed_meanwhile" or "described_meanwhile"), and what every call of the client raises.
        """
        new = {checked(group.name): group for group in self._push.create}
        renames = {c.lms_group_id: checked(c.name) for c in self._push.change if c.name is not None}
        described = {c.lms_group_id: c.description for c in self._push.change if c.description is not None}
        groups = self._client.get_course_groups(self._course_id) if new or renames or described else []
        current = {str(group["id"]): str(group["name"]) for group in groups}
        found = {group.lms_group_id: group for group in moodle_sets.remote_groups(groups, {})}
        for change in self._push.change:
            if change.overwrites and change.lms_group_id in found:
                change.require_unmoved_texts(found[change.lms_group_id])
        groups = [group for group in groups if str(group["id"]) not in self._push.delete]
        current = {i: name for i, name in current.items() if i not in self._push.delete}
        ours = self._reusable(groups, current | renames) if new else {}
        # Names of the whole course, which this push does not free: told before anything is changed.
        require_free(new.keys() - ours.keys(), (current | renames).values())
        ordered_renames(current, renames)
        if self._push.delete:
            self._client.delete_groups(self._push.delete)
        self._rename(current, renames)
        self._describe(current | renames, described)
        ids = self._make(ours, new) if new else {}
        add = [(c.lms_group_id, user) for c in self._push.change for user in dict.fromkeys(c.add)]
        add += [(ids[name], user) for name, group in new.items() for user in dict.fromkeys(group.member_ids)]
        remove = [(c.lms_group_id, user) for c in self._push.change for user in dict.fromkeys(c.remove)]
        self._change_members(self._client.add_group_members, add)
        self._change_members(self._client.delete_group_members, remove)
        self._names.update(renames)
        return self._proof(whole=bool(new))

    def _rename(self, current: dict[str, str], wanted: dict[str, str]) -> None:
        if lost := [group_id for group_id in wanted if group_id not in current]:
            raise LmsChanged("group_gone", lms_group_id=lost[0])
        steps = ordered_renames(current, wanted)
        if steps:
            self._client.update_groups([{"id": group_id, "name": name} for group_id, name in steps])
            self._tell(Step.PUSHING_GROUPS)

    def _describe(self, current: dict[str, str], wanted: dict[str, str]) -> None:
        if lost := [group_id for group_id in wanted if group_id not in current]:
            raise LmsChanged("group_gone", lms_group_id=lost[0])
        if wanted:  # Moodle demands the name too, and takes the group's own
            entries = [{"id": i, "name": current[i], "description": text} for i, text in wanted.items()]
            self._client.update_groups(entries)
            self._tell(Step.PUSHING_GROUPS)

    def _make(self, ours: dict[str, str], new: dict[str, NewGroup]) -> dict[str, str]:
        """Make the new groups but for `ours`, put them into the grouping and return their ids by name."""
        ids = {name: ours[name] for name in new if name in ours}
        missing = [name for name in new if name not in ids]
        made = self._client.create_groups([self._entry(name, new[name]) for name in missing])
        self._tell(Step.PUSHING_GROUPS)
        ids |= dict(zip(missing, (str(group["id"]) for group in made), strict=True))
        self._client.assign_grouping(self._set_id, list(ids.values()))
        self._tell(Step.PUSHING_GROUPS)
        return ids

    def _reusable(self, groups: list[Json], current: dict[str, str]) -> dict[str, str]:
        """Return ids by name of the grouping's groups, and of those that bear its mark: a replay makes no twins.

        What a first try finds was made by others.
        """
        grouping = moodle_sets.get_grouping(self._client, self._set_id)
        if not self._push.replay:
            return {}
        inside = {str(group["id"]) for group in grouping.get("groups", [])}
        mark = MARK.format(self._set_id)
        inside |= {str(group["id"]) for group in groups if str(group.get("idnumber") or "").startswith(mark)}
        changed = {change.lms_group_id for change in self._push.change}
        return {name: group_id for group_id, name in current.items() if group_id in inside - changed}

    def _entry(self, name: str, group: NewGroup) -> dict[str, object]:
        return {
            "courseid": self._course_id,
            "name": name,
            "description": group.description,
            "idnumber": MARK.format(self._set_id) + uuid4().hex,
        }

    # -- people --------------------------------------------------------------------------------------------

    def _change_members(self, change: Callable[[Sequence[Pair]], None], pairs: list[Pair]) -> None:
        for part in portions(pairs, MEMBERS_PER_CALL):
            try:
                self._try(change, part)
            except LmsChanged:
                raise LmsChanged("group_gone") from None

    def _try(self, change: Callable[[Sequence[Pair]], None], pairs: Sequence[Pair]) -> None:
        """Make a batch; halve it when Moodle refuses it for an entry that it does not name.

        A single entry that is refused is left: somebody who is not enrolled, or a membership that another plugin
        owns (moodle.md 2.3). The re-read shows it.
        """
        try:
            change(pairs)
            self._tell(Step.PUSHING_MEMBERS)
        except LmsRefused as error:
            self._tell(Step.PUSHING_MEMBERS)  # a long halving is not silent
            if error.code not in ("value_refused", "membership_protected"):
                raise
            self._was_refused = True
            if len(pairs) == 1:
                return
            enrolled = self._enrolled_only(pairs) if error.code == "value_refused" else pairs
            if len(enrolled) < len(pairs):
                if enrolled:
                    self._try(change, enrolled)
                return
            middle = len(pairs) // 2
            self._try(change, pairs[:middle])
            self._try(change, pairs[middle:])

    def _enrolled_only(self, pairs: Sequence[Pair]) -> Sequence[Pair]:
        if self._enrolled is None:
            self._enrolled = self._client.get_enrolled_ids(self._course_id)
        return [(group, user) for group, user in pairs if user in self._enrolled]

    # -- proof ---------------------------------------------------------------------------------------------

    def _proof(self, *, whole: bool) -> RemoteGroups:
        if answered := self._answered():
            return RemoteGroups(groups=answered, unproven=not self._removals_are_proved())
        touched = [change.lms_group_id for change in self._push.change]
        if whole or len(touched) > MOST_SINGLE_READS:
            found = moodle_sets.read_set(self._client, self._course_id, self._set_id)
            self._tell(Step.VERIFYING)
            return found
        members = moodle_sets.members_of(self._client, self._course_id, touched)
        self._tell(Step.VERIFYING)
        texts = {c.lms_group_id: c.known.description for c in self._push.change if c.known and c.description is None}
        described = {c.lms_group_id for c in self._push.change if c.description is not None}
        unknown = [group_id for group_id in touched if group_id not in self._names or group_id in described]
        for group in self._client.get_groups(unknown):
            self._names[str(group["id"])] = str(group["name"])
            texts[str(group["id"])] = str(group.get("description") or "")
        groups = [{"id": i, "name": self._names[i], "description": texts.get(i)} for i in touched]
        # Of a group to which others moved somebody who leaves, only a reading of the whole grouping tells.
        left = any(change.remove for change in self._push.change)
        return RemoteGroups(groups=moodle_sets.remote_groups(groups, members), unproven=left)

    def _answered(self) -> tuple[RemoteGroup, ...]:
        """Return the groups as answers alone prove them; empty when a re-read must.

        A batch is done as a whole or refused with an error: Moodle answers null only after the last of its people is
        in (moodle.md 2.3), or out of a group that it shows. A name is not proved by that, nor is a push of which
        anything was refused.
        """
        changes = self._push.change
        few = sum(len(change.add) + len(change.remove) for change in changes) <= MOST_ON_ANSWERS
        told = any(change.name is not None or change.description is not None for change in changes)
        if self._was_refused or self._push.create or not few or told:
            return ()
        groups = tuple(_changed(change.known, change) for change in changes if change.known is not None)
        return groups if len(groups) == len(changes) else ()

    def _removals_are_proved(self) -> bool:
        """Raise LmsRefused("groups_hidden") when Moodle's null for people who shall leave means nothing.

        From a group that is hidden from the token Moodle takes nobody out and answers null all the same (moodle.md
        2.2); of a group that it lists, null is the truth, and one more call tells that for a push that only takes
        people out. A move is two calls already, one in and one out, and no function of Moodle does both or tells
        more: a page waits for no third call. Nor does any answer tell that others put somebody who leaves into another
        group. So where people leave, the answer is not all of the truth: whoever stores it has it proved later.
        """
        changes = self._push.change
        left = [change.lms_group_id for change in changes if change.remove]
        if left and not any(change.add for change in changes):
            moodle_sets.require_visible(self._client, self._course_id, left)
            self._tell(Step.VERIFYING)
        return not left

    def _tell(self, step: Step) -> None:
        self._done += 1
        self._progress(step, self._done, 0)


def _changed(known: RemoteGroup, change: GroupChange) -> RemoteGroup:
    members = dict.fromkeys((*known.member_ids, *change.add))
    return replace(known, member_ids=tuple(user for user in members if user not in change.remove))
