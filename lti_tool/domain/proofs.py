"""What a reading of a set shows of changes that were taken at the LMS's word: who stayed, and who was moved."""

from lti_tool.domain.lms_changes import ChangeGroups, Intent
from lti_tool.domain.remote import RemoteGroups


def taken_out(intent: Intent) -> list[tuple[str, str]]:
    """Return (group, person) for everybody whom an intent takes out of a group, by LMS ids."""
    changes = intent.push.change if isinstance(intent, ChangeGroups) else ()
    return [(change.lms_group_id, person) for change in changes for person in change.remove]


def people_of(intent: Intent) -> frozenset[str]:
    """Return everybody whom an intent puts into a group or takes out of one, by LMS ids."""
    arriving = intent.push.arriving if isinstance(intent, ChangeGroups) else frozenset()
    return arriving | {person for _, person in taken_out(intent)}


def still_there(intent: Intent, known: RemoteGroups, remote: RemoteGroups) -> list[str]:
    """Return who is still in a group that an intent took them out of; nobody whom `known`, our state, has in it."""
    ours, theirs = ({g.lms_group_id: g.member_ids for g in side.groups} for side in (known, remote))
    pairs = taken_out(intent)
    return list(dict.fromkeys(p for g, p in pairs if p in theirs.get(g, ()) and p not in ours.get(g, ())))


def moved_since(intent: Intent, known: RemoteGroups, remote: RemoteGroups) -> list[str]:
    """Return the people of an intent whom others put elsewhere, or took out, while it was sent or since.

    That is who is not where `known`, our state, has them by the LMS's word, whatever came after the intent; who is only
    in an old group still has not left it (see `still_there`).
    """
    pairs = set(taken_out(intent))
    ours, theirs = ({(g.lms_group_id, p) for g in side.groups for p in g.member_ids} for side in (known, remote))
    differ = {person for _, person in (ours ^ theirs) - (pairs & theirs)}
    return sorted(differ & people_of(intent))
