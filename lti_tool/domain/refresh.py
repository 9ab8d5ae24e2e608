"""Plans how one connected set follows the LMS by itself, without the rest of its course."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lti_tool.domain.remote import RemoteGroups
from lti_tool.domain.sync import KnownGroup, KnownGroupSet, Person, PullPlan, plan_pull


def plan_refresh(
    this: KnownGroupSet,
    others: Sequence[KnownGroupSet],
    known_groups: Sequence[KnownGroup],
    remote: RemoteGroups | None,
    people: Mapping[str, Person],
    *,
    groups_outlive_sets: bool,
) -> PullPlan:
    """Plan how a set becomes what one read of it showed; `remote` None: the LMS has it no more (ruling C4).

    A group that left the set is only taken out of it while another set holds it, and also where groups belong to the
    course (`groups_outlive_sets`, Moodle): what one set no longer holds may still be there, the next pull of the
    course tells (ruling C14).
    """
    found = remote or RemoteGroups()
    concerned = {*this.group_ids, *(group.lms_group_id for group in found.groups)}
    known = [group for group in known_groups if group.lms_group_id in concerned]
    plan = plan_pull([this], known, found, people)
    held = {group_id for other in others for group_id in other.group_ids}
    staying = {group.id for group in known if groups_outlive_sets or group.lms_group_id in held}
    return replace(plan, remove_groups=tuple(i for i in plan.remove_groups if i not in staying))
