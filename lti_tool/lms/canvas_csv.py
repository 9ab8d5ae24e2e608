"""Writes and reads the CSV by which Canvas takes and gives a whole group set (canvas.md section 5)."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass

from lti_tool.domain.errors import LmsUnavailable
from lti_tool.domain.remote import RemoteGroups


@dataclass(frozen=True)
class Placement:
    """One person and the group to be in: an existing one by id, a new one by name."""

    user_id: str
    group_id: str | None = None
    group_name: str | None = None


@dataclass(frozen=True)
class Exported:
    """What an export tells: the active students of each group, the groups' names, and all active students."""

    members: dict[str, list[str]]
    names: dict[str, str]
    people: set[str]


def write(placements: Iterable[Placement]) -> bytes:
    """Return the file of an import: changed rows only, empty cells truly empty (canvas.md 5.2)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["canvas_user_id", "canvas_group_id", "group_name"])
    writer.writerows([row.user_id, row.group_id, row.group_name] for row in placements)
    return out.getvalue().encode()


def read(text: str) -> Exported:
    """Read an export by its column names; delimiter and byte order mark depend on the caller's settings.

    Raise LmsUnavailable("export_not_understood") when the columns are not there.
    """
    text = text.removeprefix("\ufeff")
    header = text.partition("\n")[0]
    rows = csv.DictReader(io.StringIO(text), delimiter=";" if header.count(";") > header.count(",") else ",")
    if "canvas_user_id" not in (rows.fieldnames or ()):
        raise LmsUnavailable("export_not_understood")
    found = Exported({}, {}, set())
    for row in rows:
        found.people.add(row["canvas_user_id"])
        # The column of group ids is missing altogether while nobody is in a group.
        if group_id := row.get("canvas_group_id"):
            found.members.setdefault(group_id, []).append(row["canvas_user_id"])
            found.names[group_id] = row.get("group_name") or ""
    return found


def not_taken(placements: Iterable[Placement], found: RemoteGroups) -> list[tuple[Placement, str]]:
    """Return the rows of an import that it passed over, each with its group's id."""
    ids = {group.name: group.lms_group_id for group in found.groups}
    members = {group.lms_group_id: set(group.member_ids) for group in found.groups}
    left = []
    for row in placements:
        group_id = row.group_id or ids.get(row.group_name or "")
        if group_id in members and row.user_id not in members[group_id]:
            left.append((row, group_id))
    return left
