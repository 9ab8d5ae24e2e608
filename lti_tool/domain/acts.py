"""Says in one word what an intent does, so that pages can tell it in a sentence."""

from enum import StrEnum

from lti_tool.domain.lms_changes import ChangeGroups, Intent, kind_of


class Act(StrEnum):
    """What an intent does, as finely as pages tell it."""

    CREATE_SET = "create_set"
    EDIT_SET = "edit_set"
    DELETE_SET = "delete_set"
    CREATE_GROUPS = "create_groups"
    EDIT_GROUP = "edit_group"
    DELETE_GROUP = "delete_group"
    PLACE = "place"
    TAKE_OUT = "take_out"
    ASSIGN_UNASSIGNED = "assign_unassigned"
    READ_AGAIN = "read_again"
    TAKE_BACK = "undone"
    DO_AGAIN = "redone"


def act_of(intent: Intent) -> Act:
    """Return what an intent does."""
    if not isinstance(intent, ChangeGroups):
        return Act(kind_of(intent))
    if intent.what in (Act.TAKE_BACK, Act.DO_AGAIN):
        return Act(intent.what)
    push = intent.push
    if push.create:
        return Act.CREATE_GROUPS
    if push.delete:
        return Act.DELETE_GROUP
    if any(change.name is not None or change.description is not None for change in push.change):
        return Act.EDIT_GROUP
    return Act.PLACE if any(change.add for change in push.change) else Act.TAKE_OUT
