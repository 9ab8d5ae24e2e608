"""Group sets: made, renamed, deleted and shown, with refusals beside the field that caused them."""

from typing import Any

import pytest
from sqlalchemy import update

from lti_tool.domain.clock import now
from lti_tool.models import Group, GroupSet, HistoryEntry, db

TOO_LONG = "x" * 256


def test_a_set_is_made_and_shown(world: Any) -> None:
    page = world.browser().follow("group-sets/new", name="  Term   projects ")
    assert page.h1.text == "Term projects"
    assert "The group set is made" in page.select_one("#notice").text
    assert page.select_one("details[open] form"), "adding groups is the next step, so its form is open"
    (row,) = world.stored(GroupSet)
    assert row.name == "Term projects"
    assert row.connection is None


@pytest.mark.parametrize(
    ("name", "words"),
    [("", "Enter a name."), ("   ", "Enter a name."), (TOO_LONG, "255 characters"), ("labs", "“labs” is in use")],
)
@pytest.mark.parametrize("place", ["new", "edit"])
def test_a_wrong_name_is_refused_beside_its_field(world: Any, name: str, words: str, place: str) -> None:
    world.group_set("Labs")
    set_id = world.group_set("Projects")
    path = "group-sets/new" if place == "new" else f"group-sets/{set_id}/edit"
    page = world.browser().post(path, 422, name=name)
    field = page.select_one("#name")
    assert field["aria-invalid"] == "true"
    assert field["value"] == name
    assert words in page.find(id=field["aria-describedby"].split()[-1]).text
    assert words in page.select_one("#error-summary a[href='#name']").text
    assert page.title.text.startswith("Error: ")
    assert {row.name for row in world.stored(GroupSet)} == {"Labs", "Projects"}


def test_a_set_is_renamed(world: Any) -> None:
    set_id = world.group_set("Projects")
    teacher = world.browser()
    assert teacher.get(f"group-sets/{set_id}/edit").select_one("#name")["value"] == "Projects"
    assert teacher.follow(f"group-sets/{set_id}/edit", name="Teams").h1.text == "Teams"


def test_a_set_is_deleted_after_a_question(world: Any) -> None:
    set_id = world.group_set("Projects", {"Team 1": [world.member("Ana López")]})
    teacher = world.browser()
    question = teacher.get(f"group-sets/{set_id}/delete")
    assert "Its 1 group" in question.text
    assert world.stored(GroupSet)
    page = teacher.follow(f"group-sets/{set_id}/delete", where="here")
    assert "deleted" in page.select_one("#notice").text
    assert not world.stored(GroupSet)
    assert not world.stored(Group)
    assert "group_set_deleted" in {entry.action for entry in world.stored(HistoryEntry)}
    teacher.get(f"group-sets/{set_id}", 404)


@pytest.mark.shows("PULL-45")
@pytest.mark.parametrize(("family", "badge"), [("canvas", "Canvas"), ("moodle", "Moodle")])
def test_sets_of_the_lms_bear_its_name_and_local_ones_do_not(app: Any, world: Any, family: str, badge: str) -> None:
    course = type(world)(app).open_course(family=family)
    course.group_set("Labs", {}, connection=family)
    course.group_set("Projects")
    cards = course.browser().get("group-sets").select(".card-link")
    assert {card.h3.text.strip(): [b.text for b in card.select(".badge-lms")] for card in cards} == {
        "Labs": [badge],
        "Projects": [],
    }


def test_a_set_of_the_lms_bears_its_badge_and_is_read_only(world: Any) -> None:
    ana = world.member("Ana López")
    set_id = world.group_set("Labs", {"Lab A": [ana]}, connection="canvas", last_updated=now())
    local = world.group_set("Projects")
    world.store_token()
    teacher = world.browser()
    page = teacher.get(f"group-sets/{set_id}")
    assert page.select_one(".badge-lms").text == "Canvas"
    said = " ".join(page.text.split())
    assert "This set belongs to Canvas. It can only be looked at here. Nobody has asked Canvas yet" in said
    assert [button.text for button in page.select("main button")] == ["Refresh from Canvas", "Copy"]
    assert not page.select("main select, main input:not([type=hidden])")
    assert not teacher.get(f"group-sets/{local}").select(".badge-lms")
    for path, sent in (
        ("edit", {"name": "Mine"}),
        ("groups", {"name": "Mine", "count": "1"}),
        ("delete", {"where": "here"}),
        ("publish", {}),
        ("assign", {"member_ids": str(ana), "group_id": str(world.names["Lab A"])}),
        (f"groups/{world.names['Lab A']}/delete", {}),
        (f"groups/{world.names['Lab A']}/edit", {"name": "Mine"}),
    ):
        refused = teacher.post(f"group-sets/{set_id}/{path}", 403, **sent)
        assert "Canvas" in refused.text, path
    assert {row.name for row in world.stored(GroupSet)} == {"Labs", "Projects"}


def test_the_page_of_a_set_costs_the_same_for_few_and_many(world: Any, count_queries: Any) -> None:
    teacher = world.browser()
    few_people = [world.member(f"Early {n}") for n in range(3)]
    small = world.group_set("Small", {"A": few_people[:1]})
    count_queries()
    teacher.get(f"group-sets/{small}")
    few = count_queries()
    people = [world.member(f"Person {n:03}") for n in range(300)]
    big = world.group_set("Big", {f"Team {n}": people[n * 5 : n * 5 + 5] for n in range(50)})
    count_queries()
    page = teacher.get(f"group-sets/{big}")
    assert count_queries() == few <= 10
    assert len(page.select(".group")) == 50
    assert len(page.select("#unassigned-list li")) == 53
    assert len(str(page.main)) < 450_000


def test_a_group_s_card_tells_how_many_may_be_in_it_where_that_is_limited(world: Any) -> None:
    ann = world.member("Ann")
    limited = world.group_set("Limited", {"A": [ann], "B": []}, signup="join", group_limit=4)
    free = world.group_set("Free", {"C": [ann]})
    with world.app.app_context():
        db.session.execute(update(Group).where(Group.name == "B").values(max_members=2))
        db.session.commit()
    teacher = world.browser()
    heads = {
        set_id: [" ".join(head.text.split()) for head in teacher.get(f"group-sets/{set_id}").select("section.group h3")]
        for set_id in (limited, free)
    }
    assert heads == {limited: ["A 1 of 4", "B 0 of 2"], free: ["C 1"]}
    own = world.browser("student", name="Ann", member=ann).get("")
    assert [" ".join(own.select_one(f"#own-{place}").text.split()) for place in (1, 2)] == ["A 1 of 4", "C"]


def test_namesakes_are_told_apart_by_their_e_mail_or_number(world: Any) -> None:
    first = world.member("Anna Müller", email="anna1@uni.example")
    world.member("Anna Müller", email=None, student_number="77", lms_user_id="u-other")
    world.member("Ben Only", email="ben@uni.example")
    set_id = world.group_set("Projects", {"Team 1": [first]})
    page = world.browser().get(f"group-sets/{set_id}")
    assert [row.label.get_text(" ", strip=True) for row in page.select("#unassigned-list li")] == [
        "Anna Müller 77",
        "Ben Only",
    ]
    label = page.select_one(".group li label")
    assert " ".join(label.text.split()) == "Anna Müller anna1@uni.example"
    assert label.small.decode_contents() == "anna1@<wbr/>uni.example", "it breaks there before it breaks in a word"
    person = world.browser().get(f"group-sets/{set_id}/groups/{world.names['Team 1']}/edit")
    assert [option.text for option in person.select("option")] == ["Choose…", "Anna Müller (77)", "Ben Only"]


def test_who_is_in_two_groups_is_named(world: Any) -> None:
    ana = world.member("Ana López")
    set_id = world.group_set("Imported", {"A": [ana], "B": [ana]}, connection="import")
    assert "In more than one group: Ana López." in " ".join(world.browser().get(f"group-sets/{set_id}").text.split())


def test_htmx_gets_the_content_alone(world: Any) -> None:
    set_id = world.group_set("Projects", {"Team 1": []})
    part, _ = world.browser().fragment(f"group-sets/{set_id}?notice=removed")
    assert part.h1.text == "Projects"
    assert part.select_one("#notice")
    assert not part.select("nav.tabs")


def system_sets(world: Any) -> tuple[Any, Any]:
    """Give a course its two sets of the roster."""
    ana, tim = world.member("Ana López"), world.member("Tim Teacher", enrollment_type="teacher")
    individuals = world.group_set("Individual Students", {"ana_lopez": [ana]}, connection="system")
    return individuals, world.group_set("Staff", {"Staff": [tim]}, connection="system")


@pytest.mark.shows("MODEL-115", "MODEL-116", "MODEL-122", "MODEL-123")
def test_sets_of_the_roster_are_shown_and_copied_and_not_changed(world: Any) -> None:
    individuals, staff = system_sets(world)
    teacher = world.browser()
    for set_id, words, person in (
        (individuals, "One group for each active student.", "Ana López ana_lopez"),
        (staff, "All non-student roles.", "Tim Teacher Staff"),
    ):
        page = teacher.get(f"group-sets/{set_id}")
        assert page.select_one(".badge").text == "System"
        said = " ".join(page.main.text.split())
        assert words in said
        assert "follows the roster by itself" in said
        assert person in said
        assert "In no group yet" not in said
        assert [button.text for button in page.select("main button")] == ["Copy"]
        for path, sent in (("edit", {"name": "Mine"}), ("delete", {"where": "here"}), ("publish", {})):
            assert "roster" in teacher.post(f"group-sets/{set_id}/{path}", 403, **sent).text
    assert page.select_one(".badge")["title"] == "All non-student roles"
    assert {row.name for row in world.stored(GroupSet)} == {"Individual Students", "Staff"}


@pytest.mark.shows("MODEL-116", "MODEL-123")
def test_sets_of_the_roster_stand_apart_and_are_not_counted(world: Any, lms: Any) -> None:
    system_sets(world)
    world.run("pull")
    page = world.browser().get("")
    assert "0 group sets" in page.select_one(".figures").get_text(" ", strip=True)
    assert "There are no group sets yet." in page.text
    assert "No Canvas groups found" in page.text
    rows = page.select("ul[aria-label='Sets that follow the roster'] li")
    assert [" ".join(row.text.split()) for row in rows] == [
        "Individual Students System One group for each active student · 1 person",
        "Staff System All non-student roles · 1 person",
    ]
    world.group_set("Projects")
    assert "1 group set" in world.browser().get("").select_one(".figures").get_text(" ", strip=True)


def test_who_may_not_see_the_roster_sees_no_set_of_it(world: Any) -> None:
    individuals, staff = system_sets(world)
    observer = world.browser("observer")
    for path in ("", "group-sets"):
        assert "Individual Students" not in observer.get(path).text
    for set_id in (individuals, staff):
        observer.get(f"group-sets/{set_id}", 404)


@pytest.mark.shows("MODEL-103", "MODEL-105")
def test_a_set_of_the_lms_is_copied_and_the_copy_says_what_it_is(world: Any, lms: Any) -> None:
    ana, bo = world.member("Ana López"), world.member("Bo Ek")
    set_id = world.group_set("Labs", {"Lab A": [ana]}, connection="canvas", last_updated=now())
    teacher = world.browser()
    page = teacher.follow(f"group-sets/{set_id}/copy")
    assert page.h1.text == "Labs (copy)"
    assert "The group set is copied" in page.select_one("#notice").text
    assert "It cannot be published: some of its groups belong to Canvas" in " ".join(page.text.split())
    assert [link.text for link in page.select(".group .links a")] == ["Take out Lab A"]
    assert not page.select("#place, [href$='/random']")
    assert "Bo Ek" in page.select_one("#unassigned-list").text
    copy_id = world.stored(GroupSet, name="Labs (copy)")[0].id
    refused = teacher.post(f"group-sets/{copy_id}/publish", 422)
    assert "Lab A" in refused.text
    assert lms.calls == 0
    page = teacher.follow(f"group-sets/{copy_id}/groups", name="Own", count="1")
    assert [option.text for option in page.select("#place-group option")] == ["own (0)"]
    teacher.follow(
        f"group-sets/{copy_id}/assign", member_ids=str(bo), group_id=str(world.stored(Group, name="own")[0].id)
    )
    page = teacher.follow(
        f"group-sets/{copy_id}/assign", member_ids=str(ana), group_id=str(world.stored(Group, name="own")[0].id)
    )
    assert "In more than one group: Ana López." in " ".join(page.text.split())
    assert world.people_in("Lab A") == {ana}


@pytest.mark.shows("MODEL-109")
def test_sets_that_share_groups_say_so(world: Any) -> None:
    set_id = world.group_set("Projects", {"Team 1": []})
    page = world.browser().follow(f"group-sets/{set_id}/copy")
    assert "Shares groups with Projects:" in " ".join(page.text.split())
