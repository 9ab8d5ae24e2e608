"""Reads the groups of a Moodle course, and single groupings with all their members, in few calls."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from lti_tool.domain.errors import LmsChanged, LmsRefused
from lti_tool.domain.remote import RemoteGroup, RemoteGroups, RemoteGroupSet
from lti_tool.lms.moodle_client import Json, MoodleClient
from lti_tool.lms.paging import in_parallel


def read_course(
    client: MoodleClient, course_id: str, told: Callable[..., None], known_ids: Collection[str] = ()
) -> RemoteGroups:
    """Return all groups of a course and its groupings; a group may be in none or in several (moodle.md 2.6).

    `told` is called after every call, and with the name of each grouping whose groups arrive.
    Raise LmsRefused("groups_hidden") when a grouping has groups that the course's list withholds, or when one of
    `known_ids` is not in that list and exists all the same.
    """
    groups = client.get_course_groups(course_id)
    told()
    groupings = client.get_course_groupings(course_id)
    told()
    for entry in groupings:
        told(str(entry["name"]))
    # Only this function says which groups are in which grouping.
    filled = client.get_groupings([str(entry["id"]) for entry in groupings])
    told()
    groups = _all_groups(client, course_id, groups, filled)
    _require_gone(client, sorted(set(known_ids) - {str(group["id"]) for group in groups}))
    members = client.get_group_members([str(group["id"]) for group in groups])
    told()
    known = {str(group["id"]) for group in groups}
    by_id = {str(entry["id"]): entry for entry in filled}
    sets = tuple(_remote_set(entry, by_id.get(str(entry["id"]), {}), known) for entry in groupings)
    return RemoteGroups(sets, remote_groups(groups, members))


def _all_groups(client: MoodleClient, course_id: str, groups: list[Json], groupings: list[Json]) -> list[Json]:
    """Return the course's groups; raise LmsRefused("groups_hidden") when the groupings have more of them.

    Without moodle/course:viewhiddengroups the list of groups is shorter without an error (moodle.md 2.2), which must
    not look as if somebody had deleted them. A group that was made between the two calls is in the second list.
    """
    of_course = {
        str(group["id"])
        for entry in groupings
        for group in entry.get("groups", [])
        if str(group["courseid"]) == course_id
    }
    if of_course <= {str(group["id"]) for group in groups}:
        return groups
    groups = client.get_course_groups(course_id)
    _require_visible(of_course, groups)
    return groups


def _require_gone(client: MoodleClient, missing: Sequence[str]) -> None:
    """Raise LmsRefused("groups_hidden") when one of these groups, which the course's list lacks, still exists.

    By its id Moodle tells a hidden group from a deleted one, but one deleted group spoils the call for all that are
    asked together (moodle.md 2.3). So one call tells that a right was lost; only real deletions cost a call each,
    and they do it once, for the pull that finds them forgets them.
    """
    if not missing:
        return
    hidden = _existing(client, missing)
    if not hidden and len(missing) > 1:
        alone = in_parallel(lambda one: _existing(client, [one]), missing, lambda _: None)
        hidden = [one for found in alone for one in found]
    if hidden:
        raise LmsRefused("groups_hidden", hidden=len(hidden))


def _existing(client: MoodleClient, group_ids: Sequence[str]) -> Sequence[str]:
    """Return these groups if all of them exist, nothing if one does not."""
    try:
        client.get_groups(group_ids)
    except LmsChanged:
        return ()
    return group_ids


def require_visible(client: MoodleClient, course_id: str, group_ids: Collection[str]) -> None:
    """Raise LmsRefused("groups_hidden") when the course's list withholds one of these groups, in one call."""
    _require_visible(group_ids, client.get_course_groups(course_id))


def _require_visible(group_ids: Iterable[str], listed: list[Json]) -> None:
    hidden = set(group_ids) - {str(group["id"]) for group in listed}
    if hidden:
        raise LmsRefused("groups_hidden", hidden=len(hidden), lms_group_ids=sorted(hidden))


def read_set(client: MoodleClient, course_id: str, set_id: str, known_empty: Collection[str] = ()) -> RemoteGroups:
    """Return one grouping with its groups and members in two calls, three when a group is newly empty.

    Raise LmsChanged("set_gone"), LmsRefused("groups_hidden").
    """
    grouping = get_grouping(client, set_id)
    groups = [group for group in grouping.get("groups", []) if str(group["courseid"]) == course_id]
    ids = [str(group["id"]) for group in groups]
    found = remote_groups(groups, members_of(client, course_id, ids, known_empty))
    return RemoteGroups((_remote_set(grouping, grouping, set(ids)),), found)


def get_grouping(client: MoodleClient, set_id: str) -> Json:
    """Return one grouping with its groups; raise LmsChanged("set_gone")."""
    try:
        return client.get_groupings([set_id])[0]
    except (LmsChanged, IndexError):
        raise LmsChanged("set_gone", lms_group_set_id=set_id) from None


def held_elsewhere(client: MoodleClient, course_id: str, set_id: str) -> set[str]:
    """Return the groups that the course's other groupings hold, in one call, two when there are any."""
    others = [str(entry["id"]) for entry in client.get_course_groupings(course_id) if str(entry["id"]) != set_id]
    filled = client.get_groupings(others) if others else []
    return {str(group["id"]) for entry in filled for group in entry.get("groups", [])}


def members_of(
    client: MoodleClient, course_id: str, group_ids: list[str], known_empty: Collection[str] = ()
) -> dict[str, list[str]]:
    """Return the members of these groups; raise LmsChanged("group_gone") when one of them no longer exists.

    Moodle shows a hidden group as an empty one to whoever may not see it: LmsRefused("groups_hidden"). Groups of
    `known_empty` are taken at its word, which spares that second look: nobody could be missed in them.
    """
    try:
        found = client.get_group_members(group_ids)
    except LmsChanged:
        raise LmsChanged("group_gone") from None
    if empty := [group_id for group_id in group_ids if not found.get(group_id) and group_id not in known_empty]:
        require_visible(client, course_id, empty)
    return found


def remote_groups(groups: Iterable[Json], members: Mapping[str, list[str]]) -> tuple[RemoteGroup, ...]:
    """Return groups as values."""
    return tuple(
        RemoteGroup(
            lms_group_id=str(group["id"]),
            name=str(group["name"]),
            description=str(group.get("description") or ""),
            member_ids=tuple(members.get(str(group["id"]), ())),
        )
        for group in groups
    )


def _remote_set(entry: Json, filled: Json, known: set[str]) -> RemoteGroupSet:
    # Moodle lets groups of another course slip into a grouping; those are none of this course's business.
    ids = (str(group["id"]) for group in filled.get("groups", []))
    return RemoteGroupSet(str(entry["id"]), str(entry["name"]), tuple(one for one in ids if one in known))
