"""Moves of people within a Canvas set: where an export showed them before, and where the answers since put them."""

from collections.abc import Callable
from dataclasses import replace

from lti_tool.domain.errors import LmsChanged
from lti_tool.domain.group_push import GroupSetPush
from lti_tool.domain.remote import RemoteGroup
from lti_tool.lms.canvas_csv import Exported


class Moves:
    """The people of one set as an export named them, and each of them who was moved by a call since.

    An export names active students only: where others are, it does not tell.
    """

    def __init__(self, before: Exported) -> None:
        self._before = before
        self._places = {user_id: (group_id,) for group_id, ids in before.members.items() for user_id in ids}
        self._moved: dict[str, str | None] = {}

    def require_unmoved(self, push: GroupSetPush, require_group: Callable[[str], object]) -> None:
        """Raise LmsChanged("moved_meanwhile", places=…) for whom others moved, or took out of their group.

        Whom a deleted group no longer holds, nobody took out: `require_group` raises for one that is gone.
        """
        out = push.taken_out_by_others(self._places, self._before.people)
        for change in push.change:
            if change.lms_group_id not in self._before.members and not set(out).isdisjoint(change.known_ids):
                require_group(change.lms_group_id)
        moved = (*push.moved_by_others(self._places), *push.led_away_by_others(self._places), *out)
        if moved:
            names = {u: tuple(self._before.names[group_id] for group_id in self._places.get(u, ())) for u in moved}
            raise LmsChanged("moved_meanwhile", places=names)

    def join(self, user_id: str, group_id: str) -> None:
        """Note that Canvas took a person into a group, and so out of any other one."""
        self._moved[user_id] = group_id

    def leave(self, user_id: str, group_id: str) -> None:
        """Note that a person is out of a group; who was in another one, by the export, still is."""
        if group_id in self._places.get(user_id, (group_id,)):
            self._moved[user_id] = None

    def group_after(self, group_id: str, known: RemoteGroup | None, answered: RemoteGroup | None) -> RemoteGroup | None:
        """Return a group with its people of now; None when nothing shows that it is there, or how it is called.

        `answered` has its texts, if a call of this push answered with them. Of people whom the export does not name
        those count who are `known` to be in the group.
        """
        held = self._before.members.get(group_id)
        if (held is None and group_id not in self._moved.values()) or not (known or answered):
            return None
        named = answered or (known and replace(known, name=self._before.names.get(group_id, known.name)))
        unseen = [user_id for user_id in known.member_ids if user_id not in self._before.people] if known else []
        stayed = [u for u in (*(held or ()), *unseen) if self._moved.get(u, group_id) == group_id]
        came = [user_id for user_id, into in self._moved.items() if into == group_id]
        return named and replace(named, member_ids=tuple(dict.fromkeys((*stayed, *came))))
