"""The mirror of a published set: what we want the LMS to hold, what it is known to hold, and the difference."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from uuid import UUID, uuid4

from sqlalchemy import delete, exists, or_, select

from lti_tool.domain.clock import now
from lti_tool.domain.errors import NotFound, RuleViolation
from lti_tool.domain.groups import Origin, group_is_editable
from lti_tool.domain.lms_changes import SENT, WAITING
from lti_tool.domain.sync import MirroredState, WantedGroup, plan_push
from lti_tool.models import (
    Group,
    GroupMembership,
    GroupSet,
    GroupSetEntry,
    MirroredGroup,
    MirroredMembership,
    Publication,
    RosterMember,
    db,
)
from lti_tool.services.group_sets import get_set
from lti_tool.services.memberships import read_members


@dataclass(frozen=True)
class Wanted:
    """A published set as we want it, and the people whom the LMS cannot place because it has no id of theirs."""

    set_name: str
    groups: Sequence[WantedGroup]
    names: dict[str, str]  # LMS user id → person's name
    without_account: Sequence[tuple[str, str]]  # (group, person)

    @property
    def doubled(self) -> list[str]:
        """Return the names of the people who are in two groups or more, which no LMS can show in one set."""
        held = Counter(person for group in self.groups for person in group.member_ids)
        return sorted(self.names[person] for person, count in held.items() if count > 1)


@dataclass(frozen=True)
class Difference:
    """One thing that the LMS does not hold as the tool does: in words' parts for a page."""

    # set_name | group_missing | group_extra | name | description | member_missing | member_extra | no_account
    kind: str
    group: str
    person: str = ""


def find_publication(set_id: UUID) -> Publication | None:
    """Return the publication of a set, None when it is not published."""
    return db.session.scalar(select(Publication).where(Publication.group_set_id == set_id))


def get_publication(set_id: UUID) -> Publication:
    """Return the publication of a set; raise NotFound."""
    publication = find_publication(set_id)
    if publication is None:
        raise NotFound("publication_not_found")
    return publication


def lock_publication(set_id: UUID) -> Publication:
    """Return the publication of a set, locked until the transaction ends; raise NotFound.

    The set is locked first, in the order of whoever edits it.
    """
    get_publication(set_id)
    db.session.execute(select(GroupSet.id).where(GroupSet.id == set_id).with_for_update(key_share=True))
    locked = select(Publication).where(Publication.group_set_id == set_id).with_for_update()
    return db.session.scalars(locked.execution_options(populate_existing=True)).one()


def published_set_ids(course_id: UUID) -> list[UUID]:
    """Return the published sets of a course in their order."""
    return list(
        db.session.scalars(
            select(GroupSet.id)
            .join(Publication, Publication.group_set_id == GroupSet.id)
            .where(GroupSet.course_id == course_id)
            .order_by(GroupSet.position)
        )
    )


def find_publications_touched(course_id: UUID, *set_ids: UUID, lost: bool = True) -> Sequence[Publication]:
    """Return the publications of other sets that a change in these can concern: they mirror a group of them.

    A mirrored group without one of ours may have been deleted in these sets just now: `lost` says whether it counts.
    """
    shared = select(GroupSetEntry.group_id).where(GroupSetEntry.group_set_id.in_(set_ids))
    return db.session.scalars(
        select(Publication)
        .join(GroupSet, GroupSet.id == Publication.group_set_id)
        .where(GroupSet.course_id == course_id, GroupSet.id.not_in(set_ids))
        .where(Publication.groups.any(or_(MirroredGroup.group_id.is_(None) & lost, MirroredGroup.group_id.in_(shared))))
    ).all()


def is_mirrored(group_id: UUID) -> bool:
    """Say whether the LMS is known to hold a group of ours, in the copy of any published set."""
    return bool(db.session.scalar(select(exists().where(MirroredGroup.group_id == group_id))))


def require_mirrorable(groups: Sequence[Group]) -> None:
    """Raise RuleViolation unless an LMS can show a set of these groups: all are ours, and nobody is in two.

    The codes: "set_has_foreign_groups" (names) and "people_in_two_groups" (people).
    """
    if foreign := foreign_groups(groups):
        raise RuleViolation("set_has_foreign_groups", names=foreign[:10])
    if names := people_in_several(groups):
        raise RuleViolation("people_in_two_groups", people=names[:10])


def foreign_groups(groups: Sequence[Group]) -> list[str]:
    """Return the names of those groups that belong to the LMS or to the roster."""
    return [group.name for group in groups if not group_is_editable(Origin(group.origin))]


def people_in_several(groups: Sequence[Group]) -> list[str]:
    """Return the names of the people who are in two of these groups or more."""
    members = read_members([group.id for group in groups])
    held = Counter(member.id for people in members.values() for member in people)
    return list({m.id: m.name for people in members.values() for m in people if held[m.id] > 1}.values())


def read_wanted(course_id: UUID, set_id: UUID) -> Wanted:
    """Return a set as the LMS shall have it, in one query of plain columns: it is asked for with every change."""
    rows = db.session.execute(
        select(Group.id, Group.name, Group.description, RosterMember.id, RosterMember.name, RosterMember.lms_user_id)
        .join(GroupSetEntry, GroupSetEntry.group_id == Group.id)
        .outerjoin(GroupMembership, GroupMembership.group_id == Group.id)
        .outerjoin(RosterMember, RosterMember.id == GroupMembership.member_id)
        .where(GroupSetEntry.group_set_id == set_id)
        .order_by(GroupSetEntry.position, GroupMembership.position)
    )
    groups: dict[UUID, tuple[str, str, set[str]]] = {}
    names: dict[str, str] = {}
    without_account: list[tuple[str, str]] = []
    for group_id, name, description, member_id, person, lms_user_id in rows:
        _, _, members = groups.setdefault(group_id, (name, description, set()))
        if lms_user_id:
            members.add(lms_user_id)
            names[lms_user_id] = person
        elif member_id:
            without_account.append((name, person))
    return Wanted(
        get_set(course_id, set_id).name,
        [WantedGroup(i, name, text, frozenset(members)) for i, (name, text, members) in groups.items()],
        names,
        without_account,
    )


def read_mirror(set_id: UUID) -> list[MirroredState]:
    """Return what the LMS is known to hold of a set."""
    rows = db.session.execute(
        select(
            MirroredGroup.group_id,
            MirroredGroup.lms_group_id,
            MirroredGroup.name,
            MirroredGroup.description,
            MirroredMembership.lms_user_id,
        )
        .join(Publication, Publication.id == MirroredGroup.publication_id)
        .outerjoin(MirroredMembership, MirroredMembership.mirrored_group_id == MirroredGroup.id)
        .where(Publication.group_set_id == set_id)
    )
    groups: dict[str, tuple[UUID | None, str, str, set[str]]] = {}
    for group_id, lms_group_id, name, text, lms_user_id in rows:
        *_, people = groups.setdefault(lms_group_id, (group_id, name, text, set()))
        if lms_user_id:
            people.add(lms_user_id)
    return [MirroredState(i, key, name, frozenset(people), text) for key, (i, name, text, people) in groups.items()]


def empty_ids(mirror: Sequence[MirroredState]) -> frozenset[str]:
    """Return the LMS ids of the mirror's groups in which the LMS is known to have nobody of ours."""
    return frozenset(state.lms_group_id for state in mirror if not state.member_ids)


def store_mirror(set_id: UUID, after: Sequence[MirroredState]) -> None:
    """Write what changed of a mirror: rows of unchanged groups are left alone."""
    session = db.session
    publication = get_publication(set_id)
    before = {state.lms_group_id: state for state in read_mirror(set_id)}
    new = {state.lms_group_id: state for state in after}
    changed = {i for i in before.keys() | new.keys() if before.get(i) != new.get(i)}
    session.execute(
        delete(MirroredGroup).where(
            MirroredGroup.publication_id == publication.id, MirroredGroup.lms_group_id.in_(changed & before.keys())
        )
    )
    for state in (new[i] for i in sorted(changed & new.keys())):
        row = MirroredGroup(
            id=uuid4(),
            publication_id=publication.id,
            group_id=state.group_id,
            lms_group_id=state.lms_group_id,
            name=state.name,
            description=state.description,
        )
        row.memberships = [MirroredMembership(lms_user_id=person) for person in sorted(state.member_ids)]
        session.add(row)


def not_placed(wanted: Wanted, after: Sequence[MirroredState]) -> list[Difference]:
    """Return the people whom the LMS did not take into their group."""
    held = {state.group_id: state.member_ids for state in after}
    return [
        Difference("member_missing", group.name, wanted.names[person])
        for group in wanted.groups
        for person in sorted(group.member_ids - held.get(group.id, frozenset()))
    ]


def is_behind(course_id: UUID, publication: Publication) -> bool:
    """Say whether the LMS is not known to hold a published set as the tool has it: its name, groups or people."""
    wanted = read_wanted(course_id, publication.group_set_id)
    return wanted.set_name != publication.name or bool(plan_push(wanted.groups, read_mirror(publication.group_set_id)))


def list_differences(course_id: UUID, set_id: UUID) -> list[Difference]:
    """Return everything that the LMS is not known to hold as the tool has it."""
    wanted = read_wanted(course_id, set_id)
    mirror = read_mirror(set_id)
    mirror_names = {state.lms_group_id: state.name for state in mirror}
    push = plan_push(wanted.groups, mirror)
    gone_names = _names_of(course_id, [person for change in push.change for person in change.remove])
    made = find_publication(set_id)
    found = []
    if made and made.lms_group_set_id and made.name != wanted.set_name:
        found.append(Difference("set_name", wanted.set_name, made.name))
    found += [Difference("group_missing", new.name) for new in push.create]
    for change in push.change:
        group = change.name or mirror_names[change.lms_group_id]
        if change.name:
            found.append(Difference("name", group, mirror_names[change.lms_group_id]))
        if change.description is not None:
            found.append(Difference("description", group))
        found += [Difference("member_missing", group, wanted.names.get(person, "?")) for person in change.add]
        found += [Difference("member_extra", group, gone_names.get(person, "?")) for person in change.remove]
    found += [Difference("group_extra", mirror_names[gone]) for gone in push.delete]
    return found + [Difference("no_account", group, person) for group, person in wanted.without_account]


def _names_of(course_id: UUID, lms_user_ids: Sequence[str]) -> dict[str, str]:
    """Return the names of people by their LMS id, in one query."""
    if not lms_user_ids:
        return {}
    rows = db.session.execute(
        select(RosterMember.lms_user_id, RosterMember.name).where(
            RosterMember.course_id == course_id, RosterMember.lms_user_id.in_(lms_user_ids)
        )
    )
    return {str(lms_user_id): name for lms_user_id, name in rows}


def mark(
    publication: Publication,
    state: str,
    code: str | None = None,
    facts: Mapping[str, str] = MappingProxyType({}),
    *,
    later: timedelta = timedelta(),
) -> None:
    """Store how a publication stands inside the caller's transaction; `later`: when the worker may try again."""
    publication.state = state
    publication.error_code = code
    publication.error_facts = json.dumps(dict(facts))
    publication.retry_at = now() + later if state == WAITING else None
    if state == SENT:
        publication.attempts = 0
