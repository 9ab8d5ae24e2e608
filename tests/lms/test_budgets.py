"""How many calls the work on a course of 2,000 students and 400 groups may take."""

import pytest

from lti_tool.domain.group_push import GroupChange, GroupSetPush, NewGroup

FULL_PULL = {"canvas": 26, "moodle": 12}
PUBLISH = {"canvas": 15, "moodle": 25}
MOVE_ONE = 2


@pytest.fixture
def big(site, make_site):
    return make_site(site.flavour, site.demo.make_big_course(site.flavour, 2000, 400))


def counted(site, work):
    site.demo.reset_calls()
    found = work()
    polls = sum(count for path, count in site.by_path().items() if "progress" in path)
    return found, site.calls() - polls


def test_a_full_pull(big):
    remote, calls = counted(big, lambda: big.gateway().pull(roster=True, groups=True))
    assert len(remote.roster.people) == 2001
    assert sum(len(group.member_ids) for group in remote.groups.groups) == 4000
    assert calls <= FULL_PULL[big.flavour]


def test_publishing_a_set_and_changing_it(big):
    gateway, students = big.gateway(), big.students(2000)
    set_id = gateway.create_group_set("Published")
    new = tuple(NewGroup(f"P {n}", "", tuple(students[n * 5 : n * 5 + 5])) for n in range(400))
    made, calls = counted(big, lambda: gateway.push(set_id, GroupSetPush(create=new)))
    assert {g.name: set(g.member_ids) for g in made.groups} == {g.name: set(g.member_ids) for g in new}
    assert calls <= PUBLISH[big.flavour]

    first, second = (next(g for g in made.groups if g.name == name) for name in ("P 0", "P 1"))
    one, two = first.lms_group_id, second.lms_group_id
    out, into = GroupChange(one, None, (), (students[0],), first), GroupChange(two, None, (students[0],), (), second)
    answer, calls = counted(big, lambda: big.gateway().push(set_id, GroupSetPush(change=(out, into))))
    assert {g.lms_group_id: set(g.member_ids) for g in answer.groups} == {g: big.members(g) for g in (one, two)}
    assert {g.lms_group_id: len(g.member_ids) for g in answer.groups} == {one: 4, two: 6}
    assert calls <= MOVE_ONE

    # Everybody of half the groups moves on by one group.
    ids = [g.lms_group_id for g in sorted(made.groups, key=lambda g: int(g.name[2:]))]
    shift = tuple(
        GroupChange(
            ids[n],
            None,
            tuple(students[(n + 1) % 200 * 5 + 1 : (n + 1) % 200 * 5 + 5]),
            tuple(students[n * 5 + 1 : n * 5 + 5]),
        )
        for n in range(200)
    )
    _, calls = counted(big, lambda: gateway.push(set_id, GroupSetPush(change=shift)))
    assert calls <= PUBLISH[big.flavour]
    assert big.members(ids[199]) == {*students[1:5], students[995]}

    _, calls = counted(big, lambda: gateway.read_group_set(set_id))
    assert calls <= 3


def test_moving_one_when_nothing_is_known_of_the_groups(big):
    remote = big.gateway().pull(roster=False, groups=True).groups
    groups = [next(g for g in remote.groups if g.lms_group_id == n) for n in remote.group_sets[0].group_ids[:2]]
    person = groups[0].member_ids[0]
    move = (
        GroupChange(groups[0].lms_group_id, None, (), (person,)),
        GroupChange(groups[1].lms_group_id, None, (person,)),
    )
    gateway = big.gateway()
    answer, calls = counted(big, lambda: gateway.push(remote.group_sets[0].lms_group_set_id, GroupSetPush(change=move)))
    assert calls <= 4  # the texts of both groups are read as well
    assert {g.description for g in answer.groups} == {group.description for group in groups}
