"""Moves of people within a Canvas set: where they were seen before, and where the answers since put them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from lti_tool.domain.errors import LmsChanged
from lti_tool.domain.group_push import GroupSetPush
from lti_tool.domain.remote import RemoteGroup
from lti_tool.lms.canvas_seen import Seen


class Moves:
    """The people of one set as they were seen, and each of them who was moved by a call since."""

    def __init__(self, before: Seen) -> None:
        self._before = before
        self._moved: dict[str, str | None] = {}

    def require_unmoved(self, push: GroupSetPush, require_group: Callable[[str], object]) -> None:
        """Raise LmsChanged("moved_meanwhile", places=…) for whom others moved, or took out of their group.

        Whom a deleted group no longer holds, nobody took out: `require_group` raises for one that is gone.
        """
        before = self._before
        out = push.taken_out_by_others(before.places, {p for p in push.arriving if before.tells_of(p)})
        for change in push.change:
            if change.lms_group_id not in before.groups and not set(out).isdisjoint(change.known_ids):
                require_group(change.lms_group_id)
        moved = (*push.moved_by_others(before.places), *push.led_away_by_others(before.places), *out)
        if moved:
            raise LmsChanged("moved_meanwhile", places={person: before.names_of(person) for person in moved})

    def join(self, user_id: str, group_id: str) -> None:
        """Note that Canvas took a person into a group, and so out of any other one."""
        self._moved[user_id] = group_id

    def leave(self, user_id: str, group_id: str) -> None:
        """Note that a person is out of a group; who was seen in another one still is there."""
        if group_id in self._before.places.get(user_id, (group_id,)):
            self._moved[user_id] = None

    def group_after(self, group_id: str, known: RemoteGroup | None, answered: RemoteGroup | None) -> RemoteGroup | None:
        """Return a group with its people of now; None when nothing shows that it is there, or how it is called.

        `answered` has its texts, if a call of this push answered with them. Of people who were not seen those count
        who are `known` to be in the group.
        """
        is_there = group_id in self._before.groups or group_id in self._moved.values()
        if not is_there or not (known or answered):
            return None
        seen = self._before.group(group_id, known)
        stayed = [u for u in (seen.member_ids if seen else ()) if self._moved.get(u, group_id) == group_id]
        came = [user_id for user_id, into in self._moved.items() if into == group_id]
        texts = answered or seen
        return texts and replace(texts, member_ids=tuple(dict.fromkeys((*stayed, *came))))

    def others_after(self, push: GroupSetPush, touched: Sequence[RemoteGroup]) -> Iterator[RemoteGroup]:
        """Yield the groups that a push does not touch and that were seen otherwise than it knows them.

        `touched`: the groups that it does touch, as they are now; whoever is in them is in no other one any more. A
        group that bears the name of one that the push made is left out, so that nobody takes it for that one.
        """
        known = {group.lms_group_id: group for group in push.known}
        settled = {person for group in touched for person in group.member_ids}
        done = {*push.delete, *(group.lms_group_id for group in touched)}
        made = {new.name for new in push.create}
        for group_id in dict.fromkeys((*known, *self._before.groups)) if known else ():
            was, seen = known.get(group_id), self._before.group(group_id, known.get(group_id))
            if group_id in done or seen is None or (was is None and seen.name in made):
                continue
            there = tuple(person for person in seen.member_ids if person not in settled)
            if was is None or seen.name != was.name or set(there) != set(was.member_ids):
                yield replace(seen, member_ids=there)
