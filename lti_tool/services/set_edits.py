"""Finds who edits a set: the tool itself, or the LMS by its answer to what is asked of it."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from lti_tool.domain.changes import Changes
from lti_tool.domain.groups import LMS_CONNECTIONS
from lti_tool.services import connected_groups, groups
from lti_tool.services.access import Viewer
from lti_tool.services.group_sets import get_set
from lti_tool.services.groups import Draw
from lti_tool.services.shown_places import NOT_SHOWN, Places


class SetEdits(Protocol):
    """What people do with the groups of a set; see services.groups for what each raises."""

    def create_groups(self, viewer: Viewer, set_id: UUID, name: str, count: int = 1) -> Changes:
        """Add groups."""

    def create_group_of(
        self, viewer: Viewer, set_id: UUID, name: str, member_ids: Sequence[UUID], shown: Places = NOT_SHOWN
    ) -> Changes:
        """Add one group of these people."""

    def edit_group(
        self, viewer: Viewer, set_id: UUID, group_id: UUID, name: str, description: str, *, revision: int | None = None
    ) -> Changes:
        """Rename and describe a group."""

    def delete_group(self, viewer: Viewer, set_id: UUID, group_id: UUID, mark: str | None = None) -> Changes:
        """Delete a group."""

    def assign(
        self, viewer: Viewer, set_id: UUID, placements: Mapping[UUID, UUID], shown: Places = NOT_SHOWN
    ) -> Changes:
        """Put people into groups."""

    def remove_member(self, viewer: Viewer, set_id: UUID, group_id: UUID, member_id: UUID) -> Changes:
        """Take a person out of a group."""

    def draw(self, course_id: UUID, set_id: UUID, seed: int) -> Draw:
        """Show where chance would put people."""

    def apply_draw(
        self, viewer: Viewer, set_id: UUID, seed: int, revision: int, people_mark: str | None = None
    ) -> Changes:
        """Make a draw that was shown."""


def edits_of(course_id: UUID, set_id: UUID) -> SetEdits:
    """Return what edits this set; raise NotFound. Whether it may be edited at all, each edit finds out itself."""
    of_lms = get_set(course_id, set_id).connection in LMS_CONNECTIONS
    return connected_groups if of_lms else groups
