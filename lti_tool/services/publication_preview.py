"""What publishing a set would do, before it is done: how much, who is told of it, and what stands in its way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from lti_tool.domain.errors import Forbidden, LmsError, RuleViolation
from lti_tool.domain.gateway import NameClashes
from lti_tool.domain.groups import set_is_editable
from lti_tool.lms.names import refused_names
from lti_tool.models import Course, GroupSet, db, release
from lti_tool.services import gateways, runs
from lti_tool.services.access import Viewer
from lti_tool.services.asked_rights import write_right
from lti_tool.services.group_sets import connection_of, get_set, read_groups
from lti_tool.services.mirror import find_publication, foreign_groups, people_in_several, read_wanted
from lti_tool.services.tool import Tool

SURE = ("set_name_taken", "set_gone")  # ends of a push that made no set


@dataclass(frozen=True)
class PublicationPreview:
    """A set as publishing would make it in the LMS.

    `without_account`: (group, person) whom the LMS cannot place; `in_several` and `foreign` are people and groups
    that no mirror can show, `refused` names that the LMS does not take. `silence` is why the LMS could not be asked
    for `clashes`, as the code and the facts of an error, `locked` why the viewer's access
    is known not to write there.
    """

    row: GroupSet
    groups: int
    people: int
    without_account: Sequence[tuple[str, str]] = ()
    in_several: Sequence[str] = ()
    foreign: Sequence[str] = ()
    refused: Sequence[str] = ()
    clashes: NameClashes = field(default_factory=NameClashes)
    silence: tuple[str, Mapping[str, str]] | None = None
    again: bool = False
    locked: str | None = None

    @property
    def possible(self) -> bool:
        """Say whether publishing may be offered."""
        return bool(self.groups) and not (
            self.locked or self.in_several or self.foreign or self.refused or self.clashes
        )


def preview_publication(tool: Tool, viewer: Viewer, set_id: UUID) -> PublicationPreview:
    """Tell what publishing a set would do, and ask the LMS which names are in use there (≤ 2 calls).

    It is asked by the right of who looks, who may be known not to have the right to publish.

    Raise NotFound, Forbidden("set_not_publishable"), RuleViolation("set_is_published"). An LMS that does not answer is
    no error.
    """
    course_id = viewer.course.id
    row = get_set(course_id, set_id)
    if not set_is_editable(connection_of(row)):
        raise Forbidden("set_not_publishable")
    publication = find_publication(set_id)
    if publication is not None and publication.lms_group_set_id is not None and publication.error_code != "set_gone":
        raise RuleViolation("set_is_published")
    # A first try may have made the set without its answer reaching us: then its name is no other's.
    in_doubt = publication is not None and publication.attempts and publication.error_code not in SURE
    wanted = read_wanted(course_id, set_id)
    groups = read_groups(set_id)
    names = [group.name for group in groups]
    family = db.session.get_one(Course, course_id).registration.family
    clashes, silence = (NameClashes(), None) if in_doubt else _ask(tool, viewer, row.name, names)
    return PublicationPreview(
        row=get_set(course_id, set_id),
        groups=len(groups),
        people=len({person for group in wanted.groups for person in group.member_ids}),
        without_account=wanted.without_account,
        in_several=people_in_several(groups),
        foreign=foreign_groups(groups),
        refused=refused_names(family, wanted.set_name, names),
        clashes=clashes,
        silence=silence,
        locked=write_right(viewer).refused,
        again=publication is not None,
    )


def _ask(
    tool: Tool, viewer: Viewer, set_name: str, group_names: Sequence[str]
) -> tuple[NameClashes, tuple[str, Mapping[str, str]] | None]:
    try:
        gateway = gateways.open_writable(tool, viewer.course.id, access_id=viewer.access_id)
        release()
        return gateway.find_clashes(set_name, group_names), None
    except LmsError as error:
        return NameClashes(), runs.describe(error)
