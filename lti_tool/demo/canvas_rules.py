"""Canvas's rules of membership: one group per set, limits that are kept or not, leaders, even filling."""

import random

from lti_tool.demo.canvas_json import unassigned
from lti_tool.demo.hub import canvas
from lti_tool.demo.model import Group, GroupSet, Membership, Person


def limit_of(group: Group) -> int | None:
    """Return how many may be in a group: its own limit or that of its set."""
    return group.max_membership or canvas().sets[group.sets[0]].group_limit


def is_full(group: Group) -> bool:
    limit = limit_of(group)
    return limit is not None and len(canvas().members(group.id)) >= limit


def shares_section(group: Group, user_id: int) -> bool:
    """Tell whether a person has a section in common with everybody of a group, where its set asks for that."""
    if canvas().sets[group.sets[0]].self_signup != "restricted":
        return True
    own = _sections(group, user_id)
    return all(own & _sections(group, member) for member in canvas().members(group.id))


def has_mixed_group(group_set: GroupSet) -> bool:
    """Tell whether any group of a set has people who have no section in common."""
    for group in canvas().set_groups(group_set.id):
        found = [_sections(group, member) for member in canvas().members(group.id)]
        if any(not one & other for one in found for other in found):
            return True
    return False


def _sections(group: Group, user_id: int) -> set[int | None]:
    return {row.section for row in canvas().enrolments_of(group.course, user_id)}


def join(group: Group, user_id: int) -> tuple[Membership, bool]:
    """Put a person into a group and out of the others of its set; tells whether the membership is new."""
    site = canvas()
    existing = site.members(group.id).get(user_id)
    if existing:
        return existing, False
    row = site.add_member(group.id, user_id)
    if site.sets[group.sets[0]].role != "student_organized":
        for sibling in site.set_groups(group.sets[0]):
            if sibling.id != group.id and user_id in site.members(sibling.id):
                leave(sibling, user_id)
    choose_leader(group)
    return row, True


def leave(group: Group, user_id: int) -> bool:
    """Take a person out of a group; a lost leader is replaced where the set says so."""
    gone = canvas().remove_member(group.id, user_id)
    choose_leader(group)
    return gone


def choose_leader(group: Group) -> None:
    """Give a group without a leader one, when its set asks for that."""
    members = list(canvas().members(group.id))
    how = canvas().sets[group.sets[0]].auto_leader
    if how and members and group.leader not in members:
        group.leader = members[0] if how == "first" else random.choice(members)


def set_members(group: Group, wanted: list[int]) -> None:
    """Make these people the members: strangers are ignored, who finds no place is dropped, nobody is told."""
    site = canvas()
    known = {e.user for e in site.course_enrolments(group.course)}
    for user_id in list(site.members(group.id)):
        if user_id not in wanted:
            leave(group, user_id)
    for user_id in sorted(set(wanted) & known):
        if user_id in site.members(group.id) or (not is_full(group) and shares_section(group, user_id)):
            join(group, user_id)


def fill(group_set: GroupSet) -> dict[int, list[Person]]:
    """Spread the students without a group: always into the smallest group that has room, at random."""
    people, gained = unassigned(group_set), dict[int, list[Person]]()
    random.shuffle(people)
    for person in people:
        open_groups = [g for g in canvas().set_groups(group_set.id) if not is_full(g)]
        if not open_groups:
            break
        group = min(open_groups, key=lambda g: (len(canvas().members(g.id)), g.id))
        join(group, person.id)
        gained.setdefault(group.id, []).append(person)
    return gained
