"""What every gateway promises: reading on Canvas, Moodle and any LTI platform, writing on those that can be written."""

from dataclasses import replace

import pytest

from lti_tool.domain.errors import LmsChanged, LmsRefused, LmsUnavailable
from lti_tool.domain.gateway import Right, Step
from lti_tool.domain.group_push import GroupChange, GroupSetPush, NewGroup
from lti_tool.domain.remote import SetOptions
from lti_tool.domain.roster import MemberStatus
from lti_tool.lms import canvas_client, moodle_client

NAME = 'Gruppe "Ä", 1; O\'Brien & 小明'


def by_name(remote):
    return {group.name: group for group in remote.groups}


@pytest.fixture
def filled(site):
    """A set of our own with two groups, and the site's gateway and some students."""
    gateway, students = site.gateway(), site.students(9)
    set_id = gateway.create_group_set("Our set")
    push = GroupSetPush(create=(NewGroup("One", "", tuple(students[:3])), NewGroup("Two", "", tuple(students[3:6]))))
    made = by_name(gateway.push(set_id, push))
    return site, gateway, set_id, made["One"].lms_group_id, made["Two"].lms_group_id, students


def test_a_pull_gives_what_the_lms_holds(any_site):
    remote = any_site.gateway().pull(roster=True, groups=True)
    state = any_site.state()
    real = [p for p in state["people"] if "StudentViewEnrollment" not in p["roles"]]
    assert {p.lms_user_id: p.name for p in remote.roster.people} == {str(p["id"]): p["name"] for p in real}
    sets = [s for s in state["group_sets"] if s["role"] is None]
    assert {s.lms_group_set_id: (s.name, set(s.group_ids)) for s in remote.groups.group_sets} == {
        str(s["id"]): (s["name"], {str(g["id"]) for g in s["groups"]}) for s in sets
    }
    ids = {str(g["id"]) for s in sets for g in s["groups"]} | {str(g["id"]) for g in state["groups"] if not g["sets"]}
    assert {g.lms_group_id: (g.name, set(g.member_ids)) for g in remote.groups.groups} == {
        str(g["id"]): (g["name"], {str(m) for m in g["members"]}) for g in state["groups"] if str(g["id"]) in ids
    }
    assert remote.roster.lists_inactive == any_site.lists_inactive


@pytest.mark.shows("PULL-10")
def test_long_lists_are_read_to_their_last_page(any_site):
    before, students = len(any_site.gateway().pull(roster=False, groups=True).groups.group_sets), 130
    people = [any_site.outsider("enrol") for _ in range(students)]
    sets = [any_site.outsider("create_set", name=f"Long {n}")["set_id"] for n in range(101)]
    made = [any_site.outsider("create_group", set_id=sets[0], name=f"Long group {n}")["group_id"] for n in range(250)]
    for person in people:
        any_site.outsider("add_member", group_id=made[0], user_id=person["user_id"])
    groups = any_site.gateway().pull(roster=False, groups=True).groups
    assert len(groups.group_sets) == before + 101
    assert {g for s in groups.group_sets if s.lms_group_set_id == str(sets[0]) for g in s.group_ids} == set(
        map(str, made)
    )
    assert set(by_name(groups)["Long group 0"].member_ids) == {str(person[any_site.person_id]) for person in people}


def known_people(site):
    people = site.gateway().pull(roster=True, groups=False).roster.people
    return [person.lms_user_id for person in people if person.status is not MemberStatus.DROPPED]


@pytest.mark.shows("PULL-10")
def test_nobody_is_missed_who_moves_up_a_page_because_another_leaves(site, monkeypatch):
    monkeypatch.setattr(canvas_client, "PER_PAGE", 6)
    monkeypatch.setattr(moodle_client, "PEOPLE_PER_PAGE", 6)
    known, before = known_people(site), site.state()
    site.faults(leaves_between_pages=known[0])
    remote = site.gateway().pull(roster=True, groups=True, known_people=known)
    assert known[0] not in {str(person["id"]) for person in site.state()["people"]}
    assert set(known[1:]) <= {person.lms_user_id for person in remote.roster.people}
    held = {group.lms_group_id: set(group.member_ids) for group in remote.groups.groups}
    real = {str(g["id"]): {str(m) for m in g["members"]} for g in before["groups"] if str(g["id"]) in held}
    assert all((members - held[group_id]) & set(known) <= {known[0]} for group_id, members in real.items())


def test_who_has_left_is_asked_for_once_and_nobody_when_all_are_there(site):
    known = known_people(site)
    calls = [counted(site, known)]
    site.outsider("unenrol", user_id=known[-1])
    calls += [counted(site, known), counted(site, known[:-1])]
    assert calls == [calls[0], calls[0] + 1, calls[0]]


def counted(site, known):
    gateway = site.gateway()
    gateway.pull(roster=True, groups=True, known_people=known)
    return gateway.calls


def test_a_pull_fetches_only_what_is_asked(any_site):
    gateway = any_site.gateway()
    people = gateway.pull(roster=True, groups=False)
    assert people.groups is None
    assert people.roster.people
    groups = gateway.pull(roster=False, groups=True)
    assert groups.roster is None
    assert any(group.member_ids for group in groups.groups.groups)


def test_a_pull_tells_its_progress(any_site):
    told = []
    any_site.gateway().pull(roster=True, groups=True, progress=lambda *step: told.append(step))
    assert {step for step, *_ in told} == {Step.FETCHING_GROUPS, Step.FETCHING_ROSTER}


def test_the_calls_are_counted(any_site):
    gateway = any_site.gateway()
    gateway.pull(roster=True, groups=True)
    assert gateway.calls == any_site.calls() > 0


def test_names_that_are_very_long_or_borne_by_two_are_kept_apart_by_ids(any_site):
    names = [("Zoë", "X" * 400), ("小明", "李 🎓"), ("小明", "李 🎓")]
    made = [any_site.outsider("enrol", given=given, family=family) for given, family in names]
    people = {p.lms_user_id: p.name for p in any_site.gateway().pull(roster=True, groups=False).roster.people}
    long, one, two = (people[str(person[any_site.person_id])] for person in made)
    assert (len(long), one, two) == (255, "小明 李 🎓", "小明 李 🎓")


def test_one_set_is_read_again_alone(any_site):
    gateway = any_site.gateway()
    whole = gateway.pull(roster=False, groups=True).groups
    first = whole.group_sets[0]
    again = gateway.read_group_set(first.lms_group_set_id)
    assert [(s.name, set(s.group_ids)) for s in again.group_sets] == [(first.name, set(first.group_ids))]
    assert {g.lms_group_id: (g.name, set(g.member_ids)) for g in again.groups} == {
        g.lms_group_id: (g.name, set(g.member_ids)) for g in whole.groups if g.lms_group_id in first.group_ids
    }
    any_site.outsider("delete_set", set_id=first.lms_group_set_id)
    with pytest.raises(LmsChanged, match="set_gone"):
        gateway.read_group_set(first.lms_group_set_id)


@pytest.mark.parametrize(
    "write",
    [
        lambda gateway: gateway.create_group_set("Set"),
        lambda gateway: gateway.find_clashes("Set", ["G"]),
        lambda gateway: gateway.edit_group_set("1", "Set"),
        lambda gateway: gateway.rename_group_set("1", "Set"),
        lambda gateway: gateway.assign_unassigned("1"),
        lambda gateway: gateway.delete_group_set("1", ("2",)),
        lambda gateway: gateway.push("1", GroupSetPush(create=(NewGroup("G"),))),
    ],
)
def test_an_lms_that_can_only_be_read_refuses_every_change_before_any_call(make_lti_site, write):
    gateway = make_lti_site("canvas").gateway()
    with pytest.raises(LmsRefused, match="groups_read_only"):
        write(gateway)
    assert gateway.calls == 0


def test_names_in_use_are_told_without_changing_anything(site):
    gateway = site.gateway()
    set_id = gateway.create_group_set("Twin")
    gateway.push(set_id, GroupSetPush(create=(NewGroup("One"),)))
    before, calls = site.state(), site.calls()
    found = site.gateway().find_clashes(" Twin", ["One", "Other"])
    assert found.set_name
    assert found.group_names == (("One",) if site.flavour == "moodle" else ())
    assert not site.gateway().find_clashes("Other set", ["Other"])
    assert site.calls() - calls == {"canvas": 2, "moodle": 4}[site.flavour]
    assert site.state() == before


@pytest.mark.shows("PUSH-38")
def test_a_set_is_made_renamed_and_deleted(site):
    gateway = site.gateway()
    set_id = gateway.create_group_set(NAME)
    assert {str(s["id"]): s["name"] for s in site.state()["group_sets"]}[set_id] == NAME
    assert gateway.read_group_set(set_id).group_sets[0].name == NAME
    gateway.edit_group_set(set_id, "Other name")
    assert gateway.read_group_set(set_id).group_sets[0].name == "Other name"
    made = gateway.push(set_id, GroupSetPush(create=(NewGroup("G"),)))
    gateway.delete_group_set(set_id, (made.groups[0].lms_group_id,))
    gateway.delete_group_set(set_id, (made.groups[0].lms_group_id,))
    assert set_id not in {str(s["id"]) for s in site.state()["group_sets"]}
    with pytest.raises(LmsChanged, match="set_gone"):
        gateway.read_group_set(set_id)


def test_a_name_in_use_is_told(site):
    gateway = site.gateway()
    gateway.create_group_set("Twin")
    other = gateway.create_group_set("Other")
    with pytest.raises(LmsRefused, match="set_name_taken"):
        gateway.create_group_set("Twin")
    with pytest.raises(LmsRefused, match="set_name_taken"):
        gateway.edit_group_set(other, "Twin")


@pytest.mark.shows("PUSH-41")
def test_new_groups_arrive_with_their_members(site):
    gateway, students = site.gateway(), site.students(6)
    set_id = gateway.create_group_set("Our set")
    push = GroupSetPush(create=(NewGroup(NAME, "About", tuple(students[:4])), NewGroup("Empty")))
    made = by_name(gateway.push(set_id, push))
    assert set(made[NAME].member_ids) == set(students[:4]) == site.members(made[NAME].lms_group_id)
    assert made["Empty"].member_ids == ()
    assert sorted(site.names(set_id)) == sorted([NAME, "Empty"])


def test_many_new_groups_arrive(site):
    gateway, students = site.gateway(), site.students(16)
    set_id = gateway.create_group_set("Our set")
    new = tuple(NewGroup(f"{NAME} {i}", "", tuple(students[i * 2 : i * 2 + 2])) for i in range(8))
    made = by_name(gateway.push(set_id, GroupSetPush(create=(*new, NewGroup("Empty")))))
    assert {name: set(group.member_ids) for name, group in made.items()} == {
        group.name: set(group.member_ids) for group in (*new, NewGroup("Empty"))
    }
    assert all(set(group.member_ids) == site.members(group.lms_group_id) for group in made.values())


@pytest.mark.shows("PUSH-16")
def test_a_move_reaches_both_groups(filled):
    site, gateway, set_id, one, two, students = filled
    push = GroupSetPush(change=(GroupChange(one, None, (), (students[0],)), GroupChange(two, None, (students[0],), ())))
    answer = {group.lms_group_id: group for group in gateway.push(set_id, push).groups}
    assert set(answer[one].member_ids) == set(students[1:3]) == site.members(one)
    assert set(answer[two].member_ids) == {students[0], *students[3:6]} == site.members(two)
    assert (answer[one].name, answer[two].name) == ("One", "Two")


@pytest.mark.shows("PUSH-34")
def test_removing_everybody_empties_a_group(filled):
    site, gateway, set_id, one, _, students = filled
    answer = gateway.push(set_id, GroupSetPush(change=(GroupChange(one, None, (), tuple(students[:3])),)))
    assert [(g.lms_group_id, g.name, g.member_ids) for g in answer.groups] == [(one, "One", ())]
    assert site.members(one) == set()


def test_the_last_member_may_move_away(filled):
    site, gateway, set_id, one, two, students = filled
    push = GroupSetPush(
        change=(GroupChange(one, None, (), tuple(students[:3])), GroupChange(two, None, tuple(students[:3]), ()))
    )
    answer = {group.lms_group_id: group for group in gateway.push(set_id, push).groups}
    assert (answer[one].name, answer[one].member_ids) == ("One", ())
    assert set(answer[two].member_ids) == set(students[:6]) == site.members(two)


def test_a_bigger_change_rewrites_groups_and_keeps_strangers(filled):
    site, gateway, set_id, one, two, students = filled
    teacher = str(
        next(p["id"] for p in site.state()["people"] if p["roles"][0] not in ("StudentEnrollment", "student"))
    )
    site.outsider("add_member", group_id=one, user_id=teacher)
    push = GroupSetPush(
        change=(
            GroupChange(one, None, tuple(students[3:9]), tuple(students[:3])),
            GroupChange(two, None, tuple(students[:2]), tuple(students[3:6])),
        )
    )
    answer = {group.lms_group_id: set(group.member_ids) for group in gateway.push(set_id, push).groups}
    assert answer[one] == {teacher, *students[3:9]} == site.members(one)
    assert answer[two] == set(students[:2]) == site.members(two)


def test_groups_are_renamed_and_deleted_and_a_free_name_is_used_again(filled):
    _, gateway, set_id, one, two, students = filled
    push = GroupSetPush(
        create=(NewGroup("One", "", (students[6],)), NewGroup("Two")),
        change=(GroupChange(one, "Eins", (students[7],), ()),),
        delete=(two,),
    )
    gateway.push(set_id, push)
    found = by_name(gateway.read_group_set(set_id))
    assert {name: set(group.member_ids) for name, group in found.items()} == {
        "Eins": {*students[:3], students[7]},
        "One": {students[6]},
        "Two": set(),
    }
    assert found["Eins"].lms_group_id == one
    assert found["Two"].lms_group_id != two


def test_two_groups_swap_their_names(filled):
    _, gateway, set_id, one, two, _ = filled
    push = GroupSetPush(change=(GroupChange(one, "Two"), GroupChange(two, "One")))
    answer = {group.lms_group_id: group.name for group in gateway.push(set_id, push).groups}
    assert answer == {one: "Two", two: "One"}


def test_a_replayed_push_doubles_nothing(site):
    gateway, students = site.gateway(), site.students(16)
    for count in (2, 8):
        set_id = gateway.create_group_set(f"Our {count}")
        new = tuple(NewGroup(f"{count}-{i}", "", tuple(students[i * 2 : i * 2 + 2])) for i in range(count))
        first = by_name(gateway.push(set_id, GroupSetPush(create=new)))
        again = by_name(gateway.push(set_id, GroupSetPush(create=new, replay=True)))
        assert all(again[group.name].lms_group_id == first[group.name].lms_group_id for group in new)
        assert len(site.names(set_id)) == len(set(site.names(set_id)))


def test_an_answer_that_is_lost_is_made_good_by_the_next_push(site):
    gateway, students = site.gateway(), site.students(4)
    set_id = gateway.create_group_set("Our set")
    push = GroupSetPush(create=(NewGroup("One", "", tuple(students[:2])), NewGroup("Two", "", tuple(students[2:]))))
    site.faults(cut_after_apply_next=1)
    with pytest.raises(LmsUnavailable):
        gateway.push(set_id, push)
    made = by_name(gateway.push(set_id, replace(push, replay=True)))
    assert set(made["One"].member_ids) == set(students[:2])
    assert sorted(site.names(set_id)) == ["One", "Two"]


def test_a_first_try_takes_no_group_of_others(site):
    gateway, students = site.gateway(), site.students(2)
    set_id = gateway.create_group_set("Our set")
    theirs = site.outsider("create_group", set_id=set_id, name="Owls")["group_id"]
    gone = by_name(gateway.push(set_id, GroupSetPush(create=(NewGroup("Gone"),))))["Gone"].lms_group_id
    new = (NewGroup("Owls", "", (students[0],)), NewGroup("Gone"))
    with pytest.raises(LmsRefused, match="group_names_taken") as caught:
        gateway.push(set_id, GroupSetPush(create=new, delete=(gone,)))
    assert (caught.value.facts["names"], caught.value.facts["count"]) == (["Owls"], 1)
    assert (sorted(site.names(set_id)), site.members(str(theirs))) == (["Gone", "Owls"], set())
    gateway.push(set_id, GroupSetPush(create=new[1:], delete=(gone,)))
    assert sorted(site.names(set_id)) == ["Gone", "Owls"]


def test_a_lost_answer_to_a_move_is_asked_again_at_once(filled):
    site, gateway, set_id, one, _, students = filled
    site.faults(cut_after_apply_next=1)
    answer = gateway.push(set_id, GroupSetPush(change=(GroupChange(one, None, (students[8],), ()),)))
    assert set(answer.groups[0].member_ids) == {*students[:3], students[8]}


@pytest.mark.shows("PUSH-14")
def test_people_whom_the_lms_does_not_take_are_absent(filled):
    site, gateway, set_id, one, two, students = filled
    stranger = site.stranger()
    answer = gateway.push(set_id, GroupSetPush(change=(GroupChange(one, None, (stranger, students[6]), ()),)))
    assert set(answer.groups[0].member_ids) == {*students[:3], students[6]}
    join = GroupChange(two, None, (stranger, *students[:3], *students[6:9]), ())
    many = GroupSetPush(change=(GroupChange(one, None, (), (*students[:3], students[6])), join))
    answer = {group.lms_group_id: set(group.member_ids) for group in gateway.push(set_id, many).groups}
    assert stranger not in answer[two]
    assert {*students[:3], *students[6:9]} <= answer[two]


@pytest.mark.shows("PUSH-14", "PUSH-40")
@pytest.mark.parametrize("case", ["stranger", "unenrolled", "gone"])
def test_what_is_known_of_a_group_hides_nothing_that_did_not_arrive(filled, case):
    site, gateway, set_id, one, two, students = filled
    known = {group.lms_group_id: group for group in gateway.read_group_set(set_id).groups}
    person = site.stranger() if case == "stranger" else students[8]
    if case == "unenrolled":
        site.outsider("unenrol", user_id=person)
    if case == "gone":
        site.outsider("delete_group", group_id=two)
    change = (
        GroupChange(one, None, (), (students[0],), known[one]),
        GroupChange(two, None, (person, students[0]), (), known[two]),
    )
    if case == "gone":
        with pytest.raises(LmsChanged, match="group_gone"):
            gateway.push(set_id, GroupSetPush(change=change))
        return
    answer = {
        group.lms_group_id: set(group.member_ids) for group in gateway.push(set_id, GroupSetPush(change=change)).groups
    }
    assert answer == {one: site.members(one), two: site.members(two)}
    assert students[0] in answer[two]
    assert person not in answer[two]


def test_a_group_that_vanished_is_told(filled):
    site, gateway, set_id, one, _, students = filled
    site.outsider("delete_group", group_id=one)
    with pytest.raises(LmsChanged, match="group_gone"):
        gateway.push(set_id, GroupSetPush(change=(GroupChange(one, None, (students[8],), ()),)))
    with pytest.raises(LmsChanged, match="group_gone"):
        gateway.push(set_id, GroupSetPush(change=(GroupChange(one, "New name"),)))
    gateway.push(set_id, GroupSetPush(delete=(one,)))


def test_a_set_that_vanished_is_told(filled):
    site, gateway, set_id, *_ = filled
    site.outsider("delete_set", set_id=set_id)
    with pytest.raises(LmsChanged, match="set_gone"):
        gateway.push(set_id, GroupSetPush(create=(NewGroup("New"),)))
    with pytest.raises(LmsChanged, match="set_gone"):
        gateway.edit_group_set(set_id, "New")


def test_a_name_that_no_lms_takes_is_refused_before_any_call(filled):
    _, gateway, set_id, one, *_ = filled
    before = gateway.calls
    for name in ("", "   ", "x" * 256):
        with pytest.raises(LmsRefused, match="value_refused"):
            gateway.push(set_id, GroupSetPush(create=(NewGroup(name),), delete=(one,)))
        with pytest.raises(LmsRefused, match="value_refused"):
            gateway.push(set_id, GroupSetPush(change=(GroupChange(one, name),)))
    assert gateway.calls == before


def test_the_full_service_token_may_do_everything(site):
    gateway = site.gateway()
    found = gateway.capabilities()
    assert all(found.allows(right) for right in Right)
    assert gateway.calls <= 2


def test_a_dead_token_is_told(site):
    for work in (lambda g: g.capabilities(), lambda g: g.pull(roster=True, groups=True)):
        with pytest.raises(LmsRefused, match="token_rejected"):
            work(site.gateway(token="wrong"))


def test_a_missing_right_is_told(site):
    site.faults(forbid_next=1)
    with pytest.raises(LmsRefused, match="right_missing"):
        site.gateway().pull(roster=True, groups=True)


def test_errors_hold_no_token_and_no_query(any_site):
    any_site.faults(error_next=99)
    with pytest.raises(LmsUnavailable) as caught:
        any_site.gateway().pull(roster=True, groups=True)
    text = str(caught.value)
    assert "demo-" not in text
    assert "?" not in text
    assert "per_page" not in text


@pytest.mark.parametrize("fault", ["html_error_next", "error_next"])
def test_a_stumbling_lms_is_asked_again(any_site, fault):
    any_site.faults(**{fault: 2})
    assert any_site.gateway().pull(roster=True, groups=True).roster.people
    assert len(any_site.naps) == 2


@pytest.mark.parametrize("fault", ["html_error_next", "error_next"])
def test_an_lms_that_fails_for_good_is_unavailable(any_site, fault):
    any_site.faults(**{fault: 99})
    with pytest.raises(LmsUnavailable, match="lms_failed") as caught:
        any_site.gateway().pull(roster=True, groups=True)
    assert caught.value.retryable


@pytest.mark.parametrize("form", ["429", "403"])
def test_a_throttled_call_waits_and_is_made_again(site, form):
    site.faults(throttle=form, throttle_next=2)
    gateway = site.gateway()
    set_id = gateway.create_group_set("Even what may not be repeated blindly")
    assert [s["name"] for s in site.state()["group_sets"] if str(s["id"]) == set_id]
    assert len(site.naps) == 2


def test_throttling_without_end_is_unavailable_and_not_a_missing_right(any_site):
    any_site.faults(throttle="403")
    with pytest.raises(LmsUnavailable, match="lms_throttled"):
        any_site.gateway().pull(roster=True, groups=True)


def test_half_a_list_is_an_error(make_site, site):
    big = make_site(site.flavour, site.demo.make_big_course(site.flavour, 250 if site.flavour == "canvas" else 1100, 3))
    big.faults(truncate_page=2)
    with pytest.raises(LmsUnavailable):
        big.gateway().pull(roster=True, groups=True)


@pytest.mark.shows("PUSH-26")
def test_two_accesses_never_share_a_token(site):
    good, bad = site.gateway(), site.gateway(token="another")
    for _ in range(2):
        with pytest.raises(LmsRefused, match="token_rejected"):
            bad.capabilities()
        assert good.capabilities().rights


@pytest.mark.shows("PUSH-31")
def test_a_description_is_changed_by_itself_and_with_everything_else(filled):
    _, gateway, set_id, one, _, students = filled
    answer = gateway.push(set_id, GroupSetPush(change=(GroupChange(one, description="Words"),)))
    assert [(g.name, g.description, set(g.member_ids)) for g in answer.groups] == [("One", "Words", set(students[:3]))]
    known = answer.groups[0]
    move = GroupChange(one, None, (students[6],), (students[0],), known)
    assert gateway.push(set_id, GroupSetPush(change=(move,))).groups[0].description == "Words"
    more = GroupChange(one, "Eins", (), (), known, "Other words")
    answer = gateway.push(set_id, GroupSetPush(change=(more,))).groups[0]
    assert (answer.name, answer.description) == ("Eins", "Other words")
    found = {g.lms_group_id: g for g in gateway.read_group_set(set_id).groups}
    assert (found[one].name, found[one].description) == ("Eins", "Other words")
    assert set(found[one].member_ids) == {*students[1:3], students[6]}


def test_a_teacher_in_a_group_is_not_forgotten_when_students_move(filled):
    site, gateway, set_id, one, two, students = filled
    people = site.state()["people"]
    teacher = str(next(p["id"] for p in people if p["roles"][0] not in ("StudentEnrollment", "student")))
    site.outsider("add_member", group_id=one, user_id=teacher)
    known = {group.lms_group_id: group for group in gateway.read_group_set(set_id).groups}
    change = (
        GroupChange(one, None, (), (students[0],), known[one]),
        GroupChange(two, None, (students[0],), (), known[two]),
    )
    answer = {g.lms_group_id: set(g.member_ids) for g in gateway.push(set_id, GroupSetPush(change=change)).groups}
    assert answer == {one: site.members(one), two: site.members(two)}
    assert teacher in answer[one]


def test_options_are_set_merged_and_switched_off_or_refused(site):
    gateway = site.gateway()
    if site.flavour == "moodle":
        for work in (
            lambda: gateway.create_group_set("Set", SetOptions("enabled")),
            lambda: gateway.edit_group_set("1", None, SetOptions(group_limit=3)),
        ):
            with pytest.raises(LmsRefused, match="options_unsupported"):
                work()
        with pytest.raises(LmsRefused, match="unsupported_here"):
            gateway.assign_unassigned("1")
        return
    set_id = gateway.create_group_set("Set", SetOptions("enabled", "first", 4))
    assert gateway.edit_group_set(set_id, "Renamed") == "Renamed"
    (found,) = gateway.read_group_set(set_id).group_sets
    assert (found.name, found.options) == ("Renamed", SetOptions("enabled", "first", 4))
    gateway.edit_group_set(set_id, None, SetOptions(group_limit=5, off=("self_signup",)))
    (found,) = gateway.read_group_set(set_id).group_sets
    assert (found.name, found.options) == ("Renamed", SetOptions(None, "first", 5))
    gateway.edit_group_set(set_id, None, SetOptions("restricted"))
    with pytest.raises(LmsRefused, match="signup_restricted"):
        gateway.assign_unassigned(set_id)


def test_the_last_person_of_a_group_moves_in_two_calls(filled):
    site, gateway, set_id, one, two, students = filled
    known = by_name(gateway.read_group_set(set_id))
    first, *others = students[:3]
    out = GroupChange(one, None, (), tuple(others), known["One"])
    emptied = gateway.push(set_id, GroupSetPush(change=(out,)))
    known |= by_name(emptied)
    before = gateway.calls
    leave = GroupChange(one, None, (), (first,), known["One"])
    join = GroupChange(two, None, (first,), (), known["Two"])
    answer = {
        group.lms_group_id: set(group.member_ids)
        for group in gateway.push(set_id, GroupSetPush(change=(leave, join))).groups
    }
    assert gateway.calls - before == 2
    assert answer == {one: set(), two: {*students[3:6], first}}
    assert site.members(one) == set()
    assert site.members(two) == answer[two]
