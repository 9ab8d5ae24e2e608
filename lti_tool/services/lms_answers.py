"""Stores what an LMS answered of its sets and groups: what the answer tells, and nothing that was only asked."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import delete, func, insert, select, update

from lti_tool.domain.clock import now
from lti_tool.domain.groups import LMS_CONNECTIONS, Origin
from lti_tool.domain.remote import RemoteGroup, RemoteGroups
from lti_tool.models import Course, Group, GroupMembership, GroupSet, GroupSetEntry, RosterMember, db
from lti_tool.services.group_codes import insert_groups
from lti_tool.services.memberships import append_members
from lti_tool.services.people import BELONGS
from lti_tool.services.removal import drop_ended_set


@dataclass(frozen=True)
class Answer:
    """What the LMS told of one set: groups as they are now, ids of groups that are gone, its name, its end or its id.

    `created`: the LMS id of a set that was just made; `ended`: the set is gone. `before`: how it was found before a
    change whose effect nobody could know beforehand. `unproven`: that people left is still to be proved by a re-read.
    """

    groups: tuple[RemoteGroup, ...] = ()
    gone: tuple[str, ...] = ()
    name: str | None = None
    created: str | None = None
    ended: bool = False
    before: "Answer | None" = None
    unproven: bool = False


def read_known(set_id: UUID) -> RemoteGroups:
    """Return a connected set's groups and people as the store has them, by LMS ids."""
    rows = db.session.execute(
        select(Group.lms_group_id, Group.name, Group.description, RosterMember.lms_user_id)
        .join(GroupSetEntry, GroupSetEntry.group_id == Group.id)
        .outerjoin(GroupMembership, GroupMembership.group_id == Group.id)
        .outerjoin(RosterMember, RosterMember.id == GroupMembership.member_id)
        .where(GroupSetEntry.group_set_id == set_id, Group.lms_group_id.is_not(None))
        .order_by(GroupSetEntry.position, GroupMembership.position)
    )
    groups: dict[str, tuple[str, str, list[str]]] = {}
    for lms_group_id, name, description, lms_user_id in rows:
        _, _, people = groups.setdefault(str(lms_group_id), (name, description, []))
        if lms_user_id:
            people.append(lms_user_id)
    return RemoteGroups(groups=tuple(RemoteGroup(i, n, d, tuple(p)) for i, (n, d, p) in groups.items()))


def read_active(course_id: UUID, lms_user_ids: Collection[str] | None = None) -> dict[str, UUID]:
    """Return the members by LMS id who belong in groups: of these accounts, or all of them."""
    active = select(RosterMember.lms_user_id, RosterMember.id).where(
        RosterMember.course_id == course_id,
        RosterMember.lms_user_id.is_not(None),
        BELONGS,
    )
    if lms_user_ids is not None:
        active = active.where(RosterMember.lms_user_id.in_(lms_user_ids))
    return {str(lms_user_id): member_id for lms_user_id, member_id in db.session.execute(active)}


def names_of(course_id: UUID, lms_user_ids: Collection[str]) -> dict[str, str]:
    """Return the names of people by their LMS id."""
    if not lms_user_ids:
        return {}
    of_course = (RosterMember.course_id == course_id, RosterMember.lms_user_id.in_(lms_user_ids))
    rows = db.session.execute(select(RosterMember.lms_user_id, RosterMember.name).where(*of_course))
    return {str(lms_user_id): name for lms_user_id, name in rows}


def store_answer(course_id: UUID, set_id: UUID | None, answer: Answer) -> UUID | None:
    """Store an answer inside the caller's transaction and return the set's id; None when there is no such set now."""
    if answer.created is not None:
        return _store_new_set(course_id, answer.created, answer.name or "")
    row = db.session.get(GroupSet, set_id, populate_existing=True) if set_id else None
    if row is None or set_id is None:
        return None
    if answer.ended:
        drop_ended_set(course_id, set_id)
        return None
    if answer.name is not None:
        row.name = answer.name
    _store_groups(course_id, set_id, answer.groups)
    _drop_groups(set_id, answer.gone)
    touched = [group.lms_group_id for group in answer.groups]
    holders = select(GroupSetEntry.group_set_id).join(Group, Group.id == GroupSetEntry.group_id)
    held = holders.where(Group.course_id == course_id, Group.lms_group_id.in_(touched))
    raised = update(GroupSet).where(GroupSet.id.in_([set_id, *db.session.scalars(held)]))
    db.session.execute(raised.values(revision=GroupSet.revision + 1).execution_options(synchronize_session=False))
    return set_id


def _store_new_set(course_id: UUID, lms_group_set_id: str, name: str) -> UUID:
    family = db.session.get_one(Course, course_id).registration.family
    end = db.session.scalar(select(func.max(GroupSet.position)).where(GroupSet.course_id == course_id))
    row = GroupSet(
        id=uuid4(),
        course_id=course_id,
        name=name,
        connection=family,
        lms_group_set_id=lms_group_set_id,
        position=0 if end is None else end + 1,
        last_updated=now(),
        created_at=now(),
    )
    db.session.add(row)
    db.session.flush()
    return row.id


def _store_groups(course_id: UUID, set_id: UUID, answered: Sequence[RemoteGroup]) -> None:
    ids = {remote.lms_group_id for remote in answered}
    of_course = (Group.course_id == course_id, Group.lms_group_id.in_(ids))
    rows = {str(group.lms_group_id): group for group in db.session.scalars(select(Group).where(*of_course))}
    new = [remote for remote in answered if remote.lms_group_id not in rows]
    if new:
        made = [_new_row(course_id, remote) for remote in new]
        insert_groups(made)
        rows |= {str(g.lms_group_id): g for g in db.session.scalars(select(Group).where(*of_course))}
    for remote in answered:
        row = rows[remote.lms_group_id]
        row.name, row.description = remote.name, remote.description
    _store_entries(set_id, [rows[remote.lms_group_id].id for remote in answered])
    _store_members(course_id, {rows[remote.lms_group_id].id: remote.member_ids for remote in answered})


def _new_row(course_id: UUID, remote: RemoteGroup) -> dict[str, object]:
    return {
        "id": uuid4(),
        "course_id": course_id,
        "name": remote.name,
        "description": remote.description,
        "origin": Origin.LMS,
        "lms_group_id": remote.lms_group_id,
        "created_at": now(),
    }


def _store_entries(set_id: UUID, group_ids: Iterable[UUID]) -> None:
    of_set = GroupSetEntry.group_set_id == set_id
    places = db.session.execute(select(GroupSetEntry.group_id, GroupSetEntry.position).where(of_set))
    held = {group_id: place for group_id, place in places}  # noqa: C416 - typed rows on SQLAlchemy 2.0 too
    first = max(held.values(), default=-1) + 1
    new = [group_id for group_id in group_ids if group_id not in held]
    if new:
        rows = [{"group_set_id": set_id, "group_id": i, "position": first + n} for n, i in enumerate(new)]
        db.session.execute(insert(GroupSetEntry), rows)


def _store_members(course_id: UUID, wanted: Mapping[UUID, Sequence[str]]) -> None:
    """Make those people of each group its members whom the roster knows and who are active."""
    people = read_active(course_id)
    present: dict[UUID, set[UUID]] = {}
    in_groups = GroupMembership.group_id.in_(list(wanted))
    for group_id, member_id in db.session.execute(
        select(GroupMembership.group_id, GroupMembership.member_id).where(in_groups)
    ):
        present.setdefault(group_id, set()).add(member_id)
    pairs: list[tuple[UUID, UUID]] = []
    for group_id, lms_user_ids in wanted.items():
        shall = dict.fromkeys(people[one] for one in lms_user_ids if one in people)
        there = present.get(group_id, set())
        if left := there - shall.keys():
            of_group = (GroupMembership.group_id == group_id, GroupMembership.member_id.in_(left))
            db.session.execute(delete(GroupMembership).where(*of_group))
        pairs += [(group_id, member_id) for member_id in shall if member_id not in there]
    append_members(pairs)


def _drop_groups(set_id: UUID, lms_group_ids: Collection[str]) -> None:
    """Take groups out of a set; those that no other connected set holds are deleted (ruling C14)."""
    if not lms_group_ids:
        return
    session = db.session
    held = select(Group.id).join(GroupSetEntry, GroupSetEntry.group_id == Group.id)
    gone = session.scalars(
        held.where(GroupSetEntry.group_set_id == set_id, Group.lms_group_id.in_(lms_group_ids))
    ).all()
    this = (GroupSetEntry.group_set_id == set_id, GroupSetEntry.group_id.in_(gone))
    session.execute(delete(GroupSetEntry).where(*this))
    elsewhere = select(GroupSetEntry.group_id).join(GroupSet, GroupSet.id == GroupSetEntry.group_set_id)
    connected = elsewhere.where(GroupSet.connection.in_(LMS_CONNECTIONS))
    session.execute(delete(Group).where(Group.id.in_(gone), Group.id.not_in(connected)))
