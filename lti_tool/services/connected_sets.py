"""Sets of the LMS: made, edited, deleted and filled by it, each asked for in the ledger of changes first."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import aliased

from lti_tool.domain.changes import Changes
from lti_tool.domain.errors import Forbidden, RuleViolation
from lti_tool.domain.groups import LMS_CONNECTIONS, Connection, clean_name, require_free_name
from lti_tool.domain.lms_changes import AssignUnassigned, CreateSet, DeleteSet, EditSet, require_options
from lti_tool.domain.remote import NO_OPTIONS, SetOptions
from lti_tool.models import Course, Group, GroupSet, GroupSetEntry, db, transaction
from lti_tool.services import lms_changes
from lti_tool.services.access import Viewer
from lti_tool.services.asked_rights import write_right
from lti_tool.services.assignment_sets import require_shown
from lti_tool.services.group_sets import lock_connected_set, set_names
from lti_tool.services.lms_answers import read_known
from lti_tool.services.removal import require_as_told
from lti_tool.services.shared_groups import touch


def create_connected_set(viewer: Viewer, name: str, options: SetOptions = NO_OPTIONS) -> Changes:
    """Ask for a new set in the LMS; `asked` has the change, whose set is known when it was sent.

    Raise RuleViolation for a wrong or taken name ("name_required" …), for options ("set_options_invalid",
    "options_unsupported"), Forbidden("lms_not_writable"), Conflict("change_waiting").
    """
    course_id, tidy = viewer.course.id, clean_name(name)
    with transaction() as session:
        family = session.get_one(Course, course_id).registration.family
        if write_right(viewer).problem or family not in LMS_CONNECTIONS:
            raise Forbidden("lms_not_writable")
        require_options(options, has_options=family == Connection.CANVAS)
        require_free_name(tidy, set_names(course_id))
        asked = lms_changes.note(viewer, "create_set", None, tidy, CreateSet(tidy, options))
    return Changes(asked=frozenset({asked}), count=1)


def edit_connected_set(
    viewer: Viewer, set_id: UUID, name: str, options: SetOptions = NO_OPTIONS, revision: int | None = None
) -> Changes:
    """Ask for another name or other options of a set of the LMS; raise as `create_connected_set` and `lock_set` do."""
    course_id, tidy = viewer.course.id, clean_name(name)
    with transaction():
        row = lock_connected_set(viewer, set_id, revision)
        require_options(options, has_options=row.connection == Connection.CANVAS)
        new = None if tidy == " ".join(row.name.split()) else tidy
        if new is None and not options:
            return Changes()
        if new is not None:
            require_free_name(new, set_names(course_id, besides=set_id))
        about = row.name if new is None else f"{row.name} → {new}"
        asked = lms_changes.note(viewer, "edit_set", set_id, about, EditSet(new, options, row.name))
    return Changes(group_sets=frozenset({set_id}), asked=frozenset({asked}), count=1)


def delete_connected_set(
    viewer: Viewer, set_id: UUID, shown: Collection[str] | None = None, mark: str | None = None
) -> Changes:
    """Ask for the deletion of a set in the LMS with its groups; those of a Moodle that others hold too stay.

    Raise Conflict as `removal.delete_set` does for what was not `shown` or told, and as `shared_groups.touch` does for
    sets of our own that hold groups which go.
    """
    with transaction():
        row = lock_connected_set(viewer, set_id)
        require_shown(set_id, shown)
        require_as_told(viewer.course.id, set_id, mark)
        own = _own_groups(set_id)
        touch(viewer.course.id, set_id, own.keys())
        intent = DeleteSet(tuple(own.values()), read_known(set_id).groups)
        asked = lms_changes.note(viewer, "delete_set", set_id, row.name, intent)
    return Changes(group_sets=frozenset({set_id}), asked=frozenset({asked}), count=1)


def assign_unassigned(viewer: Viewer, set_id: UUID) -> Changes:
    """Ask the LMS to spread the students without a group; raise RuleViolation("unsupported_here") but for Canvas."""
    with transaction():
        row = lock_connected_set(viewer, set_id)
        if row.connection != Connection.CANVAS:
            raise RuleViolation("unsupported_here")
        asked = lms_changes.note(viewer, "assign_unassigned", set_id, row.name, AssignUnassigned())
    return Changes(group_sets=frozenset({set_id}), asked=frozenset({asked}), count=1)


def _own_groups(set_id: UUID) -> dict[UUID, str]:
    """Return the groups that no other connected set holds, with their LMS ids."""
    other = aliased(GroupSetEntry)
    elsewhere = (
        select(other.group_id)
        .join(GroupSet, GroupSet.id == other.group_set_id)
        .where(other.group_set_id != set_id, GroupSet.connection.in_(LMS_CONNECTIONS))
    )
    own = (
        select(Group.id, Group.lms_group_id)
        .join(GroupSetEntry, GroupSetEntry.group_id == Group.id)
        .where(GroupSetEntry.group_set_id == set_id, Group.id.not_in(elsewhere))
        .order_by(GroupSetEntry.position)
    )
    return {group_id: lms_id for group_id, lms_id in db.session.execute(own) if lms_id is not None}
