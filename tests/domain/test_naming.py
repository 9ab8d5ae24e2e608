"""Names of one person's own group: the rules of the slug, and what tells namesakes apart."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lti_tool.domain.naming import (
    LONGEST,
    PERSON,
    edited_name,
    free_name,
    generated_name,
    name_each,
    normalize_group_name,
    person_slug,
    slug,
)

NAMES = st.text(st.sampled_from(" ,'’-_aAbß李éøIİ1"), max_size=12)
PEOPLE = st.dictionaries(st.uuids(), NAMES, max_size=12).map(lambda people: list(people.items()))


@pytest.mark.shows("MODEL-124", "MODEL-125", "MODEL-126", "MODEL-127", "MODEL-128", "MODEL-129", "MODEL-130")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("José García", "jose_garcia"),
        ("Jose\N{COMBINING ACUTE ACCENT}", "jose"),
        ("Ñandú", "nandu"),
        ("Müller", "muller"),
        ("O'Brien", "obrien"),
        ("O’Brien", "obrien"),
        ("Bob   Smith", "bob_smith"),
        ("  --Ana / López!  ", "ana_lopez"),
        ("Smith-Jones", "smith_jones"),
        ("İstanbul", "istanbul"),
        ("Team 1", "team_1"),
        ("李明", ""),
    ],
)
def test_a_slug_is_plain_ascii(text: str, expected: str) -> None:
    assert slug(text, PERSON) == expected


@pytest.mark.shows("MODEL-137")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Øre", "ore"),
        ("Weiß", "weiss"),
        ("STRAẞE", "strasse"),
        ("Łódź", "lodz"),
        ("Æsa", "aesa"),
        ("Œuvre", "oeuvre"),
        ("Đuro", "duro"),
        ("Ðór", "dor"),
        ("Þór", "thor"),
        ("Işıl", "isil"),
    ],
)
def test_letters_without_a_mark_to_strip_have_a_plain_form(text: str, expected: str) -> None:
    assert slug(text, PERSON) == expected


@pytest.mark.shows("MODEL-132", "MODEL-133", "MODEL-134")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Alice Smith", "alice_smith"),
        ("María José García López", "maria_lopez"),
        ("Mary Ann O'Brien", "mary_obrien"),
        ("José García", "jose_garcia"),
        ("Bob   Smith", "bob_smith"),
        ("García López, María José", "maria_lopez"),
        ("Smith,", "smith"),
        ("Ana Smith-Jones", "ana_smith_jones"),
        ("Alice", "alice"),
        ("李 Smith", "smith"),
        ("Alice 李", "alice"),
        ("李明", ""),
        ("!!!", ""),
        ("", ""),
    ],
)
def test_a_persons_slug_has_the_first_and_the_last_word(name: str, expected: str) -> None:
    assert person_slug(name) == expected


@pytest.mark.shows("MODEL-139")
def test_the_first_on_the_roster_keeps_the_plain_name() -> None:
    first, second, third = (UUID(int=n) for n in (0xFFFF, 0xA1B2, 0xC3D4))
    names = name_each([(first, "Alice Smith"), (second, "alice smith"), (third, "Alice B. Smith")])
    assert list(names.values()) == ["alice_smith", "alice_smith_a1b2", "alice_smith_c3d4"]


@pytest.mark.shows("MODEL-139")
def test_ids_that_end_alike_give_more_of_themselves() -> None:
    people = [(UUID(int=n), "Alice Smith") for n in (1, 0x5A1B2, 0x6A1B2)]
    assert list(name_each(people).values()) == ["alice_smith", "alice_smith_a1b2", "alice_smith_6a1b2"]


def test_a_plain_name_that_looks_like_a_told_apart_one_stays_its_holders() -> None:
    people = [(UUID(int=1), "Alice Smith"), (UUID(int=0xA1B2), "Alice Smith"), (UUID(int=3), "Alice Smith_a1b2")]
    assert list(name_each(people)) == [UUID(int=1), UUID(int=3), UUID(int=0xA1B2)]
    assert list(name_each(people).values()) == ["alice_smith", "alice_smith_a1b2", "alice_smith_0a1b2"]


@pytest.mark.shows("MODEL-131")
def test_a_name_without_ascii_is_a_member_with_the_end_of_the_id() -> None:
    one, other = UUID(int=0x1A2B), UUID(int=0x91A2B)
    assert list(name_each([(one, "李明"), (other, "!!!")]).values()) == ["member_1a2b", "member_91a2b"]


@given(NAMES | st.text())
def test_a_slug_of_a_slug_is_itself(text: str) -> None:
    once = slug(text, PERSON)
    assert slug(once, PERSON) == once
    assert set(once) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")
    assert not once.startswith("_")
    assert not once.endswith("_")
    assert "__" not in once


@given(PEOPLE)
def test_names_are_unique_whole_and_not_too_long(people: list[tuple[UUID, str]]) -> None:
    names = name_each(people)
    assert names.keys() == {member_id for member_id, _ in people}
    assert len(set(names.values())) == len(people)
    assert all(names.values())


def test_the_longest_name_fits_with_its_suffix() -> None:
    people = [(UUID(int=n), "ß" * 255) for n in range(1, 4)]
    assert max(map(len, name_each(people).values())) <= LONGEST + 33


@given(PEOPLE, st.uuids(), NAMES)
def test_who_comes_last_changes_no_plain_name(people: list[tuple[UUID, str]], newcomer: UUID, name: str) -> None:
    before = name_each(people)
    after = name_each([*((i, n) for i, n in people if i != newcomer), (newcomer, name)])
    plain = {i for i, n in people if before[i] == person_slug(n) and i != newcomer}
    assert all(after[i] == before[i] for i in plain)


# Typed names of groups, and names made for groups of several people.


@pytest.mark.shows(
    "MODEL-124", "MODEL-125", "MODEL-126", "MODEL-127", "MODEL-128", "MODEL-129", "MODEL-130", "MODEL-131", "MODEL-152"
)
@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Team Alpha", "team-alpha"),
        ("  Équipe -- Ñandú!  ", "equipe-nandu"),
        ("Müller & François", "muller-francois"),
        ("The O'Briens", "the-obriens"),
        ("The O’Briens", "the-obriens"),
        ("a_b/c", "a-b-c"),
        ("Łódź Straße", "lodz-strasse"),
        ("Team 1", "team-1"),
        ("李明", "unnamed"),
        ("!!!", "unnamed"),
        ("", "unnamed"),
    ],
)
def test_a_typed_name_of_a_group_is_stored_as_a_slug_with_dashes(typed: str, stored: str) -> None:
    assert normalize_group_name(typed) == stored


@given(NAMES | st.text())
def test_normalising_a_group_name_twice_is_once(text: str) -> None:
    once = normalize_group_name(text)
    assert normalize_group_name(once) == once
    assert set(once) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert once == once.strip("-") != ""
    assert "--" not in once
    assert len(once) <= LONGEST


@pytest.mark.shows("MODEL-132", "MODEL-135", "MODEL-136", "MODEL-138")
@pytest.mark.parametrize(
    ("people", "expected"),
    [
        (["Alice Smith"], "alice_smith"),
        (["García López, María José"], "maria_lopez"),
        (["李明"], "unnamed"),
        (["Anna Müller", "Jean François"], "muller-francois"),
        (["Ann Smith", "Bo Jones", "Chi Lee"], "smith-jones-lee"),
        (["Smith, Ann", "Bo Jones"], "smith-jones"),
        (["Ann Smith-Jones", "Bo Lee"], "smith-jones-lee"),
        (["Ana", "Bo Lee"], "ana-lee"),
        (["A Smith", "B Jones", "C Lee", "D Patel", "E Chen"], "smith-jones-lee-patel-chen"),
        (["A Smith", "B Jones", "C Lee", "D Patel", "E Chen", "F Kim"], "smith-jones-lee-patel-chen-+1"),
        (["A Smith", "B Jones", "C Lee", "D Patel", "E Chen", "F Kim", "G Roy"], "smith-jones-lee-patel-chen-+2"),
        (["李明", "Bo Jones", "王芳"], "jones"),
        (["李明", "王芳"], "unnamed"),
        (["A Smith", "李明", "C Lee", "D Patel", "E Chen", "F Kim"], "smith-lee-patel-chen-kim-+1"),
    ],
)
def test_a_group_is_named_after_its_people(people: list[str], expected: str) -> None:
    assert generated_name(people) == expected


@given(st.lists(NAMES | st.text(max_size=255), min_size=2, max_size=9))
def test_a_name_after_people_is_ascii_short_and_without_underscore(people: list[str]) -> None:
    name = generated_name(people)
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-+")
    assert name == name.strip("-") != ""
    assert "--" not in name
    assert len(name) <= LONGEST + 4


@pytest.mark.shows("MODEL-138", "MODEL-140")
def test_a_made_name_that_is_taken_gets_a_number() -> None:
    assert free_name("smith-jones", []) == "smith-jones"
    assert free_name("smith-jones", ["Smith-Jones"]) == "smith-jones-2"
    assert free_name("smith-jones", ["smith-jones", "smith-jones-2"]) == "smith-jones-3"
    assert free_name("unnamed", ["unnamed"]) == "unnamed-2"


@pytest.mark.shows("MODEL-154", "MODEL-157")
@pytest.mark.parametrize("present", ["smith-jones-lee-patel-chen-+2", "Team Ä 1", "Team  Ä  1", "team-1"])
def test_a_name_that_was_not_edited_stays_as_it_is(present: str) -> None:
    assert edited_name(present, present) == present
    assert edited_name(f"  {present} ", present) == present
    assert edited_name(f"{present} b", present) == normalize_group_name(f"{present} b") != present
