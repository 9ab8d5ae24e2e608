"""Copies of group sets: local sets of the same groups, whoever's they are."""

from uuid import UUID

from sqlalchemy import insert, literal, select

from lti_tool.domain.changes import Changes
from lti_tool.domain.groups import copy_name
from lti_tool.models import GroupSetEntry, transaction
from lti_tool.services import history
from lti_tool.services.access import Viewer
from lti_tool.services.group_sets import add_local_set, get_set, set_names
from lti_tool.services.runs import require_edits


def copy_set(viewer: Viewer, set_id: UUID) -> Changes:
    """Make a local set that holds the same groups in the same order; raise NotFound, Conflict as `lock_set` does.

    The groups are shared, not doubled: whose they are, and so who may change them, stays as it was.
    """
    course_id = viewer.course.id
    with transaction() as session:
        source = get_set(course_id, set_id)
        require_edits(course_id, set_id)
        name = copy_name(source.name, set_names(course_id))
        copy_id = add_local_set(course_id, name)
        held = select(literal(copy_id), GroupSetEntry.group_id, GroupSetEntry.position)
        session.execute(
            insert(GroupSetEntry).from_select(
                ["group_set_id", "group_id", "position"], held.where(GroupSetEntry.group_set_id == set_id)
            )
        )
        history.note(course_id, viewer.access_id, "group_set_copied", f"{source.name} → {name}", copy_id)
    return Changes(group_sets=frozenset({copy_id}), count=1)
