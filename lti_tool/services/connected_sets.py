"""Sets of the LMS: made, edited, deleted and filled by it, each asked for in the ledger of changes first."""

from uuid import UUID

from lti_tool.domain.changes import Changes
from lti_tool.domain.gateway import NO_OPTIONS, SetOptions
from lti_tool.services.access import Viewer


def create_connected_set(viewer: Viewer, name: str, options: SetOptions = NO_OPTIONS) -> Changes:
    """Ask for a new set in the LMS; `asked` has the change, whose set is known when it was sent."""
    raise NotImplementedError


def edit_connected_set(
    viewer: Viewer, set_id: UUID, name: str, options: SetOptions = NO_OPTIONS, revision: int | None = None
) -> Changes:
    """Ask for another name or other options of a set of the LMS."""
    raise NotImplementedError


def delete_connected_set(viewer: Viewer, set_id: UUID) -> Changes:
    """Ask for the deletion of a set in the LMS, with its groups."""
    raise NotImplementedError


def assign_unassigned(viewer: Viewer, set_id: UUID) -> Changes:
    """Ask the LMS to spread the students without a group (Canvas)."""
    raise NotImplementedError
