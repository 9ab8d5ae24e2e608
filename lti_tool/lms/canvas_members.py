"""Changes the members of one Canvas group, person by person or as a whole list."""

from collections.abc import Iterable
from enum import Enum

from lti_tool.domain.errors import LmsChanged, LmsRefused
from lti_tool.domain.remote import RemoteGroup
from lti_tool.lms import canvas_sets
from lti_tool.lms.canvas_client import CanvasClient


class Placed(Enum):
    """What Canvas did with one person who was to join a group."""

    IN = "in"
    FULL = "full"
    REFUSED = "refused"

    @property
    def group_is_full(self) -> bool:
        """Say whether the group had no room."""
        return self is Placed.FULL


def place_one(client: CanvasClient, course_id: str, group_id: str, user_id: str) -> Placed:
    """Put one person into a group and say what became of it (canvas.md section 4).

    Whom Canvas does not take (not in the course, Test Student, section) is refused without an error, as is somebody of
    whom the answer does not tell that they are in: the caller's re-read shows it. Raise LmsRefused("right_missing")
    when it is the token that may not.
    """
    try:
        made = client.add_group_member(group_id, user_id)
    except LmsChanged:
        return Placed.REFUSED  # no such person, or no such group: the re-read tells
    except LmsRefused as error:
        if error.code == "value_refused":
            return Placed.FULL if "group_id" in _fields(error) else Placed.REFUSED
        # Canvas words a stranger and a missing right alike; the permission itself tells them apart.
        if error.code != "right_missing" or not _may_manage(client, course_id):
            raise
        return Placed.REFUSED
    is_in = str(made.get("group_id")) == group_id and made.get("workflow_state") == "accepted"
    return Placed.IN if is_in else Placed.REFUSED


def _fields(error: LmsRefused) -> list[str]:
    fields = error.facts.get("fields")
    return fields if isinstance(fields, list) else []


def _may_manage(client: CanvasClient, course_id: str) -> bool:
    return client.get_permissions(course_id, ["manage_groups_manage"]).get("manage_groups_manage", False)


def rewrite(
    client: CanvasClient, group_id: str, add: Iterable[str], remove: Iterable[str], present: list[str] | None
) -> RemoteGroup | None:
    """Rewrite a group's members from those present (None: they are read first) and return the answered group.

    Whoever else is in the group stays: only the given people come and go. Raise LmsChanged("group_gone"), and
    LmsRefused("people_hidden") before anything is changed when Canvas shows fewer members than it counts.
    """
    try:
        if present is None:
            present = _present(client, group_id)
        leaving = set(remove)
        wanted = [user_id for user_id in present if user_id not in leaving] + list(add)
        if set(wanted) == set(present):
            return None
        return canvas_sets.answered_group(client.set_group_members(group_id, wanted))
    except LmsChanged:
        raise LmsChanged("group_gone", lms_group_id=group_id) from None


def _present(client: CanvasClient, group_id: str) -> list[str]:
    group = client.get_group(group_id)
    if answered := canvas_sets.answered_group(group):
        return list(answered.member_ids)
    present = [str(user["id"]) for user in client.get_group_members(group_id)]
    counted = int(group.get("members_count") or 0)
    # Who is not shown would be taken out by the list that is written (canvas.md 7.2).
    if len(present) < counted:
        raise LmsRefused("people_hidden", shown=len(present), in_groups=counted)
    return present
