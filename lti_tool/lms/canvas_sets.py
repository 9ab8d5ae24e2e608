"""Reads the groups of a Canvas course, and single sets with all their members, in few calls."""

from collections.abc import Iterable
from typing import Any

from lti_tool.domain.errors import LmsChanged, LmsRefused
from lti_tool.domain.remote import RemoteGroup, RemoteGroups, RemoteGroupSet, SetOptions
from lti_tool.lms import canvas_csv
from lti_tool.lms.canvas_client import UNNAMED_SET, CanvasClient, Json
from lti_tool.lms.canvas_people import is_real, require_keys
from lti_tool.lms.paging import OnPage, in_parallel

# Beyond this many groups whose members the export does not explain, the whole course is read instead.
MOST_SINGLE_READS = 10
# Beyond this many whose members not even the course explains, the token's person does not see its people.
MOST_HIDDEN = 60
UNNAMED = "Unnamed group"


def is_group_set(category: Json) -> bool:
    """Say whether a category is a teacher's group set, not the students' own clubs and not tags."""
    return category.get("role") is None and not category.get("non_collaborative")


def name_of(category: Json) -> str:
    """Return the name of a category, for Canvas may have none."""
    return str(category.get("name") or UNNAMED_SET)


def options_of(category: Json) -> SetOptions:
    """Return what a category lets its students do."""
    return SetOptions(category.get("self_signup"), category.get("auto_leader"), category.get("group_limit"))


def read_sets(client: CanvasClient, course_id: str, on_page: OnPage) -> tuple[list[Json], list[Json]]:
    """Return the group sets of a course and their active groups in the API's order.

    The sets can bring their groups along, which saves a call for every hundred groups; where a key strips that,
    the groups are listed.
    """
    categories = [c for c in client.get_group_categories(course_id, ["groups"]) if is_group_set(c)]
    on_page(1, 0)
    if not categories or all("groups" in category for category in categories):
        return categories, [group for category in categories for group in category["groups"]]
    ids = {category["id"] for category in categories}
    groups = client.get_course_groups(course_id, lambda done, total: on_page(done + 1, total and total + 1))
    return categories, [group for group in groups if group.get("group_category_id") in ids]


def members_by_group(users: Iterable[Json]) -> dict[str, list[str]]:
    """Return the ids of the users in each group; `group_ids` names deleted groups too (canvas.md 7.1)."""
    found: dict[str, list[str]] = {}
    for user in users:
        for group_id in user["group_ids"] if is_real(user) else ():
            found.setdefault(str(group_id), []).append(str(user["id"]))
    return found


def remote_groups(categories: Iterable[Json], groups: Iterable[Json], members: dict[str, list[str]]) -> RemoteGroups:
    """Return sets and groups as values; a group that a list repeats counts once."""
    by_id = {str(group["id"]): group for group in groups}
    sets = []
    for category in categories:
        ids = [gid for gid, group in by_id.items() if group.get("group_category_id") == category["id"]]
        sets.append(RemoteGroupSet(str(category["id"]), name_of(category), tuple(ids), options_of(category)))
    return RemoteGroups(tuple(sets), tuple(remote_group(g, members.get(gid, ())) for gid, g in by_id.items()))


def remote_group(group: Json, member_ids: Iterable[str]) -> RemoteGroup:
    """Return one group as a value; Canvas gives null for a missing description."""
    name, description = group.get("name") or UNNAMED, group.get("description") or ""
    people, handed_in = tuple(dict.fromkeys(member_ids)), bool(group.get("has_submission"))
    return RemoteGroup(str(group["id"]), str(name), str(description), people, handed_in)


def answered_group(group: Json) -> RemoteGroup | None:
    """Return a group from an answer that names its `users`, None when they were stripped or cut off.

    Canvas names a thousand people at the most and says nothing of the others (canvas.md 3.1).
    """
    users: list[dict[str, Any]] | None = group.get("users")
    if users is None or len(users) < int(group.get("members_count") or 0):
        return None
    return remote_group(group, (str(user["id"]) for user in users))


def read_set(client: CanvasClient, course_id: str, set_id: str) -> RemoteGroups:
    """Return one set with its groups and members; raise LmsChanged("set_gone") when it no longer exists.

    The export names active students only; groups that have more members than it says are read one by one, and when
    they are many the whole course is read first. Somebody who sees few of its people (canvas.md 7.2) gets no further:
    LmsRefused("people_hidden").
    """
    return read_set_and_gaps(client, course_id, set_id)[0]


def read_set_and_gaps(
    client: CanvasClient, course_id: str, set_id: str, exported: canvas_csv.Exported | None = None
) -> tuple[RemoteGroups, frozenset[str]]:
    """Return what `read_set` does, and the groups of which Canvas showed fewer members than it counts.

    Nobody writes a whole group anew by what was read of those: who was not shown would be taken out of it.
    `exported`: an export of just now, which spares another one.
    """
    listed = client.get_group_categories(course_id, ["groups"])
    try:
        # Not in the list does not mean gone: only its own address tells that.
        category = next((c for c in listed if str(c["id"]) == set_id), None) or client.get_group_category(set_id)
        # The list brings 400 groups in the call that names the set; a key that strips them costs their pages.
        groups = category["groups"] if "groups" in category else client.get_groups(set_id)
        members = dict(exported.members) if exported else _exported(client, set_id, groups)
    except LmsChanged:
        raise LmsChanged("set_gone", lms_group_set_id=set_id) from None
    counts = {str(group["id"]): int(group.get("members_count") or 0) for group in groups}
    unexplained = _unexplained(counts, members)
    if len(unexplained) > MOST_SINGLE_READS:
        users = client.get_users(course_id, ["enrollments", "group_ids"])
        require_keys(users, "enrollments", "group_ids")
        for group_id, ids in members_by_group(users).items():
            members[group_id] = list(dict.fromkeys((*members.get(group_id, ()), *ids)))
        unexplained = _unexplained(counts, members)
    if len(unexplained) > MOST_HIDDEN:
        raise LmsRefused("people_hidden", groups=len(unexplained))
    alone = in_parallel(client.get_group_members, unexplained, lambda _: None)
    for group_id, users in zip(unexplained, alone, strict=True):
        ids = [str(user["id"]) for user in users]
        members[group_id] = ids if len(ids) >= counts[group_id] else [*members.get(group_id, ()), *ids]
    found = remote_groups([category], groups, members)
    shown = {group.lms_group_id: len(group.member_ids) for group in found.groups}
    return found, frozenset(group_id for group_id, count in counts.items() if shown[group_id] < count)


def _unexplained(counts: dict[str, int], members: dict[str, list[str]]) -> list[str]:
    return [group_id for group_id, count in counts.items() if count != len(members.get(group_id, ()))]


def _exported(client: CanvasClient, set_id: str, groups: list[Json]) -> dict[str, list[str]]:
    if all(group.get("members_count") == 0 for group in groups):
        return {}
    return canvas_csv.read(client.export_group_category(set_id)).members
